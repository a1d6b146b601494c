import AttendBase
import AttendCheckpoints

/// JSON Schema (draft 2020-12, and how the drafts 4, 6 and 7 spell it) as a grammar of the text of JSON.
///
/// A schema is first a set of values (`SchemaSets`): for each type a union of ranges or shapes, with all the algebra of
/// sets, so that `allOf`, `oneOf`, `not` and `if` are exact. What is left is written as rules (`SchemaWriter`). Members
/// come in the order of `properties`, those that it does not name after them. A keyword that is not implemented is an
/// error with its place; `format` is an assertion; what the standard does not define is an annotation.
package enum JSONSchema {
  /// How a value is written. The names are those of the reference's options.
  package struct Options: Sendable {
    /// Any run of space, tab, line feed and carriage return between the tokens of JSON. If not: none but what the
    /// separators hold.
    package var anyWhitespace = true
    /// Between elements and members where white space is not free.
    package var itemSeparator = ", "
    /// Between a name and its value where white space is not free.
    package var keySeparator = ": "
    /// No member and no element beyond those described, where `additionalProperties` or `items` are not given. Strings
    /// of bounded length are then what the reference has for them: no escape, and any character but the quote, the
    /// backslash and the ends of lines.
    package var strict = true

    package init() {}

    package init(
      anyWhitespace: Bool, itemSeparator: String = ", ", keySeparator: String = ": ", strict: Bool = true
    ) {
      (self.anyWhitespace, self.itemSeparator, self.keySeparator) = (anyWhitespace, itemSeparator, keySeparator)
      self.strict = strict
    }
  }

  /// The largest schema, in bytes.
  private static let largest = 16 << 20

  /// The grammar of the values that a schema allows. Throws `unsupported` for what is not implemented, with the keyword
  /// and its JSON pointer; `invalidArgument` for what is no schema, or one that no value meets.
  package static func grammar(of schema: JSON, _ options: Options = Options()) throws(Failure) -> Grammar {
    try grammar(of: schema, options, continuing: Grammar())
  }

  /// The same, written into a grammar that holds other parts, whose root the values become.
  static func grammar(
    of schema: JSON, _ options: Options, continuing begun: consuming Grammar
  ) throws(Failure) -> Grammar {
    guard schema.source.count <= largest else {
      throw Failure(
        .unsupported, "\(schema.file): a schema of \(schema.source.count) bytes; the limit is \(largest)")
    }
    guard options.itemSeparator.utf8.allSatisfy({ " \t\n\r,".utf8.contains($0) }),
      options.keySeparator.utf8.allSatisfy({ " \t\n\r:".utf8.contains($0) }),
      options.itemSeparator.utf8.count(where: { $0 == UInt8(ascii: ",") }) == 1,
      options.keySeparator.utf8.count(where: { $0 == UInt8(ascii: ":") }) == 1
    else {
      throw Failure(
        .invalidArgument,
        "separators \"\(options.itemSeparator)\" and \"\(options.keySeparator)\" are not , and : with white space")
    }
    let sets = SchemaSets(SchemaDocument(schema))
    defer { withExtendedLifetime(schema) {} }
    return try SchemaWriter.write(sets, sets.node(schema), options, into: begun)
  }

  /// The same for a schema as text, which messages call `name`.
  package static func grammar(
    text: UnsafeRawBufferPointer, name: String, _ options: Options = Options()
  ) throws(Failure) -> Grammar {
    try grammar(of: JSON.parse(text, file: name), options)
  }
}
