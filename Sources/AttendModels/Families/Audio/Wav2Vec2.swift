import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// wav2vec 2.0 (Baevski et al. 2020, arXiv:2006.11477) and what keeps its layers: HuBERT (Hsu et al. 2021,
/// arXiv:2106.07447), WavLM (Chen et al. 2021, arXiv:2110.13900), UniSpeech (Wang et al. 2021, arXiv:2101.07597),
/// UniSpeech-SAT (Chen et al. 2021, arXiv:2110.05752) and data2vec (Baevski et al. 2022, arXiv:2202.03555).
enum Wav2Vec2: Family {
  static let modelTypes = ["data2vec-audio", "hubert", "unispeech", "unispeech-sat", "wav2vec2", "wavlm"]
  static let capabilities = Capabilities.encoder([.ctc, .sequenceClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try config.require("add_adapter", false)
    try config.refuse("adapter_attn_dim")
    try config.require("conv_pos_batch_norm", false)
    let line = try Wav2Vec2Line(config, modelType: modelType)
    let name = String(modelType.map { $0 == "-" ? "_" : $0 })
    return Blueprint(
      family: modelType, prefixes: ["\(name).", ""],
      towers: [.encoder(try SpeechHead.stack(try line.stack(), behind: config))],
      head: try SpeechHead.head(config, line.width),
      ignored: [
        "masked_spec_embed", "quantizer.*", "project_q.*", "project_hid.*", "final_proj.*", "speaker_proj.*",
        "label_embeddings_concat", "layer_norm_for_extract.*", "encoder.layer_norm.*",
      ])
  }
}

/// The heads of encoders of speech.
enum SpeechHead {
  /// A stack as the head that the checkpoint was saved with reads it. Where that is a mixture of the layers, the norm
  /// behind the last one is not used, as in transformers 5.
  static func stack(_ stack: StackBlueprint, behind config: Configuration) throws(Failure) -> StackBlueprint {
    guard try task(config) == .sequenceClassification,
      try config.boolean("use_weighted_layer_sum", default: false)
    else { return stack }
    var stack = stack
    (stack.shares, stack.finalNorm) = ("layer_weights", nil)
    return stack
  }

  private static func task(_ config: Configuration) throws(Failure) -> HeadTask? {
    try config.headTask([.ctc, .sequenceClassification, .preTraining])
  }

  /// The head that the checkpoint was saved with; nil: bare layers, or those that were trained without labels, whose
  /// own heads nobody needs later.
  static func head(_ config: Configuration, _ width: Int) throws(Failure) -> HeadBlueprint? {
    switch try task(config) {
    case .ctc:
      return HeadBlueprint(
        output: .linear(LinearBlueprint(name: "lm_head", outputs: try config.size("vocab_size"), inputs: width)))
    case .sequenceClassification:
      let projected = try config.size("classifier_proj_size", default: 256)
      // The mean of what the product makes is what it makes of the mean.
      let projector = LinearBlueprint(name: "projector", outputs: projected, inputs: width)
      let classifier = LinearBlueprint(name: "classifier", outputs: try config.labels(), inputs: projected)
      return HeadBlueprint(
        pooling: .meanOfTokens, layers: [(projector, .none, nil)], output: .linear(classifier))
    default: return nil
    }
  }
}

/// The sizes of a model of this line, and its layers.
private struct Wav2Vec2Line {
  let width: Int
  private let config: Configuration
  private let modelType: String
  private let heads: Int
  private let feedForwardWidth: Int
  private let activation: Activation
  /// Of the convolutions.
  private let soundActivation: Activation
  private let epsilon: Float
  /// Norms before the sub-layers, and one more at the end.
  private let isPreNorm: Bool

