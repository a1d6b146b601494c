import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The relative positions of Transformer-XL (Dai et al. 2019, arXiv:1901.02860, section 3.3): a score gains the product
/// of the query, with an offset of its own, and a key that is projected from the sinusoid of the distance.
package struct RelativeProjection: Sendable {
  private let heads: Int
  /// `[heads * headDim, width]`
  private let projection: Linear
  /// `[heads * headDim]`, added to the queries before these products.
  private let offset: AlignedBuffer

  package init(heads: Int, projection: Linear, offset: AlignedBuffer) {
    (self.heads, self.projection, self.offset) = (heads, projection, offset)
  }

  /// The products of queries, `[tokens, heads * headDim]`, with the distances from `-radius` to `radius`,
  /// `[tokens, heads * (2 radius + 1)]`, in scratch memory.
  func terms(_ q: Matrix, radius: Int, _ pass: Pass) throws(Failure) -> Matrix {
    let columns = 2 * radius + 1, headDim = q.columns / heads
    let terms = try pass.workspace.matrix(q.rows, heads * columns)
    try pass.scoped { () throws(Failure) in
      let keys = try pass.workspace.matrix(columns, projection.outputs)
      try projection.apply(try sinusoids(radius: radius, pass), into: keys, pass)
      let queries = try pass.workspace.matrix(q.rows, q.columns)
      let own = offset.pointer(to: Float.self)
      for row in 0..<q.rows { for column in 0..<q.columns { queries[row][column] = q[row][column] + own[column] } }
      for head in 0..<heads {
        // Keys that are known in this pass alone, packed as weights are.
        let stored = StoredMatrix(
          base: UnsafeRawPointer(keys.base + head * headDim), type: .float32, rows: columns, columns: headDim,
          stride: keys.stride)
        let packed = try PackedMatrix([stored], compute: .float32, engine: pass.engine)
        try pass.engine.multiply(
          queries.columns(head * headDim, headDim), packed, bias: nil, into: terms.columns(head * columns, columns),
          workspace: pass.workspace)
      }
    }
    return terms
  }

  /// Sines and cosines in turns of the distances from `-radius` to `radius`, `[2 radius + 1, width]`: those of a
  /// distance follow from those of the one before by the angle between, in double precision.
  private func sinusoids(radius: Int, _ pass: Pass) throws(Failure) -> Matrix {
    let width = projection.inputs
    let table = try pass.workspace.matrix(2 * radius + 1, width)
    for pair in 0..<width / 2 {
      // As the reference rounds it.
      let frequency = Double(Float(1 / Exponential.exp(Double(2 * pair) / Double(width) * Exponential.log(10000))))
      let turn = Trigonometry.sineAndCosine(frequency)
      var (sine, cosine) = (0.0, 1.0)
      for distance in 0...radius {
        for (row, sign) in [(radius + distance, 1.0), (radius - distance, -1.0)] {
          table[row][2 * pair] = Float(sign * sine)
          table[row][2 * pair + 1] = Float(cosine)
        }
        (sine, cosine) = (sine * turn.cosine + cosine * turn.sine, cosine * turn.cosine - sine * turn.sine)
      }
    }
    return table
  }
}
