// Rows times weights in 4 bits: for each group of 32 inputs a sum of bytes, exact, then a multiply-add with the group's scale. A group of a
// panel is 16 units of scales and four times 32 units. A unit of scales is a bfloat16 of the panel's first half of outputs, in its low
// half, and one of its second. The low halves of a unit's bytes are four inputs, the high halves the next four.
import AttendKernelInterface
import CInstructions

/// Rows of a tile: its registers hold the exact sums of a group and the sums so far.
private var int4Rows: Int { @_transparent get { tileRows / 2 } }

/// Units of the scales of a group, and of a group, for a whole panel.
private var scaleUnits: Int { @_transparent get { panelWidth / 2 } }
private var groupUnits: Int { @_transparent get { scaleUnits &+ 4 &* panelWidth } }

/// Groups from what is read of one row's weights to what is asked for: enough for memory's latency.
private var groupsAhead: Int { @_transparent get { 4 } }

/// Four products of unsigned bytes with signed ones; `exact` names the arithmetic.
@_transparent private func dot(_ arithmetic: Arithmetic, _ sums: Vector, _ w: Lanes, _ x: Vector) -> Vector {
  #if ATTEND_FMA
    if case .int8 = arithmetic { return fromBits(attend_dot_vnni(bits(sums), w, bits(x))) }
  #endif
  return fromBits(attend_dot_widened(bits(sums), w, bits(x)))
}

/// sums + x * scales, spelled so that the sums stay in their registers.
@_transparent private func scaled(_ sums: Vector, _ x: Vector, _ scales: Vector) -> Vector {
  #if ATTEND_FMA
    return attend_fma_here(sums, x, scales)
  #else
    return multiplyAdd(x, scales, sums)
  #endif
}

/// One tile, from the panel at `w` on, on AVX2 the half of it that begins at output `half`. Its sums go to scratch memory, `[32]` floats
/// from row to row and `sumsPanel` from panel to panel.
@_transparent private func tile(
  _ arithmetic: Arithmetic, _ rows: Int, _ vectors: Int, _ a: UnsafePointer<MultiplyArguments>, _ row: Int, _ w: UnsafePointer<Float>,
  _ half: Int, _ sums: UnsafeMutablePointer<Float>, _ sumsPanel: Int, ahead: Ahead? = nil
) {
  let groups = a.pointee.steps, xStride = a.pointee.xStride
  let panelStride = groups &* groupUnits, low = Lanes(repeating: 0x0f0f_0f0f)
  let xOffsets = UnsafeRawPointer(a.pointee.xSums.unsafelyUnwrapped + row &* groups).assumingMemoryBound(to: Float.self)
  var x = a.pointee.x + row &* xStride
  var w = w, ahead = ahead
  var registers = zeros()
  var group = 0
  while group < groups {
    var exact = zeros()
    var i = 0
    while i < rows &* vectors {
      exact[unchecked: i] = splat(xOffsets[i / vectors &* groups &+ group])
      i &+= 1
    }
    if ahead != nil {
      ahead?.ask()
    } else {
      i = 0
      while i < vectors / 2 {
        var line = 0
        while line < groupUnits {
          attend_prefetch(w + (i &* panelStride &+ groupsAhead &* groupUnits &+ line))
          line &+= 16
        }
        i &+= 1
      }
    }
    var pair = 0
    while pair < 4 {
      let units = w + (scaleUnits &+ pair &* panelWidth &+ half)
      i = 0
      while i < rows &* vectors {
        let vector = i % vectors, at: Int = i / vectors &* xStride &+ 2 &* pair
        let offset: Int = (vector & 1) &* 16 &+ (vector >> 1) &* panelStride
        let both = bits(load(units + offset))
        let first = dot(arithmetic, exact[unchecked: i], both & low, splat(x[at]))
        exact[unchecked: i] = dot(arithmetic, first, (both &>> Lanes(repeating: 4)) & low, splat(x[at &+ 1]))
        i &+= 1
      }
      pair &+= 1
    }
    i = 0
    while i < rows &* vectors {
      let vector = i % vectors
      let shift = Int32(truncatingIfNeeded: 16 &- half &- (vector & 1) &* 16)
      let scales = fromBits((bits(load(w + (vector >> 1) &* panelStride)) &<< Lanes(repeating: shift)) & Lanes(repeating: -65536))
      registers[unchecked: i] = scaled(registers[unchecked: i], attend_to_float(bits(exact[unchecked: i])), scales)
      i &+= 1
    }
    x += 8
    w += groupUnits
    group &+= 1
  }
  var i = 0
  while i < rows &* vectors {
    let scale = splat(a.pointee.xScales.unsafelyUnwrapped[row &+ i / vectors])
    store(
      registers[unchecked: i] * scale, sums + (i / vectors &* panelWidth &+ (i % vectors & 1) &* 16 &+ ((i % vectors) >> 1) &* sumsPanel))
    i &+= 1
  }
}

