// The architectures of GGUF files, and what their tensors are called by the families of this library.
import AttendBase

/// An architecture that llama.cpp names, and the names of its tensors, which are lists of words: a name in the file
/// without its ending `.weight` or `.bias`, then the family's, which has the same ending. In the latter `*` stands for
/// the number of an expert, each of which is a tensor of its own there, and `!` at the end for a name without ending
/// for weights and with `_bias` for biases.
struct GGUFArchitecture: Sendable {
  /// The `model_type` of its configuration.
  var modelType: String
  /// Layers by the beginnings of their names, such as `blk.` of `blk.7.`; of several lists the first that has a word
  /// counts.
  var layers: [(prefix: String, name: String, parts: [StaticString])]
  /// Tensors outside of layers.
  var others: [StaticString]
  /// Whether rows of queries and keys are in the order of `RowOrder.turns`.
  var turnsQueries = false
  /// Whether queries, keys and values as one are in the order of `RowOrder.groups`.
  var groupsInput = false
  /// Added to the gains of norms, which the file has as they are multiplied with.
  var normShift: Float = 0
  /// Whether the family stores the matrices of its layers `[inputs, outputs]`.
  var isTransposed = false

  static let names =
    "bert, bloom, falcon, gemma, gemma2, gemma3, gpt-oss, gpt2, gptneox, granite, llama, modern-bert, mpt, olmo2, "
    + "phi2, phi3, qwen2, qwen2moe, qwen3, qwen3moe, smollm3, stablelm, starcoder, starcoder2, t5, t5encoder"

  /// The architecture of a name in `general.architecture`, of a model in these files; nil: it is not known.
  static func named(_ name: String, in files: FixedArray<GGUFFile>) -> GGUFArchitecture? {
    func has(_ tensor: String) -> Bool { files.contains { $0.tensor(tensor) != nil } }
    return switch name {
    case "llama": has("blk.0.ffn_gate_inp.weight") ? turned("mixtral", [mixture]) : turned("llama")
    case "qwen2": llamaLine("qwen2")
    case "qwen2moe": llamaLine("qwen2_moe", [qwenMixture])
    case "qwen3": llamaLine("qwen3")
    case "qwen3moe": llamaLine("qwen3_moe", [qwenMixture])
    case "gemma": gemma("gemma", [])
    case "gemma2": gemma("gemma2", ["ffn_norm pre_feedforward_layernorm"])
    case "gemma3": gemma("gemma3_text", ["ffn_norm pre_feedforward_layernorm"])
    case "granite": turned("granite")
    case "smollm3": turned("smollm3")
    case "olmo2": llamaLine("olmo2")
    case "stablelm":
      llamaLine(
        "stablelm", ["attn_q_norm self_attn.q_layernorm.norms.* attn_k_norm self_attn.k_layernorm.norms.*"])
    case "phi2":
      llamaLine(
        "phi", ["attn_output self_attn.dense ffn_up mlp.fc1 ffn_down mlp.fc2"], ["output_norm model.final_layernorm"])
    case "phi3": llamaLine("phi3", ["attn_qkv self_attn.qkv_proj ffn_up mlp.gate_up_proj"])
    case "starcoder2": llamaLine("starcoder2", ["ffn_up mlp.c_fc ffn_down mlp.c_proj"])
    case "gpt-oss": llamaLine("gpt_oss", [gptOss])
    case "gpt2": gpt2("gpt2", isTransposed: true)
    case "starcoder": gpt2("gpt_bigcode", isTransposed: false)
    case "gptneox": gptNeoX
    case "bloom": fused("bloom", [])
    case "falcon":
      fused("falcon", has("blk.0.attn_norm_2.weight") ? ["attn_norm ln_mlp attn_norm_2 ln_attn"] : [])
    case "mpt": mpt
    case "bert": has("token_types.weight") ? bert : distilBert
    case "modern-bert": modernBert
    case "t5", "t5encoder":
      t5(isGated: has("enc.blk.0.ffn_gate.weight"), hasEachBias: has("enc.blk.1.attn_rel_b.weight"))
    default: nil
    }
  }

  private init(_ modelType: String, _ layer: String, _ parts: [StaticString], _ others: [StaticString]) {
    self.modelType = modelType
    self.layers = [("blk.", layer, parts)]
    self.others = others
  }

  // MARK: Llama and what came after it

