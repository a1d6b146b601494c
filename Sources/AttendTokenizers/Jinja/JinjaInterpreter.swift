import AttendBase

/// Runs a template once. One thread at a time.
struct JinjaInterpreter {
  let file: String
  private var scopes: [[String: JinjaValue]]
  private(set) var output = ""
  /// Statements and loops run so far: a template may not run for ever.
  private var steps = 0
  private var depth = 0
  private static let limit = 20_000_000

  private enum Flow { case next, breakLoop, continueLoop }

  init(file: String, variables: [String: JinjaValue]) {
    self.file = file
    let functions = ["raise_exception", "range", "namespace", "dict", "strftime_now"]
    scopes = [Dictionary(uniqueKeysWithValues: functions.map { ($0, .function($0)) }), variables]
  }

  static func render(_ nodes: [JinjaNode], file: String, variables: [String: JinjaValue]) throws(Failure) -> String {
    var interpreter = JinjaInterpreter(file: file, variables: variables)
    _ = try interpreter.run(nodes)
    return interpreter.output
  }

  func failure(_ reason: String) -> Failure { Failure(.invalidArgument, "\(file): chat template: \(reason)") }
  func unsupported(_ what: String) -> Failure {
    Failure(.unsupported, "\(file): chat template: \(what) is not supported")
  }

  // MARK: Statements

  private mutating func step() throws(Failure) {
    steps += 1
    guard steps < JinjaInterpreter.limit, output.utf8.count < 1 << 28 else {
      throw failure("it does not come to an end")
    }
  }

  private mutating func run(_ nodes: [JinjaNode]) throws(Failure) -> Flow {
    for node in nodes {
      try step()
      let flow = try run(node)
      if flow != .next { return flow }
    }
    return .next
  }

