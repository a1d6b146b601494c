import AttendBase
import AttendCheckpoints
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Keys of configurations that change what is computed are read or refused; none is overlooked.
@Suite struct UnreadKeysTests {
  private static let root = Repository.root

  /// The fixtures whose family is registered.
  private static let fixtures: [String] = {
    let folder = root.appendingPathComponent("Tests/Fixtures/conformance")
    return (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?.sorted().filter { name in
      let config = try? Configuration(file: folder.appendingPathComponent("\(name)/config.json").path)
      return (try? config?.string("model_type")).map { Registry.modelTypes.contains($0) } ?? false
    } ?? []
  }()

  /// Values that ask for something that most families do not compute.
  private static var choices: [String: Any] {
    [
      "sliding_window": 7, "attention_chunk_size": 64, "add_cross_attention": "yes",
      "layer_types": ["linear_attention"], "rope_scaling": ["rope_type": "telescope", "factor": 2] as [String: Any],
      "rope_parameters": ["rope_type": "telescope", "rope_theta": 10] as [String: Any], "partial_rotary_factor": 0.25,
      "rope_interleaved": true, "alibi": "steep", "position_embedding_type": "relative_key",
      "attn_logit_softcapping": 50.5, "final_logit_softcapping": 30.5, "clip_qkv": 8,
      "scale_attn_by_inverse_layer_idx": true, "scale_attn_weights": false, "use_qk_norm": true, "qk_layernorm": true,
      "query_pre_attn_scalar": 3, "num_key_value_heads": 3, "multi_query": "three", "logit_scale": 0.0625,
      "logits_scaling": 8, "embedding_multiplier": 12, "residual_multiplier": 0.22, "attention_multiplier": 0.015,
      "scale_depth": 1.4, "use_parallel_residual": "both", "norm_type": "batch_norm_or_rms", "mlp_bias": true,
      "mlp_type": "conv", "num_local_experts": 8, "pruned_heads": ["0": [1]], "tie_encoder_decoder": true,
      "quantization_config": ["quant_method": "aqlm", "bits": 4] as [String: Any],
      "adapters": ["adapters": ["one": "two"]],
    ]
  }

  private func configuration(_ fixture: String, _ changes: [String: Any]) throws -> (TemporaryFolder, Configuration) {
    let data = try Data(
      contentsOf: UnreadKeysTests.root.appendingPathComponent("Tests/Fixtures/conformance/\(fixture)/config.json"))
    let config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any]).merging(changes) {
      _, new in new
    }
    let folder = try TemporaryFolder()
    try folder.write("config.json", Array(try JSONSerialization.data(withJSONObject: config)))
    return (folder, try Configuration(file: folder.path(of: "config.json")))
  }

  /// Why a configuration is not taken; nil where it is.
  private func whyNot(_ config: Configuration) -> Failure? {
    do throws(Failure) {
      _ = try Registry.blueprint(config)
      return nil
    } catch { return error }
  }

  @Test(arguments: choices.keys.sorted()) func aChoiceIsReadOrRefused(key: String) throws {
    let value = try #require(UnreadKeysTests.choices[key])
    var refusals = 0  // of families that do not compute it
    for fixture in UnreadKeysTests.fixtures {
      let (folder, config) = try configuration(fixture, [key: value])
      guard let refusal = whyNot(config) else {
        /// Where that is what the model has
        let isFine = ["norm_type", "num_key_value_heads", "add_cross_attention"].contains(key)
        #expect(!config.unread.contains(key) || isFine, "\(fixture) overlooks \(key)")
        continue
      }
      refusals += 1
      // Names the key, or what stands in its object.
      let names = [key, "telescope", "linear_attention"]
      #expect(
        refusal.message.hasPrefix(folder.path + "/config.json: ") && names.contains { refusal.message.contains($0) },
        "\(fixture): \(refusal.message)")
    }
    #expect(refusals > 10, "\(key) is hardly ever refused")
  }

  @Test(arguments: ["aqlm", "quip", "vptq"])
  func quantisedCheckpointsAreToldTheirMethod(method: String) throws {
    for fixture in UnreadKeysTests.fixtures {
      let (folder, config) = try configuration(
        fixture, ["quantization_config": ["quant_method": method, "bits": 4] as [String: Any]])
      defer { withExtendedLifetime(folder) {} }
      let refusal = try #require(whyNot(config), "\(fixture) takes weights of \(method)")
      #expect(
        refusal.code == .unsupported && refusal.message.contains("quantization_config")
          && refusal.message.contains(method), "\(refusal.message)")
    }
  }

  /// The keys that checkpoints of each family on the hub have beside those that are read, as far as they look as if
  /// they changed something, and keys of all kinds that nobody reads.
  private static var harmless: [String: [String: Any]] {
    [
      "bert": [
        "pooler_type": "first_token_transform", "directionality": "bidi", "position_embedding_type": "absolute",
        "is_decoder": false, "pruned_heads": [String: Any](),
        "adapters": ["adapters": [String: Any](), "config_map": [String: Any]()],
      ], "albert": ["net_structure_type": 0, "num_memory_blocks": 0, "gap_size": 0, "down_scale_factor": 1],
      "distilbert": ["sinusoidal_pos_embds": false, "tie_weights_": true],
      "electra": ["summary_activation": "gelu", "summary_type": "first", "summary_use_proj": true],
      "xlm-roberta": ["output_past": true, "position_embedding_type": "absolute"],
      "bart": [
        "extra_pos_embeddings": 2, "static_position_embeddings": false, "add_bias_logits": false,
        "force_bos_token_to_be_generated": true,
      ],
      "marian": [
        "static_position_embeddings": true, "add_final_layer_norm": false, "normalize_before": false,
        "num_hidden_layers": 6,
      ], "pegasus": ["extra_pos_embeddings": 1, "static_position_embeddings": true, "add_final_layer_norm": true],
      "mbart": ["is_decoder": false, "add_cross_attention": false, "normalize_before": true],
      "gpt2": [
        "n_ctx": 1024, "reorder_and_upcast_attn": true, "scale_attn_by_inverse_layer_idx": false,
        "summary_activation": NSNull(),
      ],
      "opt": [
        "learned_embeddings": true, "scale_embeddings": false, "prefix": "</s>", "layer_norm_elementwise_affine": true,
      ],
      "llama": [
        "pretraining_tp": 1, "rope_interleaved": false, "rope_scaling": NSNull(), "qk_layer_norms": false,
        "is_llama_config": true, "sliding_window": NSNull(),
      ],
      "mistral": [
        "attention_bias": false, "sliding_window": NSNull(), "max_window_layers": 28, "use_sliding_window": false,
      ], "qwen2": ["use_mrope": false, "max_window_layers": 28, "attention_bias": true],
      "gemma": ["hidden_activation": NSNull(), "attn_logit_softcapping": NSNull(), "query_pre_attn_scalar": NSNull()],
      "gemma2": ["cache_implementation": "hybrid", "sliding_window_size": 4096],
      "phi3": [
        "attention_bias": false, "lm_head_bias": false, "mlp_bias": false, "full_attn_mod": 1, "interpolate_factor": 1,
        "original_max_position_embeddings": 64,
      ],
      "starcoder2": [
        "activation_function": "gelu", "norm_type": "layer_norm", "mlp_type": "default",
        "attention_softmax_in_fp32": true, "scale_attention_softmax_in_fp32": true,
      ], "granite": ["position_embedding_type": "rope", "normalization_function": "rmsnorm", "num_experts_per_tok": 0],
      "gptj": ["rotary": true, "scale_attn_weights": true, "n_inner": NSNull()],
      "falcon": ["num_kv_heads": 4, "alibi": false, "apply_residual_connection_post_layernorm": false],
      "bloom": [
        "offset_alibi": 100, "seq_length": 2048, "masked_softmax_fusion": true, "slow_but_exact": false,
        "attention_softmax_in_fp32": true,
      ],
      "modernbert": [
        "position_embedding_type": "absolute", "reference_compile": true, "sparse_prediction": false,
        "repad_logits_with_grad": false,
      ], "t5": ["is_gated_act": false, "dense_act_fn": "relu", "output_past": true],
      "t5-v1.1": ["is_gated_act": true, "dense_act_fn": "gelu_new"],
      "deberta-v2": ["pooler_hidden_act": "gelu", "relative_attention": true, "norm_rel_ebd": "layer_norm"],
      "mixtral": ["router_aux_loss_coef": 0.02, "output_router_logits": false, "sliding_window": NSNull()],
    ]
  }

  @Test func whatCheckpointsSayBesidesChangesNothing() throws {
    let notes: [String: Any] = [
      "my_note": "trained on a Tuesday", "transformers_version": "4.40.0", "torch_dtype": "bfloat16", "use_cache": true,
      "chunk_size_feed_forward": 0, "attention_dropout": 0.1, "initializer_range": 0.02, "problem_type": "regression",
      "output_attentions": false, "task_specific_params": ["a": ["b": 1]], "quantization_config": NSNull(),
      "sliding_window_note": 3, "_name_or_path": "/somewhere",
    ]
    for fixture in UnreadKeysTests.fixtures {
      let own = UnreadKeysTests.harmless[fixture] ?? [:]
      let (folder, config) = try configuration(fixture, notes.merging(own) { _, own in own })
      defer { withExtendedLifetime(folder) {} }
      let refusal = whyNot(config)
      #expect(refusal == nil, "\(fixture): \(refusal?.message ?? "")")
    }
  }
}
