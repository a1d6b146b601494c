import AttendBase
import AttendDispatch
import AttendGrammars

/// One sequence of a greedy search or of sampling: what was chosen, and what the row that continues it has read.
///
/// Behind the tokens that are certain may stand drafts, which the next step reads with them and then confirms or drops.
final class SampledSequence {
  /// The place among the sequences of its request.
  let index: Int
  /// The prompt, what was generated, then drafts.
  private(set) var tokens = GrowingList<Int32>(for: "the tokens of a sequence")
  /// How many of `tokens` are certain.
  private(set) var certain = 0
  /// How many of `tokens` the row has read.
  private(set) var read = 0
  private(set) var logProbabilities = GrowingList<Float>(for: "the log-probabilities of a sequence")
  private var alternatives = GrowingList<TokenAlternative>(for: "the alternatives of a sequence")
  /// How many generated tokens have been told to the observer.
  private var told = 0
  var sampling: SamplingState
  /// Where the sequence stands in the grammar; nil: there is none.
  var matcher: Matcher?
  var reason: FinishReason?
  /// Tokens that the grammar leaves no choice about, and how many of them are taken.
  private var forced = GrowingList<Int32>(for: "the forced tokens of a sequence")
  private var forcedTaken = 0
  /// How many of the first drafts are forced tokens whose logits nobody wants.
  private(set) var unscored = 0
  private let promptCount: Int
  private let alternativesPerToken: Int
  private let topValues: AlignedBuffer  // [alternativesPerToken]
  private let topTokens: AlignedBuffer
  private let draftRoom: AlignedBuffer  // [mostDrafts]
  /// Drafts that were read, and how many of them were what was chosen.
  private(set) var drafted = 0
  private(set) var confirmed = 0

  init(
    _ index: Int, prompt: UnsafeBufferPointer<Int32>, expected: Int, alternatives: Int, sampling: SamplingState
  ) throws(Failure) {
    (self.index, promptCount, alternativesPerToken, self.sampling) = (index, prompt.count, alternatives, sampling)
    topValues = try AlignedBuffer(alternatives, of: Float.self, for: "the alternatives of a sequence")
    draftRoom = try AlignedBuffer(SampledSequence.mostDrafts, of: Int32.self, for: "the drafts of a sequence")
    topTokens = try AlignedBuffer(alternatives, of: Int32.self, for: "the alternatives of a sequence")
    try tokens.append(contentsOf: prompt)
    certain = prompt.count
    try reserve(max(expected - prompt.count, 1))
  }

  /// Makes room for `more` tokens, so that appending them cannot fail.
  func reserve(_ more: Int) throws(Failure) {
    try tokens.reserve(certain + more - tokens.count)
    try logProbabilities.reserve(more)
    let (places, overflow) = more.multipliedReportingOverflow(by: alternativesPerToken)
    guard !overflow else { throw .outOfMemory(Int.max, for: "the alternatives of a sequence") }
    try alternatives.reserve(places)
  }

  /// How many tokens were generated for certain.
  var generated: Int { certain - promptCount }

