// Norms over rows, sums of two rows, activations in place. Sums run in sixteen lanes and end in a fixed tree.
import AttendBase

/// A row added up lane by lane, `f` taking sixteen numbers and the sums so far to the next sums. Lanes beyond the end keep what they hold.
@_transparent
private func rowSum(_ x: UnsafePointer<Float>, _ columns: Int, _ f: (Vector, _ sums: Vector) -> Vector) -> Float {
  var sums = splat(0)
  var i = 0
  while i &+ 16 <= columns {
    sums = f(load(x + i), sums)
    i &+= 16
  }
  if i < columns {
    let present = laneNumbers .< Lanes(repeating: Int32(truncatingIfNeeded: columns &- i))
    sums = sums.replacing(with: f(load(x + i, columns &- i), sums), where: present)
  }
  return sum(sums)
}

/// y = (x - mean) * factor * gain + bias over a row.
@_transparent
private func scaleRow(_ a: NormArguments, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ mean: Float, _ factor: Float) {
  var i = 0
  while i < a.columns {
    let left = a.columns &- i
    var v = (load(x + i, left) - splat(mean)) * splat(factor)
    if let gain = a.gain { v *= load(gain + i, left) + splat(a.gainOffset) }
    if let bias = a.bias { v += load(bias + i, left) }
    store(v, y + i, left)
    i &+= 16
  }
}

/// `KernelTable.layerNorm`.
func layerNorm(_ arguments: UnsafePointer<NormArguments>, _ rows: Range<Int>) {
  let columns = Float(arguments.pointee.columns)
  var row = rows.lowerBound
  while row < rows.upperBound {
    let x = arguments.pointee.x + row &* arguments.pointee.xStride
    let mean = rowSum(x, arguments.pointee.columns) { $1 + $0 } / columns
    let variance =
      rowSum(x, arguments.pointee.columns) { v, sums in
        let d = v - splat(mean)
        return multiplyAdd(d, d, sums)
      } / columns
    let factor = 1 / (variance + arguments.pointee.epsilon).squareRoot()
    scaleRow(arguments.pointee, x, arguments.pointee.y + row &* arguments.pointee.yStride, mean, factor)
    row &+= 1
  }
}

/// `KernelTable.rmsNorm`.
func rmsNorm(_ arguments: UnsafePointer<NormArguments>, _ rows: Range<Int>) {
  var row = rows.lowerBound
  while row < rows.upperBound {
    let x = arguments.pointee.x + row &* arguments.pointee.xStride
    let mean = rowSum(x, arguments.pointee.columns) { multiplyAdd($0, $0, $1) } / Float(arguments.pointee.columns)
    let factor = 1 / (mean + arguments.pointee.epsilon).squareRoot()
    scaleRow(arguments.pointee, x, arguments.pointee.y + row &* arguments.pointee.yStride, 0, factor)
    row &+= 1
  }
}

/// `KernelTable.add`.
func add(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  var i = 0
  while i < count {
    let left = count &- i
    store(load(y + i, left) + load(x + i, left), y + i, left)
    i &+= 16
  }
}

@_transparent
private func activateRow(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ activation: Activation) {
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
  }
}
