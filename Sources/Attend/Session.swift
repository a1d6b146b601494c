internal import CAttend

/// How to make a session.
public struct SessionOptions: Sendable {
  /// Threads that a call may use; 0: as the model.
  public var threads: Int
  /// Whether sequences may be longer than config.json states, where positions are computed.
  public var beyondPositions: Bool
  /// The most bytes that beginnings of prompts may take; 0: none are kept.
  public var prefixCacheBytes: Int

  public init(threads: Int = 0, beyondPositions: Bool = false, prefixCacheBytes: Int = 0) {
    self.threads = threads
    self.beyondPositions = beyondPositions
    self.prefixCacheBytes = prefixCacheBytes
  }

  var raw: attend_session_options {
    var raw = initial(attend_session_options.self)
    raw.threads = UInt32(clamping: threads)
    raw.beyond_positions = beyondPositions
    raw.prefix_cache_bytes = max(prefixCacheBytes, 0)
    return raw
  }
}

/// Ends the calls of a session, from any thread or task.
public final class Canceller: @unchecked Sendable {
  fileprivate let handle: OpaquePointer

  fileprivate init(_ handle: OpaquePointer) { self.handle = handle }
  deinit { attend_session_free(handle) }

  /// Ends the call that computes on the session, or else its next one, with `.cancelled`.
  public func cancel() { attend_session_cancel(handle) }
}

/// Whose queries look at whose keys in an attention map.
public enum AttentionKind: UInt32, Sendable {
  case encoder = 1
  case decoder = 2
  case cross = 3
  case vision = 4
}

/// The live sequences of one caller, their caches, scratch memory. It belongs to one thread or task at a time, which is
/// why it is not Sendable; it can be sent where nobody else holds it. Its calls compute where they are called, as long
/// as it takes: a task that must not block uses a `Scheduler`.
public final class Session {
  /// What ends the calls of this session, from anywhere.
  public let canceller: Canceller
  public let model: Model
  private let progress: Callback<ProgressHandler>?

  /// `progress` hears how far a long call is; it must not use the session. Errors: invalidArgument, unsupported,
  /// outOfMemory.
  public init(
    _ model: Model, options: SessionOptions = SessionOptions(), progress: ProgressHandler? = nil
  ) throws(AttendError) {
    var raw = options.raw
    let callback = progress.map { Callback($0) }
    if let callback {
      raw.progress = hearProgress
      raw.progress_context = callback.context
    }
    var made: OpaquePointer?
    try attempt(attend_session_create(model.handle, &raw, &made))
    self.model = model
    self.progress = callback
    canceller = Canceller(made!)
  }

  var handle: OpaquePointer { canceller.handle }

  // MARK: Live sequences

  /// How many sequences are live.
  public func count() throws(AttendError) -> Int {
    var count = 0
    try attempt(attend_session_count(handle, &count))
    return count
  }

  /// How many tokens the decoder has read of a live sequence.
  public func length(of sequence: Int) throws(AttendError) -> Int {
    var length = 0
    try attempt(attend_session_length(handle, try place(sequence), &length))
    return length
  }

  /// The bytes that the session holds at this moment.
  public func memory() throws(AttendError) -> Int {
    var bytes = 0
    try attempt(attend_session_memory(handle, &bytes))
    return bytes
  }

  // MARK: Encode and decode

  /// Reads texts, sources or prompts, which become the live sequences.
  public func encode(_ sequences: [[Int32]]) throws(AttendError) {
    try attempt(Session.with(sequences) { attend_encode(handle, $0) })
  }

  /// Reads pictures or sounds, each of which is a sequence.
  public func encode(_ inputs: [MediaInput]) throws(AttendError) {
    var batch = initial(attend_batch.self)
    let failure = try MediaInput.with(inputs) { inputs, count in
      batch.inputs = inputs
      batch.count = count
      return attend_encode(handle, &batch)
    }
    try attempt(failure)
  }

  /// Reads sequences behind the live ones.
  public func add(_ sequences: [[Int32]]) throws(AttendError) {
    try attempt(Session.with(sequences) { attend_session_add(handle, $0) })
  }

  /// Gives each live sequence one token: the logits of the next, `[sequences, vocabulary]`.
  public func step(_ tokens: [Int32]) throws(AttendError) -> Rows {
    Rows(try tensor { attend_decode_step(handle, tokens, tokens.count, $0) })
  }

