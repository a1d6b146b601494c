import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// gpt-oss (OpenAI 2025, arXiv:2508.10925): a mixture of experts in each layer, every other layer with a sliding
/// window, sinks for each head, and gates that are clamped. Experts may be stored in 4 bits, MXFP4.
enum GptOss: Family {
  static let modelTypes = ["gpt_oss"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try refuseWhatIsFixed(config)
    var choices = LlamaChoices()
    choices.epsilon = 1e-5
    // null leaves it to be concluded; only a key that is not there means 64.
    choices.headDim = config.json["head_dim"] == nil ? 64 : nil
    choices.inputBias = try config.boolean("attention_bias", default: true)
    choices.outputBias = choices.inputBias
    choices.sinks = "self_attn.sinks"
    choices.rotary.theta = 150_000
    let window = try config.optionalSize("sliding_window") ?? 128
    let types = try config.layerTypes(config.layers("num_hidden_layers")) {
      $0.isMultiple(of: 2) ? "sliding_attention" : "full_attention"
    }
    choices.window = { types[$0] == "sliding_attention" ? window : 0 }
    let sizes = ExpertSizes(
      count: try config.size("num_local_experts", "num_experts", default: 128), width: try config.size("hidden_size"),
      expertWidth: try config.size("intermediate_size"), activation: .clampedSwiglu)
    let topK = try config.chosenExperts(of: sizes.count, default: 4)
    choices.feedForward = { (_, layer) in
      .mixture(
        MixtureBlueprint(
          sizes: sizes,
          layouts: [
            .init(
              router: sizes.router("\(layer).mlp.router", bias: .own), experts: "\(layer).mlp.experts",
              storage: .fusedInTurns),
            .init(
              router: sizes.router("\(layer).mlp.router", bias: .own), experts: "\(layer).mlp.experts",
              storage: .stacked),
          ], topK: topK, weights: .softmaxOverTopK))
    }
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }

  /// Keys that change the arithmetic and that have one value in every model of the family.
  private static func refuseWhatIsFixed(_ config: Configuration) throws(Failure) {
    for (key, implemented) in [("swiglu_limit", 7.0), ("swiglu_alpha", 1.702)] {
      let value = try config.number(key, default: implemented)
      guard value == implemented else {
        throw Failure(.unsupported, "\(config.path): \(key) \(value) is not implemented; \(implemented) is")
      }
    }
    if let method = try config.child("quantization_config")?.string("quant_method"), method != "mxfp4" {
      throw Failure(
        .unsupported, "\(config.path): quantization_config.quant_method \"\(method)\" is not implemented; \"mxfp4\" is")
    }
    guard config.holds("rope_parameters") || config.holds("rope_scaling") else {
      throw config.invalid("rope_scaling", "is missing, and so is rope_parameters")
    }
  }
}
