import AttendBase
import AttendLayers
import AttendModels

extension Session {
  /// The decoder's states of the texts that the last encode read, `[tokens, width]`, in scratch memory: it reads each
  /// once more, shifted by one place, looking at the encoder's states, and forgets it again.
  func rereadStates() throws(Failure) -> Matrix {
    guard let decoder = model.decoder, let crossCache = sequences.crossCache else {
      throw Failure(.internalError, "an encoder-decoder without cross-attention")
    }
    let batch = try outputs.shiftedBatch()
    try check(batch, decoder)
    cancellation.begin(work: batch.tokenCount * decoder.depth)
    let (cache, first) = (sequences.selfCache, sequences.count - batch.count)
    defer { for sequence in first..<sequences.count { cache.truncate(sequence, to: 0) } }
    try cache.grow(batch.lengths, from: first, on: pass.engine)
    let x = try pass.workspace.matrix(batch.tokenCount, decoder.width)
    try decoder.forward(
      batch.input, selfKeyValues: try cache.writing(batch.lengths, from: first),
      crossKeyValues: try crossCache.reading(batch.lengths, from: first), into: x, pass)
    return x
  }
}

extension TextShift {
  /// Writes a text of `count` tokens as the decoder reads it.
  func apply(_ text: UnsafePointer<Int32>, count: Int, into shifted: UnsafeMutablePointer<Int32>) {
    guard count > 0 else { return }
    switch self {
    case .behind(let start): shifted[0] = start
    case .behindLast(let padding):
      // As the reference counts: padding in the middle of a text shortens it at the end.
      let length = (0..<count).reduce(0) { $0 + (text[$1] == padding ? 0 : 1) }
      shifted[0] = text[max(length - 1, 0)]
    }
    (shifted + 1).update(from: text, count: count - 1)
  }
}