  private static func llamaLine(
    _ modelType: String, _ parts: [StaticString] = [], _ others: [StaticString] = []
  ) -> GGUFArchitecture {
    GGUFArchitecture(
      modelType, "model.layers",
      parts + [
        """
        attn_norm input_layernorm attn_q self_attn.q_proj attn_k self_attn.k_proj attn_v self_attn.v_proj
        attn_output self_attn.o_proj attn_q_norm self_attn.q_norm attn_k_norm self_attn.k_norm
        ffn_norm post_attention_layernorm post_attention_norm post_attention_layernorm
        post_ffw_norm post_feedforward_layernorm ffn_gate mlp.gate_proj ffn_up mlp.up_proj ffn_down mlp.down_proj
        """
      ], others + ["token_embd model.embed_tokens output_norm model.norm output lm_head"])
  }

  private static func turned(_ modelType: String, _ parts: [StaticString] = []) -> GGUFArchitecture {
    var result = llamaLine(modelType, parts)
    result.turnsQueries = true
    return result
  }

  private static func gemma(_ modelType: String, _ parts: [StaticString]) -> GGUFArchitecture {
    var result = llamaLine(modelType, parts)
    result.normShift = -1
    return result
  }

  private static let mixture: StaticString = """
    ffn_gate_inp block_sparse_moe.gate ffn_gate_exps block_sparse_moe.experts.*.w1
    ffn_down_exps block_sparse_moe.experts.*.w2 ffn_up_exps block_sparse_moe.experts.*.w3
    """

  private static let qwenMixture: StaticString = """
    ffn_gate_inp mlp.gate ffn_gate_exps mlp.experts.*.gate_proj ffn_up_exps mlp.experts.*.up_proj
    ffn_down_exps mlp.experts.*.down_proj ffn_gate_inp_shexp mlp.shared_expert_gate
    ffn_gate_shexp mlp.shared_expert.gate_proj ffn_up_shexp mlp.shared_expert.up_proj
    ffn_down_shexp mlp.shared_expert.down_proj
    """

  private static let gptOss: StaticString = """
    ffn_gate_inp mlp.router ffn_gate_exps mlp.experts.gate_proj! ffn_up_exps mlp.experts.up_proj!
    ffn_down_exps mlp.experts.down_proj! attn_sinks self_attn.sinks!
    """

  // MARK: GPT-2 and what came before Llama

  private static func gpt2(_ modelType: String, isTransposed: Bool) -> GGUFArchitecture {
    var result = GGUFArchitecture(
      modelType, "transformer.h",
      [
        """
        attn_norm ln_1 attn_qkv attn.c_attn attn_output attn.c_proj ffn_norm ln_2 ffn_up mlp.c_fc
        ffn_down mlp.c_proj
        """
      ],
      ["token_embd transformer.wte position_embd transformer.wpe output_norm transformer.ln_f output lm_head"])
    result.isTransposed = isTransposed
    return result
  }

  private static let gptNeoX: GGUFArchitecture = {
    var result = GGUFArchitecture(
      "gpt_neox", "gpt_neox.layers",
      [
        """
        attn_norm input_layernorm attn_qkv attention.query_key_value attn_output attention.dense
        ffn_norm post_attention_layernorm ffn_up mlp.dense_h_to_4h ffn_down mlp.dense_4h_to_h
        """
      ],
      ["token_embd gpt_neox.embed_in output_norm gpt_neox.final_layer_norm output embed_out"])
    result.groupsInput = true
    return result
  }()

  private static func fused(_ modelType: String, _ parts: [StaticString]) -> GGUFArchitecture {
    var result = GGUFArchitecture(
      modelType, "transformer.h",
      parts + [
        """
        attn_norm input_layernorm attn_qkv self_attention.query_key_value attn_output self_attention.dense
        ffn_norm post_attention_layernorm ffn_up mlp.dense_h_to_4h ffn_down mlp.dense_4h_to_h
        """
      ],
      [
        """
        token_embd transformer.word_embeddings token_embd_norm transformer.word_embeddings_layernorm
        output_norm transformer.ln_f output lm_head
        """
      ])
    result.groupsInput = true
    return result
  }

  private static let mpt = GGUFArchitecture(
    "mpt", "transformer.blocks",
    [
      """
      attn_norm norm_1 attn_qkv attn.Wqkv attn_output attn.out_proj ffn_norm norm_2 ffn_up ffn.up_proj
      ffn_down ffn.down_proj
      """
    ], ["token_embd transformer.wte output_norm transformer.norm_f output lm_head"])

  // MARK: Encoders

  private static let bertTables: StaticString = """
    token_embd embeddings.word_embeddings position_embd embeddings.position_embeddings
    token_types embeddings.token_type_embeddings token_embd_norm embeddings.LayerNorm
    """

