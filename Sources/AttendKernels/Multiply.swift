// Rows times packed weights. Lanes run across outputs; along the inputs one step follows another from zero on, for every tile shape alike,
// so that a result does not depend on the shape. Blocks of rows, panels and tiles are gone through in one way, whatever the weights.
import AttendKernelInterface
import CInstructions

/// The two ways in which weights lie in a panel; a constant wherever it is inlined.
enum PanelLayout {
  /// Steps of 32 units of 32 bits: one float32, two bfloat16 or four bytes of inputs. See MultiplySteps.swift.
  case steps
  /// Groups of 32 inputs in 4 bits with their scales. See MultiplyInt4.swift.
  case groups
}

/// Rows of the inputs: `[row, row + count)`.
struct RowBlock {
  let row: Int
  let count: Int

  @_transparent init(row: Int, count: Int) {
    self.row = row
    self.count = count
  }
}

/// Cache lines of the next panel, `count` at a time from `first` on, which the tiles of a panel ask for between them: without, the first
/// tile of a panel would wait for memory.
struct PrefetchCursor: StepCursor {
  var first: UnsafePointer<Float>
  let count: Int

  /// Asks for the next lines.
  @_transparent mutating func advance() {
    let end = first + 16 &* count
    while first < end {
      attend_prefetch_far(first)
      first += 16
    }
  }
}

/// Floats of a step of a whole panel.
@_transparent private func stepFloats(_ layout: PanelLayout) -> Int {
  if case .steps = layout { panelWidth } else { groupUnits }
}

/// Rows of a tile at most: a tile of groups holds the exact sums of a group beside the sums so far.
@_transparent private func tallRows(_ layout: PanelLayout) -> Int {
  if case .steps = layout { tileRows } else { tileRows / 2 }
}

/// Steps of a tile from one advance of its cursor to the next, and the cache lines that they are in a panel.
@_transparent private func stepsOfAdvance(_ layout: PanelLayout) -> Int { if case .steps = layout { 4 } else { 1 } }
@_transparent private func linesOfAdvance(_ layout: PanelLayout) -> Int { if case .steps = layout { 8 } else { 9 } }

/// Rows that stay in the cache while all panels pass: about half a megabyte of inputs, which are smaller in 4-bit products.
@_transparent func blockRows(_ layout: PanelLayout, _ arithmetic: Arithmetic, _ steps: Int) -> Int {
  if case .groups = layout { return MultiplyArguments.blockRows }
  let rows = (1 << 17) / (steps > 0 ? steps &* inputUnits(arithmetic) : 1) / tileRows &* tileRows
  return rows < 2 &* tileRows ? 2 &* tileRows : rows > MultiplyArguments.blockRows ? MultiplyArguments.blockRows : rows
}

/// Panels that `wideTiles` takes at once for so many rows; 0: none, there are sums enough.
@_transparent private func widePanels(_ layout: PanelLayout, _ rows: Int) -> Int {
  #if ATTEND_AVX512
    if case .groups = layout { return rows == 1 ? 4 : 0 }
    return rows == 1 ? 4 : rows <= 3 ? 2 : 0
  #else
    if case .groups = layout { return rows == 1 ? 1 : 0 }
    return rows == 1 ? 2 : rows <= 3 ? 1 : 0
  #endif
}

/// A panel, or the half of it from output `half` on, for as many rows as the registers hold, or fewer.
@_transparent private func tallTile(
  _ layout: PanelLayout, _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: RowBlock, weights: UnsafePointer<Float>,
  half: Int, sums: UnsafeMutablePointer<Float>, _ cursor: PrefetchCursor
) {
  if case .steps = layout {
    let stretch = Stretch(weights + half, steps: a.pointee.steps)
    tallStepsTile(
      arithmetic, a, rows: rows.count, x: a.pointee.x + rows.row &* a.pointee.xStride, stretch: stretch, sums: sums, cursor)
  } else {
    tallGroupsTile(arithmetic, a, rows: rows.count, row: rows.row, weights: weights, half: half, sums: sums, cursor)
  }
}

