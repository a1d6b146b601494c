import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendDispatch
import AttendKernelInterface
import AttendTestSupport
import Foundation

/// The kernel sets that this machine runs.
let engines: [Engine] = ["amx", "avx512", "avx2", "portable"].compactMap { try? Engine(kernels: $0, threads: 1) }

/// Those that promise equal bits.
let exactEngines = engines.filter { $0.kernelsName != "portable" }

let rows = try! Engine(kernels: nil, threads: 1).kernels.rows

let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().path

/// An array as the options take it.
func fixed<T>(_ values: [T]) -> FixedArray<T> { try! FixedArray(values.count, for: "a test") { values[$0] } }

func fixed<T>(_ values: [[T]]) -> FixedArray<FixedArray<T>> { fixed(values.map { fixed($0) }) }

/// Changes of 3,000 logits in few places, in many, and in all. The most probable tokens of a `FakeModel` that fixes
/// logits are among what is forbidden.
let logitsChanges: [@Sendable (inout LogitsOptions) -> Void] = [
  { $0.suppressed = fixed([1000]) },
  {
    $0.suppressed = fixed((20..<2700).map(Int32.init))
    $0.noRepeatSize = 2
  },
  { $0.badWords = fixed([[1001], [1000, 2999], [3, 7]]) },
  { $0.allowed = fixed([7, 300, 301, 2999]) },
  {
    $0.endTokens = fixed([0, 1000])
    $0.minimalLength = 8
    $0.suppressedFirst = fixed([1001, 2999])
  },
  { $0.logitBias = fixed([TokenBias(token: 300, bias: 2), TokenBias(token: 2999, bias: -1)]) },
  { $0.repetitionPenalty = 1.3 },
  { $0.allowedByFunction = { (_, set) in for token in 0..<300 { set[token / 32] |= 1 << UInt32(token % 32) } } },
  { $0.function = { (scores, _) in scores[2000] = 5 } },
  { $0.renormalizes = true },
]

/// Ids in memory of their own.
struct Ids {
  private let memory: AlignedBuffer
  let buffer: UnsafeBufferPointer<Int32>

  init(_ ids: [Int32]) {
    memory = try! AlignedBuffer(max(1, ids.count), of: Int32.self, for: "a test")
    memory.pointer(to: Int32.self).update(from: ids, count: ids.count)
    buffer = UnsafeBufferPointer(start: memory.pointer(), count: ids.count)
  }
}

/// A history that keeps its ids alive.
final class Written {
  private let tokens: Ids
  private let source: Ids
  let history: History

  init(_ tokens: [Int32] = [0], prompt: Int = 1, source: [Int32] = []) {
    self.tokens = Ids(tokens)
    self.source = Ids(source)
    history = History(tokens: self.tokens.buffer, promptCount: prompt, source: self.source.buffer)
  }
}

extension LogitsProcessors {
  /// What becomes of a row.
  func processed(
    _ logits: [Float], _ written: Written, diversity: Diversity? = nil, allowed: [UInt32]? = nil
  ) throws -> [Float] {
    let scratch = try LogitsScratch(vocabulary: vocabulary)
    var row = logits
    try row.withUnsafeMutableBufferPointer { row throws(Failure) in
      guard let allowed else {
        try process(row, written.history, scratch, diversity: diversity)
        return
      }
      let set = try AlignedBuffer(allowed.count, of: UInt32.self, for: "a test")
      set.pointer(to: UInt32.self).update(from: allowed, count: allowed.count)
      try process(row, written.history, scratch, diversity: diversity, allowed: set.pointer(to: UInt32.self))
      withExtendedLifetime(set) {}
    }
    return row
  }
}

/// What the options make of a row.
func processed(_ options: LogitsOptions, _ logits: [Float], _ written: Written = Written()) throws -> [Float] {
  try LogitsProcessors(options, vocabulary: logits.count, rows: rows).processed(logits, written)
}

extension Sampler {
  /// What the steps leave of a row.
  func filtered(
    _ logits: [Float], _ written: Written = Written(), _ scratch: LogitsScratch? = nil, exclusion: Double = 0,
    mu: Double = 0
  ) throws -> [Float] {
    let scratch = try scratch ?? LogitsScratch(vocabulary: vocabulary)
    var row = logits
    try row.withUnsafeMutableBufferPointer { row throws(Failure) in
      try filter(row, written.history, scratch, Draws(token: 0, exclusion: exclusion), mu: mu)
    }
    return row
  }

  func sample(
    _ logits: [Float], _ written: Written = Written(), _ scratch: LogitsScratch? = nil, _ state: inout SamplingState
  ) throws -> Sample? {
    let scratch = try scratch ?? LogitsScratch(vocabulary: vocabulary)
    var row = logits
    return try row.withUnsafeMutableBufferPointer { row throws(Failure) in
      try choose(row, written.history, scratch, &state)
    }
  }
}

/// Softmax in double precision, with the C library's exponential.
func softmax(_ logits: [Float]) -> [Double] {
  let top = Double(logits.max() ?? 0)
  let weights = logits.map { $0 == -.infinity ? 0 : exp(Double($0) - top) }
  let sum = weights.reduce(0, +)
  return weights.map { sum == 0 ? 0 : $0 / sum }
}

/// The ids that a row does not forbid.
func kept(_ row: [Float]) -> [Int] { row.indices.filter { row[$0] > -.infinity } }

/// Logits that look like a model's: normal, with a few far above the others.
func logits(_ count: Int, seed: UInt64, spread: Float = 2) -> [Float] {
  var random = SplitMix(seed: seed)
  return (0..<count).map { _ in
    let normal = random.floats(12).reduce(0, +) / 2
    return normal * spread + (random.below(count) < 20 ? 8 : 0)
  }
}

extension JSON {
  var floats: [Float] { elements.map { $0.isNull ? -.infinity : Float($0.double!) } }
  var tokens: [Int32] { elements.map { Int32($0.int!) } }
}
