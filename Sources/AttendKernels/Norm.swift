// Norms over rows, sums of two rows, factors, activations. Sums run in sixteen lanes and end in a fixed tree.
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

/// y = (x - mean) * factor * gain + bias over a group.
@_transparent
private func scaleGroup(_ a: NormArguments, _ place: Place, _ mean: Float, _ factor: Float) {
  var i = 0
  while i < a.columns {
    let left = a.columns &- i
    var v = (load(place.x + i, left) - splat(mean)) * splat(factor)
    if let gain = a.gain { v *= load(gain + (place.gain &+ i), left) + splat(a.gainOffset) }
    if let bias = a.bias { v += load(bias + (place.gain &+ i), left) }
    store(v, place.y + i, left)
    i &+= 16
  }
}

/// Where a group lies, and its gains.
private struct Place {
  let x: UnsafePointer<Float>
  let y: UnsafeMutablePointer<Float>
  let gain: Int
}

/// All groups of some rows, one after another.
@_transparent
private func eachGroup(_ a: NormArguments, _ rows: Range<Int>, _ body: (Place) -> Void) {
  var row = rows.lowerBound
  while row < rows.upperBound {
    var first = 0
    while first < a.groups &* a.columns {
      body(Place(x: a.x + (row &* a.xStride &+ first), y: a.y + (row &* a.yStride &+ first), gain: a.gainPerGroup ? first : 0))
      first &+= a.columns
    }
    row &+= 1
  }
}

/// `KernelTable.layerNorm`.
func layerNorm(_ arguments: UnsafePointer<NormArguments>, _ rows: Range<Int>) {
  let count = Float(arguments.pointee.columns)
  eachGroup(arguments.pointee, rows) { place in
    let mean = rowSum(place.x, arguments.pointee.columns) { $1 + $0 } / count
    let variance =
      rowSum(place.x, arguments.pointee.columns) { v, sums in
        let d = v - splat(mean)
        return multiplyAdd(d, d, sums)
      } / count
    scaleGroup(arguments.pointee, place, mean, 1 / (variance + arguments.pointee.epsilon).squareRoot())
  }
}

/// `KernelTable.rmsNorm`.
func rmsNorm(_ arguments: UnsafePointer<NormArguments>, _ rows: Range<Int>) {
  eachGroup(arguments.pointee, rows) { place in
    let mean = rowSum(place.x, arguments.pointee.columns) { multiplyAdd($0, $0, $1) } / Float(arguments.pointee.columns)
    scaleGroup(arguments.pointee, place, 0, 1 / (mean + arguments.pointee.epsilon).squareRoot())
  }
}

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
  case .clampedSwiglu: activateRow(x, y, count, .clampedSwiglu)
  }
}
