import AttendBase
import AttendDecoding
import AttendDispatch
import AttendKernelInterface

/// A row of logits in the manner of a model's: normal, with some far above the others.
private final class Row {
  private let buffer: AlignedBuffer
  let logits: UnsafeMutableBufferPointer<Float>

  init(_ vocabulary: Int) throws(Failure) {
    buffer = try AlignedBuffer(vocabulary, of: Float.self, for: "logits")
    logits = UnsafeMutableBufferPointer(start: buffer.pointer(), count: vocabulary)
    var state: UInt64 = 1
    for token in 0..<vocabulary {
      var sum: Float = 0
      for _ in 0..<12 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        sum += Float(state >> 40) / Float(1 << 24)
      }
      logits[token] = 2.5 * (sum - 6) + ((state >> 33) % UInt64(vocabulary) < 30 ? 12 : 0)
    }
  }
}

/// The usual chains, by the names of their options.
private let chains: [(name: String, change: @Sendable (inout SamplingOptions) -> Void)] = [
  ("temperature", { _ in }),
  ("top_k 50", { $0.topK = 50 }),
  (
    "top_k 50, top_p 0.95",
    {
      $0.topK = 50
      $0.topP = 0.95
    }
  ), ("top_p 0.95", { $0.topP = 0.95 }), ("min_p 0.05", { $0.minP = 0.05 }),
  ("typical_p 0.9", { $0.typicalP = 0.9 }), ("top_n_sigma 1", { $0.topNSigma = 1 }),
  ("mirostat 2", { $0.mirostat = MirostatOptions() }),
]

/// Microseconds for a token, on the caller's thread.
func benchmarkSampling() throws(Failure) {
  print()
  print(column("chain", 44, left: true), column("vocabulary", 11), column("us a token", 11))
  for vocabulary in [32_000, 128_000] {
    let row = try Row(vocabulary), scratch = try LogitsScratch(vocabulary: vocabulary)
    let history = History(
      tokens: UnsafeBufferPointer(start: nil, count: 0), promptCount: 0, source: .init(start: nil, count: 0))
    for chain in chains {
      var options = SamplingOptions()
      options.temperature = 0.8
      chain.change(&options)
      let sampler = try Sampler(options, vocabulary: vocabulary, rows: engine.kernels.rows)
      var state = SamplingState(options, sequence: 0)
      let times = race.times([{ _ = try? sampler.choose(row.logits, history, scratch, &state) }])
      print(
        column(chain.name, 44, left: true), column("\(vocabulary)", 11), column(number(typical(times[0]) * 1e6, 1), 11))
    }
  }
}
