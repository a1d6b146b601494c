// From sums to results: scales, bias, activation, gate and residual, while the sums are still in the nearest cache.
import AttendBase
import CInstructions

/// Sixteen sums as numbers. Sums of bytes become `(sum - offset) * (input's scale * output's scale)`.
@_transparent
private func numbers(_ arithmetic: Arithmetic, _ sums: UnsafePointer<Float>, _ a: UnsafePointer<MultiplyArguments>, _ row: Int, _ lane: Int) -> Vector {
  let raw = load(sums)
  switch arithmetic {
  case .float32, .brain, .brainWidened: return raw
  case .bytes, .bytesWidened:
    let offsets = bits(load(UnsafeRawPointer(a.pointee.weightOffsets.unsafelyUnwrapped + lane).assumingMemoryBound(to: Float.self)))
    let scale = splat(a.pointee.xScales.unsafelyUnwrapped[row]) * load(a.pointee.weightScales.unsafelyUnwrapped + lane)
    return attend_to_float(bits(raw) &- offsets) * scale
  }
}

/// Writes `rows` rows of sums, `[rows][32]`, of `panel`; gated, the sums of the next panel follow and this one is the gate.
@inline(never)
func writeOut(
  _ arithmetic: Arithmetic, _ a: UnsafePointer<MultiplyArguments>, _ row: Int, _ rows: Int, _ panel: Int, _ sums: UnsafePointer<Float>
) {
  let gated = a.pointee.gated
  let first = (gated ? panel >> 1 : panel) &* panelWidth
  let activation = a.pointee.activation
  var r = 0
  while r < rows {
    var v = 0
    while v < panelWidth && first &+ v < a.pointee.outputs {
      let column = first &+ v, left = a.pointee.outputs &- column, from = sums + (r &* panelWidth &+ v)
      var value = numbers(arithmetic, from, a, row &+ r, panel &* panelWidth &+ v)
      if let bias = a.pointee.bias { value += load(bias + column, left) }
      value = activated(value, activation)
      if gated {
        var up = numbers(arithmetic, from + rows &* panelWidth, a, row &+ r, (panel &+ 1) &* panelWidth &+ v)
        if let bias = a.pointee.bias { up += load(bias + (a.pointee.outputs &+ column), left) }
        value *= up
      }
      if let residual = a.pointee.residual { value += load(residual + ((row &+ r) &* a.pointee.residualStride &+ column), left) }
      store(value, a.pointee.y + ((row &+ r) &* a.pointee.yStride &+ column), left)
      v &+= 16
    }
    r &+= 1
  }
}

/// `KernelTable.finish`.
func finish(_ a: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>, _ sums: UnsafeMutablePointer<Float>) {
  writeOut(.float32, a, rows.lowerBound, rows.count, panels.lowerBound, sums)
}
