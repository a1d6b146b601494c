import AttendBase
import AttendDecoding

extension Scheduler {
  /// How requests share a model.
  package struct Options: Sendable {
    /// Rows of the batch at most, beams and samples counted.
    package var maximalRows = 64
    /// Bytes of the caches of the rows at most; nil: no bound.
    package var maximalCacheBytes: Int?
    /// Whether a request joins that may come to want more memory than there is: where that happens, the least urgent
    /// one is put aside, and read again later with the same result. Otherwise each waits until all that it may want is
    /// free.
    package var allowsPuttingAside = true
    /// Tokens of prompts that a step reads at most.
    package var promptTokensPerStep = 512
    /// Nanoseconds of waiting that one unit of priority is worth.
    package var agingNanoseconds = 1_000_000_000
    /// Whether a request waits while another reads a prompt that begins alike: for models that keep what was read of
    /// prompts.
    package var waitsForPrefixes = false

    package init() {}

    func check() throws(Failure) {
      try require(maximalRows > 0, "max_rows is \(maximalRows); it is 1 or more")
      try require(promptTokensPerStep > 0, "prompt_tokens_per_step is \(promptTokensPerStep); it is 1 or more")
      try require(
        agingNanoseconds >= 0 && agingNanoseconds <= 1 << 40,
        "aging is \(agingNanoseconds) nanoseconds; it is from 0 to \(1 << 40)")
      if let bytes = maximalCacheBytes { try require(bytes > 0, "max_cache_bytes is \(bytes); it is 1 or more") }
    }

    private func require(_ isMet: Bool, _ message: @autoclosure () -> String) throws(Failure) {
      guard isMet else { throw Failure(.invalidArgument, message()) }
    }
  }

  /// What is submitted.
  package struct Request {
    package let context: SearchContext
    /// The higher, the sooner.
    package var priority: Int16 = 0
    /// Nanoseconds from the submission on, after which the request ends as it stands; nil: no limit.
    package var timeLimit: Int?
    /// Hears the tokens, on the thread that computes them.
    package var observer: (any TokenObserver)?
    /// Called when the request is done, by whichever thread brought that about.
    package var onDone: (@Sendable () -> Void)?

    package init(_ context: SearchContext) { self.context = context }
  }

  /// What a scheduler has done so far.
  package struct Statistics: Sendable {
    package internal(set) var submitted = 0
    package internal(set) var finished = 0
    package internal(set) var failed = 0
    package internal(set) var waiting = 0
    package internal(set) var running = 0
    /// How often a request was put aside.
    package internal(set) var putAside = 0
    package internal(set) var steps = 0
    /// Rows of all steps; by the steps, how full they were.
    package internal(set) var rows = 0
    /// Tokens of prompts that were read, again after requests were put aside.
    package internal(set) var promptTokens = 0
    /// Other tokens that were read, drafts among them.
    package internal(set) var tokens = 0
    package internal(set) var stepNanoseconds = 0
    /// The time from submission until a request joined the batch: of all requests that did, and of the one that waited
    /// longest.
    package internal(set) var begun = 0
    package internal(set) var queueNanoseconds = 0
    package internal(set) var longestQueueNanoseconds = 0
  }
}
