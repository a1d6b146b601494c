import AttendBase
import AttendCheckpoints
import AttendLayers

/// StableLM (Bellagente et al. 2024, arXiv:2402.17834): Llama with layer norms and a quarter of each head rotated; in
/// the 12B size attention and feed-forward network side by side and a norm for each head of queries and keys.
enum StableLM: Family {
  static let modelTypes = ["stablelm"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    choices.useLayerNorms(epsilonKey: "layer_norm_eps")
    choices.inputBias = try config.boolean("use_qkv_bias", default: false)
    choices.rotary.shareKey = "partial_rotary_factor"
    choices.rotary.share = 0.25
    choices.isParallel = try config.boolean("use_parallel_residual", default: false)
    if choices.isParallel { choices.names.feedForwardBefore = nil }
    if try config.boolean("qk_layernorm", default: false) {
      choices.queryKeyNorm = .eachHeadByItself
      choices.names.queryNorm = "self_attn.q_layernorm.norms"
      choices.names.keyNorm = "self_attn.k_layernorm.norms"
    }
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}
