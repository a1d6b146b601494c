import AttendBase

extension JinjaInterpreter {
  /// The value of an expression. `block`: the text that a filter without a value is applied to.
  func evaluate(
    _ expression: JinjaExpression, _ activation: JinjaActivation, block: JinjaText? = nil
  ) throws(Failure) -> JinjaValue {
    try context.budget.spend(JinjaBudget.evaluation)
    switch expression.form {
    case .constant(let value): return value
    case .name(let name): return activation[name.reference] ?? .undefined(name: name.text)
    default: break
    }
    context.line = expression.line
    try context.budget.enter()
    defer { context.budget.leave() }
    switch expression.form {
    case .constant, .name: return .none
    case .tuple(let items): return try context.tuple(try values(of: items, activation))
    case .list(let items): return try context.list(try values(of: items, activation))
    case .dictionary(let members): return try dictionary(members, activation)
    case .attribute(let value, let name): return try context.attribute(try evaluate(value, activation), name)
    case .item(let value, let key):
      let value = try evaluate(value, activation)
      return try context.item(value, try evaluate(key, activation))
    case .slice(let value, let bounds):
      let value = try evaluate(value, activation)
      var limits: [JinjaValue?] = []
      for bound in bounds {
        limits.append(try bound.map { (bound) throws(Failure) in try evaluate(bound, activation) })
      }
      return try context.slice(value, limits)
    case .call(let function, let arguments):
      let function = try evaluate(function, activation)
      return try call(function, try evaluate(arguments, activation))
    case .filter(let value, let name, let arguments):
      let value = try value.map { (value) throws(Failure) in try evaluate(value, activation, block: block) }
      let given = try evaluate(arguments, activation)
      return try JinjaFilters.apply(name, value ?? .text(block ?? JinjaText([])), given, context)
    case .test(let value, let name, let arguments):
      let value = try evaluate(value, activation)
      return .bool(try JinjaTests.apply(name, value, try evaluate(arguments, activation), context))
    case .not(let value): return .bool(!(try evaluate(value, activation)).isTrue)
    case .sign(let value, let sign): return try context.negative(try evaluate(value, activation), sign)
    case .arithmetic(let operation, let left, let right):
      let left = try evaluate(left, activation)
      return try context.apply(operation, left, try evaluate(right, activation))
    case .and(let left, let right):
      let left = try evaluate(left, activation)
      return left.isTrue ? try evaluate(right, activation) : left
    case .or(let left, let right):
      let left = try evaluate(left, activation)
      return left.isTrue ? left : try evaluate(right, activation)
    case .comparison(let first, let operands): return try comparison(first, operands, activation)
    case .concatenation(let parts): return try concatenation(parts, expression, activation)
    case .conditional(let test, let then, let otherwise):
      if try evaluate(test, activation).isTrue { return try evaluate(then, activation) }
      if let otherwise { return try evaluate(otherwise, activation) }
      return .undefined(
        "the inline if-expression on line \(expression.line) evaluated to false and no else section was defined.")
    }
  }

  private func values(of items: [JinjaExpression], _ activation: JinjaActivation) throws(Failure) -> [JinjaValue] {
    var values: [JinjaValue] = []
    values.reserveCapacity(items.count)
    for item in items { values.append(try evaluate(item, activation)) }
    return values
  }

  private func dictionary(
    _ members: [(key: JinjaExpression, value: JinjaExpression)], _ activation: JinjaActivation
  ) throws(Failure) -> JinjaValue {
    var result = JinjaMembers()
    for (key, value) in members {
      let key = try evaluate(key, activation)
      try result.set(key, try evaluate(value, activation), context)
    }
    return try context.dictionary(result)
  }

  private func comparison(
    _ first: JinjaExpression, _ operands: [(relation: JinjaRelation, value: JinjaExpression)],
    _ activation: JinjaActivation
  ) throws(Failure) -> JinjaValue {
    var left = try evaluate(first, activation)
    for (relation, value) in operands {
      let right = try evaluate(value, activation)
      let holds: Bool
      switch relation {
      case .equal: holds = try context.equal(left, right)
      case .unequal: holds = try !context.equal(left, right)
      case .contained: holds = try context.contains(right, left)
      case .notContained: holds = try !context.contains(right, left)
      case .ordered(let order): holds = try context.compare(left, right, order)
      }
      if !holds { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  private func concatenation(
    _ parts: [JinjaExpression], _ expression: JinjaExpression, _ activation: JinjaActivation
  ) throws(Failure) -> JinjaValue {
    var texts: [JinjaText] = []
    for part in parts { texts.append(try context.string(try evaluate(part, activation))) }
    // What Jinja puts together while it compiles is no longer known to be safe.
    let isSafe = context.autoescape && !expression.isConstant && texts.contains(where: \.isSafe)
    if isSafe { for index in texts.indices { texts[index] = try context.escaped(texts[index]) } }
    return try context.text(try context.joined(texts.map { $0.scalars[...] }, []), isSafe: isSafe)
  }

  // MARK: Calls

  func evaluate(_ arguments: JinjaArguments, _ activation: JinjaActivation) throws(Failure) -> JinjaCall {
    var call = JinjaCall(positional: try values(of: arguments.positional, activation))
    for (name, value) in arguments.named { call.named.append((name, try evaluate(value, activation))) }
    if let list = arguments.list {
      let value = try evaluate(list, activation)
      guard context.isIterable(value) else {
        throw context.refused("the argument behind * is no list, but \(value.typeName)")
      }
      call.positional += try context.items(of: value)
    }
    if let mapping = arguments.mapping { try add(try evaluate(mapping, activation), to: &call) }
    return call
  }

  /// The members of a mapping as arguments by name.
  private func add(_ mapping: JinjaValue, to call: inout JinjaCall) throws(Failure) {
    guard case .dictionary(let dictionary) = mapping else {
      if case .undefined(let undefined) = mapping { throw context.used(undefined) }
      throw context.refused("the argument behind ** is no mapping, but \(mapping.typeName)")
    }
    for (key, value) in zip(dictionary.keys, dictionary.values) {
      guard let name = key.text?.string else { throw context.refused("keywords must be strings") }
      guard call[name] == nil else { throw context.refused("the argument '\(name)' is given twice") }
      try context.budget.spend(call.named.count + 1)
      call.named.append((name, value))
    }
  }

  func call(_ function: JinjaValue, _ call: JinjaCall) throws(Failure) -> JinjaValue {
    guard case .object(let object) = function else {
      if case .undefined(let undefined) = function { throw context.used(undefined) }
      throw context.refused("'\(function.typeName)' object is not callable")
    }
    switch object {
    case let function as JinjaFunction: return try function.body(call, context)
    case let macro as JinjaMacro: return try invoke(macro, call)
    case let loop as JinjaLoop:
      let items = try call.bind("loop", ["iterable"], required: 1, context)[0]!
      guard let recursion = loop.recursion else {
        throw context.invalid("the loop must have the 'recursive' marker to be called recursively")
      }
      return .text(try text(of: recursion, over: items, depth0: loop.depth0 + 1))
    case let joiner as JinjaJoiner:
      _ = try call.bind("joiner", 0...0, context)
      return joiner.call()
    case is JinjaDictionaryType: return try JinjaGlobals.dictionary(call, context)
    case let reference as JinjaBlockReference:
      _ = try call.bind("a block", 0...0, context)
      return .text(try text(of: reference.block))
    default: throw context.refused("'\(object.typeName)' object is not callable")
    }
  }
}