  private mutating func run(_ node: JinjaNode) throws(Failure) -> Flow {
    switch node {
    case .text(let text): output += text
    case .output(let expression): output += try evaluate(expression).text
    case .conditional(let branches):
      for branch in branches {
        if let condition = branch.condition, !(try evaluate(condition).isTrue) { continue }
        return try run(branch.body)
      }
    case .loop(let targets, let items, let condition, let body, let otherwise):
      return try loop(targets, try self.items(of: try evaluate(items)), condition, body, otherwise)
    case .set(let target, let value): try assign(try evaluate(value), to: target)
    case .setBlock(let target, let filters, let body):
      try assign(try filtered(.string(try captured(body)), filters), to: target)
    case .macro(let macro): set(macro.name, .macro(macro))
    case .filterBlock(let filters, let body): output += try filtered(.string(try captured(body)), filters).text
    case .call(let expression, let body):
      let caller = JinjaMacro(name: "caller", parameters: [], body: body)
      scopes.append(["caller": .macro(caller)])
      defer { scopes.removeLast() }
      output += try evaluate(expression).text
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .next
  }

  private mutating func loop(
    _ targets: [String], _ items: [JinjaValue], _ condition: JinjaExpression?, _ body: [JinjaNode],
    _ otherwise: [JinjaNode]
  ) throws(Failure) -> Flow {
    scopes.append([:])
    defer { scopes.removeLast() }
    var chosen = items
    if let condition {
      chosen = []
      for item in items {
        try step()
        try bind(targets, to: item)
        if try evaluate(condition).isTrue { chosen.append(item) }
      }
    }
    depth += 1
    defer { depth -= 1 }
    for (index, item) in chosen.enumerated() {
      scopes[scopes.count - 1] = ["loop": .loop(JinjaLoop(index: index, items: chosen, depth: depth))]
      try bind(targets, to: item)
      if try run(body) == .breakLoop { break }
    }
    return chosen.isEmpty ? try run(otherwise) : .next
  }

  private mutating func bind(_ targets: [String], to item: JinjaValue) throws(Failure) {
    guard targets.count > 1 else { return set(targets[0], item) }
    let parts = try items(of: item)
    guard parts.count == targets.count else {
      throw failure("\(parts.count) values cannot be given to \(targets.count) names")
    }
    for (name, part) in zip(targets, parts) { set(name, part) }
  }

  private mutating func set(_ name: String, _ value: JinjaValue) { scopes[scopes.count - 1][name] = value }

  private mutating func assign(_ value: JinjaValue, to target: JinjaTarget) throws(Failure) {
    switch target {
    case .names(let names): try bind(names, to: value)
    case .attribute(let name, let attribute):
      guard case .namespace(let namespace) = lookUp(name) else {
        throw failure("\(name) is no namespace, so \(name).\(attribute) cannot be set")
      }
      namespace.attributes[attribute] = value
    }
  }

  private func lookUp(_ name: String) -> JinjaValue {
    for scope in scopes.reversed() { if let value = scope[name] { return value } }
    return .undefined(name)
  }

  /// What a body writes.
  private mutating func captured(_ body: [JinjaNode]) throws(Failure) -> String {
    let outer = output
    output = ""
    defer { output = outer }
    _ = try run(body)
    return output
  }

  private mutating func filtered(_ value: JinjaValue, _ filters: [JinjaFilter]) throws(Failure) -> JinjaValue {
    var value = value
    for filter in filters { value = try apply(filter, to: value) }
    return value
  }

  /// The elements that a loop over a value visits.
  func items(of value: JinjaValue) throws(Failure) -> [JinjaValue] {
    switch value {
    case .list(let items): return items
    case .dictionary(let dictionary): return dictionary.keys.map { .string($0) }
    case .string(let text): return text.unicodeScalars.map { .string(String(Character($0))) }
    case .undefined: return []
    default: throw failure("a value of type \(value.typeName) cannot be iterated")
    }
  }

  // MARK: Expressions

  mutating func evaluate(_ expression: JinjaExpression) throws(Failure) -> JinjaValue {
    try step()
    switch expression {
    case .literal(let value): return value
    case .name(let name): return lookUp(name)
    case .list(let items): return .list(try evaluate(items))
    case .dictionary(let members):
      var dictionary = JinjaDictionary()
      for member in members { dictionary[try evaluate(member.key).text] = try evaluate(member.value) }
      return .dictionary(dictionary)
    case .attribute(let base, let name): return try JinjaOperations.attribute(name, of: try evaluate(base), self)
    case .item(let base, let index): return try JinjaOperations.item(try evaluate(index), of: try evaluate(base), self)
    case .slice(let base, let start, let stop, let stride):
      let bounds = try [start, stop, stride].mapBounds { part throws(Failure) in try evaluate(part) }
      return try JinjaOperations.slice(try evaluate(base), bounds, self)
    case .call(let function, let arguments): return try call(function, arguments)
    case .filter(let value, let filter): return try apply(filter, to: try evaluate(value))
    case .test(let value, let name, let arguments, let negated):
      let result = try JinjaFilters.test(name, try evaluate(value), try evaluate(arguments.positional), self)
      return .bool(result != negated)
    case .unary("not", let value): return .bool(!(try evaluate(value).isTrue))
    case .unary(_, let value): return try JinjaOperations.negative(try evaluate(value), self)
    case .binary("and", let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? try evaluate(right) : value
    case .binary("or", let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? value : try evaluate(right)
    case .binary(let symbol, let left, let right):
      return try JinjaOperations.binary(symbol, try evaluate(left), try evaluate(right), self)
    case .conditional(let condition, let value, let otherwise):
      if try evaluate(condition).isTrue { return try evaluate(value) }
      return try otherwise.map { other throws(Failure) in try evaluate(other) } ?? .undefined("")
    }
  }

  private mutating func evaluate(_ expressions: [JinjaExpression]) throws(Failure) -> [JinjaValue] {
    var values: [JinjaValue] = []
    for expression in expressions { values.append(try evaluate(expression)) }
    return values
  }

  private mutating func evaluate(_ arguments: JinjaArguments) throws(Failure) -> JinjaCall {
    var call = JinjaCall(positional: try evaluate(arguments.positional))
    for argument in arguments.named { call.named[argument.name] = try evaluate(argument.value) }
    return call
  }

  private mutating func apply(_ filter: JinjaFilter, to value: JinjaValue) throws(Failure) -> JinjaValue {
    try JinjaFilters.apply(filter.name, value, try evaluate(filter.arguments), self)
  }

  // MARK: Calls

  private mutating func call(_ function: JinjaExpression, _ arguments: JinjaArguments) throws(Failure) -> JinjaValue {
    let call = try evaluate(arguments)
    if case .attribute(let base, let name) = function {
      let object = try evaluate(base)
      if case .list(let items) = object, name == "append", let item = call.positional.first {
        return try append(item, to: base, items)
      }
      if case .namespace = object {} else { return try JinjaMethods.call(name, on: object, call, self) }
    }
    switch try evaluate(function) {
    case .macro(let macro): return .string(try expand(macro, call))
    case .function(let name): return try JinjaMethods.function(name, call, self)
    case .undefined(let name): throw failure("\(name) is undefined, and is called")
    case let value: throw failure("a value of type \(value.typeName) is called")
    }
  }

  /// `items.append(x)`, which changes the variable.
  private mutating func append(
    _ item: JinjaValue, to base: JinjaExpression, _ items: [JinjaValue]
  ) throws(Failure) -> JinjaValue {
    switch base {
    case .name(let name):
      guard let scope = scopes.lastIndex(where: { $0[name] != nil }) else { throw failure("\(name) is undefined") }
      scopes[scope][name] = .list(items + [item])
    case .attribute(.name(let name), let attribute): try assign(.list(items + [item]), to: .attribute(name, attribute))
    default: throw unsupported("append on anything but a variable")
    }
    return .none
  }

  private mutating func expand(_ macro: JinjaMacro, _ call: JinjaCall) throws(Failure) -> String {
    guard scopes.count < 200 else { throw failure("macros call each other without end") }
    guard call.positional.count <= macro.parameters.count else {
      throw failure("\(macro.name) takes \(macro.parameters.count) arguments, and gets \(call.positional.count)")
    }
    var scope: [String: JinjaValue] = [:]
    for (index, parameter) in macro.parameters.enumerated() {
      if index < call.positional.count {
        scope[parameter.name] = call.positional[index]
      } else if let value = call.named[parameter.name] {
        scope[parameter.name] = value
      } else {
        scope[parameter.name] =
          try parameter.value.map { value throws(Failure) in try evaluate(value) } ?? .undefined(parameter.name)
      }
    }
    scopes.append(scope)
    defer { scopes.removeLast() }
    return try captured(macro.body)
  }
}

/// The arguments of a call.
struct JinjaCall {
  var positional: [JinjaValue] = []
  var named: [String: JinjaValue] = [:]

  /// An argument by its place, or else by its name.
  func argument(_ index: Int, _ name: String) -> JinjaValue? {
    index < positional.count ? positional[index] : named[name]
  }
}

extension [JinjaExpression?] {
  fileprivate func mapBounds(_ body: (JinjaExpression) throws(Failure) -> JinjaValue) throws(Failure) -> [JinjaValue?] {
    var result: [JinjaValue?] = []
    for item in self { if let item { result.append(try body(item)) } else { result.append(nil) } }
    return result
  }
}
