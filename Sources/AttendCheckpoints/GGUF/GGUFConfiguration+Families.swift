// The keys that each family reads, from those that llama.cpp's converters write.
import AttendBase

extension GGUFConfiguration {
  /// Layers that are looked at for what they hold.
  private static let mostLayers = 1 << 12

  // MARK: Llama and what came after it

  func addLlamaLine() throws(Failure) {
    let width = try required("embedding_length")
    add("hidden_size", width)
    add("num_hidden_layers", try required("block_count"))
    add("num_attention_heads", heads.count)
    add("num_key_value_heads", heads.keyValues)
    add("head_dim", heads.components)
    add("max_position_embeddings", try size("context_length"))
    add("tie_word_embeddings", !has("output.weight"))
    // The other families have biases, or none, in every model of theirs, or say so by another key.
    let statesBoth = ["llama", "granite", "smollm3"].contains(modelType)
    if statesBoth || ["gemma", "gemma2", "gemma3_text", "olmo2", "qwen3", "qwen3_moe", "gpt_oss"].contains(modelType) {
      add("attention_bias", has("blk.0.attn_q.bias"))
    }
    if statesBoth { add("mlp_bias", has("blk.0.ffn_up.bias")) }
    add(["phi", "stablelm"].contains(modelType) ? "layer_norm_eps" : "rms_norm_eps", try epsilon())
    try addRotary()
    switch modelType {
    case "mixtral":
      add("intermediate_size", try feedForwardWidth("blk.0.ffn_down_exps.weight"))
      try addExperts("num_local_experts")
    case "qwen2_moe", "qwen3_moe": try addQwenExperts()
    case "gpt_oss": try addGptOss()
    case "phi": add("intermediate_size", try feedForwardWidth())
    default: add("intermediate_size", try feedForwardWidth())
    }
    switch modelType {
    case "gemma2", "gemma3_text": try addGemma(width: width)
    case "granite":
      add("embedding_multiplier", try number("embedding_scale"))
      add("attention_multiplier", try number("attention.scale") ?? 1 / Double(heads.components).squareRoot())
      add("residual_multiplier", try number("residual_scale"))
      add("logits_scaling", try number("logit_scale"))
    case "stablelm":
      add("use_parallel_residual", try boolean("use_parallel_residual") ?? !has("blk.0.ffn_norm.weight"))
      add("use_qkv_bias", has("blk.0.attn_q.bias"))
      add("qk_layernorm", has("blk.0.attn_q_norm.weight"))
    case "starcoder2":
      add("use_bias", has("blk.0.attn_q.bias"))
      add("norm_epsilon", try epsilon())
      add("sliding_window", try window())
    case "phi3", "mixtral": add("sliding_window", try window())
    default: break
    }
  }

  /// The positions that a layer with a window sees back; nil: there is none.
  private func window() throws(Failure) -> Int? { try size("attention.sliding_window").flatMap { $0 > 0 ? $0 : nil } }

  private func addExperts(_ key: String) throws(Failure) {
    add(key, try required("expert_count"))
    add("num_experts_per_tok", try required("expert_used_count"))
  }

  private func addQwenExperts() throws(Failure) {
    add("intermediate_size", try required("feed_forward_length"))
    try addExperts("num_experts")
    add("norm_topk_prob", modelType == "qwen3_moe")
    let layers = try required("block_count")
    var dense: [Int] = []
    for layer in 0..<min(layers, GGUFConfiguration.mostLayers) where !has("blk.\(layer).ffn_gate_inp.weight") {
      dense.append(layer)
    }
    add("mlp_only_layers", json: "\(dense)")
    let sparse = (0..<min(layers, GGUFConfiguration.mostLayers)).first { has("blk.\($0).ffn_down_exps.weight") } ?? 0
    add("moe_intermediate_size", try feedForwardWidth("blk.\(sparse).ffn_down_exps.weight"))
    add("shared_expert_intermediate_size", tensor("blk.\(sparse).ffn_down_shexp.weight")?.sizes[0])
  }

  private func addGptOss() throws(Failure) {
    add("intermediate_size", try feedForwardWidth("blk.0.ffn_down_exps.weight"))
    try addExperts("num_local_experts")
    add("sliding_window", try window())
  }

  private func addGemma(width: Int) throws(Failure) {
    add("attn_logit_softcapping", try number("attn_logit_softcapping"))
    add("final_logit_softcapping", try number("final_logit_softcapping"))
    // Nothing in the file says what scores are divided by: in the largest model of each generation, known by its
    // layers, it is the share of a head in the width, in the others its own components.
    let isLargest = try required("block_count") == (modelType == "gemma2" ? 46 : 62)
    add("query_pre_attn_scalar", isLargest ? width / heads.count : heads.components)
    add("sliding_window", try window())
    guard modelType == "gemma3_text" else { return }
    add("sliding_window_pattern", try size("attention.sliding_window_pattern") ?? 6)
    add("rope_local_base_freq", try number("rope.freq_base_swa") ?? 10_000)
  }

  // MARK: Positions

