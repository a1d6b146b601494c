import AttendBase
import AttendCheckpoints
import AttendLayers

/// Qwen's mixtures of experts: Qwen2-MoE (Yang et al. 2024, arXiv:2407.10671) with a network that every token uses
/// beside its experts, and Qwen3-MoE (Yang et al. 2025, arXiv:2505.09388) without.
enum QwenMixtures: Family {
  static let modelTypes = ["qwen2_moe", "qwen3_moe"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    if modelType == "qwen2_moe" { try choices.useQwen2Mixture(config) } else { try choices.useQwen3Mixture(config) }
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}

extension LlamaChoices {
  fileprivate mutating func useQwen2Mixture(_ config: Configuration) throws(Failure) {
    inputBias = try config.boolean("qkv_bias", default: true)
    let isUsed = try config.boolean("use_sliding_window", default: false)
    let size = try config.optionalInteger("sliding_window") ?? 4096
    let last = try config.integer("max_window_layers", default: 28)
    let types = try config.layerTypes(config.layers("num_hidden_layers")) { layer in
      isUsed && layer < last && layer.isMultiple(of: 2) ? "sliding_attention" : "full_attention"
    }
    window = { isUsed && types[$0] == "sliding_attention" ? size : 0 }
    try useQwenExperts(
      config, count: 60, topK: 4, expertWidth: 1408,
      sharedWidth: config.size("shared_expert_intermediate_size", default: 5632))
  }

  fileprivate mutating func useQwen3Mixture(_ config: Configuration) throws(Failure) {
    try useQwen3Attention(config)
    headDim = nil
    let isUsed = try config.boolean("use_sliding_window", default: false)
    let size = try config.optionalInteger("sliding_window") ?? 4096
    window = { _ in isUsed ? size : 0 }
    try useQwenExperts(config, count: 128, topK: 8, expertWidth: 768, sharedWidth: nil)
  }

  /// Experts in every layer, or in every `decoder_sparse_step`-th, but for those of `mlp_only_layers`. The numbers are
  /// those of configurations that leave them out.
  private mutating func useQwenExperts(
    _ config: Configuration, count: Int, topK: Int, expertWidth: Int, sharedWidth: Int?
  ) throws(Failure) {
    let sizes = ExpertSizes(
      count: try config.size("num_experts", "num_local_experts", default: count), width: try config.size("hidden_size"),
      expertWidth: try config.size("moe_intermediate_size", default: expertWidth),
      activation: try config.activation("hidden_act", default: "silu"))
    let topK = try config.chosenExperts(of: sizes.count, default: topK)
    let weights =
      try config.boolean("norm_topk_prob", default: false) ? Router.Weights.softmaxOverTopK : .softmaxOverAll
    let step = try config.size("decoder_sparse_step", default: 1)
    let dense = try config.optionalIntegers("mlp_only_layers") ?? []
    feedForward = { (index, layer) in
      guard (index + 1).isMultiple(of: step), !dense.contains(index) else { return nil }
      let (router, experts) = (sizes.router("\(layer).mlp.gate"), "\(layer).mlp.experts")
      return .mixture(
        MixtureBlueprint(
          sizes: sizes,
          layouts: [
            .init(
              router: router, experts: experts,
              storage: .separate(gate: "gate_proj", up: "up_proj", down: "down_proj")),
            .init(router: router, experts: experts, storage: .fused),
          ], topK: topK, weights: weights,
          shared: sharedWidth.map { (sharedWidth) in
            let network = FeedForwardNetworkBlueprint.gated(
              "\(layer).mlp.shared_expert", gate: "gate_proj", up: "up_proj", down: "down_proj", width: sizes.width,
              feedForwardWidth: sharedWidth, activation: sizes.activation)
            return (
              network,
              LinearBlueprint(name: "\(layer).mlp.shared_expert_gate", outputs: 1, inputs: sizes.width, bias: .none)
            )
          }))
    }
  }
}
