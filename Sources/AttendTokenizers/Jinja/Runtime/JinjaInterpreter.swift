import AttendBase

/// Carries out the statements of a template.
final class JinjaInterpreter {
  /// The way on for the statements that follow.
  enum Flow { case next, breakLoop, continueLoop }

  let context: JinjaContext
  /// The variables given to the template, and those that it sets at its top.
  private var variables: [String: JinjaValue]

  init(_ context: JinjaContext, variables: [String: JinjaValue]) {
    self.context = context
    self.variables = variables
  }

  /// The text of a whole template.
  func render(
    _ root: JinjaScope, _ layout: JinjaFunctionLayout, selfSlot: Int?, blocks: [String: JinjaBlock]
  ) throws(Failure) -> [UInt32] {
    defer {
      for object in context.cyclic { object.clear() }
      context.cyclic = []
    }
    let activation = try JinjaActivation(layout, within: nil, context)
    if let selfSlot { activation.slots[selfSlot] = .object(JinjaTemplateReference(blocks)) }
    var output: [UInt32] = []
    _ = try run(root, activation, &output)
    return output
  }

  private func append(_ text: JinjaText, _ output: inout [UInt32]) throws(Failure) {
    try context.budget.take(bytes: 4 * text.count + 4)
    output += text.scalars
  }

  // MARK: Scopes

  /// The statements of a scope, after its variables have got their first values.
  private func run(_ scope: JinjaScope, _ activation: JinjaActivation, _ output: inout [UInt32]) throws(Failure) -> Flow
  {
    enter(scope.loads, activation)
    return try run(scope.body, activation, &output)
  }

  private func enter(_ loads: [JinjaLoad], _ activation: JinjaActivation) {
    for load in loads {
      switch load.source {
      case .nothing: activation.slots[load.slot] = nil
      case .context(let name): activation.slots[load.slot] = variables[name] ?? JinjaGlobals.value(name)
      case .variable(let reference): activation.slots[load.slot] = activation[reference]
      }
    }
  }

  private func leave(_ loads: [JinjaLoad], _ activation: JinjaActivation) {
    for load in loads { activation.slots[load.slot] = nil }
  }

  /// The text of a scope, nil where a loop around it goes on elsewhere.
  private func text(
    of scope: JinjaScope, _ activation: JinjaActivation
  ) throws(Failure) -> (text: JinjaText, flow: Flow) {
    var output: [UInt32] = []
    let flow = try run(scope, activation, &output)
    return (JinjaText(output, isSafe: context.autoescape), flow)
  }

  private func run(
    _ statements: [JinjaStatement], _ activation: JinjaActivation, _ output: inout [UInt32]
  ) throws(Failure) -> Flow {
    try context.budget.enter()
    defer { context.budget.leave() }
    for statement in statements {
      try context.budget.spend(JinjaBudget.evaluation)
      let flow = try run(statement, activation, &output)
      if flow != .next { return flow }
    }
    return .next
  }

  // MARK: Statements

