import AttendBase
import AttendLayers

/// How a model is built; the raw values are those of `attend_kind`.
package enum ModelKind: UInt32, Sendable {
  case encoder = 1
  case decoder = 2
  case encoderDecoder = 3
}

/// What a family makes of a config.json: the choices and sizes of every layer and the names of the tensors. Data only.
package struct Blueprint: Sendable {
  /// As `model_type` spells it.
  package var family: String
  package var kind: ModelKind
  /// Before the names of all stacks, in one spelling or another: checkpoints saved with and without their head differ in it.
  package var prefixes: [String]
  package var encoder: StackBlueprint?
  package var decoder: StackBlueprint?
  package var head: HeadBlueprint?
  /// Tensors that a checkpoint may hold and that nothing reads: copies of tied weights, tables that are computed, counters.
  package var ignored: [String]
}

/// An encoder or a decoder.
package struct StackBlueprint: Sendable {
  package var layers: Int
  package var width: Int
  package var heads: Int
  package var keyValueHeads: Int
  package var headDim: Int
  package var innerWidth: Int
  package var activation: Activation
  package var placement: NormPlacement
  package var epsilon: Float
  package var causal: Bool
  package var vocabulary: Int
  package var embeddingScale: Float
  package var positions: PositionBlueprint
  package var names: StackNames
}

/// Where position vectors come from. Each kind says how many positions there are.
package enum PositionBlueprint: Sendable {
  /// A table in the checkpoint whose first `offset` rows stand for no position.
  case learned(count: Int, offset: Int)
  /// The sines and cosines of Vaswani et al. 2017, section 3.5, computed at load: all sines, then all cosines. Position p uses the
  /// angle of p + offset; `endsAtLongest` says that wavelengths run to 2π·10000 inclusive, as in the authors' own tensor2tensor.
  /// A checkpoint may hold the table all the same; then it is read.
  case sinusoidal(count: Int, offset: Int, endsAtLongest: Bool)
}

/// The names of a stack's tensors, after the prefix. `#` stands for the number of the layer.
package struct StackNames: Sendable {
  /// The token table under its possible names; the first that the checkpoint has is read.
  package var tokens: [String]
  package var positions: String
  package var embeddingNorm: String?
  package var finalNorm: String?
  package var selfAttention: AttentionNames
  package var selfAttentionNorm: String
  package var crossAttention: AttentionNames?
  package var crossAttentionNorm: String?
  package var inner: String
  package var outer: String
  package var feedForwardNorm: String
}

/// The names of the four projections of an attention.
package struct AttentionNames: Sendable {
  package var query: String
  package var key: String
  package var value: String
  package var output: String
}

/// From the decoder's hidden states to logits.
package struct HeadBlueprint: Sendable {
  /// The weights' name (no prefix), or nil where they are the decoder's token table.
  package var weights: String?
  /// A bias that may be absent (no prefix).
  package var bias: String?
}
