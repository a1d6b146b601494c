internal import CAttend

/// How requests share a model.
public struct SchedulerOptions: Sendable {
  /// Sequences that a step reads, beams and samples counted.
  public var maxRows: Int
  /// The most bytes of keys and values of those that run; 0: no bound.
  public var maxCacheBytes: Int
  public var session: SessionOptions

  public init(maxRows: Int = 64, maxCacheBytes: Int = 0, session: SessionOptions = SessionOptions()) {
    self.maxRows = maxRows
    self.maxCacheBytes = maxCacheBytes
    self.session = session
  }
}

/// Requests to one model from any task, generated side by side as they come. Steps are made on a thread of its own, so
/// that no task blocks.
public final class Scheduler: @unchecked Sendable {
  private let handle: OpaquePointer
  public let model: Model

  /// Errors: invalidArgument, outOfMemory.
  public init(_ model: Model, options: SchedulerOptions = SchedulerOptions()) throws(AttendError) {
    var raw = initial(attend_scheduler_options.self)
    raw.max_rows = max(options.maxRows, 0)
    raw.max_cache_bytes = max(options.maxCacheBytes, 0)
    var session = options.session.raw
    var made: OpaquePointer?
    try attempt(attend_scheduler_create(model.handle, &session, &raw, &made))
    handle = made!
    self.model = model
  }

  deinit { attend_scheduler_free(handle) }

  /// Generates for a text. The task's cancellation ends the request, with `.cancelled`. The higher its priority, the
  /// sooner it runs.
  public func generate(
    _ text: String, options: GenerationOptions = [:], priority: Int = 0
  ) async throws(AttendError) -> Answer {
    try await submit(text, options, priority).answer()
  }

  /// Answers a conversation.
  public func chat(
    _ messages: [Message], options: GenerationOptions = [:], priority: Int = 0
  ) async throws(AttendError) -> Answer {
    try await submit(messages, options, priority).answer()
  }

  /// The pieces of a text as they are generated, by greedy search or sampling. The request is submitted when one begins
  /// to iterate; who stops iterating, or whose task is cancelled, ends it.
  public func stream(_ text: String, options: GenerationOptions = [:], priority: Int = 0) -> Pieces {
    Pieces { () throws(AttendError) in try self.submit(text, options, priority) }
  }

  /// The same for the answer to a conversation.
  public func stream(_ messages: [Message], options: GenerationOptions = [:], priority: Int = 0) -> Pieces {
    Pieces { () throws(AttendError) in try self.submit(messages, options, priority) }
  }

  private func submit(_ text: String, _ options: GenerationOptions, _ priority: Int) throws(AttendError) -> Request {
    try Request(self, options, priority, isChat: false) {
      attend_scheduler_submit_text(handle, text, text.utf8.count, $0, $1)
    }
  }

  private func submit(
    _ messages: [Message], _ options: GenerationOptions, _ priority: Int
  ) throws(AttendError) -> Request {
    let json = Message.text(messages)
    return try Request(self, options, priority, isChat: true) {
      attend_scheduler_submit_chat(handle, json, json.utf8.count, nil, $0, $1)
    }
  }
}

/// A request under way. It keeps what callbacks use until none can come any more, and its scheduler.
final class Request: @unchecked Sendable {
  let pieces: AsyncStream<Piece>
  private let listener: Callback<TokenHandler>
  private let done: Callback<() -> Void>
  private let scheduler: Scheduler
  private let isChat: Bool
  /// Written once, before anybody sees the request.
  private var handle: OpaquePointer?

  init(
    _ scheduler: Scheduler, _ options: GenerationOptions, _ priority: Int, isChat: Bool,
    _ submit: (UnsafePointer<attend_request_options>, UnsafeMutablePointer<OpaquePointer?>) -> OpaquePointer?
  ) throws(AttendError) {
    let (pieces, sink) = AsyncStream<Piece>.makeStream()
    self.pieces = pieces
    self.scheduler = scheduler
    self.isChat = isChat
    listener = Callback {
      sink.yield($0)
      return true
    }
    done = Callback { sink.finish() }
    var raw = initial(attend_request_options.self)
    raw.priority = Int32(clamping: priority)
    raw.on_done = { Callback<() -> Void>.function($0)() }
    raw.on_done_context = done.context
    let failure = options.with(options.isBeamSearch ? nil : listener) { generation in
      withUnsafePointer(to: generation) {
        raw.generation = $0
        return submit(&raw, &handle)
      }
    }
    try attempt(failure)
  }

  /// None of the callbacks is under way behind it.
  deinit { attend_request_free(handle) }

  func cancel() { attend_request_cancel(handle) }

  /// The answer, when all pieces have come.
  func answer() async throws(AttendError) -> Answer {
    await withTaskCancellationHandler {
      for await _ in pieces {}
    } onCancel: {
      cancel()
    }
    return try result()
  }

  /// What the request came to, which its end has told of.
  func result() throws(AttendError) -> Answer {
    if Task.isCancelled { throw AttendError(.cancelled, "the task was cancelled") }
    var made: OpaquePointer?
    try attempt(attend_request_wait(handle, -1, &made))
    guard let answer = try Answer.take(made, messages: isChat).first else {
      throw AttendError(.internal, "a request that is finished has no answer")
    }
    return answer
  }
}

extension GenerationOptions {
  /// Whether beams are asked for, whose tokens nobody hears of.
  var isBeamSearch: Bool {
    guard case .integer(let beams) = settings["num_beams"] else { return false }
    return beams > 1
  }
}

/// The pieces of a text, in their order, as they are generated.
public struct Pieces: AsyncSequence, Sendable {
  public typealias Element = Piece
  public typealias Failure = AttendError

  private let submit: @Sendable () throws(AttendError) -> Request

  init(_ submit: @escaping @Sendable () throws(AttendError) -> Request) { self.submit = submit }

  public func makeAsyncIterator() -> Iterator { Iterator(submit) }

  public struct Iterator: AsyncIteratorProtocol {
    private let submit: @Sendable () throws(AttendError) -> Request
    private var request: Request?
    private var pieces: AsyncStream<Piece>.Iterator?
    private var isOver = false

    init(_ submit: @escaping @Sendable () throws(AttendError) -> Request) { self.submit = submit }

    public mutating func next() async throws(AttendError) -> Piece? { try await next(isolation: nil) }

    /// The next piece; nil at the end. Errors: those of the request, and `.cancelled` with the task.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws(AttendError) -> Piece? {
      if isOver { return nil }
      if request == nil {
        let made = try submit()
        request = made
        pieces = made.pieces.makeAsyncIterator()
      }
      if !Task.isCancelled, let piece = await pieces?.next(isolation: actor) { return piece }
      isOver = true
      let ended = request
      request = nil  // which cancels it, where it is not finished
      _ = try ended?.result()
      return nil
    }
  }
}
