import AttendBase
import AttendCheckpoints

extension OptionReader {
  /// Options of transformers' GenerationConfig that are not implemented, with the values, as JSON spells them, that ask
  /// for nothing; none: any value does. `changesResults`: a checkpoint that sets it would be answered wrongly without.
  private static let unimplemented: [(name: String, neutral: [String], changesResults: Bool)] = [
    ("assistant_early_exit", ["null"], false),
    ("assistant_ensemble_weight", ["null"], true),
    ("assistant_lookbehind", ["10"], false),
    ("cache_config", ["null"], false),
    ("cache_implementation", ["\"dynamic\""], false),
    ("compile_config", ["null"], false),
    ("constraints", ["null"], true),
    ("continuous_batching_config", ["null"], false),
    ("disable_compile", [], false),
    ("dola_layers", ["null"], true),
    ("is_assistant", ["false"], false),
    ("low_memory", [], false),
    ("max_cache_len", ["null"], false),
    ("num_assistant_tokens_schedule", ["\"constant\""], false),
    ("output_attentions", ["false"], false),
    ("output_hidden_states", ["false"], false),
    ("output_logits", ["false"], false),
    ("prefill_chunk_size", ["null"], false),
    ("remove_invalid_values", ["false"], false),
    ("return_dict_in_generate", [], false),
    ("speculation_type", ["null"], false),
    ("target_lookbehind", ["10"], false),
    ("token_healing", ["false"], true),
    ("transformers_version", [], false),
    ("use_cache", ["true"], false),
    ("use_mtp", ["false"], false),
    ("watermarking_config", ["null"], true),
    ("_from_model_config", [], false),
  ]

  /// Throws for what is asked for and not implemented: `invalidArgument` where the call asks, `unsupported` where the
  /// checkpoint does, and would be answered otherwise than it says.
  func refuseUnimplemented() throws(Failure) {
    for (name, neutral, changesResults) in OptionReader.unimplemented {
      guard let value = json(name), !value.isNull, !neutral.isEmpty else { continue }
      let text = String(decoding: value.source, as: UTF8.self)
      guard !neutral.contains(text) else { continue }
      if isAsked(name) {
        let accepted = neutral == ["null"] ? "" : "; the only value is \(neutral[0])"
        throw Failure(.invalidArgument, "\(name) is \(value.excerpt), which is not implemented\(accepted)")
      } else if changesResults {
        throw Failure(.unsupported, "\(value.file): \(name) is \(value.excerpt), which is not implemented")
      }
    }
  }
}
