import AttendBase

/// Requirements on a text, each of which is met by one of several phrases (Post and Vilar 2018, arXiv 1804.06609; Hu et
/// al. 2019, NAACL N19-1090; in the reading of transformers 4): how far a hypothesis has come with them is a state of a
/// few numbers, which a token changes.
///
/// A token continues the requirement in progress, or else breaks it, which puts it behind those that are pending. With
/// none in progress, it begins the first of the pending that it can.
struct RequiredPhrases {
  private let requirements: [[[Int32]]]
  private let longest: Int

  /// `[stateCount]`
  typealias State = UnsafeMutablePointer<Int32>

  /// The numbers of a state, in front of the list of pending requirements.
  private enum Place {
    static let met = 0
    /// The requirement in progress; -1: none.
    static let current = 1
    /// One of its phrases that begins as was matched.
    static let phrase = 2
    /// How many tokens of that phrase.
    static let matched = 3
    static let pendingCount = 4
    static let pending = 5
  }

  init(_ requirements: [[[Int32]]]) {
    self.requirements = requirements
    longest = requirements.lazy.map(RequiredPhrases.longest).max() ?? 0
  }

  private static func longest(_ phrases: [[Int32]]) -> Int { phrases.lazy.map(\.count).max() ?? 0 }

  /// How many numbers a state has.
  var stateCount: Int { Place.pending + requirements.count }

  /// How many tokens can advance a state at most.
  var mostAdvances: Int { requirements.reduce(0) { $0 + $1.count } }

  /// Nothing is met.
  func begin(_ state: State) {
    state.update(repeating: 0, count: Place.pending)
    state[Place.current] = -1
    state[Place.pendingCount] = Int32(requirements.count)
    for index in 0..<requirements.count { state[Place.pending + index] = Int32(index) }
  }

  func isComplete(_ state: State) -> Bool { Int(state[Place.met]) == requirements.count }

  /// How much is met, in tokens: hypotheses compete with those that are as far.
  func bank(_ state: State) -> Int {
    let current = Int(state[Place.current])
    let done = Int(state[Place.met]) * longest
    guard current >= 0 else { return done }
    return done + longest - (RequiredPhrases.longest(requirements[current]) - Int(state[Place.matched]))
  }

  /// Takes a token into account; none once all is met.
  func add(_ token: Int32, to state: State) {
    guard !isComplete(state) else { return }
    let current = Int(state[Place.current])
    guard current < 0 else {
      if let phrase = phrase(of: current, like: Int(state[Place.phrase]), Int(state[Place.matched]), then: token) {
        step(current, phrase, state)
      } else {
        state[Place.pending + Int(state[Place.pendingCount])] = Int32(current)
        state[Place.pendingCount] += 1
        state[Place.current] = -1
        state[Place.matched] = 0
      }
      return
    }
    let pending = state + Place.pending
    let count = Int(state[Place.pendingCount])
    for place in 0..<count {
      let requirement = Int(pending[place])
      guard let phrase = phrase(of: requirement, like: 0, 0, then: token) else { continue }
      for later in place + 1..<max(count, place + 1) { pending[later - 1] = pending[later] }
      state[Place.pendingCount] -= 1
      return step(requirement, phrase, state)
    }
  }

  /// One more token of a phrase is there.
  private func step(_ requirement: Int, _ phrase: Int, _ state: State) {
    state[Place.current] = Int32(requirement)
    state[Place.phrase] = Int32(phrase)
    state[Place.matched] += 1
    guard Int(state[Place.matched]) == requirements[requirement][phrase].count else { return }
    state[Place.met] += 1
    state[Place.current] = -1
    state[Place.matched] = 0
  }

  /// The first phrase of a requirement that begins with the `matched` first tokens of phrase `model`, and then `token`.
  private func phrase(of requirement: Int, like model: Int, _ matched: Int, then token: Int32) -> Int? {
    let phrases = requirements[requirement]
    for (index, phrase) in phrases.enumerated() where begins(phrase, like: phrases[model], matched) {
      if phrase[matched] == token { return index }
    }
    return nil
  }

  /// Whether a phrase begins with the `matched` first tokens of another, and goes on.
  private func begins(_ phrase: [Int32], like model: [Int32], _ matched: Int) -> Bool {
    guard phrase.count > matched else { return false }
    for place in 0..<matched where phrase[place] != model[place] { return false }
    return true
  }

  /// Calls `body` with each token that advances a state, which may come more than once.
  func forEachAdvance(_ state: State, _ body: (Int32) throws(Failure) -> Void) throws(Failure) {
    guard !isComplete(state) else { return }
    let current = Int(state[Place.current])
    if current >= 0 {
      let matched = Int(state[Place.matched]), phrases = requirements[current]
      for phrase in phrases where begins(phrase, like: phrases[Int(state[Place.phrase])], matched) {
        try body(phrase[matched])
      }
    } else {
      for place in 0..<Int(state[Place.pendingCount]) {
        for phrase in requirements[Int(state[Place.pending + place])] { try body(phrase[0]) }
      }
    }
  }
}
