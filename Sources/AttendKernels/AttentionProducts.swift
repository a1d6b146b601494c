// The products of a tile of attention: queries with keys, probabilities with values. In bfloat16 a step takes two components of keys, or
// two neighbouring positions of values, the second first, as vdpbf16ps does; widened to float32 these are two steps of one number each.
// Whole numbers are widened to float32 without their scales: those of keys are multiplied into scores, those of values into probabilities.
import AttendKernelInterface
import CInstructions

/// A part of the tile of attention at position `tile`: keys, as offsets from `tile`, or steps over their values, `[first, limit)`.
struct TileRange {
  let tile: Int
  let first: Int
  let limit: Int

  @_transparent init(tile: Int, first: Int, limit: Int) {
    self.tile = tile
    self.first = first
    self.limit = limit
  }
}

/// The steps over the values of the keys of `range`.
@_transparent func valueSteps(_ arithmetic: Arithmetic, _ range: TileRange) -> TileRange {
  TileRange(tile: range.tile, first: firstStep(arithmetic, range.first), limit: stepLimit(arithmetic, range.limit))
}

/// The place of a position of the tile among the steps over its values: the first step that holds it.
@_transparent func firstStep(_ arithmetic: Arithmetic, _ offset: Int) -> Int {
  switch arithmetic {
  case .bfloat16: offset >> 1
  case .bfloat16Widened: offset & ~1
  default: offset
  }
}

/// One more than the last step that holds a position below `offset`.
@_transparent func stepLimit(_ arithmetic: Arithmetic, _ offset: Int) -> Int {
  switch arithmetic {
  case .bfloat16, .bfloat16Widened: firstStep(arithmetic, offset &+ 1)
  default: offset
  }
}

/// Steps over the values of a page.
@_transparent private func pageSteps(_ arithmetic: Arithmetic) -> Int {
  if case .bfloat16 = arithmetic { panelWidth / 2 } else { panelWidth }
}

/// Steps over the components of keys.
@_transparent private func keySteps(_ arithmetic: Arithmetic, _ headDim: Int) -> Int {
  switch arithmetic {
  case .bfloat16: (headDim &+ 1) / 2
  case .bfloat16Widened: (headDim &+ 1) & ~1
  default: headDim
  }
}

/// Sixteen numbers to place `index` of a row of the type that products read, of which the first numbers of all rows lie `width` floats
/// apart.
@_transparent func storeOperand(_ arithmetic: Arithmetic, _ v: Vector, _ row: UnsafeMutablePointer<Float>, _ index: Int) {
  switch arithmetic {
  #if ATTEND_AVX512
    case .bfloat16: attend_narrow_bf16(UnsafeMutableRawPointer(row) + 2 &* index, v)
  #endif
  case .bfloat16Widened: store(attend_exchange_pairs(fromBits(bfloat16(v) &<< Lanes(repeating: 16))), row + index)
  default: store(v, row + index)
  }
}

/// Two rows of float32 from a row of units, the second of two numbers first.
@_transparent private func widen(
  _ units: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, _ second: UnsafeMutablePointer<Float>, _ count: Int
) {
  var i = 0
  while i < count {
    let unit = bits(load(units + i, count &- i))
    store(fromBits(unit & Lanes(repeating: -65536)), to + i)
    store(fromBits(unit &<< Lanes(repeating: 16)), second + i)
    i &+= 16
  }
}

/// Scores of `rows` queries with the 32 keys of a panel.
@_transparent private func scorePanel(
  _ arithmetic: Arithmetic, rows: Int, q: UnsafePointer<Float>, qStride: Int, keys: UnsafePointer<Float>, steps: Int,
  scores: UnsafeMutablePointer<Float>
) {
  var half = 0
  while half < panelWidth {
    var sums = zeros()
    accumulate(
      arithmetic, rows: rows, vectors: tileVectors, &sums, x: q, xStride: qStride, w: keys + half, wStride: panelWidth,
      panelStride: panelWidth, steps: steps)
    var i = 0
    while i < rows &* tileVectors {
      store(sums[unchecked: i], scores + (i / tileVectors &* attentionTile &+ half &+ i % tileVectors &* 16))
      i &+= 1
    }
    half &+= tileVectors &* 16
  }
}

