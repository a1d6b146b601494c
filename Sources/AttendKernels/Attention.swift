// Attention over pages of keys and values: softmax(scale q kᵀ) v with a running softmax (Milakov and Gimelshein 2018, arXiv:1805.02867; Dao et
// al. 2022, arXiv:2205.14135). Keys are visited in tiles of 128 at absolute positions, and what happens to one query does not depend on
// which others are beside it.
import AttendBase

private var pagesInTile: Int { @_transparent get { attentionTile / panelWidth } }

/// How many pairs there are. The range's own way to say so is at times a function that other modules may share.
@_transparent
private func pairCount(_ pairs: Range<Int>) -> Int { pairs.upperBound &- pairs.lowerBound }

/// The first key that a query sees.
@_transparent
private func firstKey(_ a: UnsafePointer<AttentionArguments>, _ query: Int) -> Int {
  if a.pointee.mask.window == 0 { return 0 }
  let first = a.pointee.mask.causal ? a.pointee.position &+ query &- a.pointee.mask.window &+ 1 : a.pointee.position &+ query &- a.pointee.mask.window / 2
  return first > 0 ? first : 0
}

/// One more than the last key that a query sees.
@_transparent
private func keyLimit(_ a: UnsafePointer<AttentionArguments>, _ query: Int) -> Int {
  var limit = a.pointee.keys
  if a.pointee.mask.causal {
    limit = a.pointee.position &+ query &+ 1
  } else if a.pointee.mask.window > 0 {
    limit = a.pointee.position &+ query &+ a.pointee.mask.window / 2 &+ 1
  }
  return limit < a.pointee.keys ? limit : a.pointee.keys
}

/// A position of the tile at `tile`, as an offset from 0 to 128.
@_transparent
private func offset(_ key: Int, _ tile: Int) -> Int {
  let offset = key &- tile
  return offset < 0 ? 0 : offset > attentionTile ? attentionTile : offset
}

/// Scores of `rows` queries with the 32 keys of a panel.
@_transparent
private func scorePanel(_ rows: Int, _ q: UnsafePointer<Float>, _ headDim: Int, _ keys: UnsafePointer<Float>, _ scores: UnsafeMutablePointer<Float>) {
  var half = 0
  while half < panelWidth {
    var sums = zeros()
    accumulate(.float32, rows, tileVectors, &sums, q, headDim, keys + half, panelWidth, panelWidth, headDim)
    var i = 0
    while i < rows &* tileVectors {
      store(sums[unchecked: i], scores + (i / tileVectors &* attentionTile &+ half &+ i % tileVectors &* 16))
      i &+= 1
    }
    half &+= tileVectors &* 16
  }
}

@inline(never)
private func scorePanels(_ rows: Int, _ q: UnsafePointer<Float>, _ headDim: Int, _ keys: UnsafePointer<Float>, _ scores: UnsafeMutablePointer<Float>) {
  switch rows {
  case 1: scorePanel(1, q, headDim, keys, scores)
  case 2: scorePanel(2, q, headDim, keys, scores)
  case 3: scorePanel(3, q, headDim, keys, scores)
  case 4: scorePanel(4, q, headDim, keys, scores)
  case 5: scorePanel(5, q, headDim, keys, scores)
  case 6: scorePanel(6, q, headDim, keys, scores)
  #if ATTEND_AVX512
    case 7: scorePanel(7, q, headDim, keys, scores)
    case 8: scorePanel(8, q, headDim, keys, scores)
    case 9: scorePanel(9, q, headDim, keys, scores)
    case 10: scorePanel(10, q, headDim, keys, scores)
    case 11: scorePanel(11, q, headDim, keys, scores)
    case 12: scorePanel(12, q, headDim, keys, scores)
  #endif
  default: break
  }
}

