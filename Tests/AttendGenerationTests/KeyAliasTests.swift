import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// The same checkpoint in other words computes the same, to the bit: configurations and names of tensors as they were
/// written over the years.
@Suite struct KeyAliasTests {
  /// The cases of decoders.
  private static let decoders = ConformanceCases.names(.decoder)

  @Test func thereAreCases() { #expect(KeyAliasTests.decoders.count >= 40) }

  @Test(arguments: decoders) func aConfigurationOfBefore(name: String) throws {
    let variant = try Variant(name)
    let expected = try variant.results()
    variant.config = olderSpelling(of: variant.config)
    #expect(try variant.results() == expected)
  }

  @Test(arguments: decoders) func namesWithAndWithoutTheirPrefix(name: String) throws {
    let variant = try Variant(name)
    let expected = try variant.results()
    let prefix = try #require(try variant.blueprint().prefixes.first)
    #expect(variant.tensors.contains { $0.name.hasPrefix(prefix) })
    for index in variant.tensors.indices where variant.tensors[index].name.hasPrefix(prefix) {
      variant.tensors[index].name.removeFirst(prefix.count)
    }
    #expect(try variant.results() == expected)
  }

  @Test(arguments: decoders) func aHeadThatIsTheTokenTableOrACopyOfIt(name: String) throws {
    let variant = try Variant(name)
    variant.config["tie_word_embeddings"] = false
    guard case .linear(let head) = try variant.blueprint().head?.output else {
      Issue.record("no head of its own")
      return
    }
    let (table, own) = (try variant.tokenTable(), "\(head.name).weight")
    variant.tensors.removeAll { $0.name == own }
    variant.tensors.append(WrittenTensor(own, type: table.type, shape: table.shape, bytes: table.bytes))
    let copied = try variant.results()
    variant.config["tie_word_embeddings"] = true
    #expect(try variant.results() == copied)
    variant.tensors.removeAll { $0.name == own }
    #expect(try variant.results() == copied)
    variant.tensors.removeAll { $0.name == table.name }
    variant.tensors.append(WrittenTensor(own, type: table.type, shape: table.shape, bytes: table.bytes))
    #expect(try variant.results() == copied)
  }

  /// What differs is not tied, whatever the configuration says.
  @Test(arguments: ["llama", "gpt_neox", "gptj"]) func aHeadThatIsCalledTiedAndIsNot(name: String) throws {
    let variant = try Variant(name)
    let expected = try variant.results()
    variant.config["tie_word_embeddings"] = true
    #expect(try variant.results() == expected)
  }
}

/// A decoder's case whose files may be changed.
private final class Variant {
  var config: [String: Any]
  var tensors: [WrittenTensor]
  private let prompts: [[Int32]]

  init(_ name: String) throws {
    let reference = try ConformanceCase(name)
    prompts = reference.sources
    let data = try Data(contentsOf: URL(fileURLWithPath: reference.path + "/config.json"))
    config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let types: [ElementType: String] = [.float32: "F32", .float16: "F16", .bfloat16: "BF16"]
    tensors = try Checkpoint(HuggingFaceFolder(reference.path)).tensors.map {
      WrittenTensor($0.name, type: types[$0.type] ?? "", shape: $0.shape, bytes: Array($0.bytes))
    }
  }

  /// What the configuration describes.
  func blueprint() throws -> Blueprint {
    let folder = try TemporaryFolder()
    try write(to: folder)
    return try Registry.blueprint(try Configuration(file: folder.path(of: "config.json")))
  }

  /// The stored token table.
  func tokenTable() throws -> WrittenTensor {
    let blueprint = try blueprint()
    let names = Set(
      (blueprint.decoder?.embedding.tokens ?? []).flatMap { name in blueprint.prefixes.map { $0 + name } })
    return try #require(tensors.first { names.contains($0.name) })
  }

  /// The logits of the prompts' tokens.
  func results() throws -> [Float] {
    let folder = try TemporaryFolder()
    try write(to: folder)
    try folder.write("model.safetensors", try safetensors(tensors))
    let session = try Session(model: try model(folder.path), threads: 0)
    try session.encode(prompts.map { Array($0[..<1]) })
    return try session.decode(prompts.map { Array($0[1...]) })
  }

  private func write(to folder: TemporaryFolder) throws {
    try folder.write("config.json", [UInt8](try JSONSerialization.data(withJSONObject: config)))
  }
}

/// A configuration with the keys that earlier versions of transformers wrote, without those that they did not have.
private func olderSpelling(of config: [String: Any]) -> [String: Any] {
  var older = config
  let type = config["model_type"] as? String ?? ""
  func rename(_ key: String, _ name: String) {
    if let value = older.removeValue(forKey: key), older[name] == nil { older[name] = value }
  }
  if let parameters = older.removeValue(forKey: "rope_parameters") as? [String: Any] {
    spellRotary(parameters, type, &older)
  }
  rename("dtype", "torch_dtype")
  rename("_sliding_window_pattern", "sliding_window_pattern")
  older["layer_types"] = nil
  if config["num_key_value_heads"] as? Int == config["num_attention_heads"] as? Int {
    older["num_key_value_heads"] = nil
  }
  if let heads = config["num_attention_heads"] as? Int, let width = config["hidden_size"] as? Int,
    // whose heads have a size of their own where it is not told
    config["head_dim"] as? Int == width / heads, !type.hasPrefix("gemma"), !type.hasPrefix("qwen3")
  {
    older["head_dim"] = NSNull()
  }
  switch type {
  case "falcon":
    for (key, name) in [
      ("num_attention_heads", "n_head"), ("num_hidden_layers", "n_layer"), ("num_kv_heads", "n_head_kv"),
      ("hidden_size", "n_embed"),
    ] { rename(key, name) }
  case "bloom":
    for (key, name) in [
      ("n_head", "num_attention_heads"), ("n_layer", "num_hidden_layers"), ("hidden_size", "n_embed"),
    ] { rename(key, name) }
  case "gemma":
    older["hidden_activation"] = nil
    older["hidden_act"] = "gelu"
  default: break
  }
  return older
}

/// `rope_parameters` as it was before there was such a thing.
private func spellRotary(_ parameters: [String: Any], _ type: String, _ older: inout [String: Any]) {
  if let local = parameters["sliding_attention"] as? [String: Any] {
    older["rope_local_base_freq"] = local["rope_theta"]
  }
  var global = parameters["full_attention"] as? [String: Any] ?? parameters
  older[type == "gpt_neox" ? "rotary_emb_base" : "rope_theta"] = global.removeValue(forKey: "rope_theta")
  if let share = global.removeValue(forKey: "partial_rotary_factor") {
    older[type == "gpt_neox" ? "rotary_pct" : "partial_rotary_factor"] = share
  }
  if let scaling = global.removeValue(forKey: "rope_type"), scaling as? String != "default" {
    global["type"] = scaling
    older["rope_scaling"] = global
  }
}
