import AttendBase
import AttendCheckpoints
import AttendLayers

/// BART and mBART, whose decoder may also read the source once more, for a head.
enum Bart: Family {
  static let modelTypes = ["bart", "mbart"]
  static let capabilities = Capabilities(
    kinds: [.encoderDecoder], heads: [.conditionalGeneration, .sequenceClassification, .questionAnswering])
  static let keyAliases = Fairseq.keyAliases

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try Fairseq.blueprint(config, modelType: modelType, task: try headTask(config))
  }
}

/// The other encoder-decoders that came out of fairseq and Marian: all share the keys of their configurations and the
/// names of their tensors.
enum Fairseq: Family {
  static let modelTypes = ["marian", "pegasus", "m2m_100", "fsmt"]
  static let capabilities = Capabilities.encoderDecoder
  static let headNames = ["MarianMTModel": HeadTask.conditionalGeneration]
  static let keyAliases = [
    "d_model": "hidden_size", "encoder_attention_heads": "num_attention_heads", "encoder_layers": "num_hidden_layers",
  ]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try blueprint(config, modelType: modelType, task: try headTask(config))
  }

  /// The blueprint of any model of this line.
  fileprivate static func blueprint(
    _ config: Configuration, modelType: String, task: HeadTask?
  ) throws(Failure) -> Blueprint {
    guard let choices = choices[modelType] else { throw Failure(.internalError, "\(modelType) is not of this line") }
    return try .fairseq(config, modelType: modelType, choices, task: task)
  }

  /// A decoder of this line behind an encoder of pictures, whose states have `sourceWidth` numbers; `prefix` stands
  /// before the names of its head.
  static func decoder(
    _ config: Configuration, modelType: String, sourceWidth: Int, prefix: String
  ) throws(Failure) -> (stack: StackBlueprint, head: HeadBlueprint) {
    guard var choices = modelType == "trocr" ? try trocr(config) : choices[modelType] else {
      throw Failure(
        .unsupported,
        "\(config.path): a decoder of type \"\(modelType)\" behind an encoder of pictures is not implemented")
    }
    let width = try config.size("d_model", default: 1024)
    choices.sourceWidth = try config.optionalSize("cross_attention_hidden_size") == nil ? width : sourceWidth
    let vocabulary = try config.size("vocab_size", default: 50265)
    var stack = try StackBlueprint.fairseq(
      config, "decoder", tokens: ["decoder.embed_tokens.weight"], vocabulary: vocabulary, causal: true, choices)
    if choices.sourceWidth == width, sourceWidth != width {
      stack.sourceProjection = LinearBlueprint(name: "enc_to_dec_proj", outputs: width, inputs: sourceWidth)
    }
    let output = LinearBlueprint(
      name: modelType == "trocr" ? "\(prefix)output_projection" : "\(prefix)lm_head", outputs: vocabulary,
      inputs: width,
      bias: .none)
    let tied = try config.boolean("tie_word_embeddings", default: true)
    return (stack, HeadBlueprint(pooling: .nextToken, output: tied ? .ownOrTied(output) : .linear(output)))
  }

  /// The decoder of TrOCR (Li et al. 2021, arXiv:2109.10282): that of BART, in its small size with sinusoids.
  private static func trocr(_ config: Configuration) throws(Failure) -> FairseqChoices {
    let learned = try config.boolean("use_learned_position_embeddings", default: true)
    return FairseqChoices(
      positions: learned ? .learned : .sinusoidalFromPadding(isStored: false),
      embeddingNorm: try config.boolean("layernorm_embedding", default: true))
  }

  private static let choices: [String: FairseqChoices] = [
    // Lewis et al. 2019, arXiv:1910.13461: learned positions, the first two rows of whose table are unused, and a norm
    // after the embedding.
    "bart": FairseqChoices(positions: .learned, embeddingNorm: true, logitsBias: true, rereads: .behindStart),
    // Liu et al. 2020, arXiv:2001.08210, and mBART-50: norms before the sub-layers and one more at the end.
    "mbart": FairseqChoices(
      isPreNorm: true, positions: .learned, embeddingNorm: true, finalNorm: true, logitsBias: true,
      rereads: .behindLast),
    // Junczys-Dowmunt et al. 2018, arXiv:1804.00344, the translation models of OPUS-MT: the Transformer of 2017 with
    // its sinusoids.
    "marian": FairseqChoices(positions: .sinusoidal, logitsBias: true),
    // Zhang et al. 2019, arXiv:1912.08777
    "pegasus": FairseqChoices(isPreNorm: true, positions: .sinusoidal, finalNorm: true, logitsBias: true),
    // Fan et al. 2020, arXiv:2010.11125, and NLLB, Costa-jussà et al. 2022, arXiv:2207.04672: positions are counted
    // from `pad_token_id` + 1.
    "m2m_100": FairseqChoices(
      isPreNorm: true, activation: "relu", scalesEmbedding: true, positions: .sinusoidalFromPadding(isStored: false),
      finalNorm: true),
    // Ng et al. 2019, arXiv:1907.06616: a token table for each language.
    "fsmt": FairseqChoices(
      activation: "relu", scalesEmbedding: true, positions: .sinusoidalFromPadding(isStored: true), sharesTables: false,
      isTied: false, output: "model.decoder.output_projection"),
  ]
}

