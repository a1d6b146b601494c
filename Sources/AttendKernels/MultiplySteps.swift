// Tiles of products whose weights lie in steps: 32 bits of inputs, one float32, two bfloat16 or four bytes.
import AttendKernelInterface
import CInstructions

/// Units of inputs in a step: those of widened weights are widened before.
@_transparent func inputUnits(_ arithmetic: Arithmetic) -> Int {
  switch arithmetic {
  case .bfloat16Widened, .int8Widened: 2
  default: 1
  }
}

/// The two rows that a row of units becomes: two bfloat16 as float32, the second number first, or the even and the odd ones of four bytes.
@_transparent func widened(_ arithmetic: Arithmetic, _ w: Vector) -> (first: Vector, second: Vector) {
  if case .bfloat16Widened = arithmetic {
    return (fromBits(bits(w) & Lanes(repeating: -65536)), fromBits(bits(w) &<< Lanes(repeating: 16)))
  }
  let pairs = unsafeBitCast(w, to: SIMD32<Int16>.self), eight = SIMD32<Int16>(repeating: 8)
  return (unsafeBitCast((pairs &<< eight) &>> eight, to: Vector.self), unsafeBitCast(pairs &>> eight, to: Vector.self))
}

/// One step: `sums` + the products of the inputs at `x`, the same in all lanes, with weight units. Sums of bytes are integers in the same
/// bits.
@_transparent private func advanced(_ arithmetic: Arithmetic, _ sums: Vector, _ inputs: UnsafePointer<Float>, _ w: Vector) -> Vector {
  let x = splat(inputs.pointee)
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
    let (first, second) = widened(arithmetic, w)
    return multiplyAdd(splat(inputs[1]), second, multiplyAdd(x, first, sums))
  case .int8:
    #if ATTEND_FMA
      return fromBits(attend_dot_vnni(bits(sums), bits(x), bits(w)))
    #else
      return sums
    #endif
  case .int8Paired: return fromBits(attend_dot_pairs(bits(sums), inputs, bits(w)))
  case .int8Widened:
    let (first, second) = widened(arithmetic, w)
    return fromBits(attend_dot16_at(attend_dot16_at(bits(sums), inputs, bits(first)), inputs + 1, bits(second)))
  case .int16: return fromBits(attend_dot16_at(bits(sums), inputs, bits(w)))
  case .int4Widened: return sums
  }
}

/// Steps of weights that a tile sums, and whether it goes on with the sums of those before them.
struct Stretch {
  let weights: UnsafePointer<Float>
  let steps: Int
  let goesOn: Bool

  @_transparent init(_ weights: UnsafePointer<Float>, steps: Int, goesOn: Bool = false) {
    self.weights = weights
    self.steps = steps
    self.goesOn = goesOn
  }
}

/// Something that goes along with the steps of a tile, four at a time.
protocol StepCursor {
  mutating func advance()
}

/// Nothing that goes along.
struct NoCursor: StepCursor {
  @_transparent init() {}
  @_transparent mutating func advance() {}
}

/// Panels side by side that one row reads once: their lines are asked for some steps ahead, as memory takes longer to answer than the CPU
/// looks ahead by itself.
struct StreamCursor: StepCursor {
  private var ahead: UnsafePointer<Float>
  private let panels: Int
  private let panelStride: Int
  private static var stepsAhead: Int { @_transparent get { 16 } }

  @_transparent init(_ stretch: Stretch, panels: Int) {
    ahead = stretch.weights + StreamCursor.stepsAhead &* panelWidth
    self.panels = panels
    panelStride = stretch.steps &* panelWidth
  }

  @_transparent mutating func advance() {
    var panel = 0
    while panel < panels {
      var line = 0
      while line < 4 &* panelWidth {
        attend_prefetch(ahead + (panel &* panelStride &+ line))
        line &+= 16
      }
      panel &+= 1
    }
    ahead += 4 &* panelWidth
  }
}

/// Takes `steps` steps for `rows` times `vectors` accumulators: x[row][k] with the vector at w[k]. Two vectors make a panel; more reach
/// into the next ones.
@_transparent func accumulate<Cursor: StepCursor>(
  _ arithmetic: Arithmetic, rows: Int, vectors: Int, _ sums: inout Accumulators, x: UnsafePointer<Float>, xStride: Int,
  w: UnsafePointer<Float>, wStride: Int, panelStride: Int, steps: Int, _ cursor: Cursor = NoCursor()
) {
  let units = inputUnits(arithmetic)
  var w = w, x = x
  var cursor = cursor
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
        sums[unchecked: i] = advanced(arithmetic, sums[unchecked: i], x + (row &* xStride &+ step &* units), load(w + offset))
        i &+= 1
      }
      step &+= 1
    }
    cursor.advance()
    w += 4 &* wStride
    x += 4 &* units
    k &+= 4
  }
  while k < steps {
    var i = 0
    while i < rows &* vectors {
      let row = i / vectors, vector = i % vectors
      let offset: Int = (vector & 1) &* 16 &+ (vector >> 1) &* panelStride
      sums[unchecked: i] = advanced(arithmetic, sums[unchecked: i], x + row &* xStride, load(w + offset))
      i &+= 1
    }
    w += wStride
    x += units
    k &+= 1
  }
}

