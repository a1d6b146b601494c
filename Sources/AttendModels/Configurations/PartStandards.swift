import AttendCheckpoints

extension Configuration {
  /// Takes the sizes that a decoder of this `model_type` has where its configuration, as a part of another, leaves them
  /// out: those of its class in transformers, whose files hold of parts what differs from these.
  func useStandards(of modelType: String) {
    guard let sizes = Configuration.standardSizes[modelType] else { return }
    let keys = [
      "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
      "vocab_size", "max_position_embeddings", "head_dim",
    ]
    for (key, size) in zip(keys, sizes) where size > 0 { standards[key] = size }
  }

  /// By `model_type`, in the order of the keys above; 0: it follows from the others, or there is none.
  private static let standardSizes: [String: [Int]] = [
    "llama": [4096, 11008, 32, 32, 0, 32000, 2048, 0],
    "mistral": [4096, 14336, 32, 32, 8, 32000, 131_072, 0],
    "qwen2": [4096, 22016, 32, 32, 32, 151_936, 32768, 0],
    "qwen3": [4096, 22016, 32, 32, 32, 151_936, 32768, 128],
    "qwen3_moe": [2048, 6144, 24, 32, 4, 151_936, 32768, 0],
    "gemma": [3072, 24576, 28, 16, 16, 256_000, 8192, 256],
    "gemma2": [2304, 9216, 26, 8, 4, 256_000, 8192, 256],
    "gemma3_text": [2304, 9216, 26, 8, 4, 262_208, 131_072, 256],
    "mllama_text_model": [4096, 14336, 40, 32, 8, 128_256, 131_072, 0],
  ]
}
