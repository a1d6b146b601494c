import AttendBase
import AttendCheckpoints
import AttendLayers

/// Phi-1, 1.5 and 2 (Gunasekar et al. 2023, arXiv:2306.11644; Li et al. 2023, arXiv:2309.05463): attention and
/// feed-forward network side by side, reading one norm, with biases everywhere and a part of each head rotated.
enum Phi: Family {
  static let modelTypes = ["phi"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    choices.useLayerNorms(epsilonKey: "layer_norm_eps")
    choices.isParallel = true
    choices.inputBias = true
    choices.outputBias = true
    choices.upBias = true
    choices.logitBias = true
    choices.activation = "gelu_new"
    choices.rotary.shareKey = "partial_rotary_factor"
    choices.rotary.share = 0.5
    choices.names.finalNorm = "final_layernorm"
    choices.names.output = "self_attn.dense"
    choices.names.gate = nil
    choices.names.up = "mlp.fc1"
    choices.names.down = "mlp.fc2"
    choices.names.feedForwardBefore = nil
    if try config.boolean("qk_layernorm", default: false) {
      choices.queryKeyNorm = .eachHead
      choices.queryKeyNormHasBias = true
      choices.names.queryNorm = "self_attn.q_layernorm"
      choices.names.keyNorm = "self_attn.k_layernorm"
    }
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}
