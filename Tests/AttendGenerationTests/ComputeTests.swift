import AttendBase
import AttendGeneration
import AttendModels
import Foundation
import Testing

/// Fewer bits: what stays true of the results.
@Suite struct ComputeTests {
  private static let cases = ConformanceCases.all.filter { $0.collection == "conformance" }.map { $0.name }
  /// What is asked of correlations. These models are random and tiny: their weights have none of the redundancy that 4
  /// bits live on.
  private static let usual: [ComputeType: Double] = [.bfloat16: 0.999, .int8: 0.999, .int4: 0.85]
  /// Cases that reach less. Errors of rounding average out over hundreds of inputs, and here products have 32; weights
  /// of a normal distribution have no outliers that a rotation could spread. T5 and GPT-Neo do not scale their scores,
  /// so that with random weights each attention picks one key and an error decides which; gemma3 has six layers of
  /// errors.
  private static let exceptions: [String: [ComputeType: Double]] = [
    "bert-masked-lm": [.int8: 0.9984, .int4: 0.80], "gemma": [.int8: 0.9985], "gemma2": [.int8: 0.9975],
    "gemma3": [.int8: 0.9967, .int4: 0.84], "gpt_neo": [.int8: 0.997], "modernbert": [.int8: 0.9978],
    "smollm3": [.int8: 0.9983], "t5": [.bfloat16: 0.9995, .int8: 0.997, .int4: 0.8],
    "t5-v1.1": [.bfloat16: 0.998, .int8: 0.988, .int4: 0.7],
  ]

  @Test(arguments: cases, kernelSets) func outputsCorrelateWithTheReference(name: String, kernels: String) throws {
    let reference = try ConformanceCase(name)
    for (compute, usual) in ComputeTests.usual {
      let session = try Session(model: try model(reference.path, kernels: kernels, compute: compute), threads: 0)
      let (found, expected) = try reference.outputs(of: session)
      let (similarity, least) = (correlation(found, expected), ComputeTests.exceptions[name]?[compute] ?? usual)
      #expect(similarity > least, "\(compute)")
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

/// Pearson's correlation.
func correlation(_ a: [Float], _ b: [Float]) -> Double {
  let (meanA, meanB) = (
    a.reduce(0) { $0 + Double($1) } / Double(a.count), b.reduce(0) { $0 + Double($1) } / Double(b.count)
  )
  var (ab, aa, bb) = (0.0, 0.0, 0.0)
  for (x, y) in zip(a, b) {
    ab += (Double(x) - meanA) * (Double(y) - meanB)
    aa += (Double(x) - meanA) * (Double(x) - meanA)
    bb += (Double(y) - meanB) * (Double(y) - meanB)
  }
  return ab / (aa * bb).squareRoot()
}
