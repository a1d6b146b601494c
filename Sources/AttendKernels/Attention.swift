// Attention over pages of keys and values: softmax(scale q kᵀ) v with a running softmax (Milakov and Gimelshein 2018, arXiv:1805.02867;
// Dao et al. 2022, arXiv:2205.14135). Keys are visited in tiles of 128 at absolute positions, and what happens to one query does not depend
// on which others are beside it.
import AttendKernelInterface
import CInstructions

/// Adds the terms of positions to the raw scores of a row with the keys of `range`. Returns the factor that they are yet to be multiplied
/// by: biased scores are scaled already, and a factor of 1 changes no bit.
@_transparent private func biased(
  _ a: UnsafePointer<AttentionArguments>, _ scores: UnsafeMutablePointer<Float>, pair: Int, _ range: TileRange
) -> Float {
  guard let bias = a.pointee.bias else { return a.pointee.scale }
  addBias(a, bias, scores, head: a.pointee.head &+ pair % a.pointee.group, query: pair / a.pointee.group, range)
  return 1
}

/// Sixteen scores as the softmax sees them: scaled, capped, and minus infinity where the query does not look.
@_transparent private func scaledAndMasked(
  _ raw: Vector, _ a: UnsafePointer<AttentionArguments>, scale: Float, column: Int, _ range: TileRange
) -> Vector {
  var s = raw * splat(scale)
  if a.pointee.mask.softCap > 0 { s = splat(a.pointee.mask.softCap) * tanh(s / splat(a.pointee.mask.softCap)) }
  if range.first <= column && column &+ 16 <= range.limit { return s }
  let columns = laneNumbers &+ Lanes(repeating: Int32(truncatingIfNeeded: column))
  let first = Lanes(repeating: Int32(truncatingIfNeeded: range.first)), limit = Lanes(repeating: Int32(truncatingIfNeeded: range.limit))
  let hidden = (columns .< first) .| (columns .>= limit)
  return s.replacing(with: splat(-Float.infinity), where: hidden)
}

/// Whether scores stay as the products left them, since nothing but a positive scale lies between them and the softmax: the exponentials
/// scale them on their way.
@_transparent private func staysRaw(_ a: UnsafePointer<AttentionArguments>) -> Bool {
  a.pointee.bias == nil && a.pointee.scale > 0 && !(a.pointee.mask.softCap > 0)
}

/// Brings the scores of a row to what the softmax sees, but for their scale where they stay raw, and notes the largest with those before.
@_transparent private func scaleRow(
  _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, row: Int, pair: Int, _ range: TileRange
) {
  let scores = s.scores + row &* attentionTile
  let isRaw = staysRaw(a), scale = isRaw ? 1 : biased(a, scores, pair: pair, range)
  var top = splat(-Float.infinity)
  var column = range.first & ~15
  while column < range.limit {
    let isWhole = range.first <= column && column &+ 16 <= range.limit
    var v = load(scores + column)
    if !isRaw || !isWhole {
      v = scaledAndMasked(v, a, scale: scale, column: column, range)
      store(v, scores + column)
    }
    top = larger(v, top)
    column &+= 16
  }
  let most = isRaw ? largest(top) * a.pointee.scale : largest(top), before = s.top[row]
  s.next[row] = most > before ? most : before
}

/// The factors that bring sums and outputs of all rows to their new maxima. 1 where there is no earlier score: sums and output are zeros.
@_transparent private func corrections(_ s: AttentionScratch) -> Vector {
  let before = load(s.top), most = load(s.next)
  let isSame = (before .== most) .| (before .== splat(-Float.infinity))
  return exp(before - most).replacing(with: splat(1), where: isSame)
}

