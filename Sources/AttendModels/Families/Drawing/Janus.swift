import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Janus (Wu et al. 2024, arXiv:2410.13848) and Janus-Pro (Chen et al. 2025, arXiv:2501.17811): a Llama that reads the
/// states of a SigLIP, through an aligner, in the place of tokens, and writes pictures as tokens of a VQGAN, which have
/// vectors and a head of their own.
enum Janus: Family {
  static let modelTypes = ["janus"]
  static let capabilities = Capabilities(kinds: [.decoder], heads: [.conditionalGeneration])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let vision = try config.tower("vision_config")
    var tower = try JanusTower(vision)
    var model = try SeeingDecoder(
      config, modelType: modelType, tower: try tower.blueprint(),
      text: try Registry.part(try config.tower("text_config"), default: "llama"), placeholder: 100_581)
    model.eyes.prefixes = ["model.vision_model."]
    model.textPrefixes = ["model.language_model."]
    let width = try model.width(config)
    model.eyes.connector = ConnectorBlueprint(
      prefixes: ["model.aligner."],
      steps: try aligner(
        vision, inputs: tower.choices.width, layers: try vision.size("depth", default: 2), width: width))
    try checkProjection(vision, width)
    var blueprint = try model.blueprint(config)
    blueprint.drawing = try drawing(config, vision, width: width)
    blueprint.ignored += ["model.vqmodel.encoder.*", "model.vqmodel.quant_conv.*"]
    return blueprint
  }

  /// Products with the activation between them, the first named fc1.
  private static func aligner(
    _ config: Configuration, inputs: Int, layers: Int, width: Int
  ) throws(Failure) -> [ConnectorBlueprint.Step] {
    let activation = try config.activation("hidden_act", default: "gelu")
    guard layers <= 64 else { throw config.invalid("depth", "is \(layers); more than 64 layers are not plausible") }
    return (0..<layers).map { index in
      let name = index == 0 ? "fc1" : "hidden_layers.\(index - 1)"
      return .linear(
        LinearBlueprint(name: name, outputs: width, inputs: index == 0 ? inputs : width),
        index + 1 < layers ? activation : .none)
    }
  }

  private static func checkProjection(_ config: Configuration, _ width: Int) throws(Failure) {
    let projection = try config.size("projection_dim", default: 2048)
    guard projection == width else {
      throw config.invalid("projection_dim", "is \(projection), and the decoder is \(width) wide")
    }
  }

  private static func drawing(
    _ config: Configuration, _ vision: Configuration, width: Int
  ) throws(Failure) -> DrawingBlueprint {
    let picture = try config.tower("vq_config")
    try checkProjection(picture, width)
    let embedding = try picture.size("embed_dim", default: 8),
      codes = try picture.size("num_embeddings", default: 16384)
    let hidden = try picture.size("image_token_embed_dim", default: 2048)
    guard hidden == width else {
      throw picture.invalid("image_token_embed_dim", "is \(hidden), and the decoder is \(width) wide")
    }
    let layers = try picture.size("num_hidden_layers", default: 2)
    let activation = try picture.activation("hidden_act", default: "gelu")
    picture.understand(
      "latent_channels", "in_channels", "base_channels", "channel_multiplier", "num_res_blocks", "num_patches",
      "out_channels", "double_latent", "dropout")
    let head = HeadBlueprint(
      pooling: .nextToken,
      layers: [
        (LinearBlueprint(name: "model.generation_head.proj_out", outputs: width, inputs: width), activation, nil)
      ],
      output: .linear(
        LinearBlueprint(name: "model.generation_head.vision_head", outputs: codes, inputs: width)))
    return DrawingBlueprint(
      count: try vision.size("num_image_tokens", default: 576), preparation: .none, conditionScale: 5,
      writer: .of(
        PictureWriterBlueprint(
          codes: "model.generation_embeddings.weight", count: codes, width: embedding,
          aligner: try aligner(picture, inputs: embedding, layers: layers, width: width),
          alignerPrefix: "model.generation_aligner.",
          head: head, painter: "model.vqmodel.")))
  }
}

/// The tower of Janus: a SigLIP without a head, whose attention ends in `projection_layer`.
private struct JanusTower {
  var choices: VisionChoices

  init(_ config: Configuration) throws(Failure) {
    var names = PreNormLayers.Names.clip
    names.output = "encoder.layers.#.self_attn.projection_layer"
    var tower = VisionChoices.Names.clip
    tower.finalNorm = "post_layernorm"
    choices = try VisionChoices(config, names: tower, layers: names, epsilon: 1e-6)
    let ratio = try config.number("mlp_ratio", default: 4)
    guard ratio > 0, ratio <= 64 else { throw config.invalid("mlp_ratio", "is \(ratio), expected a number up to 64") }
    choices.layers.feedForwardWidth = Int(Double(choices.width) * ratio)
    choices.layers.biases.input = try config.boolean("attention_bias", default: true)
    try config.require("use_qk_norm", false)
    config.understand(
      "attention_dropout", "hidden_dropout_rate", "projection_dropout", "initializer_range", "num_image_tokens")
  }

  func blueprint() throws(Failure) -> Blueprint {
    Blueprint(
      family: "janus_vision_model", prefixes: [""], towers: [.encoder(try choices.stack())], ignored: [])
  }
}
