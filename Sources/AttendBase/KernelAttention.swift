// What the kernels of attention are told.

/// Queries of one key/value head of one sequence against its pages of keys and values.
package struct AttentionArguments {
  package var q: UnsafePointer<Float>  // the sequence's first query row, first head of the group
  package var qStride: Int
  package var out: UnsafeMutablePointer<Float>  // the same place in the output
  package var outStride: Int
  package var group: Int  // query heads that share the key/value head
  package var headDim: Int
  package var pages: UnsafePointer<UnsafeMutableRawPointer>
  package var keyOffset: Int  // units of 32 bits from a page's start to this head's panel of keys, see `KeyValuePage`
  package var valueOffset: Int  // units from a page's start to this head's values
  package var position: Int  // absolute position of the first query
  package var keys: Int  // positions stored
  package var scale: Float
  package var mask: AttentionMask
  package var bias: UnsafePointer<AttentionBias>?  // nil: nothing is added to the scores
  package var head: Int  // the first query head of the group
  package var row: Int  // the row of the sequence's first token
  package var weights: UnsafeMutablePointer<Float>?  // the group's rows of probabilities, [group][count][keys], or nil
  package var weightsHeadStride: Int
  package var ahead: Int  // pairs from a task's first to that of the task which follows on the same thread

  package init(
    q: UnsafePointer<Float>, qStride: Int, out: UnsafeMutablePointer<Float>, outStride: Int, group: Int, headDim: Int,
    pages: UnsafePointer<UnsafeMutableRawPointer>, keyOffset: Int, valueOffset: Int, position: Int, keys: Int,
    scale: Float, mask: AttentionMask, bias: UnsafePointer<AttentionBias>?, head: Int, row: Int,
    weights: UnsafeMutablePointer<Float>?, weightsHeadStride: Int, ahead: Int
  ) {
    self.q = q
    self.qStride = qStride
    self.out = out
    self.outStride = outStride
    self.group = group
    self.headDim = headDim
    self.pages = pages
    self.keyOffset = keyOffset
    self.valueOffset = valueOffset
    self.position = position
    self.keys = keys
    self.scale = scale
    self.mask = mask
    self.bias = bias
    self.head = head
    self.row = row
    self.weights = weights
    self.weightsHeadStride = weightsHeadStride
    self.ahead = ahead
  }
}

/// What is added to the scores of a query and a key, by their absolute positions, before cap and masks. Everything that
/// is nil is absent. The memory is the caller's.
package struct AttentionBias: @unchecked Sendable {
  /// `[heads]`: a score gains `slopes[head] * (key - query)` (Press et al. 2021, arXiv:2108.12409).
  package var slopes: UnsafePointer<Float>?
  /// `[heads][2 * reach + 1]`: a score gains `distances[head][clamp(key - query, -reach, reach) + reach]`; the relative
  /// positions of T5 with their buckets spelled out (Raffel et al. 2019, arXiv:1910.10683, section 2.1).
  package var distances: UnsafePointer<Float>?
  /// 0 or more, below 2^30.
  package var reach: Int
  /// `[heads]`: one more logit in the denominator of the softmax, without a value (Xiao et al. 2023, arXiv:2309.17453;
  /// gpt_oss).
  package var sinks: UnsafePointer<Float>?
  /// Terms of content and position, added before the scores are scaled.
  package var disentangled: DisentangledBias?

  /// Nothing at all.
  package init() { reach = 0 }

  package var isEmpty: Bool { slopes == nil && distances == nil && sinks == nil && disentangled == nil }
}

/// The terms of content and relative position (He et al. 2020, arXiv:2006.03654, equation 4), from products of tokens
/// with vectors of positions that the caller has made. For whole sequences only: the token of position p lies in row
/// `sequence.row + p`, and so do the queries.
package struct DisentangledBias: @unchecked Sendable {
  /// `[tokens, heads * columns]`: the score of query i and key j gains `contentToPosition[row of i][head * columns +
  /// place]`, where place is `places[clamp(i - j, -reach, reach) + reach]`.
  package var contentToPosition: Matrix?
  /// `[tokens, heads * columns]`: the score gains `positionToContent[row of j][head * columns + place]`, the same
  /// place.
  package var positionToContent: Matrix?
  /// `[2 * reach + 1]`, each at least 0 and below `columns`.
  package var places: UnsafePointer<Int32>
  package var reach: Int
  package var columns: Int

  package init(
    contentToPosition: Matrix?, positionToContent: Matrix?, places: UnsafePointer<Int32>, reach: Int, columns: Int
  ) {
    self.contentToPosition = contentToPosition
    self.positionToContent = positionToContent
    self.places = places
    self.reach = reach
    self.columns = columns
  }
}

