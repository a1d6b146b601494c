// Norms over rows, sums of two rows, factors, activations. Sums run in sixteen lanes and end in a fixed tree.
import AttendKernelInterface

/// The sum of a group's numbers, or of the squares of their distances from `from`. Four vectors of sums are under way, to hide the latency
/// of an addition; they are added as (0 + 1) + (2 + 3).
@_transparent private func groupSum(_ x: UnsafePointer<Float>, _ columns: Int, squares: Bool, from: Float = 0) -> Float {
  let from = splat(from)
  var first = splat(0), second = splat(0), third = splat(0), fourth = splat(0)
  var i = 0
  while i &+ 64 <= columns {
    first = summed(load(x + i), first, squares, from)
    second = summed(load(x + (i &+ 16)), second, squares, from)
    third = summed(load(x + (i &+ 32)), third, squares, from)
    fourth = summed(load(x + (i &+ 48)), fourth, squares, from)
    i &+= 64
  }
  while i &+ 16 <= columns {
    first = summed(load(x + i), first, squares, from)
    i &+= 16
  }
  if i < columns {
    let present = laneNumbers .< Lanes(repeating: Int32(truncatingIfNeeded: columns &- i))
    second = second.replacing(with: summed(load(x + i, columns &- i), second, squares, from), where: present)
  }
  return sum((first + second) + (third + fourth))
}

/// Sixteen numbers added to sums.
@_transparent private func summed(_ v: Vector, _ sums: Vector, _ squares: Bool, _ from: Vector) -> Vector {
  guard squares else { return sums + v }
  let distance = v - from
  return multiplyAdd(distance, distance, sums)
}

/// y = (x - mean) * factor * gain + bias over a group. Gains and bias are constants where it is inlined.
@_transparent private func scaleGroup(
  _ a: UnsafePointer<NormArguments>, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ mean: Float, _ factor: Float,
  _ gain: UnsafePointer<Float>?, _ bias: UnsafePointer<Float>?
) {
  let columns = a.pointee.columns, offset = splat(a.pointee.gainOffset)
  var i = 0
  while i < columns {
    let left = columns &- i
    var v = (load(x + i, left) - splat(mean)) * splat(factor)
    if let gain { v *= load(gain + i, left) + offset }
    if let bias { v += load(bias + i, left) }
    store(v, y + i, left)
    i &+= 16
  }
}

/// All groups of some rows, one after another: their means, where they are `centered`, and their mean squares.
@_transparent private func normalize(_ a: UnsafePointer<NormArguments>, _ rows: Range<Int>, centered: Bool) {
  let columns = a.pointee.columns, count = Float(columns)
  var row = rows.lowerBound
  while row < rows.upperBound {
    var first = 0
    while first < a.pointee.groups &* columns {
      let x = a.pointee.x + (row &* a.pointee.xStride &+ first), y = a.pointee.y + (row &* a.pointee.yStride &+ first)
      let place = a.pointee.gainPerGroup ? first : 0
      let mean = centered ? groupSum(x, columns, squares: false) / count : 0
      let square = groupSum(x, columns, squares: true, from: mean) / count
      let factor = 1 / (square + a.pointee.epsilon).squareRoot()
      if let gain = a.pointee.gain, let bias = a.pointee.bias {
        scaleGroup(a, x, y, mean, factor, gain + place, bias + place)
      } else {
        scaleGroup(a, x, y, mean, factor, a.pointee.gain.map { $0 + place }, a.pointee.bias.map { $0 + place })
      }
      first &+= columns
    }
    row &+= 1
  }
}

/// `KernelTable.layerNorm`.
func layerNorm(_ arguments: UnsafePointer<NormArguments>, _ rows: Range<Int>) { normalize(arguments, rows, centered: true) }

/// `KernelTable.rmsNorm`.
func rmsNorm(_ arguments: UnsafePointer<NormArguments>, _ rows: Range<Int>) { normalize(arguments, rows, centered: false) }

/// `KernelTable.add`.
func add(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ scale: Float) {
  var i = 0
  while i < count {
    let left = count &- i
    store(multiplyAdd(load(x + i, left), splat(scale), load(y + i, left)), y + i, left)
    i &+= 16
  }
}

/// `KernelTable.scale`.
func scale(_ x: UnsafeMutablePointer<Float>, _ count: Int, _ factor: Float, _ cap: Float) {
  var i = 0
  while i < count {
    var v = load(x + i, count &- i) * splat(factor)
    if cap > 0 { v = splat(cap) * tanh(v / splat(cap)) }
    store(v, x + i, count &- i)
    i &+= 16
  }
}

@_transparent private func activateRow(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ activation: Activation)
{
  var i = 0
  while i < count {
    store(activated(load(x + i, count &- i), activation), y + i, count &- i)
    i &+= 16
  }
}

/// `KernelTable.activate`.
func activate(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ activation: Activation) {
  switch activation {
  case .none: activateRow(x, y, count, .none)
  case .relu: activateRow(x, y, count, .relu)
  case .gelu: activateRow(x, y, count, .gelu)
  case .geluTanh: activateRow(x, y, count, .geluTanh)
  case .quickGelu: activateRow(x, y, count, .quickGelu)
  case .silu: activateRow(x, y, count, .silu)
  case .tanh: activateRow(x, y, count, .tanh)
  case .sigmoid: activateRow(x, y, count, .sigmoid)
  case .reluSquared: activateRow(x, y, count, .reluSquared)
  case .relu6: activateRow(x, y, count, .relu6)
  case .leakyRelu: activateRow(x, y, count, .leakyRelu)
  case .geluClipped: activateRow(x, y, count, .geluClipped)
  case .laplace: activateRow(x, y, count, .laplace)
  case .mish: activateRow(x, y, count, .mish)
  case .hardSwish: activateRow(x, y, count, .hardSwish)
  case .softplus: activateRow(x, y, count, .softplus)
  case .softplusRoot: activateRow(x, y, count, .softplusRoot)
  case .clampedSwiglu: activateRow(x, y, count, .clampedSwiglu)
  }
}
