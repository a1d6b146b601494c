import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The attention of a recurrent decoder to the states of the source, which are the values. Scores of a query q, the
/// state of the decoder, and a key k, that of the source (Luong et al. 2015, arXiv:1508.04025, section 3.1; Bahdanau et
/// al. 2014, arXiv:1409.0473, appendix A.1.2).
package struct SourceAttention: Sendable {
  package enum Score: Sendable {
    /// q · k
    case dot
    /// q · W k, as (Wᵀ q) · k: the product is that of a query, and keys are the values.
    case general(Linear)
    /// v · tanh(W q + U k), whose keys are U k. Luong's "concat" is the same with W and U side by side.
    case additive(query: Linear, key: Linear, vector: AlignedBuffer)
  }

  package let score: Score
  /// Of the source's states.
  package let width: Int

  package init(score: Score, width: Int) { (self.score, self.width) = (score, width) }

  /// Components of the head that keeps keys and values, of which the longer count.
  package var headDim: Int {
    if case .additive(_, let key, _) = score { max(width, key.outputs) } else { width }
  }

  /// Puts the states of the source, `[source tokens, width]`, and their keys into the first layer of the pages.
  func project(_ states: Matrix, _ source: KeyValues, _ pass: Pass) throws(Failure) {
    let heads = source.layout.heads(layer: 0, queryHeads: 1, scale: 1)
    guard case .additive(_, let key, _) = score else {
      return pass.engine.storeKeyValues(states, states, source.sequences, heads)
    }
    try pass.scoped { () throws(Failure) in
      let keys = try pass.workspace.matrix(states.rows, headDim),
        values = try pass.workspace.matrix(states.rows, headDim)
      try key.apply(states, into: keys.columns(0, key.outputs), pass)
      for row in 0..<states.rows {
        (keys[row] + key.outputs).update(repeating: 0, count: headDim - key.outputs)
        values[row].update(from: states[row], count: width)
        (values[row] + width).update(repeating: 0, count: headDim - width)
      }
      pass.engine.storeKeyValues(keys, values, source.sequences, heads)
    }
  }

  /// The sums of the source's states for the queries q, `[tokens, width of the decoder's states]`, as `source` has
  /// them; `weights`, unless nil, is filled as `Engine.attention` does.
  func apply(
    _ q: Matrix, _ source: KeyValues, into contexts: Matrix, weights: UnsafeMutablePointer<Float>?, _ pass: Pass
  ) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let heads = source.layout.heads(layer: 0, queryHeads: 1, scale: 1)
      switch score {
      case .additive(let query, _, let vector):
        let projected = try pass.workspace.matrix(q.rows, query.outputs)
        try query.apply(q, into: projected, pass)
        try pass.engine.additiveAttention(
          projected, vector: vector.pointer(), source.sequences, heads, into: contexts, weights: weights,
          workspace: pass.workspace)
      case .dot, .general:
        var queries = q
        if case .general(let product) = score {
          queries = try pass.workspace.matrix(q.rows, product.outputs)
          try product.apply(q, into: queries, pass)
        }
        try pass.engine.attention(
          queries, weights == nil ? try source.joined(pass.workspace) : source.sequences, heads,
          AttentionMask(causal: false), into: contexts, weights: weights, workspace: pass.workspace)
      }
    }
  }
}