/// Turns a row of scores into its unnormalised probabilities, as products read them, and brings the row's sums and output to the new
/// maximum.
@_transparent private func softmaxRow(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, row: Int, correction: Float, _ range: TileRange
) {
  let scores = s.scores + row &* attentionTile
  let most = s.next[row]
  // Where every score so far is minus infinity the differences would be NaN.
  let shift = splat(most == -Float.infinity ? 0 : -most), scale = splat(staysRaw(a) ? a.pointee.scale : 1)
  var sums = load(s.sums + row &* 16)
  if correction != 1 {
    sums *= splat(correction)
    var d = 0
    while d < s.width {
      let to = s.out + (row &* s.width &+ d)
      store(load(to) * splat(correction), to)
      d &+= 16
    }
  }
  var column = range.first & ~15
  while column < range.limit {
    // Rounded twice, as the maximum was: its own exponential is 1, however large the scores are.
    let p = exp(load(scores + column) * scale + shift)
    storeOperand(arithmetic, weighted(arithmetic, a, p, tile: range.tile, column), scores, column)
    sums += p
    column &+= 16
  }
  store(sums, s.sums + row &* 16)
  s.top[row] = most
}

/// Normalised probabilities of all rows, once their maxima and sums are known, in a second pass over the keys.
@_transparent private func writeWeights(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>,
  _ weights: UnsafeMutablePointer<Float>
) {
  var tile = 0
  while tile < a.pointee.keys {
    let count = a.pointee.keys &- tile < attentionTile ? a.pointee.keys &- tile : attentionTile
    scoreTile(arithmetic, a, s, rows: pairCount(pairs), TileRange(tile: tile, first: 0, limit: count))
    var row = 0
    while row < pairCount(pairs) {
      let pair = pairs.lowerBound &+ row
      let query = pair / a.pointee.group
      let to = weights + ((pair % a.pointee.group) &* a.pointee.weightsHeadStride &+ query &* a.pointee.weightsStride &+ tile)
      let range = visibleKeys(a, query: query, tile: tile)
      let total = sum(load(s.sums + row &* 16))
      let scale = biased(a, s.scores + row &* attentionTile, pair: pair, range)
      var column = 0
      while column < count {
        let v = scaledAndMasked(load(s.scores + (row &* attentionTile &+ column)), a, scale: scale, column: column, range)
        let p = exp(v - splat(s.top[row])) / splat(total)
        store(total == 0 ? splat(0) : p, to + column, count &- column)
        column &+= 16
      }
      row &+= 1
    }
    tile &+= attentionTile
  }
}

/// All rows of the task over the keys of `range`, of one tile: scores page by page, a page for all blocks of rows, and then the rest block
/// by block. So keys are near when they meet the second block, and what products do not read where it lies is widened once for all.
@_transparent private func attendTile(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>, _ range: TileRange
) {
  var page = range.first / panelWidth
  while page &* panelWidth < range.limit {
    let keys = readableKeys(arithmetic, a, s, tile: range.tile, page: page)
    var first = pairs.lowerBound
    while first < pairs.upperBound {
      let block = block(pairs, from: first), own = reach(a, block, tile: range.tile)
      if own.first < (page &+ 1) &* panelWidth && page &* panelWidth < own.limit {
        scorePage(
          arithmetic, a, AttentionScratch(s, from: first &- pairs.lowerBound), rows: pairCount(block), keys, tile: range.tile, page: page)
      }
      first = block.upperBound
    }
    page &+= 1
  }
  if copiesValues(arithmetic, s) { copyValues(arithmetic, a, s, steps: valueSteps(arithmetic, range)) }
  var first = pairs.lowerBound
  while first < pairs.upperBound {
    let block = block(pairs, from: first)
    mixValues(arithmetic, a, AttentionScratch(s, from: first &- pairs.lowerBound), block, tile: range.tile)
    first = block.upperBound
  }
}

/// From the scores of a block of rows with the keys of a tile to what the tile adds to their output.
@_transparent private func mixValues(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>, tile: Int
) {
  let rows = pairCount(pairs)
  var row = 0
  while row < rows {
    let pair = pairs.lowerBound &+ row
    let keys = visibleKeys(a, query: pair / a.pointee.group, tile: tile)
    s.next[row] = s.top[row]
    if keys.first < keys.limit { scaleRow(a, s, row: row, pair: pair, keys) }
    row &+= 1
  }
  let corrections = corrections(s)
  // The keys that every row sees, together; those that some rows see before and after them, row by row. Each row adds its keys in
  // ascending order.
  var common = 0, commonEnd = stepLimit(arithmetic, attentionTile)
  row = 0
  while row < rows {
    let keys = visibleKeys(a, query: (pairs.lowerBound &+ row) / a.pointee.group, tile: tile)
    if keys.first < keys.limit { softmaxRow(arithmetic, a, s, row: row, correction: corrections[row], keys) }
    let steps = valueSteps(arithmetic, keys)
    common = steps.first > common ? steps.first : common
    commonEnd = steps.limit < commonEnd ? steps.limit : commonEnd
    row &+= 1
  }
  if common >= commonEnd { commonEnd = common }
  accumulateValuesOfEachRow(arithmetic, a, s, pairs, steps: TileRange(tile: tile, first: 0, limit: common))
  accumulateValues(arithmetic, a, s, rows: rows, row: 0, steps: TileRange(tile: tile, first: common, limit: commonEnd))
  accumulateValuesOfEachRow(arithmetic, a, s, pairs, steps: TileRange(tile: tile, first: commonEnd, limit: attentionTile))
}