/// Several panels side by side for one to three rows, so that enough sums are under way to hide the latency of a step.
@_transparent private func wideTiles(
  _ layout: PanelLayout, _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: RowBlock, weights: UnsafePointer<Float>,
  sums: UnsafeMutablePointer<Float>
) {
  if case .steps = layout {
    wideStepsTiles(arithmetic, a, rows: rows.count, x: a.pointee.x + rows.row &* a.pointee.xStride, weights: weights, sums: sums)
  } else {
    let vectors = 2 &* widePanels(.groups, 1)
    groupsTile(arithmetic, a, rows: 1, vectors: vectors, row: rows.row, weights: weights, half: 0, sums: sums, sumsPanel: panelWidth)
  }
}

/// Scales, bias, activation, gate and residual of `rows`; sums of groups are float32 already.
@_transparent private func writeOut(
  _ layout: PanelLayout, _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: RowBlock, panel: Int,
  sums: UnsafePointer<Float>, up: Int
) {
  if case .steps = layout {
    applyEpilogue(arithmetic, a, rows: rows, panel: panel, sums: sums, up: up)
  } else {
    applyEpilogue(.float32, a, rows: rows, panel: panel, sums: sums, up: up)
  }
}

/// The sums of `rows` with panel `panel + index`, a tile after the other. With the last panel of a unit (`writes`) the epilogue of each
/// tile follows at once, so that its results travel to memory while the next one is summed. Tiles are of nearly equal height: a low tile
/// wastes more than two of middle height.
@_transparent private func sumPanel(
  _ layout: PanelLayout, _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: RowBlock, panel: Int, index: Int,
  writes: Bool, scratch: UnsafeMutablePointer<Float>
) {
  if inputUnits(arithmetic) > 1, rows.count > 2 &* tileRows {
    return sumWidenedPanel(arithmetic, a, rows: rows, panel: panel, index: index, writes: writes, scratch: scratch)
  }
  let steps = a.pointee.steps, count = rows.count, panelFloats = steps &* stepFloats(layout)
  let weights = a.pointee.weights + (panel &+ index) &* panelFloats
  let sums = scratch + index &* count &* panelWidth
  let tiles = (count &+ tallRows(layout) &- 1) / tallRows(layout)
  var cursor = PrefetchCursor(first: weights + panelFloats, count: (linesOfAdvance(layout) &- 1 &+ tiles) / tiles)
  var tileIndex = 0
  var done = 0
  while tileIndex < tiles {
    let tile = RowBlock(row: rows.row &+ done, count: count / tiles &+ (tileIndex < count % tiles ? 1 : 0))
    var half = 0
    while half < panelWidth {
      tallTile(layout, arithmetic, a, rows: tile, weights: weights, half: half, sums: sums + (done &* panelWidth &+ half), cursor)
      half &+= tileVectors &* 16
    }
    if writes {
      writeOut(layout, arithmetic, a, rows: tile, panel: panel, sums: scratch + done &* panelWidth, up: count &* panelWidth)
    }
    cursor.first += steps / stepsOfAdvance(layout) &* cursor.count &* 16
    done &+= tile.count
    tileIndex &+= 1
  }
}

/// `KernelTable.Multiply` for one layout and one arithmetic.
@_transparent func multiply(
  _ layout: PanelLayout, _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>,
  _ scratch: UnsafeMutablePointer<Float>
) {
  let unit = a.pointee.gated ? 2 : 1, most = blockRows(layout, arithmetic, a.pointee.steps), end = panels.upperBound
  var row = rows.lowerBound
  while row < rows.upperBound {
    let left = rows.upperBound &- row
    let block = RowBlock(row: row, count: left < most ? left : most)
    let sumsPanel = block.count &* panelWidth
    var panel = panels.lowerBound
    let together = widePanels(layout, block.count)
    if together >= unit {
      while panel &+ together <= end {
        let weights = a.pointee.weights + panel &* a.pointee.steps &* stepFloats(layout)
        wideTiles(layout, arithmetic, a, rows: block, weights: weights, sums: scratch)
        var index = 0
        while index < together {
          writeOut(layout, arithmetic, a, rows: block, panel: panel &+ index, sums: scratch + index &* sumsPanel, up: sumsPanel)
          index &+= unit
        }
        panel &+= together
      }
    }
    while panel < end {
      var index = 0
      while index < unit {
        sumPanel(layout, arithmetic, a, rows: block, panel: panel, index: index, writes: index &+ 1 == unit, scratch: scratch)
        index &+= 1
      }
      panel &+= unit
    }
    row &+= block.count
  }
}
