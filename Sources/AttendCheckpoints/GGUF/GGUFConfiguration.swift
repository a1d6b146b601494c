// The configuration of a model in GGUF, as the config.json that its family reads.
import AttendBase

/// Metadata and tensors of a model, and the configuration that follows from them. One thread at a time.
final class GGUFConfiguration {
  let files: FixedArray<GGUFFile>
  let modelType: String
  let heads: GGUFHeads
  /// `general.architecture`, with which the keys of the metadata begin.
  private let name: String
  private let isGrouped: Bool
  private var members: [String] = []

  var metadata: GGUFMetadata { files[0].metadata }

  init(_ name: String, _ architecture: GGUFArchitecture, _ files: FixedArray<GGUFFile>) throws(Failure) {
    (self.name, self.files, modelType) = (name, files, architecture.modelType)
    isGrouped = architecture.groupsInput
    let metadata = files[0].metadata
    func size(_ key: String) throws(Failure) -> Int? { try GGUFConfiguration.uniform("\(name).\(key)", metadata) }
    guard let count = try size("attention.head_count"), let width = try size("embedding_length"), count > 0 else {
      throw metadata.invalid(
        "\(name).attention.head_count", "or \(name).embedding_length is missing, or there are no heads")
    }
    let components = try size("attention.key_length") ?? width / count
    var keyValues = try size("attention.head_count_kv") ?? (name == "starcoder" ? 1 : count)
    // Some converters write the number of heads of queries; the keys themselves tell how many there are.
    if components > 0, let key = GGUFConfiguration.tensor("blk.0.attn_k.weight", files) {
      keyValues = key.sizes[1] / components
    }
    heads = GGUFHeads(count: count, keyValues: keyValues, components: components)
    if let values = try size("attention.value_length"), values != components {
      throw Failure(
        .unsupported,
        "\(metadata.file.path): \(name).attention.value_length \(values) beside keys of \(components) components is "
          + "not implemented")
    }
  }

  /// A size that is one number, or the same for all layers.
  private static func uniform(_ key: String, _ metadata: GGUFMetadata) throws(Failure) -> Int? {
    guard let entry = metadata.entry(key), let count = entry.count else { return try metadata.size(key) }
    let first = count > 0 ? metadata.integer(entry) : nil
    for index in 0..<count where metadata.integer(entry, index) != first {
      throw Failure(
        .unsupported, "\(metadata.file.path): metadata \(key) differs from layer to layer, which is not implemented")
    }
    guard let first, (0...Configuration.maximalInteger).contains(first) else {
      throw metadata.invalid(key, "is not a list of integers from 0 to \(Configuration.maximalInteger)")
    }
    return first
  }

  private static func tensor(_ name: String, _ files: FixedArray<GGUFFile>) -> GGUFFile.Tensor? {
    for file in files { if let tensor = file.tensor(name) { return tensor } }
    return nil
  }

  func tensor(_ name: String) -> GGUFFile.Tensor? { GGUFConfiguration.tensor(name, files) }
  func has(_ tensor: String) -> Bool { self.tensor(tensor) != nil }

  /// The sentence-transformers' pooling of an encoder; nil: it says none.
  var pooling: String? {
    guard let kind = try? metadata.size("\(name).pooling_type"), (1...3).contains(kind) else { return nil }
    let keys = ["pooling_mode_mean_tokens", "pooling_mode_cls_token", "pooling_mode_lasttoken"]
    let modes = keys.enumerated().map { "\"\($1)\": \($0 + 1 == kind)" }.joined(separator: ", ")
    return "{\"word_embedding_dimension\": \(width), \(modes)}"
  }

  private var width: Int { ((try? metadata.size("\(name).embedding_length")) ?? nil) ?? 0 }

  // MARK: Writing

  func add(_ key: String, _ value: Int?) { if let value { members.append("\"\(key)\": \(value)") } }
  func add(_ key: String, _ value: Double?) { if let value { members.append("\"\(key)\": \(value)") } }
  func add(_ key: String, _ value: Bool) { members.append("\"\(key)\": \(value)") }
  func add(_ key: String, text: String) { members.append("\"\(key)\": \"\(text)\"") }
  func add(_ key: String, json: String) { members.append("\"\(key)\": \(json)") }