/// A panel, or a half of it, for as many rows as the registers hold, or fewer.
@_transparent private func tall(
  _ arithmetic: Arithmetic, _ rows: Int, _ a: UnsafePointer<MultiplyArguments>, _ row: Int, _ w: UnsafePointer<Float>, _ half: Int,
  _ sums: UnsafeMutablePointer<Float>, _ ahead: Ahead
) {
  switch rows {
  case 1: tile(arithmetic, 1, tileVectors, a, row, w, half, sums, 0, ahead: ahead)
  case 2: tile(arithmetic, 2, tileVectors, a, row, w, half, sums, 0, ahead: ahead)
  case 3: tile(arithmetic, 3, tileVectors, a, row, w, half, sums, 0, ahead: ahead)
  #if ATTEND_AVX512
    case 4: tile(arithmetic, 4, tileVectors, a, row, w, half, sums, 0, ahead: ahead)
    case 5: tile(arithmetic, 5, tileVectors, a, row, w, half, sums, 0, ahead: ahead)
    case 6: tile(arithmetic, 6, tileVectors, a, row, w, half, sums, 0, ahead: ahead)
  #endif
  default: break
  }
}

/// The sums of `count` rows from `row` on with panel `panel + index`, a tile after the other, each on its way out with the last panel of a
/// unit.
@_transparent private func sumPanel(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, _ row: Int, _ count: Int, _ panel: Int, _ index: Int, _ writes: Bool,
  _ scratch: UnsafeMutablePointer<Float>
) {
  let groups = a.pointee.steps, weights = a.pointee.weights + (panel &+ index) &* groups &* groupUnits
  let tiles = (count &+ int4Rows &- 1) / int4Rows
  // A group of a panel is nine cache lines.
  var ahead = Ahead(first: weights + groups &* groupUnits, count: (8 &+ tiles) / tiles)
  var tileIndex = 0
  var done = 0
  while tileIndex < tiles {
    let height = count / tiles &+ (tileIndex < count % tiles ? 1 : 0)
    var half = 0
    while half < panelWidth {
      tall(arithmetic, height, a, row &+ done, weights, half, scratch + ((index &* count &+ done) &* panelWidth &+ half), ahead)
      half &+= tileVectors &* 16
    }
    if writes { applyEpilogue(.float32, a, row &+ done, height, panel, scratch + done &* panelWidth, count &* panelWidth) }
    ahead.first += groups &* ahead.count &* 16
    done &+= height
    tileIndex &+= 1
  }
}

@_transparent private func multiply(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>,
  _ scratch: UnsafeMutablePointer<Float>
) {
  let unit = a.pointee.gated ? 2 : 1, panelStride = a.pointee.steps &* groupUnits
  #if ATTEND_AVX512
    let together = 4
  #else
    let together = 1
  #endif
  var row = rows.lowerBound
  while row < rows.upperBound {
    let left = rows.upperBound &- row
    let count = left < MultiplyArguments.blockRows ? left : MultiplyArguments.blockRows
    var panel = panels.lowerBound
    if count == 1 && together >= unit {
      while panel &+ together <= panels.upperBound {
        // Several panels side by side, so that enough sums are under way.
        tile(arithmetic, 1, 2 &* together, a, row, a.pointee.weights + panel &* panelStride, 0, scratch, panelWidth)
        var index = 0
        while index < together {
          applyEpilogue(.float32, a, row, 1, panel &+ index, scratch + index &* panelWidth, panelWidth)
          index &+= unit
        }
        panel &+= together
      }
    }
    while panel < panels.upperBound {
      var index = 0
      while index < unit {
        sumPanel(arithmetic, a, row, count, panel, index, index &+ 1 == unit, scratch)
        index &+= 1
      }
      panel &+= unit
    }
    row &+= count
  }
}

func multiplyInt4Widened(
  _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
) { multiply(.int8Widened, a, rows, panels, scratch) }

#if ATTEND_FMA
  func multiplyInt4(
    _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
  ) { multiply(.int8, a, rows, panels, scratch) }
#endif
