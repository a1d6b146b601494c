import AttendBase
import AttendDispatch

/// An encoder or a decoder: an embedding, layers, and in some families a norm at the end.
package final class Stack: Sendable {
  package let width: Int
  package let embedding: Embedding
  package let layers: [TransformerLayer]
  package let finalNorm: Norm?
  /// What its own keys and values take in pages.
  package let keyValueLayout: KeyValueLayout
  /// The rotary embeddings of its layers.
  package let rotaries: RotaryTables
  /// Beside the first layer.
  package let convolution: DebertaConvolution?
  /// The longest text that the model's configuration speaks of, be it the rows of its position table or what it was
  /// trained on; nil: it states none. Where positions are computed, longer texts can be read, for what that is worth.
  package let statedPositions: Int?

  package init(
    width: Int, embedding: Embedding, layers: [TransformerLayer], finalNorm: Norm?, keyValueLayout: KeyValueLayout,
    rotaries: RotaryTables, convolution: DebertaConvolution? = nil, statedPositions: Int? = nil
  ) {
    self.width = width
    self.embedding = embedding
    self.layers = layers
    self.finalNorm = finalNorm
    self.keyValueLayout = keyValueLayout
    self.rotaries = rotaries
    self.convolution = convolution
    self.statedPositions = embedding.positions?.positions ?? statedPositions
  }

  /// Ids run from 0 to this less 1.
  package var vocabulary: Int { embedding.tokens.vocabulary }

  /// The longest sequence that can be computed; nil: no limit.
  package var positions: Int? { embedding.positions?.positions }

  /// The longest sequence that is allowed: with computed positions as many as the configuration states, or more.
  package func positions(allowingBeyond isAllowed: Bool) -> Int? { isAllowed ? positions : statedPositions }

  /// The forward pass: from ids, lying sequence after sequence as `own` says, to hidden states, `[tokens, width]`, in
  /// x.
  package func forward(
    _ ids: UnsafePointer<Int32>, types: UnsafePointer<Int32>? = nil, own: KeyValues, source: KeyValues?, into x: Matrix,
    _ pass: Pass
  ) throws(Failure) {
    try embedding.apply(ids, types: types, own.sequences, into: x, pass)
    try pass.scoped { () throws(Failure) in
      let context = LayerContext(
        own: own, source: source, angles: try rotaries.angles(own.sequences, tokens: x.rows, pass))
      try pass.checkCancellation()
      let beside = try convolution?.apply(x, own.sequences, pass)
      for (index, layer) in layers.enumerated() {
        try context.forEachSlice(of: x, rows: layer.feedForward.rowsAtOnce, pass) { (x, context) throws(Failure) in
          try layer.apply(x, index: index, context, pass)
          try pass.finishedLayer(rows: x.rows)
        }
        if index == 0, let beside { convolution?.add(beside, to: x, pass) }
      }
    }
    finalNorm?.apply(x, into: x, pass)
  }

  /// Projects the encoder's output, `[source tokens, width]`, to the keys and values of every layer's cross-attention,
  /// once for all steps.
  package func projectSource(_ states: Matrix, into source: KeyValues, _ pass: Pass) throws(Failure) {
    for (index, layer) in layers.enumerated() {
      try layer.crossAttention?.project(states, layer: index, source, pass)
      try pass.checkCancellation()
    }
  }
}
