import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendKernelInterface
import AttendLayers

/// Turns the modules of a sentence-transformers folder into the head that makes embeddings, and counts what its weights
/// take.
struct SentenceReader {
  let engine: Engine
  let compute: ComputeType
  /// Whether weights are read into memory where they would be mapped.
  let copies: Bool
  private(set) var parameters = 0
  private(set) var weightBytes = 0

  init(engine: Engine, compute: ComputeType, copies: Bool) {
    self.engine = engine
    self.compute = compute
    self.copies = copies
  }

  /// The head for a model of this kind with hidden states of `width` numbers.
  ///
  /// Throws `unsupported`, naming the module or the key, for what is not implemented, and what reading settings and
  /// weights throws.
  mutating func head(_ folder: SentenceFolder, _ kind: ModelKind, width: Int) throws(Failure) -> SentenceHead {
    guard kind != .encoderDecoder else {
      throw Failure(.unsupported, "\(folder.file): embeddings from an encoder-decoder are not implemented")
    }
    guard let first = folder.modules.first, first.kind == "Pooling" else {
      let found = folder.modules.first.map { "the module \($0.type) in its place" } ?? "nothing behind the transformer"
      throw Failure(.unsupported, "\(folder.file): a Pooling was expected, and \(found) is not implemented")
    }
    let pooling = try SentenceReader.pooling(try first.configuration(), width: width)
    var steps: [SentenceHead.Step] = []
    var outputs = pooling.outputs(width: width)
    for module in folder.modules.dropFirst() {
      switch module.kind {
      case "Dense": steps.append(try dense(module, from: &outputs))
      case "LayerNorm": steps.append(try norm(module, width: outputs))
      case "Normalize":
        try SentenceReader.requireEmbedding(try module.configuration())
        steps.append(.unitLength)
      case "Dropout": break  // it does nothing outside training
      default: throw Failure(.unsupported, "\(folder.file): the module \(module.type) is not implemented")
      }
    }
    return SentenceHead(pooling, steps: steps, width: width, longest: folder.longestEmbedding)
  }

  // MARK: Pooling

  private static let modes: [(name: String, oldKey: String, mode: Pooling.Mode)] = [
    ("cls", "pooling_mode_cls_token", .firstToken), ("max", "pooling_mode_max_tokens", .maximum),
    ("mean", "pooling_mode_mean_tokens", .mean),
    ("mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", .meanOverRoot),
    ("weightedmean", "pooling_mode_weightedmean_tokens", .weightedMean),
    ("lasttoken", "pooling_mode_lasttoken", .lastToken),
  ]

  /// The modes under one key, a name or a list of them, or under a key each, in the order in which
  /// sentence-transformers joins them.
  private static func pooling(_ config: Configuration, width: Int) throws(Failure) -> Pooling {
    if let stated = try config.optionalSize("embedding_dimension", "word_embedding_dimension"), stated != width {
      throw config.invalid(
        "word_embedding_dimension", "is \(stated), and the transformer's hidden states have \(width) numbers")
    }
    var chosen: [Pooling.Mode] = []
    if config.json["pooling_mode"]?.kind == .array {
      for name in try config.optionalStrings("pooling_mode") ?? [] { chosen.append(try mode(name, config)) }
    } else if let name = try config.optionalString("pooling_mode") {
      chosen = [try mode(name, config)]
    } else {
      for (_, key, mode) in modes where try config.boolean(key, default: false) { chosen.append(mode) }
    }
    guard chosen.count <= modes.count else {
      throw config.invalid("pooling_mode", "names \(chosen.count) modes; there are \(modes.count)")
    }
    return Pooling(
      chosen.isEmpty ? [.mean] : chosen, includesPrompt: try config.boolean("include_prompt", default: true))
  }

