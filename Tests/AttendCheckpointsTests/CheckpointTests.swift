import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation
import Testing

@Suite("Checkpoints") struct CheckpointTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func refusal() throws -> Failure {
    let failure = try #require(throws: Failure.self) { try Checkpoint(HuggingFaceFolder(folder.path)) }
    #expect(failure.message.contains(folder.path))
    return failure
  }

  /// Two shards with the tensors a, b and c.
  private func writeShards(index: String) throws {
    try writeSafetensors(folder.path(of: "s1.safetensors"), [("a", [2], [1, 2]), ("c", [1], [3])])
    try writeSafetensors(folder.path(of: "s2.safetensors"), [("b", [1, 2], [4, 5])])
    try folder.write("model.safetensors.index.json", index)
  }

  private static let goodIndex =
    #"{"metadata": {"total_size": 20}, "weight_map": {"a": "s1.safetensors", "b": "s2.safetensors", "c": "#
    + #""s1.safetensors"}}"#

  @Test("shards read as one file does") func shards() throws {
    try writeShards(index: CheckpointTests.goodIndex)
    let sharded = try Checkpoint(HuggingFaceFolder(folder.path))
    #expect(sharded.files.count == 2)
    #expect(sharded.tensors.map(\.name) == ["a", "b", "c"])
    try writeSafetensors(
      folder.path(of: "model.safetensors"), [("c", [1], [3]), ("b", [1, 2], [4, 5]), ("a", [2], [1, 2])])
    let single = try Checkpoint(HuggingFaceFolder(folder.path + "/"))
    #expect(single.files.count == 1)
    for checkpoint in [sharded, single] {
      #expect(
        checkpoint["a"]?.floats == [1, 2] && checkpoint["b"]?.floats == [4, 5] && checkpoint["c"]?.floats == [3])
      #expect(checkpoint["d"] == nil)
      #expect(try checkpoint.tensor("b", shape: TensorShape(1, 2)).floats == [4, 5])
      #expect(try checkpoint.tensor("a", shape: TensorShape(1, 2), or: TensorShape(2)).floats == [1, 2])
    }
  }

  @Test("missing and misshaped tensors are named with their shapes") func shapes() throws {
    try writeSafetensors(folder.path(of: "model.safetensors"), [("a", [2], [1, 2])])
    let checkpoint = try Checkpoint(HuggingFaceFolder(folder.path))
    let missing = try #require(throws: Failure.self) { try checkpoint.tensor("model.b", shape: TensorShape(3, 4)) }
    #expect(
      missing.code == .invalidFile && missing.message.contains("tensor model.b of shape [3, 4] is missing")
        && missing.message.contains(folder.path))
    let misshaped = try #require(throws: Failure.self) { try checkpoint.tensor("a", shape: TensorShape(3)) }
    #expect(
      misshaped.code == .invalidFile && misshaped.message.contains("tensor a has the shape [2]")
        && misshaped.message.contains("asks for [3]"))
    #expect(misshaped.message.contains("model.safetensors"))
  }

  @Test("a tensor of an unknown type is an error for who asks") func unknownType() throws {
    try folder.write(
      "model.safetensors", try safetensors([WrittenTensor("a", type: "F8_E5M2", shape: [2], bytes: [1, 2])]))
    let checkpoint = try Checkpoint(HuggingFaceFolder(folder.path))
    #expect(try checkpoint.tensors.isEmpty && checkpoint["a"] == nil && checkpoint.names == ["a"])
    let failure = try #require(throws: Failure.self) { try checkpoint.tensor("a", shape: TensorShape(2)) }
    #expect(
      failure.code == .unsupported && failure.message.contains("model.safetensors: tensor a")
        && failure.message.contains("F8_E5M2"))
  }

  @Test(
    "an index that lies is refused",
    arguments: [
      ("[]", "weight_map"), ("{}", "weight_map"), (#"{"weight_map": {}}"#, "weight_map"),
      (#"{"weight_map": []}"#, "weight_map"), (#"{"weight_map": "#, "line 1, column 16"),
      (#"{"weight_map": {"a": 1}}"#, "the file of tensor a is 1, not a string"),
      (#"{"weight_map": {"a": "s1.safetensors", "a": "s2.safetensors"}}"#, "tensor a is listed twice"),
      (#"{"weight_map": {"a": "../s1.safetensors"}}"#, "\"../s1.safetensors\", is not in"),
      (#"{"weight_map": {"a": "/etc/passwd"}}"#, "is not in"),
      (#"{"weight_map": {"a": "x/../../s1.safetensors"}}"#, "is not in"), (#"{"weight_map": {"a": ""}}"#, "is not in"),
      (#"{"weight_map": {"a": "."}}"#, "is not in"), (#"{"weight_map": {"a": "s1.safetensors\u0000x"}}"#, "is not in"),
      (#"{"weight_map": {"a": "./s1.safetensors"}}"#, "is not in"),
      (
        #"{"weight_map": {"a": "s1.safetensors", "b": "s2.safetensors", "#
          + #""c": "s1.safetensors", "d": "s2.safetensors"}}"#,
        "s2.safetensors: tensor d, which"
      ), (#"{"weight_map": {"a": "s1.safetensors", "b": "s2.safetensors"}}"#, "s1.safetensors: tensor c is not listed"),
      (
        #"{"weight_map": {"a": "s1.safetensors", "b": "s2.safetensors", "c": "s2.safetensors"}}"#,
        "s1.safetensors: tensor c is here, but"
      ),
    ]) func badIndex(_ index: String, _ reason: String) throws
  {
    try writeShards(index: index)
    let failure = try refusal()
    #expect(failure.code == .invalidFile)
    #expect(failure.message.contains(reason), "\(failure.message)")
    #expect(failure.message.contains("model.safetensors.index.json"))
  }

  @Test("a shard that is missing, broken, or repeats a tensor of another is named") func badShards() throws {
    try writeShards(index: CheckpointTests.goodIndex)
    try writeSafetensors(folder.path(of: "s2.safetensors"), [("a", [1], [0]), ("b", [1, 2], [4, 5])])
    #expect(try refusal().message.contains("s2.safetensors: tensor a is here, but"))
    try folder.write("s2.safetensors", "broken")
    #expect(try refusal().message.contains("s2.safetensors"))
    try folder.remove("s2.safetensors")
    let missing = try refusal()
    #expect(
      missing.code == .notFound && missing.message.contains("s2.safetensors")
        && missing.message.contains("index.json lists"))
  }

  @Test("a folder without weights is told what it lacks") func noWeights() throws {
    let none = try refusal()
    #expect(none.code == .notFound && none.message.contains("model.safetensors"))
  }

  @Test("300 MB open in a few milliseconds") func speed() throws {
    let count = 75
    let size = 4 << 20
    let members = (0..<count).map {
      "\"layer.\($0).weight\":{\"dtype\":\"F32\",\"shape\":[1024,1024],"
        + "\"data_offsets\":[\($0 * size),\(($0 + 1) * size)]}"
    }
    let head = safetensors(header: "{" + members.joined(separator: ",") + "}", data: [])
    try folder.write("model.safetensors", head)
    #expect(truncate(folder.path(of: "model.safetensors"), head.count + count * size) == 0)  // a sparse file
    var tensors = 0
    let time = try processorTime { tensors = try Checkpoint(HuggingFaceFolder(folder.path)).tensors.count }
    #expect(tensors == count)
    print("opening \(count * size) bytes of weights: \(time * 1000) ms")
    #expect(time < 0.1)
  }

  // Needs the conformance folders beside the checkout.
  @Test("all shared checkpoints open", .enabled(if: Shared.isThere)) func shared() throws {
    let configs =
      Shared.files(in: "conformance") { $0 == "config.json" } + Shared.files(in: "models") { $0 == "config.json" }
    var opened = 0
    for config in configs {
      let path = String(config.dropLast("/config.json".count))
      let model = try HuggingFaceFolder(path)
      _ = try ModelConfigurations(model)
      guard model.holds("model.safetensors") || model.holds("model.safetensors.index.json") else { continue }
      let checkpoint = try Checkpoint(model)
      #expect(!checkpoint.tensors.isEmpty)
      opened += 1
    }
    #expect(opened >= 60)
  }
}

extension Checkpoint {
  /// The names of all tensors, those of unknown types last.
  var names: [String] {
    get throws {
      var names: [String] = []
      try forEachName { names.append($0) }
      return names
    }
  }
}
