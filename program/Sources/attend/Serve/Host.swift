import CAttend
import NIOPosix
import Synchronization

/// How a model's requests share it.
struct BatchOptions: Sendable {
  var rows: Int
  var cacheBytes: Int
  var prefixBytes: Int
  /// Whether a request without a seed gets one at random; otherwise equal requests have equal answers.
  var drawsSeeds: Bool
}

/// A model that is served: a scheduler for what generates, and a thread with a session for all else.
final class Host: @unchecked Sendable {
  let id: String
  let model: Model
  let rows: Int
  let texts: TokenTexts?
  let worker: Worker
  /// Whether the checkpoint says that tokens are drawn where a request says nothing of it.
  let samples: Bool
  private let drawsSeeds: Bool
  private let scheduler: OpaquePointer?
  private let created: Int
  private let requests = Atomic<Int>(0)
  private let cached = Atomic<Int>(0)

  init(_ id: String, _ model: Model, _ options: BatchOptions) throws(Trouble) {
    (self.id, self.model, rows, drawsSeeds) = (id, model, options.rows, options.drawsSeeds)
    worker = Worker(model.session)
    texts = (try? model.tokenizer()).flatMap { TokenTexts($0) }
    var length = 0
    let config = attend_model_generation_config(model.handle, &length)
    let said = config.flatMap { try? Value(json: Array(utf8($0, length).utf8)) }?["do_sample"]
    if case .bool(true)? = said { samples = true } else { samples = false }
    created = secondsOfToday()
    scheduler = try Host.makeScheduler(model, options)
  }

  /// nil: the model generates nothing.
  private static func makeScheduler(_ model: Model, _ options: BatchOptions) throws(Trouble) -> OpaquePointer? {
    guard model.info.kind != ATTEND_KIND_ENCODER, model.info.decoder_vocabulary_size > 0 else { return nil }
    var session = attend_session_options.initial
    if model.info.kind == ATTEND_KIND_DECODER { session.prefix_cache_bytes = options.prefixBytes }
    var sharing = attend_scheduler_options.initial
    (sharing.max_rows, sharing.max_cache_bytes) = (options.rows, options.cacheBytes)
    var scheduler: OpaquePointer?
    try attempt(attend_scheduler_create(model.handle, &session, &sharing, &scheduler))
    return scheduler
  }

  /// Ends what runs; nothing may be asked of the model afterwards.
  func close() {
    attend_session_cancel(model.session)
    worker.close()
    attend_scheduler_free(scheduler)
  }

  /// The scheduler; an error where the model generates nothing.
  func generating() throws(APIError) -> OpaquePointer {
    guard let scheduler else {
      throw .invalid("\(id) is a \(model.family) that writes no texts.", "model", code: "unsupported")
    }
    return scheduler
  }

  func tokenizer() throws(APIError) -> OpaquePointer {
    do { return try model.tokenizer() } catch { throw APIError(error, "model") }
  }

  /// A seed for a request that has none; nil: that of the library.
  func newSeed() -> Int? { drawsSeeds ? Int.random(in: 0...Int.max) : nil }

  /// The positions of a prompt and its answer; of an encoder-decoder those of the source.
  var positions: Int {
    let isDecoder = model.info.kind == ATTEND_KIND_DECODER
    let positions = isDecoder ? model.info.decoder_positions : model.info.encoder_positions
    return positions > 0 ? Int(positions) : Int.max
  }

  // MARK: Counts

  /// A request's place among those that run or wait, which it holds as long as it lives.
  final class Seat: Sendable {
    fileprivate let host: Host
    fileprivate init(_ host: Host) { self.host = host }
    deinit { host.requests.subtract(1, ordering: .relaxed) }
  }

  /// A place for one more request.
  func admit(_ server: Server) throws(APIError) -> Seat {
    let seat = Seat(self)
    guard requests.add(1, ordering: .relaxed).newValue <= server.limits.maxRequests else {
      server.metrics.rejected("queue")
      throw APIError(
        status: 429, message: "\(server.limits.maxRequests) requests run or wait already.", type: "rate_limit_error",
        code: "queue_full", retryAfter: max(1, min(60, Int(statistics?.mean_queue_seconds ?? 0))))
    }
    return seat
  }

  /// Tokens whose keys and values are kept for requests under way.
  var cachedTokens: Int { cached.load(ordering: .relaxed) }
  func keep(_ tokens: Int) { cached.add(tokens, ordering: .relaxed) }

  var statistics: attend_scheduler_stats? {
    guard let scheduler else { return nil }
    var stats = attend_scheduler_stats.initial
    return (try? attempt(attend_scheduler_get_stats(scheduler, &stats))) == nil ? nil : stats
  }

  /// The model as OpenAI's API lists it.
  var card: Value {
    .object([
      Field("id", .string(id)), Field("object", .string("model")), Field("created", .integer(created)),
      Field("owned_by", .string("attend")),
    ])
  }
}

/// The models of a server.
final class Models: Sendable {
  let all: [Host]

  init(_ all: [Host]) { self.all = all }

  /// The model of a name; without one the only model.
  func named(_ name: String?, _ param: String = "model") throws(APIError) -> Host {
    guard let name else {
      if all.count == 1 { return all[0] }
      throw .invalid("Which model? There are \(all.map(\.id).joined(separator: ", ")).", param)
    }
    if let host = all.first(where: { $0.id == name }) { return host }
    throw APIError(
      status: 404,
      message: "There is no model \"\(name)\"; there are \(all.map { "\"\($0.id)\"" }.joined(separator: ", ")).",
      param: param, code: "model_not_found")
  }

  var list: Value { .object([Field("object", .string("list")), Field("data", .list(all.map(\.card)))]) }

  func close() { for host in all { host.close() } }
}

/// A session's thread: one piece of work after another. What is wanted no more is cancelled, or never begun.
final class Worker: @unchecked Sendable {
  private let session: OpaquePointer
  private let thread = NIOThreadPool(numberOfThreads: 1)
  /// The work under way, which alone may be cancelled.
  private let running = Mutex<ObjectIdentifier?>(nil)

  init(_ session: OpaquePointer) {
    self.session = session
    thread.start()
  }

  func run(_ reply: Reply, _ body: @escaping @Sendable () throws -> Void) {
    let (cancellation, id) = (reply.cancellation, ObjectIdentifier(reply))
    thread.submit { [self] state in
      guard case .active = state else { return reply.fail(.shuttingDown) }
      if cancellation.isAsked { return }
      running.withLock { $0 = id }
      cancellation.onAsked { [self] in
        running.withLock { if $0 == id { attend_session_cancel(session) } }
      }
      defer { running.withLock { $0 = nil } }
      do {
        do {
          try body()
        } catch let trouble as Trouble where trouble.isCancelled && !cancellation.isAsked {
          // The request was that of work before, which ended by itself meanwhile; it is used up now.
          try body()
        }
      } catch {
        reply.fail(.from(error))
      }
    }
  }

  func close() { try? thread.syncShutdownGracefully() }
}
