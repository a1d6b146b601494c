import AttendBase
import AttendGeneration
import AttendModels
import Foundation
import Testing

/// Fewer bits: what stays true of the results.
@Suite struct ComputeTests {
  private static let cases = ["marian", "bart", "mbart", "pegasus", "m2m_100", "fsmt"]

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
    for (compute, least) in [(ComputeType.bfloat16, 0.999), (.int8, 0.999), (.int4, 0.85)] {
      let session = try Session(model: try model(reference.path, kernels: kernels, compute: compute), threads: 0)
      try session.encode(reference.sources)
      let found = correlation(try session.decode(reference.targets), reference.floats("logits").values)
      #expect(found > least, "\(compute): \(found)")
    }
  }

  @Test(arguments: ["gpt2", "llama", "mixtral", "qwen2_moe", "qwen3_moe"], kernelSets)
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

  @Test func weightsTakeTheRoomThatTheHeaderSays() throws {
    let folder = root.appendingPathComponent("models/g2p-en").path
    let full = Double(try model(folder).weightBytes)
    #expect(Double(try model(folder, compute: .bfloat16).weightBytes) < 0.53 * full)
    #expect(Double(try model(folder, compute: .int8).weightBytes) < 0.30 * full)
    #expect(Double(try model(folder, compute: .int4).weightBytes) < 0.20 * full)
  }
}
