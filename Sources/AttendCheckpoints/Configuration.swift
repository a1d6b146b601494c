// config.json and its like: objects whose keys have had several names.
import AttendBase

/// A JSON object that is read key by key, each under all the names that the field has used for it. What has been read
/// is remembered, so that what was not understood can be named.
///
/// Where several keys are given, the first one that is present and not null counts; all of them are then understood.
/// Every error is an `invalidFile` that names the file, the key and the value. One thread at a time.
package final class Configuration {
  /// The object itself.
  package let json: JSON
  private let prefix: String  // of the keys in messages: "text_config."
  /// Second names of keys, looked for where the first is missing.
  package var keyAliases: [String: String] = [:]
  /// The integers of keys that are left out where this object stands inside of another: libraries write there what
  /// differs from these, and nothing else.
  package var standards: [String: Int] = [:]
  private var understood = GrowingList<Bool>(for: "the keys of a configuration")  // of each member
  private var children: [String: Configuration] = [:]
  private var settled: [String] = []

  /// The object `json`; throws `invalidFile` where it is none.
  package convenience init(_ json: JSON) throws(Failure) { try self.init(json, prefix: "") }

  /// The file at `path`. Throws `notFound`, `inputOutput`, `invalidFile`, `outOfMemory`.
  package convenience init(file path: String) throws(Failure) { try self.init(try JSON.file(path)) }

  private init(_ json: JSON, prefix: String) throws(Failure) {
    guard json.kind == .object else {
      throw Failure(.invalidFile, "\(json.file)\(prefix.isEmpty ? "" : ": \(prefix.dropLast())") is not a JSON object")
    }
    self.json = json
    self.prefix = prefix
    try understood.reserve(json.count)
    understood.resize(to: json.count, filling: false)
  }

  /// The path of the file, as it appears in messages.
  package var path: String { json.file }

  /// Whether a key is present and not null. Does not count as understanding it.
  package func holds(_ key: String) -> Bool { json[key].map { !$0.isNull } ?? false }

  /// Notes keys as known and without a meaning for what is computed, such as the rates of dropout.
  package func understand(_ keys: String...) { for key in keys { _ = read(key) } }

  /// Takes a key as absent from now on, and as understood: what is around this object says otherwise.
  package func settle(_ key: String) {
    understand(key)
    settled.append(key)
  }

  /// Calls `body` with the members whose keys nobody has asked for, in their order.
  package func forEachUnread(_ body: (_ key: JSON, _ value: JSON) throws(Failure) -> Void) throws(Failure) {
    for (index, member) in json.members.enumerated() where !understood[index] { try body(member.key, member.value) }
  }

  /// Whether a key is there, and nobody has asked for it.
  package func isUnread(_ key: String) -> Bool {
    var key = key
    return key.withUTF8 { wanted in
      json.members.enumerated().contains { index, member in !understood[index] && member.key.equals(wanted) }
    }
  }

  /// The keys that nobody has asked for, in their order; those of nested objects that were opened as "outer.inner".
  package var unread: [String] {
    json.members.enumerated().flatMap { index, member -> [String] in
      let key = member.key.string ?? ""
      return children[key]?.unread ?? (understood[index] ? [] : [prefix + key])
    }
  }

  /// An `invalidFile` that names the file, the key and `reason`: "has 3 layers, but ..."
  package func invalid(_ key: String, _ reason: String) -> Failure {
    Failure(.invalidFile, "\(path): \(prefix)\(key) \(reason)")
  }

  /// The first of `keys`, then of their second names, that is present and not null.
  func find(_ keys: [String]) -> (key: String, value: JSON)? {
    var found: (key: String, value: JSON)?
    func look(_ key: String) {
      if let value = read(key), !value.isNull, found == nil, !settled.contains(key) { found = (key, value) }
    }
    for key in keys { look(key) }
    for key in keys { if let alias = keyAliases[key] { look(alias) } }
    return found
  }

  /// The value of a key, the last one where it is repeated; nil without it. The key counts as understood.
  func read(_ key: String) -> JSON? {
    var key = key, found: JSON?
    key.withUTF8 { wanted in
      for (index, member) in json.members.enumerated() where member.key.equals(wanted) {
        understood[index] = true
        found = member.value
      }
    }
    return found
  }

  /// The first of `keys` as `convert` makes it, nil where there is none; an error that asks for `expected` where
  /// `convert` gives nil.
  package func optional<Value>(
    _ keys: [String], _ expected: @autoclosure () -> String, _ convert: (JSON) -> Value?
  ) throws(Failure) -> Value? {
    guard let (key, json) = find(keys) else { return nil }
    guard let value = convert(json) else { throw invalid(key, "is \(json.excerpt), expected \(expected())") }
    return value
  }

  /// The value, or the default, or an error that names the keys.
  func required<Value>(_ value: Value?, _ keys: [String], _ standard: Value?) throws(Failure) -> Value {
    guard let value = value ?? standard else {
      let names = keys.map { prefix + $0 }
      throw Failure(.invalidFile, "\(path): \(names.joined(separator: " or ")) is missing")
    }
    return value
  }

  /// The object at the first of `keys`, nil where there is none. The same object each time, so that what was read of it
  /// adds up.
  package func child(_ keys: String...) throws(Failure) -> Configuration? {
    guard let (key, value) = find(keys) else { return nil }
    if let child = children[key] { return child }
    guard value.kind == .object else { throw invalid(key, "is \(value.excerpt), expected an object") }
    let child = try Configuration(value, prefix: prefix + key + ".")
    children[key] = child
    return child
  }
}