/// One tile: its sums go to scratch memory, `[32]` floats from row to row and `sumsPanel` from panel to panel.
@_transparent private func stepsTile<Cursor: StepCursor>(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: Int, vectors: Int, x: UnsafePointer<Float>,
  stretch: Stretch, sums: UnsafeMutablePointer<Float>, sumsPanel: Int, _ cursor: Cursor = NoCursor()
) {
  var registers = zeros()
  if stretch.goesOn {
    var i = 0
    while i < rows &* vectors {
      registers[unchecked: i] = load(sums + (i / vectors &* panelWidth &+ (i % vectors & 1) &* 16 &+ ((i % vectors) >> 1) &* sumsPanel))
      i &+= 1
    }
  }
  accumulate(
    arithmetic, rows: rows, vectors: vectors, &registers, x: x, xStride: a.pointee.xStride, w: stretch.weights, wStride: panelWidth,
    panelStride: stretch.steps &* panelWidth, steps: stretch.steps, cursor)
  var i = 0
  while i < rows &* vectors {
    store(registers[unchecked: i], sums + (i / vectors &* panelWidth &+ (i % vectors & 1) &* 16 &+ ((i % vectors) >> 1) &* sumsPanel))
    i &+= 1
  }
}

/// A tile of one panel, or of a half of it, for `rows` rows.
@_transparent func tallStepsTile<Cursor: StepCursor>(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: Int, x: UnsafePointer<Float>, stretch: Stretch,
  sums: UnsafeMutablePointer<Float>, _ cursor: Cursor = NoCursor()
) {
  switch rows {
  case 1: stepsTile(arithmetic, a, rows: 1, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
  case 2: stepsTile(arithmetic, a, rows: 2, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
  case 3: stepsTile(arithmetic, a, rows: 3, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
  case 4: stepsTile(arithmetic, a, rows: 4, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
  case 5: stepsTile(arithmetic, a, rows: 5, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
  case 6: stepsTile(arithmetic, a, rows: 6, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
  #if ATTEND_AVX512
    case 7: stepsTile(arithmetic, a, rows: 7, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
    case 8: stepsTile(arithmetic, a, rows: 8, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
    case 9: stepsTile(arithmetic, a, rows: 9, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
    case 10: stepsTile(arithmetic, a, rows: 10, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
    case 11: stepsTile(arithmetic, a, rows: 11, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
    case 12: stepsTile(arithmetic, a, rows: 12, vectors: tileVectors, x: x, stretch: stretch, sums: sums, sumsPanel: 0, cursor)
  #endif
  default: break
  }
}

/// Tiles of several panels side by side for one to three rows, as many as `widePanels` says.
@_transparent func wideStepsTiles(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: Int, x: UnsafePointer<Float>, weights: UnsafePointer<Float>,
  sums: UnsafeMutablePointer<Float>
) {
  let sumsPanel = rows &* panelWidth, stretch = Stretch(weights, steps: a.pointee.steps)
  switch rows {
  #if ATTEND_AVX512
    case 1:
      let cursor = StreamCursor(stretch, panels: 4)
      stepsTile(arithmetic, a, rows: 1, vectors: 8, x: x, stretch: stretch, sums: sums, sumsPanel: sumsPanel, cursor)
    case 2: stepsTile(arithmetic, a, rows: 2, vectors: 4, x: x, stretch: stretch, sums: sums, sumsPanel: sumsPanel)
    case 3: stepsTile(arithmetic, a, rows: 3, vectors: 4, x: x, stretch: stretch, sums: sums, sumsPanel: sumsPanel)
  #else
    case 1:
      let cursor = StreamCursor(stretch, panels: 2)
      stepsTile(arithmetic, a, rows: 1, vectors: 4, x: x, stretch: stretch, sums: sums, sumsPanel: sumsPanel, cursor)
    case 2: stepsTile(arithmetic, a, rows: 2, vectors: 2, x: x, stretch: stretch, sums: sums, sumsPanel: sumsPanel)
    case 3: stepsTile(arithmetic, a, rows: 3, vectors: 2, x: x, stretch: stretch, sums: sums, sumsPanel: sumsPanel)
  #endif
  default: break
  }
}

/// `KernelTable.products`: one function for each arithmetic that the instruction set has.
func multiplyFloat32(
  _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
) { multiply(.steps, .float32, a, rows, panels, scratch) }

/// In bfloat16 subnormal numbers count as zeros, for vdpbf16ps takes and makes none.
func multiplyBFloat16Widened(
  _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
) {
  let modes = attend_flush_subnormals()
  multiply(.steps, .bfloat16Widened, a, rows, panels, scratch)
  attend_restore_modes(modes)
}

func multiplyInt8Paired(
  _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
) { multiply(.steps, .int8Paired, a, rows, panels, scratch) }

func multiplyInt8Widened(
  _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
) { multiply(.steps, .int8Widened, a, rows, panels, scratch) }

#if ATTEND_FMA
  func multiplyInt8(
    _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
  ) { multiply(.steps, .int8, a, rows, panels, scratch) }
#endif

#if ATTEND_AVX512
  func multiplyBFloat16(
    _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let modes = attend_flush_subnormals()
    multiply(.steps, .bfloat16, a, rows, panels, scratch)
    attend_restore_modes(modes)
  }
#endif
