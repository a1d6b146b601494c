import AttendKernelInterface

extension UnsafePointer<UInt32> {
  /// Whether an id is in a set.
  func holds(_ token: Int32) -> Bool { self[Int(token >> 5)] >> UInt32(token & 31) & 1 != 0 }
}

/// A row of logits, or of log-probabilities, that notes where it is written: what is known of its other blocks still
/// holds, and a row that is too long for the caches need not be read again for a few tokens.
struct ScoreRow {
  private let scores: UnsafeMutableBufferPointer<Float>
  private let changed: UnsafeMutableBufferPointer<Bool>

  /// Notes in the scratch's `changed`, where nothing is noted before.
  init(_ scores: UnsafeMutableBufferPointer<Float>, _ scratch: LogitsScratch) {
    (self.scores, changed) = (scores, scratch.changed)
    changed.update(repeating: false)
  }

  var count: Int { scores.count }

  subscript(token: Int32) -> Float {
    get { scores[Int(token)] }
    nonmutating set {
      scores[Int(token)] = newValue
      changed[Int(token) / logitBlock] = true
    }
  }

  /// All of the row, for what may write anywhere.
  func whole() -> UnsafeMutableBufferPointer<Float> {
    changed.update(repeating: true)
    return scores
  }

  /// Forbids the ids of a list.
  func forbid(_ tokens: some Sequence<Int32>) { for token in tokens { self[token] = -.infinity } }

  /// Forbids every id but one, whose logit becomes 0.
  func force(_ token: Int32) {
    whole().update(repeating: -.infinity)
    self[token] = 0
  }

  /// Forbids every id that is not in a set: bit `id % 32` of word `id / 32`.
  func forbid(outside set: UnsafePointer<UInt32>) {
    for word in 0..<(count + 31) / 32 {
      let bits = set[word]
      guard bits != .max else { continue }
      let first = word * 32, limit = min(first + 32, count)
      changed[first / logitBlock] = true
      if bits == 0 {
        scores[first..<limit].update(repeating: -.infinity)
      } else {
        for token in first..<limit where bits >> UInt32(token - first) & 1 == 0 { scores[token] = -.infinity }
      }
    }
  }
}
