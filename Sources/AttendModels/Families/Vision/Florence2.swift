import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Florence-2 (Xiao et al. 2023, arXiv:2311.06242): the states of a DaViT (Ding et al. 2022, arXiv:2204.03645), behind
/// their mean, in the place of tokens of the encoder of a BART.
enum Florence2: Family {
  static let modelTypes = ["florence2"]
  static let capabilities = Capabilities(kinds: [.encoderDecoder], heads: [.conditionalGeneration])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let textConfig = try config.tower("text_config"), visionConfig = try config.tower("vision_config")
    let text = try Registry.part(textConfig, default: "bart")
    guard let reader = text.encoder, let writer = text.decoder, let head = text.head, reader.width == writer.width
    else {
      throw textConfig.invalid("model_type", "describes no encoder-decoder that tells the next token")
    }
    let choices = try Choices(visionConfig)
    let width = choices.widths[choices.widths.count - 1]
    let eyes = TowerBlueprint(
      role: .vision, stack: try StackBlueprint(width: width, pyramid: choices.pyramid()),
      prefixes: ["model.vision_tower."],
      connector: try connector(visionConfig, stateWidth: width, width: reader.width))
    let prefixes = ["model.language_model."]
    config.understand("vocab_size", "pad_token_id", "is_encoder_decoder", "tie_word_embeddings", "projection_dim")
    return Blueprint(
      family: modelType, prefixes: prefixes,
      towers: [
        eyes, TowerBlueprint(role: .encoder, stack: reader, prefixes: prefixes),
        TowerBlueprint(role: .decoder, stack: writer, prefixes: prefixes),
      ], head: head,
      placeholder: Int32(clamping: try config.integer("image_token_id", "image_token_index", default: 51_289)),
      markup: .tasks, ignored: text.ignored)
  }

  private static func connector(
    _ config: Configuration, stateWidth: Int, width: Int
  ) throws(Failure) -> ConnectorBlueprint {
    let count = try config.size("max_position_embeddings", default: 50)
    let outputs = try config.size("projection_dim", default: 1024)
    guard count <= 1 << 16 else {
      throw config.invalid("max_position_embeddings", "is \(count), which is not plausible")
    }
    guard outputs == width else {
      throw config.invalid("projection_dim", "is \(outputs), and the encoder of texts has width \(width)")
    }
    config.understand("max_temporal_embeddings")
    return ConnectorBlueprint(
      prefixes: ["model.multi_modal_projector."],
      steps: [
        .places(
          count: count, rows: "image_position_embed.row_embeddings.weight",
          columns: "image_position_embed.column_embeddings.weight", all: "visual_temporal_embed.pos_idx_to_embed"),
        .mean,
        .linear(
          LinearBlueprint(name: "image_projection", outputs: outputs, inputs: stateWidth, bias: .none), .none),
        .norm(NormBlueprint(name: "image_proj_norm", epsilon: 1e-5)),
      ])
  }

  /// The sizes of a DaViT, of each stage.
  private struct Choices {
    let channels: Int
    let widths: [Int]
    let depths: [Int]
    let heads: [Int]
    let groups: [Int]
    let kernels: [Int]
    let steps: [Int]
    let paddings: [Int]
    let normsBefore: [Bool]
    let window: Int
    let ratio: Double
    let activation: Activation
    let hasBias: Bool

    init(_ config: Configuration) throws(Failure) {
      channels = try config.size("in_channels", default: 3)
      widths = try config.optionalIntegers("embed_dim") ?? [128, 256, 512, 1024]
      depths = try config.optionalIntegers("depths") ?? [1, 1, 9, 1]
      heads = try config.optionalIntegers("num_heads") ?? [4, 8, 16, 32]
      groups = try config.optionalIntegers("num_groups") ?? [4, 8, 16, 32]
      kernels = try config.optionalIntegers("patch_size") ?? [7, 3, 3, 3]
      steps = try config.optionalIntegers("patch_stride") ?? [4, 2, 2, 2]
      paddings = try config.optionalIntegers("patch_padding") ?? [3, 1, 1, 1]
      normsBefore = try config.optionalBooleans("patch_prenorm") ?? [false, true, true, true]
      window = try config.size("window_size", default: 12)
      ratio = try config.number("mlp_ratio", default: 4)
      activation = try config.activation("activation_function", default: "gelu")
      hasBias = try config.boolean("qkv_bias", default: true)
      let counts = [depths, heads, groups, kernels, steps, paddings].map(\.count) + [normsBefore.count]
      guard (1...8).contains(widths.count), counts.allSatisfy({ $0 == widths.count }) else {
        throw config.invalid("embed_dim", "and its like should be lists of one length, from 1 to 8")
      }
      for stage in widths.indices {
        let width = widths[stage]
        guard (1...1 << 16).contains(width), (1...1000).contains(depths[stage]), (1...64).contains(kernels[stage]),
          (1...64).contains(steps[stage]), paddings[stage] < kernels[stage]
        else { throw config.invalid("embed_dim", "and its like make a stage \(stage) that is not plausible") }
        guard heads[stage] > 0, groups[stage] > 0, width % heads[stage] == 0, width % groups[stage] == 0 else {
          throw config.invalid("num_heads", "and num_groups should divide embed_dim, \(width), in stage \(stage)")
        }
      }
      guard channels <= 64, window <= 256, ratio >= 1, ratio <= 64, !normsBefore[0] else {
        throw config.invalid("window_size", "and its like make layers that are not plausible")
      }
    }

    func pyramid() throws(Failure) -> PyramidBlueprint {
      PyramidBlueprint(
        channels: channels,
        stages: try FixedArray(widths.count, for: LayerBlueprint.purpose) { (stage) throws(Failure) in
          PyramidStageBlueprint(
            entry: entry(stage),
            blocks: try FixedArray(2 * depths[stage], for: LayerBlueprint.purpose) { index in
              block(stage, index / 2, mixesChannels: index % 2 == 1)
            })
        })
    }

    private func entry(_ stage: Int) -> MapEntryBlueprint {
      let inputs = stage == 0 ? channels : widths[stage - 1], side = kernels[stage]
      var projection = LinearBlueprint(
        name: "convs.\(stage).conv", outputs: widths[stage], inputs: inputs * side * side)
      projection.kernel = (side, side)
      let norm = NormBlueprint(name: "convs.\(stage).norm", epsilon: 1e-5)
      return MapEntryBlueprint(
        part: MapEntry.Part(
          height: side, width: side, steps: (steps[stage], steps[stage]), padding: paddings[stage]),
        projection: projection, mapNorm: normsBefore[stage] ? norm : nil, stateNorm: normsBefore[stage] ? nil : norm)
    }

    private func block(_ stage: Int, _ index: Int, mixesChannels: Bool) -> PyramidBlockBlueprint {
      let width = widths[stage], inner = Int(Double(width) * ratio)
      let name = "blocks.\(stage).\(index).\(mixesChannels ? "channel" : "spatial")_block"
      let attention = "\(name).\(mixesChannels ? "channel" : "window")_attn"
      let (query, key, value) = LinearBlueprint(
        name: "\(attention).qkv", outputs: 3 * width, inputs: width, bias: hasBias ? .own : .none
      ).inThirds()
      func norms(_ part: String) -> ResidualNorms {
        ResidualNorms(pre: NormBlueprint(name: "\(name).\(part)", epsilon: 1e-5))
      }
      return PyramidBlockBlueprint(
        mixer: mixesChannels
          ? .channels(groups: groups[stage])
          : .window(
            WindowBlueprint(heads: heads[stage], side: window, shift: 0, bias: .none, fillsSmallMaps: true)),
        query: query, key: key, value: value,
        output: LinearBlueprint(name: "\(attention).proj", outputs: width, inputs: width), mixerNorms: norms("norm1"),
        network: FeedForwardNetworkBlueprint(
          up: LinearBlueprint(name: "\(name).ffn.fc1", outputs: inner, inputs: width),
          down: LinearBlueprint(name: "\(name).ffn.fc2", outputs: width, inputs: inner), activation: activation),
        networkNorms: norms("norm2"), convolutions: ("\(name).conv1", "\(name).conv2"))
    }
  }
}
