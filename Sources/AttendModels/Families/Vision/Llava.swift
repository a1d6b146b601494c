import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// LLaVA 1.5 (Liu et al. 2023, arXiv:2310.03744): the states of a tower that sees, through two products, in the place
/// of tokens of a decoder. LLaVA 1.6 (Liu et al. 2024, "LLaVA-NeXT"): a picture, then its tiles, whose states lie side
/// by side in lines with a vector at the end of each.
enum Llava: Family {
  static let modelTypes = ["llava", "llava_next"]
  static let capabilities = Capabilities(kinds: [.decoder], heads: [.conditionalGeneration])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    var model = try SeeingDecoder(
      config, modelType: modelType,
      tower: try Registry.part(try config.tower("vision_config"), default: "clip_vision_model"),
      text: try Registry.part(try config.tower("text_config"), default: "llama"), placeholder: 32000)
    let stateWidth = model.eyes.stack.width, width = try model.width(config)
    let dropped = try model.eyes.cut(at: try config.number("vision_feature_layer", default: -2), config)
    let strategy = try config.string("vision_feature_select_strategy", default: "default")
    guard ["default", "full"].contains(strategy) else {
      throw config.invalid("vision_feature_select_strategy", "is \"\(strategy)\", expected default or full")
    }
    let hasBias: LinearBlueprint.Bias = try config.boolean("multimodal_projector_bias", default: true) ? .own : .none
    func linear(_ name: String, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: width, inputs: inputs, bias: hasBias)
    }
    model.eyes.connector = ConnectorBlueprint(
      skipped: strategy == "default" ? 1 : 0, prefixes: ["model.multi_modal_projector.", "multi_modal_projector."],
      steps: [
        .linear(linear("linear_1", stateWidth), try config.activation("projector_hidden_act", default: "gelu")),
        .linear(linear("linear_2", width), .none),
      ])
    if modelType == "llava_next" {
      model.eyes.connector?.lineEnd = "image_newline"
      // Sizes that the processor fits pictures into; the tiles tell which it was.
      config.understand("image_grid_pinpoints", "use_image_newline_parameter")
    }
    model.ignored += dropped.map { "encoder.layers.\($0).*" } + ["post_layernorm.*", "head.*"]
    config.understand("image_seq_length")
    return try model.blueprint(config)
  }
}
