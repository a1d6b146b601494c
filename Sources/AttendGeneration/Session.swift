import AttendBase
import AttendDispatch
import AttendKernelInterface
import AttendLayers
import AttendModels
import AttendSounds

/// The live sequences of one caller, with their caches and scratch memory. One thread at a time.
package final class Session {
  package let model: Model
  /// Ends the call under way; may be used from any thread.
  package let cancellation: Cancellation
  /// Kernels and threads of its calls.
  package let engine: Engine
  let allowsBeyondPositions: Bool
  private(set) var pass: Pass
  let sequences: LiveSequences
  /// Beginnings of prompts; nil: none are kept
  let prefixes: PrefixCache?
  /// What asks the stages before this one; nil: the caller brings what they made
  let earlier: EarlierStages?
  /// Keys and values of one encoder layer, while it runs, for each tower that is an encoder
  private let encoderScratch: [(stack: Stack, cache: KeyValueCache)]
  let outputs = Outputs()
  /// What stands in the place of tokens of the call under way
  var spliceList = GrowingList<Splice>(for: "the places of pictures")
  /// Its tokens that belong together because of pictures, and the coordinates of its tokens
  var blockList = GrowingList<TokenBlock>(for: "the places of pictures")
  var coordinateList = GrowingList<Float>(for: "the places of pictures")
  /// The parts of the states of pictures at which its tokens look
  var spanList = GrowingList<KeySpan>(for: "the places of pictures")
  /// The language model of the last transcription that had one, by the path of its file
  var languageModel: (path: String, model: NGramModel)?
  /// Texts with pictures that an encoder reads
  var sourceList = GrowingList<Int32>(for: "the sources of a batch")
  var sourceLengths = GrowingList<Int>(for: "the sources of a batch")
  /// Tokens of pictures that are drawn
  var codeList = GrowingList<Int32>(for: "the tokens of pictures")
  /// Whether the blocks of logits are summed up while these are made
  var summarizesLogits = false
  /// The attention maps; once made it stays, as outgrown outputs do
  private var recorder: AttentionRecorder?

  /// Rows are tokens or sequences of a call; `columns` numbers each. Valid until the next call.
  package typealias Output = Matrix

  /// The choices of a new session.
  package struct Options {
    /// 0: as the model.
    package var threads = 0
    /// Whether threads stay on a processor each; they do where the model's do.
    package var pinsThreads = false
    /// Whether sequences may be longer than the configuration states, where positions are computed.
    package var allowsBeyondPositions = false
    /// The most bytes that beginnings of prompts may take; 0: none are kept.
    package var prefixCacheBytes = 0
    /// In which keys and values are kept; nil: as the model computes, in float32 or, in fewer bits, in bfloat16.
    package var keyValueType: KeyValueType?
    /// What computes the states that the stages before this one make of tokens; nil: the caller brings them.
    package var earlier: EarlierStages.Compute?
    /// Hears how far a long call is; nil: nobody wants to.
    package var progress: Cancellation.Progress?

    package init() {}
  }

  /// Positions for which pages are set aside at the start, so that the token loop asks the system for nothing.
  package static let positionsAhead = 512
  /// Sequences that can live at a time, and tokens of a batch: no product with a size of a model overflows.
  package static let mostSequences = 1 << 31

  package init(model: Model, options: Options = Options()) throws(Failure) {
    let threads = options.threads
    guard threads <= model.engine.threads else {
      throw Failure(.invalidArgument, "threads is \(threads); the model was created with \(model.engine.threads)")
    }
    self.model = model
    allowsBeyondPositions = options.allowsBeyondPositions
    cancellation = Cancellation(progress: options.progress)
    engine = model.engine.with(
      threads: threads == 0 ? model.engine.threads : threads,
      isPinned: options.pinsThreads || model.engine.isPinned, cancellation: cancellation)
    pass = Pass(engine: engine, workspace: Workspace())
    earlier = try options.earlier.map { (compute) throws(Failure) in
      try EarlierStages(compute, model, prefixCacheBytes: options.prefixCacheBytes)
    }
    sequences = try LiveSequences(model, options.keyValueType, origins: earlier?.origins)
    prefixes = try Session.prefixes(model, sequences, limit: options.prefixCacheBytes)
    encoderScratch = model.encoders.map { ($0, KeyValueCache(layout: $0.keyValueLayout)) }
  }

  /// The pages in which an encoder keeps keys and values while it runs.
  func scratch(of encoder: Stack) throws(Failure) -> KeyValueCache {
    guard let pages = encoderScratch.first(where: { $0.stack === encoder }) else {
      throw Failure(.internalError, "an encoder without pages")
    }
    return pages.cache
  }

  // MARK: Live sequences

  /// The number of live sequences.
  package var count: Int { sequences.count }

  /// The number of tokens of a live sequence that the decoder has read.
  package func length(_ sequence: Int) -> Int { sequences.length(sequence) }

  /// Live sequence `parents[i]` of before becomes live sequence i. A failure changes nothing.
  package func select(_ parents: UnsafeBufferPointer<Int>) throws(Failure) {
    try sequences.select(parents)
    forgetOutputs()
  }

  /// Forgets what a live sequence has read beyond `length` tokens. A failure changes nothing.
  package func truncate(_ sequence: Int, to length: Int) throws(Failure) {
    try sequences.truncate(sequence, to: length)
    forgetOutputs()
  }

  /// Throws `invalidState` where there is nothing to decode.
  package func requireLive() throws(Failure) { try sequences.requireLive() }

  /// Drops all sequences and what was computed of them.
  func drop() {
    sequences.drop()
    forgetOutputs()
  }

  // MARK: Outputs

  /// Bytes of caches, outputs and scratch at this moment.
  package var bytes: Int {
    pass.workspace.bytes + sequenceBytes + encoderScratch.reduce(0) { $0 + $1.cache.bytes } + outputs.bytes
      + (recorder?.bytes ?? 0)
  }

  /// Those of them that keep the live sequences.
  package var sequenceBytes: Int { sequences.bytes + (prefixes?.listBytes ?? 0) }

  /// The hidden states of the last encode or decode, `[tokens, width of the stack that made them]`, or nil if there was
  /// none since the sequences were made or selected.
  package var hiddenStates: Output? { outputs.hiddenStates }

  /// The number of hidden states of a sequence of the last encode.
  package func encodedLength(_ sequence: Int) throws(Failure) -> Int {
    let lengths = try outputs.encoded().lengths
    guard sequence >= 0, sequence < lengths.count else {
      throw Failure(
        .invalidArgument, "index is \(UInt(bitPattern: sequence)); the last call had \(lengths.count) sequences")
    }
    return lengths[sequence]
  }

  /// Nothing that was computed before is to be read any more.
  func forgetOutputs() {
    pass.recorder?.forget()
    outputs.forget()
  }

  // MARK: Attention maps

  /// Whether attention maps are kept.
  var recordsAttentions: Bool { pass.recorder != nil }

  /// Keeps the attention maps of the calls that follow, or stops keeping them.
  package func recordAttentions(_ isOn: Bool) {
    if isOn, recorder == nil { recorder = AttentionRecorder() }
    recorder?.forget()
    pass = Pass(engine: engine, workspace: pass.workspace, recorder: isOn ? recorder : nil)
  }

  /// The attention map of one sequence of the last call in one layer, `[heads, queries, keys]`, of a layer of
  /// windows `[windows, heads, queries, keys]`.
  ///
  /// Throws `invalidArgument` for a layer or sequence that is not there, `invalidState` where that call's maps were not
  /// recorded or it had none of the kind.
  package func attention(_ kind: AttentionRecorder.Kind, layer: Int, sequence: Int) throws(Failure) -> AttentionMap {
    guard let recorder = pass.recorder else {
      throw Failure(
        .invalidState, "attention maps are not recorded: switch recording on before the call that computes them")
    }
    let stack: (name: String, stack: Stack?) =
      switch kind {
      case .encoder: ("encoder", model.encoder)
      case .vision: ("vision", model.arrayReader === model.encoder ? nil : model.arrayReader)
      case .decoder, .cross: ("decoder", model.decoder)
      }
    let layers = stack.stack?.depth ?? 0
    guard layer >= 0, layer < layers else {
      throw Failure(
        .invalidArgument, "layer is \(UInt(bitPattern: layer)); the model has \(layers) \(stack.name) layers")
    }
    let sequences = kind == .vision ? max(recorder.pictures, 1) : outputs.sequences(live: count)
    guard sequence >= 0, sequence < sequences else {
      throw Failure(
        .invalidArgument, "sequence is \(UInt(bitPattern: sequence)); the last call had \(sequences) sequences")
    }
    guard outputs.hiddenStates != nil, let map = recorder.map(kind, layer: layer, sequence: sequence) else {
      throw Failure(.invalidState, "the last call on this session left no attention maps of this kind")
    }
    return map
  }
}
