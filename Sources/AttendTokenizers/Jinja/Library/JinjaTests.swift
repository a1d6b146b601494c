import AttendBase

/// The tests behind `is`.
enum JinjaTests {
  typealias Test = @Sendable (JinjaValue, JinjaCall, JinjaContext) throws(Failure) -> Bool

  static let all: [String: Test] = kinds.merging(relations) { $1 }

  static func apply(
    _ name: String, _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> Bool {
    guard let test = all[name] else { throw context.invalid("no test named '\(name)'") }
    try context.budget.spend(JinjaBudget.evaluation)
    return try test(value, call, context)
  }

  /// A test without arguments.
  private static func alone(
    _ name: String, _ test: @escaping @Sendable (JinjaValue, JinjaContext) throws(Failure) -> Bool
  ) -> Test {
    { (value, call, context) throws(Failure) in
      _ = try call.bind("the test \(name)", 0...0, context)
      return try test(value, context)
    }
  }

  private static let kinds: [String: Test] = [
    "defined": alone("defined") { value, _ in !value.isUndefined },
    "undefined": alone("undefined") { value, _ in value.isUndefined },
    "none": alone("none") { value, _ in value.isNone },
    "boolean": alone("boolean") { value, _ in if case .bool = value { true } else { false } },
    "true": alone("true") { value, _ in if case .bool(true) = value { true } else { false } },
    "false": alone("false") { value, _ in if case .bool(false) = value { true } else { false } },
    "integer": alone("integer") { value, _ in
      if case .bool = value { false } else { value.integer != nil }
    },
    "float": alone("float") { value, _ in if case .float = value { true } else { false } },
    "number": alone("number") { value, _ in
      if case .float = value { true } else { value.integer != nil }
    },
    "string": alone("string") { value, _ in value.text != nil },
    "mapping": alone("mapping") { value, _ in if case .dictionary = value { true } else { false } },
    "sequence": alone("sequence") { value, _ in
      switch value {
      case .undefined, .text, .list, .tuple, .dictionary: true
      case .object(let object): object is JinjaRange
      default: false
      }
    },
    "iterable": alone("iterable") { value, context in context.isIterable(value) },
    "callable": alone("callable") { value, _ in
      switch value {
      case .undefined: true
      case .object(let object): object.isCallable
      default: false
      }
    },
    "escaped": alone("escaped") { value, _ in value.text?.isSafe ?? false },
    "lower": alone("lower") { (value, context) throws(Failure) in
      try JinjaTextMethods.all["islower"]!(try context.string(value), JinjaCall(), context).isTrue
    },
    "upper": alone("upper") { (value, context) throws(Failure) in
      try JinjaTextMethods.all["isupper"]!(try context.string(value), JinjaCall(), context).isTrue
    },
    "odd": alone("odd") { (value, context) throws(Failure) in
      try context.equal(try context.apply(.modulo, value, .int(2)), .int(1))
    },
    "even": alone("even") { (value, context) throws(Failure) in
      try context.equal(try context.apply(.modulo, value, .int(2)), .int(0))
    },
    "filter": alone("filter") { (value, context) throws(Failure) in
      _ = try JinjaKey(value, context)
      return value.text.map { JinjaFilters.all[$0.string] != nil } ?? false
    },
    "test": alone("test") { (value, context) throws(Failure) in
      _ = try JinjaKey(value, context)
      return value.text.map { all[$0.string] != nil } ?? false
    },
  ]

  /// A test with one argument.
  private static func related(
    _ name: String, _ argument: String?,
    _ test: @escaping @Sendable (JinjaValue, JinjaValue, JinjaContext) throws(Failure) -> Bool
  ) -> Test {
    { (value, call, context) throws(Failure) in
      let function = "the test \(name)"
      guard let argument else { return try test(value, try call.bind(function, 1...1, context)[0]!, context) }
      return try test(value, try call.bind(function, [argument], required: 1, context)[0]!, context)
    }
  }

  private static func ordered(_ name: String, _ comparison: JinjaComparison) -> Test {
    related(name, nil) { (a, b, context) throws(Failure) in try context.compare(a, b, comparison) }
  }

  private static func equality(_ name: String, _ wanted: Bool) -> Test {
    related(name, nil) { (a, b, context) throws(Failure) in try context.equal(a, b) == wanted }
  }

  private static let relations: [String: Test] = [
    "divisibleby": related("divisibleby", "num") { (a, b, context) throws(Failure) in
      try context.equal(try context.apply(.modulo, a, b), .int(0))
    },
    "in": related("in", "seq") { (item, container, context) throws(Failure) in
      try context.contains(container, item)
    },
    "sameas": related("sameas", "other") { a, b, _ in isSame(a, b) },
    "==": equality("==", true), "eq": equality("eq", true), "equalto": equality("equalto", true),
    "!=": equality("!=", false), "ne": equality("ne", false),
    ">": ordered(">", .greater), "gt": ordered("gt", .greater), "greaterthan": ordered("greaterthan", .greater),
    ">=": ordered(">=", .greaterOrEqual), "ge": ordered("ge", .greaterOrEqual),
    "<": ordered("<", .less), "lt": ordered("lt", .less), "lessthan": ordered("lessthan", .less),
    "<=": ordered("<=", .lessOrEqual), "le": ordered("le", .lessOrEqual),
  ]

  /// Python's `is`: one and the same object; of values without an identity here, equal ones of one type.
  private static func isSame(_ a: JinjaValue, _ b: JinjaValue) -> Bool {
    switch (a, b) {
    case (.none, .none): true
    case (.bool(let x), .bool(let y)): x == y
    case (.int(let x), .int(let y)): x == y
    case (.float(let x), .float(let y)): x == y
    case (.text(let x), .text(let y)): x == y && x.isSafe == y.isSafe
    case (.list(let x), .list(let y)), (.tuple(let x), .tuple(let y)): x === y
    case (.dictionary(let x), .dictionary(let y)): x === y
    case (.object(let x), .object(let y)): x === y
    case (.undefined(let x), .undefined(let y)): x === y
    default: false
    }
  }
}