/// The differences between the models of this line.
struct FairseqChoices {
  enum Positions {
    case learned
    case sinusoidal
    /// Counted from `pad_token_id` + 1, wavelengths to the longest; a checkpoint may hold the table.
    case sinusoidalFromPadding(isStored: Bool)
  }

  /// The token behind which the decoder reads the encoder's text again, for heads that want this.
  enum Rereading {
    /// `decoder_start_token_id`
    case behindStart
    /// The text's last token.
    case behindLast
  }

  /// Norms before the sub-layers, or after their sums.
  var isPreNorm = false
  var activation = "gelu"
  var scalesEmbedding = false
  var positions: Positions
  /// A norm after the embedding.
  var embeddingNorm = false
  /// A norm after the last layer.
  var finalNorm = false
  /// A bias on the logits, `final_logits_bias`.
  var logitsBias = false
  /// Whether encoder and decoder have one token table, and whether it makes the logits, where the configuration does
  /// not say.
  var sharesTables = true
  var isTied = true
  /// The product that makes logits, where it is not the token table.
  var output = "lm_head"
  /// Whether the products that make keys have a bias.
  var keyBias = true
  /// nil: there are no such heads.
  var rereads: Rereading?
  /// The width of the source's states; nil: the model's own.
  var sourceWidth: Int?

  /// The decoder's reading of the encoder's text.
  func shift(_ config: Configuration, vocabulary: Int) throws(Failure) -> TextShift? {
    switch rereads {
    case nil: nil
    case .behindStart: .behind(try config.token("decoder_start_token_id", default: 2, vocabulary: vocabulary))
    case .behindLast: .behindLast(padding: try config.token("pad_token_id", default: 1, vocabulary: vocabulary))
    }
  }

  /// The positions of the table `name`.
  func positions(_ config: Configuration, _ name: String) throws(Failure) -> PositionBlueprint {
    let count = try config.size("max_position_embeddings")
    switch positions {
    case .learned: return .learned(name: name, count: count, offset: 2)
    case .sinusoidal: return .sinusoidal(name: name, count: count, offset: 0, endsAtLongest: false)
    case .sinusoidalFromPadding(let isStored):
      let padding = try config.integer("pad_token_id", default: 1)
      return .sinusoidal(
        name: isStored ? name : nil, count: count, offset: padding + 1, endsAtLongest: true, padding: padding)
    }
  }
}

extension Blueprint {
  /// An encoder-decoder of that line, from its configuration and the choices of its family.
  fileprivate static func fairseq(
    _ config: Configuration, modelType: String, _ choices: FairseqChoices, task: HeadTask?
  ) throws(Failure) -> Blueprint {
    try refuseOtherChoices(config, choices)
    let width = try config.size("d_model")
    let vocabulary = try config.size("vocab_size", "src_vocab_size")
    let tied = try config.boolean("tie_word_embeddings", default: choices.isTied)
    let shared = try config.boolean("share_encoder_decoder_embeddings", default: choices.sharesTables)

    func stack(_ side: String, vocabulary: Int, causal: Bool) throws(Failure) -> StackBlueprint {
      let own = "\(side).embed_tokens.weight"
      return try .fairseq(
        config, side, tokens: tied && shared ? ["shared.weight", own] : [own, "shared.weight"],
        vocabulary: vocabulary, causal: causal, choices)
    }

    let targets = shared ? vocabulary : try config.size("decoder_vocab_size", "tgt_vocab_size", default: vocabulary)
    let bias = choices.logitsBias ? "final_logits_bias" : nil
    let output = LinearBlueprint(
      name: choices.output, outputs: targets, inputs: width, bias: bias.map { .optional($0) } ?? .none)
    let reading = try HeadBlueprint.ofRereading(task, config, width: width, vocabulary: vocabulary, end: 2)
    let writing = HeadBlueprint(pooling: .nextToken, output: tied ? .ownOrTied(output) : .linear(output))
    return Blueprint(
      family: modelType, prefixes: ["model.", ""],
      towers: [
        .encoder(try stack("encoder", vocabulary: vocabulary, causal: false)),
        .decoder(try stack("decoder", vocabulary: targets, causal: true)),
      ],
      head: reading ?? (task == nil && !tied ? nil : writing),
      shift: reading == nil ? nil : try choices.shift(config, vocabulary: targets),
      ignored: [
        "lm_head.weight", "shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
        "encoder.version", "decoder.version", "encoder.embed_positions.weight", "decoder.embed_positions.weight",
        "decoder.output_projection.weight", "encoder.embed_positions.weights", "decoder.embed_positions.weights",
        "encoder.embed_positions._float_tensor", "decoder.embed_positions._float_tensor",
      ])
  }

