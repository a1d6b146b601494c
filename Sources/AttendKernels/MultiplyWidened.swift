// Products of many rows with weights that no instruction multiplies as they lie: a strip of a panel is widened into the nearest cache, and
// all rows of a block pass over it before the next. Sums wait in memory in between, which changes no bit of them.
import AttendKernelInterface
import CInstructions

/// Units along the inputs that a strip is made of.
private var stripUnits: Int { @_transparent get { MultiplyArguments.stripSteps / 2 } }

/// Widens `units` units of a panel to `strip`, and asks for as many after them.
@_transparent private func widenStrip(
  _ arithmetic: Arithmetic, _ weights: UnsafePointer<Float>, units: Int, _ strip: UnsafeMutablePointer<Float>
) {
  var unit = 0
  while unit < units {
    var lane = 0
    while lane < panelWidth {
      let from = weights + (unit &* panelWidth &+ lane), to = strip + (2 &* unit &* panelWidth &+ lane)
      attend_prefetch_far(from + stripUnits &* panelWidth)
      let (first, second) = widened(arithmetic, load(from))
      store(first, to)
      store(second, to + panelWidth)
      lane &+= 16
    }
    unit &+= 1
  }
}

/// A tile of a strip, or of a half of it. A function of its own: its many shapes are code enough for one caller.
@inline(never) private func stripTileFloat32(
  _ a: UnsafePointer<MultiplyArguments>, rows: Int, x: UnsafePointer<Float>, stretch: Stretch, sums: UnsafeMutablePointer<Float>
) { tallStepsTile(.float32, a, rows: rows, x: x, stretch: stretch, sums: sums) }

@inline(never) private func stripTileInt16(
  _ a: UnsafePointer<MultiplyArguments>, rows: Int, x: UnsafePointer<Float>, stretch: Stretch, sums: UnsafeMutablePointer<Float>
) { tallStepsTile(.int16, a, rows: rows, x: x, stretch: stretch, sums: sums) }

/// `sumPanel` for widened weights of many rows.
@_transparent func sumWidenedPanel(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: RowBlock, panel: Int, index: Int, writes: Bool,
  scratch: UnsafeMutablePointer<Float>
) {
  let count = rows.count, units = a.pointee.steps
  let strip = scratch + 2 &* MultiplyArguments.blockRows &* panelWidth
  let sums = scratch + index &* count &* panelWidth
  let tiles = (count &+ tileRows &- 1) / tileRows
  var i = 0
  while i < count &* panelWidth {
    store(splat(0), sums + i)
    i &+= 16
  }
  var weights = a.pointee.weights + (panel &+ index) &* units &* panelWidth
  var x = a.pointee.x + rows.row &* a.pointee.xStride
  var done = 0
  while done < units {
    let now = units &- done < stripUnits ? units &- done : stripUnits
    widenStrip(arithmetic, weights, units: now, strip)
    done &+= now
    var tile = 0, row = 0
    while tile < tiles {
      let height = count / tiles &+ (tile < count % tiles ? 1 : 0)
      var half = 0
      while half < panelWidth {
        let from = x + row &* a.pointee.xStride, to = sums + (row &* panelWidth &+ half)
        let stretch = Stretch(strip + half, steps: 2 &* now, goesOn: true)
        if case .bfloat16Widened = arithmetic {
          stripTileFloat32(a, rows: height, x: from, stretch: stretch, sums: to)
        } else {
          stripTileInt16(a, rows: height, x: from, stretch: stretch, sums: to)
        }
        half &+= tileVectors &* 16
      }
      if writes, done == units {
        let written = RowBlock(row: rows.row &+ row, count: height)
        applyEpilogue(arithmetic, a, rows: written, panel: panel, sums: scratch + row &* panelWidth, up: count &* panelWidth)
      }
      row &+= height
      tile &+= 1
    }
    weights += now &* panelWidth
    x += 2 &* now
  }
}
