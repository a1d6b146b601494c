import AttendBase
import AttendCheckpoints

/// A value in a template.
indirect enum JinjaValue {
  case undefined(String)
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case list([JinjaValue])
  case dictionary(JinjaDictionary)
  case namespace(JinjaNamespace)
  case macro(JinjaMacro)
  case function(String)
  case loop(JinjaLoop)

  init(_ json: JSON) {
    switch json.kind {
    case .null: self = .none
    case .bool: self = .bool(json.bool ?? false)
    case .number: self = json.int.map { .int($0) } ?? .double(json.double ?? 0)
    case .string: self = .string(json.string ?? "")
    case .array: self = .list(json.elements.map { JinjaValue($0) })
    case .object:
      var dictionary = JinjaDictionary()
      for member in json.members { dictionary[member.key.string ?? ""] = JinjaValue(member.value) }
      self = .dictionary(dictionary)
    }
  }

  /// Python's name of the type, for messages.
  var typeName: String {
    switch self {
    case .undefined: "undefined"
    case .none: "None"
    case .bool: "bool"
    case .int: "int"
    case .double: "float"
    case .string: "str"
    case .list: "list"
    case .dictionary: "dict"
    case .namespace: "namespace"
    case .macro, .function: "function"
    case .loop: "loop"
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .double(let value): value != 0
    case .string(let value): !value.isEmpty
    case .list(let items): !items.isEmpty
    case .dictionary(let dictionary): !dictionary.keys.isEmpty
    case .namespace, .macro, .function, .loop: true
    }
  }

  /// The text that `{{ value }}` writes, as Python's `str` has it.
  var text: String {
    switch self {
    case .undefined: ""
    case .string(let value): value
    default: representation
    }
  }

  /// As Python's `repr` has it.
  var representation: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "None"
    case .bool(let value): value ? "True" : "False"
    case .int(let value): String(value)
    case .double(let value): JinjaValue.spell(value)
    case .string(let value): JinjaValue.quote(value)
    case .list(let items): "[" + items.map(\.representation).joined(separator: ", ") + "]"
    case .dictionary(let dictionary):
      "{" + dictionary.keys.map { "\(JinjaValue.quote($0)): \(dictionary[$0]!.representation)" }.joined(separator: ", ")
        + "}"
    case .namespace: "<Namespace>"
    case .macro(let macro): "<Macro '\(macro.name)'>"
    case .function(let name): "<function \(name)>"
    case .loop: "<LoopContext>"
    }
  }

  static func spell(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    return "\(value)"
  }

  private static func quote(_ text: String) -> String {
    let mark: Unicode.Scalar = text.unicodeScalars.contains("'") && !text.unicodeScalars.contains("\"") ? "\"" : "'"
    var result = String(mark)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case mark: result += "\\\(mark)"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + String(mark)
  }

  /// Python's `==`.
  static func equals(_ a: JinjaValue, _ b: JinjaValue) -> Bool {
    switch (a, b) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let x), .string(let y)): return Array(x.utf8) == Array(y.utf8)
    case (.list(let x), .list(let y)): return x.count == y.count && zip(x, y).allSatisfy { equals($0, $1) }
    case (.dictionary(let x), .dictionary(let y)):
      return x.keys.count == y.keys.count && x.keys.allSatisfy { key in y[key].map { equals(x[key]!, $0) } ?? false }
    default:
      guard let x = a.number, let y = b.number else { return false }
      return x == y
    }
  }

  /// The value as a number; true is 1.
  var number: Double? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  var integer: Int? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .int(let value): value
    default: nil
    }
  }
}

/// Values by name, in the order in which the names came.
struct JinjaDictionary {
  private(set) var keys: [String] = []
  private var values: [String: JinjaValue] = [:]

  subscript(key: String) -> JinjaValue? {
    get { values[key] }
    set {
      if values[key] == nil, newValue != nil { keys.append(key) }
      if newValue == nil { keys.removeAll { $0 == key } }
      values[key] = newValue
    }
  }
}

/// What `namespace()` makes: attributes that inner blocks may set.
final class JinjaNamespace { var attributes = JinjaDictionary() }

/// A macro and the scope that it was written in.
final class JinjaMacro {
  let name: String
  let parameters: [(name: String, value: JinjaExpression?)]
  let body: [JinjaNode]

  init(name: String, parameters: [(name: String, value: JinjaExpression?)], body: [JinjaNode]) {
    self.name = name
    self.parameters = parameters
    self.body = body
  }
}

/// The variable `loop`.
struct JinjaLoop {
  let index: Int
  let items: [JinjaValue]
  let depth: Int

  func attribute(_ name: String) -> JinjaValue? {
    switch name {
    case "index": .int(index + 1)
    case "index0": .int(index)
    case "revindex": .int(items.count - index)
    case "revindex0": .int(items.count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == items.count - 1)
    case "length": .int(items.count)
    case "depth": .int(depth)
    case "depth0": .int(depth - 1)
    case "previtem": index > 0 ? items[index - 1] : .undefined("loop.previtem")
    case "nextitem": index + 1 < items.count ? items[index + 1] : .undefined("loop.nextitem")
    default: nil
    }
  }
}
