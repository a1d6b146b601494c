// Cached keys and values, and the sequences and heads that attention reads them for.

/// A page of the cache: consecutive positions of one sequence, keys and values of all layers, in units of 32 bits. The
/// caller owns its memory.
///
/// The keys of a head are a panel, as weights are: in float32 `[headDim][32]`, in bfloat16 `[(headDim + 1) / 2][32]`
/// with two components to a unit. Its values are rows: in float32 `[32][headDim]`, in bfloat16 `[16][headDim]` with two
/// neighbouring positions to a unit. The first of two lies in the low half.
package enum KeyValuePage {
  /// Positions of a page.
  package static let tokens = panelWidth
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

  package init(row: Int, count: Int, position: Int, keys: Int, pages: UnsafePointer<UnsafeMutableRawPointer>) {
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
  /// Whether keys and values are bfloat16, and the queries and probabilities that meet them are rounded to it;
  /// otherwise float32.
  package var isBFloat16: Bool

  package init(
    heads: Int, keyValueHeads: Int, headDim: Int, keyOffset: Int, valueOffset: Int, headStride: Int, scale: Float,
    isBFloat16: Bool = false
  ) {
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.headDim = headDim
    self.keyOffset = keyOffset
    self.valueOffset = valueOffset
    self.headStride = headStride
    self.scale = scale
    self.isBFloat16 = isBFloat16
  }
}
