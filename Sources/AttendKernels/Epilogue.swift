// From sums to results: scales, bias, activation, gate and residual, while the sums are still in the nearest cache.
import AttendKernelInterface
import CInstructions

/// The way from sixteen sums to numbers, the same for all rows. Sums of bytes become `(sum - offset) * (input's scale * output's scale)`.
private struct Dequantizer {
  let bytes: Bool
  let offsets: Lanes
  let scales: Vector

  /// Of lane `lane` of all panels and the fifteen after it.
  @_transparent init(_ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, _ lane: Int) {
    switch arithmetic {
    case .float32, .bfloat16, .bfloat16Widened, .int4Widened, .int16:
      bytes = false
      offsets = Lanes(repeating: 0)
      scales = splat(0)
    case .int8, .int8Paired, .int8Widened:
      bytes = true
      offsets = bits(load(UnsafeRawPointer(a.pointee.weightOffsets.unsafelyUnwrapped + lane).assumingMemoryBound(to: Float.self)))
      scales = load(a.pointee.weightScales.unsafelyUnwrapped + lane)
    }
  }

  @_transparent func numbers(_ sums: UnsafePointer<Float>, _ a: UnsafePointer<MultiplyArguments>, _ row: Int) -> Vector {
    let raw = load(sums)
    if !bytes { return raw }
    return attend_to_float(bits(raw) &- offsets) * (splat(a.pointee.xScales.unsafelyUnwrapped[row]) * scales)
  }
}

/// Writes the first `left` of sixteen columns of `rows`, from `column` of the results on, which is `lane` of the panel. `activation` is a
/// constant where it is inlined, but for the costly ones.
@_transparent private func writeColumns(
  _ arithmetic: Arithmetic, _ activation: Activation, gated: Bool, _ a: UnsafePointer<MultiplyArguments>, rows: RowBlock, panel: Int,
  column: Int, lane: Int, left: Int, sums: UnsafePointer<Float>, up: Int
) {
  let dequantizer = Dequantizer(arithmetic, a, panel &* panelWidth &+ lane)
  var bias = splat(0)
  if let from = a.pointee.bias { bias = load(from + column, left) }
  let hasBias = a.pointee.bias != nil
  var from = sums + lane
  var to = a.pointee.y + ((rows.row &- a.pointee.yRow) &* a.pointee.yStride &+ column &- a.pointee.yColumn)
  var r = 0
  while r < rows.count {
    var value = dequantizer.numbers(from, a, rows.row &+ r)
    if hasBias { value += bias }
    value = activated(value, activation)
    if gated {
      var other = Dequantizer(arithmetic, a, (panel &+ 1) &* panelWidth &+ lane).numbers(from + up, a, rows.row &+ r)
      if let bias = a.pointee.bias { other += load(bias + (a.pointee.outputs &+ column), left) }
      value *= gatedOperand(other, activation)
    }
    if let residual = a.pointee.residual { value += load(residual + ((rows.row &+ r) &* a.pointee.residualStride &+ column), left) }
    store(value, to, left)
    from += panelWidth
    to += a.pointee.yStride
    r &+= 1
  }
}

/// Writes the sums of `rows`, `[rows][32]`, of `panel`; gated, this panel is the gate and the sums of the next one lie `up` floats further.
@inline(never) func applyEpilogue(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, rows: RowBlock, panel: Int, sums: UnsafePointer<Float>, up: Int
) {
  let gated = a.pointee.gated
  let first = (gated ? panel >> 1 : panel) &* panelWidth
  let activation = a.pointee.activation
  var v = 0
  while v < panelWidth && first &+ v < a.pointee.outputs {
    let left = a.pointee.outputs &- first &- v
    if !gated, left >= 16, case .none = activation {
      writeColumns(
        arithmetic, .none, gated: false, a, rows: rows, panel: panel, column: first &+ v, lane: v, left: 16, sums: sums, up: up)
    } else {
      writeColumns(
        arithmetic, activation, gated: gated, a, rows: rows, panel: panel, column: first &+ v, lane: v, left: left, sums: sums, up: up)
    }
    v &+= 16
  }
}

/// `KernelTable.finish`.
func finish(_ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ sums: UnsafeMutablePointer<Float>) {
  let block = RowBlock(row: rows.lowerBound, count: rows.count)
  applyEpilogue(.float32, a, rows: block, panel: panels.lowerBound, sums: sums, up: block.count &* panelWidth)
}
