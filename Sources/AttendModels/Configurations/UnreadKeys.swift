import AttendBase
import AttendCheckpoints
import AttendLayers

/// Keys of config.json that change what a model computes and that its family did not read: an error that names key and
/// value, unless the value changes nothing. A key that does not stand here passes, since anybody may leave a note in a
/// configuration; so do those that only say how a model is trained, how much memory it may take or how it generates.
/// What changes the names or shapes of tensors is noticed besides when these are read.
struct UnreadKeys {
  let config: Configuration
  let blueprint: Blueprint

  init(_ config: Configuration, _ blueprint: Blueprint) {
    self.config = config
    self.blueprint = blueprint
  }

  /// Throws `unsupported` for the first key that would change what is computed.
  func check() throws(Failure) {
    try config.forEachUnread { (key, value) throws(Failure) in
      guard !value.isNull, let key = key.string else { return }
      if key == "quantization_config" || key == "compression_config" {
        _ = try QuantizationMethod(value)
        return
      }
      guard let neutral = UnreadKeys.table[key], !isNeutral(value, key, neutral) else { return }
      throw Failure(
        .unsupported,
        "\(config.path): \(key) = \(value.excerpt) is not implemented for model_type \"\(blueprint.family)\"")
    }
  }

  // MARK: What changes nothing

  /// Values of a key that change nothing; null is always one of them.
  private enum Neutral {
    /// false, 0, an empty list, object or text, "none"
    case off
    /// true
    case on
    case one
    /// 0 or 1
    case few
    case texts([String])
    /// The number of the heads of keys and values.
    case keyValueHeads
    /// The components of a head.
    case headDim
    /// A window that is switched off, or that no text exceeds.
    case window
    /// A list of "full_attention" only.
    case fullAttention
    /// Rotary positions that are not stretched, where there are rotary positions.
    case plainRotary
    /// Truth of what the products of attention have.
    case biases
    /// true, but in an encoder.
    case generating
    /// true in an encoder-decoder.
    case crossing
    /// true in a decoder.
    case causal
    /// Any, if another key that says the same was read.
    case alias([String])
    /// The same for that of norms; otherwise the one that they have.
    case epsilon
    /// The kind of norm that the layers have.
    case normKind
    /// An object of adapters without an adapter.
    case noAdapters
  }

  private func isNeutral(_ value: JSON, _ key: String, _ neutral: Neutral) -> Bool {
    let attention = blueprint.last?.firstAttention
    switch neutral {
    case .off: return isOff(value)
    case .on: return value.bool == true
    case .one: return value.double == 1
    case .few: return isOff(value) || value.double == 1
    case .texts(let texts): return texts.contains(value.string ?? "") || isOff(value)
    case .keyValueHeads: return value.int == attention?.options.keyValueHeads
    case .headDim: return value.double == attention.map { Double($0.options.headDim) }
    case .window: return isOff(value) || config.json["use_sliding_window"]?.bool == false || isBeyondTheLongest(value)
    case .fullAttention: return value.elements.allSatisfy { $0.string == "full_attention" || $0.string == "attention" }
    case .plainRotary:
      let type = (value["rope_type"] ?? value["type"])?.string ?? "default"
      return value.kind == .object && type == "default"
    case .biases:
      if let bias = attention?.query.bias, case .none = bias { return isOff(value) }
      return true
    case .generating: return isOff(value) || blueprint.kind != .encoder
    case .crossing: return isOff(value) || blueprint.kind == .encoderDecoder
    case .causal: return value.bool == (blueprint.kind != .encoder) || blueprint.kind == .encoderDecoder
    case .alias(let others): return isRead(others)
    case .epsilon: return isRead(UnreadKeys.epsilons) || value.double.map { Float($0) } == norm?.epsilon
    case .normKind: return (value.string ?? "").lowercased().hasPrefix("rms") == hasRootMeanSquares
    case .noAdapters: return isOff(value) || isOff(value["adapters"] ?? value)
    }
  }

  private func isOff(_ value: JSON) -> Bool {
    switch value.kind {
    case .array, .object: value.count == 0
    case .string: ["", "none", "no"].contains(value.string)
    default: value.isNull || value.bool == false || value.double == 0
    }
  }

  private func isBeyondTheLongest(_ window: JSON) -> Bool {
    guard let window = window.int, let longest = config.json["max_position_embeddings"]?.int else { return false }
    return window >= longest
  }

  /// Whether the configuration holds one of these keys and the family read it.
  private func isRead(_ keys: [String]) -> Bool { keys.contains { config.holds($0) && !config.isUnread($0) } }

  /// The last norm of the layers.
  private var norm: NormBlueprint? {
    let norms = blueprint.last.flatMap { $0.layers.isEmpty ? nil : $0.layers[0].feedForwardNorms }
    return norms?.pre ?? norms?.onOutput ?? norms?.post
  }

