import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

extension Configuration {
  /// The activation that a key names, as transformers' ACT2FN does. Those with parameters that are learned, "prelu" and
  /// "xielu", are not implemented.
  func activation(_ key: String, default standard: String? = nil) throws(Failure) -> Activation {
    let name = try string(key, default: standard)
    guard let activation = Configuration.activations[name] else {
      throw Failure(.unsupported, "\(path): \(key) \"\(name)\" is not implemented")
    }
    return activation
  }

  private static let activations: [String: Activation] = [
    "relu": .relu, "gelu": .gelu, "gelu_python": .gelu, "gelu_new": .geluTanh, "gelu_fast": .geluTanh,
    "gelu_pytorch_tanh": .geluTanh, "gelu_python_tanh": .geluTanh, "gelu_accurate": .geluTanh, "gelu_10": .geluClipped,
    "quick_gelu": .quickGelu, "silu": .silu, "swish": .silu, "tanh": .tanh, "linear": .none, "sigmoid": .sigmoid,
    "relu2": .reluSquared, "relu6": .relu6, "leaky_relu": .leakyRelu, "laplace": .laplace, "mish": .mish,
    "hardswish": .hardSwish, "sqrtsoftplus": .softplusRoot,
  ]

  /// A number of layers, under one key or another; thousands more than any model has are an error, before anything is
  /// made for each of them.
  func layers(_ key: String, _ other: String? = nil, default standard: Int? = nil) throws(Failure) -> Int {
    try plausible(key, other, standard, "layers")
  }

  /// A number of heads, likewise.
  func heads(_ key: String, _ other: String? = nil, default standard: Int? = nil) throws(Failure) -> Int {
    try plausible(key, other, standard, "heads")
  }

  private func plausible(_ key: String, _ other: String?, _ standard: Int?, _ things: String) throws(Failure) -> Int {
    let count = if let other { try size(key, other, default: standard) } else { try size(key, default: standard) }
    guard count <= 10_000 else { throw invalid(key, "is \(count); more than 10000 \(things) are not plausible") }
    return count
  }

  /// A number of heads that must divide `whole`, the value of another key.
  func divisor(
    _ key: String, of whole: Int, _ wholeKey: String, default standard: Int? = nil
  ) throws(Failure) -> Int {
    let size = try heads(key, default: standard)
    guard whole % size == 0 else { throw invalid(key, "is \(size), which does not divide \(wholeKey) \(whole)") }
    return size
  }

  /// The buckets of T5's relative positions.
  func relativeBuckets(bidirectional: Bool) throws(Failure) -> RelativeBuckets {
    let count = try size("relative_attention_num_buckets", default: 32)
    let distance = try size("relative_attention_max_distance", default: 128)
    let buckets = RelativeBuckets(count: count, maxDistance: distance, bidirectional: bidirectional)
    guard buckets.isValid, distance <= 1 << 20 else {
      throw invalid("relative_attention_max_distance", "is \(distance), which \(count) buckets cannot stand for")
    }
    return buckets
  }

  /// Throws `unsupported`, naming the key, unless it is absent or null.
  func refuse(_ key: String) throws(Failure) {
    if holds(key) { throw Failure(.unsupported, "\(path): \(key) is not implemented for this model_type") }
    understand(key)
  }

  /// Throws `unsupported`, naming key and value, unless a key is absent or says what is implemented.
  func require(_ key: String, _ implemented: Bool) throws(Failure) {
    if let value = try optionalBoolean(key), value != implemented {
      throw Failure(.unsupported, "\(path): \(key) = \(value) is not implemented for this model_type")
    }
  }

  /// The meaning of a text; an error that lists the possible ones where it is none of them.
  func choice<Value>(
    _ key: String, _ values: [String: Value], default standard: String
  ) throws(Failure) -> Value {
    let name = try string(key, default: standard)
    guard let value = values[name] else {
      throw Failure(
        .unsupported,
        "\(path): \(key) \"\(name)\" is not known; known are \(values.keys.sorted().joined(separator: ", "))")
    }
    return value
  }

  // MARK: The formats of this project

  /// The architecture that `kind` names.
  func modelKind() throws(Failure) -> ModelKind {
    try choice(
      "kind", ["encoder-decoder": .encoderDecoder, "encoder": .encoder, "decoder": .decoder],
      default: "encoder-decoder")
  }

  /// Throws `unsupported` where a key was not read that is not one of those which change nothing: one that is misspelt
  /// is not silently another choice.
  func refuseOthers() throws(Failure) {
    understand(
      "architectures", "torch_dtype", "dtype", "transformers_version", "dropout", "batch_first", "tokenizer_class",
      "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "decoder_start_token_id")
    guard unread.isEmpty else {
      throw Failure(
        .unsupported,
        "\(path): \(unread.joined(separator: ", ")) is not a key that this model_type knows or uses here")
    }
  }
}
