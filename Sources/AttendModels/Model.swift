import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers
import AttendPictures
import AttendSounds
import AttendTokenizers
import Synchronization

/// A loaded checkpoint. Immutable: any number of sessions and threads use it at once.
package final class Model: Sendable {
  /// One blueprint, in memory that may fail: what the language runtime allocates for this object stays below 1 KB.
  private let described: FixedArray<Blueprint>
  package let engine: Engine
  package let compute: ComputeType
  /// As the blueprint has them.
  private let towers: [Tower]
  /// The head that makes logits: of a decoder those of the next token.
  package let head: Head?
  /// The head that makes one vector of a sequence.
  package let pooler: Head?
  /// The head that makes the embedding of a text, where the folder is one of sentence-transformers.
  package let sentenceHead: SentenceHead?
  /// The way from a picture's and a text's embedding to a probability; nil: the model compares none.
  package let similarity: Similarity?
  /// Whether it was saved as a model that tells the next token.
  private let isCausalLanguageModel: Bool
  /// The rules by which texts become the sequences that are embedded, or why they are not known.
  package let textRules: Result<TextRules, Failure>
  package let checkpoint: Checkpoint
  /// config.json as it stands in the folder.
  package let configText: LoadedFile
  /// generation_config.json as it stands in the folder, where there is one.
  package let generationText: LoadedFile?
  /// The defaults of generation that the two state.
  package let generation: GenerationDefaults
  /// The tokenizer in the folder, or why there is none.
  package let tokenizer: Result<Tokenizer, Failure>
  /// The preparation of pictures that the folder asks for, or why there is none.
  package let pictureProcessor: Result<PictureProcessor, Failure>
  /// The features of sounds that the folder asks for, or why there are none.
  package let soundFrontEnd: Result<FrontEnd, Failure>
  /// What writes the text of the frames that the encoder hears; nil: it is no transducer.
  package let transducer: Transducer?
  /// What writes the tokens of pictures beside texts; nil: it has no such part.
  package let pictureWriter: PictureWriter?
  /// What paints them.
  let ownPainter: Painter?
  /// What painted last in a folder of its own, for the next drawing.
  let lastPainter = Mutex<(path: String, painter: Painter)?>(nil)
  /// Elements of all weights, each counted once.
  package let parameters: Int
  /// Bytes that the weights take as the kernels read them.
  package let weightBytes: Int
  /// A sum of the configuration and of samples of all weights: equal for copies of one checkpoint, and hardly for
  /// others.
  package let fingerprint: UInt64
  /// The file in which packed weights lie that do not all stay in memory; nil: they do.
  private let store: WeightStore?

  /// The choices of a model that is loaded.
  package struct Options {
    package var compute: ComputeType = .float32
    /// 0: one for each processor that the process may use.
    package var threads = 0
    /// Whether threads stay on a processor each.
    package var pinsThreads = false
    /// nil: the best that the CPU runs.
    package var kernels: String?
    /// Whether weights are read into memory where they would be mapped.
    package var copiesWeights = false
    /// The layers `[first, end)` of a decoder that are loaded; nil: all.
    package var layers: Range<Int>?
    /// Where packed weights lie.
    package var placement = WeightPlacement()
    /// Hears the share that is done, rising to 1, which comes once and last; false stops the loading.
    package var progress: (Double) -> Bool = { _ in true }

    package init() {}
  }

  /// Loads the checkpoint folder at `path`. What can go wrong is listed at `attend_model_create` in the header.
  package convenience init(path: String, options: Options) throws(Failure) {
    try self.init(try HuggingFaceFolder(path), options: options)
  }

  /// Loads a folder, wherever its files are.
  package init(_ files: HuggingFaceFolder, options: Options) throws(Failure) {
    let sentence = try SentenceFolder(files)
    let folder = sentence?.transformer ?? files
    let configurations = try ModelConfigurations(folder)
    (configText, generationText) = (configurations.modelText, configurations.generationText)
    engine = try Engine(kernels: options.kernels, threads: options.threads, isPinned: options.pinsThreads)
    compute = options.compute
    var asked = try Registry.blueprint(configurations.model, embeds: sentence != nil)
    if let layers = options.layers {
      guard sentence == nil else {
        throw Failure(.unsupported, "\(files.path): layers is set, and a folder of sentence-transformers is read whole")
      }
      try asked.keep(layers)
    }
    var defaults = configurations.defaults
    if let end = asked.endToken { defaults.end = [end] }
    if let start = asked.startToken { defaults.decoderStart = start }
    generation = defaults
    checkpoint = try Checkpoint(folder, copies: options.copiesWeights)
    let tensors = try TensorLog(checkpoint, progress: options.progress)
    store = try options.placement.store(for: checkpoint, compute)
    let packer = Packer(tensors, engine: engine.packing(into: store), compute: compute)
    let builder = try Builder(asked, packer)
    let blueprint = builder.blueprint
    described = try FixedArray(1, for: "the description of the model") { _ in blueprint }
    towers = try blueprint.towers.map { (tower) throws(Failure) in try Tower(tower, builder.within(tower)) }
    var modules = SentenceReader(engine: engine, compute: compute, copies: options.copiesWeights)
    if let tower = blueprint.towers.last {
      let (headed, heads) = (tower.stack, builder.within(tower))
      head = try blueprint.head.map { (head) throws(Failure) in try heads.head(head, headed) }
      pooler = try blueprint.pooler.flatMap { (pooler) throws(Failure) in try heads.pooler(pooler, headed) }
      sentenceHead = try sentence.map { [kind = blueprint.kind] (sentence) throws(Failure) in
        try modules.head(sentence, kind, width: headed.width)
      }
    } else {
      (head, pooler, sentenceHead) = (nil, nil, nil)
    }
    similarity = try blueprint.similarity.map { (similarity) throws(Failure) in
      let scale = Exponential.exp(Double(try packer.scalar(similarity.scale)))
      return Similarity(
        scale: Float(scale), bias: try similarity.bias.map { (name) throws(Failure) in try packer.scalar(name) })
    }
    transducer = try blueprint.transducer.map { (part) throws(Failure) in try builder.transducer(part.value) }
    let pictures = try builder.pictures(blueprint.drawing)
    (pictureWriter, ownPainter) = (pictures?.writer, pictures?.painter)
    try builder.finish()
    var checksum = Checksum()
    checksum.add(configText.bytes)
    checksum.add(tensors.fingerprint)
    fingerprint = checksum.value
    parameters = tensors.parameters + modules.parameters
    weightBytes = packer.weightBytes + modules.weightBytes
    isCausalLanguageModel = configurations.model.saves(.nextToken)
    tokenizer = Result { () throws(Failure) in try Tokenizer(folder, lowercasing: sentence?.lowercases ?? false) }
    let seesAs = blueprint.family
    pictureProcessor = Result { () throws(Failure) in try PictureProcessor(folder, modelType: seesAs) }
    soundFrontEnd = Result { () throws(Failure) in try FrontEnd(folder) }
    let positions = towers.first?.stack.positions
    textRules = Result { () throws(Failure) in
      try TextRules(folder, sentence, configurations.model, positions: positions, filledTo: blueprint.textLength)
    }
    guard options.progress(1) else {
      throw Failure(.cancelled, "loading \(folder.path) was cancelled by the progress callback")
    }
    let (name, count, bytes, kernels) = (blueprint.family, parameters, weightBytes, engine.kernelsName)
    Log.write(.info, "\(folder.path): \(name), \(count) parameters in \(bytes) bytes, kernels \(kernels)")
  }

  /// A stack, its part in the model, and the head that makes embeddings of what it reads.
  private struct Tower: Sendable {
    let role: TowerBlueprint.Role
    let stack: Stack
    let embedding: SentenceHead?
    let connector: Connector?
    /// The end token whose state the embedding is made of: nil none, or the largest id.
    let endToken: EndToken?

    init(_ tower: TowerBlueprint, _ builder: Builder) throws(Failure) {
      role = tower.role
      let stack = try builder.stack(tower.stack)
      self.stack = stack
      embedding = try tower.embedding.map { (head) throws(Failure) in
        try builder.embedding(head, width: tower.stack.width)
      }
      connector = try tower.connector.map { (connector) throws(Failure) in
        try builder.connector(connector, behind: stack)
      }
      if case .endToken(let id) = tower.embedding?.pooling { endToken = EndToken(id: id) } else { endToken = nil }
    }
  }

  /// The token of a text whose state is its embedding.
  package struct EndToken: Sendable {
    /// The first one of this id; nil: the one of the largest id.
    package let id: Int32?
  }

  /// What became of weights that do not all stay in memory; nil: they do.
  package var mappedWeights: WeightStore.Report? { store?.report }

  /// As the checkpoint has it.
  package var blueprint: Blueprint { described[0] }

  package var encoder: Stack? { tower(.encoder) }
  package var decoder: Stack? { tower(.decoder) }

  /// The head that makes the embedding of what a stack read; nil: it makes none of its own.
  package func embeddingHead(of stack: Stack) -> SentenceHead? { towers.first { $0.stack === stack }?.embedding }

  /// The token whose state makes the embedding of a text that `stack` read; nil: another state does.
  package func endToken(of stack: Stack) -> EndToken? { towers.first { $0.stack === stack }?.endToken }

  /// The tower whose states the decoder reads in the place of tokens; nil: there is none.
  package var eyes: (stack: Stack, connector: Connector)? {
    for tower in towers { if let connector = tower.connector { return (tower.stack, connector) } }
    return nil
  }

  /// The stack that reads arrays, of pixels or of sounds.
  package var arrayReader: Stack? { towers.first { $0.stack.input.readsArrays }?.stack }

  /// The stacks that read whole texts or arrays.
  package var encoders: [Stack] { towers.filter { $0.role != .decoder }.map { $0.stack } }

  private func tower(_ role: TowerBlueprint.Role) -> Stack? { towers.first { $0.role == role }?.stack }

  /// Ids run from 0 to this less 1.
  package var vocabulary: Int { blueprint.last?.vocabulary ?? 0 }

  /// The head that makes the embedding of a text: the modules of a folder of sentence-transformers; otherwise what that
  /// library makes of a bare checkpoint, the last token's state for one saved as a causal language model and the mean
  /// of all states for any other. Throws `unsupported` for an encoder-decoder.
  package func embeddingHead() throws(Failure) -> SentenceHead {
    if let stage = blueprint.stage {
      throw Failure(
        .unsupported,
        "this model holds layers [\(stage.first), \(stage.end)) of \(stage.count): embeddings are made by all of them")
    }
    if let head = sentenceHead ?? towers.first(where: { $0.stack.embedding != nil })?.embedding { return head }
    guard blueprint.kind != .encoderDecoder else {
      throw Failure(
        .unsupported,
        "this checkpoint is of a \(blueprint.family) model, an encoder-decoder: embeddings from it are not implemented")
    }
    return SentenceHead(Pooling([isCausalLanguageModel ? .lastToken : .mean]), width: width)
  }

  /// The width of the hidden states.
  package var width: Int { blueprint.last?.width ?? 0 }
}
