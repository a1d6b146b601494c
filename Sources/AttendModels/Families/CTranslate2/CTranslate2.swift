import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// The models of CTranslate2's folders: encoder-decoders, decoders, encoders, and Whisper, whatever they were converted
/// from. What model.bin states of itself, and which tensors it holds, are their whole description; `CTranslate2Model`
/// writes it down as a configuration. Variables are named after the specifications in CTranslate2's
/// python/ctranslate2/specs, with dots for slashes.
enum CTranslate2: Family {
  static let modelTypes = ["ctranslate2"]
  static let capabilities = Capabilities(kinds: [.encoderDecoder, .encoder, .decoder], heads: [.nextToken])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let variables = try CTranslate2Variables(config)
    let specification = try config.string("specification")
    let (isSpeech, isText) = (specification == "WhisperSpec", specification == "TransformerEncoderSpec")
    let known = ["TransformerBase", "TransformerBig", "TransformerSpec", "TransformerDecoderSpec"]
    guard isSpeech || isText || known.contains(specification) else {
      throw Failure(
        .unsupported,
        "\(config.path): the specification \"\(specification)\" is not implemented; known are "
          + "\((known + ["TransformerEncoderSpec", "WhisperSpec"]).joined(separator: ", "))")
    }
    config.understand("revision")
    let heads = specification == "TransformerBig" ? 16 : 8
    var towers: [TowerBlueprint] = []
    if specification != "TransformerDecoderSpec" {
      let stack = CTranslate2Stack(variables, "encoder", causal: false, defaultHeads: heads)
      towers.append(.encoder(isSpeech ? try stack.ofSound() : try stack.ofTokens()))
    }
    var head: HeadBlueprint?
    if !isText {
      let stack = CTranslate2Stack(variables, "decoder", causal: true, defaultHeads: heads)
      towers.append(.decoder(try stack.ofTokens()))
      head = try stack.head()
    }
    let pooler = isText ? try CTranslate2.pooler(variables) : nil
    try variables.refuseOthers()
    return Blueprint(
      family: isSpeech ? "whisper" : modelType, prefixes: [""], towers: towers, head: head, pooler: pooler,
      ignored: [])
  }

  /// The product behind the first token's state, where the model has one.
  private static func pooler(_ variables: CTranslate2Variables) throws(Failure) -> HeadBlueprint? {
    guard variables.has("pooler_dense.weight") else { return nil }
    let activation = try variables.activation("pooler_activation", default: .tanh)
    return HeadBlueprint(
      pooling: .firstToken, layers: [(try variables.linear("pooler_dense"), activation, nil)], output: .none)
  }
}

/// What a model.bin states: numbers and the shapes of tensors, by name.
struct CTranslate2Variables {
  private let attributes: Configuration
  private let shapes: Configuration
  private let config: Configuration

  init(_ config: Configuration) throws(Failure) {
    guard let attributes = try config.child("attributes"), let shapes = try config.child("shapes") else {
      throw Failure(.invalidFile, "\(config.path) states no attributes and no shapes")
    }
    (self.attributes, self.shapes, self.config) = (attributes, shapes, config)
  }

  // MARK: Attributes

  func number(_ name: String) throws(Failure) -> Double? { try attributes.optionalNumber(name) }
  func integer(_ name: String) throws(Failure) -> Int? { try attributes.optionalInteger(name) }
  func flag(_ name: String, default standard: Bool = false) throws(Failure) -> Bool {
    try attributes.optionalInteger(name).map { $0 != 0 } ?? standard
  }
  func understand(_ name: String) { attributes.understand(name) }

  /// An attribute that is a truth value or, in newer files, a number; nil where there is none.
  func scale(_ name: String, ifTrue scale: Float) throws(Failure) -> Float? {
    if let isTrue = attributes.json[name]?.bool {
      attributes.understand(name)
      return isTrue ? scale : 1
    }
    return try number(name).map { Float($0) }
  }

  /// The activation of a number in CTranslate2's list.
  func activation(_ name: String, default standard: Activation) throws(Failure) -> Activation {
    guard let number = try integer(name) else { return standard }
    let activations: [Activation] = [.relu, .geluTanh, .silu, .gelu, .quickGelu, .tanh, .sigmoid]
    guard activations.indices.contains(number) else {
      throw attributes.invalid(name, "is \(number); known activations are 0 to \(activations.count - 1)")
    }
    return activations[number]
  }

  func invalid(_ name: String, _ reason: String) -> Failure { attributes.invalid(name, reason) }

  /// Throws `unsupported` for an attribute that says something and that nobody asked for.
  func refuseOthers() throws(Failure) {
    try attributes.forEachUnread { (key, value) throws(Failure) in
      guard value.double != 0, value.bool != false else { return }
      throw Failure(.unsupported, "\(config.path): \(key.string ?? "") = \(value.excerpt) is not implemented")
    }
  }

  // MARK: Tensors

  func has(_ name: String) -> Bool { shapes.json[name] != nil }

  /// Throws `unsupported` where there is a tensor of this name.
  func refuse(_ name: String) throws(Failure) {
    guard !has(name) else { throw Failure(.unsupported, "\(config.path): \(name) is not implemented") }
  }

  /// The rows and columns of a matrix.
  func matrix(_ name: String) throws(Failure) -> (rows: Int, columns: Int) {
    guard let shape = shapes.json[name], shape.count == 2, let rows = shape[0]?.int, let columns = shape[1]?.int,
      (1...Configuration.maximalInteger).contains(rows), (1...Configuration.maximalInteger).contains(columns)
    else {
      let found = shapes.json[name].map { "has the shape \($0.excerpt)" } ?? "is missing"
      throw Failure(.invalidFile, "\(config.path): the matrix \(name) \(found)")
    }
    return (rows, columns)
  }

  /// The first size of a tensor of three dimensions, and the second.
  func kernel(_ name: String) throws(Failure) -> (outputs: Int, inputs: Int) {
    guard let shape = shapes.json[name], shape.count == 3, let outputs = shape[0]?.int, let inputs = shape[1]?.int,
      outputs > 0, inputs > 0, outputs <= Configuration.maximalInteger, inputs <= Configuration.maximalInteger
    else { throw Failure(.invalidFile, "\(config.path): \(name) is no kernel of a convolution over time") }
    return (outputs, inputs)
  }

  /// The product of a name, in the sizes of its tensor.
  func linear(_ name: String) throws(Failure) -> LinearBlueprint {
    let (rows, columns) = try matrix("\(name).weight")
    return LinearBlueprint(name: name, outputs: rows, inputs: columns, bias: has("\(name).bias") ? .own : .none)
  }

  /// The norm of a name: one without a bias is one without a mean. nil where there is none.
  func norm(_ name: String) throws(Failure) -> NormBlueprint? {
    guard has("\(name).weight") else { return nil }
    let hasBias = has("\(name).bias")
    let epsilon = Float(try config.number("layer_norm_epsilon", default: hasBias ? 1e-5 : 1e-6))
    let offset: Float = try flag("\(name).layer_norm_use_residual") ? 1 : 0
    return NormBlueprint(name: name, kind: hasBias ? .layer : .rms(offset: offset), epsilon: epsilon, hasBias: hasBias)
  }
}