/// Adds what is to be added to the raw scores of a row with keys `first` until `limit` of the tile. Returns what they are yet to be
/// multiplied by: biased scores are scaled already, and a factor of 1 changes no bit.
@_transparent
private func biased(
  _ a: UnsafePointer<AttentionArguments>, _ scores: UnsafeMutablePointer<Float>, _ pair: Int, _ tile: Int, _ first: Int, _ limit: Int
) -> Float {
  guard let bias = a.pointee.bias else { return a.pointee.scale }
  addBias(a, bias, scores, a.pointee.head &+ pair % a.pointee.group, pair / a.pointee.group, tile, first, limit)
  return 1
}

/// Sixteen scores as the softmax sees them: scaled, capped, and minus infinity where the query does not look.
@_transparent
private func shaped(
  _ raw: Vector, _ a: UnsafePointer<AttentionArguments>, _ scale: Float, _ column: Int, _ first: Int, _ limit: Int
) -> Vector {
  var s = raw * splat(scale)
  if a.pointee.mask.softCap > 0 { s = splat(a.pointee.mask.softCap) * tanh(s / splat(a.pointee.mask.softCap)) }
  let columns = laneNumbers &+ Lanes(repeating: Int32(truncatingIfNeeded: column))
  let hidden = (columns .< Lanes(repeating: Int32(truncatingIfNeeded: first))) .| (columns .>= Lanes(repeating: Int32(truncatingIfNeeded: limit)))
  return s.replacing(with: splat(-Float.infinity), where: hidden)
}

/// Turns a row of scores into its unnormalised probabilities and brings the row's maximum, sums and output to the new maximum.
@_transparent
private func softmaxRow(_ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ row: Int, _ pair: Int, _ tile: Int, _ first: Int, _ limit: Int) {
  let scores = s.scores + row &* attentionTile
  let scale = biased(a, scores, pair, tile, first, limit)
  let start = first & ~15
  var top = splat(s.top[row])
  var column = start
  while column < limit {
    let v = shaped(load(scores + column), a, scale, column, first, limit)
    store(v, scores + column)
    top = larger(v, top)
    column &+= 16
  }
  let most = largest(top)
  // Where every score so far is minus infinity the differences would be NaN.
  let correction = most == s.top[row] ? splat(1) : exp(splat(s.top[row]) - splat(most))
  let shift = splat(most == -Float.infinity ? 0 : most)
  var sums = load(s.sums + row &* 16) * correction
  column = start
  while column < limit {
    let p = exp(load(scores + column) - shift)
    store(p, scores + column)
    sums += p
    column &+= 16
  }
  store(sums, s.sums + row &* 16)
  if s.top[row] != most {
    var d = 0
    while d < s.width {
      let to = s.out + (row &* s.width &+ d)
      store(load(to) * correction, to)
      d &+= 16
    }
  }
  s.top[row] = most
}

/// Adds probabilities times values for keys `first` until `limit` of the tile to `rows` rows and `vectors` vectors of output columns.
@_transparent
private func mix(
  _ rows: Int, _ vectors: Int, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ row: Int, _ column: Int, _ tile: Int, _ first: Int, _ limit: Int
) {
  var sums = zeros()
  let out = s.out + (row &* s.width &+ column)
  let probabilities = s.scores + row &* attentionTile
  var i = 0
  while i < rows &* vectors {
    sums[unchecked: i] = load(out + (i / vectors &* s.width &+ i % vectors &* 16))
    i &+= 1
  }
  var key = first
  while key < limit {
    let pageEnd = (key & ~(panelWidth &- 1)) &+ panelWidth
    let end = pageEnd < limit ? pageEnd : limit
    let values: UnsafePointer<Float>
    if s.padded {
      values = UnsafePointer(s.values + key &* s.width)
    } else {
      let page = a.pointee.pages[(tile &+ key) / panelWidth].assumingMemoryBound(to: Float.self)
      values = UnsafePointer(page + (a.pointee.valueOffset &+ (key % panelWidth) &* a.pointee.headDim))
    }
    accumulate(.float32, rows, vectors, &sums, probabilities + key, attentionTile, values + column, s.width, panelWidth, end &- key)
    key = end
  }
  i = 0
  while i < rows &* vectors {
    store(sums[unchecked: i], out + (i / vectors &* s.width &+ i % vectors &* 16))
    i &+= 1
  }
}

