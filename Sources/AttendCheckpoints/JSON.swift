// JSON as a view of the text that holds it: configurations, tokenizers of many megabytes, headers of safetensors files.
import AttendBase

/// One value in a parsed JSON document (RFC 8259): a handle into an index of the document's own bytes.
///
/// Parsing checks the whole text and notes where each value begins and ends; numbers and strings are made when they are
/// asked for. A handle keeps its document alive. Immutable: any number of threads may read at once.
///
/// Beyond the RFC: `NaN`, `Infinity` and `-Infinity` are numbers, as Python writes them. A lone half of a surrogate
/// pair, which only an escape can spell, becomes U+FFFD. A byte order mark at the start is refused, as the RFC allows
/// and as the readers of Python and Rust do: a file that they cannot read is not taken for a sound one here.
package struct JSON: Sendable {
  let document: JSONDocument
  let node: Int

  /// The type of a value.
  package enum Kind: String, Sendable { case null, bool, number, string, array, object }

  /// Containers within containers, at most.
  package static let maximalDepth = 512

  /// Parses the text in `bytes`, which messages call `file`.
  ///
  /// The bytes must stay where and as they are while the result or any value in it is in use; `owner`, where given, is
  /// kept alive for that. Throws `invalidFile` with the file, the line, the column (from 1, in characters) and the
  /// reason; `outOfMemory`.
  package static func parse(
    _ bytes: UnsafeRawBufferPointer, file: String, owner: (any AnyObject & Sendable)? = nil
  ) throws(Failure) -> JSON {
    guard bytes.count < Int(UInt32.max) else {
      throw Failure(.invalidFile, "\(file) has \(bytes.count) bytes, too many for a JSON document")
    }
    var parser = JSONParser(bytes, file: file)
    try parser.parse()
    return JSON(document: JSONDocument(parser, owner: owner), node: 0)
  }

  /// Reads and parses the file at `path`. Throws `notFound`, `inputOutput`, `invalidFile`, `outOfMemory`.
  package static func file(_ path: String) throws(Failure) -> JSON {
    let file = try LoadedFile(path)
    return try parse(file.bytes, file: path, owner: file)
  }

  package var kind: Kind {
    switch document.byte(record.start) {
    case UInt8(ascii: "{"): .object
    case UInt8(ascii: "["): .array
    case UInt8(ascii: "\""): .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
    case UInt8(ascii: "n"): .null
    default: .number
    }
  }

  package var isNull: Bool { kind == .null }

  /// The value of `true` or `false`, nil for anything else.
  package var bool: Bool? { kind == .bool ? document.byte(record.start) == UInt8(ascii: "t") : nil }

  /// The number of elements of an array or members of an object (a repeated key counts each time); 0 for anything else.
  package var count: Int {
    switch kind {
    case .array, .object: Int(record.count)
    default: 0
    }
  }

  /// The text of this value as the document spells it; a string with its quotes. Alive as long as a handle of the
  /// document.
  package var source: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: document.bytes[Int(record.start)..<Int(record.start) + Int(record.length)])
  }

  /// The beginning of `source`, for messages.
  package var excerpt: String {
    withExtendedLifetime(document) {
      source.count <= 60
        ? String(decoding: source, as: UTF8.self) : String(decoding: source.prefix(60), as: UTF8.self) + "..."
    }
  }

  /// The name of the document's file, as given to `parse`.
  package var file: String { document.file }

  /// An `invalidFile` that names the file, the place of this value and `reason`, which should be a sentence without a
  /// period.
  package func invalid(_ reason: String) -> Failure { document.failure(reason, at: Int(record.start)) }

  var record: JSONRecord { document.records[node] }
}

// MARK: - Strings

extension JSON {
  /// The bytes of a string without its quotes and with its escapes resolved: valid UTF-8, may hold NUL; nil for
  /// anything else. Alive as long as a handle of the document.
  package var utf8: UnsafeBufferPointer<UInt8>? {
    guard kind == .string else { return nil }
    let record = record
    if record.link == JSONRecord.verbatim {
      return UnsafeRawBufferPointer(rebasing: source.dropFirst().dropLast()).assumingMemoryBound(to: UInt8.self)
    }
    return UnsafeBufferPointer(
      rebasing: document.unescaped.elements[Int(record.link)..<Int(record.link) + Int(record.count)])
  }

  /// Calls `body` with the bytes of a string, as `utf8` has them; nil for anything else.
  package func withUTF8<Result, Refusal: Error>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Refusal) -> Result
  ) throws(Refusal) -> Result? {
    guard let utf8 else { return nil }
    return try withExtendedLifetime(document) { () throws(Refusal) in try body(utf8) }
  }

  /// A string as a `String`; nil for anything else.
  package var string: String? { withUTF8 { String(decoding: $0, as: UTF8.self) } }

  /// Whether this is the string with exactly these bytes. Makes no `String`.
  package func equals(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
    withUTF8 { $0.count == other.count && $0.elementsEqual(other) } ?? false
  }

  /// Whether this is the string `text`. Makes no `String`.
  package func equals(_ text: String) -> Bool { withUTF8 { $0.elementsEqual(text.utf8) } ?? false }

  /// Whether the bytes of this string come before those of another.
  func precedes(_ other: JSON) -> Bool {
    withUTF8 { one in other.withUTF8 { one.lexicographicallyPrecedes($0) } ?? false } ?? false
  }

  func precedes(_ other: String) -> Bool { withUTF8 { $0.lexicographicallyPrecedes(other.utf8) } ?? false }
}

// MARK: - Containers

extension JSON {
  /// Element `index` of an array, in a time that grows with `index`; nil outside it or for anything else. To read all,
  /// iterate `elements`.
  package subscript(index: Int) -> JSON? {
    guard kind == .array, index >= 0, index < count else { return nil }
    var iterator = elements
    for _ in 0..<index { _ = iterator.next() }
    return iterator.next()
  }

  /// The value of a key of an object, the last one where the key is repeated; nil without it or for anything else. The
  /// time grows with the number of members: to read many from a large object, iterate `members`.
  package subscript(key: String) -> JSON? {
    var key = key
    return key.withUTF8 { wanted in
      var found: JSON?
      for (key, value) in members where key.equals(wanted) { found = value }
      return found
    }
  }

  /// The elements of an array in their order; none for anything else.
  package var elements: Elements { Elements(document: document, node: node + 1, remaining: kind == .array ? count : 0) }

  /// The members of an object in their order, repeated keys included; none for anything else. Keys are values of kind
  /// `string`.
  package var members: Members { Members(document: document, node: node + 1, remaining: kind == .object ? count : 0) }

  /// The node after this value and all that is in it.
  var nextNode: Int {
    switch kind {
    case .array, .object: Int(record.link)
    default: node + 1
    }
  }

  package struct Elements: Sequence, IteratorProtocol, Sendable {
    let document: JSONDocument
    var node: Int
    var remaining: Int

    package var underestimatedCount: Int { remaining }

    package mutating func next() -> JSON? {
      guard remaining > 0 else { return nil }
      let value = JSON(document: document, node: node)
      node = value.nextNode
      remaining -= 1
      return value
    }
  }

  package struct Members: Sequence, IteratorProtocol, Sendable {
    let document: JSONDocument
    var node: Int
    var remaining: Int

    package var underestimatedCount: Int { remaining }

    package mutating func next() -> (key: JSON, value: JSON)? {
      guard remaining > 0 else { return nil }
      let key = JSON(document: document, node: node)
      let value = JSON(document: document, node: node + 1)
      node = value.nextNode
      remaining -= 1
      return (key, value)
    }
  }
}
