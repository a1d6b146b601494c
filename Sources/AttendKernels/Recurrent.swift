// Cells of recurrent networks. A row is a sequence, and no row looks at another.
import AttendKernelInterface

/// `KernelTable.Recurrent.cell`.
func recurrentCell(_ a: UnsafePointer<CellArguments>, _ rows: Range<Int>) {
  var row = rows.lowerBound
  while row < rows.upperBound {
    switch a.pointee.cell {
    case .lstm: lstmRow(a, row)
    case .gru: gruRow(a, row)
    case .tanh, .relu: elmanRow(a, row)
    }
    row &+= 1
  }
}

/// e^x, from which the logistic function is e^x / (e^x + 1); 1 in float32 where x is cut.
@_transparent private func odds(_ x: Vector) -> Vector { exp(atMost(x, 20)) }

/// c' = f c + i g and h' = o tanh(c'), each as one quotient: division takes as long as a gate's polynomial. Products of denominators stay
/// below 1e21.
@_transparent private func lstmRow(_ a: UnsafePointer<CellArguments>, _ row: Int) {
  let width = a.pointee.width, x = a.pointee.input + row &* a.pointee.inputStride
  let state = a.pointee.state + row &* a.pointee.stateStride, output = a.pointee.output + row &* a.pointee.outputStride
  var column = 0
  while column < width {
    let count = width &- column
    let i = odds(load(x + column, count)), f = odds(load(x + (width &+ column), count))
    let g = tanhQuotient(load(x + (2 &* width &+ column), count))
    let o = odds(load(x + (3 &* width &+ column), count))
    let kept = f * load(state + (width &+ column), count), below = f + splat(1), beside = (i + splat(1)) * g.denominator
    let c = multiplyAdd(kept, beside, i * g.numerator * below) / (below * beside)
    let t = tanhQuotient(c)
    let h = o * t.numerator / ((o + splat(1)) * t.denominator)
    store(h, state + column, count)
    store(c, state + (width &+ column), count)
    store(h, output + column, count)
    if a.pointee.copiesCell { store(c, output + (width &+ column), count) }
    column &+= 16
  }
}

/// h' = n + z (h - n), where n = tanh(x + r u).
@_transparent private func gruRow(_ a: UnsafePointer<CellArguments>, _ row: Int) {
  guard let recurrent = a.pointee.recurrent else { return }
  let width = a.pointee.width, x = a.pointee.input + row &* a.pointee.inputStride
  let u = recurrent + row &* a.pointee.recurrentStride
  let state = a.pointee.state + row &* a.pointee.stateStride, output = a.pointee.output + row &* a.pointee.outputStride
  var column = 0
  while column < width {
    let count = width &- column
    let r = sigmoid(load(x + column, count) + load(u + column, count))
    let z = sigmoid(load(x + (width &+ column), count) + load(u + (width &+ column), count))
    let n = tanh(multiplyAdd(r, load(u + (2 &* width &+ column), count), load(x + (2 &* width &+ column), count)))
    let h = multiplyAdd(z, load(state + column, count) - n, n)
    store(h, state + column, count)
    store(h, output + column, count)
    column &+= 16
  }
}

@_transparent private func elmanRow(_ a: UnsafePointer<CellArguments>, _ row: Int) {
  let width = a.pointee.width, x = a.pointee.input + row &* a.pointee.inputStride
  let state = a.pointee.state + row &* a.pointee.stateStride, output = a.pointee.output + row &* a.pointee.outputStride
  var column = 0
  while column < width {
    let count = width &- column
    let sum = load(x + column, count)
    var h = atLeast(sum, 0)
    if case .tanh = a.pointee.cell { h = tanh(sum) }
    store(h, state + column, count)
    store(h, output + column, count)
    column &+= 16
  }
}
