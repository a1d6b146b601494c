import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Parakeet, with CTC or as a transducer: a FastConformer (Rekesh et al. 2023, arXiv:2305.05084), whose frames are each
/// made of eight of a log-mel spectrogram, with the relative positions of Transformer-XL.
enum Parakeet: Family {
  static let modelTypes = ["parakeet_ctc", "parakeet_rnnt", "parakeet_tdt"]
  static let capabilities = Capabilities.encoder([.ctc, .transducer])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    guard let encoder = try config.child("encoder_config") else { throw config.invalid("encoder_config", "is missing") }
    let line = try FastConformer(encoder)
    let stack = StackBlueprint(
      width: line.width, input: .sound(try line.sound()),
      layers: try FixedArray(
        try encoder.layers("num_hidden_layers", default: 24), for: LayerBlueprint.purpose
      ) { line.layer($0) })
    var blueprint = Blueprint(
      family: modelType, prefixes: [""], towers: [.encoder(stack)],
      ignored: ["encoder.layers.#.conv.norm.num_batches_tracked"])
    let isTransducer = modelType != "parakeet_ctc"
    switch try config.headTask([isTransducer ? .transducer : .ctc], default: isTransducer ? .transducer : nil) {
    case .transducer:
      let part = try transducer(config, hasDurations: modelType == "parakeet_tdt", width: line.width)
      blueprint.transducer = .of(part)
    case .ctc:
      var output = LinearBlueprint(name: "ctc_head", outputs: try config.size("vocab_size"), inputs: line.width)
      output.isPointwise = true
      blueprint.head = HeadBlueprint(output: .linear(output))
    default: break
    }
    return blueprint
  }

  /// Durations beyond this many frames are none.
  private static let longestDuration = 1 << 16

  private static func transducer(
    _ config: Configuration, hasDurations: Bool, width: Int
  ) throws(Failure) -> TransducerBlueprint {
    let tokens = try config.size("vocab_size", default: 8193)
    let inner = try config.size("decoder_hidden_size", default: 640)
    let durations = hasDurations ? try config.optionalIntegers("durations") ?? [0, 1, 2, 3, 4] : nil
    if let durations {
      guard durations.contains(where: { $0 > 0 }), durations.allSatisfy({ $0 <= longestDuration }),
        Set(durations).count == durations.count
      else {
        throw config.invalid(
          "durations", "is \(durations): expected different numbers of frames up to \(longestDuration), one above 0")
      }
    }
    let network = RecurrentBlueprint(
      name: "decoder.lstm", cell: .lstm, layers: try config.layers("num_decoder_layers", default: 2), inputs: inner,
      width: inner, hasBias: true)
    return TransducerBlueprint(
      table: "decoder.embedding.weight", tokens: tokens, network: .of(network),
      prediction: LinearBlueprint(name: "decoder.decoder_projector", outputs: inner, inputs: inner),
      frame: LinearBlueprint(name: "encoder_projector", outputs: inner, inputs: width),
      activation: try config.activation("hidden_act", default: "relu"),
      joint: LinearBlueprint(name: "joint.head", outputs: tokens + (durations?.count ?? 0), inputs: inner),
      durations: durations, blank: Int(try config.token("blank_token_id", default: 8192, vocabulary: tokens)),
      padding: config.padding(default: 2),
      mostSymbols: try config.size("max_symbols_per_step", default: 10))
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
