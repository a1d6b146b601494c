// Cached keys and values, and the sequences and heads that attention reads them for.

/// A page of the cache: consecutive positions of one sequence, keys and values of all layers, in units of 32 bits. The
/// caller owns its memory.
///
/// The keys of a head are a panel, as weights are: in float32 `[headDim][32]`, in bfloat16 `[(headDim + 1) / 2][32]`
/// with two components to a unit. Its values are rows: in float32 `[32][headDim]`, in bfloat16 `[16][headDim]` with two
/// neighbouring positions to a unit. The first of two lies in the low half.
///
/// In 8 and in 4 bits a block begins with the float32 scales of its 32 positions. Then come rows of whole numbers,
/// `[headDim][32]` of keys and `[32][headDim]` of values: of 8 bits signed bytes, of 4 bits 8 more than the number, of
/// 32 neighbours the first sixteen in the low halves of sixteen bytes and the others in the high halves.
package enum KeyValuePage {
  /// Positions of a page.
  package static let tokens = panelWidth

  /// Components of a head that are rotated together before they are rounded, as `KernelTable.Conversions.rotate` does
  /// it; 1: they are not.
  package static func spreading(_ headDim: Int) -> Int { min(128, headDim & -headDim) }

  /// Units of 32 bits of the scales of a block.
  @inlinable package static var scaleUnits: Int { panelWidth }

  /// Units of the row of a position's values, in 8 or in 4 bits: whole vectors.
  @inlinable @inline(__always) package static func valueRow(_ headDim: Int, isInt4: Bool) -> Int {
    isInt4 ? (headDim &+ 31) / 32 &* 4 : (headDim &+ 15) / 16 &* 4
  }

  /// Units of 32 bits of the keys, or of the values, of one head.
  package static func headUnits(_ headDim: Int, _ type: KeyValueType) -> Int {
    switch type {
    case .float32: headDim * tokens
    case .bfloat16: (headDim + 1) / 2 * tokens
    // No row of values is shorter than its share of the keys.
    case .int8, .int4: scaleUnits + tokens * valueRow(headDim, isInt4: type == .int4)
    }
  }

  /// Units of the row of a component of keys, in 8 or in 4 bits.
  @inlinable @inline(__always) package static func keyRow(isInt4: Bool) -> Int { isInt4 ? 4 : 8 }
}

/// The type in which a cache keeps keys and values.
package enum KeyValueType: UInt32, Sendable, CaseIterable {
  case float32 = 1
  /// The queries and probabilities that meet them are rounded to it.
  case bfloat16 = 2
  /// Whole numbers with a scale for each position and head. What is kept is rotated first, see
  /// `KernelTable.Conversions.rotate`, and so are the queries.
  case int8 = 3
  case int4 = 4

  /// Whether keys and values are whole numbers with scales.
  package var isQuantized: Bool { self == .int8 || self == .int4 }
}

/// Positions `[first, limit)` of the keys that a query sees; none where the limit is not beyond the first.
package struct KeySpan: BitwiseCopyable {
  package var first: Int32
  package var limit: Int32

  package init(first: Int32, limit: Int32) { (self.first, self.limit) = (first, limit) }

  /// All that there are.
  package static let all = KeySpan(first: 0, limit: .max)
  /// Whether it is that of all.
  package var isAll: Bool { limit == .max }
}

/// One sequence of an attention call.
package struct AttentionSequence: BitwiseCopyable {
  /// The first row of queries.
  package var row: Int
  /// Queries.
  package var count: Int
  /// Absolute position of the first query: tokens cached before.
  package var position: Int
  /// Positions to attend to at most; all are stored.
  package var keys: Int
  /// Page p holds positions `[32 p, 32 p + 32)`. As many as `keys` need, or for storing `position + count`.
  package var pages: UnsafePointer<UnsafeMutableRawPointer>
  /// Of each query the keys that it sees, whatever a mask says; nil: as the mask says.
  package var spans: UnsafePointer<KeySpan>?

  package init(
    row: Int, count: Int, position: Int, keys: Int, pages: UnsafePointer<UnsafeMutableRawPointer>,
    spans: UnsafePointer<KeySpan>? = nil
  ) {
    self.spans = spans
    self.row = row
    self.count = count
    self.position = position
    self.keys = keys
    self.pages = pages
  }
}

/// The heads of a layer, and where in a page, counted in units, it keeps them: for key/value head h the keys at
/// `keyOffset + h * headStride` and the values at `valueOffset + h * headStride`.
package struct AttentionHeads {
  package var heads: Int
  /// A divisor of `heads`.
  package var keyValueHeads: Int
  package var headDim: Int
  package var keyOffset: Int
  package var valueOffset: Int
  package var headStride: Int
  /// The factor of scores, usually 1 / sqrt(headDim).
  package var scale: Float
  /// Of keys and values.
  package var type: KeyValueType

  package init(
    heads: Int, keyValueHeads: Int, headDim: Int, keyOffset: Int, valueOffset: Int, headStride: Int, scale: Float,
    type: KeyValueType = .float32
  ) {
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.headDim = headDim
    self.keyOffset = keyOffset
    self.valueOffset = valueOffset
    self.headStride = headStride
    self.scale = scale
    self.type = type
  }
}
