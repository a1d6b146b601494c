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

/// y = (x - mean) * factor * gain + bias for the first `count` of sixteen numbers.
@_transparent private func scaleVector(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ mean: Vector, _ factor: Vector,
  _ gain: UnsafePointer<Float>?, _ offset: Vector, _ bias: UnsafePointer<Float>?
) {
  var v = (load(x, count) - mean) * factor
  if let gain { v *= load(gain, count) + offset }
  if let bias { v += load(bias, count) }
  store(v, y, count)
}

/// The same over a group. Gains and bias are constants where it is inlined.
@_transparent private func scaleGroup(
  _ a: UnsafePointer<NormArguments>, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ mean: Float, _ factor: Float,
  _ gain: UnsafePointer<Float>?, _ bias: UnsafePointer<Float>?
) {
  let columns = a.pointee.columns, offset = splat(a.pointee.gainOffset), mean = splat(mean), factor = splat(factor)
  var i = 0
  while i &+ 16 <= columns {
    scaleVector(x + i, y + i, 16, mean, factor, gain.map { $0 + i }, offset, bias.map { $0 + i })
    i &+= 16
  }
  if i < columns {
    scaleVector(x + i, y + i, columns &- i, mean, factor, gain.map { $0 + i }, offset, bias.map { $0 + i })
  }
}

/// A group of numbers that are normalised together: in its row from `column` on.
private struct Group {
  let x: UnsafePointer<Float>
  let y: UnsafeMutablePointer<Float>
  let column: Int

  /// Group `index` of all rows.
  @_transparent init(_ a: UnsafePointer<NormArguments>, _ index: Int) {
    let row = index / a.pointee.groups
    column = index % a.pointee.groups &* a.pointee.columns
    x = a.pointee.x + (row &* a.pointee.xStride &+ column)
    y = a.pointee.y + (row &* a.pointee.yStride &+ column)
  }
}

/// Groups whose sums are under way at one time: while the lanes of one sum are added up, the next one's numbers are.
private var groupsTogether: Int { @_transparent get { 4 } }

/// Some groups, one after another: their means, where they are `centered`, and their mean squares.
@_transparent private func normalize(_ a: UnsafePointer<NormArguments>, groups: Range<Int>, centered: Bool) {
  let columns = a.pointee.columns, numbers = Float(columns), count = groups.upperBound &- groups.lowerBound
  var means: InlineArray<4, Float> = [0, 0, 0, 0], factors = means
  var i = 0
  while centered && i < count {
    means[unchecked: i] = groupSum(Group(a, groups.lowerBound &+ i).x, columns, squares: false) / numbers
    i &+= 1
  }
  i = 0
  while i < count {
    let square = groupSum(Group(a, groups.lowerBound &+ i).x, columns, squares: true, from: means[unchecked: i]) / numbers
    factors[unchecked: i] = 1 / (square + a.pointee.epsilon).squareRoot()
    i &+= 1
  }
  i = 0
  while i < count {
    let group = Group(a, groups.lowerBound &+ i), place = a.pointee.gainPerGroup ? group.column : 0
    let mean = means[unchecked: i], factor = factors[unchecked: i]
    if let gain = a.pointee.gain, let bias = a.pointee.bias {
      scaleGroup(a, group.x, group.y, mean, factor, gain + place, bias + place)
    } else {
      scaleGroup(a, group.x, group.y, mean, factor, a.pointee.gain.map { $0 + place }, a.pointee.bias.map { $0 + place })
    }
    i &+= 1
  }
}

/// All groups of some rows.
@_transparent private func normalize(_ a: UnsafePointer<NormArguments>, _ rows: Range<Int>, centered: Bool) {
  var first = rows.lowerBound &* a.pointee.groups
  let end = rows.upperBound &* a.pointee.groups
  while first < end {
    let next = first &+ groupsTogether < end ? first &+ groupsTogether : end
    normalize(a, groups: Range(uncheckedBounds: (first, next)), centered: centered)
    first = next
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
