import AttendBase
import AttendDispatch

/// One vector of a sequence by attention with a query that was learned (Lee et al. 2018, arXiv:1810.00825, section
/// 3.2), and a feed-forward network behind it, as SigLIP has it.
///
/// Of the queries' product nothing is left at run time: the query is the same for all sequences.
package struct AttentionPooling: Sendable {
  package let heads: Int
  /// `[heads * headDim]`, scaled by 1 / √headDim.
  package let query: AlignedBuffer
  /// Keys and values in one product, `[2 width, width]`.
  package let keyValue: Linear
  package let output: Linear
  package let norm: Norm?
  package let network: FeedForward

  package init(
    heads: Int, query: AlignedBuffer, keyValue: Linear, output: Linear, norm: Norm?, network: FeedForward
  ) {
    self.heads = heads
    self.query = query
    self.keyValue = keyValue
    self.output = output
    self.norm = norm
    self.network = network
  }

  /// y, one row, from the states of a sequence, `[tokens, width]`.
  func apply(_ states: Matrix, into y: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let projected = try pass.workspace.matrix(states.rows, keyValue.outputs)  // [tokens, keys | values]
      try keyValue.apply(states, into: projected, pass)
      let mixed = try pass.workspace.matrix(1, states.columns)
      let weights: UnsafeMutablePointer<Double> = try pass.workspace.take(states.rows)
      let headDim = states.columns / heads
      for head in 0..<heads {
        let keys = projected.columns(head * headDim, headDim)
        let values = projected.columns(states.columns + head * headDim, headDim)
        attend(query.pointer(to: Float.self) + head * headDim, keys, values, weights, into: mixed.base + head * headDim)
      }
      try output.apply(mixed, into: y, pass)
      var input = y
      if let norm {
        input = try pass.workspace.matrix(1, y.columns)
        norm.apply(y, into: input, pass)
      }
      try network.apply(ResidualSum(input: input, residual: y, output: y), pass)
    }
  }

  /// Sums go from the first token to the last in double precision, with the library's own exponential: the same bits on
  /// every CPU.
  private func attend(
    _ query: UnsafePointer<Float>, _ keys: Matrix, _ values: Matrix, _ weights: UnsafeMutablePointer<Double>,
    into y: UnsafeMutablePointer<Float>
  ) {
    var largest = -Double.infinity
    for token in 0..<keys.rows {
      var score = 0.0
      for component in 0..<keys.columns { score += Double(query[component]) * Double(keys[token][component]) }
      weights[token] = score
      largest = max(largest, score)
    }
    var sum = 0.0
    for token in 0..<keys.rows {
      weights[token] = Exponential.exp(weights[token] - largest)
      sum += weights[token]
    }
    for component in 0..<values.columns {
      var mixed = 0.0
      for token in 0..<values.rows { mixed += weights[token] * Double(values[token][component]) }
      y[component] = Float(mixed / sum)
    }
  }
}