  /// The rotary embedding: its base, the share of a head that turns, and how it is stretched.
  func addRotary() throws(Failure) {
    add("rope_theta", try number("rope.freq_base"))
    if let turned = try size("rope.dimension_count"), turned != heads.components, heads.components > 0 {
      guard ["phi", "stablelm", "gpt_neox", "phi3"].contains(modelType) else {
        throw unsupported("rope.dimension_count", "is \(turned) of heads of \(heads.components) components")
      }
      let share = Double(turned) / Double(heads.components)
      add(modelType == "gpt_neox" ? "rotary_pct" : "partial_rotary_factor", share)
    }
    if has("rope_freqs.weight") { return try addDivisors("rope_freqs.weight", "rope_freqs.weight", magnitude: 1) }
    if has("rope_factors_long.weight") {
      return try addDivisors(
        "rope_factors_short.weight", "rope_factors_long.weight", magnitude: try number("rope.scaling.attn_factor"))
    }
    let kind = try word("rope.scaling.type") ?? "none"
    let factor = try number("rope.scaling.factor")
    switch kind {
    case "none": break
    case "linear":
      add("rope_scaling", json: "{\"rope_type\": \"linear\", \"factor\": \(factor ?? 1)}")
    case "yarn": try addYarn(factor)
    default: throw unsupported("rope.scaling.type", "is \"\(kind)\", and there are no tensors of its factors")
    }
  }

  private func addYarn(_ factor: Double?) throws(Failure) {
    var parts = ["\"rope_type\": \"yarn\""]
    func add(_ key: String, _ value: Double?) { if let value { parts.append("\"\(key)\": \(value)") } }
    add("factor", factor)
    add("beta_fast", try number("rope.scaling.yarn_beta_fast"))
    add("beta_slow", try number("rope.scaling.yarn_beta_slow"))
    let stated = try number("rope.scaling.attn_factor")
    let weight = try number("rope.scaling.yarn_attn_factor") ?? stated
    if weight != nil, weight != 1 { add("attention_factor", weight) }
    if let trained = try size("rope.scaling.original_context_length") {
      parts.append("\"original_max_position_embeddings\": \(trained)")
    }
    // gpt-oss keeps the borders between wavelengths as they are.
    if modelType == "gpt_oss" { parts.append("\"truncate\": false") }
    self.add("rope_scaling", json: "{\(parts.joined(separator: ", "))}")
  }

  /// Divisors of the frequencies of each pair, for short texts and for long ones.
  private func addDivisors(_ short: String, _ long: String, magnitude: Double?) throws(Failure) {
    let longest = try required("context_length")
    let trained = try size("rope.scaling.original_context_length") ?? longest
    var parts = ["\"rope_type\": \"longrope\"", "\"original_max_position_embeddings\": \(trained)"]
    parts.append("\"short_factor\": \(try numbers(short))")
    parts.append("\"long_factor\": \(try numbers(long))")
    if let magnitude { parts.append("\"attention_factor\": \(magnitude)") }
    add("rope_scaling", json: "{\(parts.joined(separator: ", "))}")
  }

