/// The members of a request. Each is asked for by its name; `finish` finds those that nobody asked for.
struct RequestFields {
  private let fields: [Field]
  private var known: Set<String> = []

  init(_ body: [UInt8]) throws(APIError) {
    guard let value = try? Value(json: body) else {
      throw .invalid("The body of the request is not JSON.", code: "invalid_json")
    }
    guard case .object(let fields) = value else {
      throw .invalid("The body of the request is no JSON object.", code: "invalid_json")
    }
    self.fields = fields
  }

  /// A member; nil where it is not there or null.
  mutating func take(_ name: String) -> Value? {
    known.insert(name)
    guard let field = fields.last(where: { $0.name == name }) else { return nil }
    if case .null = field.value { return nil }
    return field.value
  }

  mutating func string(_ name: String) throws(APIError) -> String? {
    guard let value = take(name) else { return nil }
    guard case .string(let text) = value else { throw RequestFields.wrong(name, "a string", value) }
    return text
  }

  mutating func bool(_ name: String) throws(APIError) -> Bool? {
    guard let value = take(name) else { return nil }
    guard case .bool(let answer) = value else { throw RequestFields.wrong(name, "true or false", value) }
    return answer
  }

  mutating func integer(_ name: String, _ range: ClosedRange<Int>) throws(APIError) -> Int? {
    guard let value = take(name) else { return nil }
    guard let number = value.wholeNumber else { throw RequestFields.wrong(name, "an integer", value) }
    guard range.contains(number) else {
      let end = range.upperBound == .max ? "" : " to \(range.upperBound)"
      throw .invalid("\(name) is \(number); it is from \(range.lowerBound)\(end).", name, code: "invalid_value")
    }
    return number
  }

  mutating func number(_ name: String, _ range: ClosedRange<Double>) throws(APIError) -> Double? {
    guard let value = take(name) else { return nil }
    guard let number = value.realNumber else { throw RequestFields.wrong(name, "a number", value) }
    guard range.contains(number) else {
      throw .invalid(
        "\(name) is \(value.json); it is from \(range.lowerBound) to \(range.upperBound).", name, code: "invalid_value")
    }
    return number
  }

  /// Members without which the answer would be the same, and which OpenAI's API takes.
  mutating func ignore(_ names: String...) { known.formUnion(names) }

  /// Members that would change the answer, and of which only one value is understood.
  mutating func only(_ name: String, _ allowed: String...) throws(APIError) {
    guard let value = take(name), !allowed.contains(value.json) else { return }
    throw .invalid("\(name) \(value.json) is not supported.", name, code: "unsupported_parameter")
  }

  func finish() throws(APIError) {
    guard let stranger = fields.first(where: { !known.contains($0.name) }) else { return }
    throw .invalid("Unrecognized request argument supplied: \(stranger.name)", stranger.name, code: "unknown_parameter")
  }

  static func wrong(_ name: String, _ wanted: String, _ value: Value) -> APIError {
    .invalid("\(name) is \(value.kind), and not \(wanted).", name, code: "invalid_type")
  }
}

extension Value {
  /// What a value is, for messages.
  var kind: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .integer, .number: "a number"
    case .string: "a string"
    case .list: "a list"
    case .object: "an object"
    }
  }

  var wholeNumber: Int? {
    switch self {
    case .integer(let number): number
    case .number(let number): Int(exactly: number)
    default: nil
    }
  }

  var realNumber: Double? {
    switch self {
    case .integer(let number): Double(number)
    case .number(let number): number.isFinite ? number : nil
    default: nil
    }
  }

  var text: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  var items: [Value]? {
    guard case .list(let items) = self else { return nil }
    return items
  }

  /// Strings, one or several.
  var strings: [String]? {
    if let text { return [text] }
    guard let items else { return nil }
    let texts = items.compactMap(\.text)
    return texts.count == items.count ? texts : nil
  }

  /// Ids of tokens.
  var ids: [Int32]? {
    guard let items, !items.isEmpty else { return nil }
    let ids = items.compactMap { $0.wholeNumber.flatMap { Int32(exactly: $0) } }
    return ids.count == items.count ? ids : nil
  }
}