/// Those of some steps of the tile that each row sees, row by row.
@_transparent private func accumulateValuesOfEachRow(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>, steps range: TileRange
) {
  if range.first >= range.limit { return }
  var row = 0
  while row < pairCount(pairs) {
    let keys = visibleKeys(a, query: (pairs.lowerBound &+ row) / a.pointee.group, tile: range.tile)
    if keys.first < keys.limit {
      let steps = valueSteps(arithmetic, keys)
      let first = steps.first > range.first ? steps.first : range.first, limit = steps.limit < range.limit ? steps.limit : range.limit
      accumulateValues(arithmetic, a, s, rows: 1, row: row, steps: TileRange(tile: range.tile, first: first, limit: limit))
    }
    row &+= 1
  }
}

/// One query of several heads over the keys of `range`, of one tile. All read a page before the next is read, so that memory is read in
/// long runs; each row meets its keys in the order of `attendTile`.
@_transparent private func attendTileOfHeads(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, heads: Int, _ range: TileRange
) {
  let group = a.pointee.group, tile = range.tile
  var page = range.first / panelWidth
  while page &* panelWidth < range.limit {
    let keys = TileRange(tile: tile, first: page &* panelWidth, limit: (page &+ 1) &* panelWidth)
    var head = 0
    while head < heads {
      scoreTile(arithmetic, a + head, AttentionScratch(s, from: head &* group), rows: group, keys)
      head &+= 1
    }
    page &+= 1
  }
  var row = 0
  while row < heads &* group {
    scaleRow(a + row / group, s, row: row, pair: row % group, range)
    row &+= 1
  }
  let corrections = corrections(s)
  row = 0
  while row < heads &* group {
    softmaxRow(arithmetic, a + row / group, s, row: row, correction: corrections[row], range)
    row &+= 1
  }
  page = range.first / panelWidth
  while page &* panelWidth < range.limit {
    let start = page &* panelWidth, end = start &+ panelWidth
    let keys = TileRange(
      tile: tile, first: start < range.first ? range.first : start, limit: end > range.limit ? range.limit : end)
    let steps = valueSteps(arithmetic, keys)
    var head = 0
    while head < heads {
      if copiesValues(arithmetic, s) { copyValues(arithmetic, a + head, s, steps: steps) }
      accumulateValues(arithmetic, a + head, s, rows: group, row: head &* group, steps: steps)
      head &+= 1
    }
    page &+= 1
  }
}

/// Asks for the queries of the thread's next task.
@_transparent private func prefetchQueries(_ a: UnsafePointer<AttentionArguments>, _ pairs: Range<Int>) {
  let group = a.pointee.group, headDim = a.pointee.headDim
  var pair = pairs.lowerBound &+ a.pointee.ahead
  while pair < pairs.upperBound &+ a.pointee.ahead {
    let q = a.pointee.q + ((pair / group) &* a.pointee.qStride &+ (pair % group) &* headDim)
    var d = 0
    while d < headDim {
      attend_prefetch(q + d)
      d &+= 16
    }
    pair &+= 1
  }
}

