import AttendBase
import AttendDispatch

/// Attention between channels in place of states (Ding et al. 2022, arXiv:2204.03645, section 3.2): in each group of
/// channels these are queries, keys and values, and their components are the states of all of the map.
package struct ChannelAttention: Sendable {
  package let groups: Int
  /// Queries, keys and values in one product: `[3 width, width]`.
  package let input: Linear
  package let output: Linear

  package init(groups: Int, input: Linear, output: Linear) {
    self.groups = groups
    self.input = input
    self.output = output
  }

  /// x, `[states, width]`, gains the attention of its norm; `weights`, `[groups, channels, channels]`, where they are
  /// wanted, are the shares of its values.
  func add(
    to x: Matrix, _ norms: SublayerNorms, _ weights: UnsafeMutablePointer<Float>?, _ pass: Pass
  ) throws(Failure) {
    try ResidualStream(x, pass).add(norms) { (sum) throws(Failure) in
      let width = x.columns, channels = width / groups
      let projected = try pass.workspace.matrix(x.rows, input.outputs)  // [states, queries | keys | values]
      try input.apply(sum.input, into: projected, pass)
      let mixed = try pass.workspace.matrix(x.rows, width)
      for group in 0..<groups {
        func part(_ index: Int) -> Matrix { projected.columns(index * width + group * channels, channels) }
        try pass.scoped { () throws(Failure) in
          let shares = try self.shares(part(0), part(1), pass), count = channels * channels
          if let weights { (weights + group * count).update(from: shares.base, count: count) }
          try pass.engine.multiply(
            part(2), try packed(shares, pass), bias: nil, into: mixed.columns(group * channels, channels),
            workspace: pass.workspace)
        }
        try pass.checkCancellation()
      }
      try output.apply(mixed, residual: sum.residual, into: sum.output, pass)
    }
  }

  /// The share of each channel's value, `[channels, channels]`, in scratch memory.
  private func shares(_ queries: Matrix, _ keys: Matrix, _ pass: Pass) throws(Failure) -> Matrix {
    let shares = try pass.workspace.matrix(queries.columns, queries.columns)
    let turned = try transposed(queries, pass)
    let weights = try packed(try transposed(keys, pass), pass)
    try pass.engine.multiply(turned, weights, bias: nil, into: shares, workspace: pass.workspace)
    let scale = 1 / Float(queries.rows).squareRoot()
    for row in 0..<shares.rows {
      let own = shares[row]
      var top = -Float.infinity
      for column in 0..<shares.columns { top = max(top, own[column] * scale) }
      var sum: Double = 0
      for column in 0..<shares.columns {
        let share = Exponential.exp(Double(own[column] * scale - top))
        (own[column], sum) = (Float(share), sum + share)
      }
      for column in 0..<shares.columns { own[column] = Float(Double(own[column]) / sum) }
    }
    return shares
  }

  private func packed(_ matrix: Matrix, _ pass: Pass) throws(Failure) -> PackedMatrix {
    let stored = StoredMatrix(
      base: UnsafeRawPointer(matrix.base), type: .float32, rows: matrix.rows, columns: matrix.columns,
      stride: matrix.stride)
    return try PackedMatrix([stored], compute: .float32, engine: pass.engine)
  }

  private func transposed(_ x: Matrix, _ pass: Pass) throws(Failure) -> Matrix {
    let y = try pass.workspace.matrix(x.columns, x.rows)
    for row in 0..<x.rows { for column in 0..<x.columns { y[column][row] = x[row][column] } }
    return y
  }
}
