import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// ModernBERT (Warner et al. 2024, arXiv:2412.13663): an encoder of pre-norm layers with rotary positions and gates,
/// two layers of three with a window to both sides and a rotary embedding of their own. The first attention reads the
/// embedding's norm.
enum ModernBert: Family {
  static let modelTypes = ["modernbert"]
  static let capabilities = Capabilities.encoder(HeadTask.ofEncoders)

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let line = try ModernBertLine(config)
    return Blueprint(
      family: modelType, prefixes: ["model.", ""],
      towers: [
        .encoder(
          StackBlueprint(
            width: line.width, vocabulary: try config.size("vocab_size"), causal: false,
            embedding: EmbeddingBlueprint(
              tokens: ["embeddings.tok_embeddings.weight"], norm: line.norm("embeddings.norm")),
            layers: try line.layers(), finalNorm: line.norm("final_norm")))
      ], head: try head(config, line),
      ignored: ["decoder.weight"])
  }

  /// All heads begin with the same product, activation and norm.
  private static func head(_ config: Configuration, _ line: ModernBertLine) throws(Failure) -> HeadBlueprint? {
    guard let task = try headTask(config) else { return nil }
    let bias: LinearBlueprint.Bias = try config.boolean("classifier_bias", default: false) ? .own : .none
    let dense = LinearBlueprint(name: "head.dense", outputs: line.width, inputs: line.width, bias: bias)
    let activation = try config.activation("classifier_activation", default: "gelu")
    var pooling = Head.Selection.everyToken
    let output: HeadBlueprint.Output
    switch task {
    case .maskedLanguageModel, .preTraining, .nextToken, .conditionalGeneration:
      try config.require("tie_word_embeddings", true)
      output = .tied(bias: try config.boolean("decoder_bias", default: true) ? "decoder.bias" : nil)
    case .sequenceClassification, .tokenClassification, .questionAnswering:
      let labels = task == .questionAnswering ? 2 : try config.labels()
      output = .linear(LinearBlueprint(name: "classifier", outputs: labels, inputs: line.width))
    default: throw Failure(.internalError, "an encoder of texts with another head")
    }
    if task == .sequenceClassification {
      let name = try config.string("classifier_pooling", default: "cls")
      guard name == "cls" || name == "mean" else {
        throw Failure(.unsupported, "\(config.path): classifier_pooling \"\(name)\" is not implemented")
      }
      pooling = name == "cls" ? .firstToken : .meanOfTokens
    }
    return HeadBlueprint(pooling: pooling, layers: [(dense, activation, line.norm("head.norm"))], output: output)
  }
}

/// The sizes of a ModernBERT, and its layers.
private struct ModernBertLine {
  let width: Int
  private let config: Configuration
  private let heads: Int
  private let feedForwardWidth: Int
  private let activation: Activation
  private let epsilon: Float
  private let bias: (norms: Bool, attention: LinearBlueprint.Bias, feedForward: LinearBlueprint.Bias)
  private let window: Int

  init(_ config: Configuration) throws(Failure) {
    self.config = config
    width = try config.size("hidden_size")
    heads = try config.divisor("num_attention_heads", of: width, "hidden_size")
    feedForwardWidth = try config.size("intermediate_size")
    activation = try config.activation("hidden_activation", default: "gelu")
    epsilon = Float(try config.number("norm_eps", default: 1e-5))
    bias = (
      try config.boolean("norm_bias", default: false),
      try config.boolean("attention_bias", default: false) ? .own : .none,
      try config.boolean("mlp_bias", default: false) ? .own : .none
    )
    window = try config.size("local_attention", default: 128)
    guard window > 1 else {
      throw config.invalid("local_attention", "is \(window); a window to both sides takes at least 2")
    }
  }

  func norm(_ name: String) -> NormBlueprint { NormBlueprint(name: name, epsilon: epsilon, hasBias: bias.norms) }

  func layers() throws(Failure) -> FixedArray<LayerBlueprint> {
    let count = try config.layers("num_hidden_layers")
    let interval = try config.size("global_attn_every_n_layers", default: 3)
    let types = try config.layerTypes(count) { $0.isMultiple(of: interval) ? "full_attention" : "sliding_attention" }
    let (global, local) = (
      RotaryDefaults(theta: 160_000, thetaKey: "global_rope_theta"), RotaryDefaults(thetaKey: "local_rope_theta")
    )
    return try FixedArray(count, for: LayerBlueprint.purpose) { (index) throws(Failure) in
      let slides = types[index] == "sliding_attention"
      let rotary = try config.rotary(headDim: width / heads, layerType: types[index], slides ? local : global)
      return layer(index, rotary, window: slides ? window : 0)
    }
  }

  private func layer(_ index: Int, _ rotary: Rotary, window: Int) -> LayerBlueprint {
    let name = "layers.\(index)"
    func linear(_ part: String, _ outputs: Int, _ inputs: Int, _ bias: LinearBlueprint.Bias) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: bias)
    }
    let input = linear("attn.Wqkv", 3 * width, width, bias.attention),
      up = linear("mlp.Wi", 2 * feedForwardWidth, width, bias.feedForward)
    return LayerBlueprint(
      attention: AttentionBlueprint(
        options: AttentionOptions(heads: heads, headDim: width / heads, causal: false, window: window),
        query: input.part(0, of: 3), key: input.part(1, of: 3), value: input.part(2, of: 3),
        output: linear("attn.Wo", width, width, bias.attention), rotary: rotary),
      attentionNorms: ResidualNorms(pre: index == 0 ? nil : norm("\(name).attn_norm")),
      feedForward: FeedForwardBlueprint(
        gate: up.part(0, of: 2), up: up.part(1, of: 2),
        down: linear("mlp.Wo", width, feedForwardWidth, bias.feedForward), activation: activation),
      feedForwardNorms: ResidualNorms(pre: norm("\(name).mlp_norm")))
  }
}
