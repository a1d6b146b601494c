import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Parakeet with CTC: a FastConformer (Rekesh et al. 2023, arXiv:2305.05084), whose frames are each made of eight of a
/// log-mel spectrogram, with the relative positions of Transformer-XL.
enum Parakeet: Family {
  static let modelTypes = ["parakeet_ctc"]
  static let capabilities = Capabilities.encoder([.ctc])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var blueprint = try encoder(config, modelType: modelType)
    let width = blueprint.encoder?.width ?? 0
    var output = LinearBlueprint(name: "ctc_head", outputs: try config.size("vocab_size"), inputs: width)
    output.isPointwise = true
    if try headTask(config) == .ctc { blueprint.head = HeadBlueprint(output: .linear(output)) }
    return blueprint
  }

  /// The FastConformer alone.
  static func encoder(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    guard let encoder = try config.child("encoder_config") else { throw config.invalid("encoder_config", "is missing") }
    let line = try FastConformer(encoder)
    let stack = StackBlueprint(
      width: line.width, input: .sound(try line.sound()),
      layers: try FixedArray(
        try encoder.layers("num_hidden_layers", default: 24), for: LayerBlueprint.purpose
      ) { line.layer($0) })
    return Blueprint(
      family: modelType, prefixes: [""], towers: [.encoder(stack)],
      ignored: ["encoder.layers.#.conv.norm.num_batches_tracked"])
  }
}

/// The sizes of a FastConformer, and its parts.
private struct FastConformer {
  let width: Int
  private let config: Configuration
  private let heads: Int
  private let feedForwardWidth: Int
  private let activation: Activation
  private let taps: Int
  private let bias: LinearBlueprint.Bias
  private let hasConvolutionBias: Bool

  init(_ config: Configuration) throws(Failure) {
    self.config = config
    width = try config.size("hidden_size", default: 1024)
    heads = try config.divisor("num_attention_heads", of: width, "hidden_size", default: 8)
    feedForwardWidth = try config.size("intermediate_size", default: 4096)
    activation = try config.activation("hidden_act", default: "silu")
    taps = try config.plausibleSize("conv_kernel_size", default: 9)
    bias = try config.boolean("attention_bias", default: true) ? .own : .none
    hasConvolutionBias = try config.boolean("convolution_bias", default: true)
    let keyValueHeads = try config.size("num_key_value_heads", default: heads)
    guard keyValueHeads == heads, !taps.isMultiple(of: 2), width.isMultiple(of: 2) else {
      throw config.invalid(
        "conv_kernel_size",
        "is \(taps), with \(heads) heads, \(keyValueHeads) of keys, and a width of \(width): the kernel is to be odd, "
          + "heads equal in number, and the width even")
    }
  }

  // MARK: Sounds

  func sound() throws(Failure) -> SoundBlueprint {
    let bins = try config.size("num_mel_bins", default: 80), factor = try config.size("subsampling_factor", default: 8)
    let channels = try config.plausibleSize("subsampling_conv_channels", default: 256)
    let taps = try config.plausibleSize("subsampling_conv_kernel_size", default: 3)
    let stride = try config.plausibleSize("subsampling_conv_stride", default: 2)
    guard factor >= 2, factor.nonzeroBitCount == 1, stride == 2, !taps.isMultiple(of: 2), bins <= 1 << 10 else {
      throw config.invalid(
        "subsampling_factor",
        "is \(factor), with a stride of \(stride), a kernel of \(taps) and \(bins) bins: it is to be a power of 2, the "
          + "stride 2, and the kernel odd")
    }
    let depth = factor.trailingZeroBitCount
    let outputs = (0..<depth).reduce(bins) { (bins, _) in (bins + 2 * ((taps - 1) / 2) - taps) / stride + 1 }
    return SoundBlueprint(
      form: .framesByBins(bins: bins),
      subsampling: SubsamplingBlueprint(
        name: "encoder.subsampling.layers", stages: depth - 1, channels: channels, taps: taps, stride: stride,
        bins: bins),
      projection: LinearBlueprint(
        name: "encoder.subsampling.linear", outputs: width, inputs: channels * outputs),
      scale: try config.boolean("scale_input", default: true) ? Float(width).squareRoot() : 1)
  }

  // MARK: Layers

  func layer(_ index: Int) -> LayerBlueprint {
    let name = "encoder.layers.\(index)"
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: bias)
    }
    func norm(_ part: String) -> NormBlueprint { NormBlueprint(name: "\(name).\(part)", epsilon: 1e-5) }
    func feedForward(_ part: String) -> FeedForwardBlueprint {
      FeedForwardBlueprint(
        up: linear("\(part).linear1", feedForwardWidth, width),
        down: linear("\(part).linear2", width, feedForwardWidth),
        activation: activation)
    }
    var attention = AttentionBlueprint(
      options: AttentionOptions(heads: heads, headDim: width / heads, causal: false),
      query: linear("self_attn.q_proj", width, width), key: linear("self_attn.k_proj", width, width),
      value: linear("self_attn.v_proj", width, width), output: linear("self_attn.o_proj", width, width))
    var projection = linear("self_attn.relative_k_proj", width, width)
    projection.bias = .none
    attention.bias = .projected(
      RelativeProjectionBlueprint(
        projection: projection, contentOffset: "\(name).self_attn.bias_u", positionOffset: "\(name).self_attn.bias_v"))
    var layer = LayerBlueprint(
      attention: attention, attentionNorms: ResidualNorms(pre: norm("norm_self_att")),
      feedForward: feedForward("feed_forward2"),
      feedForwardNorms: ResidualNorms(pre: norm("norm_feed_forward2"), post: norm("norm_out"), scale: 0.5))
    func pointwise(_ part: String, _ outputs: Int) -> LinearBlueprint {
      var product = linear("conv.\(part)", outputs, width)
      (product.bias, product.isPointwise) = (hasConvolutionBias ? .own : .none, true)
      return product
    }
    layer.conformer = ConformerBlueprint(
      feedForward: feedForward("feed_forward1"),
      feedForwardNorms: ResidualNorms(pre: norm("norm_feed_forward1"), scale: 0.5),
      input: pointwise("pointwise_conv1", 2 * width), kernel: ("\(name).conv.depthwise_conv", taps),
      hasKernelBias: hasConvolutionBias, isCentred: true, batchNorm: norm("conv.norm"), activation: activation,
      output: pointwise("pointwise_conv2", width), convolutionNorms: ResidualNorms(pre: norm("norm_conv")))
    return layer
  }
}
