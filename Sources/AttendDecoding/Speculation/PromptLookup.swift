import AttendBase

/// Drafts from what was read and written already: the longest end of a sequence that occurred before is looked up, and
/// what followed it most often is the draft (SuffixDecoding; Oliaro et al. 2024, arXiv 2411.04975). The source of an
/// encoder-decoder, the prompt, and the sequences of a request that were written so far are all looked up.
///
/// Every token that is written tells whether it would have been guessed, drafted or not. So a text that does not repeat
/// gets no drafts, and gets them again where it begins to.
package final class PromptLookup: Drafter {
  /// How far one sequence is read.
  private struct Cursor: BitwiseCopyable {
    /// Tokens of the history that are in the automaton.
    var read = 0
    /// The state of the whole history.
    var end = SuffixAutomaton.root
    /// The state of the longest end of the history that occurred before, and its tokens.
    var match = SuffixAutomaton.root
    var matched = 0
  }

  private let automaton: SuffixAutomaton
  private let longestMatch: Int
  private let mostDrafts: Int
  private var cursors = GrowingList<Cursor>(for: "the texts that are looked up")  // [sequences]
  private var trust = MatchTrust()

  /// Looks up `source` and `prompt` for `sequences` sequences that begin with `prompt`; `expected` tokens will be
  /// generated. A match of more than `longestMatch` tokens (max_matching_ngram_size) counts as one of as many; drafts
  /// are at most `mostDrafts` tokens (prompt_lookup_num_tokens). Throws `outOfMemory`.
  package init(
    source: UnsafeBufferPointer<Int32>?, prompt: UnsafeBufferPointer<Int32>, sequences: Int, expected: Int,
    longestMatch: Int, mostDrafts: Int
  ) throws(Failure) {
    (self.longestMatch, self.mostDrafts) = (max(longestMatch, 1), mostDrafts)
    let (room, overflow) = expected.addingReportingOverflow(prompt.count + (source?.count ?? 0))
    automaton = try SuffixAutomaton(tokens: overflow ? prompt.count : room)
    var cursor = Cursor()
    if let source { try read(source, &cursor) }
    cursor = Cursor()
    try read(prompt, &cursor)
    try cursors.reserve(sequences)
    cursors.resize(to: sequences, filling: cursor)
  }

  /// Bytes held.
  package var bytes: Int { automaton.bytes + cursors.bytes }

  package func draft(_ wishes: UnsafeMutableBufferPointer<DraftWish>, price: DraftPrice) throws(Failure) {
    for wish in wishes { try read(wish.history, &cursors[wish.sequence]) }
    for index in wishes.indices { draft(&wishes[index], price.token) }
  }

  private func draft(_ wish: inout DraftWish, _ price: Double) {
    let cursor = cursors[wish.sequence]
    var (state, matched) = (cursor.match, cursor.matched)
    settle(&state, &matched)
    var probability = 1.0
    while wish.hasRoom, wish.count < mostDrafts, matched > 0, let next = automaton.mostFrequent(state) {
      probability *= trust.probability(matched: matched, share: next.share)
      guard probability > price else { return }
      wish.append(next.token)
      (state, matched) = (next.target, matched + 1)
      settle(&state, &matched)
    }
  }

  // MARK: Reading

  /// Writes what is new of a history into the automaton.
  private func read(_ history: UnsafeBufferPointer<Int32>, _ cursor: inout Cursor) throws(Failure) {
    for place in cursor.read..<max(history.count, cursor.read) { try read(history[place], &cursor) }
    cursor.read = history.count
  }

  private func read(_ token: Int32, _ cursor: inout Cursor) throws(Failure) {
    settle(&cursor.match, &cursor.matched)
    if cursor.matched > 0, let guess = automaton.mostFrequent(cursor.match) {
      trust.note(matched: cursor.matched, share: guess.share, isRight: guess.token == token)
    }
    cursor.end = try automaton.append(token, to: cursor.end)
    // The text that ends with the token is in the automaton now, so each of its ends is.
    cursor.match = automaton.target(cursor.match, token) ?? SuffixAutomaton.root
    cursor.matched += 1
    settle(&cursor.match, &cursor.matched)
  }

  /// Makes `state` the state of the last `matched` tokens, and those the most that something follows: a state may have
  /// been split since it was found.
  private func settle(_ state: inout Int32, _ matched: inout Int) {
    matched = min(matched, longestMatch)
    while state != SuffixAutomaton.root, automaton.length(automaton.link(state)) >= matched {
      state = automaton.link(state)
    }
    while state != SuffixAutomaton.root, !automaton.isFollowed(state) {
      state = automaton.link(state)
      matched = automaton.length(state)
    }
    if state == SuffixAutomaton.root { matched = 0 }
  }
}

/// How far guesses of a suffix automaton are to be trusted: the longer the match, the further; by how many were right
/// of late.
private struct MatchTrust {
  /// Guesses after matches of similar lengths.
  private struct Record {
    var right: Double
    var expected: Double
  }

  /// By the binary logarithm of the match's length. What they begin with is worth a few guesses.
  private var records: (Record, Record, Record, Record, Record) = (
    Record(right: 0.6, expected: 2), Record(right: 1, expected: 2), Record(right: 1.4, expected: 2),
    Record(right: 1.8, expected: 2), Record(right: 2, expected: 2)
  )
  /// Expected guesses after which the older half counts half.
  private static let memory = 32.0
  /// Nothing is certain, else drafts that follow a long match would never end.
  private static let most = 0.99

  /// The probability that a guess is right which has `share` of what followed a match of `matched` tokens.
  func probability(matched: Int, share: Double) -> Double {
    let record = self[matched]
    return min(share * record.right / record.expected, MatchTrust.most)
  }

  mutating func note(matched: Int, share: Double, isRight: Bool) {
    var record = self[matched]
    if record.expected > MatchTrust.memory {
      record.right /= 2
      record.expected /= 2
    }
    record.expected += share
    if isRight { record.right += 1 }
    self[matched] = record
  }

  private subscript(matched: Int) -> Record {
    get {
      switch matched {
      case ..<2: records.0
      case ..<4: records.1
      case ..<8: records.2
      case ..<16: records.3
      default: records.4
      }
    }
    set {
      switch matched {
      case ..<2: records.0 = newValue
      case ..<4: records.1 = newValue
      case ..<8: records.2 = newValue
      case ..<16: records.3 = newValue
      default: records.4 = newValue
      }
    }
  }
}
