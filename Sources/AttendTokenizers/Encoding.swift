/// The place of a token in the source text: in bytes, and in Unicode scalars (where bytes that are not UTF-8 count as
/// the U+FFFD they become). Two equal numbers for a token that the template added.
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

extension Encoding {
  /// Leaves out tokens of the text, at its end or else at its beginning, until there are at most `limit`; those that
  /// the template added all stay.
  package mutating func truncate(to limit: Int, keepingEnd: Bool) {
    var dropped = min(max(ids.count - limit, 0), isSpecial.count { !$0 })
    guard dropped > 0 else { return }
    var kept: [Int] = []
    for index in keepingEnd ? Array(ids.indices) : ids.indices.reversed() {
      if dropped > 0, !isSpecial[index] { dropped -= 1 } else { kept.append(index) }
    }
    if !keepingEnd { kept.reverse() }
    (ids, offsets) = (kept.map { ids[$0] }, kept.map { offsets[$0] })
    (isSpecial, typeIDs) = (kept.map { isSpecial[$0] }, kept.map { typeIDs[$0] })
  }
}