  /// Configurations of 2020 spell out what later became fixed for each family: they must agree with it.
  private static func refuseOtherChoices(_ config: Configuration, _ choices: FairseqChoices) throws(Failure) {
    try config.require("normalize_before", choices.isPreNorm)
    try config.require("normalize_embedding", choices.embeddingNorm)
    try config.require("add_final_layer_norm", choices.finalNorm)
    try config.require("add_bias_logits", false)
  }
}

extension StackBlueprint {
  /// The encoder or the decoder.
  fileprivate static func fairseq(
    _ config: Configuration, _ side: String, tokens: [String], vocabulary: Int, causal: Bool, _ choices: FairseqChoices
  ) throws(Failure) -> StackBlueprint {
    let width = try config.size("d_model")
    let layers = try FixedArray(try config.layers("\(side)_layers"), for: LayerBlueprint.purpose) {
      (index) throws(Failure) -> LayerBlueprint in
      try .fairseq(config, side, "\(side).layers.\(index)", width: width, causal: causal, choices)
    }
    return StackBlueprint(
      width: width, vocabulary: vocabulary, causal: causal,
      embedding: EmbeddingBlueprint(
        tokens: tokens,
        scale: try config.boolean("scale_embedding", default: choices.scalesEmbedding)
          ? Float(width).squareRoot() : 1,
        positions: try choices.positions(config, "\(side).embed_positions.weight"),
        norm: choices.embeddingNorm ? NormBlueprint(name: "\(side).layernorm_embedding", epsilon: 1e-5) : nil),
      layers: layers, finalNorm: choices.finalNorm ? NormBlueprint(name: "\(side).layer_norm", epsilon: 1e-5) : nil)
  }
}

extension LayerBlueprint {
  /// A layer with the names that BART gave them; `side` is "encoder" or "decoder".
  static func fairseq(
    _ config: Configuration, _ side: String, _ name: String, width: Int, causal: Bool, _ choices: FairseqChoices
  ) throws(Failure) -> LayerBlueprint {
    func norms(_ suffix: String) -> ResidualNorms {
      let norm = NormBlueprint(name: "\(name).\(suffix)", epsilon: 1e-5)
      return choices.isPreNorm ? ResidualNorms(pre: norm) : ResidualNorms(post: norm)
    }
    let heads = try config.divisor("\(side)_attention_heads", of: width, "d_model")
    func attention(_ suffix: String, causal: Bool) -> AttentionBlueprint {
      func projection(_ part: String, from inputs: Int? = nil, hasBias: Bool = true) -> LinearBlueprint {
        LinearBlueprint(
          name: "\(name).\(suffix).\(part)", outputs: width, inputs: inputs ?? width, bias: hasBias ? .own : .none)
      }
      let source = suffix == "encoder_attn" ? choices.sourceWidth : nil
      return AttentionBlueprint(
        options: AttentionOptions(heads: heads, headDim: width / heads, causal: causal), query: projection("q_proj"),
        key: projection("k_proj", from: source, hasBias: choices.keyBias), value: projection("v_proj", from: source),
        output: projection("out_proj"))
    }
    let feedForwardWidth = try config.size("\(side)_ffn_dim")
    return LayerBlueprint(
      attention: attention("self_attn", causal: causal), attentionNorms: norms("self_attn_layer_norm"),
      crossAttention: causal ? attention("encoder_attn", causal: false) : nil,
      crossAttentionNorms: causal ? norms("encoder_attn_layer_norm") : ResidualNorms(),
      feedForward: FeedForwardBlueprint(
        up: LinearBlueprint(name: "\(name).fc1", outputs: feedForwardWidth, inputs: width),
        down: LinearBlueprint(name: "\(name).fc2", outputs: width, inputs: feedForwardWidth),
        activation: try config.activation("activation_function", default: choices.activation)),
      feedForwardNorms: norms("final_layer_norm"))
  }
}
