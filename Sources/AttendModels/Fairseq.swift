import AttendBase
import AttendCheckpoints
import AttendLayers

/// What the encoder-decoders that came out of fairseq and Marian differ in. They share their configuration keys and tensor names.
struct FairseqChoices {
  var placement: NormPlacement
  var activation: String
  var scalesEmbedding: Bool
  /// Given `max_position_embeddings`.
  var positions: (Int) -> PositionBlueprint
  /// A norm after the embedding.
  var embeddingNorm: Bool
  /// A norm after the last layer.
  var finalNorm: Bool
  /// A bias on the logits, `final_logits_bias`.
  var logitsBias: Bool
}

extension Blueprint {
  /// An encoder-decoder of that line, from its configuration and the choices of its family.
  static func fairseq(_ config: Configuration, modelType: String, _ choices: FairseqChoices) throws(Failure) -> Blueprint {
    try refuseOtherChoices(config, modelType, choices)
    let width = try config.size("d_model", "hidden_size")
    let vocabulary = try config.size("vocab_size")
    let tied = try config.boolean("tie_word_embeddings", default: true)
    let shared = try config.boolean("share_encoder_decoder_embeddings", default: true)

    func stack(_ side: String, vocabulary: Int, causal: Bool) throws(Failure) -> StackBlueprint {
      let heads = try config.size("\(side)_attention_heads")
      guard width % heads == 0 else {
        throw Failure(.invalidFile, "\(config.path): d_model \(width) is not a multiple of \(side)_attention_heads \(heads)")
      }
      let own = "\(side).embed_tokens.weight"
      return StackBlueprint(
        layers: try config.size("\(side)_layers"), width: width, heads: heads, keyValueHeads: heads, headDim: width / heads,
        innerWidth: try config.size("\(side)_ffn_dim"),
        activation: try Activation(name: config.string("activation_function", default: choices.activation), config),
        placement: choices.placement, epsilon: 1e-5, causal: causal, vocabulary: vocabulary,
        embeddingScale: try config.boolean("scale_embedding", default: choices.scalesEmbedding) ? Float(width).squareRoot() : 1,
        positions: choices.positions(try config.size("max_position_embeddings")),
        names: .fairseq(
          side, tokens: tied && shared ? ["shared.weight", own] : [own, "shared.weight"], crossAttention: causal, choices))
    }

    return Blueprint(
      family: modelType, kind: .encoderDecoder, prefixes: ["model.", ""],
      encoder: try stack("encoder", vocabulary: vocabulary, causal: false),
      decoder: try stack("decoder", vocabulary: shared ? vocabulary : try config.size("decoder_vocab_size", default: vocabulary), causal: true),
      head: HeadBlueprint(weights: tied ? nil : "lm_head.weight", bias: choices.logitsBias ? "final_logits_bias" : nil),
      ignored: [
        "lm_head.weight", "shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "encoder.version", "decoder.version",
        "encoder.embed_positions.weights", "decoder.embed_positions.weights",
        "encoder.embed_positions._float_tensor", "decoder.embed_positions._float_tensor",
      ])
  }

  /// Configurations of 2020 spell out what later became fixed for each family: they must agree with it.
  private static func refuseOtherChoices(_ config: Configuration, _ modelType: String, _ choices: FairseqChoices) throws(Failure) {
    for (key, expected) in [
      ("normalize_before", choices.placement == .pre), ("normalize_embedding", choices.embeddingNorm),
      ("add_final_layer_norm", choices.finalNorm), ("add_bias_logits", false),
    ] {
      let value = try config.boolean(key, default: expected)
      guard value == expected else {
        throw Failure(.unsupported, "\(config.path): \(key) = \(value) is not implemented for model_type \"\(modelType)\"")
      }
    }
  }
}

extension StackNames {
  /// Names as BART has them; `side` is "encoder" or "decoder".
  fileprivate static func fairseq(_ side: String, tokens: [String], crossAttention: Bool, _ choices: FairseqChoices) -> StackNames {
    StackNames(
      tokens: tokens, positions: "\(side).embed_positions.weight",
      embeddingNorm: choices.embeddingNorm ? "\(side).layernorm_embedding" : nil,
      finalNorm: choices.finalNorm ? "\(side).layer_norm" : nil,
      selfAttention: .fairseq("\(side).layers.#.self_attn"), selfAttentionNorm: "\(side).layers.#.self_attn_layer_norm",
      crossAttention: crossAttention ? .fairseq("\(side).layers.#.encoder_attn") : nil,
      crossAttentionNorm: crossAttention ? "\(side).layers.#.encoder_attn_layer_norm" : nil,
      inner: "\(side).layers.#.fc1", outer: "\(side).layers.#.fc2", feedForwardNorm: "\(side).layers.#.final_layer_norm")
  }
}

extension AttentionNames {
  fileprivate static func fairseq(_ name: String) -> AttentionNames {
    AttentionNames(query: "\(name).q_proj", key: "\(name).k_proj", value: "\(name).v_proj", output: "\(name).out_proj")
  }
}
