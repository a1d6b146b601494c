import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// LLaVA 1.5 (Liu et al. 2023, arXiv:2310.03744): the states of a tower that sees, through two products, in the place
/// of tokens of a decoder.
enum Llava: Family {
  static let modelTypes = ["llava"]
  static let capabilities = Capabilities(kinds: [.decoder], heads: [.conditionalGeneration])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let vision = try config.tower("vision_config"), text = try config.tower("text_config")
    var eyes = try Registry.part(vision, default: "clip_vision_model").towers[0]
    let stateWidth = eyes.stack.width
    let dropped = try eyes.cut(at: try config.number("vision_feature_layer", default: -2), config)
    let decoder = try Registry.part(text, default: "llama")
    guard let writer = decoder.decoder, var head = decoder.head else {
      throw config.invalid("text_config", "describes no decoder that tells the next token")
    }
    eyes.role = .vision
    eyes.prefixes = [
      "model.vision_tower.", "vision_tower.", "model.vision_tower.vision_model.", "vision_tower.vision_model.",
    ]
    let strategy = try config.string("vision_feature_select_strategy", default: "default")
    guard ["default", "full"].contains(strategy) else {
      throw config.invalid("vision_feature_select_strategy", "is \"\(strategy)\", expected default or full")
    }
    let hasBias: LinearBlueprint.Bias = try config.boolean("multimodal_projector_bias", default: true) ? .own : .none
    func linear(_ name: String, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: writer.width, inputs: inputs, bias: hasBias)
    }
    eyes.connector = ConnectorBlueprint(
      skipped: strategy == "default" ? 1 : 0, prefixes: ["model.multi_modal_projector.", "multi_modal_projector."],
      steps: [
        .linear(linear("linear_1", stateWidth), try config.activation("projector_hidden_act", default: "gelu")),
        .linear(linear("linear_2", writer.width), .none),
      ])
    head.prefixes = ["", "language_model."]
    let unread = dropped.map { "encoder.layers.\($0).*" } + ["post_layernorm.*", "head.*", "embeddings.position_ids"]
    let writerPrefixes = ["model.language_model.", "language_model.model."]
    config.understand("image_seq_length", "vocab_size", "pad_token_id")
    return Blueprint(
      family: modelType, prefixes: [""],
      towers: [
        eyes,
        TowerBlueprint(
          role: .decoder, stack: writer, prefixes: writerPrefixes),
      ], head: head,
      placeholder: Int32(
        try config.integer("image_token_index", "image_token_id", default: 32000)),
      ignored: (eyes.prefixes ?? []).flatMap { prefix in unread.map { prefix + $0 } }
        + writerPrefixes.flatMap { prefix in decoder.ignored.map { prefix + $0 } })
  }
}

extension TowerBlueprint {
  /// Leaves out the layers behind the states that are wanted, numbered as transformers' `hidden_states`: 0 is what goes
  /// into the first layer, -1 what comes out of the last, before any norm at the end.
  /// Returns the numbers of the layers that are left out.
  mutating func cut(at place: Double, _ config: Configuration) throws(Failure) -> Range<Int> {
    let count = stack.layers.count
    guard let wanted = Int(exactly: place < 0 ? Double(count) + 1 + place : place), (0...count).contains(wanted) else {
      throw config.invalid("vision_feature_layer", "is \(place), and the tower has \(count) layers")
    }
    let all = stack.layers
    stack.layers = try FixedArray(wanted, for: LayerBlueprint.purpose) { all[$0] }
    (stack.finalNorm, embedding) = (nil, nil)
    return wanted..<count
  }
}
