import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// T5 (Raffel et al. 2019, arXiv:1910.10683) and what keeps its names: T5 1.1, FLAN-T5, UL2, MADLAD; mT5 (Xue et al.
/// 2020, arXiv:2010.11934); umT5 (Chung et al. 2023, arXiv:2304.09151). Norms without mean before each sub-layer,
/// scores that are not scaled, no biases but those of distances.
enum T5: Family {
  static let modelTypes = ["t5", "mt5", "umt5"]
  static let capabilities = Capabilities(
    kinds: [.encoderDecoder, .encoder],
    heads: [.conditionalGeneration, .sequenceClassification, .tokenClassification, .questionAnswering])
  static let keyAliases = [
    "d_model": "hidden_size", "num_heads": "num_attention_heads", "num_layers": "num_hidden_layers", "d_kv": "head_dim",
  ]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try config.require("is_decoder", false)
    let line = try T5Line(config, modelType)
    let task = try headTask(config)
    let classifies = task == .tokenClassification
    let isEncoder = try config.optionalStrings("architectures")?.first?.hasSuffix("EncoderModel") ?? false
    let decodes = try config.boolean("is_encoder_decoder", default: true)
    let rereading = try HeadBlueprint.ofRereading(
      task, config, width: line.width, vocabulary: line.vocabulary, end: 1)
    let readsOnly = classifies || isEncoder || !decodes && rereading == nil
    var head = rereading
    if classifies {
      head = HeadBlueprint(
        output: .linear(LinearBlueprint(name: "classifier", outputs: try config.labels(), inputs: line.width)))
    } else if !readsOnly, rereading == nil {
      let output = LinearBlueprint(name: "lm_head", outputs: line.vocabulary, inputs: line.width, bias: .none)
      head = HeadBlueprint(
        pooling: .nextToken, output: .ownOrTied(output),
        scale: try scalesLogits(config, modelType) ? 1 / Float(line.width).squareRoot() : 1)
    }
    var towers = [
      TowerBlueprint.encoder(try line.stack("encoder", layers: try config.layers("num_layers"), causal: false))
    ]
    let depth = config.holds("num_decoder_layers") ? "num_decoder_layers" : "num_layers"
    if !readsOnly {
      towers.append(.decoder(try line.stack("decoder", layers: try config.layers(depth), causal: true)))
    }
    return Blueprint(
      family: modelType, prefixes: ["", "transformer."], towers: towers, head: head,
      shift: rereading == nil
        ? nil : .behind(try config.token("decoder_start_token_id", default: 0, vocabulary: line.vocabulary)),
      ignored: [
        "shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
        "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
      ] + (readsOnly ? decoderTensors : rereading != nil ? ["lm_head.weight"] : []))
  }

  /// Tensors that the encoder alone leaves unread.
  private static let decoderTensors = ["decoder.*", "lm_head.weight"]

  /// The encoder alone, as `T5EncoderModel` is (Ni et al. 2021, arXiv:2108.08877).
  static func ofEmbeddings(_ blueprint: Blueprint) -> Blueprint {
    var blueprint = blueprint
    blueprint.towers.removeAll { $0.role == .decoder }
    (blueprint.head, blueprint.shift) = (nil, nil)
    blueprint.ignored += decoderTensors
    return blueprint
  }

  /// Whether the decoder's states are multiplied by 1 / √width before the token table makes logits of them, as the
  /// first T5 did and its successors, whose table for logits is one of its own, do not. Today's configurations say so
  /// themselves, null meaning no, those of before by `tie_word_embeddings`.
  private static func scalesLogits(_ config: Configuration, _ modelType: String) throws(Failure) -> Bool {
    let tied = try config.boolean("tie_word_embeddings", default: true)
    let isNull = config.json["scale_decoder_outputs"]?.isNull ?? false
    let scales = try config.boolean("scale_decoder_outputs", default: isNull ? false : tied)
    return modelType != "mt5" && scales
  }
}

