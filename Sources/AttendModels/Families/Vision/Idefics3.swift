import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Idefics3 (Laurençon et al. 2024, arXiv:2408.12637) and SmolVLM (Marafioti et al. 2025, arXiv:2504.05299): the states
/// of squares of patches of a SigLIP, joined and projected, in the place of tokens of a Llama. A picture comes as
/// several tiles.
enum Idefics3: Family {
  static let modelTypes = ["idefics3", "smolvlm"]
  static let capabilities = Capabilities(kinds: [.decoder], heads: [.conditionalGeneration])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let vision = try config.tower("vision_config")
    vision.settle("use_vision_head")
    var model = try SeeingDecoder(
      config, modelType: modelType, tower: try Registry.part(vision, as: "siglip_vision_model"),
      text: try Registry.part(try config.tower("text_config"), default: "llama"), placeholder: 128_257)
    (model.eyes.prefixes, model.textPrefixes) = (["model.vision_model."], ["model.text_model."])
    if case .patches(var patches) = model.eyes.stack.input {
      patches.interpolates = false
      model.eyes.stack.input = .patches(patches)
    }
    let side = try config.size("scale_factor", default: 2), stateWidth = model.eyes.stack.width
    guard side <= 64 else { throw config.invalid("scale_factor", "is \(side); more than 64 is not plausible") }
    model.eyes.connector = ConnectorBlueprint(
      prefixes: ["model.connector."],
      steps: [
        .group(.join(side: side)),
        .linear(
          LinearBlueprint(
            name: "modality_projection.proj", outputs: try model.width(config), inputs: side * side * stateWidth,
            bias: .none), .none),
      ])
    model.markup = .tiled
    return try model.blueprint(config)
  }
}
