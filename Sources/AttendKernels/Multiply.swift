// Rows times packed weights. Lanes run across outputs; along the inputs one step follows another from zero on, for every tile shape alike,
// so that a result does not depend on the shape. A step is 32 bits of inputs: one float32, two bfloat16 or four bytes.
import AttendKernelInterface
import CInstructions

/// One step: `sums` + the products of an input unit, the same in all lanes, with weight units. Sums of bytes are integers in the same bits.
@_transparent private func advanced(_ arithmetic: Arithmetic, _ sums: Vector, _ x: Vector, _ w: Vector) -> Vector {
  switch arithmetic {
  case .float32:
    #if ATTEND_FMA
      return attend_fma_here(sums, x, w)
    #else
      return multiplyAdd(x, w, sums)
    #endif
  case .bfloat16:
    #if ATTEND_AVX512
      return attend_dot_bf16(sums, bits(x), bits(w))
    #else
      return sums
    #endif
  case .bfloat16Widened:
    // vdpbf16ps adds the product of the upper halves first, then that of the lower ones, each rounded once: products of bfloat16 are exact.
    let sixteen = Lanes(repeating: 16), upper = Lanes(repeating: -65536)
    let first = multiplyAdd(fromBits(bits(x) & upper), fromBits(bits(w) & upper), sums)
    return multiplyAdd(fromBits(bits(x) &<< sixteen), fromBits(bits(w) &<< sixteen), first)
  case .int8:
    #if ATTEND_FMA
      return fromBits(attend_dot_vnni(bits(sums), bits(x), bits(w)))
    #else
      return sums
    #endif
  case .int8Widened: return fromBits(attend_dot_widened(bits(sums), bits(x), bits(w)))
  }
}

/// Cache lines to ask for, `count` at a time, from `first` on: those of the next panel, which the tiles of a panel ask for between them.
/// Without, the first tile of a panel would wait for memory.
struct Ahead {
  var first: UnsafePointer<Float>
  let count: Int

  /// Asks for the next lines.
  @_transparent mutating func ask() {
    let end = first + 16 &* count
    while first < end {
      attend_prefetch_far(first)
      first += 16
    }
  }
}

/// Takes `steps` steps for `rows` times `vectors` accumulators: x[row][k] with the vector at w[k]. Two vectors make a panel; more reach
/// into the next ones.
@_transparent func accumulate(
  _ arithmetic: Arithmetic, _ rows: Int, _ vectors: Int, _ sums: inout Accumulators, _ x: UnsafePointer<Float>, _ xStride: Int,
  _ w: UnsafePointer<Float>, _ wStride: Int, _ panelStride: Int, _ steps: Int, ahead: Ahead? = nil
) {
  var w = w, x = x
  var ahead = ahead
  var k = 0
  while k &+ 4 <= steps {
    var step = 0
    while step < 4 {
      // Loads that came earlier than their step would take the registers of sums.
      attend_keep_order()
      var i = 0
      while i < rows &* vectors {
        let row = i / vectors, vector = i % vectors
        let offset: Int = (vector & 1) &* 16 &+ (vector >> 1) &* panelStride &+ step &* wStride
        sums[unchecked: i] = advanced(arithmetic, sums[unchecked: i], splat(x[row &* xStride &+ step]), load(w + offset))
        i &+= 1
      }
      step &+= 1
    }
    ahead?.ask()
    w += 4 &* wStride
    x += 4
    k &+= 4
  }
  while k < steps {
    var i = 0
    while i < rows &* vectors {
      let row = i / vectors, vector = i % vectors
      let offset: Int = (vector & 1) &* 16 &+ (vector >> 1) &* panelStride
      sums[unchecked: i] = advanced(arithmetic, sums[unchecked: i], splat(x[row &* xStride]), load(w + offset))
      i &+= 1
    }
    w += wStride
    x += 1
    k &+= 1
  }
}