  private static func mode(_ name: String, _ config: Configuration) throws(Failure) -> Pooling.Mode {
    guard let found = modes.first(where: { $0.name == name }) else {
      throw Failure(.unsupported, "\(config.path): pooling_mode \"\(name)\" is not implemented")
    }
    return found.mode
  }

  // MARK: What comes behind

  /// A module may read and write something else than the embedding; none does here.
  private static func requireEmbedding(_ config: Configuration) throws(Failure) {
    try config.require("module_input_name", "sentence_embedding")
    try config.require("module_output_name", "sentence_embedding")
  }

  private mutating func dense(
    _ module: SentenceFolder.Module, from inputs: inout Int
  ) throws(Failure) -> SentenceHead.Step {
    let config = try module.configuration()
    try SentenceReader.requireEmbedding(config)
    guard try config.size("in_features") == inputs else {
      throw config.invalid(
        "in_features", "is \(try config.size("in_features")), and what comes before gives \(inputs) numbers")
    }
    let outputs = try config.size("out_features")
    let activation = try SentenceReader.activation(config)
    let (width, hasShortcut) = (inputs, try config.boolean("use_residual", default: false))
    let blueprint = LinearBlueprint(
      name: "linear", outputs: outputs, inputs: width, bias: try config.boolean("bias", default: true) ? .own : .none)
    let step = try read(module) { (packer) throws(Failure) in
      SentenceHead.Step.dense(
        try packer.linear([blueprint], prefix: ""), try SentenceReader.learned(activation, packer),
        hasShortcut ? try SentenceReader.shortcut(from: width, to: outputs, packer) : .none)
    }
    inputs = outputs
    return step
  }

  private static func shortcut(
    from inputs: Int, to outputs: Int, _ packer: Packer
  ) throws(Failure) -> SentenceHead.Shortcut {
    if inputs == outputs { return .input }
    let blueprint = LinearBlueprint(name: "residual", outputs: outputs, inputs: inputs, bias: .none)
    return .product(try packer.linear([blueprint], prefix: ""))
  }

  private mutating func norm(_ module: SentenceFolder.Module, width: Int) throws(Failure) -> SentenceHead.Step {
    let config = try module.configuration()
    let stated = try config.size("dimension")
    guard stated == width else {
      throw config.invalid("dimension", "is \(stated), and what comes before gives \(width) numbers")
    }
    return try read(module) { (packer) throws(Failure) in
      .norm(
        Norm(
          kind: .layer, gain: try packer.vector("norm.weight", width), bias: try packer.vector("norm.bias", width),
          epsilon: 1e-5))
    }
  }

  /// The result of `body`, which must read all weights in a module's folder.
  private mutating func read<Result>(
    _ module: SentenceFolder.Module, _ body: (Packer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let tensors = try TensorLog(try Checkpoint(module.folder, copies: copies))
    let packer = Packer(tensors, engine: engine, compute: compute)
    let result = try body(packer)
    try tensors.finish(family: module.kind) { _ in false }
    parameters += tensors.parameters
    weightBytes += packer.weightBytes
    return result
  }

  /// The activation by the name of its class in PyTorch.
  private static func activation(_ config: Configuration) throws(Failure) -> DenseActivation {
    let name = try config.string("activation_function", default: "torch.nn.modules.activation.Tanh")
    guard name.hasPrefix("torch.nn."), let kind = name.split(separator: ".").last,
      let activation = DenseActivation(torchClass: kind)
    else { throw Failure(.unsupported, "\(config.path): activation_function \"\(name)\" is not implemented") }
    return activation
  }

  /// An activation with the slope that it has learned, where it learns one.
  private static func learned(
    _ activation: DenseActivation, _ packer: Packer
  ) throws(Failure) -> DenseActivation {
    let name = "activation_function.weight"
    guard case .leaky = activation, packer.tensors.has(name) else { return activation }
    let slope = try packer.vector(name, 1)
    defer { withExtendedLifetime(slope) {} }
    return .leaky(slope: slope.pointer()[0])
  }
}