  init(_ config: Configuration, modelType: String) throws(Failure) {
    self.config = config
    self.modelType = modelType
    width = try config.size("hidden_size", default: 768)
    heads = try config.divisor("num_attention_heads", of: width, "hidden_size", default: 12)
    feedForwardWidth = try config.size("intermediate_size", default: 3072)
    activation = try config.activation("hidden_act", default: "gelu")
    soundActivation = try config.activation("feat_extract_activation", default: "gelu")
    epsilon = Float(try config.number("layer_norm_eps", default: 1e-5))
    isPreNorm = modelType == "data2vec-audio" ? false : try config.boolean("do_stable_layer_norm", default: false)
  }

  private func norm(_ name: String) -> NormBlueprint { NormBlueprint(name: name, epsilon: epsilon) }

  func stack() throws(Failure) -> StackBlueprint {
    let depth = try config.layers("num_hidden_layers", default: 12)
    let gated = modelType == "wavlm" ? try buckets() : nil
    return StackBlueprint(
      width: width, input: .sound(try sound()),
      layers: try FixedArray(depth, for: LayerBlueprint.purpose) { layer($0, gated) },
      finalNorm: isPreNorm ? norm("encoder.layer_norm") : nil)
  }

  // MARK: Sounds

  private func sound() throws(Failure) -> SoundBlueprint {
    let hasTimeNorm = try self.hasTimeNorm()
    let convolutions = try self.convolutions(hasTimeNorm)
    let (first, last) = (convolutions.first?.kernel.outputs ?? 0, convolutions.last?.kernel.outputs ?? 0)
    let hasNorm = modelType == "hubert" ? try config.boolean("feat_proj_layer_norm", default: true) : true
    return SoundBlueprint(
      form: .samples, convolutions: convolutions,
      timeNorm: hasTimeNorm
        ? (NormBlueprint(name: "feature_extractor.conv_layers.0.layer_norm", epsilon: 1e-5), first) : nil,
      norm: hasNorm ? norm("feature_projection.layer_norm") : nil,
      projection: LinearBlueprint(name: "feature_projection.projection", outputs: width, inputs: last),
      positional: try positional(), lastNorm: isPreNorm ? nil : norm("encoder.layer_norm"))
  }

  /// From samples to frames.
  private func convolutions(_ hasTimeNorm: Bool) throws(Failure) -> [TimeConvolutionBlueprint] {
    let outputs = try config.sizes("conv_dim", default: [512, 512, 512, 512, 512, 512, 512])
    let taps = try config.sizes("conv_kernel", default: [10, 3, 3, 3, 3, 2, 2])
    let steps = try config.sizes("conv_stride", default: [5, 2, 2, 2, 2, 2, 2])
    guard taps.count == outputs.count, steps.count == outputs.count else {
      throw config.invalid(
        "conv_dim", "has \(outputs.count) numbers, conv_kernel \(taps.count) and conv_stride \(steps.count)")
    }
    let hasBias = try config.boolean("conv_bias", default: false)
    return outputs.indices.map { (index) in
      let name = "feature_extractor.conv_layers.\(index)"
      let hasNorm = !hasTimeNorm || index == 0
      return TimeConvolutionBlueprint(
        kernel: KernelBlueprint(
          name: "\(name).conv", outputs: outputs[index], inputs: index == 0 ? 1 : outputs[index - 1],
          taps: taps[index], hasBias: hasBias), stride: steps[index], activation: hasNorm ? .none : soundActivation,
        norm: hasTimeNorm ? nil : NormBlueprint(name: "\(name).layer_norm", epsilon: 1e-5),
        lastActivation: hasNorm ? soundActivation : .none)
    }
  }

  /// Whether the first convolution has a norm of each channel over time; otherwise all have one of each frame.
  private func hasTimeNorm() throws(Failure) -> Bool {
    let kind = modelType == "data2vec-audio" ? "layer" : try config.string("feat_extract_norm", default: "group")
    guard kind == "group" || kind == "layer" else {
      throw config.invalid("feat_extract_norm", "is \"\(kind)\", expected \"group\" or \"layer\"")
    }
    return kind == "group"
  }

