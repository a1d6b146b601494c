import AttendBase
import AttendGeneration
import CAttend

@_cdecl("attend_encode") @implementation public func attend_encode(
  _ session: OpaquePointer!, _ batch: UnsafePointer<attend_batch>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    try withBatch(batch, session, takesStates: true) { (batch) throws(Failure) in try session.encode(batch) }
  }
}

@_cdecl("attend_session_add") @implementation public func attend_session_add(
  _ session: OpaquePointer!, _ batch: UnsafePointer<attend_batch>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    try withBatch(batch, session, takesStates: true) { (batch) throws(Failure) in try session.add(batch) }
  }
}

@_cdecl("attend_session_logits") @implementation public func attend_session_logits(
  _ session: OpaquePointer!, _ logits: UnsafeMutablePointer<attend_tensor>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    try require(logits, "logits").pointee = attend_tensor(try session.encodedLogits())
  }
}

@_cdecl("attend_session_pooled") @implementation public func attend_session_pooled(
  _ session: OpaquePointer!, _ pooled: UnsafeMutablePointer<attend_tensor>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    try require(pooled, "pooled").pointee = attend_tensor(try session.pooledStates())
  }
}

@_cdecl("attend_decode_step") @implementation public func attend_decode_step(
  _ session: OpaquePointer!, _ tokens: UnsafePointer<Int32>!, _ count: Int,
  _ logits: UnsafeMutablePointer<attend_tensor>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    try session.requireLive()
    try decode(session, try Batch(step: try require(tokens, "tokens"), count: count), .all, logits)
  }
}

@_cdecl("attend_decode") @implementation public func attend_decode(
  _ session: OpaquePointer!, _ batch: UnsafePointer<attend_batch>!, _ logits: UnsafeMutablePointer<attend_tensor>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    try session.requireLive()
    let (batch, wanted) = try read(batch, allowsEmpty: true, takesStates: true)
    try decode(session, batch, wanted, logits)
  }
}

@_cdecl("attend_session_select") @implementation public func attend_session_select(
  _ session: OpaquePointer!, _ parents: UnsafePointer<Int>!, _ count: Int
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    guard count >= 0, count <= Session.mostSequences else {
      throw Failure(
        .invalidArgument, "count is \(UInt(bitPattern: count)); at most \(Session.mostSequences) sequences can live")
    }
    try session.select(UnsafeBufferPointer(start: count == 0 ? nil : try require(parents, "parents"), count: count))
  }
}

@_cdecl("attend_session_truncate") @implementation public func attend_session_truncate(
  _ session: OpaquePointer!, _ index: Int, _ length: Int
) -> OpaquePointer! { using(session) { (session) throws(Failure) in try session.truncate(index, to: length) } }

@_cdecl("attend_session_hidden_states") @implementation public func attend_session_hidden_states(
  _ session: OpaquePointer!, _ states: UnsafeMutablePointer<attend_tensor>!
) -> OpaquePointer! {
  lookingAt(session) { (session) throws(Failure) in
    let target = try require(states, "states")
    guard let matrix = session.hiddenStates else {
      throw Failure(
        .invalidState,
        "there are no hidden states: nothing was encoded or decoded since the session was made or its sequences changed"
      )
    }
    target.pointee = attend_tensor(matrix)
  }
}

@_cdecl("attend_session_encoded_length") @implementation public func attend_session_encoded_length(
  _ session: OpaquePointer!, _ index: Int, _ length: UnsafeMutablePointer<Int>!
) -> OpaquePointer! {
  lookingAt(session) { (session) throws(Failure) in
    try require(length, "length").pointee = try session.encodedLength(index)
  }
}

/// Gives the live sequences tokens; `logits` nil: none are wanted.
private func decode(
  _ session: Session, _ batch: Batch, _ wanted: LogitsWanted, _ logits: UnsafeMutablePointer<attend_tensor>?
) throws(Failure) {
  let output = try session.decode(batch, logits: logits == nil ? .none : wanted)
  if let output, let logits { logits.pointee = attend_tensor(output) }
}

/// A batch as the generation room knows it, checked as far as that is possible without a model.
func read(
  _ pointer: UnsafePointer<attend_batch>?, _ name: String = "batch", allowsEmpty: Bool = false,
  takesInputs: Bool = false, takesStates: Bool = false
) throws(Failure) -> (batch: Batch, wanted: LogitsWanted) {
  let batch = try copy(try require(pointer, name), name)
  let wanted: LogitsWanted
  switch batch.logits {
  case ATTEND_LOGITS_DEFAULT, ATTEND_LOGITS_ALL: wanted = .all
  case ATTEND_LOGITS_LAST: wanted = .last
  case ATTEND_LOGITS_NONE: wanted = .none
  default:
    throw Failure(
      .invalidArgument, "\(name).logits is \(batch.logits.rawValue), which is no attend_logits_kind")
  }
  guard takesInputs || batch.inputs == nil else {
    throw Failure(.invalidArgument, "\(name).inputs is set; this call takes tokens")
  }
  if let states = batch.states {
    guard takesStates else { throw Failure(.invalidArgument, "\(name).states is set; this call takes tokens") }
    guard batch.tokens == nil, batch.token_types == nil else {
      throw Failure(
        .invalidArgument,
        "\(name).states is set, and so is \(batch.tokens == nil ? "token_types" : "tokens"): states come alone")
    }
    let lengths = try require(batch.lengths, "\(name).lengths")
    return (try Batch(states: states, lengths: lengths, count: batch.count, allowsEmpty: allowsEmpty), wanted)
  }
  let tokens = try Batch(
    tokens: try require(batch.tokens, "\(name).tokens"), lengths: try require(batch.lengths, "\(name).lengths"),
    types: batch.token_types, count: batch.count, allowsEmpty: allowsEmpty)
  return (tokens, wanted)
}

extension attend_tensor {
  /// A view of rows that lie without gaps.
  init(_ matrix: Matrix) {
    self.init()
    data = UnsafeRawPointer(matrix.base)
    type = ATTEND_TYPE_FLOAT32
    rank = 2
    shape = (matrix.rows, matrix.columns, 0, 0)
  }
}
