import AttendBase
import AttendGeneration
import AttendKernelInterface
import CAttend
import Synchronization

/// The object behind an `attend_session`: a session, and a flag that tells a second thread that it came at the wrong
/// time.
final class SessionObject: @unchecked Sendable {
  let model: ModelObject
  private let session: Session
  private let cancellation: Cancellation
  private let users = Atomic(0)  // threads that look; -1: one that computes

  init(_ model: ModelObject, _ options: Session.Options) throws(Failure) {
    try model.checkProcess()
    self.model = model
    session = try Session(model: model.model, options: options)
    cancellation = session.cancellation
  }

  /// Ends the call under way, or else the next one. From any thread.
  func cancel() { cancellation.request() }

  /// Runs `body` as the only user of the session; throws `busy` if another thread is at it.
  func use(_ body: (Session) throws(Failure) -> Void) throws(Failure) {
    guard users.compareExchange(expected: 0, desired: -1, ordering: .acquiring).exchanged else {
      throw SessionObject.busy
    }
    defer { users.store(0, ordering: .releasing) }
    try body(session)
  }

  /// Runs `body`, which changes nothing, beside others that change nothing; throws `busy` if a thread computes with the
  /// session.
  func look(_ body: (Session) throws(Failure) -> Void) throws(Failure) {
    var before = users.load(ordering: .relaxed)
    while true {
      guard before >= 0 else { throw SessionObject.busy }
      let (exchanged, original) = users.compareExchange(expected: before, desired: before + 1, ordering: .acquiring)
      if exchanged { break }
      before = original
    }
    defer { users.subtract(1, ordering: .releasing) }
    try body(session)
  }

  private static let busy = Failure(
    .busy, "this session is being used by another thread: give each thread a session of its own")
}

/// Runs a getter of a session; a failure becomes an error that the caller owns.
func lookingAt(_ session: OpaquePointer?, _ body: (Session) throws(Failure) -> Void) -> OpaquePointer? {
  attempt { () throws(Failure) in try object(session, as: SessionObject.self, "session").look(body) }
}

/// Runs what computes with a session, which the child of a fork may not; a failure becomes an error that the caller
/// owns.
func using(_ session: OpaquePointer?, _ body: (Session) throws(Failure) -> Void) -> OpaquePointer? {
  attempt { () throws(Failure) in
    let session = try object(session, as: SessionObject.self, "session")
    try session.model.checkProcess()
    try session.use(body)
  }
}

@_cdecl("attend_session_create") @implementation public func attend_session_create(
  _ model: OpaquePointer!, _ options: UnsafePointer<attend_session_options>!,
  _ session: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let model = try object(model, as: ModelObject.self, "model")
    let target = try require(session, "session")
    target.pointee = own(try SessionObject(model, try sessionOptions(options, "options")))
  }
}

/// The options of a session as the generation room knows them. `name` is that of the argument.
func sessionOptions(
  _ pointer: UnsafePointer<attend_session_options>?, _ name: String
) throws(Failure) -> Session.Options {
  let options = try copy(pointer, name)
  var result = Session.Options()
  result.threads = Int(options.threads)
  result.pinsThreads = options.pin_threads
  result.allowsBeyondPositions = options.beyond_positions
  result.prefixCacheBytes = options.prefix_cache_bytes
  if options.key_value_type != ATTEND_KEY_VALUE_DEFAULT {
    guard let type = KeyValueType(rawValue: options.key_value_type.rawValue) else {
      throw Failure(
        .invalidArgument,
        "\(name).key_value_type is \(options.key_value_type.rawValue), which is no attend_key_value_type")
    }
    result.keyValueType = type
  }
  if let stage = options.stage {
    let context = options.stage_context
    result.earlier = { step in
      var given = attend_stage_step(step)
      return stage(&given, context)
    }
  }
  if let progress = options.progress {
    let context = options.progress_context
    result.progress = { progress($0, context) }
  }
  return result
}

extension attend_stage_step {
  /// What a callback is given; SIZE_MAX crosses as -1.
  fileprivate init(_ step: EarlierStep) {
    self.init()
    struct_size = MemoryLayout<attend_stage_step>.size
    count = step.count
    parents = step.parents
    positions = step.positions
    lengths = step.lengths
    tokens = step.tokens
    states = step.states.base
  }
}

@_cdecl("attend_session_cancel") @implementation public func attend_session_cancel(_ session: OpaquePointer!) {
  guard let session else { return }
  borrow(session, as: SessionObject.self).cancel()
}

@_cdecl("attend_session_free") @implementation public func attend_session_free(_ session: OpaquePointer!) {
  release(session, as: SessionObject.self)
}

@_cdecl("attend_session_count") @implementation public func attend_session_count(
  _ session: OpaquePointer!, _ count: UnsafeMutablePointer<Int>!
) -> OpaquePointer! {
  lookingAt(session) { (session) throws(Failure) in try require(count, "count").pointee = session.count }
}

@_cdecl("attend_session_length") @implementation public func attend_session_length(
  _ session: OpaquePointer!, _ index: Int, _ length: UnsafeMutablePointer<Int>!
) -> OpaquePointer! {
  lookingAt(session) { (session) throws(Failure) in
    let target = try require(length, "length")
    guard index >= 0, index < session.count else {
      throw Failure(.invalidArgument, "index is \(UInt(bitPattern: index)); \(session.count) sequences are live")
    }
    target.pointee = session.length(index)
  }
}
