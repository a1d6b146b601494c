import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The gated relative positions of WavLM (Chen et al. 2021, arXiv:2110.13900, section 3.1): a score gains the bias of
/// its distance times a gate, which the query's hidden state opens more or less, in each head by itself.
package struct GatedDistances: Sendable {
  package let heads: Int
  package let buckets: Int
  /// `[heads, buckets]`, over the factor that the scores will be multiplied with.
  private let biases: AlignedBuffer
  /// `[2, headDim]`: what opens the gate of a head and what resets it.
  package let gate: Linear
  /// `[heads]`
  package let factors: AlignedBuffer

  /// `table` is `[buckets, heads]`, and `scale` the factor on the scores.
  package init(
    heads: Int, buckets: Int, table: UnsafePointer<Float>, scale: Float, gate: Linear, factors: AlignedBuffer
  ) throws(Failure) {
    self.heads = heads
    self.buckets = buckets
    self.gate = gate
    self.factors = factors
    biases = try AlignedBuffer(heads * buckets, of: Float.self, for: "relative positions")
    for head in 0..<heads {
      for bucket in 0..<buckets {
        biases.pointer(to: Float.self)[head * buckets + bucket] = table[bucket * heads + head] / scale
      }
    }
  }

  /// What the scores of queries gain for each bucket, `[tokens, heads * buckets]`, in scratch memory; x are the hidden
  /// states that attention reads, `[tokens, heads * headDim]`.
  func terms(_ x: Matrix, _ pass: Pass) throws(Failure) -> Matrix {
    let terms = try pass.workspace.matrix(x.rows, heads * buckets)
    try pass.scoped { () throws(Failure) in
      let gates = try pass.workspace.matrix(x.rows, heads * gate.outputs)
      for head in 0..<heads {
        try gate.apply(
          x.columns(head * gate.inputs, gate.inputs), into: gates.columns(head * gate.outputs, gate.outputs), pass)
      }
      pass.engine.activate(gates, .sigmoid, into: gates)
      for token in 0..<x.rows {
        for head in 0..<heads {
          let (opened, reset) = (gates[token][2 * head], gates[token][2 * head + 1])
          let openness = opened * (reset * factors.pointer(to: Float.self)[head] - 1) + 2
          let target = terms[token] + head * buckets
          let own = biases.pointer(to: Float.self) + head * buckets
          for bucket in 0..<buckets { target[bucket] = openness * own[bucket] }
        }
      }
    }
    return terms
  }
}