/// The sizes of such a model, and its stacks.
private struct T5Line {
  let width: Int
  let vocabulary: Int
  private let heads: Int
  private let headDim: Int
  private let feedForwardWidth: Int
  private let epsilon: Float
  private let gated: Bool
  private let activation: Activation
  private let buckets: (both: RelativeBuckets, back: RelativeBuckets)
  /// Every layer has a table of biases; otherwise all use that of the first.
  private let ownBiases: Bool

  init(_ config: Configuration, _ modelType: String) throws(Failure) {
    width = try config.size("d_model", "hidden_size")
    vocabulary = try config.size("vocab_size")
    heads = try config.size("num_heads", "num_attention_heads")
    headDim = try config.size("d_kv", "head_dim", default: 64)
    feedForwardWidth = try config.size("d_ff")
    epsilon = Float(try config.number("layer_norm_epsilon", default: 1e-6))
    ownBiases = modelType == "umt5"
    let projection = try config.string("feed_forward_proj", default: modelType == "t5" ? "relu" : "gated-gelu")
    let words = projection.split(separator: "-", omittingEmptySubsequences: false).map { String($0) }
    guard words.count == 1 || words.count == 2 && words[0] == "gated" else {
      throw config.invalid(
        "feed_forward_proj", "is \"\(projection)\"; it must be the name of an activation, or \"gated-\" before one")
    }
    gated = try config.boolean("is_gated_act", default: words.count == 2)
    activation = try config.activation(
      "dense_act_fn", default: projection == "gated-gelu" ? "gelu_new" : words[words.count - 1])
    buckets = (try config.relativeBuckets(bidirectional: true), try config.relativeBuckets(bidirectional: false))
  }

  /// The encoder or the decoder.
  func stack(_ side: String, layers: Int, causal: Bool) throws(Failure) -> StackBlueprint {
    StackBlueprint(
      width: width, vocabulary: vocabulary, causal: causal,
      embedding: EmbeddingBlueprint(tokens: [
        "shared.weight", "\(side).embed_tokens.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
      ]), layers: try FixedArray(layers, for: LayerBlueprint.purpose) { layer(side, $0, causal: causal) },
      finalNorm: norm("\(side).final_layer_norm"))
  }

  private func norm(_ name: String) -> NormBlueprint {
    NormBlueprint(name: name, kind: .rms(offset: 0), epsilon: epsilon, hasBias: false)
  }

  private func layer(_ side: String, _ index: Int, causal: Bool) -> LayerBlueprint {
    func norms(_ part: Int) -> ResidualNorms {
      ResidualNorms(pre: norm("\(side).block.\(index).layer.\(part).layer_norm"))
    }
    let table = "\(side).block.\(ownBiases ? index : 0).layer.0.SelfAttention.relative_attention_bias.weight"
    var own = attention("\(side).block.\(index).layer.0.SelfAttention", causal: causal)
    own.bias = .relative(name: table, causal ? buckets.back : buckets.both)
    let last = causal ? 2 : 1
    return LayerBlueprint(
      attention: own, attentionNorms: norms(0),
      crossAttention: causal ? attention("\(side).block.\(index).layer.1.EncDecAttention", causal: false) : nil,
      crossAttentionNorms: causal ? norms(1) : ResidualNorms(),
      feedForward: feedForward("\(side).block.\(index).layer.\(last).DenseReluDense"), feedForwardNorms: norms(last))
  }

  private func attention(_ name: String, causal: Bool) -> AttentionBlueprint {
    let headsWidth = heads * headDim
    func projection(_ part: String) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: headsWidth, inputs: width, bias: .none)
    }
    return AttentionBlueprint(
      options: AttentionOptions(heads: heads, headDim: headDim, scale: 1, causal: causal), query: projection("q"),
      key: projection("k"), value: projection("v"),
      output: LinearBlueprint(name: "\(name).o", outputs: width, inputs: headsWidth, bias: .none))
  }

  private func feedForward(_ name: String) -> FeedForwardBlueprint {
    func linear(_ part: String) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: feedForwardWidth, inputs: width, bias: .none)
    }
    return FeedForwardBlueprint(
      gate: gated ? linear("wi_0") : nil, up: linear(gated ? "wi_1" : "wi"),
      down: LinearBlueprint(name: "\(name).wo", outputs: width, inputs: feedForwardWidth, bias: .none),
      activation: activation)
  }
}
