import AttendBase
import AttendKernelInterface

/// The memory that processors and samplers work in: made once for each thread, for any number of requests on models of
/// one vocabulary. Means nothing between two calls, but for `changed`.
package final class LogitsScratch {
  /// How many ids there are.
  package let vocabulary: Int

  /// `[vocabulary]`: zeros whenever nobody counts.
  let counts: UnsafeMutablePointer<Int32>
  /// A set of ids, bit `id % 32` of word `id / 32`.
  let set: UnsafeMutableBufferPointer<UInt32>
  /// `[blocks]`: whether the last row that was processed was changed in each block of `logitBlock` ids. Stays until
  /// the next is processed.
  package let changed: UnsafeMutableBufferPointer<Bool>
  /// `[vocabulary]`: ids with their logits, as `Candidates` sorts them.
  let order: UnsafeMutablePointer<UInt64>
  /// `[vocabulary]`: the weights of those, and while they are sorted, their copies.
  let weights: AlignedBuffer
  /// `[heapLimit]`: what the kernel gives that finds the largest.
  let values: UnsafeMutablePointer<Float>
  let indices: UnsafeMutablePointer<Int32>
  /// `[digitCount]`: how often each digit of a radix sort occurs.
  let digits: UnsafeMutablePointer<Int32>
  /// The lengths of copies in a history.
  var lengths = GrowingList<Int32>(for: "copies in a history")

  /// Logits of the row that were lowered for a draw.
  var lowered = GrowingList<Lowered>(for: "lowered logits")

  /// A logit as it was before.
  struct Lowered: BitwiseCopyable {
    let token: Int32
    let before: Float
  }

  /// The largest number of ids that are found with a heap; more of them are sorted with all others.
  static let heapLimit = 1024

  /// The values of a digit of 11 bits.
  static let digitCount = 2048

  private let memory: [AlignedBuffer]

  /// Throws `outOfMemory`: it takes some 20 bytes an id.
  package init(vocabulary: Int) throws(Failure) {
    precondition(vocabulary > 0 && vocabulary <= Int(Int32.max))
    let purpose = "the scratch of \(vocabulary) logits"
    let counts = try AlignedBuffer(vocabulary, of: Int32.self, for: purpose)
    let set = try AlignedBuffer((vocabulary + 31) / 32, of: UInt32.self, for: purpose)
    let blocks = (vocabulary + logitBlock - 1) / logitBlock
    let changed = try AlignedBuffer(blocks, of: Bool.self, for: purpose)
    let order = try AlignedBuffer(vocabulary, of: UInt64.self, for: purpose)
    weights = try AlignedBuffer(vocabulary, of: UInt64.self, for: purpose)
    let values = try AlignedBuffer(LogitsScratch.heapLimit, of: Float.self, for: purpose)
    let indices = try AlignedBuffer(LogitsScratch.heapLimit, of: Int32.self, for: purpose)
    let digits = try AlignedBuffer(LogitsScratch.digitCount, of: Int32.self, for: purpose)
    self.vocabulary = vocabulary
    self.counts = counts.pointer()
    self.set = UnsafeMutableBufferPointer(start: set.pointer(), count: (vocabulary + 31) / 32)
    self.changed = UnsafeMutableBufferPointer(start: changed.pointer(), count: blocks)
    self.changed.initialize(repeating: false)
    self.order = order.pointer()
    self.values = values.pointer()
    self.indices = indices.pointer()
    self.digits = digits.pointer()
    memory = [counts, set, changed, order, weights, values, indices, digits]
    self.counts.initialize(repeating: 0, count: vocabulary)
  }

  /// Makes room for histories of `count` ids, so that no step has to. Throws `outOfMemory`.
  package func reserve(history count: Int) throws(Failure) {
    lengths.removeAll()
    try lengths.reserve(count)
    lowered.removeAll()
    try lowered.reserve(count)
  }

  /// Makes lowered logits what they were.
  func restore(_ scores: UnsafeMutableBufferPointer<Float>) {
    for entry in lowered.elements.reversed() { scores[Int(entry.token)] = entry.before }
    lowered.removeAll()
  }

  /// Counts how often each id of the vocabulary occurs in `tokens`. `forget` must follow.
  func count(_ tokens: UnsafeBufferPointer<Int32>) {
    for token in tokens where isToken(token) { counts[Int(token)] += 1 }
  }

  /// Makes the counts of `tokens` zero again.
  func forget(_ tokens: UnsafeBufferPointer<Int32>) {
    for token in tokens where isToken(token) { counts[Int(token)] = 0 }
  }

  /// Whether an id is one of the vocabulary. Ids of a source may belong to a larger one.
  func isToken(_ token: Int32) -> Bool { token >= 0 && Int(token) < vocabulary }
}