  /// What tells frames their places: one convolution with many taps, in data2vec several with few.
  private func positional() throws(Failure) -> [PositionalConvolutionBlueprint] {
    let groups = try config.divisor("num_conv_pos_embedding_groups", of: width, "hidden_size", default: 16)
    let name = "encoder.pos_conv_embed"
    func convolution(_ name: String, taps: Int, epsilon: Float? = nil) -> PositionalConvolutionBlueprint {
      PositionalConvolutionBlueprint(
        kernel: KernelBlueprint(name: name, outputs: width, inputs: width, taps: taps, groups: groups),
        epsilon: epsilon, activation: soundActivation)
    }
    guard modelType == "data2vec-audio" else {
      let taps = try config.plausibleSize("num_conv_pos_embeddings", default: 128)
      return [convolution("\(name).conv", taps: taps)]
    }
    let taps = try config.plausibleSize("conv_pos_kernel_size", default: 19)
    let count = try config.layers("num_conv_pos_embeddings", default: 5)
    return (0..<count).map { convolution("\(name).layers.\($0).conv", taps: taps, epsilon: 1e-5) }
  }

  // MARK: Layers

  private func layer(_ index: Int, _ gated: RelativeBuckets?) -> LayerBlueprint {
    let name = "encoder.layers.\(index)"
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs)
    }
    func norms(_ part: String) -> ResidualNorms {
      let norm = norm("\(name).\(part)")
      return isPreNorm ? ResidualNorms(pre: norm) : ResidualNorms(post: norm)
    }
    var attention = AttentionBlueprint(
      options: AttentionOptions(heads: heads, headDim: width / heads, causal: false),
      query: linear("attention.q_proj", width, width), key: linear("attention.k_proj", width, width),
      value: linear("attention.v_proj", width, width), output: linear("attention.out_proj", width, width))
    if let gated {
      attention.bias = .gated(
        GatedDistancesBlueprint(
          table: "encoder.layers.0.attention.rel_attn_embed.weight", buckets: gated,
          gate: "\(name).attention.gru_rel_pos_linear", factors: "\(name).attention.gru_rel_pos_const"))
    }
    return LayerBlueprint(
      attention: attention, attentionNorms: norms("layer_norm"),
      feedForward: FeedForwardBlueprint(
        up: linear("feed_forward.intermediate_dense", feedForwardWidth, width),
        down: linear("feed_forward.output_dense", width, feedForwardWidth), activation: activation),
      feedForwardNorms: norms("final_layer_norm"))
  }

  /// The relative positions of WavLM, which are those of T5 with other numbers.
  private func buckets() throws(Failure) -> RelativeBuckets {
    let count = try config.size("num_buckets", default: 320)
    let distance = try config.size("max_bucket_distance", default: 800)
    let buckets = RelativeBuckets(count: count, maxDistance: distance, bidirectional: true)
    guard buckets.isValid, count <= 1 << 16, distance <= 1 << 20 else {
      throw config.invalid("max_bucket_distance", "is \(distance), which \(count) buckets cannot stand for")
    }
    return buckets
  }
}

extension Configuration {
  /// The sizes of several convolutions.
  fileprivate func sizes(_ key: String, default standard: [Int]) throws(Failure) -> [Int] {
    let sizes = try optionalIntegers(key) ?? standard
    guard (1...Configuration.mostConvolutions).contains(sizes.count),
      sizes.allSatisfy({ (1...Configuration.mostTaps).contains($0) })
    else {
      throw invalid(
        key,
        "is \(json[key]?.excerpt ?? ""), expected up to \(Configuration.mostConvolutions) numbers from 1 to "
          + "\(Configuration.mostTaps)")
    }
    return sizes
  }

  /// A size of a convolution.
  func plausibleSize(_ key: String, default standard: Int) throws(Failure) -> Int {
    let size = try size(key, default: standard)
    guard size <= Configuration.mostTaps else {
      throw invalid(key, "is \(size); more than \(Configuration.mostTaps) are not plausible")
    }
    return size
  }

  private static let mostConvolutions = 64
  private static let mostTaps = 1 << 16
}
