internal import CAttend

/// The type that weights are kept in and products are computed in.
public enum ComputeType: UInt32, Sendable {
  case float32 = 1
  case bfloat16 = 2
  case int8 = 3
  case int4 = 4

  var raw: attend_compute_type { attend_compute_type(rawValue: rawValue) }
}

/// How to load a model.
public struct ModelOptions: Sendable {
  public var compute: ComputeType
  /// Threads that a call may use, the caller's included; 0: one for each processor.
  public var threads: Int
  /// "avx512", "avx2" or "portable"; nil: the fastest that this CPU has.
  public var kernels: String?
  /// Whether weights are read into memory, and their files not mapped.
  public var copyWeights: Bool

  public init(compute: ComputeType = .float32, threads: Int = 0, kernels: String? = nil, copyWeights: Bool = false) {
    self.compute = compute
    self.threads = threads
    self.kernels = kernels
    self.copyWeights = copyWeights
  }
}

/// How a model is built.
public enum ModelKind: UInt32, Sendable {
  case encoder = 1
  case decoder = 2
  case encoderDecoder = 3
}

/// The numbers of a model. A token that it does not have is nil.
public struct ModelInfo: Sendable {
  public let kind: ModelKind
  public let threads: Int
  public let vocabularySize: Int
  public let hiddenSize: Int
  public let encoderLayers: Int
  public let decoderLayers: Int
  /// Elements of all weights.
  public let parameters: Int
  /// The memory that they take as the kernels read them.
  public let weightBytes: Int
  public let decoderStartToken: Int32?
  public let endToken: Int32?
  public let padToken: Int32?
  public let labelCount: Int
  /// The width of what `embed` gives; 0: the model makes none.
  public let embeddingSize: Int

  init(_ raw: attend_model_info) {
    kind = ModelKind(rawValue: raw.kind.rawValue) ?? .encoder
    threads = Int(raw.threads)
    vocabularySize = raw.vocabulary_size
    hiddenSize = raw.hidden_size
    encoderLayers = raw.encoder_layers
    decoderLayers = raw.decoder_layers
    parameters = raw.parameters
    weightBytes = raw.weight_bytes
    decoderStartToken = ModelInfo.token(raw.decoder_start_token)
    endToken = ModelInfo.token(raw.end_token)
    padToken = ModelInfo.token(raw.pad_token)
    labelCount = raw.label_count
    embeddingSize = raw.embedding_size
  }

  private static func token(_ id: Int32) -> Int32? { id < 0 ? nil : id }
}

/// A loaded checkpoint: weights, configuration, tokenizer. Immutable, so any number of sessions, tasks and threads may
/// share one: the handle is one that the header calls `const`.
public final class Model: @unchecked Sendable {
  let handle: OpaquePointer
  public let info: ModelInfo

  /// Loads the checkpoint at `path`: a folder of Hugging Face or CTranslate2, a file in GGUF (docs/formats.md). Errors:
  /// notFound, io, invalidFile, unsupported, invalidArgument, outOfMemory, cancelled.
  public init(
    path: String, options: ModelOptions = ModelOptions(), progress: ProgressHandler? = nil
  ) throws(AttendError) {
    var raw = initial(attend_model_options.self)
    raw.compute = options.compute.raw
    raw.threads = UInt32(clamping: options.threads)
    raw.copy_weights = options.copyWeights
    let callback = progress.map { Callback($0) }
    if let callback {
      raw.progress = hearProgress
      raw.progress_context = callback.context
    }
    var made: OpaquePointer?
    let failure = withText(options.kernels) { kernels in
      raw.kernels = kernels
      return attend_model_create(path, &raw, &made)
    }
    withExtendedLifetime(callback) {}
    try attempt(failure)
    handle = made!
    var info = initial(attend_model_info.self)
    _ = attend_model_get_info(handle, &info)
    self.info = ModelInfo(info)
  }

  deinit { attend_model_free(handle) }

  /// The family, as config.json's model_type spells it: "marian".
  public var family: String { String(cString: attend_model_family(handle)) }
  /// The kernels that the model runs on.
  public var kernels: String { String(cString: attend_model_kernels(handle)) }
  /// config.json as it stands in the folder.
  public var config: String {
    var length = 0
    let bytes = attend_model_config(handle, &length)
    return text(bytes, length)
  }
  /// The names of a classifier's classes; nil where one has none.
  public var labels: [String?] {
    (0..<info.labelCount).map { attend_model_label(handle, $0, nil).map { String(cString: $0) } }
  }

  /// The tokenizer in the folder. Errors: notFound, or what reading it gave.
  public func tokenizer() throws(AttendError) -> Tokenizer {
    var found: OpaquePointer?
    try attempt(attend_model_tokenizer(handle, &found))
    return Tokenizer(found!, of: self)
  }

  /// How well pictures and texts match, of a model with a tower for each (CLIP, SigLIP): logits and probabilities,
  /// `[pictures, texts]`. Errors: invalidArgument, unsupported.
  public func similarity(pictures: Rows, texts: Rows) throws(AttendError) -> (logits: Rows, probabilities: Rows) {
    let width = info.embeddingSize
    guard width == 0 || (pictures.width == width && texts.width == width) else {
      throw AttendError(
        .invalidArgument, "embeddings of this model have \(width) numbers, not \(pictures.width) and \(texts.width)")
    }
    let count = pictures.count * texts.count
    var logits = [Float](repeating: 0, count: count), probabilities = logits
    let failure = attend_similarity(
      handle, pictures.values, pictures.count, texts.values, texts.count, &logits, &probabilities)
    try attempt(failure)
    let shape = [pictures.count, texts.count]
    return (Rows(logits, shape: shape), Rows(probabilities, shape: shape))
  }
}
