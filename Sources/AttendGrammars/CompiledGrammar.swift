import AttendBase
import Synchronization

/// A grammar over a vocabulary, ready for matching. Made once and shared by any number of threads: what one of them
/// computes (states, masks) all others find.
///
/// States stay for as long as a matcher may ask for them. When those of all outputs so far have become many, matchers
/// that begin get a new set, and the old one goes with its last matcher: memory is bounded however long a grammar is in
/// use.
package final class CompiledGrammar: @unchecked Sendable {
  package let tokens: TokenTable
  private let grammar: Grammar
  private let current: Mutex<MatcherStates>

  /// Bytes of states past which new matchers begin anew.
  static let enough = 128 << 20

  /// Compiles a grammar. Throws `invalidArgument` where no string matches it, and errors with both numbers where it
  /// passes a limit.
  package init(_ grammar: consuming Grammar, _ tokens: TokenTable) throws(Failure) {
    current = Mutex(try MatcherStates(grammar, tokens))
    self.grammar = grammar
    self.tokens = tokens
  }

  /// A matcher before the first token. Throws where new states are due and memory runs out.
  package func matcher() throws(Failure) -> Matcher {
    try current.withLock { states throws(Failure) in
      if states.bytes > CompiledGrammar.enough { states = try MatcherStates(grammar, tokens) }
      return Matcher(states, tokens)
    }
  }

  /// Bytes held for states and automata at this moment, but for those of older matchers.
  package var bytes: Int { current.withLock { $0.bytes } }
}

/// States and masks that matchers of one grammar share.
final class MatcherStates: Sendable {
  /// What happens under the lock: look-ups, but for states that nobody has met before.
  private struct Work: ~Copyable, @unchecked Sendable {
    var engine: Engine
    var maker: MaskMaker
    var forced = ForcedRuns()
    /// The mask of the first token, where that is spelled in a way of its own and was asked for.
    var first: TokenMask?
  }

  private let work: Mutex<Work>
  private let beginning: TokenTable?

  init(_ grammar: borrowing Grammar, _ tokens: TokenTable) throws(Failure) {
    beginning = tokens.beginning
    work = Mutex(Work(engine: try Engine.make(grammar), maker: try MaskMaker.make(tokens)))
  }

  var bytes: Int { work.withLock { $0.engine.bytes + $0.forced.bytes } }

  func withEngine<Result>(_ body: (inout Engine) throws(Failure) -> Result) throws(Failure) -> Result {
    try work.withLock { work throws(Failure) in
      work.engine.boundRows()
      return try body(&work.engine)
    }
  }

  /// The tokens that a state allows, and whether the output may end there.
  func mask(of state: Int32) throws(Failure) -> (mask: TokenMask, accepts: Bool) {
    try work.withLock { work throws(Failure) in
      work.engine.boundRows()
      let mask = try work.maker.mask(of: state, &work.engine)
      return (mask, work.engine.accepts(state))
    }
  }

  /// The tokens that are allowed first, and whether the output may be empty.
  func firstMask() throws(Failure) -> (mask: TokenMask, accepts: Bool) {
    guard let beginning else { return try mask(of: start) }
    return try work.withLock { work throws(Failure) in
      let start = work.engine.start
      if let known = work.first { return (known, work.engine.accepts(start)) }
      // Masks are noted with their states, and those of another table must not be found there.
      work.maker.forget(&work.engine)
      var maker = try MaskMaker.make(beginning)
      let mask = try maker.mask(of: start, &work.engine)
      maker.forget(&work.engine)
      work.first = mask
      return (mask, work.engine.accepts(start))
    }
  }

  /// Appends the tokens that were found to be forced at a state behind a token. False where that is not known yet.
  func appendForced(
    at state: Int32, after last: Int32, to ids: inout GrowingList<Int32>
  ) throws(Failure) -> Bool {
    try work.withLock { work throws(Failure) in
      if work.engine.states[Int(state)].isFree { return true }
      if try work.forced.append(state, last, to: &ids) { return true }
      var isFree = work.engine.accepts(state)
      if !isFree { isFree = try work.engine.onlyByte(after: state) == nil }
      if isFree { work.engine.states[Int(state)].isFree = true }
      return isFree
    }
  }

  /// Remembers which tokens are forced at a state behind a token: those of `ids` from `first` on.
  func keepForced(
    at state: Int32, after last: Int32, _ ids: borrowing GrowingList<Int32>, from first: Int
  ) throws(Failure) {
    try work.withLock { work throws(Failure) in
      try work.forced.insert(state, last, UnsafeBufferPointer(rebasing: ids.elements[first...]))
    }
  }

  var start: Int32 { work.withLock { $0.engine.start } }
}