  private static let bert = GGUFArchitecture(
    "bert", "encoder.layer",
    [
      """
      attn_q attention.self.query attn_k attention.self.key attn_v attention.self.value
      attn_output attention.output.dense attn_output_norm attention.output.LayerNorm ffn_up intermediate.dense
      ffn_down output.dense layer_output_norm output.LayerNorm
      """
    ], [bertTables])

  private static let distilBert = GGUFArchitecture(
    "distilbert", "transformer.layer",
    [
      """
      attn_q attention.q_lin attn_k attention.k_lin attn_v attention.v_lin attn_output attention.out_lin
      attn_output_norm sa_layer_norm ffn_up ffn.lin1 ffn_down ffn.lin2 layer_output_norm output_layer_norm
      """
    ], [bertTables])

  private static let modernBert = GGUFArchitecture(
    "modernbert", "layers",
    ["attn_norm attn_norm attn_qkv attn.Wqkv attn_output attn.Wo ffn_norm mlp_norm ffn_up mlp.Wi ffn_down mlp.Wo"],
    ["token_embd embeddings.tok_embeddings token_embd_norm embeddings.norm output_norm final_norm"])

  private static func t5(isGated: Bool, hasEachBias: Bool) -> GGUFArchitecture {
    let own: StaticString = """
      attn_norm layer.0.layer_norm attn_q layer.0.SelfAttention.q attn_k layer.0.SelfAttention.k
      attn_v layer.0.SelfAttention.v attn_o layer.0.SelfAttention.o
      attn_rel_b layer.0.SelfAttention.relative_attention_bias
      """
    var result = GGUFArchitecture(
      hasEachBias ? "umt5" : "t5", "encoder.block",
      [
        isGated ? "ffn_up layer.1.DenseReluDense.wi_1" : "ffn_up layer.1.DenseReluDense.wi", own,
        """
        ffn_norm layer.1.layer_norm ffn_gate layer.1.DenseReluDense.wi_0 ffn_down layer.1.DenseReluDense.wo
        """,
      ],
      [
        """
        token_embd shared enc.output_norm encoder.final_layer_norm dec.output_norm decoder.final_layer_norm
        output lm_head
        """
      ])
    result.layers[0].prefix = "enc.blk."
    result.layers.append(
      (
        "dec.blk.", "decoder.block",
        [
          isGated ? "ffn_up layer.2.DenseReluDense.wi_1" : "ffn_up layer.2.DenseReluDense.wi", own,
          """
          cross_attn_norm layer.1.layer_norm cross_attn_q layer.1.EncDecAttention.q
          cross_attn_k layer.1.EncDecAttention.k cross_attn_v layer.1.EncDecAttention.v
          cross_attn_o layer.1.EncDecAttention.o cross_attn_rel_b layer.1.EncDecAttention.relative_attention_bias
          ffn_norm layer.2.layer_norm ffn_gate layer.2.DenseReluDense.wi_0 ffn_down layer.2.DenseReluDense.wo
          """,
        ]
      ))
    return result
  }
}

extension GGUFArchitecture {
  /// The name that the family gives to a tensor, nil: it gives none. `*` stands where a tensor holds several.
  func name(of tensor: String) -> String? {
    var (stem, ending) = (Substring(tensor), "")
    for known in [".weight", ".bias"] where stem.hasSuffix(known) {
      (stem, ending) = (stem.dropLast(known.utf8.count), known)
    }
    func ended(_ name: String) -> String {
      name.hasSuffix("!") ? name.dropLast() + (ending == ".bias" ? "_bias" : "") : name + ending
    }
    if let name = GGUFArchitecture.find(stem, in: others) { return ended(name) }
    for layer in layers where stem.hasPrefix(layer.prefix) {
      let rest = stem.dropFirst(layer.prefix.utf8.count)
      guard let dot = rest.firstIndex(of: "."), let number = Int(rest[..<dot]),
        let part = GGUFArchitecture.find(rest[rest.index(after: dot)...], in: layer.parts)
      else { return nil }
      return ended("\(layer.name).\(number).\(part)")
    }
    return nil
  }

  /// The word behind a word in the first list that has it.
  private static func find(_ word: Substring, in lists: [StaticString]) -> String? {
    for list in lists {
      let found: String? = list.withUTF8Buffer { characters in
        var words = characters.lazy.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.makeIterator()
        while let key = words.next(), let value = words.next() {
          if key.elementsEqual(word.utf8) { return String(decoding: value, as: UTF8.self) }
        }
        return nil
      }
      if let found { return found }
    }
    return nil
  }
}
