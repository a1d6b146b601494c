// Kernels of attention.

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
  package var spans: UnsafePointer<KeySpan>?  // of the queries, in place of what the mask says; nil: as it says
  package var bias: UnsafePointer<AttentionBias>?  // nil: nothing is added to the scores
  package var head: Int  // the first query head of the group
  package var row: Int  // the row of the sequence's first token
  package var weights: UnsafeMutablePointer<Float>?  // the group's rows of probabilities, [group][count][keys], or nil
  package var weightsHeadStride: Int
  package var weightsStride: Int  // from a query's row to the next
  package var ahead: Int  // pairs from a task's first to that of the task which follows on the same thread

  package init(
    q: UnsafePointer<Float>, qStride: Int, out: UnsafeMutablePointer<Float>, outStride: Int, group: Int, headDim: Int,
    pages: UnsafePointer<UnsafeMutableRawPointer>, keyOffset: Int, valueOffset: Int, position: Int, keys: Int,
    scale: Float, mask: AttentionMask, spans: UnsafePointer<KeySpan>? = nil, bias: UnsafePointer<AttentionBias>?,
    head: Int, row: Int, weights: UnsafeMutablePointer<Float>?, weightsHeadStride: Int,
    weightsStride: Int, ahead: Int
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
    self.spans = spans
    self.bias = bias
    self.head = head
    self.row = row
    self.weights = weights
    self.weightsHeadStride = weightsHeadStride
    self.weightsStride = weightsStride
    self.ahead = ahead
  }
}

/// The parts of the scratch memory of one attention task.
package struct AttentionScratch {
  /// Blocks of as many rows as the registers hold that a task has at most: they share what is read, widened or copied.
  package static var blocks: Int { 4 }
  /// Rows that a task has at most, for any instruction set.
  @inlinable package static var rows: Int { 48 }

  package let q: UnsafeMutablePointer<Float>  // [rows, width], in the type of the keys
  package let out: UnsafeMutablePointer<Float>  // [rows, width], sums not yet divided
  package let scores: UnsafeMutablePointer<Float>  // [rows, 128], then probabilities in the type of the values
  package let sums: UnsafeMutablePointer<Float>  // [rows, 16], of the probabilities
  package let top: UnsafeMutablePointer<Float>  // [rows], the largest score so far
  package let next: UnsafeMutablePointer<Float>  // [rows], the same with the tile at hand
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
    next = s.next + row
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
    next = top + (AttentionScratch.rows &+ 16)
    values = next + (AttentionScratch.rows &+ 16)
    keys = values + attentionTile &* width
    q = keys + panelWidth &* width
  }

  /// Floats that a task needs. Sixteen of the largest scores are read at once, also of the last rows.
  package static func count(headDim: Int) -> Int {
    let width = (headDim + 15) & ~15
    return rows * (2 * width + attentionTile + 16) + 2 * (rows + 16) + (attentionTile + panelWidth) * width
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
