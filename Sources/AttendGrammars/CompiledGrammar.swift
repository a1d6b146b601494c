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
  }

  private let work: Mutex<Work>

  init(_ grammar: borrowing Grammar, _ tokens: TokenTable) throws(Failure) {
    work = Mutex(Work(engine: try Engine.make(grammar), maker: try MaskMaker.make(tokens)))
  }

  var bytes: Int { work.withLock { $0.engine.bytes } }

  func withEngine<Result>(_ body: (inout Engine) throws(Failure) -> Result) throws(Failure) -> Result {
    try work.withLock { work throws(Failure) in try body(&work.engine) }
  }

  /// The tokens that a state allows, and whether the output may end there.
  func mask(of state: Int32) throws(Failure) -> (mask: TokenMask, accepts: Bool) {
    try work.withLock { work throws(Failure) in
      let mask = try work.maker.mask(of: state, &work.engine)
      return (mask, work.engine.accepts(state))
    }
  }

  var start: Int32 { work.withLock { $0.engine.start } }
}
