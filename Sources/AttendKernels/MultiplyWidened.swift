// Products of many rows with weights that no instruction multiplies as they lie: a strip of a panel is widened into the nearest cache, and
// all rows of a block pass over it before the next. Sums wait in memory in between, which changes no bit of them.
import AttendKernelInterface
import CInstructions

/// A panel, or the half of it, on its way into a strip: its units are widened beside the multiply-adds of the strip's first tile, a little
/// ahead of them, in cycles and on ports that these leave.
struct WideningCursor: StepCursor {
  private let arithmetic: Arithmetic
  private var from: UnsafePointer<Float>
  private let end: UnsafePointer<Float>
  private var to: UnsafeMutablePointer<Float>

  /// Of `units` units, of which those of the first steps are widened at once.
  @_transparent init(_ arithmetic: Arithmetic, _ weights: UnsafePointer<Float>, units: Int, to strip: UnsafeMutablePointer<Float>) {
    self.arithmetic = arithmetic
    from = weights
    end = weights + units &* panelWidth
    to = strip
    advance()
  }

  /// Widens a unit to two steps.
  @_transparent private mutating func widenUnit() {
    var lane = 0
    while lane < tileVectors &* 16 {
      let (first, second) = widened(arithmetic, load(from + lane))
      store(first, to + lane)
      store(second, to + (panelWidth &+ lane))
      lane &+= 16
    }
    from += panelWidth
    to += 2 &* panelWidth
  }

  /// Widens the units of the next four steps.
  @_transparent mutating func advance() {
    if from < end { widenUnit() }
    if from < end { widenUnit() }
  }
}

/// Units of a panel that are a strip, and whether sums go on with those of the strips before.
private struct Strip {
  let weights: UnsafePointer<Float>
  let units: Int
  let goesOn: Bool
}

/// A tile of a strip, or of a half of it. A function of its own: its many shapes are code enough for one caller.
@inline(never) private func stripTileFloat32(
  _ a: UnsafePointer<MultiplyArguments>, rows: Int, x: UnsafePointer<Float>, stretch: Stretch, sums: UnsafeMutablePointer<Float>
) { tallStepsTile(.float32, a, rows: rows, x: x, stretch: stretch, sums: sums) }

@inline(never) private func stripTileInt16(
  _ a: UnsafePointer<MultiplyArguments>, rows: Int, x: UnsafePointer<Float>, stretch: Stretch, sums: UnsafeMutablePointer<Float>
) { tallStepsTile(.int16, a, rows: rows, x: x, stretch: stretch, sums: sums) }

/// The first tile of a strip, which is widened to `to` for the others.
@inline(never) private func wideningTileBFloat16(
  _ a: UnsafePointer<MultiplyArguments>, rows: Int, x: UnsafePointer<Float>, _ strip: Strip, to: UnsafeMutablePointer<Float>,
  sums: UnsafeMutablePointer<Float>
) {
  let cursor = WideningCursor(.bfloat16Widened, strip.weights, units: strip.units, to: to)
  let stretch = Stretch(to, steps: 2 &* strip.units, goesOn: strip.goesOn)
  tallStepsTile(.float32, a, rows: rows, x: x, stretch: stretch, sums: sums, cursor)
}

@inline(never) private func wideningTileInt8(
  _ a: UnsafePointer<MultiplyArguments>, rows: Int, x: UnsafePointer<Float>, _ strip: Strip, to: UnsafeMutablePointer<Float>,
  sums: UnsafeMutablePointer<Float>
) {
  let cursor = WideningCursor(.int8Widened, strip.weights, units: strip.units, to: to)
  let stretch = Stretch(to, steps: 2 &* strip.units, goesOn: strip.goesOn)
  tallStepsTile(.int16, a, rows: rows, x: x, stretch: stretch, sums: sums, cursor)
}

/// A tile of a strip, or the half of it from output `half` on, whose wide weights lie at `wide`; its `first` tile brings them there.
@_transparent private func stripTile(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: Int, first: Bool, x: UnsafePointer<Float>, _ strip: Strip,
  half: Int, wide: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>
) {
  let some = Strip(weights: strip.weights + half, units: strip.units, goesOn: strip.goesOn)
  let stretch = Stretch(wide + half, steps: 2 &* strip.units, goesOn: strip.goesOn)
  if case .bfloat16Widened = arithmetic {
    if first { return wideningTileBFloat16(a, rows: rows, x: x, some, to: wide + half, sums: sums) }
    stripTileFloat32(a, rows: rows, x: x, stretch: stretch, sums: sums)
  } else {
    if first { return wideningTileInt8(a, rows: rows, x: x, some, to: wide + half, sums: sums) }
    stripTileInt16(a, rows: rows, x: x, stretch: stretch, sums: sums)
  }
}

/// `sumPanel` for widened weights of many rows, in strips of nearly equal length. The tiles of a strip ask for the lines of the next one.
@_transparent func sumWidenedPanel(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: RowBlock, panel: Int, index: Int, writes: Bool,
  scratch: UnsafeMutablePointer<Float>
) {
  let count = rows.count, units = a.pointee.steps
  let wide = scratch + 2 &* MultiplyArguments.blockRows &* panelWidth
  let sums = scratch + index &* count &* panelWidth
  let tiles = (count &+ tileRows &- 1) / tileRows
  let most = MultiplyArguments.stripSteps / 2
  let strips = units > most ? (units &+ most &- 1) / most : 1
  let length = ((units &+ strips &- 1) / strips &+ 3) & ~3
  let lines = length &* panelWidth / 16
  var weights = a.pointee.weights + (panel &+ index) &* units &* panelWidth
  var x = a.pointee.x + rows.row &* a.pointee.xStride
  var done = 0
  while done < units {
    let strip = Strip(weights: weights, units: units &- done < length ? units &- done : length, goesOn: done > 0)
    weights += strip.units &* panelWidth
    done &+= strip.units
    var ahead = PrefetchCursor(first: weights, count: (lines &+ tiles &- 1) / tiles)
    var tile = 0, row = 0
    while tile < tiles {
      let height = count / tiles &+ (tile < count % tiles ? 1 : 0)
      ahead.advance()
      var half = 0
      while half < panelWidth {
        let from = x + row &* a.pointee.xStride, to = sums + (row &* panelWidth &+ half)
        stripTile(arithmetic, a, rows: height, first: tile == 0, x: from, strip, half: half, wide: wide, sums: to)
        half &+= tileVectors &* 16
      }
      if writes, done == units {
        let written = RowBlock(row: rows.row &+ row, count: height)
        applyEpilogue(arithmetic, a, rows: written, panel: panel, sums: scratch + row &* panelWidth, up: count &* panelWidth)
      }
      row &+= height
      tile &+= 1
    }
    x += 2 &* strip.units
  }
}
