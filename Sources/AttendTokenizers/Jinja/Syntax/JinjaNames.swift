/// Walks over the names of a template, in the order in which Jinja does, which decides what `loop`, `caller` and their
/// kin mean.
struct JinjaNames {
  enum Use { case load, store, parameter }

  let visit: (JinjaName, Use) -> Void
  /// Called with every block; what is in it is not walked over unless `entersBlocks`.
  var visitBlock: (JinjaBlock) -> Void = { _ in }
  var entersBlocks = false

  /// Those of `names` that are read, without having been set before, anywhere in the statements.
  static func undeclared(_ names: Set<String>, in body: [JinjaStatement]) -> Set<String> {
    var (candidates, found): (Set<String>, Set<String>) = (names, [])
    JinjaNames { name, use in
      if use == .load, candidates.contains(name.name) { found.insert(name.name) } else { candidates.remove(name.name) }
    }.walk(body)
    return found
  }

  func walk(_ statements: [JinjaStatement]) { for statement in statements { walk(statement) } }

  private func walk(_ statement: JinjaStatement) {
    switch statement {
    case .text, .breakLoop, .continueLoop: break
    case .output(let value): walk(value)
    case .conditional(let conditional):
      for (test, body) in conditional.branches {
        walk(test)
        walk(body)
      }
      walk(conditional.otherwise)
    case .loop(let loop):
      walk(loop.target)
      walk(loop.items)
      walk(loop.body.body)
      walk(loop.otherwise?.body ?? [])
      loop.condition.map { walk($0) }
    case .assignment(let assignment):
      walk(assignment.target)
      switch assignment.source {
      case .expression(let value): walk(value)
      case .block(let scope, let filter):
        filter.map { walk($0) }
        walk(scope.body)
      }
    case .macro(let macro): walk(macro)
    case .call(let macro, let call):
      call.map { walk($0) }
      walk(macro)
    case .filter(let scope, let filter):
      walk(scope.body)
      walk(filter)
    case .with(let with):
      for target in with.targets { walk(target, .parameter) }
      for value in with.values { walk(value) }
      walk(with.scope.body)
    case .autoescape(let scope, let value):
      walk(value)
      walk(scope.body)
    case .block(let block):
      visitBlock(block)
      if entersBlocks { walk(block.scope.body) }
    }
  }

  private func walk(_ macro: JinjaMacroStatement) {
    for parameter in macro.parameters { visit(parameter, .parameter) }
    for value in macro.defaults { walk(value) }
    walk(macro.scope.body)
  }

  func walk(_ target: JinjaTarget, _ use: Use = .store) { for name in target.names { visit(name, use) } }

  func walk(_ expression: JinjaExpression) {
    if case .name(let name) = expression.form { return visit(name, .load) }
    for part in expression.parts { walk(part) }
  }
}

extension JinjaExpression {
  /// The expressions that this one is made of.
  var parts: [JinjaExpression] {
    switch form {
    case .constant, .name: []
    case .tuple(let items), .list(let items), .concatenation(let items): items
    case .dictionary(let members): members.flatMap { [$0.key, $0.value] }
    case .attribute(let value, _), .not(let value), .sign(let value, _): [value]
    case .item(let a, let b), .arithmetic(_, let a, let b), .and(let a, let b), .or(let a, let b): [a, b]
    case .slice(let value, let bounds): [value] + bounds.compactMap { $0 }
    case .call(let function, let arguments): [function] + arguments.all
    case .filter(let value, _, let arguments): (value.map { [$0] } ?? []) + arguments.all
    case .test(let value, _, let arguments): [value] + arguments.all
    case .comparison(let value, let operands): [value] + operands.map(\.value)
    case .conditional(let test, let then, let otherwise): [test, then] + (otherwise.map { [$0] } ?? [])
    }
  }
}
