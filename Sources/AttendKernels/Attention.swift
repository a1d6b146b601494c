// Attention over pages of keys and values: softmax(scale q kᵀ) v with a running softmax (Milakov and Gimelshein 2018, arXiv:1805.02867; Dao
// et al. 2022, arXiv:2205.14135). Keys are visited in tiles of 128 at absolute positions, and what happens to one query does not depend on
// which others are beside it.
import AttendKernelInterface
import CInstructions

/// How many pairs there are. The range's own way to say so is at times a function that other modules may share.
@_transparent private func pairCount(_ pairs: Range<Int>) -> Int { pairs.upperBound &- pairs.lowerBound }

/// The first key that a query sees.
@_transparent private func firstKey(_ a: UnsafePointer<AttentionArguments>, _ query: Int) -> Int {
  if a.pointee.mask.window == 0 { return 0 }
  let first =
    a.pointee.mask.causal
    ? a.pointee.position &+ query &- a.pointee.mask.window &+ 1 : a.pointee.position &+ query &- a.pointee.mask.window / 2
  return first > 0 ? first : 0
}

/// One more than the last key that a query sees.
@_transparent private func keyLimit(_ a: UnsafePointer<AttentionArguments>, _ query: Int) -> Int {
  var limit = a.pointee.keys
  if a.pointee.mask.causal {
    limit = a.pointee.position &+ query &+ 1
  } else if a.pointee.mask.window > 0 {
    limit = a.pointee.position &+ query &+ a.pointee.mask.window / 2 &+ 1
  }
  return limit < a.pointee.keys ? limit : a.pointee.keys
}

/// A position of the tile at `tile`, as an offset from 0 to 128.
@_transparent private func offset(_ key: Int, _ tile: Int) -> Int {
  let offset = key &- tile
  return offset < 0 ? 0 : offset > attentionTile ? attentionTile : offset
}

/// Adds what is to be added to the raw scores of a row with keys `first` until `limit` of the tile. Returns what they are yet to be
/// multiplied by: biased scores are scaled already, and a factor of 1 changes no bit.
@_transparent private func biased(
  _ a: UnsafePointer<AttentionArguments>, _ scores: UnsafeMutablePointer<Float>, _ pair: Int, _ tile: Int, _ first: Int, _ limit: Int
) -> Float {
  guard let bias = a.pointee.bias else { return a.pointee.scale }
  addBias(a, bias, scores, a.pointee.head &+ pair % a.pointee.group, pair / a.pointee.group, tile, first, limit)
  return 1
}

/// Sixteen scores as the softmax sees them: scaled, capped, and minus infinity where the query does not look.
@_transparent private func shaped(
  _ raw: Vector, _ a: UnsafePointer<AttentionArguments>, _ scale: Float, _ column: Int, _ first: Int, _ limit: Int
) -> Vector {
  var s = raw * splat(scale)
  if a.pointee.mask.softCap > 0 { s = splat(a.pointee.mask.softCap) * tanh(s / splat(a.pointee.mask.softCap)) }
  if first <= column && column &+ 16 <= limit { return s }
  let columns = laneNumbers &+ Lanes(repeating: Int32(truncatingIfNeeded: column))
  let hidden =
    (columns .< Lanes(repeating: Int32(truncatingIfNeeded: first))) .| (columns .>= Lanes(repeating: Int32(truncatingIfNeeded: limit)))
  return s.replacing(with: splat(-Float.infinity), where: hidden)
}

/// Turns a row of scores into its unnormalised probabilities, as products read them, and brings the row's maximum, sums and output to the
/// new maximum.
@_transparent private func softmaxRow(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ row: Int, _ pair: Int, _ tile: Int,
  _ first: Int, _ limit: Int
) {
  let scores = s.scores + row &* attentionTile
  let scale = biased(a, scores, pair, tile, first, limit)
  let start = first & ~15, before = s.top[row]
  var top = splat(before)
  var column = start
  while column < limit {
    let v = shaped(load(scores + column), a, scale, column, first, limit)
    store(v, scores + column)
    top = larger(v, top)
    column &+= 16
  }
  let most = largest(top)
  // Where every score so far is minus infinity the differences would be NaN.
  let shift = splat(most == -Float.infinity ? 0 : most)
  var sums = load(s.sums + row &* 16)
  // Without an earlier score there is nothing to bring to the new maximum: sums and output are zeros.
  if before != most && before != -Float.infinity {
    let correction = exp(splat(before) - splat(most))
    sums *= correction
    var d = 0
    while d < s.width {
      let to = s.out + (row &* s.width &+ d)
      store(load(to) * correction, to)
      d &+= 16
    }
  }
  column = start
  while column < limit {
    let p = exp(load(scores + column) - shift)
    keep(arithmetic, p, scores, column)
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
    scoreTile(arithmetic, a, s, pairCount(pairs), tile, 0, count)
    var row = 0
    while row < pairCount(pairs) {
      let pair = pairs.lowerBound &+ row
      let query = pair / a.pointee.group
      let to = weights + ((pair % a.pointee.group) &* a.pointee.weightsHeadStride &+ query &* a.pointee.keys &+ tile)
      let first = offset(firstKey(a, query), tile), limit = offset(keyLimit(a, query), tile)
      let total = sum(load(s.sums + row &* 16))
      let scale = biased(a, s.scores + row &* attentionTile, pair, tile, first, limit)
      var column = 0
      while column < count {
        let v = shaped(load(s.scores + (row &* attentionTile &+ column)), a, scale, column, first, limit)
        let p = exp(v - splat(s.top[row])) / splat(total)
        store(total == 0 ? splat(0) : p, to + column, count &- column)
        column &+= 16
      }
      row &+= 1
    }
    tile &+= attentionTile
  }
}

