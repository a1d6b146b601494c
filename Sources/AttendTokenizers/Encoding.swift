/// The place of a token in the source text: in bytes, and in Unicode scalars (where bytes that are not UTF-8 count as the U+FFFD they become).
/// Two equal numbers for a token that the template added.
package struct TokenOffsets: Equatable, Sendable {
  package var byteStart: Int32 = 0
  package var byteEnd: Int32 = 0
  package var scalarStart: Int32 = 0
  package var scalarEnd: Int32 = 0
}

/// A tokenized text. Every array has one entry a token.
package struct Encoding: Sendable {
  package internal(set) var ids: [Int32] = []
  package internal(set) var offsets: [TokenOffsets] = []
  /// The tokens that the template added.
  package internal(set) var isSpecial: [Bool] = []
  /// The segment, as BERT numbers them.
  package internal(set) var typeIDs: [Int32] = []

  package init() {}
}