/// One tile: its sums go to scratch memory, `[32]` floats from row to row and `sumsPanel` from panel to panel.
@_transparent private func tile(
  _ arithmetic: Arithmetic, _ rows: Int, _ vectors: Int, _ a: UnsafePointer<MultiplyArguments>, _ x: UnsafePointer<Float>,
  _ w: UnsafePointer<Float>, _ sums: UnsafeMutablePointer<Float>, _ sumsPanel: Int, ahead: Ahead? = nil
) {
  let steps = a.pointee.steps
  var registers = zeros()
  accumulate(arithmetic, rows, vectors, &registers, x, a.pointee.xStride, w, panelWidth, steps &* panelWidth, steps, ahead: ahead)
  var i = 0
  while i < rows &* vectors {
    store(registers[unchecked: i], sums + (i / vectors &* panelWidth &+ (i % vectors & 1) &* 16 &+ ((i % vectors) >> 1) &* sumsPanel))
    i &+= 1
  }
}

/// A panel, or a half of it, for as many rows as the registers hold, or fewer.
@_transparent private func tall(
  _ arithmetic: Arithmetic, _ rows: Int, _ a: UnsafePointer<MultiplyArguments>, _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>,
  _ sums: UnsafeMutablePointer<Float>, _ ahead: Ahead
) {
  switch rows {
  case 1: tile(arithmetic, 1, tileVectors, a, x, w, sums, 0, ahead: ahead)
  case 2: tile(arithmetic, 2, tileVectors, a, x, w, sums, 0, ahead: ahead)
  case 3: tile(arithmetic, 3, tileVectors, a, x, w, sums, 0, ahead: ahead)
  case 4: tile(arithmetic, 4, tileVectors, a, x, w, sums, 0, ahead: ahead)
  case 5: tile(arithmetic, 5, tileVectors, a, x, w, sums, 0, ahead: ahead)
  case 6: tile(arithmetic, 6, tileVectors, a, x, w, sums, 0, ahead: ahead)
  #if ATTEND_AVX512
    case 7: tile(arithmetic, 7, tileVectors, a, x, w, sums, 0, ahead: ahead)
    case 8: tile(arithmetic, 8, tileVectors, a, x, w, sums, 0, ahead: ahead)
    case 9: tile(arithmetic, 9, tileVectors, a, x, w, sums, 0, ahead: ahead)
    case 10: tile(arithmetic, 10, tileVectors, a, x, w, sums, 0, ahead: ahead)
    case 11: tile(arithmetic, 11, tileVectors, a, x, w, sums, 0, ahead: ahead)
    case 12: tile(arithmetic, 12, tileVectors, a, x, w, sums, 0, ahead: ahead)
  #endif
  default: break
  }
}

/// Several panels side by side for one to three rows, so that enough sums are under way to hide the latency of a step.
@_transparent private func wide(
  _ arithmetic: Arithmetic, _ rows: Int, _ a: UnsafePointer<MultiplyArguments>, _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>,
  _ sums: UnsafeMutablePointer<Float>
) {
  let sumsPanel = rows &* panelWidth
  switch rows {
  #if ATTEND_AVX512
    case 1: tile(arithmetic, 1, 8, a, x, w, sums, sumsPanel)
    case 2: tile(arithmetic, 2, 4, a, x, w, sums, sumsPanel)
    case 3: tile(arithmetic, 3, 4, a, x, w, sums, sumsPanel)
  #else
    case 1: tile(arithmetic, 1, 4, a, x, w, sums, sumsPanel)
    case 2: tile(arithmetic, 2, 2, a, x, w, sums, sumsPanel)
    case 3: tile(arithmetic, 3, 2, a, x, w, sums, sumsPanel)
  #endif
  default: break
  }
}

/// Panels that `wide` takes at once.
@_transparent private func panelsOfWide(_ rows: Int) -> Int {
  #if ATTEND_AVX512
    rows == 1 ? 4 : 2
  #else
    rows == 1 ? 2 : 1
  #endif
}

