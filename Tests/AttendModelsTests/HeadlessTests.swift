import AttendBase
import AttendCheckpoints
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Decoders saved without the product that makes logits, and encoders without their head, as those behind embeddings
/// are.
@Suite struct HeadlessTests {
  private static let fixtures = Repository.root.appendingPathComponent("Tests/Fixtures")

  /// A case as `architecture`, its names without "model." or `prefix`, with only the tensors that `keeps` keeps.
  private func folder(
    _ architecture: String, of name: String = "conformance/llama", prefix: String = "model.", keeps: (String) -> Bool
  ) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let fixture = HeadlessTests.fixtures.appendingPathComponent(name)
    let data = try Data(contentsOf: fixture.appendingPathComponent("config.json"))
    var config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    config["architectures"] = [architecture]
    try folder.write("config.json", [UInt8](JSONSerialization.data(withJSONObject: config)))
    let file = try SafetensorsFile(fixture.path + "/model.safetensors")
    let tensors = file.tensors.filter { keeps($0.name) }.map {
      WrittenTensor(
        $0.name.replacingOccurrences(of: prefix, with: ""), type: "F32", shape: Array($0.shape), bytes: Array($0.bytes))
    }
    try folder.write("model.safetensors", try safetensors(tensors))
    return folder
  }

  @Test func bareLayersLoadWithoutTheirHead() throws {
    let folder = try folder("LlamaModel") { $0 != "lm_head.weight" }
    let model = try withExtendedLifetime(folder) { try Model(path: folder.path, options: Model.Options()) }
    #expect(model.head == nil)
    #expect(model.decoder != nil)
  }

  @Test func aModelThatTellsTheNextTokenNeedsItsHead() throws {
    let folder = try folder("LlamaForCausalLM") { $0 != "lm_head.weight" }
    let failure = #expect(throws: Failure.self) {
      try withExtendedLifetime(folder) { try Model(path: folder.path, options: Model.Options()) }
    }
    #expect(failure?.message.contains("lm_head.weight") == true)
  }

  @Test func anEncoderMayLackTheHeadForMaskedWords() throws {
    let folder = try folder("MPNetForMaskedLM", of: "heads/mpnet-masked-lm", prefix: "mpnet.") {
      !$0.hasPrefix("lm_head.")
    }
    let model = try withExtendedLifetime(folder) { try Model(path: folder.path, options: Model.Options()) }
    #expect(model.head == nil)
    #expect(model.encoder != nil)
  }

  @Test func aClassifierIsNotMissedInSilence() throws {
    let folder = try folder(
      "MPNetForSequenceClassification", of: "heads/mpnet-sequence-classification", prefix: "mpnet."
    ) { !$0.hasPrefix("classifier.") }
    let failure = #expect(throws: Failure.self) {
      try withExtendedLifetime(folder) { try Model(path: folder.path, options: Model.Options()) }
    }
    #expect(failure?.message.contains("classifier.dense.weight") == true)
  }

  @Test func anotherHeadIsNamed() throws {
    let folder = try folder("LlamaForReward") { _ in true }
    let failure = #expect(throws: Failure.self) {
      try withExtendedLifetime(folder) { try Model(path: folder.path, options: Model.Options()) }
    }
    #expect(failure?.message.contains("LlamaForReward") == true)
  }
}