/// The same, with the number of rows as a constant of each case.
@_transparent private func scoreRows(
  _ arithmetic: Arithmetic, rows: Int, q: UnsafePointer<Float>, qStride: Int, keys: UnsafePointer<Float>, steps: Int,
  scores: UnsafeMutablePointer<Float>
) {
  switch rows {
  case 1: scorePanel(arithmetic, rows: 1, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
  case 2: scorePanel(arithmetic, rows: 2, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
  case 3: scorePanel(arithmetic, rows: 3, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
  case 4: scorePanel(arithmetic, rows: 4, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
  case 5: scorePanel(arithmetic, rows: 5, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
  case 6: scorePanel(arithmetic, rows: 6, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
  #if ATTEND_AVX512
    case 7: scorePanel(arithmetic, rows: 7, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
    case 8: scorePanel(arithmetic, rows: 8, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
    case 9: scorePanel(arithmetic, rows: 9, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
    case 10: scorePanel(arithmetic, rows: 10, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
    case 11: scorePanel(arithmetic, rows: 11, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
    case 12: scorePanel(arithmetic, rows: 12, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores)
  #endif
  default: break
  }
}

@inline(never) private func scoreRowsFloat32(
  rows: Int, q: UnsafePointer<Float>, qStride: Int, keys: UnsafePointer<Float>, steps: Int, scores: UnsafeMutablePointer<Float>
) { scoreRows(.float32, rows: rows, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores) }

#if ATTEND_AVX512
  @inline(never) private func scoreRowsBFloat16(
    rows: Int, q: UnsafePointer<Float>, qStride: Int, keys: UnsafePointer<Float>, steps: Int, scores: UnsafeMutablePointer<Float>
  ) { scoreRows(.bfloat16, rows: rows, q: q, qStride: qStride, keys: keys, steps: steps, scores: scores) }
#endif

/// The keys of page `page` of the tile at `tile` as products read them: where they lie, or widened in scratch memory.
@_transparent func readableKeys(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, tile: Int, page: Int
) -> UnsafePointer<Float> {
  let steps = keySteps(arithmetic, a.pointee.headDim)
  let keys = storedKeys(a, tile: tile, page: page)
  switch arithmetic {
  case .bfloat16Widened:
    var step = 0
    while step < steps {
      widen(keys + step / 2 &* panelWidth, s.keys + step &* panelWidth, s.keys + (step &+ 1) &* panelWidth, panelWidth)
      step &+= 2
    }
    return UnsafePointer(s.keys)
  case .int8Widened, .int4Widened:
    widenKeys(arithmetic, keys, s.keys, rows: steps)
    return UnsafePointer(s.keys)
  default: return keys
  }
}

/// The keys of a page where they lie; in whole numbers their scales come first.
@_transparent private func storedKeys(_ a: UnsafePointer<AttentionArguments>, tile: Int, page: Int) -> UnsafePointer<Float> {
  UnsafePointer(a.pointee.pages[tile / panelWidth &+ page].assumingMemoryBound(to: Float.self) + a.pointee.keyOffset)
}

/// Raw scores of `rows` rows with all of `keys`, those of page `page` of the tile at `tile` as `readableKeys` gave them.
@_transparent func scorePage(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, rows: Int, _ keys: UnsafePointer<Float>,
  tile: Int, page: Int
) {
  let steps = keySteps(arithmetic, a.pointee.headDim)
  let scores = s.scores + page &* panelWidth
  switch arithmetic {
  #if ATTEND_AVX512
    case .bfloat16: scoreRowsBFloat16(rows: rows, q: s.q, qStride: s.width, keys: keys, steps: steps, scores: scores)
  #endif
  default: scoreRowsFloat32(rows: rows, q: s.q, qStride: s.width, keys: keys, steps: steps, scores: scores)
  }
  switch arithmetic {
  case .int8Widened, .int4Widened: scaleScores(scores, rows, storedKeys(a, tile: tile, page: page))
  default: break
  }
}

/// Raw scores of `rows` rows with the keys of `range`, in whole panels.
@_transparent func scoreTile(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, rows: Int, _ range: TileRange
) {
  var page = range.first / panelWidth
  while page &* panelWidth < range.limit {
    let keys = readableKeys(arithmetic, a, s, tile: range.tile, page: page)
    scorePage(arithmetic, a, s, rows: rows, keys, tile: range.tile, page: page)
    page &+= 1
  }
}

/// Multiplies the scores of `rows` rows with the keys of a panel by the scales of these keys.
@_transparent private func scaleScores(_ scores: UnsafeMutablePointer<Float>, _ rows: Int, _ scales: UnsafePointer<Float>) {
  let first = load(scales), second = load(scales + 16)
  var row = 0
  while row < rows {
    let to = scores + row &* attentionTile
    store(load(to) * first, to)
    store(load(to + 16) * second, to + 16)
    row &+= 1
  }
}

/// Sixteen probabilities as they meet the values of the positions from `column` of the tile on: times their scales, where they have some.
/// What nobody stored may be anything there, and has no probability.
@_transparent func weighted(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ p: Vector, tile: Int, _ column: Int
) -> Vector {
  switch arithmetic {
  case .int8Widened, .int4Widened:
    let page = a.pointee.pages[(tile &+ column) / panelWidth].assumingMemoryBound(to: Float.self)
    let scaled = p * load(page + (a.pointee.valueOffset &+ column % panelWidth))
    return scaled.replacing(with: splat(0), where: p .== splat(0))
  default: return p
  }
}

/// Copies the values of some steps of a tile to rows of whole vectors, widened where products read float32.
@_transparent func copyValues(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, steps range: TileRange
) {
  let headDim = a.pointee.headDim, steps = pageSteps(arithmetic)
  var step = range.first
  while step < range.limit {
    let page = a.pointee.pages[range.tile / panelWidth &+ step / steps].assumingMemoryBound(to: Float.self) + a.pointee.valueOffset
    let to = s.values + step &* s.width
    switch arithmetic {
    case .bfloat16Widened:
      widen(page + (step % steps) / 2 &* headDim, to, to + s.width, headDim)
      step &+= 2
    case .int8Widened, .int4Widened:
      widenValues(arithmetic, page, lane: step % steps, headDim: headDim, width: s.width, to)
      step &+= 1
    default:
      var d = 0
      while d < s.width {
        store(load(page + (step % steps &* headDim &+ d), headDim &- d), to + d)
        d &+= 16
      }
      step &+= 1
    }
  }
}

/// Whether products read copies of the values.
@_transparent func copiesValues(_ arithmetic: Arithmetic, _ s: AttentionScratch) -> Bool {
  switch arithmetic {
  case .bfloat16Widened, .int8Widened, .int4Widened: true
  default: s.padded
  }
}

/// Adds probabilities times values for steps of the tile to a tile of sums: `rows` rows from `row` on and `vectors` vectors of output
/// columns from `column` on. `copied`: the values lie in scratch memory.
@_transparent private func accumulateValueTile(
  _ arithmetic: Arithmetic, copied: Bool, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, rows: Int, vectors: Int, row: Int,
  column: Int, steps range: TileRange
) {
  var sums = zeros()
  let out = s.out + (row &* s.width &+ column)
  let probabilities = s.scores + row &* attentionTile
  var i = 0
  while i < rows &* vectors {
    sums[unchecked: i] = load(out + (i / vectors &* s.width &+ i % vectors &* 16))
    i &+= 1
  }
  let steps = pageSteps(arithmetic)
  var step = range.first
  while step < range.limit {
    let pageEnd = (step & ~(steps &- 1)) &+ steps
    let end = pageEnd < range.limit ? pageEnd : range.limit
    let values: UnsafePointer<Float>
    if copied {
      values = UnsafePointer(s.values + step &* s.width)
    } else {
      let page = a.pointee.pages[range.tile / panelWidth &+ step / steps].assumingMemoryBound(to: Float.self)
      values = UnsafePointer(page + (a.pointee.valueOffset &+ (step % steps) &* a.pointee.headDim))
    }
    accumulate(
      arithmetic, rows: rows, vectors: vectors, &sums, x: probabilities + step, xStride: attentionTile, w: values + column,
      wStride: s.width, panelStride: panelWidth, steps: end &- step)
    step = end
  }
  i = 0
  while i < rows &* vectors {
    store(sums[unchecked: i], out + (i / vectors &* s.width &+ i % vectors &* 16))
    i &+= 1
  }
}

/// The same for all output columns. One row takes four vectors at once, so that enough sums are under way. `rows` is a constant, and where
/// it is another the branch is dropped, but only after it was spelled out: with four vectors it would overrun the array of sums.
@_transparent private func accumulateValueColumns(
  _ arithmetic: Arithmetic, copied: Bool, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, rows: Int, row: Int,
  steps range: TileRange
) {
  var column = 0
  if rows == 1 {
    let vectors = rows == 1 ? 4 : tileVectors
    while column &+ 64 <= s.width {
      accumulateValueTile(arithmetic, copied: copied, a, s, rows: rows, vectors: vectors, row: row, column: column, steps: range)
      column &+= 64
    }
  }
  while column &+ tileVectors &* 16 <= s.width {
    accumulateValueTile(arithmetic, copied: copied, a, s, rows: rows, vectors: tileVectors, row: row, column: column, steps: range)
    column &+= tileVectors &* 16
  }
  if column < s.width {
    accumulateValueTile(arithmetic, copied: copied, a, s, rows: rows, vectors: 1, row: row, column: column, steps: range)
  }
}

/// The same, with the number of rows as a constant of each case.
@_transparent private func accumulateValueRows(
  _ arithmetic: Arithmetic, copied: Bool, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, rows: Int, row: Int,
  steps range: TileRange
) {
  switch rows {
  case 1: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 1, row: row, steps: range)
  case 2: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 2, row: row, steps: range)
  case 3: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 3, row: row, steps: range)
  case 4: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 4, row: row, steps: range)
  case 5: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 5, row: row, steps: range)
  case 6: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 6, row: row, steps: range)
  #if ATTEND_AVX512
    case 7: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 7, row: row, steps: range)
    case 8: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 8, row: row, steps: range)
    case 9: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 9, row: row, steps: range)
    case 10: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 10, row: row, steps: range)
    case 11: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 11, row: row, steps: range)
    case 12: accumulateValueColumns(arithmetic, copied: copied, a, s, rows: 12, row: row, steps: range)
  #endif
  default: break
  }
}

@inline(never) private func accumulateValuesFloat32(
  copied: Bool, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, rows: Int, row: Int, steps range: TileRange
) { accumulateValueRows(.float32, copied: copied, a, s, rows: rows, row: row, steps: range) }

#if ATTEND_AVX512
  @inline(never) private func accumulateValuesBFloat16(
    copied: Bool, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, rows: Int, row: Int, steps range: TileRange
  ) { accumulateValueRows(.bfloat16, copied: copied, a, s, rows: rows, row: row, steps: range) }
#endif

/// Adds probabilities times values for steps of the tile to the sums of `rows` rows from `row` on.
@_transparent func accumulateValues(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, rows: Int, row: Int, steps range: TileRange
) {
  if range.first >= range.limit { return }
  switch arithmetic {
  #if ATTEND_AVX512
    case .bfloat16: accumulateValuesBFloat16(copied: s.padded, a, s, rows: rows, row: row, steps: range)
  #endif
  default: accumulateValuesFloat32(copied: copiesValues(arithmetic, s), a, s, rows: rows, row: row, steps: range)
  }
}
