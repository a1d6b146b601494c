// Functions of rows, and of single numbers.
import AttendBase
import AttendDispatch
import AttendKernelInterface

/// A norm over the last dimension, with a caller's weights.
package struct NormFunction {
  package enum Kind {
    /// Ba et al. 2016, arXiv:1607.06450
    case layer
    /// Zhang and Sennrich 2019, arXiv:1910.07467
    case rms
  }

  package var kind: Kind
  package var epsilon: Float
  /// Added to every weight of an RMS norm.
  package var offset: Float
  package var weight: ArrayView?
  package var bias: ArrayView?

  package init(kind: Kind, epsilon: Float, offset: Float, weight: ArrayView?, bias: ArrayView?) {
    self.kind = kind
    self.epsilon = epsilon
    self.offset = offset
    self.weight = weight
    self.bias = bias
  }
}

extension FunctionContext {
  /// output = norm(x), both `[..., width]`.
  package func normalize(_ x: ArrayView, _ norm: NormFunction, into target: ArrayView) throws(Failure) {
    try rowByRow(x, into: target, [norm.weight, norm.bias]) { (x, y) throws(Failure) in try apply(norm, x, y) }
  }

  /// y = norm(x), `[rows, width]`; y may be x.
  func apply(_ norm: NormFunction, _ x: Matrix, _ y: Matrix) throws(Failure) {
    let reason = "a norm over \(x.columns) numbers"
    let weight = try vector(norm.weight, size: x.columns, for: reason)
    let bias = try vector(norm.bias, size: x.columns, for: reason)
    guard norm.epsilon >= 0 else { throw Failure(.invalidArgument, "norm.epsilon is \(norm.epsilon)") }
    guard x.columns > 0 else { return }
    switch norm.kind {
    case .layer:
      guard norm.offset == 0 else {
        throw Failure(.invalidArgument, "norm.weight_offset is \(norm.offset); layer norms have none")
      }
      engine.layerNorm(x, gain: weight, bias: bias, epsilon: norm.epsilon, into: y)
    case .rms:
      guard bias == nil else { throw Failure(.invalidArgument, "norm.bias is set; RMS norms have none") }
      engine.rmsNorm(x, gain: weight, offset: norm.offset, epsilon: norm.epsilon, into: y)
    }
  }

  /// sum = x + y and output = norm(sum), all `[..., width]`; without `sum` nobody keeps it.
  package func addNorm(
    _ x: ArrayView, _ y: ArrayView, _ norm: NormFunction, sum target: ArrayView?, into normed: ArrayView
  ) throws(Failure) {
    try y.require(x.shape, x.rank, beside: x)
    try normed.require(x.shape, x.rank, beside: x)
    try target?.require(x.shape, x.rank, beside: x)
    try x.require(rank: 1)
    if let target, target.touches(normed) {
      throw Failure(.invalidArgument, "\(target.name) and \(normed.name) share memory")
    }
    let (first, second) = (try matrix(x), try matrix(y))
    let others = [x, y, norm.weight, norm.bias]
    let (output, to) = try rows(normed, beside: others, isRowByRow: true)
    guard let target else {
      try add(first, second, into: to)
      try apply(norm, to, to)
      return finish(output)
    }
    let (sumOutput, sum) = try rows(target, beside: others, isRowByRow: true)
    try add(first, second, into: sum)
    try apply(norm, sum, to)
    finish(sumOutput)
    finish(output)
  }

  /// to = x + y; `to` may be either.
  private func add(_ x: Matrix, _ y: Matrix, into to: Matrix) throws(Failure) {
    if to.base == y.base {
      engine.add(x, to: to)
    } else {
      engine.copy(x, into: to)
      engine.add(y, to: to)
    }
  }

  /// output = activation(x).
  package func activate(_ x: ArrayView, _ activation: Activation, into target: ArrayView) throws(Failure) {
    try rowByRow(x, into: target) { (x, y) in engine.activate(x, activation, into: y) }
  }

  /// Softmax over the last dimension, or its logarithm.
  package func softmax(_ x: ArrayView, isLogarithm: Bool, into target: ArrayView) throws(Failure) {
    try x.require(rank: 1)
    try rowByRow(x, into: target) { (x, y) in
      if isLogarithm { engine.logSoftmax(x, into: y) } else { engine.softmax(x, into: y) }
    }
  }

  /// Gives `body` the rows of x, `[..., width]`, and as many for the results, which are of the same shape. Nothing that
  /// is among `others` is written while it is read.
  private func rowByRow(
    _ x: ArrayView, into target: ArrayView, _ others: [ArrayView?] = [],
    _ body: (Matrix, Matrix) throws(Failure) -> Void
  ) throws(Failure) {
    try target.require(x.shape, x.rank, beside: x)
    let from = try matrix(x)
    let (output, to) = try rows(target, beside: [x] + others, isRowByRow: true)
    try body(from, to)
    finish(output)
  }
}
