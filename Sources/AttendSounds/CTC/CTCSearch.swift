import AttendBase

/// One of the texts that a search found.
package final class CTCHypothesis {
  private let symbols: GrowingList<Int32>
  /// The symbols, without blanks, alive as long as this object.
  package var ids: UnsafeBufferPointer<Int32> { UnsafeBufferPointer(symbols.elements) }
  /// The natural logarithm of the probability of these symbols, over all paths that the search kept.
  package let logProbability: Double
  /// That with what language model and hot words add.
  package let score: Double
  /// The text, with the frames of its most probable path.
  package let transcript: CTCTranscript

  fileprivate init(
    _ symbols: consuming GrowingList<Int32>, _ logProbability: Double, _ score: Double, _ transcript: CTCTranscript
  ) {
    self.symbols = symbols
    (self.logProbability, self.score, self.transcript) = (logProbability, score, transcript)
  }
}

extension CTCLogits {
  /// The best texts of a prefix beam search, the best first; fewer than are asked for where there are no more. Tokens
  /// of control stay in the ids, and in texts where `skipsSpecials` is false. Throws `invalidArgument`, `unsupported`
  /// for a language model or hot words with a vocabulary without a delimiter of words, `outOfMemory`.
  package func search(
    _ symbols: CTCVocabulary, _ options: CTCSearchOptions = CTCSearchOptions(), language: NGramModel? = nil,
    skipsSpecials: Bool = true, cancellation: Cancellation? = nil
  ) throws(Failure) -> FixedArray<CTCHypothesis> {
    try check(symbols)
    let hasWords = language != nil || !options.hotWords.isEmpty
    let scorer = hasWords ? try WordScorer(symbols, options, language) : nil
    let search = try PrefixSearch(symbols, options, scorer)
    for frame in 0..<frames {
      try cancellation?.check()
      try search.advance(self, frame)
    }
    try search.finish()
    return try FixedArray(min(options.best, search.beams.count), for: "the texts of a search") {
      (index) throws(Failure) in
      let beam = search.beams[index]
      var ids = GrowingList<Int32>(for: "the texts of a search")
      try search.tree.write(beam.prefix.node, into: &ids)
      let transcript = CTCTranscript()
      try align(UnsafeBufferPointer(ids.elements), symbols, cancellation: cancellation) {
        (id, start, end) throws(Failure) in
        guard !(skipsSpecials && symbols.symbol(id).isSpecial) else { return }
        try transcript.append(id, start, end, symbols)
      }
      try transcript.finish(symbols)
      return CTCHypothesis(ids, beam.total, beam.score, transcript)
    }
  }
}