/// Copies queries to scratch memory and begins sums with zero.
@_transparent private func beginRows(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>
) {
  let group = a.pointee.group, headDim = a.pointee.headDim
  var row = 0
  while row < pairCount(pairs) {
    let pair = pairs.lowerBound &+ row
    let q = a.pointee.q + ((pair / group) &* a.pointee.qStride &+ (pair % group) &* headDim)
    var d = 0
    while d < s.width {
      storeOperand(arithmetic, load(q + d, headDim &- d), s.q + row &* s.width, d)
      store(splat(0), s.out + (row &* s.width &+ d))
      d &+= 16
    }
    // A sink is a score that came first.
    var sums = splat(0)
    s.top[row] = -Float.infinity
    if let bias = a.pointee.bias, let sinks = bias.pointee.sinks, sinks[a.pointee.head &+ pair % group] > -Float.infinity {
      sums[0] = 1
      s.top[row] = sinks[a.pointee.head &+ pair % group]
    }
    store(sums, s.sums + row &* 16)
    row &+= 1
  }
}

/// Results, and probabilities where they are wanted.
@_transparent private func finishRows(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>
) {
  let group = a.pointee.group, headDim = a.pointee.headDim
  var row = 0
  while row < pairCount(pairs) {
    let pair = pairs.lowerBound &+ row
    let out = a.pointee.out + ((pair / group) &* a.pointee.outStride &+ (pair % group) &* headDim)
    let total = sum(load(s.sums + row &* 16))
    var d = 0
    while d < headDim {
      let v = load(s.out + (row &* s.width &+ d))
      store(total == 0 ? splat(0) : v / splat(total), out + d, headDim &- d)
      d &+= 16
    }
    row &+= 1
  }
  if let weights = a.pointee.weights { writeWeights(arithmetic, a, s, pairs, weights) }
}

/// `KernelTable.Attention.attend` for one arithmetic.
@_transparent private func attend(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ heads: Int, _ pairs: Range<Int>,
  _ scratch: UnsafeMutablePointer<Float>
) {
  let s = AttentionScratch(scratch, headDim: a.pointee.headDim)
  let (low, high) = reach(a, pairs.lowerBound / a.pointee.group, (pairs.upperBound &- 1) / a.pointee.group)
  prefetchQueries(a, pairs)
  var head = 0
  while head < heads {
    beginRows(arithmetic, a + head, AttentionScratch(s, from: head &* pairCount(pairs)), pairs)
    head &+= 1
  }
  var tile = low & ~(attentionTile &- 1)
  while tile < high {
    let range = TileRange(tile: tile, first: offset(low, tile), limit: offset(high, tile))
    if heads > 1 {
      attendTileOfHeads(arithmetic, a, s, heads: heads, range)
    } else {
      attendTile(arithmetic, a, s, pairs, range)
    }
    tile &+= attentionTile
  }
  head = 0
  while head < heads {
    let own = AttentionScratch(s, from: head &* pairCount(pairs))
    var first = pairs.lowerBound
    while first < pairs.upperBound {
      let block = block(pairs, from: first)
      finishRows(arithmetic, a + head, AttentionScratch(own, from: first &- pairs.lowerBound), block)
      first = block.upperBound
    }
    head &+= 1
  }
}

func attention(_ a: UnsafePointer<AttentionArguments>, _ heads: Int, _ pairs: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
  attend(.float32, a, heads, pairs, scratch)
}

/// In bfloat16 subnormal numbers count as zeros, for vdpbf16ps takes and makes none.
func attentionBFloat16Widened(
  _ a: UnsafePointer<AttentionArguments>, _ heads: Int, _ pairs: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
) {
  let modes = attend_flush_subnormals()
  attend(.bfloat16Widened, a, heads, pairs, scratch)
  attend_restore_modes(modes)
}

func attentionInt8(_ a: UnsafePointer<AttentionArguments>, _ heads: Int, _ pairs: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
  attend(.int8Widened, a, heads, pairs, scratch)
}

func attentionInt4(_ a: UnsafePointer<AttentionArguments>, _ heads: Int, _ pairs: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
  attend(.int4Widened, a, heads, pairs, scratch)
}

#if ATTEND_AVX512
  func attentionBFloat16(_ a: UnsafePointer<AttentionArguments>, _ heads: Int, _ pairs: Range<Int>, _ scratch: UnsafeMutablePointer<Float>)
  {
    let modes = attend_flush_subnormals()
    attend(.bfloat16, a, heads, pairs, scratch)
    attend_restore_modes(modes)
  }
#endif
