import AttendBase

/// What a model with CTC makes of a sound: a row of logits for each frame. The memory stays where it is while this is
/// in use.
package struct CTCLogits {
  /// [frames, vocabulary]
  let values: UnsafePointer<Float>
  package let frames: Int
  package let vocabulary: Int

  package init(_ values: UnsafePointer<Float>, frames: Int, vocabulary: Int) {
    (self.values, self.frames, self.vocabulary) = (values, frames, vocabulary)
  }

  func check(_ symbols: CTCVocabulary) throws(Failure) {
    guard frames >= 0, vocabulary == symbols.count else {
      throw Failure(
        .invalidArgument, "logits of \(frames) frames and \(vocabulary) symbols; the vocabulary has \(symbols.count)")
    }
    guard !frames.multipliedReportingOverflow(by: vocabulary).overflow else {
      throw Failure(.invalidArgument, "logits of \(frames) frames and \(vocabulary) symbols are no size of memory")
    }
  }

  /// The first of the largest logits of a frame. Throws `invalidArgument` where the largest is no finite number or one
  /// is not a number.
  package func best(_ frame: Int) throws(Failure) -> (id: Int, logit: Float) {
    let row = values + frame * vocabulary
    var (best, isNumber) = (0, true)
    for id in 0..<vocabulary {
      if row[id] > row[best] { best = id }
      isNumber = isNumber && !row[id].isNaN
    }
    guard isNumber, row[best].isFinite else {
      throw Failure(.invalidArgument, "the logits of frame \(frame) are not finite numbers")
    }
    return (best, row[best])
  }

  /// Writes the logarithms of the probabilities of a frame, [vocabulary], and gives the most probable symbol.
  func logProbabilities(_ frame: Int, into target: UnsafeMutablePointer<Double>) throws(Failure) -> Int {
    let row = values + frame * vocabulary, best = try best(frame)
    var sum = 0.0
    for id in 0..<vocabulary {
      target[id] = Double(row[id]) - Double(best.logit)
      sum += Exponential.exp(target[id])
    }
    let logarithm = Exponential.log(sum)
    for id in 0..<vocabulary { target[id] -= logarithm }
    return best.id
  }
}

extension CTCLogits {
  /// The text of the most probable symbol of each frame: equal neighbours are one, then blanks go. Tokens of control
  /// stay in the text unless `skipsSpecials`. Throws `invalidArgument` for a row that is not of the vocabulary or holds
  /// no finite numbers, `cancelled`, `outOfMemory`.
  package func greedy(
    _ symbols: CTCVocabulary, skipsSpecials: Bool = false, cancellation: Cancellation? = nil
  ) throws(Failure) -> CTCTranscript {
    try check(symbols)
    let transcript = CTCTranscript()
    var (current, start) = (symbols.blank, 0)
    for frame in 0...frames {
      try cancellation?.check()
      let id = frame < frames ? try best(frame).id : -1
      guard id != current else { continue }
      if current != symbols.blank, !(skipsSpecials && symbols.symbol(current).isSpecial) {
        try transcript.append(current, start, frame, symbols)
      }
      (current, start) = (id, frame)
    }
    try transcript.finish(symbols)
    return transcript
  }
}
