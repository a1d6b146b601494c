import AttendBase
import AttendDispatch
import AttendKernelInterface

/// An encoder whose attention is made doubly stochastic by Sinkhorn's iterations (Sander et al. 2022, "Sinkformers",
/// arXiv:2110.11773): rows and columns of the weights are normalised in turns.
///
/// Columns run over all queries, those of padding too, with which a text has `length` tokens; nobody looks at padding.
package struct SinkhornIterations: Sendable {
  package let count: Int
  package let length: Int
  package let padding: Int32

  package init(count: Int, length: Int, padding: Int32) {
    (self.count, self.length, self.padding) = (count, length, padding)
  }

  /// The layers of `stack` over texts that lie sequence after sequence in x, which becomes their states before the last
  /// norm.
  func forward(
    _ stack: Stack, _ ids: UnsafePointer<Int32>, _ sequences: UnsafeBufferPointer<AttentionSequence>, into x: Matrix,
    _ pass: Pass
  ) throws(Failure) {
    guard let embedding = stack.embedding else { throw Failure(.internalError, "iterations without tokens") }
    for sequence in sequences {
      try pass.scoped { () throws(Failure) in
        let filled = try pass.workspace.take(length, of: Int32.self)
        filled.update(repeating: padding, count: length)
        filled.update(from: ids + sequence.row, count: sequence.count)
        let y = try pass.workspace.matrix(length, stack.width)
        var whole = sequence
        (whole.row, whole.count) = (0, length)
        try withUnsafePointer(to: &whole) { (whole) throws(Failure) in
          try embedding.apply(filled, types: nil, UnsafeBufferPointer(start: whole, count: 1), into: y, pass)
        }
        for index in stack.layers.indices {
          try apply(stack.layers[index], y, real: sequence.count, pass)
          try pass.finishedLayer(rows: sequence.count)
        }
        for row in 0..<sequence.count { x[sequence.row + row].update(from: y[row], count: x.columns) }
      }
    }
  }

  private func apply(_ layer: TransformerLayer, _ x: Matrix, real: Int, _ pass: Pass) throws(Failure) {
    let stream = ResidualStream(x, pass)
    if let attention = layer.selfAttention {
      try stream.add(layer.selfAttentionNorms) { (sum) throws(Failure) in
        try attend(attention, sum, real: real, pass)
      }
    }
    try stream.add(layer.feedForwardNorms) { (sum) throws(Failure) in try layer.feedForward.apply(sum, pass) }
  }

  /// Adds the attention of one sequence, of whose tokens the first `real` are no padding.
  private func attend(
    _ attention: SelfAttention, _ sum: ResidualSum, real: Int, _ pass: Pass
  ) throws(Failure) {
    let (x, options) = (sum.input, attention.options), width = options.headDim
    try pass.scoped { () throws(Failure) in
      let projected = try pass.workspace.matrix(x.rows, attention.input.outputs)  // [tokens, queries | keys | values]
      try attention.input.apply(x, into: projected, pass)
      let mixed = try pass.workspace.matrix(x.rows, options.queryWidth)
      let weights = try pass.workspace.take(x.rows * real, of: Double.self)  // [tokens, real]
      for head in 0..<options.heads {
        let q = projected.columns(head * width, width)
        let k = projected.columns(options.queryWidth + head * width, width)
        let v = projected.columns(2 * options.queryWidth + head * width, width)
        fill(weights, q, k, real: real, scale: options.scale)
        normalise(weights, rows: x.rows, columns: real)
        for row in 0..<x.rows {
          for component in 0..<width {
            var value = 0.0
            for key in 0..<real { value += weights[row * real + key] * Double(v[key][component]) }
            mixed[row][head * width + component] = Float(value)
          }
        }
      }
      attention.finish?.apply(mixed, pass)
      try attention.output.apply(mixed, residual: sum.residual, into: sum.output, pass)
    }
  }

  /// The exponentials of scores, each row's divided by that of its largest, which the first iteration takes out again.
  private func fill(
    _ weights: UnsafeMutablePointer<Double>, _ q: Matrix, _ k: Matrix, real: Int, scale: Float
  ) {
    for row in 0..<q.rows {
      let own = weights + row * real
      var largest = -Double.infinity
      for key in 0..<real {
        var score = 0.0
        for component in 0..<q.columns { score += Double(q[row][component]) * Double(k[key][component]) }
        own[key] = score * Double(scale)
        largest = max(largest, own[key])
      }
      for key in 0..<real { own[key] = Exponential.exp(own[key] - largest) }
    }
  }

  /// Makes the sums of rows and of columns 1 in turns, beginning with rows.
  private func normalise(_ weights: UnsafeMutablePointer<Double>, rows: Int, columns: Int) {
    for iteration in 0..<count {
      let (lines, numbers) = iteration % 2 == 0 ? (rows, columns) : (columns, rows)
      let (lineStep, step) = iteration % 2 == 0 ? (columns, 1) : (1, columns)
      for line in 0..<lines {
        let own = weights + line * lineStep
        var sum = 0.0
        for index in 0..<numbers { sum += own[index * step] }
        for index in 0..<numbers where sum > 0 { own[index * step] /= sum }
      }
    }
  }
}
