// Texts of JSON that are written piece by piece.
import AttendBase

/// An object of JSON while it is written, in memory that may fail.
struct JSONText: ~Copyable {
  private var bytes = GrowingList<UInt8>(for: "a text of JSON")
  private var isFirst = true

  init() throws(Failure) { try raw("{") }

  private mutating func raw(_ text: String) throws(Failure) { for byte in text.utf8 { try bytes.append(byte) } }

  private mutating func key(_ key: String) throws(Failure) {
    if !isFirst { try raw(",") }
    isFirst = false
    try quoted(key)
    try raw(":")
  }

  private mutating func quoted(_ text: String) throws(Failure) {
    try raw("\"")
    for byte in text.utf8 { try JSON.escape(byte, into: &bytes) }
    try raw("\"")
  }

  /// Adds a member whose value is JSON already.
  mutating func add(_ name: String, json: String) throws(Failure) {
    try key(name)
    try raw(json)
  }

  mutating func add(_ name: String, json: JSON) throws(Failure) {
    try key(name)
    for byte in json.source { try bytes.append(byte) }
    withExtendedLifetime(json) {}
  }

  mutating func add(_ name: String, _ text: String) throws(Failure) {
    try key(name)
    try quoted(text)
  }

  mutating func add(_ name: String, _ number: Int?) throws(Failure) {
    if let number { try add(name, json: "\(number)") }
  }

  /// Adds a member whose key is bytes of UTF-8.
  mutating func add(bytes name: UnsafeBufferPointer<UInt8>, _ number: Int) throws(Failure) {
    if !isFirst { try raw(",") }
    isFirst = false
    try raw("\"")
    try JSON.escape(name, into: &bytes)
    try raw("\":\(number)")
  }

  /// Adds an object, which `body` fills.
  mutating func add(
    _ name: String, _ body: (inout JSONText) throws(Failure) -> Void
  ) throws(Failure) {
    try key(name)
    try raw("{")
    isFirst = true
    try body(&self)
    try raw("}")
    isFirst = false
  }

  /// The whole text, in the place of a file at `path`.
  consuming func file(_ path: String) throws(Failure) -> LoadedFile {
    try raw("}")
    return try LoadedFile(path, holding: UnsafeRawBufferPointer(bytes.elements))
  }
}
