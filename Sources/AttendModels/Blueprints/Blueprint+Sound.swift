import AttendKernelInterface
import AttendLayers

/// From a sound to the first hidden states (`SoundEmbedding`).
package struct SoundBlueprint: Sendable {
  package var form: SoundEmbedding.Form
  /// The frames that a spectrogram must have; nil: as many as it likes.
  package var frames: Int?
  package var convolutions: [TimeConvolutionBlueprint] = []
  /// In their place.
  package var subsampling: SubsamplingBlueprint?
  /// Of groups of channels of the first convolution, over all frames, before its last activation.
  package var timeNorm: (norm: NormBlueprint, groups: Int)?
  package var norm: NormBlueprint?
  package var projection: LinearBlueprint?
  /// The factor on what the projection makes.
  package var scale: Float = 1
  /// A table of vectors for the first places, `[count, width]`.
  package var positions: (name: String, count: Int)?
  package var positional: [PositionalConvolutionBlueprint] = []
  package var lastNorm: NormBlueprint?
}

/// Convolutions over time and frequency (`Subsampling`): the tensors `name.0`, `[channels, 1, taps, taps]`, and of each
/// stage `name.i`, likewise, and `name.i+1`, `[channels, channels, 1, 1]`; the activations between them are counted.
package struct SubsamplingBlueprint: Sendable {
  package var name: String
  package var stages: Int
  package var channels: Int
  package var taps: Int
  package var stride: Int
  package var bins: Int
}

/// The weights of a convolution over time: `name.weight`, `[outputs, inputs / groups, taps]`, and `name.bias`.
package struct KernelBlueprint: Sendable {
  package var name: String
  package var outputs: Int
  package var inputs: Int
  package var taps: Int
  package var groups = 1
  package var hasBias = true
}

/// One of the convolutions that make frames of samples or of other frames (`TimeConvolution`).
package struct TimeConvolutionBlueprint: Sendable {
  package var kernel: KernelBlueprint
  package var stride = 1
  package var padding = 0
  /// Before the norm.
  package var activation = Activation.none
  /// Of each frame.
  package var norm: NormBlueprint?
  /// Behind the norm.
  package var lastActivation = Activation.none
}

/// A convolution that tells frames their places (`PositionalConvolution`).
package struct PositionalConvolutionBlueprint: Sendable {
  package var kernel: KernelBlueprint
  /// The epsilon of a norm without gains and biases; nil: there is no norm.
  package var epsilon: Float?
  package var activation: Activation
}

/// The parts that a layer of a Conformer has beside attention and feed-forward network (`ConformerParts`).
package struct ConformerBlueprint: Sendable {
  package var feedForward: FeedForwardBlueprint
  package var feedForwardNorms: ResidualNorms
  /// The product whose first half is multiplied with the sigmoid of the second.
  package var input: LinearBlueprint
  /// The tensor of a factor for each channel and tap, `[width, 1, taps]`.
  package var kernel: (name: String, taps: Int)
  /// Whether the kernel has a bias.
  package var hasKernelBias = false
  /// Whether a frame sees as many behind it as before it.
  package var isCentred = false
  /// nil: there is a batch norm.
  package var norm: NormBlueprint?
  /// The statistics of a batch norm (Ioffe and Szegedy 2015, arXiv:1502.03167), which are a part of the kernel.
  package var batchNorm: NormBlueprint?
  package var activation: Activation
  package var output: LinearBlueprint
  package var convolutionNorms: ResidualNorms
}

/// The product of the query with a vector for the distance of its key, which all heads share (Shaw et al. 2018,
/// arXiv:1803.02155).
package struct RelativeKeysBlueprint: Sendable {
  /// The table of vectors, `[left + right + 1, headDim]`.
  package var table: String
  /// The farthest positions before and behind the query that are told apart from those beyond.
  package var left: Int
  package var right: Int
}

/// The relative positions of Transformer-XL (`RelativeProjection`).
package struct RelativeProjectionBlueprint: Sendable {
  /// The product that makes keys of sinusoids.
  package var projection: LinearBlueprint
  /// The offsets of queries before they meet keys, and before they meet positions, `[heads, headDim]` each.
  package var contentOffset: String
  package var positionOffset: String
}

/// The gated relative positions of WavLM (`GatedDistances`).
package struct GatedDistancesBlueprint: Sendable {
  /// The table of biases, `[buckets, heads]`.
  package var table: String
  package var buckets: RelativeBuckets
  /// `gate.weight`, `[8, headDim]`, and `gate.bias`.
  package var gate: String
  /// `[1, heads, 1, 1]`
  package var factors: String
}