/// Rows that stay in the cache while all panels pass: about half a megabyte of inputs.
@_transparent private func blockRows(_ steps: Int) -> Int {
  let rows = (1 << 17) / (steps > 0 ? steps : 1) / tileRows &* tileRows
  return rows < 2 &* tileRows ? 2 &* tileRows : rows > MultiplyArguments.blockRows ? MultiplyArguments.blockRows : rows
}

/// The sums of `count` rows from `row` on with panel `panel + index`, a tile after the other. With the last panel of a unit (`writes`) each
/// tile goes its way out at once, so that its results travel to memory while the next one is summed. Tiles are of nearly equal height: a
/// low tile wastes more than two of middle height.
@_transparent private func sumPanel(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, _ row: Int, _ count: Int, _ panel: Int, _ index: Int, _ writes: Bool,
  _ scratch: UnsafeMutablePointer<Float>
) {
  let steps = a.pointee.steps, weights = a.pointee.weights + (panel &+ index) &* steps &* panelWidth
  let sums = scratch + index &* count &* panelWidth
  let tiles = (count &+ tileRows &- 1) / tileRows
  // Four steps of a panel are eight cache lines.
  var ahead = Ahead(first: weights + steps &* panelWidth, count: (7 &+ tiles) / tiles)
  var tileIndex = 0
  var done = 0
  while tileIndex < tiles {
    let height = count / tiles &+ (tileIndex < count % tiles ? 1 : 0)
    let x = a.pointee.x + (row &+ done) &* a.pointee.xStride
    var half = 0
    while half < panelWidth {
      tall(arithmetic, height, a, x, weights + half, sums + (done &* panelWidth &+ half), ahead)
      half &+= tileVectors &* 16
    }
    if writes { applyEpilogue(arithmetic, a, row &+ done, height, panel, scratch + done &* panelWidth, count &* panelWidth) }
    ahead.first += steps / 4 &* ahead.count &* 16
    done &+= height
    tileIndex &+= 1
  }
}

/// `KernelTable.Multiply` for one arithmetic.
@_transparent private func multiply(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>,
  _ scratch: UnsafeMutablePointer<Float>
) {
  let unit = a.pointee.gated ? 2 : 1, most = blockRows(a.pointee.steps), end = panels.upperBound
  var row = rows.lowerBound
  while row < rows.upperBound {
    let left = rows.upperBound &- row
    let count = left < most ? left : most
    var panel = panels.lowerBound
    let together = panelsOfWide(count)
    if count <= 3 && together >= unit {
      while panel &+ together <= end {
        let weights = a.pointee.weights + panel &* a.pointee.steps &* panelWidth
        wide(arithmetic, count, a, a.pointee.x + row &* a.pointee.xStride, weights, scratch)
        var index = 0
        while index < together {
          applyEpilogue(arithmetic, a, row, count, panel &+ index, scratch + index &* count &* panelWidth, count &* panelWidth)
          index &+= unit
        }
        panel &+= together
      }
    }
    while panel < end {
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

/// `KernelTable.products`: one function for each arithmetic that the instruction set has.
func multiplyFloat32(
  _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
) { multiply(.float32, a, rows, panels, scratch) }

/// In bfloat16 subnormal numbers count as zeros, for vdpbf16ps takes and makes none.
func multiplyBFloat16Widened(
  _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
) {
  let modes = attend_flush_subnormals()
  multiply(.bfloat16Widened, a, rows, panels, scratch)
  attend_restore_modes(modes)
}

func multiplyInt8Widened(
  _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
) { multiply(.int8Widened, a, rows, panels, scratch) }

#if ATTEND_FMA
  func multiplyInt8(
    _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
  ) { multiply(.int8, a, rows, panels, scratch) }
#endif

#if ATTEND_AVX512
  func multiplyBFloat16(
    _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let modes = attend_flush_subnormals()
    multiply(.bfloat16, a, rows, panels, scratch)
    attend_restore_modes(modes)
  }
#endif