@_transparent
private func mixAll(_ rows: Int, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ row: Int, _ tile: Int, _ first: Int, _ limit: Int) {
  var column = 0
  if rows == 1 {
    while column &+ 64 <= s.width {
      mix(rows, rows == 1 ? 4 : tileVectors, a, s, row, column, tile, first, limit)
      column &+= 64
    }
  }
  while column &+ tileVectors &* 16 <= s.width {
    mix(rows, tileVectors, a, s, row, column, tile, first, limit)
    column &+= tileVectors &* 16
  }
  if column < s.width { mix(rows, 1, a, s, row, column, tile, first, limit) }
}

@inline(never)
private func mixRows(_ rows: Int, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ row: Int, _ tile: Int, _ first: Int, _ limit: Int) {
  if first >= limit { return }
  switch rows {
  case 1: mixAll(1, a, s, row, tile, first, limit)
  case 2: mixAll(2, a, s, row, tile, first, limit)
  case 3: mixAll(3, a, s, row, tile, first, limit)
  case 4: mixAll(4, a, s, row, tile, first, limit)
  case 5: mixAll(5, a, s, row, tile, first, limit)
  case 6: mixAll(6, a, s, row, tile, first, limit)
  #if ATTEND_AVX512
    case 7: mixAll(7, a, s, row, tile, first, limit)
    case 8: mixAll(8, a, s, row, tile, first, limit)
    case 9: mixAll(9, a, s, row, tile, first, limit)
    case 10: mixAll(10, a, s, row, tile, first, limit)
    case 11: mixAll(11, a, s, row, tile, first, limit)
    case 12: mixAll(12, a, s, row, tile, first, limit)
  #endif
  default: break
  }
}

/// Raw scores of all rows with the keys of the tile from `low` until `high`, in whole panels.
@_transparent
private func scoreTile(_ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ rows: Int, _ tile: Int, _ low: Int, _ high: Int) {
  var page = low / panelWidth
  while page &* panelWidth < high {
    let base = a.pointee.pages[tile / panelWidth &+ page].assumingMemoryBound(to: Float.self)
    scorePanels(rows, s.q, a.pointee.headDim, base + a.pointee.keyOffset, s.scores + page &* panelWidth)
    page &+= 1
  }
}

/// Copies the values of a tile to rows of whole vectors.
@_transparent
private func padValues(_ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ tile: Int, _ low: Int, _ high: Int) {
  var key = low
  while key < high {
    let page = a.pointee.pages[(tile &+ key) / panelWidth].assumingMemoryBound(to: Float.self)
    let from = page + (a.pointee.valueOffset &+ (key % panelWidth) &* a.pointee.headDim)
    var d = 0
    while d < s.width {
      store(load(from + d, a.pointee.headDim &- d), s.values + (key &* s.width &+ d))
      d &+= 16
    }
    key &+= 1
  }
}

