import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

/// The live sequences of one caller, with their caches and scratch memory. One thread at a time.
package final class Session {
  package let model: Model
  /// Ends the call under way; may be used from any thread.
  package let cancellation: Cancellation
  let allowsBeyondPositions: Bool
  private(set) var pass: Pass
  let cache: KeyValueCache  // what the decoder has read
  let source: KeyValueCache  // what the encoder has read, as the decoder's cross-attention sees it
  let encoderCache: KeyValueCache?  // keys and values of one encoder layer, during an encode
  let states = OutputBuffer(purpose: "the hidden states")
  let logits = OutputBuffer(purpose: "the logits")
  let pooled = OutputBuffer(purpose: "the pooled vectors")
  let embeddings = OutputBuffer(purpose: "the embeddings")
  var stateRows = 0  // tokens of the last call, whose states are held
  var encodedLengths: [Int] = []  // of the sequences of the last call, if that was an encode
  var lastTokens: [Int] = []  // rows of the states that a head reads which reads the last token beside padding
  var isEncoded = false
  /// Of attention maps; once made it stays, for those who look at a view too late
  private var recorder: AttentionRecorder?

  /// Rows are tokens or sequences of a call; `columns` numbers each. Valid until the next call.
  package typealias Output = Matrix

  /// Positions for which pages are set aside at the start, so that the token loop asks the system for nothing.
  package static let positionsAhead = 512

  /// How to make a session.
  package struct Options {
    /// 0: as the model.
    package var threads = 0
    /// Whether sequences may be longer than the configuration states, where positions are computed.
    package var allowsBeyondPositions = false
    /// Hears how far a long call is; nil: nobody wants to.
    package var progress: Cancellation.Progress?

    package init() {}
  }

  package init(model: Model, options: Options = Options()) throws(Failure) {
    let threads = options.threads
    guard threads <= model.engine.threads else {
      throw Failure(.invalidArgument, "threads is \(threads); the model was created with \(model.engine.threads)")
    }
    guard let stack = model.decoder ?? model.encoder else { throw Failure(.internalError, "a model without layers") }
    self.model = model
    allowsBeyondPositions = options.allowsBeyondPositions
    cancellation = Cancellation(progress: options.progress)
    let engine = model.engine.with(threads: threads == 0 ? model.engine.threads : threads, cancellation: cancellation)
    pass = Pass(engine: engine, workspace: Workspace())
    let pool = PagePool(layout: stack.keyValueLayout)
    cache = KeyValueCache(pool: pool)
    source = KeyValueCache(pool: pool)
    encoderCache = model.encoder.map { KeyValueCache(pool: PagePool(layout: $0.keyValueLayout)) }
  }

  /// How many sequences are live.
  package var count: Int { cache.count }

  /// How many tokens the decoder has read of a live sequence.
  package func length(_ sequence: Int) -> Int { cache.length(sequence) }

  /// Bytes of caches, outputs and scratch at this moment.
  package var bytes: Int {
    pass.workspace.bytes + cache.pool.bytes + (encoderCache?.pool.bytes ?? 0) + states.bytes + logits.bytes
      + pooled.bytes + embeddings.bytes + (recorder?.bytes ?? 0)
  }

  /// The hidden states of the last encode or decode, `[tokens, width]`, or nil if there was none since the sequences
  /// were made or selected.
  package var hiddenStates: Output? {
    stateRows == 0 ? nil : Matrix(states.base, rows: stateRows, columns: model.width)
  }

  /// Live sequence `parents[i]` of before becomes live sequence i. A failure changes nothing.
  package func select(_ parents: UnsafeBufferPointer<Int>) throws(Failure) {
    try requireEncoded()
    for (index, parent) in parents.enumerated() where parent < 0 || parent >= count {
      throw Failure(.invalidArgument, "parents[\(index)] is \(UInt(bitPattern: parent)); \(count) sequences are live")
    }
    cache.select(parents)
    if source.count > 0 { source.select(parents) }
    forgetOutputs()
  }

  /// Throws `invalidState` where there is nothing to decode.
  package func requireLive() throws(Failure) {
    try requireEncoded()
    guard count > 0 else {
      throw Failure(.invalidState, "no sequence is live: all have been dropped by attend_session_select")
    }
  }

  private func requireEncoded() throws(Failure) {
    guard isEncoded else { throw Failure(.invalidState, "nothing was encoded: call attend_encode first") }
  }

  /// Begins `count` sequences that the decoder has not read; those of before are dropped.
  func start(_ count: Int, positionsAhead: Int) throws(Failure) {
    cache.start(count)
    guard let decoder = model.decoder else { return }
    try cache.pool.reserve(count * KeyValueLayout.pages(for: min(decoder.positions ?? .max, positionsAhead)))
  }

  /// Drops all sequences and what was computed of them.
  func drop() {
    isEncoded = false
    forgetOutputs()
    cache.start(0)
    source.start(0)
  }

  /// Keeps the attention maps of the calls that follow, or stops keeping them.
  package func recordAttentions(_ isOn: Bool) {
    if isOn, recorder == nil { recorder = AttentionRecorder() }
    recorder?.forget()
    pass = Pass(engine: pass.engine, workspace: pass.workspace, recorder: isOn ? recorder : nil)
  }

  /// The attention map of one sequence of the last call in one layer, `[heads, queries, keys]`.
  ///
  /// Throws `invalidArgument` for a layer or sequence that is not there, `invalidState` where that call's maps were not
  /// recorded or it had none of the kind.
  package func attention(_ kind: AttentionRecorder.Kind, layer: Int, sequence: Int) throws(Failure) -> AttentionMap {
    guard let recorder = pass.recorder else {
      throw Failure(
        .invalidState,
        "attention maps are not recorded: call attend_session_record_attentions before what computes them")
    }
    let layers = (kind == .encoder ? model.encoder : model.decoder)?.layers.count ?? 0
    guard layer >= 0, layer < layers else {
      throw Failure(
        .invalidArgument,
        "layer is \(UInt(bitPattern: layer)); the model has \(layers) \(kind == .encoder ? "encoder" : "decoder") layers"
      )
    }
    guard sequence >= 0, sequence < count else {
      throw Failure(.invalidArgument, "sequence is \(UInt(bitPattern: sequence)); \(count) sequences are live")
    }
    guard stateRows > 0, let map = recorder.map(kind, layer: layer, sequence: sequence) else {
      throw Failure(.invalidState, "the last call on this session left no attention maps of this kind")
    }
    return map
  }

  /// What was computed before is not to be read any more.
  func forgetOutputs() {
    pass.recorder?.forget()
    stateRows = 0
    encodedLengths.removeAll(keepingCapacity: true)
  }
}
