import AttendBase

/// The arguments of a call.
struct JinjaCall {
  var positional: [JinjaValue] = []
  var named: [(name: String, value: JinjaValue)] = []

  subscript(name: String) -> JinjaValue? { named.first { $0.name == name }?.value }

  /// Takes a named argument out.
  mutating func remove(_ name: String) -> JinjaValue? {
    named.firstIndex { $0.name == name }.map { named.remove(at: $0).value }
  }

  /// The arguments by the order of `names`, nil for those not given. Throws where there are too many, where one is
  /// given twice or has an unknown name, or where one of the first `required` ones is missing.
  func bind(
    _ function: String, _ names: [String], required: Int = 0, _ context: JinjaContext
  ) throws(Failure) -> [JinjaValue?] {
    guard positional.count <= names.count else {
      throw context.invalid("\(function) takes at most \(names.count) arguments, and gets \(positional.count)")
    }
    var bound: [JinjaValue?] = positional + [JinjaValue?](repeating: nil, count: names.count - positional.count)
    for (name, value) in named {
      guard let place = names.firstIndex(of: name) else {
        throw context.invalid("\(function) has no argument '\(name)'")
      }
      guard bound[place] == nil else { throw context.invalid("\(function) gets its argument '\(name)' twice") }
      bound[place] = value
    }
    for place in 0..<required where bound[place] == nil {
      throw context.invalid("\(function) lacks its argument '\(names[place])'")
    }
    return bound
  }

  /// The positional arguments of a function that knows no names.
  func bind(_ function: String, _ counts: ClosedRange<Int>, _ context: JinjaContext) throws(Failure) -> [JinjaValue?] {
    guard named.isEmpty else { throw context.invalid("\(function) takes no arguments by name") }
    guard counts.contains(positional.count) else {
      throw context.invalid(
        "\(function) takes \(counts.lowerBound) to \(counts.upperBound) arguments, and gets \(positional.count)")
    }
    return positional + [JinjaValue?](repeating: nil, count: counts.upperBound - positional.count)
  }
}

/// A function of Jinja or Python, or a method bound to its value.
final class JinjaFunction: JinjaObject {
  typealias Body = (JinjaCall, JinjaContext) throws(Failure) -> JinjaValue

  let name: String
  let body: Body
  private let kind: String
  private let held: Int

  /// `depth`: of the value that the body holds.
  init(_ name: String, kind: String = "function", depth: Int = 0, _ body: @escaping Body) {
    self.name = name
    self.kind = kind
    held = depth
    self.body = body
  }

  override var typeName: String { kind }
  override var depth: Int { held }
  override var isCallable: Bool { true }
  override var representation: String { "<\(kind) \(name)>" }
}

/// `namespace()`: attributes that inner blocks may set.
final class JinjaNamespace: JinjaObject {
  private(set) var attributes: JinjaMembers

  init(_ attributes: JinjaMembers) { self.attributes = attributes }

  override var typeName: String { "Namespace" }

  override func attribute(_ name: JinjaText, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    attributes.value(name)
  }

  func set(_ name: JinjaText, _ value: JinjaValue, _ context: JinjaContext) throws(Failure) {
    guard name.scalars.first != 0x5F else {
      throw context.invalid("a namespace takes no attribute with an underscore in front, such as '\(name.string)'")
    }
    try context.budget.take(bytes: 64)
    try attributes.set(.text(name), value, context)
  }

  override func clear() { attributes = JinjaMembers() }
}

/// `cycler(...)`.
final class JinjaCycler: JinjaObject {
  private let items: JinjaList
  private var position = 0

  init(_ items: JinjaList) { self.items = items }

  override var typeName: String { "Cycler" }
  override var depth: Int { items.depth }

  override func attribute(_ name: JinjaText, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    let items = self.items.items
    switch name.string {
    case "current": return items[position]
    case "items": return .tuple(self.items)
    case "pos": return .int(position)
    case "next":
      return .object(
        JinjaFunction("next", kind: "method", depth: depth) { (call, context) throws(Failure) in
          _ = try call.bind("next", 0...0, context)
          defer { self.position = (self.position + 1) % items.count }
          return items[self.position]
        })
    case "reset":
      return .object(
        JinjaFunction("reset", kind: "method", depth: depth) { (call, context) throws(Failure) in
          _ = try call.bind("reset", 0...0, context)
          self.position = 0
          return .none
        })
    default: return nil
    }
  }
}

