import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Idefics2 (Laurençon et al. 2024, arXiv:2405.02246): the states of a SigLIP for pictures of any size, resampled to a
/// few, in the place of tokens of a Mistral.
enum Idefics2: Family {
  static let modelTypes = ["idefics2"]
  static let capabilities = Capabilities(kinds: [.decoder], heads: [.conditionalGeneration])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let text = try config.tower("text_config"), vision = try config.tower("vision_config")
    vision.standards = ["patch_size": 32]
    var model = try SeeingDecoder(
      config, modelType: modelType, tower: try Registry.part(vision, as: "siglip_vision_model"),
      text: try Registry.part(text, default: "mistral"), placeholder: 32001)
    (model.eyes.prefixes, model.textPrefixes) = (["model.vision_model."], ["model.text_model."])
    if case .patches(var patches) = model.eyes.stack.input {
      patches.filter = .nearest
      model.eyes.stack.input = .patches(patches)
    }
    let width = try model.width(config)
    let network = FeedForwardNetworkBlueprint.gated(
      "modality_projection", gate: "gate_proj", up: "up_proj", down: "down_proj", width: model.eyes.stack.width,
      outputs: width, feedForwardWidth: try text.size("intermediate_size"),
      activation: try text.activation("hidden_act", default: "silu"))
    model.eyes.connector = ConnectorBlueprint(
      prefixes: ["model.connector."], steps: [.network(network), .resample(try resampler(config, text, width: width))])
    model.ignored.append("head.*")
    // Around pictures stands the id before theirs.
    model.markup = .fenced(model.placeholder - 1)
    return try model.blueprint(config)
  }

  private static func resampler(
    _ config: Configuration, _ text: Configuration, width: Int
  ) throws(Failure) -> ResamplerBlueprint {
    let options = try config.tower("perceiver_config")
    options.understand("model_type", "attention_dropout")
    let count = try options.size("resampler_n_latents", default: 64)
    let heads = try options.heads("resampler_n_heads", default: 16)
    let shared = try options.size("num_key_value_heads", default: 4)
    let headDim = try options.size("resampler_head_dim", default: 96)
    guard count <= 1 << 20, headDim <= 1 << 16 else {
      throw options.invalid("resampler_n_latents", "and resampler_head_dim are not plausible")
    }
    guard heads.isMultiple(of: shared) else {
      throw options.invalid("num_key_value_heads", "is \(shared), which does not divide resampler_n_heads \(heads)")
    }
    // A file that states another width states none: then both are those of the text.
    let isStated = try options.size("hidden_size", default: 4096) == width
    let own = try options.number("rms_norm_eps", default: 1e-6)
    let epsilon = Float(isStated ? own : try text.number("rms_norm_eps", default: 1e-6))
    let activation = try options.activation("hidden_act", default: "silu")
    func norm(_ name: String) -> NormBlueprint {
      NormBlueprint(name: name, kind: .rms(offset: 0), epsilon: epsilon, hasBias: false)
    }
    func linear(_ name: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: outputs, inputs: inputs, bias: .none)
    }
    let attention = AttentionOptions(heads: heads, keyValueHeads: shared, headDim: headDim, causal: false)
    let depth = try options.layers("resampler_depth", default: 3), parts = "perceiver_resampler"
    return ResamplerBlueprint(
      latents: ("\(parts).latents", count), width: width, options: attention,
      layers: try FixedArray(depth, for: LayerBlueprint.purpose) { (index) -> ResamplerBlueprint.Layer in
        let name = "\(parts).layers.\(index)"
        return ResamplerBlueprint.Layer(
          contextNorm: norm("\(name).input_context_norm"), latentsNorm: norm("\(name).input_latents_norm"),
          attention: AttentionBlueprint(
            options: attention, query: linear("\(name).self_attn.q_proj", attention.queryWidth, width),
            key: linear("\(name).self_attn.k_proj", attention.keyValueWidth, width),
            value: linear("\(name).self_attn.v_proj", attention.keyValueWidth, width),
            output: linear("\(name).self_attn.o_proj", width, attention.queryWidth)),
          networkNorm: norm("\(name).post_attention_layernorm"),
          network: .gated(
            "\(name).mlp", gate: "gate_proj", up: "up_proj", down: "down_proj", width: width,
            feedForwardWidth: 4 * width, activation: activation))
      }, norm: norm("\(parts).norm"))
  }
}
