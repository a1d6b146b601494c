// Rows times weights in 4 bits: for each group of 32 inputs a sum of bytes, exact, then a multiply-add with the group's scale. A group of a
// panel is 16 units of scales and four times 32 units. A unit of scales is a bfloat16 of the panel's first half of outputs, in its low
// half, and one of its second. The low halves of a unit's bytes are four inputs, the high halves the next four.
import AttendKernelInterface
import CInstructions

/// Units of the scales of a group, and of a group, for a whole panel.
private var scaleUnits: Int { @_transparent get { panelWidth / 2 } }
var groupUnits: Int { @_transparent get { scaleUnits &+ 4 &* panelWidth } }

/// Groups from what is read of one row's weights to what is asked for: enough for memory's latency.
private var groupsAhead: Int { @_transparent get { 4 } }

/// sums + four products of unsigned bytes with signed ones: without an instruction for it two sums of 16 bits, in which a whole group has
/// room, for 8 times two products of 15 and 127 are 30,480.
@_transparent private func dot(_ arithmetic: Arithmetic, _ sums: Vector, _ w: Lanes, _ x: Vector) -> Vector {
  #if ATTEND_FMA
    if case .int8 = arithmetic { return fromBits(attend_dot_vnni(bits(sums), w, bits(x))) }
  #endif
  return fromBits(attend_add16(bits(sums), attend_pair_products(w, bits(x))))
}

/// What the sums of a group with inputs that are moved down by `offset` begin with.
@_transparent private func begun(_ arithmetic: Arithmetic, _ offset: Float) -> Vector {
  if case .int8 = arithmetic { splat(offset) } else { splat(0) }
}

/// The sums of a group as float32.
@_transparent private func ended(_ arithmetic: Arithmetic, _ sums: Vector, _ offset: Float) -> Vector {
  if case .int8 = arithmetic { return attend_to_float(bits(sums)) }
  return attend_to_float(attend_add_pairs(bits(splat(offset)), bits(sums)))
}

/// sums + x * scales, spelled so that the sums stay in their registers.
@_transparent private func scaled(_ sums: Vector, _ x: Vector, _ scales: Vector) -> Vector {
  #if ATTEND_FMA
    return attend_fma_here(sums, x, scales)
  #else
    return multiplyAdd(x, scales, sums)
  #endif
}

/// One tile, from the panel at `weights` on, on AVX2 the half of it that begins at output `half`. Its sums go to scratch memory, `[32]`
/// floats from row to row and `sumsPanel` from panel to panel.
@_transparent func groupsTile(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: Int, vectors: Int, row: Int, weights: UnsafePointer<Float>,
  half: Int, sums: UnsafeMutablePointer<Float>, sumsPanel: Int, _ cursor: PrefetchCursor? = nil
) {
  let groups = a.pointee.steps, xStride = a.pointee.xStride
  let panelStride = groups &* groupUnits, low = Lanes(repeating: 0x0f0f_0f0f)
  let xOffsets = UnsafeRawPointer(a.pointee.xSums.unsafelyUnwrapped + row &* groups).assumingMemoryBound(to: Float.self)
  var x = a.pointee.x + row &* xStride
  var w = weights, cursor = cursor
  var registers = zeros()
  var group = 0
  while group < groups {
    var exact = zeros()
    var i = 0
    while i < rows &* vectors {
      exact[unchecked: i] = begun(arithmetic, xOffsets[i / vectors &* groups &+ group])
      i &+= 1
    }
    if cursor != nil {
      cursor?.advance()
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
      let numbers = ended(arithmetic, exact[unchecked: i], xOffsets[i / vectors &* groups &+ group])
      registers[unchecked: i] = scaled(registers[unchecked: i], numbers, scales)
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

/// A tile of one panel, or of a half of it, for `rows` rows: half as many as where no exact sums are kept beside.
@_transparent func tallGroupsTile(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: Int, row: Int, weights: UnsafePointer<Float>, half: Int,
  sums: UnsafeMutablePointer<Float>, _ cursor: PrefetchCursor
) {
  switch rows {
  case 1: groupsTile(arithmetic, a, rows: 1, vectors: tileVectors, row: row, weights: weights, half: half, sums: sums, sumsPanel: 0, cursor)
  case 2: groupsTile(arithmetic, a, rows: 2, vectors: tileVectors, row: row, weights: weights, half: half, sums: sums, sumsPanel: 0, cursor)
  case 3: groupsTile(arithmetic, a, rows: 3, vectors: tileVectors, row: row, weights: weights, half: half, sums: sums, sumsPanel: 0, cursor)
  #if ATTEND_AVX512
    case 4:
      groupsTile(arithmetic, a, rows: 4, vectors: tileVectors, row: row, weights: weights, half: half, sums: sums, sumsPanel: 0, cursor)
    case 5:
      groupsTile(arithmetic, a, rows: 5, vectors: tileVectors, row: row, weights: weights, half: half, sums: sums, sumsPanel: 0, cursor)
    case 6:
      groupsTile(arithmetic, a, rows: 6, vectors: tileVectors, row: row, weights: weights, half: half, sums: sums, sumsPanel: 0, cursor)
  #endif
  default: break
  }
}

func multiplyInt4Paired(
  _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
) { multiply(.groups, .int8Paired, a, rows, panels, scratch) }

#if ATTEND_FMA
  func multiplyInt4(
    _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
  ) { multiply(.groups, .int8, a, rows, panels, scratch) }
#endif
