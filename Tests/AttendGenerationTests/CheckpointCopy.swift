import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// A case whose files may be changed.
final class CheckpointCopy {
  var config: [String: Any]
  var tensors: [WrittenTensor]
  let reference: ConformanceCase

  /// The names that safetensors files have for types.
  static let types: [ElementType: String] = [
    .float32: "F32", .float16: "F16", .bfloat16: "BF16", .int64: "I64", .bool: "BOOL",
  ]

  init(_ name: String) throws {
    reference = try ConformanceCase(name)
    let data = try Data(contentsOf: URL(fileURLWithPath: reference.path + "/config.json"))
    config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    tensors = try Checkpoint(HuggingFaceFolder(reference.path)).tensors.map {
      WrittenTensor(
        $0.name, type: CheckpointCopy.types[$0.type] ?? "", shape: Array($0.shape), bytes: Array($0.bytes))
    }
  }

  func blueprint() throws -> Blueprint {
    let folder = try TemporaryFolder()
    try folder.write("config.json", [UInt8](try JSONSerialization.data(withJSONObject: config)))
    return try Registry.blueprint(try Configuration(file: folder.path(of: "config.json")))
  }

  subscript(name: String) -> WrittenTensor? { tensors.first { $0.name == name } }

  func load() throws -> Model {
    let folder = try TemporaryFolder()
    try folder.write("config.json", [UInt8](try JSONSerialization.data(withJSONObject: config)))
    try folder.write("model.safetensors", try safetensors(tensors))
    return try withExtendedLifetime(folder) { try model(folder.path) }
  }

  /// Why it does not load; nil where it does.
  func refusal() -> Failure? {
    do { _ = try load() } catch { return error as? Failure }
    return nil
  }

  /// Hidden states, and what the head makes of them or the decoder of the targets; of a decoder the logits of all
  /// tokens but the first.
  func results() throws -> [Float] { try results(of: try load()) }

  /// The same of another model with the case's inputs.
  func results(of model: Model) throws -> [Float] {
    let session = try Session(model: model, threads: 0)
    if model.blueprint.kind == .decoder {
      try session.encode(reference.sources.map { Array($0[..<1]) })
      return try session.decode(reference.sources.map { Array($0[1...]) })
    }
    try session.encode(reference.sources)
    let states = numbers(session.hiddenStates!)
    if model.blueprint.kind == .encoderDecoder { return states + (try session.decode(reference.targets)) }
    return states + (model.head == nil ? [] : numbers(try session.encodedLogits()))
  }
}
