import AttendBase
import AttendCheckpoints
import AttendLayers

/// Gemma (Gemma Team 2024, arXiv:2403.08295): Llama with gains stored less 1, embeddings times √width and a GELU gate.
/// Gemma 2 (arXiv:2408.00118): norms on both sides of each sub-layer, soft caps, every other layer with a sliding
/// window. Gemma 3 (2025, arXiv:2503.19786): norms on queries and keys in place of the caps, five layers of six with a
/// window and a rotary embedding of their own.
enum Gemma: Family {
  static let modelTypes = ["gemma", "gemma2", "gemma3_text"]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    choices.norm = .rms(offset: 1)
    choices.isTied = true
    choices.headDim = 256
    choices.embeddingScale = Float(try config.size("hidden_size")).squareRoot()
    try choices.readAttentionBias(config)
    // Early configurations of Gemma say "gelu" and mean the approximation.
    choices.activationKey = config.holds("hidden_activation") ? "hidden_activation" : "hidden_act"
    choices.activation = "gelu_pytorch_tanh"
    choices.readsGeluAsTanh = true
    try config.require("use_bidirectional_attention", false)
    if modelType != "gemma" { try choices.useGemma2(config) }
    if modelType == "gemma3_text" { try choices.useGemma3(config) }
    return try .llamaLine(config, modelType: modelType, choices)
  }
}

extension LlamaChoices {
  fileprivate mutating func useGemma2(_ config: Configuration) throws(Failure) {
    names.attentionWithin = "post_attention_layernorm"
    names.feedForwardBefore = "pre_feedforward_layernorm"
    names.feedForwardWithin = "post_feedforward_layernorm"
    attentionScale = 1 / Float(try config.number("query_pre_attn_scalar", default: 256)).squareRoot()
    attentionCap = try cap(config, "attn_logit_softcapping")
    logitCap = try cap(config, "final_logit_softcapping")
    let types = try config.layerTypes(config.layers("num_hidden_layers")) {
      $0.isMultiple(of: 2) ? "sliding_attention" : "full_attention"
    }
    let size = try config.optionalSize("sliding_window") ?? 4096
    window = { types[$0] == "sliding_attention" ? size : 0 }
  }

  fileprivate mutating func useGemma3(_ config: Configuration) throws(Failure) {
    queryKeyNorm = .eachHead
    let pattern = try config.size("sliding_window_pattern", "_sliding_window_pattern", default: 6)
    let types = try config.layerTypes(config.layers("num_hidden_layers")) {
      ($0 + 1) % pattern == 0 ? "full_attention" : "sliding_attention"
    }
    let size = try config.optionalSize("sliding_window") ?? 4096
    window = { types[$0] == "sliding_attention" ? size : 0 }
    // The layers with a window keep the wavelengths of short texts, whatever is done to the others.
    let local = RotaryDefaults(thetaKey: "rope_local_base_freq", readsScaling: false)
    let global = RotaryDefaults(theta: 1_000_000)
    rotaryOfLayer = { (layer, headDim) throws(Failure) in
      try config.rotary(headDim: headDim, layerType: types[layer], types[layer] == "sliding_attention" ? local : global)
    }
  }

  /// A soft cap; null: none.
  private func cap(_ config: Configuration, _ key: String) throws(Failure) -> Float {
    let value = try config.optionalNumber(key) ?? 0
    guard value >= 0 else { throw config.invalid(key, "is \(value); it must be positive") }
    return Float(value)
  }
}
