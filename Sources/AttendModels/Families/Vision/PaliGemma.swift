import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// PaliGemma (Beyer et al. 2024, arXiv:2407.07726) and PaliGemma 2 (Steiner et al. 2024, arXiv:2412.03555): the states
/// of SigLIP, through one product, before the text of a Gemma that reads its whole prompt in both directions.
enum PaliGemma: Family {
  static let modelTypes = ["paligemma"]
  static let capabilities = Capabilities(kinds: [.decoder], heads: [.conditionalGeneration])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let text = try config.tower("text_config")
    // Says that prompts are read in both directions; a text without pictures is read as by any Gemma.
    text.settle("use_bidirectional_attention")
    var model = try SeeingDecoder(
      config, modelType: modelType,
      tower: try Registry.part(try config.tower("vision_config"), default: "siglip_vision_model"),
      text: try Registry.part(text, default: "gemma"), placeholder: 256000)
    let width = try model.width(config)
    (model.readingBothWays, model.markup) = (.prompts, .leading)
    model.eyes.connector = ConnectorBlueprint(
      prefixes: ["model.multi_modal_projector.", "multi_modal_projector."],
      steps: [
        .linear(LinearBlueprint(name: "linear", outputs: width, inputs: model.eyes.stack.width), .none)
      ])
    model.ignored.append("head.*")
    config.understand("hidden_size", "projection_dim", "ignore_index")
    return try model.blueprint(config)
  }
}

/// Gemma 3 with its tower (Gemma Team 2025, arXiv:2503.19786, section 2.1): the states of SigLIP, the means of squares
/// of them, and a product in the place of tokens. Tokens of one picture see each other.
enum Gemma3: Family {
  static let modelTypes = ["gemma3"]
  static let capabilities = Capabilities(kinds: [.decoder], heads: [.conditionalGeneration])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let vision = try config.tower("vision_config")
    var model = try SeeingDecoder(
      config, modelType: modelType, tower: try Registry.part(vision, default: "siglip_vision_model"),
      text: try Registry.part(try config.tower("text_config"), default: "gemma3_text"), placeholder: 262_144)
    let width = try model.width(config), stateWidth = model.eyes.stack.width
    guard case .patches(var patches) = model.eyes.stack.input, let places = patches.positions else {
      throw config.invalid("vision_config", "describes no tower with a table of places")
    }
    patches.interpolates = false
    model.eyes.stack.input = .patches(patches)
    let count = try config.size("mm_tokens_per_image", default: 256)
    let side = Int(Double(count).squareRoot())
    guard side * side == count, places.rows == places.columns, places.rows % side == 0 else {
      throw config.invalid(
        "mm_tokens_per_image", "is \(count), and the tower has \(places.rows) x \(places.columns) patches")
    }
    var projection = LinearBlueprint(name: "mm_input_projection", outputs: width, inputs: stateWidth, bias: .none)
    (projection.separator, projection.isTransposed) = ("_", true)
    let epsilon = Float(try vision.number("layer_norm_eps", default: 1e-6))
    model.readingBothWays = .pictures
    model.eyes.connector = ConnectorBlueprint(
      prefixes: ["model.multi_modal_projector.", "multi_modal_projector."],
      steps: [
        .group(.mean(side: places.rows / side)),
        .norm(NormBlueprint(name: "mm_soft_emb_norm", kind: .rms(offset: 1), epsilon: epsilon, hasBias: false)),
        .linear(projection, .none),
      ])
    model.ignored.append("head.*")
    model.markup = .enclosed(
      begin: Int32(clamping: try config.integer("boi_token_index", "boi_token_id", default: 255_999)),
      end: Int32(clamping: try config.integer("eoi_token_index", "eoi_token_id", default: 256_000)))
    return try model.blueprint(config)
  }
}
