// The products of a tile of attention: queries with keys, probabilities with values. In bfloat16 a step takes two components of keys, or
// two neighbouring positions of values, the second first, as vdpbf16ps does; widened to float32 these are two steps of one number each.
import AttendKernelInterface
import CInstructions

/// Where a position of the tile stands among the steps over its values: the first step that holds it.
@_transparent func firstStep(_ arithmetic: Arithmetic, _ offset: Int) -> Int {
  switch arithmetic {
  case .bfloat16: offset >> 1
  case .bfloat16Widened: offset & ~1
  default: offset
  }
}

/// One more than the last step that holds a position below `offset`.
@_transparent func stepLimit(_ arithmetic: Arithmetic, _ offset: Int) -> Int {
  if case .float32 = arithmetic { offset } else { firstStep(arithmetic, offset &+ 1) }
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
@_transparent func keep(_ arithmetic: Arithmetic, _ v: Vector, _ row: UnsafeMutablePointer<Float>, _ index: Int) {
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
  _ arithmetic: Arithmetic, _ rows: Int, _ q: UnsafePointer<Float>, _ qStride: Int, _ keys: UnsafePointer<Float>, _ steps: Int,
  _ scores: UnsafeMutablePointer<Float>
) {
  var half = 0
  while half < panelWidth {
    var sums = zeros()
    accumulate(arithmetic, rows, tileVectors, &sums, q, qStride, keys + half, panelWidth, panelWidth, steps)
    var i = 0
    while i < rows &* tileVectors {
      store(sums[unchecked: i], scores + (i / tileVectors &* attentionTile &+ half &+ i % tileVectors &* 16))
      i &+= 1
    }
    half &+= tileVectors &* 16
  }
}

@_transparent private func scoreRows(
  _ arithmetic: Arithmetic, _ rows: Int, _ q: UnsafePointer<Float>, _ stride: Int, _ keys: UnsafePointer<Float>, _ steps: Int,
  _ scores: UnsafeMutablePointer<Float>
) {
  switch rows {
  case 1: scorePanel(arithmetic, 1, q, stride, keys, steps, scores)
  case 2: scorePanel(arithmetic, 2, q, stride, keys, steps, scores)
  case 3: scorePanel(arithmetic, 3, q, stride, keys, steps, scores)
  case 4: scorePanel(arithmetic, 4, q, stride, keys, steps, scores)
  case 5: scorePanel(arithmetic, 5, q, stride, keys, steps, scores)
  case 6: scorePanel(arithmetic, 6, q, stride, keys, steps, scores)
  #if ATTEND_AVX512
    case 7: scorePanel(arithmetic, 7, q, stride, keys, steps, scores)
    case 8: scorePanel(arithmetic, 8, q, stride, keys, steps, scores)
    case 9: scorePanel(arithmetic, 9, q, stride, keys, steps, scores)
    case 10: scorePanel(arithmetic, 10, q, stride, keys, steps, scores)
    case 11: scorePanel(arithmetic, 11, q, stride, keys, steps, scores)
    case 12: scorePanel(arithmetic, 12, q, stride, keys, steps, scores)
  #endif
  default: break
  }
}

@inline(never) private func scoreRowsFloat32(
  _ rows: Int, _ q: UnsafePointer<Float>, _ stride: Int, _ keys: UnsafePointer<Float>, _ steps: Int, _ scores: UnsafeMutablePointer<Float>
) { scoreRows(.float32, rows, q, stride, keys, steps, scores) }

#if ATTEND_AVX512
  @inline(never) private func scoreRowsBFloat16(
    _ rows: Int, _ q: UnsafePointer<Float>, _ stride: Int, _ keys: UnsafePointer<Float>, _ steps: Int, _ scores: UnsafeMutablePointer<Float>
  ) { scoreRows(.bfloat16, rows, q, stride, keys, steps, scores) }
#endif

/// Raw scores of all rows with the keys of the tile from `low` until `high`, in whole panels.
@_transparent func scoreTile(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ rows: Int, _ tile: Int, _ low: Int, _ high: Int
) {
  let steps = keySteps(arithmetic, a.pointee.headDim)
  var page = low / panelWidth
  while page &* panelWidth < high {
    let keys = a.pointee.pages[tile / panelWidth &+ page].assumingMemoryBound(to: Float.self) + a.pointee.keyOffset
    let scores = s.scores + page &* panelWidth
    switch arithmetic {
    #if ATTEND_AVX512
      case .bfloat16: scoreRowsBFloat16(rows, s.q, s.width, keys, steps, scores)
    #endif
    case .bfloat16Widened:
      var step = 0
      while step < steps {
        widen(keys + step / 2 &* panelWidth, s.keys + step &* panelWidth, s.keys + (step &+ 1) &* panelWidth, panelWidth)
        step &+= 2
      }
      scoreRowsFloat32(rows, s.q, s.width, s.keys, steps, scores)
    default: scoreRowsFloat32(rows, s.q, s.width, keys, steps, scores)
    }
    page &+= 1
  }
}

/// Copies the values of some steps of a tile to rows of whole vectors, widened where products read float32.
@_transparent func copyValues(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ tile: Int, _ first: Int, _ limit: Int
) {
  let headDim = a.pointee.headDim, steps = pageSteps(arithmetic)
  var step = first
  while step < limit {
    let page = a.pointee.pages[tile / panelWidth &+ step / steps].assumingMemoryBound(to: Float.self) + a.pointee.valueOffset
    let to = s.values + step &* s.width
    if case .bfloat16Widened = arithmetic {
      widen(page + (step % steps) / 2 &* headDim, to, to + s.width, headDim)
      step &+= 2
    } else {
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
  if case .bfloat16Widened = arithmetic { true } else { s.padded }
}

/// Adds probabilities times values for steps `first` until `limit` of the tile to `rows` rows and `vectors` vectors of output columns.
@_transparent private func mix(
  _ arithmetic: Arithmetic, _ copied: Bool, _ rows: Int, _ vectors: Int, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch,
  _ row: Int, _ column: Int, _ tile: Int, _ first: Int, _ limit: Int
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
  var step = first
  while step < limit {
    let pageEnd = (step & ~(steps &- 1)) &+ steps
    let end = pageEnd < limit ? pageEnd : limit
    let values: UnsafePointer<Float>
    if copied {
      values = UnsafePointer(s.values + step &* s.width)
    } else {
      let page = a.pointee.pages[tile / panelWidth &+ step / steps].assumingMemoryBound(to: Float.self)
      values = UnsafePointer(page + (a.pointee.valueOffset &+ (step % steps) &* a.pointee.headDim))
    }
    accumulate(arithmetic, rows, vectors, &sums, probabilities + step, attentionTile, values + column, s.width, panelWidth, end &- step)
    step = end
  }
  i = 0
  while i < rows &* vectors {
    store(sums[unchecked: i], out + (i / vectors &* s.width &+ i % vectors &* 16))
    i &+= 1
  }
}

@_transparent private func mixAll(
  _ arithmetic: Arithmetic, _ copied: Bool, _ rows: Int, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ row: Int,
  _ tile: Int, _ first: Int, _ limit: Int
) {
  var column = 0
  if rows == 1 {
    while column &+ 64 <= s.width {
      mix(arithmetic, copied, rows, rows == 1 ? 4 : tileVectors, a, s, row, column, tile, first, limit)
      column &+= 64
    }
  }
  while column &+ tileVectors &* 16 <= s.width {
    mix(arithmetic, copied, rows, tileVectors, a, s, row, column, tile, first, limit)
    column &+= tileVectors &* 16
  }
  if column < s.width { mix(arithmetic, copied, rows, 1, a, s, row, column, tile, first, limit) }
}

@_transparent private func mixEach(
  _ arithmetic: Arithmetic, _ copied: Bool, _ rows: Int, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ row: Int,
  _ tile: Int, _ first: Int, _ limit: Int
) {
  switch rows {
  case 1: mixAll(arithmetic, copied, 1, a, s, row, tile, first, limit)
  case 2: mixAll(arithmetic, copied, 2, a, s, row, tile, first, limit)
  case 3: mixAll(arithmetic, copied, 3, a, s, row, tile, first, limit)
  case 4: mixAll(arithmetic, copied, 4, a, s, row, tile, first, limit)
  case 5: mixAll(arithmetic, copied, 5, a, s, row, tile, first, limit)
  case 6: mixAll(arithmetic, copied, 6, a, s, row, tile, first, limit)
  #if ATTEND_AVX512
    case 7: mixAll(arithmetic, copied, 7, a, s, row, tile, first, limit)
    case 8: mixAll(arithmetic, copied, 8, a, s, row, tile, first, limit)
    case 9: mixAll(arithmetic, copied, 9, a, s, row, tile, first, limit)
    case 10: mixAll(arithmetic, copied, 10, a, s, row, tile, first, limit)
    case 11: mixAll(arithmetic, copied, 11, a, s, row, tile, first, limit)
    case 12: mixAll(arithmetic, copied, 12, a, s, row, tile, first, limit)
  #endif
  default: break
  }
}

@inline(never) private func mixFloat32(
  _ copied: Bool, _ rows: Int, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ row: Int, _ tile: Int, _ first: Int,
  _ limit: Int
) { mixEach(.float32, copied, rows, a, s, row, tile, first, limit) }

#if ATTEND_AVX512
  @inline(never) private func mixBFloat16(
    _ copied: Bool, _ rows: Int, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ row: Int, _ tile: Int, _ first: Int,
    _ limit: Int
  ) { mixEach(.bfloat16, copied, rows, a, s, row, tile, first, limit) }
#endif

/// Adds probabilities times values for steps `first` until `limit` of the tile to the sums of `rows` rows from `row` on.
@_transparent func mixRows(
  _ arithmetic: Arithmetic, _ rows: Int, _ a: UnsafePointer<AttentionArguments>, _ s: AttentionScratch, _ row: Int, _ tile: Int,
  _ first: Int, _ limit: Int
) {
  if first >= limit { return }
  switch arithmetic {
  #if ATTEND_AVX512
    case .bfloat16: mixBFloat16(s.padded, rows, a, s, row, tile, first, limit)
  #endif
  default: mixFloat32(copiesValues(arithmetic, s), rows, a, s, row, tile, first, limit)
  }
}