  private func run(
    _ statement: JinjaStatement, _ activation: JinjaActivation, _ output: inout [UInt32]
  ) throws(Failure) -> Flow {
    switch statement {
    case .text(let text): try append(text, &output)
    case .output(let expression): try write(expression, activation, &output)
    case .conditional(let conditional): return try run(conditional, activation, &output)
    case .loop(let loop): return try run(loop, activation, &output)
    case .assignment(let assignment): return try run(assignment, activation)
    case .macro(let macro):
      guard let name = macro.name else { break }
      let value = JinjaValue.object(JinjaMacro(macro, activation, autoescape: context.autoescape))
      assign(value, to: name, activation, isGlobal: macro.isGlobal)
    case .call(let macro, let call): try append(try text(of: macro, call, activation), &output)
    case .filter(let scope, let filter):
      let (text, flow) = try text(of: scope, activation)
      if flow != .next { return flow }
      try append(try written(try evaluate(filter, activation, block: text)), &output)
      leave(scope.loads, activation)
    case .with(let with):
      let flow = try run(with, activation, &output)
      if flow != .next { return flow }
    case .autoescape(let scope, let value):
      enter(scope.loads, activation)
      let before = context.autoescape
      context.autoescape = try evaluate(value, activation).isTrue
      defer { context.autoescape = before }
      return try run(scope.body, activation, &output)
    case .block(let block): try append(try text(of: block, activation), &output)
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .next
  }

  private func write(
    _ expression: JinjaExpression, _ activation: JinjaActivation, _ output: inout [UInt32]
  ) throws(Failure) {
    let value = try evaluateWhole(expression, activation)
    context.line = expression.line
    try append(context.autoescape ? try context.escaped(value) : try context.string(value), &output)
  }

  /// The value of an expression that a statement stands on. An error in one without variables is the template's.
  private func evaluateWhole(_ expression: JinjaExpression, _ activation: JinjaActivation) throws(Failure) -> JinjaValue
  {
    do throws(Failure) { return try evaluate(expression, activation) } catch {
      guard expression.isConstant, error.code == .invalidArgument else { throw error }
      throw Failure(.invalidFile, error.message)
    }
  }

  /// The text that a block writes; it must be text.
  private func written(_ value: JinjaValue) throws(Failure) -> JinjaText {
    if let text = value.text { return text }
    throw context.refused("sequence item 0: expected str instance, \(value.typeName) found")
  }

  private func run(
    _ conditional: JinjaConditional, _ activation: JinjaActivation, _ output: inout [UInt32]
  ) throws(Failure) -> Flow {
    for (test, body) in conditional.branches where try evaluateWhole(test, activation).isTrue {
      return try run(body, activation, &output)
    }
    return try run(conditional.otherwise, activation, &output)
  }

  private func run(_ with: JinjaWith, _ activation: JinjaActivation, _ output: inout [UInt32]) throws(Failure) -> Flow {
    enter(with.scope.loads, activation)
    for (target, value) in zip(with.targets, with.values) {
      try assign(try evaluateWhole(value, activation), to: target, activation)
    }
    let flow = try run(with.scope.body, activation, &output)
    leave(with.scope.loads, activation)
    return flow
  }

  // MARK: Assignments

  private func run(_ assignment: JinjaAssignment, _ activation: JinjaActivation) throws(Failure) -> Flow {
    for name in assignment.target.namespaces {
      guard case .object(is JinjaNamespace)? = activation[name.reference] else {
        throw context.refused("cannot assign attribute on non-namespace object")
      }
    }
    switch assignment.source {
    case .expression(let expression):
      let value = try evaluateWhole(expression, activation)
      try assign(value, to: assignment.target, activation, isGlobal: assignment.isGlobal)
    case .block(let scope, let filter):
      let (text, flow) = try text(of: scope, activation)
      if flow != .next { return flow }
      var value = JinjaValue.text(text)
      if let filter { value = try evaluate(filter, activation, block: text) }
      if context.autoescape { value = .text(JinjaText(try context.string(value).scalars, isSafe: true)) }
      try assign(value, to: assignment.target, activation, isGlobal: assignment.isGlobal)
      leave(scope.loads, activation)
    }
    return .next
  }

  private func assign(_ value: JinjaValue, to name: JinjaName, _ activation: JinjaActivation, isGlobal: Bool) {
    activation[name.reference] = value
    if isGlobal { variables[name.name] = value }
  }

  private func assign(
    _ value: JinjaValue, to target: JinjaTarget, _ activation: JinjaActivation, isGlobal: Bool = false
  ) throws(Failure) {
    switch target {
    case .name(let name): assign(value, to: name, activation, isGlobal: isGlobal)
    case .attribute(let name, let attribute):
      guard case .object(let namespace as JinjaNamespace)? = activation[name.reference] else {
        throw context.refused("cannot assign attribute on non-namespace object")
      }
      try namespace.set(attribute, value, context)
    case .tuple(let targets):
      guard context.isIterable(value) else {
        throw context.refused("cannot unpack non-iterable \(value.typeName) object")
      }
      let items = try context.iterate(value)
      var values: [JinjaValue] = []
      while let item = try items.next(context) {
        values.append(item)
        if values.count > targets.count {
          throw context.refused("too many values to unpack (expected \(targets.count))")
        }
      }
      guard values.count == targets.count else {
        throw context.refused("not enough values to unpack (expected \(targets.count), got \(values.count))")
      }
      for (target, value) in zip(targets, values) { try assign(value, to: target, activation, isGlobal: isGlobal) }
    }
  }

  // MARK: Loops

  private func run(
    _ loop: JinjaLoopStatement, _ activation: JinjaActivation, _ output: inout [UInt32]
  ) throws(Failure) -> Flow {
    let items = try evaluateWhole(loop.items, activation)
    guard loop.isRecursive else {
      return try run(loop, over: items, outer: activation, inner: activation, depth0: 0, recursion: nil, &output)
    }
    try append(try text(of: JinjaRecursion(loop, activation), over: items, depth0: 0), &output)
    return .next
  }

  /// The text of a recursive loop at a depth.
  func text(of recursion: JinjaRecursion, over items: JinjaValue, depth0: Int) throws(Failure) -> JinjaText {
    let loop = recursion.statement
    let activation = try JinjaActivation(loop.function, within: recursion.activation, context)
    var output: [UInt32] = []
    _ = try run(
      loop, over: items, outer: recursion.activation, inner: activation, depth0: depth0, recursion: recursion, &output)
    return JinjaText(output, isSafe: context.autoescape)
  }

  private func run(
    _ loop: JinjaLoopStatement, over items: JinjaValue, outer: JinjaActivation, inner activation: JinjaActivation,
    depth0: Int, recursion: JinjaRecursion?, _ output: inout [UInt32]
  ) throws(Failure) -> Flow {
    context.line = loop.line
    var items = items
    if let condition = loop.condition { items = try selected(items, condition, loop, outer) }
    var state: JinjaLoop?
    if let slot = loop.loopSlot {
      state = try JinjaLoop(items, depth0: depth0, recursion: recursion, context)
      activation.slots[slot] = .object(state!)
    }
    let iterator = try state == nil ? context.iterate(items) : nil
    // As in Jinja, a body that is left early does not count for the `else`.
    var wasCompleted = false
    while let item = try iterator == nil ? state?.advance(context) : iterator?.next(context) {
      try context.budget.spend(JinjaBudget.evaluation)
      try assign(item, to: loop.target, activation)
      enter(loop.body.loads, activation)
      let flow = try run(loop.body.body, activation, &output)
      if flow == .breakLoop { break }
      if flow == .next { wasCompleted = true }
    }
    leave(loop.body.loads, activation)
    if !wasCompleted, let otherwise = loop.otherwise { return try run(otherwise, activation, &output) }
    return .next
  }

  /// The items that the condition of a loop holds for.
  private func selected(
    _ items: JinjaValue, _ condition: JinjaExpression, _ loop: JinjaLoopStatement, _ outer: JinjaActivation
  ) throws(Failure) -> JinjaValue {
    let source = try context.iterate(items)
    let activation = try JinjaActivation(loop.conditionFunction, within: outer, context)
    enter(loop.conditionLoads, activation)
    return try context.generator(over: items) { [unowned self] (context) throws(Failure) in
      while let item = try source.next(context) {
        try self.assign(item, to: loop.conditionTarget, activation)
        if try self.evaluate(condition, activation).isTrue {
          return try self.value(of: loop.conditionTarget, activation)
        }
      }
      return nil
    }
  }

  private func value(of target: JinjaTarget, _ activation: JinjaActivation) throws(Failure) -> JinjaValue {
    switch target {
    case .name(let name), .attribute(let name, _): return activation[name.reference] ?? .undefined(name: name.text)
    case .tuple(let targets):
      var values: [JinjaValue] = []
      for target in targets { values.append(try value(of: target, activation)) }
      return try context.tuple(values)
    }
  }

  // MARK: Macros and blocks

  private func text(
    of macro: JinjaMacroStatement, _ call: JinjaExpression?, _ activation: JinjaActivation
  ) throws(Failure) -> JinjaText {
    let caller = JinjaMacro(macro, activation, autoescape: context.autoescape)
    guard let call, case .call(let function, let arguments) = call.form else {
      return try written(try invoke(caller, JinjaCall()))
    }
    let value = try evaluate(function, activation)
    var given = try evaluate(arguments, activation)
    guard given["caller"] == nil else { throw context.invalid("a call block gives the argument 'caller' itself") }
    given.named.append(("caller", .object(caller)))
    return try written(try self.call(value, given))
  }

  /// The text that a macro writes for its arguments.
  func invoke(_ macro: JinjaMacro, _ call: JinjaCall) throws(Failure) -> JinjaValue {
    let statement = macro.statement
    let activation = try JinjaActivation(statement.function, within: macro.activation, context)
    try bind(call, to: statement, activation)
    enter(statement.scope.loads, activation)
    let (before, line) = (context.autoescape, context.line)
    context.autoescape = macro.autoescape
    defer { (context.autoescape, context.line) = (before, line) }
    let firstDefault = statement.parameters.count - statement.defaults.count
    for (index, parameter) in statement.parameters.enumerated() where activation[parameter.reference] == nil {
      activation[parameter.reference] =
        index >= firstDefault
        ? try evaluate(statement.defaults[index - firstDefault], activation)
        : .undefined("parameter '\(parameter.name)' was not provided")
    }
    var output: [UInt32] = []
    _ = try run(statement.scope.body, activation, &output)
    return .text(JinjaText(output, isSafe: before))
  }

  private func bind(
    _ call: JinjaCall, to macro: JinjaMacroStatement, _ activation: JinjaActivation
  ) throws(Failure) {
    var call = call
    let (count, name) = (macro.parameters.count, macro.name?.name ?? "caller")
    let given = min(call.positional.count, count)
    for place in 0..<given { activation[macro.parameters[place].reference] = call.positional[place] }
    for parameter in macro.parameters[given...] {
      if let value = call.remove(parameter.name) { activation[parameter.reference] = value }
    }
    if let slot = macro.callerSlot {
      let caller = call.remove("caller").flatMap { $0.isNone ? nil : $0 }
      activation.slots[slot] = caller ?? .undefined("No caller defined")
    }
    if let slot = macro.namedSlot {
      var members = JinjaMembers()
      for (name, value) in call.named { try members.set(JinjaValue(name), value, context) }
      activation.slots[slot] = try context.dictionary(members)
    } else if let unknown = call.named.first {
      throw context.invalid("macro '\(name)' takes no keyword argument '\(unknown.name)'")
    }
    if let slot = macro.positionalSlot {
      activation.slots[slot] = try context.tuple(Array(call.positional.dropFirst(count)))
    } else if call.positional.count > count {
      throw context.invalid("macro '\(name)' takes not more than \(count) argument(s)")
    }
  }

  private func text(of block: JinjaBlock, _ activation: JinjaActivation) throws(Failure) -> JinjaText {
    guard !block.isRequired else { throw context.invalid("required block '\(block.name)' not found") }
    let before = variables
    defer { variables = before }
    for (name, reference) in block.surroundings { if let value = activation[reference] { variables[name] = value } }
    return try text(of: block)
  }

  /// The text of a block.
  func text(of block: JinjaBlock) throws(Failure) -> JinjaText {
    let activation = try JinjaActivation(block.function, within: nil, context)
    if let slot = block.selfSlot { activation.slots[slot] = .object(JinjaTemplateReference(allBlocks)) }
    if let slot = block.superSlot {
      activation.slots[slot] = .undefined("there is no parent block called '\(block.name)'.")
    }
    return try text(of: block.scope, activation).text
  }

  /// The blocks that `self` holds.
  var allBlocks: [String: JinjaBlock] = [:]
}