/// `joiner(", ")`: nothing at its first call, the separator at every other.
final class JinjaJoiner: JinjaObject {
  private let separator: JinjaValue
  private var isUsed = false

  init(_ separator: JinjaValue) { self.separator = separator }

  override var typeName: String { "Joiner" }
  override var depth: Int { separator.depth }
  override var isCallable: Bool { true }

  func call() -> JinjaValue {
    defer { isUsed = true }
    return isUsed ? separator : JinjaValue("")
  }

  override func attribute(_ name: JinjaText, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    switch name.string {
    case "sep": separator
    case "used": .bool(isUsed)
    default: nil
    }
  }
}

/// The variable `loop`: the items to come and what is said of the one at hand.
final class JinjaLoop: JinjaObject {
  private let source: JinjaValue
  private var iterator: JinjaIterator
  private var ahead: JinjaValue?
  private(set) var current: JinjaValue?
  private(set) var previous: JinjaValue?
  private var knownLength: Int?
  private var lastChanged: [JinjaValue]?
  private(set) var index0 = -1
  let depth0: Int
  /// The loop whose body a call of `loop(...)` renders, where it is a recursive one.
  let recursion: JinjaRecursion?

  init(_ source: JinjaValue, depth0: Int, recursion: JinjaRecursion?, _ context: JinjaContext) throws(Failure) {
    self.source = source
    iterator = try context.iterate(source)
    self.depth0 = depth0
    self.recursion = recursion
    try context.budget.take(bytes: 192)
    held = try context.budget.nested(source.depth + 1)
  }

  private let held: Int
  override var typeName: String { "LoopContext" }
  override var depth: Int { held }
  override var isTrue: Bool { true }
  override var isCallable: Bool { true }

  /// The next item.
  func advance(_ context: JinjaContext) throws(Failure) -> JinjaValue? {
    guard let item = try peek(context) else { return nil }
    ahead = nil
    index0 += 1
    (previous, current) = (current, item)
    return item
  }

  private func peek(_ context: JinjaContext) throws(Failure) -> JinjaValue? {
    if ahead == nil { ahead = try iterator.next(context) }
    return ahead
  }

  func length(_ context: JinjaContext) throws(Failure) -> Int {
    if let knownLength { return knownLength }
    if let length = try context.length(of: source) {
      knownLength = length
      return length
    }
    let rest = try context.items(of: .object(iterator))
    iterator = JinjaIterator(rest, depth: held)
    let length = rest.count + index0 + 1 + (ahead == nil ? 0 : 1)
    knownLength = length
    return length
  }

  /// Whether these values are others than at the last call.
  func changed(_ values: [JinjaValue], _ context: JinjaContext) throws(Failure) -> Bool {
    if let last = lastChanged, try context.equal(context.tuple(last), context.tuple(values)) { return false }
    lastChanged = values
    context.cyclic.append(self)
    return true
  }

  override func clear() { lastChanged = nil }

  override func attribute(_ name: JinjaText, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    switch name.string {
    case "index": return .int(index0 + 1)
    case "index0": return .int(index0)
    case "first": return .bool(index0 == 0)
    case "last": return .bool(try peek(context) == nil)
    case "length": return .int(try length(context))
    case "revindex": return .int(try length(context) - index0)
    case "revindex0": return .int(try length(context) - index0 - 1)
    case "depth": return .int(depth0 + 1)
    case "depth0": return .int(depth0)
    case "previtem":
      return index0 == 0 ? .undefined("there is no previous item") : previous ?? .undefined("there is no previous item")
    case "nextitem": return try peek(context) ?? .undefined("there is no next item")
    case "cycle":
      return .object(
        JinjaFunction("cycle", kind: "method", depth: held) { (call, context) throws(Failure) in
          guard !call.positional.isEmpty, call.named.isEmpty else {
            throw context.invalid("no items for cycling given")
          }
          return call.positional[max(self.index0, 0) % call.positional.count]
        })
    case "changed":
      return .object(
        JinjaFunction("changed", kind: "method", depth: held) { (call, context) throws(Failure) in
          guard call.named.isEmpty else { throw context.invalid("changed takes no arguments by name") }
          return .bool(try self.changed(call.positional, context))
        })
    default: return nil
    }
  }
}
