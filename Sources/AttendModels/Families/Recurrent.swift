import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// The networks that the Transformer replaced, in the format of this project, which docs/recurrent.md describes:
/// encoders and decoders of PyTorch's `nn.LSTM`, `nn.GRU` or `nn.RNN`, and between them the attention of Bahdanau et
/// al. (2014, arXiv:1409.0473) or Luong et al. (2015, arXiv:1508.04025), or none (Sutskever et al. 2014,
/// arXiv:1409.3215).
enum Recurrent: Family {
  static let modelTypes = ["recurrent"]
  static let capabilities = Capabilities(kinds: [.encoderDecoder, .encoder, .decoder], heads: [.nextToken])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let plan = try RecurrentPlan(config)
    var towers: [TowerBlueprint] = []
    if plan.kind != .decoder { towers.append(.encoder(try plan.encoder())) }
    if plan.kind != .encoder { towers.append(.decoder(try plan.decoder())) }
    let width = towers.last?.stack.width ?? 0
    let result = Blueprint(
      family: modelType, prefixes: [""], towers: towers, head: try plan.head(width: width), ignored: [])
    try config.refuseOthers()
    return result
  }
}

/// The contents of config.json, read once.
private struct RecurrentPlan {
  let config: Configuration
  let kind: ModelKind
  let cell: RecurrentCell
  let embeddingSize: Int
  let hiddenSize: Int
  let hasBias: Bool
  let sharesTables: Bool
  /// Of the encoder.
  let encoderSize: Int
  let isBidirectional: Bool

  init(_ config: Configuration) throws(Failure) {
    self.config = config
    kind = try config.modelKind()
    let cells: [String: RecurrentCell] = ["lstm": .lstm, "gru": .gru, "rnn": .tanh]
    let cell = try config.choice("cell", cells, default: "lstm")
    self.cell =
      cell == .tanh ? try config.choice("nonlinearity", ["tanh": .tanh, "relu": .relu], default: "tanh") : cell
    embeddingSize = try config.size("embedding_size", default: 256)
    hiddenSize = try config.size("hidden_size", default: 256)
    hasBias = try config.boolean("bias", default: true)
    sharesTables = kind == .encoderDecoder ? try config.boolean("share_embeddings", default: true) : false
    encoderSize = kind == .encoderDecoder ? try config.size("encoder_hidden_size", default: hiddenSize) : hiddenSize
    isBidirectional = kind == .decoder ? false : try config.boolean("bidirectional", default: false)
  }

  /// The width of the encoder's states.
  private var sourceWidth: Int { (isBidirectional ? 2 : 1) * encoderSize }

  /// The number of ids of a side.
  private func vocabulary(_ side: String) throws(Failure) -> Int {
    guard kind == .encoderDecoder, !sharesTables else { return try config.size("vocab_size") }
    return side == "encoder"
      ? try config.size("src_vocab_size", "vocab_size") : try config.size("tgt_vocab_size", "vocab_size")
  }

  func encoder() throws(Failure) -> StackBlueprint {
    let layers = try config.layers("num_encoder_layers", default: 1)
    return try stack(
      "encoder", width: sourceWidth,
      RecurrentBlueprint(
        name: "encoder.rnn", cell: cell, layers: layers, inputs: embeddingSize, width: encoderSize, hasBias: hasBias,
        isBidirectional: isBidirectional))
  }

  func decoder() throws(Failure) -> StackBlueprint {
    let layers = try config.layers("num_decoder_layers", default: 1)
    var decoding = RecurrentDecodingBlueprint()
    if kind == .encoderDecoder {
      try addAttention(to: &decoding)
      decoding.bridge = try bridge(layers: layers)
      guard decoding.attention != nil || decoding.bridge != nil else {
        throw config.invalid("bridge", "is \"none\", and so is attention: the decoder would hear nothing of the source")
      }
    }
    var width = hiddenSize
    if case .joined = decoding.readout { width += sourceWidth + embeddingSize }
    return try stack(
      "decoder", width: width,
      RecurrentBlueprint(
        name: "decoder.rnn", cell: cell, layers: layers, inputs: embeddingSize, width: hiddenSize, hasBias: hasBias,
        decoding: decoding))
  }

  private func stack(_ side: String, width: Int, _ recurrent: RecurrentBlueprint) throws(Failure) -> StackBlueprint {
    var stack = StackBlueprint(
      width: width, vocabulary: try vocabulary(side), causal: side == "decoder",
      embedding: EmbeddingBlueprint(tokens: [sharesTables ? "embedding.weight" : "\(side).embedding.weight"]),
      layers: try FixedArray(noneFor: LayerBlueprint.purpose))
    stack.recurrent = recurrent
    return stack
  }

  // MARK: Attention