/// All rows of the task over one tile of keys.
@_transparent private func visit(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>, _ tile: Int, _ low: Int,
  _ high: Int
) {
  let rows = pairCount(pairs)
  scoreTile(arithmetic, a, s, rows, tile, low, high)
  if copiesValues(arithmetic, s) { copyValues(arithmetic, a, s, tile, firstStep(arithmetic, low), stepLimit(arithmetic, high)) }
  // The keys that every row sees, together; what some rows see before and after them, row by row. Each row adds its keys in ascending
  // order.
  var common = 0, commonEnd = stepLimit(arithmetic, attentionTile)
  var row = 0
  while row < rows {
    let pair = pairs.lowerBound &+ row
    let query = pair / a.pointee.group
    let first = offset(firstKey(a, query), tile), limit = offset(keyLimit(a, query), tile)
    if first < limit { softmaxRow(arithmetic, a, s, row, pair, tile, first, limit) }
    let firstStep = firstStep(arithmetic, first), stepLimit = stepLimit(arithmetic, limit)
    common = firstStep > common ? firstStep : common
    commonEnd = stepLimit < commonEnd ? stepLimit : commonEnd
    row &+= 1
  }
  if common >= commonEnd { commonEnd = common }
  mixAlone(arithmetic, a, s, pairs, tile, 0, common)
  mixRows(arithmetic, rows, a, s, 0, tile, common, commonEnd)
  mixAlone(arithmetic, a, s, pairs, tile, commonEnd, attentionTile)
}

/// What each row sees of the tile's steps from `low` until `high`, row by row.
@_transparent private func mixAlone(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>, _ tile: Int, _ low: Int,
  _ high: Int
) {
  if low >= high { return }
  var row = 0
  while row < pairCount(pairs) {
    let query = (pairs.lowerBound &+ row) / a.pointee.group
    let first = offset(firstKey(a, query), tile), limit = offset(keyLimit(a, query), tile)
    if first < limit {
      let firstStep = firstStep(arithmetic, first), stepLimit = stepLimit(arithmetic, limit)
      mixRows(arithmetic, 1, a, s, row, tile, firstStep > low ? firstStep : low, stepLimit < high ? stepLimit : high)
    }
    row &+= 1
  }
}

/// One query of several heads over one tile of keys. All read a page before the next is read, so that memory is read in long runs; each row
/// meets its keys in the order of `visit`.
@_transparent private func visitTogether(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ heads: Int, _ s: AttentionScratch, _ tile: Int, _ low: Int,
  _ high: Int
) {
  let group = a.pointee.group
  var page = low / panelWidth
  while page &* panelWidth < high {
    var head = 0
    while head < heads {
      let own = AttentionScratch(s, from: head &* group)
      scoreTile(arithmetic, a + head, own, group, tile, page &* panelWidth, (page &+ 1) &* panelWidth)
      head &+= 1
    }
    page &+= 1
  }
  var row = 0
  while row < heads &* group {
    softmaxRow(arithmetic, a + row / group, s, row, row % group, tile, low, high)
    row &+= 1
  }
  page = low / panelWidth
  while page &* panelWidth < high {
    let start = page &* panelWidth, end = start &+ panelWidth
    let first = firstStep(arithmetic, start < low ? low : start), limit = stepLimit(arithmetic, end > high ? high : end)
    var head = 0
    while head < heads {
      if copiesValues(arithmetic, s) { copyValues(arithmetic, a + head, s, tile, first, limit) }
      mixRows(arithmetic, group, a + head, s, head &* group, tile, first, limit)
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

/// Queries to scratch memory, and sums of nothing.
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
      keep(arithmetic, load(q + d, headDim &- d), s.q + row &* s.width, d)
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
  let low = firstKey(a, pairs.lowerBound / a.pointee.group), high = keyLimit(a, (pairs.upperBound &- 1) / a.pointee.group)
  prefetchQueries(a, pairs)
  var head = 0
  while head < heads {
    beginRows(arithmetic, a + head, AttentionScratch(s, from: head &* pairCount(pairs)), pairs)
    head &+= 1
  }
  var tile = low & ~(attentionTile &- 1)
  while tile < high {
    if heads > 1 {
      visitTogether(arithmetic, a, heads, s, tile, offset(low, tile), offset(high, tile))
    } else {
      visit(arithmetic, a, s, pairs, tile, offset(low, tile), offset(high, tile))
    }
    tile &+= attentionTile
  }
  head = 0
  while head < heads {
    finishRows(arithmetic, a + head, AttentionScratch(s, from: head &* pairCount(pairs)), pairs)
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

#if ATTEND_AVX512
  func attentionBFloat16(_ a: UnsafePointer<AttentionArguments>, _ heads: Int, _ pairs: Range<Int>, _ scratch: UnsafeMutablePointer<Float>)
  {
    let modes = attend_flush_subnormals()
    attend(.bfloat16, a, heads, pairs, scratch)
    attend_restore_modes(modes)
  }
#endif
