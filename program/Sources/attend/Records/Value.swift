/// A value of JSON.
indirect enum Value: Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list([Value])
  case object([Field])

  /// The text of a JSON document.
  init(json: [UInt8]) throws(Trouble) {
    guard let value = json.withUnsafeBufferPointer({ JSONReader.read($0) }) else { throw Trouble("this is not JSON") }
    self = value
  }

  /// What a user writes behind NAME=: JSON, or else a text as it stands.
  init(argument: String) {
    self = (try? Value(json: Array(argument.utf8))) ?? .string(argument)
  }

  /// A number as float32 has it, in as few digits as tell it from its neighbours.
  static func float(_ number: Float) -> Value { .number(Double("\(number)") ?? Double(number)) }

  subscript(name: String) -> Value? {
    guard case .object(let fields) = self else { return nil }
    return fields.last { $0.name == name }?.value
  }

  /// As text outside JSON: in a cell of CSV, in a line.
  var plain: String {
    switch self {
    case .null: ""
    case .string(let text): text
    default: json
    }
  }

  var json: String {
    var out = ""
    write(to: &out)
    return out
  }

  private func write(to out: inout String) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .integer(let value): out += "\(value)"
    case .number(let value): out += value.isFinite ? "\(value)" : "null"
    case .string(let text): Value.write(text, to: &out)
    case .list(let values):
      out += "["
      for (index, value) in values.enumerated() {
        if index > 0 { out += ", " }
        value.write(to: &out)
      }
      out += "]"
    case .object(let fields):
      out += "{"
      for (index, field) in fields.enumerated() {
        if index > 0 { out += ", " }
        Value.write(field.name, to: &out)
        out += ": "
        field.value.write(to: &out)
      }
      out += "}"
    }
  }

  private static func write(_ text: String, to out: inout String) {
    out += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    out += "\""
  }
}

/// A member of an object, or a cell of a row, with its name.
struct Field: Sendable {
  var name: String
  var value: Value

  init(_ name: String, _ value: Value) {
    self.name = name
    self.value = value
  }
}
