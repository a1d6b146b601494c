// Products with a caller's weights, which are packed for the kernels in each call.
import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The weights of a feed-forward network (Vaswani et al. 2017, arXiv:1706.03762, section 3.3), perhaps gated (Shazeer
/// 2020, arXiv:2002.05202).
package struct FeedForwardFunction {
  package var activation: Activation
  /// `[units, width]`, `[units]`
  package var weight1, bias1: ArrayView?
  /// The same; nil: not gated.
  package var gatedWeight, gatedBias: ArrayView?
  /// `[width, units]`, `[width]`
  package var weight2, bias2: ArrayView?

  package init(activation: Activation) { self.activation = activation }
}

extension FunctionContext {
  /// Weights `[outputs, inputs]` as the packer reads them: where they are, if their rows or their columns lie without
  /// gaps, otherwise a copy.
  private func stored(_ weight: ArrayView) throws(Failure) -> StoredMatrix {
    let (outputs, inputs) = (weight.size(2), weight.size(1))
    let isPlain = StoredMatrix.types.contains(weight.type)
    if isPlain, inputs <= 1 || weight.step(1) == 1, weight.step(2) >= 0 {
      return StoredMatrix(
        base: weight.data, type: weight.type, rows: outputs, columns: inputs, stride: weight.step(2))
    }
    if isPlain, outputs <= 1 || weight.step(2) == 1, weight.step(1) >= 0 {
      return StoredMatrix(
        base: weight.data, type: weight.type, rows: outputs, columns: inputs, transposed: true, stride: weight.step(1))
    }
    let copy = try matrix(weight)
    return StoredMatrix(base: copy.base, type: .float32, rows: outputs, columns: inputs, stride: copy.stride)
  }

  /// Packs weights `[outputs, inputs]`, several one below the other along their outputs.
  func packed(_ weights: ArrayView...) throws(Failure) -> PackedMatrix {
    var sources = [StoredMatrix]()
    for weight in weights { sources.append(try stored(weight)) }
    return try PackedMatrix(sources, compute: .float32, engine: engine)
  }

  /// y = activation(x Wᵀ + bias) + residual.
  func multiply(
    _ x: Matrix, _ weights: PackedMatrix, bias: UnsafePointer<Float>? = nil, activation: Activation = .none,
    residual: Matrix? = nil, into y: Matrix
  ) throws(Failure) {
    guard x.rows > 0, y.columns > 0 else { return }
    try engine.multiply(
      x, weights, bias: bias, activation: activation, residual: residual, into: y, workspace: workspace)
  }

  /// output = x Wᵀ + bias: x `[..., inputs]`, W `[outputs, inputs]`, output `[..., outputs]`.
  package func linear(
    _ x: ArrayView, _ weight: ArrayView, bias biasArray: ArrayView?, into target: ArrayView
  ) throws(Failure) {
    try x.require(rank: 1)
    guard weight.rank == 2, weight.size(1) == x.size(1) else {
      throw Failure(.invalidArgument, "\(weight.described); for \(x.described) it must be [outputs, \(x.size(1))]")
    }
    try target.require(x.rank - 1, of: x, then: weight.size(2))
    let bias = try vector(biasArray, size: weight.size(2), for: "the product with \(weight.described)")
    let (from, packed) = (try matrix(x), try packed(weight))
    let (output, to) = try rows(target, beside: [x, biasArray])
    try multiply(from, packed, bias: bias, into: to)
    finish(output)
  }

  /// output = activation(x W₁ᵀ + b₁) W₂ᵀ + b₂, both `[..., width]`.
  package func feedForward(
    _ x: ArrayView, _ weights: FeedForwardFunction, into target: ArrayView
  ) throws(Failure) {
    try x.require(rank: 1)
    try target.require(x.shape, x.rank, beside: x)
    let from = try matrix(x)
    let (output, to) = try rows(target, beside: [x, weights.bias2])
    try feedForward(from, weights, residual: nil, into: to, beside: x)
    finish(output)
  }

  /// The same for rows, with what is added to them.
  func feedForward(
    _ x: Matrix, _ weights: FeedForwardFunction, residual: Matrix?, into y: Matrix, beside view: ArrayView
  ) throws(Failure) {
    guard let weight1 = weights.weight1, let weight2 = weights.weight2 else {
      throw Failure(.invalidArgument, "weights.\(weights.weight1 == nil ? "weight1" : "weight2") is NULL")
    }
    guard weight1.rank == 2, weight1.size(1) == x.columns else {
      throw Failure(.invalidArgument, "\(weight1.described); for \(view.described) it must be [units, \(x.columns)]")
    }
    let units = weight1.size(2), reason = "a network of \(units) units and width \(x.columns)"
    try weight2.require(x.columns, units, for: reason)
    let bias2 = try vector(weights.bias2, size: x.columns, for: reason)
    let inner = try workspace.matrix(x.rows, units)
    if let gatedWeight = weights.gatedWeight {
      try gatedWeight.require(units, x.columns, for: reason)
      let bias = try gatedBias(weights, units, reason)
      let packed = try PackedMatrix(
        gate: try stored(weight1), up: try stored(gatedWeight), compute: .float32, engine: engine)
      try multiply(x, packed, bias: bias, activation: weights.activation, into: inner)
    } else {
      let bias1 = try vector(weights.bias1, size: units, for: reason)
      try multiply(x, try packed(weight1), bias: bias1, activation: weights.activation, into: inner)
    }
    try multiply(inner, try packed(weight2), bias: bias2, residual: residual, into: y)
  }

  /// The biases of gate and product, one after the other.
  private func gatedBias(
    _ weights: FeedForwardFunction, _ units: Int, _ reason: String
  ) throws(Failure) -> UnsafePointer<Float>? {
    guard (weights.bias1 == nil) == (weights.gatedBias == nil) else {
      throw Failure(.invalidArgument, "weights.bias1 and weights.gated_bias must both be set or both be NULL")
    }
    guard let first = try vector(weights.bias1, size: units, for: reason),
      let second = try vector(weights.gatedBias, size: units, for: reason)
    else { return nil }
    let both = try workspace.take(2 * units, of: Float.self)
    both.update(from: first, count: units)
    (both + units).update(from: second, count: units)
    return UnsafePointer(both)
  }

  /// output = scale * table[ids] + positions: ids `[..., tokens]`, table `[vocabulary, width]`, output `[..., tokens,
  /// width]`, positions `[at least tokens, width]` (section 3.4 of the paper).
  package func embed(
    _ ids: ArrayView, _ table: ArrayView, scale: Float, positions: ArrayView?, into target: ArrayView
  ) throws(Failure) {
    guard table.rank == 2 else { throw Failure(.invalidArgument, "\(table.described); it must be [vocabulary, width]") }
    guard ids.rank < ArrayView.mostDimensions else {
      throw Failure(.invalidArgument, "\(ids.described), too many dimensions")
    }
    let width = table.size(1)
    try target.require(ids.rank, of: ids, then: width)
    let tokens = ids.rank == 0 ? 1 : ids.size(1)
    if let positions {
      guard positions.rank == 2, positions.size(1) == width, positions.size(2) >= tokens else {
        throw Failure(
          .invalidArgument,
          "\(positions.described); for \(ids.described) and \(table.described) it must be [at least \(tokens), "
            + "\(width)]")
      }
    }
    let list = try integers(ids, in: 0..<table.size(2), "\(table.described)")
    let (output, to) = try rows(target, beside: [table, positions])
    try table.require(.float32, .bfloat16, .float16)
    engine.gather(list, count: ids.count, from: try stored(table), scale: scale, into: to)
    if let positions {
      let rows = try matrix(positions).rows(0, tokens)
      for first in stride(from: 0, to: ids.count, by: max(tokens, 1)) { engine.add(rows, to: to.rows(first, tokens)) }
    }
    finish(output)
  }
}