/// Where the parts of the scratch memory of one attention task lie.
package struct AttentionScratch {
  /// Rows that a task has at most, for any instruction set.
  @inlinable package static var rows: Int { 12 }

  package let q: UnsafeMutablePointer<Float>  // [rows, width], in the type of the keys
  package let out: UnsafeMutablePointer<Float>  // [rows, width], sums not yet divided
  package let scores: UnsafeMutablePointer<Float>  // [rows, 128], then probabilities in the type of the values
  package let sums: UnsafeMutablePointer<Float>  // [rows, 16], of the probabilities
  package let top: UnsafeMutablePointer<Float>  // [rows], the largest score so far
  /// [128, width], used where values are copied to rows of whole vectors or widened first
  package let values: UnsafeMutablePointer<Float>
  package let keys: UnsafeMutablePointer<Float>  // [width, 32], used where keys are widened first
  package let width: Int  // headDim up to a multiple of 16
  package let padded: Bool  // whether headDim is no multiple of 16

  /// The parts from row `row` on, for rows of another head.
  @inline(__always) package init(_ s: AttentionScratch, from row: Int) {
    width = s.width
    padded = s.padded
    out = s.out + row &* s.width
    scores = s.scores + row &* attentionTile
    sums = s.sums + row &* 16
    top = s.top + row
    values = s.values
    keys = s.keys
    q = s.q + row &* s.width
  }

  @inline(__always) package init(_ base: UnsafeMutablePointer<Float>, headDim: Int) {
    width = (headDim &+ 15) & ~15
    padded = width != headDim
    out = base
    scores = out + AttentionScratch.rows &* width
    sums = scores + AttentionScratch.rows &* attentionTile
    top = sums + AttentionScratch.rows &* 16
    values = top + 16
    keys = values + attentionTile &* width
    q = keys + panelWidth &* width
  }

  /// Floats that a task needs.
  package static func count(headDim: Int) -> Int {
    let width = (headDim + 15) & ~15
    return rows * (width + attentionTile + 16) + 16 + (attentionTile + panelWidth) * width + rows * width
  }
}

/// Which keys a query sees, and what is done to its scores before the softmax.
package struct AttentionMask: Sendable {
  /// Keys after the query's own position are hidden.
  package var causal: Bool
  /// 0: no limit. Causal: the query sees the last `window` positions, its own included. Otherwise: `window / 2`
  /// positions to either side.
  package var window: Int
  /// 0: none. Otherwise a score s becomes `softCap * tanh(s / softCap)`.
  package var softCap: Float

  package init(causal: Bool, window: Int = 0, softCap: Float = 0) {
    self.causal = causal
    self.window = window
    self.softCap = softCap
  }
}

/// Keys and values of some tokens of one head that go to one page.
package struct StoreArguments {
  package var k: UnsafePointer<Float>  // [tokens, headDim]
  package var kStride: Int
  package var v: UnsafePointer<Float>  // [tokens, headDim]
  package var vStride: Int
  package var tokens: Int
  package var headDim: Int
  package var lane: Int  // the first token's place in the page
  package var keys: UnsafeMutablePointer<Float>  // the head's panel in the page, see `KeyValuePage`
  package var values: UnsafeMutablePointer<Float>  // the head's values in the page

  package init(
    k: UnsafePointer<Float>, kStride: Int, v: UnsafePointer<Float>, vStride: Int, tokens: Int, headDim: Int, lane: Int,
    keys: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>
  ) {
    self.k = k
    self.kStride = kStride
    self.v = v
    self.vStride = vStride
    self.tokens = tokens
    self.headDim = headDim
    self.lane = lane
    self.keys = keys
    self.values = values
  }
}