  private func addAttention(to decoding: inout RecurrentDecodingBlueprint) throws(Failure) {
    let looks = try config.choice(
      "attention", ["none": nil, "bahdanau": RecurrentDecoder.Looks.before, "luong": .after], default: "none")
    guard let looks else { return }
    decoding.looks = looks
    decoding.attention = SourceAttentionBlueprint(width: sourceWidth, score: try score(looks))
    let readouts: [String: RecurrentDecodingBlueprint.Readout] = [
      "state": .state, "joined": .joined,
      "attentional": .attentional(
        LinearBlueprint(
          name: "decoder.output", outputs: hiddenSize, inputs: sourceWidth + hiddenSize,
          bias: .optional("decoder.output.bias"))),
    ]
    decoding.readout = try config.choice("readout", readouts, default: looks == .before ? "state" : "attentional")
    if looks == .after {
      if case .state = decoding.readout {
        throw config.invalid("readout", "is \"state\", which does not hold what a \"luong\" attention sees")
      }
      decoding.feedsReadout = try config.boolean("input_feeding", default: false)
      if decoding.feedsReadout, case .joined = decoding.readout {
        throw config.invalid("input_feeding", "is true, and readout \"joined\" makes no attentional vectors to be fed")
      }
    }
  }

  private func score(_ looks: RecurrentDecoder.Looks) throws(Failure) -> SourceAttentionBlueprint.Score {
    let names = ["dot", "general", "concat", "additive"]
    let name = try config.choice(
      "score", Dictionary(uniqueKeysWithValues: names.map { ($0, $0) }),
      default: looks == .before ? "additive" : "general")
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      let name = "decoder.attention.\(part)"
      return LinearBlueprint(name: name, outputs: outputs, inputs: inputs, bias: .optional("\(name).bias"))
    }
    switch name {
    case "dot":
      guard hiddenSize == sourceWidth else {
        throw config.invalid(
          "score",
          "is \"dot\", whose vectors are equally long, and hidden_size is \(hiddenSize) and the source's states "
            + "have \(sourceWidth) numbers")
      }
      return .dot
    case "general":
      var product = linear("general", sourceWidth, hiddenSize)
      (product.isTransposed, product.bias) = (true, .none)
      return .general(product)
    default:
      let size = try config.size("attention_size", default: hiddenSize), vector = "decoder.attention.score.weight"
      guard name == "additive" else { return .concat(linear("concat", size, hiddenSize + sourceWidth), vector: vector) }
      return .additive(
        query: linear("query", size, hiddenSize), key: linear("key", size, sourceWidth), vector: vector)
    }
  }

  // MARK: First states

  private func bridge(layers: Int) throws(Failure) -> BridgeBlueprint? {
    let names = ["none", "copy", "linear"]
    let kind = try config.choice("bridge", Dictionary(uniqueKeysWithValues: names.map { ($0, $0) }), default: "copy")
    guard kind != "none" else { return nil }
    let others = try config.layers("num_encoder_layers", default: 1)
    guard layers == others else {
      throw config.invalid(
        "bridge",
        "is \"\(kind)\", from layer to layer, and num_encoder_layers is \(others) and num_decoder_layers "
          + "\(layers)")
    }
    guard kind == "copy" else {
      let activation = try config.choice(
        "bridge_activation", ["tanh": Activation.tanh, "relu": .relu, "none": .none], default: "tanh")
      return BridgeBlueprint(name: "bridge", activation: activation, inputs: sourceWidth)
    }
    guard sourceWidth == hiddenSize else {
      throw config.invalid(
        "bridge", "is \"copy\", and the encoder's states have \(sourceWidth) numbers and the decoder's \(hiddenSize)")
    }
    return BridgeBlueprint(name: nil, activation: .none, inputs: sourceWidth)
  }

  // MARK: Logits

  /// The head that makes logits: of an encoder classes, where `head` says so.
  func head(width: Int) throws(Failure) -> HeadBlueprint? {
    if kind == .encoder {
      let kinds: [String: Head.Selection?] = [
        "none": nil, "token-classes": .everyToken, "sequence-classes": .lastToken(padding: nil),
      ]
      guard let pooling = try config.choice("head", kinds, default: "none") else { return nil }
      if case .lastToken = pooling, isBidirectional {
        throw config.invalid(
          "head", "is \"sequence-classes\", of the last token, which half of a bidirectional state read alone")
      }
      return HeadBlueprint(pooling: pooling, output: .linear(product("classifier", try config.labels(), width)))
    }
    guard try config.boolean("tie_word_embeddings", default: false) else {
      return HeadBlueprint(
        pooling: .nextToken, output: .linear(product("generator", try vocabulary("decoder"), width)))
    }
    guard width == embeddingSize else {
      throw config.invalid(
        "tie_word_embeddings", "is true, and the hidden states have \(width) numbers and embeddings \(embeddingSize)")
    }
    return HeadBlueprint(pooling: .nextToken, output: .tied(bias: "generator.bias"))
  }

  private func product(_ name: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
    LinearBlueprint(name: name, outputs: outputs, inputs: inputs, bias: .optional("\(name).bias"))
  }
}
