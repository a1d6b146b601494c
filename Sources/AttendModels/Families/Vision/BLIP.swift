import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// BLIP (Li et al. 2022, arXiv:2201.12086): an encoder of pictures, by itself or before a decoder with the layers of
/// BERT that writes captions; or before an encoder of texts that looks at a picture, which tells how well the two
/// match, or reads a question whose answer the decoder writes.
enum BLIP: Family {
  static let modelTypes = ["blip", "blip_vision_model"]
  static let capabilities = Capabilities(
    kinds: [.encoderDecoder, .encoder], heads: [.conditionalGeneration, .questionAnswering, .sequenceClassification])
  static let headNames = ["BlipForImageTextRetrieval": HeadTask.sequenceClassification]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let task = try headTask(config)
    if modelType == "blip_vision_model" {
      let choices = try vision(config)
      return Blueprint(
        family: modelType, prefixes: ["vision_model.", ""], towers: [.encoder(try choices.stack())],
        pooler: HeadBlueprint(pooling: .firstToken, norm: choices.layers.norm("post_layernorm"), output: .none),
        ignored: [])
    }
    let choices = try vision(try config.tower("vision_config")), text = try config.tower("text_config")
    switch task {
    case .conditionalGeneration: break
    case .questionAnswering, .sequenceClassification:
      return try besideText(config, text, choices, answers: task == .questionAnswering)
    default:
      throw Failure(
        .unsupported,
        "\(config.path): a BLIP that writes nothing and matches nothing (BlipModel) is not implemented")
    }
    var reader = TowerBlueprint.encoder(try choices.stack())
    reader.prefixes = ["vision_model."]
    let (writer, head) = try decoder(text, sourceWidth: choices.width)
    config.understand("projection_dim", "image_text_hidden_size", "logit_scale_init_value", "tie_word_embeddings")
    let separator = try text.integer("sep_token_id", default: 102)
    var captions = Blueprint(
      family: modelType, prefixes: [""],
      towers: [reader, TowerBlueprint(role: .decoder, stack: writer, prefixes: ["text_decoder.bert."])], head: head,
      ignored: [
        "text_decoder.cls.predictions.decoder.weight", "text_decoder.cls.predictions.decoder.bias",
        "text_decoder.bert.embeddings.position_ids",
      ])
    captions.endToken = separator
    return captions
  }

  /// A text beside a picture: its match, or the answer to it.
  private static func besideText(
    _ config: Configuration, _ text: Configuration, _ choices: VisionChoices, answers: Bool
  ) throws(Failure) -> Blueprint {
    var eyes = TowerBlueprint.encoder(try choices.stack())
    (eyes.role, eyes.prefixes) = (.vision, ["vision_model."])
    let (reader, _) = try decoder(text, sourceWidth: choices.width, causal: false)
    let encoder = TowerBlueprint(role: .encoder, stack: reader, prefixes: ["text_encoder."])
    config.understand("projection_dim", "image_text_hidden_size", "logit_scale_init_value", "tie_word_embeddings")
    let tables = ["text_encoder.embeddings.position_ids", "text_decoder.bert.embeddings.position_ids"]
    guard answers else {
      let match = LinearBlueprint(name: "itm_head", outputs: 2, inputs: reader.width)
      return Blueprint(
        family: "blip", prefixes: ["text_encoder."], towers: [eyes, encoder],
        head: HeadBlueprint(pooling: .firstToken, output: .linear(match)),
        ignored: tables + ["vision_proj.*", "text_proj.*"])
    }
    let (writer, head) = try decoder(text, sourceWidth: reader.width)
    var model = Blueprint(
      family: "blip", prefixes: ["text_encoder."],
      towers: [eyes, encoder, TowerBlueprint(role: .decoder, stack: writer, prefixes: ["text_decoder.bert."])],
      head: head,
      ignored: tables + [
        "text_decoder.cls.predictions.decoder.weight", "text_decoder.cls.predictions.decoder.bias",
      ])
    model.startToken = try text.integer("bos_token_id", default: 30522)
    model.endToken = try text.integer("sep_token_id", default: 102)
    return model
  }

  private static func vision(_ config: Configuration) throws(Failure) -> VisionChoices {
    var names = VisionChoices.Names.clip
    (names.classTokens, names.finalNorm) = (["embeddings.class_embedding"], "post_layernorm")
    names.positions = "embeddings.position_embedding"
    var layers = PreNormLayers.Names.clip
    (layers.input, layers.output) = ("encoder.layers.#.self_attn.qkv", "encoder.layers.#.self_attn.projection")
    return try VisionChoices(config, names: names, layers: layers, epsilon: 1e-5)
  }

  /// The layers of BERT, where it is causal each token seeing those before it, with cross-attention to a source of
  /// `sourceWidth`.
  private static func decoder(
    _ config: Configuration, sourceWidth: Int, causal: Bool = true
  ) throws(Failure) -> (StackBlueprint, HeadBlueprint) {
    let width = try config.size("hidden_size", default: 768)
    let epsilon = Float(try config.number("layer_norm_eps", default: 1e-12))
    let activation = try config.activation("hidden_act", default: "gelu")
    let vocabulary = try config.size("vocab_size", default: 30524)
    let stated = try config.size("encoder_hidden_size", default: sourceWidth)
    guard stated == sourceWidth else {
      throw config.invalid("encoder_hidden_size", "is \(stated), and the states of the source have \(sourceWidth)")
    }
    let layer = "encoder.layer.#"
    var choices = BertChoices(
      prefix: "", width: width, layers: try config.layers("num_hidden_layers", default: 12),
      heads: try config.divisor("num_attention_heads", of: width, "hidden_size", default: 8),
      feedForwardWidth: try config.size("intermediate_size", default: 3072), activation: activation, epsilon: epsilon,
      embedding: EmbeddingBlueprint(
        tokens: ["embeddings.word_embeddings.weight"],
        positions: .learned(
          name: "embeddings.position_embeddings.weight",
          count: try config.size("max_position_embeddings", default: 512), offset: 0),
        norm: NormBlueprint(name: "embeddings.LayerNorm", epsilon: epsilon)),
      names: .bert(layer), vocabulary: vocabulary)
    choices.causal = causal
    choices.source = BertChoices.Source(width: sourceWidth, name: "\(layer).crossattention")
    let words = "text_decoder.cls.predictions"
    let dense = LinearBlueprint(name: "\(words).transform.dense", outputs: width, inputs: width)
    let head = HeadBlueprint(
      pooling: .nextToken,
      layers: [(dense, activation, NormBlueprint(name: "\(words).transform.LayerNorm", epsilon: epsilon))],
      output: .tied(bias: "\(words).bias"))
    config.understand("projection_dim", "is_decoder", "tie_word_embeddings", "label_smoothing")
    return (try .bertLine(choices), head)
  }
}