  /// The tokens that are certain.
  var history: UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(tokens.elements).prefix(certain))
  }

  /// The tokens that the row has read.
  var past: UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(tokens.elements).prefix(read))
  }

  /// The tokens that the row reads next.
  var next: UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(tokens.elements).dropFirst(read))
  }

  /// How many drafts stand behind the certain tokens.
  var drafts: Int { tokens.count - certain }

  /// A wish for drafts of what the sequence goes on with, at most `most`.
  func wish(most: Int) -> DraftWish {
    let room = UnsafeMutableBufferPointer<Int32>(
      start: draftRoom.pointer(), count: max(min(most, SampledSequence.mostDrafts), 0))
    return DraftWish(sequence: index, history: history, room: room)
  }

  /// Puts the drafts of an answered wish behind the tokens, for which there is room.
  func take(_ wish: DraftWish) {
    drafted += wish.count
    for place in 0..<wish.count { tokens.resize(to: certain + place + 1, filling: wish.room[place]) }
  }

  /// Drafts of a step at most.
  static let mostDrafts = 63

  /// Takes `token` as certain; drafts stay while the first of them is that token. There is room. Returns whether it was
  /// the first draft.
  func accept(_ token: Int32, logProbability: Float) -> Bool {
    logProbabilities.resize(to: logProbabilities.count + 1, filling: logProbability)
    let isDraft = certain < tokens.count && tokens[certain] == token
    if nextForced != nil {
      forcedTaken += 1
    } else if isDraft {
      confirmed += 1
    }
    if !isDraft {
      tokens.removeAll(from: certain)
      tokens.resize(to: certain + 1, filling: token)
    }
    certain += 1
    return isDraft
  }

  /// Drops the drafts.
  func dropDrafts() {
    tokens.removeAll(from: certain)
    unscored = 0
  }

  // MARK: Forced tokens

  /// The next token, where the grammar forces it.
  var nextForced: Int32? { forcedTaken < forced.count ? forced[forcedTaken] : nil }

  /// Finds what the grammar forces behind the certain tokens, unless that is known.
  func findForced() throws(Failure) {
    guard nextForced == nil, let matcher else { return }
    dropForced()
    try matcher.forcedTokens(after: generated > 0 ? tokens[certain - 1] : nil, into: &forced)
  }

  /// Goes on without what the grammar forces, which another option forbids.
  func dropForced() {
    forced.removeAll()
    forcedTaken = 0
  }

  /// Puts up to `most` forced tokens behind the certain ones, as drafts that will be confirmed. There is room.
  func draftForced(most: Int, areScored: Bool) {
    let count = min(forced.count - forcedTaken, most, SampledSequence.mostDrafts)
    for place in 0..<max(count, 0) {
      tokens.resize(to: certain + place + 1, filling: forced[forcedTaken + place])
    }
    unscored = areScored ? 0 : max(count, 0)
  }

  /// Counts tokens as read by the row.
  func advance(_ count: Int) { read += count }

  /// Notes the alternatives of the token that is chosen next, which `find` writes down. There is room.
  func noteAlternatives(
    _ find: (_ values: UnsafeMutablePointer<Float>, _ tokens: UnsafeMutablePointer<Int32>, _ count: Int) -> Void
  ) {
    let values: UnsafeMutablePointer<Float> = topValues.pointer(),
      tokens: UnsafeMutablePointer<Int32> = topTokens.pointer()
    find(values, tokens, alternativesPerToken)
    let first = alternatives.count
    alternatives.resize(to: first + alternativesPerToken, filling: TokenAlternative(token: 0, logProbability: 0))
    for place in 0..<alternativesPerToken {
      alternatives[first + place] = TokenAlternative(token: tokens[place], logProbability: values[place])
    }
  }

  /// The next generated token that the observer has not heard of; the last one carries the reason of the end.
  func nextToTell() -> (place: Int, token: Int32, logProbability: Float, reason: FinishReason?)? {
    guard told < generated else { return nil }
    defer { told += 1 }
    return (told, tokens[promptCount + told], logProbabilities[told], told + 1 == generated ? reason : nil)
  }

  /// Ends the sequence with the generated token at `place`, and forgets what was generated behind it.
  func end(after place: Int, _ reason: FinishReason) {
    let isLast = place + 1 == generated
    certain = promptCount + place + 1
    tokens.removeAll(from: certain)
    logProbabilities.removeAll(from: place + 1)
    alternatives.removeAll(from: min(alternatives.count, (place + 1) * alternativesPerToken))
    self.reason = isLast ? self.reason ?? reason : reason
  }

  /// The alternatives at a generated place.
  func alternatives(at place: Int) -> UnsafeBufferPointer<TokenAlternative> {
    let first = place * alternativesPerToken
    return UnsafeBufferPointer(
      rebasing: UnsafeBufferPointer(alternatives.elements)[first..<first + alternativesPerToken])
  }

  func hypothesis() throws(Failure) -> Hypothesis {
    try Hypothesis(
      tokens: history, promptCount: promptCount, logProbabilities: UnsafeBufferPointer(logProbabilities.elements),
      alternatives: UnsafeBufferPointer(alternatives.elements), alternativesPerToken: alternativesPerToken,
      score: nil, reason: reason ?? .cancelled)
  }
}
