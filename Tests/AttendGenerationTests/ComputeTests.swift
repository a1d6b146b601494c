import AttendBase
import AttendGeneration
import AttendModels
import Foundation
import Testing

/// Fewer bits: what stays true of the results.
@Suite struct ComputeTests {
  private static let cases = ["marian", "bart", "mbart", "pegasus", "m2m_100", "fsmt", "t5", "t5-v1.1"]
  /// Limits of those that have less. T5 does not scale its scores, so that with random weights each attention picks one key and an error decides
  /// which. The same roundings in PyTorch, bfloat16 and 8 bits, give the same correlations: 0.9998 and 0.9982 for t5, 0.9988 and 0.9882 for t5-v1.1,
  /// 0.9998 and 0.9984 for modernbert.
  private static let others: [String: [ComputeType: Double]] = [
    "t5": [.bfloat16: 0.9995, .int8: 0.998, .int4: 0.8], "t5-v1.1": [.bfloat16: 0.9985, .int8: 0.988, .int4: 0.7], "modernbert": [.int8: 0.998],
  ]

  /// Pearson's correlation.
  private func correlation(_ a: [Float], _ b: [Float]) -> Double {
    let (meanA, meanB) = (a.reduce(0) { $0 + Double($1) } / Double(a.count), b.reduce(0) { $0 + Double($1) } / Double(b.count))
    var (ab, aa, bb) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      ab += (Double(x) - meanA) * (Double(y) - meanB)
      aa += (Double(x) - meanA) * (Double(x) - meanA)
      bb += (Double(y) - meanB) * (Double(y) - meanB)
    }
    return ab / (aa * bb).squareRoot()
  }

  /// These models are random and tiny: their weights have none of the redundancy that 4 bits live on.
  @Test(arguments: cases, kernelSets) func logitsCorrelateWithTheReference(family: String, kernels: String) throws {
    let reference = try ConformanceCase(family)
    for (compute, usual) in [(ComputeType.bfloat16, 0.999), (.int8, 0.999), (.int4, 0.85)] {
      let least = ComputeTests.others[family]?[compute] ?? usual
      let session = try Session(model: try model(reference.path, kernels: kernels, compute: compute), threads: 0)
      try session.encode(reference.sources)
      let found = correlation(try session.decode(reference.targets), reference.floats("logits").values)
      #expect(found > least, "\(compute): \(found)")
    }
  }

  @Test(arguments: ["gpt2", "llama", "mixtral", "qwen2_moe", "qwen3_moe", "gpt_oss"], kernelSets)
  func logitsOfDecodersCorrelateWithTheReference(name: String, kernels: String) throws {
    let reference = try ConformanceCase(name)
    let (shape, logits) = reference.floats("logits")
    let (length, width) = (shape[1], shape[2])
    var expected: [Float] = []  // without those of the first tokens
    for row in 0..<shape[0] { expected += logits[(row * length + 1) * width..<(row + 1) * length * width] }
    for (compute, least) in [(ComputeType.bfloat16, 0.999), (.int8, 0.999), (.int4, 0.85)] {
      let session = try Session(model: try model(reference.path, kernels: kernels, compute: compute), threads: 0)
      try session.encode(reference.sources.map { Array($0[..<1]) })
      let found = correlation(try session.decode(reference.sources.map { Array($0[1...]) }), expected)
      #expect(found > least, "\(compute): \(found)")
    }
  }

  /// DeBERTa's keys and queries of positions are made with weights of the type, and kept in float32.
  @Test(arguments: ["bert", "deberta-v2", "modernbert", "mpnet"], kernelSets) func statesCorrelateWithTheReference(name: String, kernels: String) throws {
    let reference = try ConformanceCase(name)
    for (compute, usual) in [(ComputeType.bfloat16, 0.999), (.int8, 0.999), (.int4, 0.85)] {
      let least = ComputeTests.others[name]?[compute] ?? usual
      let session = try Session(model: try model(reference.path, kernels: kernels, compute: compute), threads: 0)
      try session.encode(reference.sources, types: reference.types)
      let found = correlation(numbers(session.hiddenStates!), reference.unpadded("last_hidden_state"))
      #expect(found > least, "\(compute): \(found)")
    }
  }

  @Test func weightsTakeTheRoomThatTheHeaderSays() throws {
    let folder = root.appendingPathComponent("models/g2p-en").path
    let full = Double(try model(folder).weightBytes)
    #expect(Double(try model(folder, compute: .bfloat16).weightBytes) < 0.53 * full)
    #expect(Double(try model(folder, compute: .int8).weightBytes) < 0.30 * full)
    #expect(Double(try model(folder, compute: .int4).weightBytes) < 0.20 * full)
  }
}