/// Normalised probabilities of all rows, once their maxima and sums are known, in a second pass over the keys.
@inline(never)
private func writeWeights(_ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>, _ weights: UnsafeMutablePointer<Float>) {
  var tile = 0
  while tile < a.pointee.keys {
    let count = a.pointee.keys &- tile < attentionTile ? a.pointee.keys &- tile : attentionTile
    scoreTile(a, s, pairCount(pairs), tile, 0, count)
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
@_transparent
private func visit(_ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>, _ tile: Int, _ low: Int, _ high: Int) {
  let rows = pairCount(pairs)
  scoreTile(a, s, rows, tile, low, high)
  if s.padded { padValues(a, s, tile, low, high) }
  // The keys that every row sees, together; what some rows see before and after them, row by row. Each row adds its keys in ascending order.
  var common = 0, commonEnd = attentionTile
  var row = 0
  while row < rows {
    let pair = pairs.lowerBound &+ row
    let query = pair / a.pointee.group
    let first = offset(firstKey(a, query), tile), limit = offset(keyLimit(a, query), tile)
    if first < limit { softmaxRow(a, s, row, pair, tile, first, limit) }
    common = first > common ? first : common
    commonEnd = limit < commonEnd ? limit : commonEnd
    row &+= 1
  }
  if common >= commonEnd { commonEnd = common }
  row = 0
  while row < rows {
    let query = (pairs.lowerBound &+ row) / a.pointee.group
    let limit = offset(keyLimit(a, query), tile)
    mixRows(1, a, s, row, tile, offset(firstKey(a, query), tile), common < limit ? common : limit)
    row &+= 1
  }
  mixRows(rows, a, s, 0, tile, common, commonEnd)
  row = 0
  while row < rows {
    let query = (pairs.lowerBound &+ row) / a.pointee.group
    let first = offset(firstKey(a, query), tile)
    mixRows(1, a, s, row, tile, first > commonEnd ? first : commonEnd, offset(keyLimit(a, query), tile))
    row &+= 1
  }
}

/// One query of several heads over one tile of keys. All read a page before the next is read, so that memory is read in long runs; each row
/// meets its keys in the order of `visit`.
@_transparent
private func visitTogether(_ a: UnsafePointer<AttentionArguments>, _ heads: Int, _ s: AttentionScratch, _ tile: Int, _ low: Int, _ high: Int) {
  let group = a.pointee.group, headDim = a.pointee.headDim
  var page = low / panelWidth
  while page &* panelWidth < high {
    var head = 0
    while head < heads {
      let own = AttentionScratch(s, headDim: headDim, from: head &* group)
      scoreTile(a + head, own, group, tile, page &* panelWidth, (page &+ 1) &* panelWidth)
      head &+= 1
    }
    page &+= 1
  }
  var row = 0
  while row < heads &* group {
    softmaxRow(a + row / group, s, row, row % group, tile, low, high)
    row &+= 1
  }
  page = low / panelWidth
  while page &* panelWidth < high {
    let start = page &* panelWidth, end = start &+ panelWidth
    var head = 0
    while head < heads {
      mixRows(group, a + head, s, head &* group, tile, start < low ? low : start, end > high ? high : end)
      head &+= 1
    }
    page &+= 1
  }
}

/// Queries to scratch memory, and sums of nothing.
@_transparent
private func beginRows(_ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>) {
  let group = a.pointee.group, headDim = a.pointee.headDim
  var row = 0
  while row < pairCount(pairs) {
    let pair = pairs.lowerBound &+ row
    let q = a.pointee.q + ((pair / group) &* a.pointee.qStride &+ (pair % group) &* headDim)
    var d = 0
    while d < s.width {
      store(load(q + d, headDim &- d), s.q + (row &* headDim &+ d), headDim &- d)
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
@_transparent
private func finishRows(_ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ pairs: Range<Int>) {
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
  if let weights = a.pointee.weights { writeWeights(a, s, pairs, weights) }
}

/// `KernelTable.attention`.
func attention(_ a: UnsafePointer<AttentionArguments>, _ heads: Int, _ pairs: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
  let s = AttentionScratch(scratch, headDim: a.pointee.headDim)
  let low = firstKey(a, pairs.lowerBound / a.pointee.group), high = keyLimit(a, (pairs.upperBound &- 1) / a.pointee.group)
  var head = 0
  while head < heads {
    beginRows(a + head, AttentionScratch(s, headDim: a.pointee.headDim, from: head &* pairCount(pairs)), pairs)
    head &+= 1
  }
  var tile = low & ~(attentionTile &- 1)
  while tile < high {
    if heads > 1 {
      visitTogether(a, heads, s, tile, offset(low, tile), offset(high, tile))
    } else {
      visit(a, s, pairs, tile, offset(low, tile), offset(high, tile))
    }
    tile &+= attentionTile
  }
  head = 0
  while head < heads {
    finishRows(a + head, AttentionScratch(s, headDim: a.pointee.headDim, from: head &* pairCount(pairs)), pairs)
    head &+= 1
  }
}
