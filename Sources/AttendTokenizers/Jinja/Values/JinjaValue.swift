import AttendBase
import AttendCheckpoints

/// A value in a template: those of Python that a template can meet.
///
/// Lists and dictionaries never change, for the sandbox of chat templates refuses whatever would change them.
enum JinjaValue {
  case undefined(JinjaUndefined)
  case none
  case bool(Bool)
  case int(Int)
  /// An integer beyond 64 bits.
  case big(BigInteger)
  case float(Double)
  case text(JinjaText)
  case list(JinjaList)
  case tuple(JinjaList)
  case dictionary(JinjaDictionary)
  case object(JinjaObject)

  init(_ text: String) { self = .text(JinjaText(text)) }
  init(_ scalars: [UInt32]) { self = .text(JinjaText(scalars)) }

  /// The integer in the form that fits it.
  init(_ integer: BigInteger) { self = integer.int.map { .int($0) } ?? .big(integer) }

  /// The name of the type, as Python has it.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .int, .big: "int"
    case .float: "float"
    case .text(let text): text.isSafe ? "Markup" : "str"
    case .list: "list"
    case .tuple(let items): items.isGroup ? "_GroupTuple" : "tuple"
    case .dictionary: "dict"
    case .object(let object): object.typeName
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .big: true
    case .float(let value): value != 0
    case .text(let text): !text.isEmpty
    case .list(let list), .tuple(let list): !list.items.isEmpty
    case .dictionary(let dictionary): dictionary.count > 0
    case .object(let object): object.isTrue
    }
  }

  /// Containers within containers, 0 of what contains nothing.
  var depth: Int {
    switch self {
    case .list(let list), .tuple(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    case .object(let object): object.depth
    default: 0
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }
  var isNone: Bool { if case .none = self { true } else { false } }

  /// The text of a `str`.
  var text: JinjaText? { if case .text(let text) = self { text } else { nil } }

  /// The items of a list or tuple.
  var items: [JinjaValue]? {
    switch self {
    case .list(let list), .tuple(let list): list.items
    default: nil
    }
  }

  /// An integer, also as a bool.
  var integer: BigInteger? {
    switch self {
    case .bool(let value): BigInteger(value ? 1 : 0)
    case .int(let value): BigInteger(value)
    case .big(let value): value
    default: nil
    }
  }

  /// An integer that fits 64 bits, also as a bool.
  var int: Int? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .int(let value): value
    default: nil
    }
  }
}

/// The items of a list or tuple, and the identity that `sameas` asks for.
final class JinjaList {
  let items: [JinjaValue]
  let depth: Int
  /// A tuple that `groupby` made, with the attributes `grouper` and `list`.
  let isGroup: Bool

  fileprivate init(_ items: [JinjaValue], depth: Int, isGroup: Bool) {
    self.items = items
    self.depth = depth
    self.isGroup = isGroup
  }
}

/// A value that something was looked for in and not found, with the words of Jinja for those who use it all the same.
final class JinjaUndefined {
  /// The sentence of the error.
  let message: String
  /// An attribute that the sandbox keeps away: the template is to blame, whatever it is given.
  let isForbidden: Bool

  init(_ message: String, isForbidden: Bool = false) {
    self.message = message
    self.isForbidden = isForbidden
  }
}

extension JinjaValue {
  static func undefined(name: JinjaText) -> JinjaValue {
    .undefined(JinjaUndefined("'\(name.string)' is undefined"))
  }

  static func undefined(_ message: String) -> JinjaValue { .undefined(JinjaUndefined(message)) }
}

/// Values that are neither data nor text: iterators, macros, loops. Compared by identity.
class JinjaObject {
  var typeName: String { "object" }
  var isTrue: Bool { true }
  /// Containers within containers, as `JinjaValue.depth`.
  var depth: Int { 0 }
  /// As Python's `repr` has it, of objects without contents to spell.
  var representation: String { "<\(typeName) object>" }
  /// Whether it may be called.
  var isCallable: Bool { false }
  /// The attribute of that name, or nil.
  func attribute(_ name: JinjaText, _ context: JinjaContext) throws(Failure) -> JinjaValue? { nil }
  /// Lets go of other values, so that circles of references come apart at the end.
  func clear() {}
}

extension JinjaContext {
  /// A list of new items. Throws where the budget of bytes or of depth is used up.
  func list(_ items: [JinjaValue]) throws(Failure) -> JinjaValue { .list(try contents(items)) }

  func tuple(_ items: [JinjaValue], isGroup: Bool = false) throws(Failure) -> JinjaValue {
    .tuple(try contents(items, isGroup: isGroup))
  }

  private func contents(_ items: [JinjaValue], isGroup: Bool = false) throws(Failure) -> JinjaList {
    try budget.take(bytes: items.count * MemoryLayout<JinjaValue>.stride + 64)
    var depth = 0
    for item in items { depth = max(depth, item.depth) }
    return JinjaList(items, depth: try budget.nested(depth), isGroup: isGroup)
  }

  /// A text of new contents.
  func text(_ scalars: [UInt32], isSafe: Bool = false) throws(Failure) -> JinjaValue {
    try budget.take(bytes: scalars.count * 4 + 32)
    return .text(JinjaText(scalars, isSafe: isSafe))
  }

  /// Makes room for a text of `count` code points, before it is made.
  func reserve(_ count: Int) throws(Failure) { try budget.reserve(bytes: count.multipliedReportingOverflow(by: 4)) }

  /// A value of JSON.
  func value(_ json: JSON) throws(Failure) -> JinjaValue {
    try budget.spend(8)
    switch json.kind {
    case .null: return .none
    case .bool: return .bool(json.bool ?? false)
    case .number: return try number(json)
    case .string: return try text(json.withUTF8 { JinjaText(utf8: $0).scalars } ?? [])
    case .array:
      try budget.enter()
      defer { budget.leave() }
      var items: [JinjaValue] = []
      for element in json.elements { items.append(try value(element)) }
      return try list(items)
    case .object:
      try budget.enter()
      defer { budget.leave() }
      var members = JinjaMembers()
      for member in json.members {
        try members.set(.text(JinjaText(utf8: member.key.withUTF8 { Array($0) } ?? [])), try value(member.value), self)
      }
      return try dictionary(members)
    }
  }

  /// A number of JSON: an integer where it is spelled as one, of any size.
  private func number(_ json: JSON) throws(Failure) -> JinjaValue {
    let spelled = withExtendedLifetime(json) { Array(json.source) }
    let digits = spelled.first == UInt8(ascii: "-") ? spelled.dropFirst() : spelled[...]
    guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return .float(json.double ?? .nan) }
    if let value = json.int { return .int(value) }
    try checkDigits(digits.count)
    return JinjaValue(
      BigInteger(digits: digits.lazy.map { $0 - 0x30 }, radix: 10, isNegative: digits.count < spelled.count))
  }
}
