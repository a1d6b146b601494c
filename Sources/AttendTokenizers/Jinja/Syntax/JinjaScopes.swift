import AttendBase

/// Finds the place of every variable of a template, by Jinja's rules of scope.
struct JinjaScopes {
  private let file: String

  /// Prepares the statements of a template; returns what the function around them needs, and the place of `self`.
  static func resolve(
    _ root: JinjaScope, _ blocks: [String: JinjaBlock], file: String
  ) throws(Failure) -> (layout: JinjaFunctionLayout, selfSlot: Int?) {
    let scopes = JinjaScopes(file: file)
    let symbols = JinjaSymbols(within: nil, function: JinjaFunctionScope(within: nil))
    let usesSelf = JinjaNames.undeclared(["self"], in: root.body).contains("self")
    let selfSlot = usesSelf ? symbols.declare("self") : nil
    scopes.analyze(root.body, symbols)
    try scopes.resolve(root.body, Frame(symbols: symbols, isTop: true))
    root.loads = symbols.entry
    for block in blocks.values { try scopes.resolve(block) }
    return (symbols.function.layout, selfSlot)
  }

  /// A scope, and whether it is the template's own or a branch of that.
  private struct Frame {
    let symbols: JinjaSymbols
    var isTop = false
    var isSoft = false

    var function: JinjaFunctionScope { symbols.function }
    /// A scope within this one.
    func inner() -> JinjaSymbols { JinjaSymbols(within: symbols, function: function) }
    /// A scope within this one that is a function of its own.
    func innerFunction() -> JinjaSymbols {
      JinjaSymbols(within: symbols, function: JinjaFunctionScope(within: function))
    }
    /// The scope as a branch that may not be taken.
    var soft: Frame { Frame(symbols: symbols, isTop: isTop, isSoft: true) }
  }

  private func invalid(_ reason: String, line: Int) -> Failure {
    Failure(.invalidFile, "\(file): chat template, line \(line): \(reason)")
  }

  // MARK: What a scope reads and sets

  private func analyze(_ statements: [JinjaStatement], _ symbols: JinjaSymbols) {
    for statement in statements { analyze(statement, symbols) }
  }

  private func analyze(_ expression: JinjaExpression, _ symbols: JinjaSymbols) {
    JinjaNames { name, _ in symbols.load(name.name) }.walk(expression)
  }

  private func analyze(_ target: JinjaTarget, _ symbols: JinjaSymbols) {
    for name in target.namespaces { symbols.load(name.name) }
    for name in target.names { symbols.store(name.name) }
  }

  private func analyze(_ statement: JinjaStatement, _ symbols: JinjaSymbols) {
    switch statement {
    case .text, .breakLoop, .continueLoop, .autoescape, .block: break
    case .output(let value): analyze(value, symbols)
    case .conditional(let conditional): analyze(conditional, 0, symbols)
    case .loop(let loop): analyze(loop.items, symbols)
    case .assignment(let assignment):
      if case .expression(let value) = assignment.source { analyze(value, symbols) }
      analyze(assignment.target, symbols)
    case .macro(let macro): if let name = macro.name { symbols.store(name.name) }
    case .call(_, let call): call.map { analyze($0, symbols) }
    case .filter(_, let filter): analyze(filter, symbols)
    case .with(let with): for value in with.values { analyze(value, symbols) }
    }
  }

  /// The first branch, and beside each other its body, the further ones, and the `else`.
  private func analyze(_ conditional: JinjaConditional, _ index: Int, _ symbols: JinjaSymbols) {
    analyze(conditional.branches[0].test, symbols)
    symbols.branch([
      { self.analyze(conditional.branches[0].body, $0) },
      { symbols in
        for (test, body) in conditional.branches.dropFirst() {
          self.analyze(test, symbols)
          symbols.branch([{ self.analyze(body, $0) }])
        }
      },
      { self.analyze(conditional.otherwise, $0) },
    ])
  }

  // MARK: Where the variables are

  private func resolve(_ statements: [JinjaStatement], _ frame: Frame) throws(Failure) {
    for statement in statements { try resolve(statement, frame) }
  }

  private func resolve(_ name: JinjaName, _ symbols: JinjaSymbols) {
    name.reference = symbols.reference(name.name, from: symbols.function)
  }

  private func resolve(_ target: JinjaTarget, _ symbols: JinjaSymbols) {
    for name in target.names + target.namespaces { resolve(name, symbols) }
  }

  private func resolve(_ expression: JinjaExpression, _ frame: Frame) throws(Failure) {
    var parts = expression.parts
    var frame = frame
    switch expression.form {
    case .name(let name): resolve(name, frame.symbols)
    case .filter(_, let name, _) where JinjaFilters.all[name] == nil && !frame.isSoft:
      throw invalid("no filter named '\(name)'", line: expression.line)
    case .test(_, let name, _) where JinjaTests.all[name] == nil && !frame.isSoft:
      throw invalid("no test named '\(name)'", line: expression.line)
    case .conditional: frame = frame.soft
    default: break
    }
    for part in parts { try resolve(part, frame) }
    parts = []
  }

  private func resolve(_ scope: JinjaScope, _ symbols: JinjaSymbols) throws(Failure) {
    try resolve(scope.body, Frame(symbols: symbols))
    scope.loads = symbols.entry
  }

