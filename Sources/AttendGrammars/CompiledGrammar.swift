import AttendBase
import Synchronization

/// A grammar over a vocabulary, ready for matching. Made once and shared by any number of threads: what one of them
/// computes (states, masks) all others find.
package final class CompiledGrammar: Sendable {
  /// What happens under the lock: look-ups, but for states that nobody has met before.
  struct Work: ~Copyable, @unchecked Sendable {
    var engine: Engine
    var maker: MaskMaker
  }

  package let tokens: TokenTable
  private let work: Mutex<Work>

  /// Compiles a grammar. Throws `invalidArgument` where no string matches it, and errors with both numbers where it
  /// passes a limit.
  package init(_ grammar: borrowing Grammar, _ tokens: TokenTable) throws(Failure) {
    self.tokens = tokens
    work = Mutex(Work(engine: try Engine.make(grammar), maker: try MaskMaker.make(tokens)))
  }

  /// A matcher before the first token.
  package func matcher() -> Matcher {
    Matcher(self, state: work.withLock { $0.engine.start })
  }

  func withEngine<Result>(_ body: (inout Engine) throws(Failure) -> Result) throws(Failure) -> Result {
    try work.withLock { work throws(Failure) in try body(&work.engine) }
  }

  func mask(of state: Int32) throws(Failure) -> (mask: TokenMask, accepts: Bool) {
    try work.withLock { work throws(Failure) in
      let mask = try work.maker.mask(of: state, &work.engine)
      return (mask, work.engine.accepts(state))
    }
  }

  /// Bytes held for states and automata at this moment.
  package var bytes: Int { work.withLock { $0.engine.bytes } }
}
