import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Llama 3.2 with its tower (Grattafiori et al. 2024, arXiv:2407.21783, section 7): pictures in tiles, the states of
/// inner layers of the tower beside the last, and gated layers in a Llama that look at them by cross-attention.
enum Mllama: Family {
  static let modelTypes = ["mllama"]
  static let capabilities = Capabilities(kinds: [.decoder], heads: [.conditionalGeneration])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let text = try config.tower("text_config")
    let placeholder = try config.integer("image_token_index", "image_token_id", default: 128_256)
    let (writer, head) = try decoder(text, config)
    var eyes = try Tower(try config.tower("vision_config")).blueprint()
    eyes.connector?.steps = [
      .linear(
        LinearBlueprint(
          name: "multi_modal_projector", outputs: writer.width,
          inputs: eyes.stack.width * (1 + (eyes.stack.taps?.layers.count ?? 0))), .none)
    ]
    let textPrefixes = ["model.language_model.", "language_model.model."]
    return Blueprint(
      family: modelType, prefixes: [""],
      towers: [eyes, TowerBlueprint(role: .decoder, stack: writer, prefixes: textPrefixes)], head: head,
      placeholder: Int32(clamping: placeholder), sight: .run,
      ignored: textPrefixes.flatMap { ["\($0)rotary_emb.inv_freq", "\($0)layers.#.self_attn.rotary_emb.inv_freq"] })
  }

  private static func decoder(
    _ text: Configuration, _ config: Configuration
  ) throws(Failure) -> (StackBlueprint, HeadBlueprint?) {
    text.useStandards(of: "mllama_text_model")
    var choices = LlamaChoices()
    (choices.epsilon, choices.rotary.theta) = (1e-5, 500_000)
    var plain = try Blueprint.llamaLine(text, modelType: "mllama_text_model", choices, task: .nextToken)
    guard var writer = plain.decoder, let attention = writer.firstAttention,
      case .dense(let network) = writer.layers[0].feedForward, let norm = writer.layers[0].attentionNorms.pre
    else { throw Failure(.internalError, "a Llama without layers") }
    let looking = try text.optionalIntegers("cross_attention_layers") ?? [3, 8, 13, 18, 23, 28, 33, 38]
    let gated = GatedCrossAttention(
      width: writer.width, sourceWidth: writer.width, options: attention.options,
      feedForwardWidth: network.up.outputs, activation: network.activation, norm: norm,
      names: GatedCrossAttention.Names(
        queryNorm: "cross_attn.q_norm", keyNorm: "cross_attn.k_norm", attentionGate: "cross_attn_attn_gate",
        networkGate: "cross_attn_mlp_gate"), passesUnseeing: true)
    let layers = writer.layers
    guard let last = looking.max(), last < layers.count, looking.count < layers.count else {
      throw text.invalid("cross_attention_layers", "is \(looking), and there are \(layers.count) layers")
    }
    writer.layers = try FixedArray(layers.count, for: LayerBlueprint.purpose) { (index) in
      looking.contains(index) ? gated.layer("layers.\(index)") : layers[index]
    }
    // Ids behind the vocabulary, that for pictures among them, are read and never written.
    let (more, overflow) = writer.vocabulary.addingReportingOverflow(8)
    guard !overflow else { throw text.invalid("vocab_size", "is \(writer.vocabulary)") }
    (writer.vocabulary, writer.statedPositions) = (more, text.statedPositions)
    try UnreadKeys(text, plain).check()
    plain.head?.prefixes = ["", "language_model."]
    return (writer, plain.head)
  }

  /// The encoder of pictures.
  private struct Tower {
    var layers: PreNormLayers
    let depth: Int
    let globalDepth: Int
    let taps: [Int]
    let sizes: TileEmbedding.Sizes

    init(_ config: Configuration) throws(Failure) {
      config.keyAliases = ["num_attention_heads": "attention_heads"]
      let width = try config.size("hidden_size", default: 1280)
      let layer = "transformer.layers.#"
      layers = PreNormLayers(
        width: width, heads: try config.divisor("num_attention_heads", of: width, "hidden_size", default: 16),
        feedForwardWidth: try config.size("intermediate_size", default: 5120),
        activation: try config.activation("hidden_act", default: "gelu"),
        epsilon: Float(try config.number("norm_eps", default: 1e-5)), names: Tower.names(layer))
      (layers.biases.input, layers.biases.output) = (false, false)
      layers.staysInBlocks = { _ in true }
      depth = try config.layers("num_hidden_layers", default: 32)
      globalDepth = try config.layers("num_global_layers", default: 8)
      let taps = try config.optionalIntegers("intermediate_layers_indices") ?? [3, 7, 15, 23, 30]
      for index in taps where index >= depth {
        throw config.invalid("intermediate_layers_indices", "names layer \(index) of \(depth)")
      }
      self.taps = taps
      sizes = try Tower.sizes(config)
      let (outputs, overflow) = width.multipliedReportingOverflow(by: 1 + taps.count)
      let stated = try config.size("vision_output_dim", default: 7680)
      guard !overflow, stated == outputs else {
        throw config.invalid("vision_output_dim", "is \(stated), and \(1 + taps.count) states have \(width) each")
      }
    }

    private static func names(_ layer: String) -> PreNormLayers.Names {
      PreNormLayers.Names(
        query: "\(layer).self_attn.q_proj", key: "\(layer).self_attn.k_proj", value: "\(layer).self_attn.v_proj",
        output: "\(layer).self_attn.o_proj", attentionNorm: "\(layer).input_layernorm", up: "\(layer).mlp.fc1",
        down: "\(layer).mlp.fc2", feedForwardNorm: "\(layer).post_attention_layernorm")
    }

    private static func sizes(_ config: Configuration) throws(Failure) -> TileEmbedding.Sizes {
      let side = try config.size("image_size", default: 448), patch = try config.size("patch_size", default: 14)
      let tiles = try config.size("max_num_tiles", default: 4), channels = try config.size("num_channels", default: 3)
      guard side <= 1 << 14, patch <= side, tiles <= 1 << 10, channels <= 64 else {
        throw config.invalid("image_size", "and its like make tiles that are not plausible")
      }
      let arrangements = try config.optional(
        ["supported_aspect_ratios"], "a list of rows and columns of at most \(tiles) tiles"
      ) { (json) -> [PatchGrid]? in
        Configuration.list(json) { (pair) in
          guard let sides = Configuration.list(pair, \.int), sides.count == 2,
            sides.allSatisfy({ (1...tiles).contains($0) }), sides[0] * sides[1] <= tiles
          else { return nil }
          return PatchGrid(rows: sides[0], columns: sides[1])
        }
      }
      let usual = [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (3, 1), (4, 1)].map(PatchGrid.init)
      return TileEmbedding.Sizes(
        channels: channels, tile: side, patch: patch, tiles: tiles, arrangements: arrangements ?? usual)
    }

    func blueprint() throws(Failure) -> TowerBlueprint {
      var projection = LinearBlueprint(
        name: "patch_embedding", outputs: layers.width, inputs: sizes.channels * sizes.patch * sizes.patch, bias: .none)
      projection.kernel = (sizes.patch, sizes.patch)
      func norm(_ name: String) -> NormBlueprint { NormBlueprint(name: name, epsilon: 1e-5) }
      func vectors(_ name: String) -> (table: String, gate: String) { ("\(name).embedding.weight", "\(name).gate") }
      let places = "gated_positional_embedding"
      let tiles = TilesBlueprint(
        projection: projection, sizes: sizes, classVector: "class_embedding", positions: "\(places).embedding",
        tilePositions: "\(places).tile_embedding.weight", positionGate: "\(places).gate",
        before: vectors("pre_tile_positional_embedding"), behind: vectors("post_tile_positional_embedding"),
        norm: norm("layernorm_pre"))
      var global = layers
      global.names = Tower.names("global_transformer.layers.#")
      global.gates = ("global_transformer.layers.#.gate_attn", "global_transformer.layers.#.gate_ffn")
      var stack = StackBlueprint(
        width: layers.width, input: .tiles(tiles),
        layers: try FixedArray(depth + globalDepth, for: LayerBlueprint.purpose) { (index) in
          index < depth ? layers.layer(index) : global.layer(index - depth)
        })
      stack.taps = TapsBlueprint(layers: taps, takesTurns: true, middle: (depth - 1, norm("layernorm_post")))
      return TowerBlueprint(
        role: .vision, stack: stack, prefixes: ["model.vision_model.", "vision_model."],
        connector: ConnectorBlueprint(skippedAtEnd: sizes.fillings, prefixes: ["model.", ""], steps: []))
    }
  }
}
