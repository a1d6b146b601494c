// Multi-head attention with its projections (Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2).
import AttendBase
import AttendDispatch

/// The projections of multi-head attention, as torch.nn.MultiheadAttention stores them.
package struct MultiHeadFunction {
  /// Of queries.
  package var heads: Int
  package var keyHeads: Int
  /// `[width + 2 keyWidth, inputs]`; or nil and the next three.
  package var inputWeight: ArrayView?
  /// `[width + 2 keyWidth]`
  package var inputBias: ArrayView?
  /// `[width, inputs]`, `[keyWidth, inputs]` and that again.
  package var queryWeight, keyWeight, valueWeight: ArrayView?
  /// `[outputs, width]`, `[outputs]`
  package var outputWeight, outputBias: ArrayView?

  package init(heads: Int, keyHeads: Int) {
    self.heads = heads
    self.keyHeads = keyHeads
  }

  /// The three projections of inputs with their biases, checked against each other.
  fileprivate func projections() throws(Failure) -> (weights: [ArrayView], width: Int, keyWidth: Int) {
    guard heads > 0, keyHeads > 0, heads % keyHeads == 0 else {
      throw Failure(
        .invalidArgument, "weights.heads is \(heads) and weights.key_heads \(keyHeads), which must divide the former")
    }
    guard let inputWeight else {
      guard let queryWeight, let keyWeight, let valueWeight else {
        throw Failure(
          .invalidArgument,
          "weights: either in_proj_weight must be set, or query_weight, key_weight and value_weight")
      }
      let all = [queryWeight, keyWeight, valueWeight]
      for weight in all where weight.rank != 2 {
        throw Failure(.invalidArgument, "\(weight.described); it must be [outputs, inputs]")
      }
      let width = queryWeight.size(2)
      return (all, width, try keyWidth(width, queryWeight))
    }
    guard queryWeight == nil, keyWeight == nil, valueWeight == nil, inputWeight.rank == 2 else {
      throw Failure(
        .invalidArgument, "\(inputWeight.described); it must be [outputs, inputs], without query_weight and the like")
    }
    // width + 2 width keyHeads / heads rows.
    let (rows, shares) = (inputWeight.size(2), heads + 2 * keyHeads)
    guard rows % shares == 0 else {
      throw Failure(
        .invalidArgument,
        "\(inputWeight.described); its \(rows) rows cannot be \(heads) heads of queries and "
          + "\(keyHeads) of keys and of values")
    }
    let headDim = rows / shares
    let (width, keyWidth) = (headDim * heads, headDim * keyHeads)
    return (
      [
        inputWeight.slice(0, from: 0, width), inputWeight.slice(0, from: width, keyWidth),
        inputWeight.slice(0, from: width + keyWidth, keyWidth),
      ], width, keyWidth
    )
  }

  private func keyWidth(_ width: Int, _ weight: ArrayView) throws(Failure) -> Int {
    guard width % heads == 0 else {
      throw Failure(.invalidArgument, "\(weight.described); its rows cannot be \(heads) heads")
    }
    return width / heads * keyHeads
  }
}

extension FunctionContext {
  /// Multi-head attention: query `[..., queries, inputs]`, key and value `[..., keys, inputs]`, output `[..., queries,
  /// outputs]`.
  package func multiHead(
    _ query: ArrayView, _ key: ArrayView, _ value: ArrayView, _ weights: MultiHeadFunction,
    _ options: AttentionFunction, into target: ArrayView
  ) throws(Failure) {
    guard let outputWeight = weights.outputWeight, outputWeight.rank == 2 else {
      throw Failure(.invalidArgument, "weights.out_proj_weight must be [outputs, width]")
    }
    try query.require(rank: 2)
    try target.require(query.rank - 1, of: query, then: outputWeight.size(2))
    let (output, to) = try rows(target, beside: [query, key, value, options.mask, weights.outputBias])
    try multiHead(query, key, value, weights, options, residual: nil, into: to)
    finish(output)
  }

  /// The same, with rows that are added to the result; `residual` may be `to`.
  func multiHead(
    _ query: ArrayView, _ key: ArrayView, _ value: ArrayView, _ weights: MultiHeadFunction,
    _ options: AttentionFunction, residual: Matrix?, into to: Matrix
  ) throws(Failure) {
    for input in [query, key, value] { try input.require(rank: 2) }
    guard query.rank < ArrayView.mostDimensions else {
      throw Failure(.invalidArgument, "\(query.described), with heads too many dimensions")
    }
    let (projections, width, keyWidth) = try weights.projections()
    let reason = "multi-head attention of width \(width)"
    let bias = try vector(weights.inputBias, size: width + 2 * keyWidth, for: reason)
    guard let outputWeight = weights.outputWeight, outputWeight.rank == 2, outputWeight.size(1) == width else {
      throw Failure(.invalidArgument, "weights.out_proj_weight must be [outputs, \(width)] for \(reason)")
    }
    let outputBias = try vector(weights.outputBias, size: outputWeight.size(2), for: reason)
    let q = try project(query, projections[0], bias, heads: weights.heads)
    let k = try project(key, projections[1], bias.map { $0 + width }, heads: weights.keyHeads)
    let v = try project(value, projections[2], bias.map { $0 + (width + keyWidth) }, heads: weights.keyHeads)
    let mixed = try workspace.matrix(query.leading(1), width)
    try attend(q, k, v, options, into: heads(mixed, like: query, weights.heads))
    try multiply(mixed, try packed(outputWeight), bias: outputBias, residual: residual, into: to)
  }

  /// x Wᵀ + b, seen as `[..., heads, tokens, headDim]`.
  private func project(
    _ x: ArrayView, _ weight: ArrayView, _ bias: UnsafePointer<Float>?, heads: Int
  ) throws(Failure) -> ArrayView {
    guard weight.size(1) == x.size(1) else {
      throw Failure(.invalidArgument, "\(x.described) and \(weight.described): the last dimensions must be equal")
    }
    let projected = try workspace.matrix(x.leading(1), weight.size(2))
    try multiply(try matrix(x), try packed(weight), bias: bias, into: projected)
    return self.heads(projected, like: x, heads)
  }

  /// Rows of all heads as `[..., heads, tokens, headDim]`, the dimensions before being those of x.
  private func heads(_ rows: Matrix, like x: ArrayView, _ heads: Int) -> ArrayView {
    let headDim = heads == 0 ? 0 : rows.columns / heads
    var shape = x.shape, strides = Dimensions(repeating: 0)
    let last = x.rank  // of one dimension more
    (shape[last - 2], shape[last - 1], shape[last]) = (heads, x.size(2), headDim)
    (strides[last - 2], strides[last - 1], strides[last]) = (headDim, rows.stride, 1)
    var step = rows.stride * x.size(2)
    for dimension in stride(from: last - 3, through: 0, by: -1) {
      strides[dimension] = step
      step *= shape[dimension]
    }
    return ArrayView(x.name, rows.base, .float32, rank: last + 1, shape: shape).with(strides)
  }
}