  /// The same without a copy: `body` looks at the logits, row after row, and at the width of a row.
  public func step<Result>(
    _ tokens: [Int32], reading body: (_ logits: Span<Float>, _ width: Int) -> Result
  ) throws(AttendError) -> Result {
    let raw = try tensor { attend_decode_step(handle, tokens, tokens.count, $0) }
    let shape = dimensions(raw)
    let numbers = UnsafeBufferPointer(
      start: raw.data?.assumingMemoryBound(to: Float.self), count: shape.reduce(1, *))
    return body(numbers.span, shape.last ?? 0)
  }

  /// Gives each live sequence several tokens at once, none where it is to wait: the logits behind each,
  /// `[sum of lengths, vocabulary]`.
  public func decode(_ sequences: [[Int32]]) throws(AttendError) -> Rows {
    Rows(try tensor { raw in Session.with(sequences) { attend_decode(handle, $0, raw) } })
  }

  /// Makes live sequence `parents[i]` of before the new live sequence i: drops, repeats, reorders.
  public func select(_ parents: [Int]) throws(AttendError) {
    for parent in parents { _ = try place(parent) }
    try attempt(attend_session_select(handle, parents, parents.count))
  }

  /// Forgets what a live sequence has read beyond its first `length` tokens.
  public func truncate(_ sequence: Int, to length: Int) throws(AttendError) {
    try attempt(attend_session_truncate(handle, try place(sequence), try place(length)))
  }

  /// What the checkpoint's head makes of the last `encode`.
  public func logits() throws(AttendError) -> Rows { Rows(try tensor { attend_session_logits(handle, $0) }) }
  /// What the pooler makes of each sequence of the last `encode`, `[sequences, width]`.
  public func pooled() throws(AttendError) -> Rows { Rows(try tensor { attend_session_pooled(handle, $0) }) }
  /// The hidden states of the last call, `[tokens, width]`.
  public func hiddenStates() throws(AttendError) -> Rows {
    Rows(try tensor { attend_session_hidden_states(handle, $0) })
  }

  // MARK: Caches and attention maps

  /// The live sequences as bytes, which go on with the same bits wherever they are restored.
  public func save() throws(AttendError) -> [UInt8] {
    var made: OpaquePointer?
    try attempt(attend_session_save(handle, nil, 0, &made))
    defer { attend_text_free(made) }
    var length = 0
    let bytes = attend_text_bytes(made, &length)
    return Array(UnsafeRawBufferPointer(start: bytes, count: length))
  }

  /// Adds sequences that were saved behind the live ones.
  public func restore(_ bytes: [UInt8]) throws(AttendError) {
    let failure = bytes.withUnsafeBytes {
      attend_session_restore(handle, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
    }
    try attempt(failure)
  }

  /// Switches on, or off again, that calls keep their attention maps.
  public func recordAttentions(_ on: Bool = true) throws(AttendError) {
    try attempt(attend_session_record_attentions(handle, on))
  }

  /// An attention map of the last call, of shape `[heads, queries, keys]`.
  public func attentions(_ kind: AttentionKind, layer: Int, sequence: Int = 0) throws(AttendError) -> Rows {
    let layer = try place(layer), sequence = try place(sequence)
    let kind = attend_attention_kind(rawValue: kind.rawValue)
    return Rows(try tensor { attend_session_attentions(handle, kind, layer, sequence, $0) })
  }

  // MARK: How calls are made

  func tensor(_ call: (UnsafeMutablePointer<attend_tensor>) -> OpaquePointer?) throws(AttendError) -> attend_tensor {
    var raw = attend_tensor()
    try attempt(call(&raw))
    return raw
  }

  /// A place or a length, which the header counts from 0 on.
  private func place(_ number: Int) throws(AttendError) -> Int {
    guard number >= 0 else { throw AttendError(.invalidArgument, "\(number) is below 0") }
    return number
  }

  /// Sequences as a batch of the header, for the time of a call.
  static func with<Result>(_ sequences: [[Int32]], _ body: (UnsafePointer<attend_batch>) -> Result) -> Result {
    let tokens = sequences.flatMap { $0 }
    let lengths = sequences.map(\.count)
    return tokens.withUnsafeBufferPointer { tokens in
      lengths.withUnsafeBufferPointer { lengths in
        var batch = initial(attend_batch.self)
        batch.tokens = tokens.baseAddress
        batch.lengths = lengths.baseAddress
        batch.count = lengths.count
        return body(&batch)
      }
    }
  }
}
