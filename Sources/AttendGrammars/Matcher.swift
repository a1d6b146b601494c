import AttendBase

/// How far an output has come in its grammar: one hypothesis. A small value: a copy, or going back to an earlier
/// copy, costs nothing and replays nothing, so that beams and drafts may have one each.
package struct Matcher: Sendable {
  package let tokens: TokenTable
  let states: MatcherStates
  /// The number of its state.
  private(set) var state: Int32
  /// Whether there is no text yet. The first token may stand for other bytes than it does behind others.
  private(set) var isAtStart = true
  /// Whether an end token was accepted.
  package private(set) var isStopped = false

  init(_ states: MatcherStates, _ tokens: TokenTable) {
    (self.states, self.tokens) = (states, tokens)
    state = states.start
  }

  /// Goes on by a token. False, and nothing changes, where the grammar does not allow it. Throws `invalidArgument` for
  /// what is no token, and where a limit of states is passed.
  package mutating func accept(_ token: Int32) throws(Failure) -> Bool {
    guard token >= 0, token < tokens.count else {
      throw Failure(
        .invalidArgument, "token \(token) is not in the vocabulary of the grammar, which has \(tokens.count)")
    }
    guard !isStopped else { return false }
    if tokens.isStop(token) {
      isStopped = try mayStop()
      return isStopped
    }
    let bytes = nextTokens.bytes(of: token)
    return bytes.isEmpty ? false : try accept(bytes)
  }

  /// The table that says what the next token stands for.
  var nextTokens: TokenTable { isAtStart ? tokens.beginning ?? tokens : tokens }

  /// Goes on by bytes of text, however they are cut into tokens: all of them, or none.
  package mutating func accept(_ bytes: UnsafeBufferPointer<UInt8>) throws(Failure) -> Bool {
    guard !isStopped else { return false }
    let start = state
    let next = try states.withEngine { engine throws(Failure) in
      var state = start
      for byte in bytes {
        state = try engine.step(state, byte)
        if state == Engine.dead { break }
      }
      return state
    }
    guard next != Engine.dead else { return false }
    state = next
    if !bytes.isEmpty { isAtStart = false }
    return true
  }

  /// Writes the bits of the tokens that may come next, `tokens.words` words: bit `id % 32` of word `id / 32`. End
  /// tokens are among them where the output may end.
  package func allowed(into mask: UnsafeMutablePointer<UInt32>) throws(Failure) {
    guard !isStopped else { return mask.update(repeating: 0, count: tokens.words) }
    let (allowed, accepts) = try isAtStart ? states.firstMask() : states.mask(of: state)
    allowed.write(to: mask)
    guard accepts else { return }
    for stop in tokens.stops.elements { mask[Int(stop >> 5)] |= 1 << UInt32(stop & 31) }
  }

  /// Whether the output may end here.
  package func mayStop() throws(Failure) -> Bool {
    let state = state
    return try states.withEngine { engine throws(Failure) in engine.accepts(state) }
  }

  /// Whether nothing can follow but an end token.
  package func isFinished() throws(Failure) -> Bool {
    if isStopped { return true }
    let state = state
    return try states.withEngine { engine throws(Failure) in engine.states[Int(state)].count == 0 }
  }
}
