import AttendBase
import AttendGeneration
import AttendKernelInterface
import AttendModels

/// Ids of a text as long as is asked for, from 3 to `limit` less 1.
func text(_ count: Int, seed: Int = 0, below limit: Int = 93) -> [Int32] {
  (0..<count).map { Int32(($0 * $0 + 7 * $0 + 11 * seed) % (limit - 3) + 3) }
}

extension Session {
  /// A session that may read beyond the positions of a configuration, with caches as asked for.
  convenience init(
    _ model: Model, prefixCacheBytes: Int = 0, keyValueType: KeyValueType? = nil, threads: Int = 0
  ) throws(Failure) {
    var options = Options()
    options.threads = threads
    options.allowsBeyondPositions = true
    options.prefixCacheBytes = prefixCacheBytes
    options.keyValueType = keyValueType
    try self.init(model: model, options: options)
  }

  /// Reads a prompt as the only live sequence, in calls of `piece` tokens behind what is found of it, and returns the
  /// logits of its last token.
  func read(_ prompt: [Int32], pieces piece: Int = .max) throws(Failure) -> [Float] {
    if count > 0 { try select([]) }
    var place = try prompt.withUnsafeBufferPointer { (prompt) throws(Failure) in try add(prompt: prompt) }
    var last: [Float] = []
    while place < prompt.count {
      let end = prompt.count - place > piece ? place + piece : prompt.count
      last = try decode([Array(prompt[place..<end])], tails: [1])[0]
      place = end
    }
    return last
  }

  /// How many tokens of a prompt are found; the sequence that begins with them leaves again.
  func found(of prompt: [Int32]) throws(Failure) -> Int {
    if count > 0 { try select([]) }
    let found = try prompt.withUnsafeBufferPointer { (prompt) throws(Failure) in try add(prompt: prompt) }
    try select([])
    return found
  }

  func keepPrefix(of sequence: Int, _ tokens: [Int32]) throws(Failure) {
    try tokens.withUnsafeBufferPointer { (tokens) throws(Failure) in try keepPrefix(of: sequence, tokens: tokens) }
  }

  func saved(_ indices: [Int]) throws(Failure) -> [UInt8] {
    try indices.withUnsafeBufferPointer { (indices) throws(Failure) in
      let (saved, count) = try saved(indices)
      defer { withExtendedLifetime(saved) {} }
      return Array(UnsafeRawBufferPointer(start: saved.base, count: count))
    }
  }

  func save(_ indices: [Int], to path: String) throws(Failure) {
    try indices.withUnsafeBufferPointer { (indices) throws(Failure) in try save(indices, to: path) }
  }

  func restore(_ bytes: [UInt8]) throws(Failure) {
    try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in try restore(UnsafeRawBufferPointer(bytes)) }
  }
}