  /// The numbers of a small tensor.
  private func numbers(_ name: String) throws(Failure) -> String {
    for file in files {
      guard let tensor = file.tensor(name) else { continue }
      guard tensor.format == .float32, tensor.rank == 1, tensor.sizes[0] <= 1 << 12 else {
        throw Failure(.invalidFile, "\(file.file.path): tensor \(name) is no list of at most \(1 << 12) float32")
      }
      let bytes = file.bytes(of: tensor)
      let numbers = (0..<tensor.sizes[0]).map { Double(bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)) }
      guard numbers.allSatisfy(\.isFinite) else {
        throw Failure(.invalidFile, "\(file.file.path): tensor \(name) holds numbers that are not finite")
      }
      return "\(numbers)"
    }
    throw Failure(.invalidFile, "\(metadata.file.path): tensor \(name) is missing")
  }

  // MARK: GPT-2 and what came before Llama

  func addGPT2() throws(Failure) {
    add("n_embd", try required("embedding_length"))
    add("n_layer", try required("block_count"))
    add("n_head", heads.count)
    add("n_inner", try feedForwardWidth())
    add("n_positions", try positions())
    add("layer_norm_epsilon", try epsilon())
    add("tie_word_embeddings", !has("output.weight"))
    if modelType == "gpt_bigcode" { add("multi_query", heads.keyValues == 1) }
  }

  /// The positions of a table of them.
  private func positions() throws(Failure) -> Int {
    if let table = tensor("position_embd.weight") { return table.sizes[1] }
    return try required("context_length")
  }

  func addNeoX() throws(Failure) {
    add("hidden_size", try required("embedding_length"))
    add("num_hidden_layers", try required("block_count"))
    add("num_attention_heads", heads.count)
    add("intermediate_size", try feedForwardWidth())
    add("max_position_embeddings", try size("context_length"))
    add("layer_norm_eps", try epsilon())
    add("use_parallel_residual", try boolean("use_parallel_residual") ?? true)
    add("attention_bias", has("blk.0.attn_qkv.bias"))
    add("tie_word_embeddings", !has("output.weight"))
    try addRotary()
    if try size("rope.dimension_count") == heads.components { add("rotary_pct", 1.0) }
  }

  func addBloom() throws(Failure) {
    add("hidden_size", try required("embedding_length"))
    add("n_layer", try required("block_count"))
    add("n_head", heads.count)
    add("layer_norm_epsilon", try epsilon())
    add("tie_word_embeddings", !has("output.weight"))
  }

  func addFalcon() throws(Failure) {
    let hasTwoNorms = has("blk.0.attn_norm_2.weight")
    add("hidden_size", try required("embedding_length"))
    add("num_hidden_layers", try required("block_count"))
    add("num_attention_heads", heads.count)
    add("num_kv_heads", heads.keyValues)
    add("multi_query", heads.keyValues == 1)
    add("new_decoder_architecture", hasTwoNorms || heads.keyValues > 1)
    add("num_ln_in_parallel_attn", hasTwoNorms ? 2 : 1)
    add("parallel_attn", true)
    add("alibi", false)
    add("bias", has("blk.0.attn_qkv.bias"))
    add("ffn_hidden_size", try feedForwardWidth())
    add("max_position_embeddings", try size("context_length"))
    add("layer_norm_epsilon", try epsilon())
    add("tie_word_embeddings", !has("output.weight"))
    try addRotary()
  }

  func addMPT() throws(Failure) {
    let (width, inner) = (try required("embedding_length"), try feedForwardWidth())
    guard width > 0, inner.isMultiple(of: width) else {
      throw unsupported("embedding_length", "is \(width), no divisor of \(inner), the width of the networks")
    }
    if let clamp = try number("attention.clamp_kqv"), clamp != 0 {
      throw unsupported("attention.clamp_kqv", "is \(clamp), which is not implemented")
    }
    let bias = try number("attention.max_alibi_bias") ?? 0
    add("d_model", width)
    add("n_layers", try required("block_count"))
    add("n_heads", heads.count)
    add("max_seq_len", try size("context_length"))
    add("expansion_ratio", inner / width)
    add("no_bias", !has("blk.0.attn_qkv.bias"))
    add("layer_norm_epsilon", try epsilon())
    add("attn_config", json: "{\"alibi\": \(bias > 0), \"alibi_bias_max\": \(Int(min(max(bias, 0), 0x1p20)))}")
    add("tie_word_embeddings", !has("output.weight"))
  }

  // MARK: Encoders

  func addBert() throws(Failure) {
    let isSmall = modelType == "distilbert"
    add(isSmall ? "dim" : "hidden_size", try required("embedding_length"))
    add(isSmall ? "n_layers" : "num_hidden_layers", try required("block_count"))
    add(isSmall ? "n_heads" : "num_attention_heads", heads.count)
    add(isSmall ? "hidden_dim" : "intermediate_size", try feedForwardWidth())
    add("max_position_embeddings", try positions())
    add("type_vocab_size", tensor("token_types.weight")?.sizes[1])
    add("layer_norm_eps", try epsilon())
  }

  func addModernBert() throws(Failure) {
    add("hidden_size", try required("embedding_length"))
    add("num_hidden_layers", try required("block_count"))
    add("num_attention_heads", heads.count)
    add("intermediate_size", try feedForwardWidth())
    add("max_position_embeddings", try size("context_length"))
    add("norm_eps", try epsilon())
    add("local_attention", try window())
    add("global_attn_every_n_layers", try size("attention.sliding_window_pattern") ?? 3)
    add("global_rope_theta", try number("rope.freq_base"))
    add("local_rope_theta", try number("rope.freq_base_swa"))
    add("norm_bias", has("output_norm.bias"))
    add("attention_bias", has("blk.0.attn_qkv.bias"))
    add("mlp_bias", has("blk.0.ffn_up.bias"))
    let activation = try word("hidden_activation") ?? "gelu"
    guard activation == "gelu" else {
      throw unsupported("hidden_activation", "is \"\(activation)\"; \"gelu\" is known")
    }
    if let kind = try word("rope.scaling.type"), kind != "none" {
      throw unsupported("rope.scaling.type", "is \"\(kind)\", which is not implemented for this architecture")
    }
  }

  func addT5() throws(Failure) {
    let isEncoder = !has("dec.blk.0.attn_q.weight"), isTied = !has("output.weight")
    add("architectures", json: isEncoder ? "[\"T5EncoderModel\"]" : "[\"T5ForConditionalGeneration\"]")
    add("d_model", try required("embedding_length"))
    add("num_layers", try required("block_count"))
    add("num_decoder_layers", try size("decoder_block_count"))
    add("num_heads", heads.count)
    add("d_kv", heads.components)
    add("d_ff", try feedForwardWidth("enc.blk.0.ffn_down.weight"))
    add("layer_norm_epsilon", try epsilon())
    add("relative_attention_num_buckets", try size("attention.relative_buckets_count"))
    add("feed_forward_proj", text: has("enc.blk.0.ffn_gate.weight") ? "gated-gelu" : "relu")
    add("tie_word_embeddings", isTied)
    add("decoder_start_token_id", try size("decoder_start_token_id"))
  }
}
