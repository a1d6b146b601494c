// The types of values that configurations hold.
import AttendBase

extension Configuration {
  /// The largest integer that a configuration may hold; sizes made of two of them do not overflow.
  package static let maximalInteger = Int(Int32.max)

  // MARK: Integers

  /// An integer from 0 to `maximalInteger`. Without the key `default` is the value, or an error.
  package func integer(_ keys: String..., default standard: Int? = nil) throws(Failure) -> Int {
    try required(try natural(keys, from: 0), keys, standard)
  }

  /// An integer from 0 to `maximalInteger`, nil without the key.
  package func optionalInteger(_ keys: String...) throws(Failure) -> Int? { try natural(keys, from: 0) }

  /// An integer from 1 to `maximalInteger`. Without the key `default` is the value, or an error.
  package func size(_ keys: String..., default standard: Int? = nil) throws(Failure) -> Int {
    try required(try natural(keys, from: 1), keys, standard)
  }

  /// An integer from 1 to `maximalInteger`, nil without the key.
  package func optionalSize(_ keys: String...) throws(Failure) -> Int? { try natural(keys, from: 1) }

  /// Integers from 0 to `maximalInteger`: a list or, as eos_token_id is often written, a single one; nil without the
  /// key.
  package func optionalIntegers(_ keys: String...) throws(Failure) -> [Int]? {
    try optional(keys, "integers from 0 to \(Configuration.maximalInteger)") { json in
      if json.kind != .array { return Configuration.natural(json, from: 0).map { [$0] } }
      return Configuration.list(json) { Configuration.natural($0, from: 0) }
    }
  }

  private func natural(_ keys: [String], from least: Int) throws(Failure) -> Int? {
    let found = try optional(keys, "an integer from \(least) to \(Configuration.maximalInteger)") {
      Configuration.natural($0, from: least)
    }
    guard found == nil, !standards.isEmpty, !keys.contains(where: { json[$0] != nil }) else { return found }
    return keys.lazy.compactMap { self.standards[$0] }.first
  }

  static func natural(_ json: JSON, from least: Int) -> Int? {
    json.int.flatMap { (least...maximalInteger).contains($0) ? $0 : nil }
  }

  // MARK: Numbers

  /// A finite number. Without the key `default` is the value, or an error.
  package func number(_ keys: String..., default standard: Double? = nil) throws(Failure) -> Double {
    try required(try finite(keys), keys, standard)
  }

  /// A finite number, nil without the key.
  package func optionalNumber(_ keys: String...) throws(Failure) -> Double? { try finite(keys) }

  /// A list of finite numbers, nil without the key.
  package func optionalNumbers(_ keys: String...) throws(Failure) -> [Double]? {
    try optional(keys, "a list of numbers") { Configuration.list($0, Configuration.finite) }
  }

  private func finite(_ keys: [String]) throws(Failure) -> Double? {
    try optional(keys, "a number", Configuration.finite)
  }

  private static func finite(_ json: JSON) -> Double? { json.double.flatMap { $0.isFinite ? $0 : nil } }

  // MARK: Truth values and texts

  /// true or false. Without the key `default` is the value, or an error.
  package func boolean(_ keys: String..., default standard: Bool? = nil) throws(Failure) -> Bool {
    try required(try optional(keys, "true or false", \.bool), keys, standard)
  }

  /// true or false, nil without the key.
  package func optionalBoolean(_ keys: String...) throws(Failure) -> Bool? {
    try optional(keys, "true or false", \.bool)
  }

  /// A text. Without the key `default` is the value, or an error.
  package func string(_ keys: String..., default standard: String? = nil) throws(Failure) -> String {
    try required(try optional(keys, "a string", \.string), keys, standard)
  }

  /// A text, nil without the key.
  package func optionalString(_ keys: String...) throws(Failure) -> String? { try optional(keys, "a string", \.string) }

  /// A list of texts, such as layer_types; nil without the key.
  package func optionalStrings(_ keys: String...) throws(Failure) -> [String]? {
    try optional(keys, "a list of strings") { Configuration.list($0, \.string) }
  }

  /// The elements of an array, nil for anything else and where `convert` gives nil for one of them.
  /// Truth values, nil without the key.
  package func optionalBooleans(_ keys: String...) throws(Failure) -> [Bool]? {
    try optional(keys, "a list of truth values") { json in Configuration.list(json) { $0.bool } }
  }

  package static func list<Value>(_ json: JSON, _ convert: (JSON) -> Value?) -> [Value]? {
    guard json.kind == .array else { return nil }
    var values: [Value] = []
    for element in json.elements {
      guard let value = convert(element) else { return nil }
      values.append(value)
    }
    return values
  }
}