  /// Values of the metadata of the architecture.
  func size(_ key: String) throws(Failure) -> Int? { try GGUFConfiguration.uniform("\(name).\(key)", metadata) }
  func number(_ key: String) throws(Failure) -> Double? { try metadata.number("\(name).\(key)") }
  func boolean(_ key: String) throws(Failure) -> Bool? { try metadata.boolean("\(name).\(key)") }
  func word(_ key: String) throws(Failure) -> String? { try metadata.text("\(name).\(key)") }

  func required(_ key: String) throws(Failure) -> Int {
    guard let value = try size(key) else { throw metadata.invalid("\(name).\(key)", "is missing") }
    return value
  }

  func unsupported(_ key: String, _ reason: String) -> Failure {
    Failure(.unsupported, "\(metadata.file.path): metadata \(name).\(key) \(reason)")
  }

  /// The text of config.json.
  func text() throws(Failure) -> String {
    members = []
    add("model_type", text: modelType)
    guard let table = tensor("token_embd.weight"), table.rank == 2 else {
      throw Failure(.invalidFile, "\(metadata.file.path): tensor token_embd.weight is missing, or is no matrix")
    }
    add("vocab_size", table.sizes[1])
    try addTokens()
    switch modelType {
    case "gpt2", "gpt_bigcode": try addGPT2()
    case "gpt_neox": try addNeoX()
    case "bloom": try addBloom()
    case "falcon": try addFalcon()
    case "mpt": try addMPT()
    case "bert", "distilbert": try addBert()
    case "modernbert": try addModernBert()
    case "t5", "umt5": try addT5()
    default: try addLlamaLine()
    }
    try refuseUnread()
    return "{\(members.joined(separator: ",\n"))}"
  }

  /// The ids of special tokens; a turn of a chat may have an end of its own.
  private func addTokens() throws(Failure) {
    func token(_ name: String) throws(Failure) -> Int? { try metadata.size("tokenizer.ggml.\(name)_token_id") }
    add("bos_token_id", try token("bos"))
    add("pad_token_id", try token("padding"))
    var ends: [Int] = []
    for name in ["eos", "eot", "eom"] { if let end = try token(name), !ends.contains(end) { ends.append(end) } }
    if ends.count == 1 { add("eos_token_id", ends[0]) }
    if ends.count > 1 { add("eos_token_id", json: "\(ends)") }
  }

  /// The width of feed-forward networks: that of the matrix behind them.
  func feedForwardWidth(_ layer: String = "blk.0.ffn_down.weight") throws(Failure) -> Int {
    if let down = tensor(layer) { return down.sizes[0] }
    return try required("feed_forward_length")
  }

  func epsilon() throws(Failure) -> Double? {
    if let epsilon = try number("attention.layer_norm_epsilon") { return epsilon }
    return try number("attention.layer_norm_rms_epsilon")
  }

  /// Keys that change nothing that is computed, or that the tensors tell as well.
  private static let harmless: StaticString = """
    context_length vocab_size feed_forward_length tensor_data_layout rope.scaling.finetuned attention.causal
    attention.head_count_kv attention.layer_norm_epsilon attention.layer_norm_rms_epsilon attention.key_length
    attention.value_length attention.head_count embedding_length block_count pooling_type expert_feed_forward_length
    expert_shared_feed_forward_length rope.dimension_count token_type_count rope.scaling.original_context_length
    attention.max_alibi_bias use_parallel_residual interleave_moe_layer_step decoder_block_count hidden_activation
    classifier.pooling_type expert_shared_count mm.tokens_per_image attention.relative_buckets_count
    """

  /// Throws `unsupported` where a key of the architecture has a meaning that is not known here, unless it says no or 0.
  private func refuseUnread() throws(Failure) {
    if try boolean("attention.causal") == false, !["bert", "distilbert", "modernbert"].contains(modelType) {
      throw unsupported("attention.causal", "is false, which is not implemented for this architecture")
    }
    try metadata.forEachUnread("\(name).") { (key, entry) throws(Failure) in
      let rest = key.dropFirst(name.utf8.count + 1)
      let isHarmless = GGUFConfiguration.harmless.withUTF8Buffer { words in
        words.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.contains { $0.elementsEqual(rest.utf8) }
      }
      if isHarmless || entry.count == nil && metadata.number(entry) == 0 || entry.count == 0 { return }
      throw Failure(.unsupported, "\(metadata.file.path): metadata \(key) is not understood")
    }
  }
}