  private var hasRootMeanSquares: Bool {
    if case .rms = norm?.kind { return true }
    return false
  }
}

extension UnreadKeys {
  private static let epsilons = [
    "layer_norm_eps", "layer_norm_epsilon", "layernorm_epsilon", "rms_norm_eps", "norm_eps", "norm_epsilon",
  ]

  /// The keys, over all families of text models that transformers has.
  private static let table: [String: Neutral] = {
    var table: [String: Neutral] = [:]
    func add(_ neutral: Neutral, _ keys: String...) { for key in keys { table[key] = neutral } }
    // Which positions are seen.
    add(
      .window, "sliding_window", "sliding_window_size", "attention_window", "local_window_size",
      "attention_window_size", "window_size")
    add(
      .off, "use_sliding_window", "attention_chunk_size", "attention_sink", "use_sinks", "use_bidirectional_attention",
      "block_sparse")
    add(.fullAttention, "layer_types", "layers_block_type", "attention_layers")
    add(.causal, "is_causal", "causal")
    add(.generating, "is_decoder")
    add(.crossing, "add_cross_attention", "cross_attention_layers", "cross_attention_interval")
    add(.off, "is_prefix_lm")
    // Positions.
    add(.plainRotary, "rope_scaling", "rope_parameters")
    add(
      .one, "partial_rotary_factor", "rotary_pct", "rope_pct", "rotary_percentage", "rope_percentage", "rope_ratio",
      "rotary_scaling_factor")
    add(
      .off, "rope_interleaved", "rotary_interleaved", "rotary_emb_interleaved", "use_mrope", "use_dynamic_ntk",
      "use_logn_attn", "no_rope_layers")
    add(
      .off, "alibi", "use_alibi", "alibi_bias_max", "relative_attention", "use_relative_position",
      "use_relative_positions")
    add(.texts(["absolute", "rope", "rotary"]), "position_embedding_type", "position_encoding_type", "pe_type")
    // Scores and logits.
    add(
      .off, "attn_logit_softcapping", "final_logit_softcapping", "attn_logit_softcap", "logit_cap",
      "final_logits_soft_cap", "attention_softcap", "clip_qkv")
    add(
      .off, "scale_attn_by_inverse_layer_idx", "attn_temperature_tuning", "use_qk_norm", "qk_norm", "qk_layernorm",
      "use_qk_layernorm", "qk_layer_norms")
    add(.on, "scale_attn_weights", "scale_attention")
    add(.off, "softmax_scale", "attention_scale", "attention_multiplier", "attn_scale")
    add(.headDim, "query_pre_attn_scalar", "head_dim", "d_kv", "kv_channels")
    add(.keyValueHeads, "num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num", "num_query_groups")
    add(.off, "multi_query", "multi_query_attention", "use_mla", "q_lora_rank", "kv_lora_rank", "num_kv_shared_layers")
    add(.one, "logit_scale", "logits_scaling", "output_multiplier_scale", "lm_head_multiplier", "mup_width_multiplier")
    // Embeddings, residuals and norms.
    add(
      .one, "embedding_multiplier", "residual_multiplier", "embedding_multiplier_scale", "scale_emb",
      "mup_embeddings_multiplier")
    add(.off, "scale_embedding", "scale_embeddings", "use_mup", "scale_depth", "dim_model_base")
    add(
      .off, "parallel_attn", "use_parallel_residual", "parallel_residual", "shared_input_output_norm",
      "apply_residual_connection_post_layernorm")
    add(.normKind, "norm_type", "layer_norm_type", "normalization_function", "norm_class")
    add(.on, "layer_norm_elementwise_affine", "elementwise_affine")
    for key in epsilons { add(.epsilon, key) }
    // Products and what stands between them.
    add(
      .biases, "attention_bias", "attention_out_bias", "use_bias", "bias", "qkv_bias", "use_qkv_bias", "enable_bias",
      "add_bias_linear", "add_qkv_bias")
    add(.off, "mlp_bias", "lm_head_bias")
    let activations = [
      "hidden_act", "hidden_activation", "activation_function", "activation", "activation_type", "afn", "dense_act_fn",
      "feed_forward_proj",
    ]
    for key in activations { add(.alias(activations), key) }
    add(.texts(["default"]), "mlp_type", "ffn_type")
    add(.off, "use_gated_mlp", "swiglu_limit", "conv_kernel_size", "pruned_heads", "tie_encoder_decoder")
    add(
      .few, "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_experts_per_tok", "moe_topk"
    )
    add(.off, "n_shared_experts", "num_memory_blocks")
    add(.noAdapters, "adapters", "adapter_config")
    return table
  }()
}
