import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Gemma (Gemma Team 2024, arXiv:2403.08295): Llama with gains stored less 1, embeddings times √width and a GELU gate.
/// Gemma 2 (arXiv:2408.00118): norms on both sides of each sub-layer, soft caps, every other layer with a sliding
/// window. Gemma 3 (2025, arXiv:2503.19786): norms on queries and keys in place of the caps, five layers of six with a
/// window and a rotary embedding of their own.
enum Gemma: Family {
  static let modelTypes = ["gemma", "gemma2", "gemma3_text"]
  static let capabilities = Capabilities(
    kinds: [.decoder, .encoder], heads: [.nextToken, .sequenceClassification, .tokenClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    choices.norm = .rms(offset: 1)
    choices.isTied = true
    choices.padding = 0
    choices.headDim = 256
    choices.embeddingScale = Float(try config.size("hidden_size")).squareRoot()
    try choices.readAttentionBias(config)
    choices.activation = "gelu_pytorch_tanh"
    if modelType == "gemma" {
      // Early configurations say "gelu" and mean the approximation.
      choices.readsGeluAsTanh = true
      config.understand("hidden_activation")
    } else {
      choices.activationKey = "hidden_activation"
    }
    if modelType != "gemma3_text" { try config.require("use_bidirectional_attention", false) }
    if modelType != "gemma" { try choices.useGemma2Norms(config) }
    if modelType == "gemma2" { try choices.useGemma2(config) }
    if modelType == "gemma3_text" { try choices.useGemma3(config) }
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}

extension LlamaChoices {
  /// The norms and scale that Gemma 2 and 3 share.
  fileprivate mutating func useGemma2Norms(_ config: Configuration) throws(Failure) {
    names.attentionWithin = "post_attention_layernorm"
    names.feedForwardBefore = "pre_feedforward_layernorm"
    names.feedForwardWithin = "post_feedforward_layernorm"
    attentionScale = 1 / Float(try config.number("query_pre_attn_scalar", default: 256)).squareRoot()
  }

  fileprivate mutating func useGemma2(_ config: Configuration) throws(Failure) {
    attentionCap = try cap(config, "attn_logit_softcapping", default: 50)
    logitCap = try cap(config, "final_logit_softcapping", default: 30)
    let types = try config.layerTypes(config.layers("num_hidden_layers")) {
      $0.isMultiple(of: 2) ? "sliding_attention" : "full_attention"
    }
    let size = try config.optionalSize("sliding_window") ?? 4096
    window = { types[$0] == "sliding_attention" ? size : 0 }
  }

  fileprivate mutating func useGemma3(_ config: Configuration) throws(Failure) {
    queryKeyNorm = .eachHead
    logitCap = try cap(config, "final_logit_softcapping", default: 0)
    // Keys that are written, and that nothing computes by.
    config.understand("attn_logit_softcapping", "_sliding_window_pattern")
    // EmbeddingGemma (Schechter Vera et al. 2025, arXiv:2509.20354): windows reach to both sides, half as far.
    isCausal = try !config.boolean("use_bidirectional_attention", default: false)
    let pattern = try config.size("sliding_window_pattern", default: 6)
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

  /// A soft cap; null: none; `standard` without the key.
  private func cap(_ config: Configuration, _ key: String, default standard: Double) throws(Failure) -> Float {
    let value = config.json[key] == nil ? standard : try config.optionalNumber(key) ?? 0
    guard value >= 0 else { throw config.invalid(key, "is \(value); it must be positive") }
    return Float(value)
  }
}
