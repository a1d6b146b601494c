import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// The same for encoders and encoder-decoders, and the second names of keys for all: other words, the same bits.
@Suite struct EncoderKeyAliasTests {
  private static let bare = ["bert", "roberta", "xlm-roberta", "distilbert", "electra", "albert"]
  private static let encoderDecoders = ["marian", "bart", "mbart", "pegasus", "m2m_100", "fsmt"]

  @Test(arguments: bare) func encodersWithThePrefixThatHeadsBring(name: String) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results()
    let prefix = try #require(try copy.blueprint().prefixes.first)
    #expect(copy.tensors.allSatisfy { !$0.name.hasPrefix(prefix) })
    for index in copy.tensors.indices { copy.tensors[index].name = prefix + copy.tensors[index].name }
    #expect(try copy.results() == expected)
  }

  @Test(arguments: encoderDecoders) func aHeadThatIsTheTokenTableOrACopyOfIt(name: String) throws {
    let copy = try CheckpointCopy(name)
    copy.config["tie_word_embeddings"] = false
    guard case .linear(let head) = try copy.blueprint().head?.output else {
      Issue.record("no head of its own")
      return
    }
    // Weights that differ from the table are not tied to it, whatever the configuration says.
    copy.tensors.removeAll { $0.name == "\(head.name).weight" }
    copy.config["tie_word_embeddings"] = true
    let expected = try copy.results()
    let stack = try #require(try copy.blueprint().decoder)
    let names = stack.embedding.tokens.map { "model.\($0)" }
    let table = try #require(names.lazy.compactMap { name in copy.tensors.first { $0.name == name } }.first)
    copy.config["tie_word_embeddings"] = false
    copy.tensors.append(WrittenTensor("\(head.name).weight", type: table.type, shape: table.shape, bytes: table.bytes))
    // Without a shared head there may be a table for each side, which here are the same.
    #expect(try copy.results() == expected)
    copy.config["tie_word_embeddings"] = true
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
