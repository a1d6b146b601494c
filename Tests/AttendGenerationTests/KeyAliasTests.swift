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
  private static let encoderDecoders = ["marian", "bart", "mbart", "pegasus", "m2m_100", "fsmt"]

  @Test func thereAreCases() { #expect(KeyAliasTests.decoders.count >= 40) }

  @Test(arguments: decoders) func aConfigurationOfBefore(name: String) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results()
    copy.config = olderSpelling(of: copy.config)
    #expect(try copy.results() == expected)
  }

  /// Not FSMT, whose head is one of the names with the prefix.
  @Test(arguments: decoders + encoderDecoders.filter { $0 != "fsmt" })
  func namesWithAndWithoutTheirPrefix(name: String) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results()
    let prefix = try #require(try copy.blueprint().prefixes.first)
    #expect(copy.tensors.contains { $0.name.hasPrefix(prefix) })
    for index in copy.tensors.indices where copy.tensors[index].name.hasPrefix(prefix) {
      copy.tensors[index].name.removeFirst(prefix.count)
    }
    #expect(try copy.results() == expected)
  }

  /// A table that the encoder reads too must stay.
  @Test(arguments: decoders + encoderDecoders) func aHeadThatIsTheTokenTableOrACopyOfIt(name: String) throws {
    let copy = try CheckpointCopy(name)
    copy.config["tie_word_embeddings"] = false
    guard case .linear(let head) = try copy.blueprint().head?.output else {
      Issue.record("no head of its own")
      return
    }
    let own = "\(head.name).weight"
    copy.tensors.removeAll { $0.name == own }
    copy.config["tie_word_embeddings"] = true
    let expected = try copy.results()
    let table = try copy.tokenTable()
    let copied = WrittenTensor(own, type: table.type, shape: table.shape, bytes: table.bytes)
    copy.tensors.append(copied)
    #expect(try copy.results() == expected)
    copy.config["tie_word_embeddings"] = false
    #expect(try copy.results() == expected)
    guard try copy.blueprint().encoder == nil else { return }
    copy.config["tie_word_embeddings"] = true
    copy.tensors.removeAll { $0.name == table.name }
    #expect(try copy.results() == expected)
  }

  /// What differs is not tied, whatever the configuration says.
  @Test(arguments: ["llama", "gpt_neox", "gptj"]) func aHeadThatIsCalledTiedAndIsNot(name: String) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results()
    copy.config["tie_word_embeddings"] = true
    #expect(try copy.results() == expected)
  }

  @Test(arguments: ["bert", "roberta", "xlm-roberta", "distilbert", "electra", "albert"])
  func encodersWithThePrefixThatHeadsBring(name: String) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results()
    let prefix = try #require(try copy.blueprint().prefixes.first)
    #expect(copy.tensors.allSatisfy { !$0.name.hasPrefix(prefix) })
    for index in copy.tensors.indices { copy.tensors[index].name = prefix + copy.tensors[index].name }
    #expect(try copy.results() == expected)
  }

  @Test(arguments: ["bert-masked-lm"]) func aMaskedWordsHeadWithACopyOfTheTable(name: String) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results()
    let table = try #require(copy.tensors.first { $0.name == "bert.embeddings.word_embeddings.weight" })
    copy.tensors.removeAll { $0.name == "cls.predictions.decoder.weight" }
    #expect(try copy.results() == expected)
    copy.tensors.append(
      WrittenTensor("cls.predictions.decoder.weight", type: table.type, shape: table.shape, bytes: table.bytes))
    #expect(try copy.results() == expected)
  }

  @Test(arguments: ["gpt2", "openai-gpt", "gpt_neo", "gptj", "distilbert", "t5"] + encoderDecoders)
  func keysUnderTheirSecondNames(name: String) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results()
    let family = try #require(
      Registry.families.first { $0.modelTypes.contains(copy.config["model_type"] as? String ?? "") })
    var renamed = 0
    for (key, second) in family.keyAliases {
      guard let value = copy.config.removeValue(forKey: key) else { continue }
      copy.config[second] = value
      renamed += 1
    }
    #expect(renamed >= 2)
    #expect(try copy.results() == expected)
  }
}

extension CheckpointCopy {
  /// The stored token table of a decoder.
  fileprivate func tokenTable() throws -> WrittenTensor {
    let blueprint = try blueprint()
    let names = Set(
      (blueprint.decoder?.embedding?.tokens ?? []).flatMap { name in blueprint.prefixes.map { $0 + name } })
    return try #require(tensors.first { names.contains($0.name) })
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