  private func resolve(_ statement: JinjaStatement, _ frame: Frame) throws(Failure) {
    switch statement {
    case .text, .breakLoop, .continueLoop: break
    case .output(let value): try resolve(value, frame)
    case .conditional(let conditional):
      for (test, body) in conditional.branches {
        try resolve(test, frame.soft)
        try resolve(body, frame.soft)
      }
      try resolve(conditional.otherwise, frame.soft)
    case .loop(let loop): try resolve(loop, frame)
    case .assignment(let assignment): try resolve(assignment, frame)
    case .macro(let macro):
      macro.isGlobal = frame.isTop
      if let name = macro.name { resolve(name, frame.symbols) }
      try resolve(macro, frame)
    case .call(let macro, let call):
      try resolve(macro, frame)
      if let call { try resolve(call, frame) }
    case .filter(let scope, let filter):
      let symbols = frame.inner()
      analyze(scope.body, symbols)
      analyze(filter, symbols)
      try resolve(filter, Frame(symbols: symbols))
      try resolve(scope, symbols)
    case .with(let with):
      for value in with.values { try resolve(value, frame) }
      let symbols = frame.inner()
      for target in with.targets { for name in target.names { symbols.declare(name.name) } }
      analyze(with.scope.body, symbols)
      for target in with.targets { resolve(target, symbols) }
      try resolve(with.scope, symbols)
    case .autoescape(let scope, let value):
      let symbols = frame.inner()
      analyze(value, symbols)
      analyze(scope.body, symbols)
      try resolve(value, Frame(symbols: symbols))
      try resolve(scope, symbols)
    case .block(let block):
      if block.isScoped { block.surroundings = frame.symbols.allStores(from: frame.function) }
    }
  }

  private func resolve(_ assignment: JinjaAssignment, _ frame: Frame) throws(Failure) {
    assignment.isGlobal = frame.isTop
    resolve(assignment.target, frame.symbols)
    switch assignment.source {
    case .expression(let value): try resolve(value, frame)
    case .block(let scope, let filter):
      let symbols = frame.inner()
      analyze(scope.body, symbols)
      if let filter { try resolve(filter, Frame(symbols: symbols)) }
      try resolve(scope, symbols)
    }
  }

  private func resolve(_ loop: JinjaLoopStatement, _ frame: Frame) throws(Failure) {
    try resolve(loop.items, frame)
    var (setsLoop, hasScopedBlock) = (false, false)
    let names = JinjaNames(
      visit: { name, use in setsLoop = setsLoop || use == .store && name.name == "loop" },
      visitBlock: { hasScopedBlock = hasScopedBlock || $0.isScoped }, entersBlocks: true)
    names.walk([.loop(loop)])
    guard !setsLoop else { throw invalid("can't assign to special loop variable in for-loop target", line: loop.line) }

    let symbols = loop.isRecursive ? frame.innerFunction() : frame.inner()
    let usesLoop = JinjaNames.undeclared(["loop"], in: loop.body.body).contains("loop")
    if loop.isRecursive || usesLoop || hasScopedBlock { loop.loopSlot = symbols.declare("loop") }
    for name in loop.target.names { symbols.declare(name.name) }
    analyze(loop.body.body, symbols)
    resolve(loop.target, symbols)
    try resolve(loop.body, symbols)
    if let otherwise = loop.otherwise {
      let symbols = JinjaSymbols(within: frame.symbols, function: symbols.function)
      analyze(otherwise.body, symbols)
      try resolve(otherwise, symbols)
    }
    if loop.isRecursive { loop.function = symbols.function.layout }
    if let condition = loop.condition {
      let symbols = frame.innerFunction()
      for name in loop.conditionTarget.names { symbols.declare(name.name) }
      analyze(condition, symbols)
      resolve(loop.conditionTarget, symbols)
      try resolve(condition, Frame(symbols: symbols))
      loop.conditionLoads = symbols.entry
      loop.conditionFunction = symbols.function.layout
    }
  }

  private func resolve(_ macro: JinjaMacroStatement, _ frame: Frame) throws(Failure) {
    frame.function.capture()
    let symbols = frame.innerFunction()
    let names = macro.parameters.map(\.name)
    func analyze() {
      for name in names { symbols.declare(name) }
      for value in macro.defaults { self.analyze(value, symbols) }
      self.analyze(macro.scope.body, symbols)
    }
    analyze()
    let special = JinjaNames.undeclared(["caller", "kwargs", "varargs"], in: macro.scope.body)
    if special.contains("caller") {
      if let place = names.firstIndex(of: "caller") {
        guard place >= names.count - macro.defaults.count else {
          throw invalid("the special \"caller\" argument must be omitted or be given a default", line: macro.line)
        }
      } else {
        macro.callerSlot = symbols.declare("caller")
      }
    }
    if special.contains("kwargs"), !names.contains("kwargs") { macro.namedSlot = symbols.declare("kwargs") }
    if special.contains("varargs"), !names.contains("varargs") { macro.positionalSlot = symbols.declare("varargs") }
    analyze()
    for name in macro.parameters { resolve(name, symbols) }
    for value in macro.defaults { try resolve(value, Frame(symbols: symbols)) }
    try resolve(macro.scope, symbols)
    macro.function = symbols.function.layout
  }

  /// A block sees nothing of the scopes around it but the context.
  private func resolve(_ block: JinjaBlock) throws(Failure) {
    let symbols = JinjaSymbols(within: nil, function: JinjaFunctionScope(within: nil))
    let special = JinjaNames.undeclared(["self", "super"], in: block.scope.body)
    if special.contains("self") { block.selfSlot = symbols.declare("self") }
    if special.contains("super") { block.superSlot = symbols.declare("super") }
    analyze(block.scope.body, symbols)
    try resolve(block.scope, symbols)
    block.function = symbols.function.layout
  }
}
