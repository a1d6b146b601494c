import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Weights under old names and in other types and places: the same bits.
@Suite struct OldWeightsTests {
  private static let families = ["bert", "distilbert", "marian", "t5", "gpt2", "llama", "gpt_oss", "falcon"]

  /// All that is called a norm: LayerNorm, full_layer_layer_norm, ln_1, input_layernorm, final_norm.
  @Test(arguments: families + ["bert-masked-lm", "roberta", "electra", "albert", "mpnet", "deberta-v2", "modernbert"])
  func normsWithAGammaAndABeta(name: String) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results()
    let old = ["weight": "gamma", "bias": "beta"]
    var renamed = 0
    for index in copy.tensors.indices {
      let parts = copy.tensors[index].name.split(separator: ".")
      guard parts.count > 1, let ending = old[String(parts[parts.count - 1])] else { continue }
      let norm = parts[parts.count - 2].lowercased()
      guard norm.contains("norm") || norm.hasPrefix("ln") else { continue }
      copy.tensors[index].name = parts.dropLast().joined(separator: ".") + "." + ending
      renamed += 1
    }
    #expect(renamed >= 2)
    #expect(try copy.results() == expected)
  }

  /// Directions of length 1 with the length as magnitude: the product is the weight but for a rounding.
  @Test(arguments: families) func weightNormalization(name: String) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results()
    for tensor in copy.tensors where tensor.shape.count == 2 && tensor.type == "F32" && tensor.name.hasSuffix(".weight")
    {
      copy.tensors.removeAll { $0.name == tensor.name }
      let stem = tensor.name.dropLast("weight".utf8.count)
      let values = tensor.bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      let norms = stride(from: 0, to: values.count, by: tensor.shape[1]).map { start in
        values[start..<start + tensor.shape[1]].reduce(0) { $0 + $1 * $1 }.squareRoot()
      }
      copy.tensors.append(WrittenTensor("\(stem)weight_g", [tensor.shape[0], 1], norms))
      copy.tensors.append(WrittenTensor("\(stem)weight_v", tensor.shape, values))
    }
    #expect(distance(try copy.results(), expected) < 1e-4)
  }

  @Test(arguments: families) func doublePrecision(name: String) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results()
    for index in copy.tensors.indices where copy.tensors[index].type == "F32" {
      copy.tensors[index].type = "F64"
      copy.tensors[index].bytes = copy.tensors[index].bytes.withUnsafeBytes { bytes in
        bytes.bindMemory(to: Float.self).map { Double($0) }.withUnsafeBytes(Array.init)
      }
    }
    #expect(copy.tensors.contains { $0.type == "F64" })
    #expect(try copy.results() == expected)
  }

  @Test(arguments: families + ["llama-bf16-sharded"], [ComputeType.float32, .int8])
  func copiedWeights(name: String, compute: ComputeType) throws {
    let copy = try CheckpointCopy(name)
    var options = Model.Options()
    (options.threads, options.compute) = (2, compute)
    let expected = try copy.results(of: try Model(path: copy.reference.path, options: options))
    options.copiesWeights = true
    #expect(try copy.results(of: try Model(path: copy.reference.path, options: options)) == expected)
  }
  /// In archives and in the format before them, whole and in shards, wrapped and with the names of old.
  @Test(arguments: ["marian", "bert-masked-lm", "gpt2", "t5"], [false, true])
  func filesOfTorchSave(name: String, copies: Bool) throws {
    let copy = try CheckpointCopy(name)
    let folder = try TemporaryFolder()
    let weights = root.appendingPathComponent("Tests/Fixtures/pytorch/\(name)").path
    for (place, files) in [
      (weights, try FileManager.default.contentsOfDirectory(atPath: weights)),
      (copy.reference.path, ["config.json"]),
    ] {
      for file in files {
        try FileManager.default.copyItem(atPath: "\(place)/\(file)", toPath: folder.path(of: file))
      }
    }
    var options = Model.Options()
    (options.threads, options.copiesWeights) = (2, copies)
    #expect(try copy.results(of: try Model(path: folder.path, options: options)) == (try copy.results()))
  }
}
