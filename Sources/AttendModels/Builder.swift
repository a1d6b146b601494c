import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers

/// Turns a blueprint and a checkpoint into layers.
struct Builder {
  let blueprint: Blueprint
  let reader: WeightReader
  let engine: Engine
  private let prefix: String

  init(_ blueprint: Blueprint, _ reader: WeightReader, engine: Engine) {
    self.blueprint = blueprint
    self.reader = reader
    self.engine = engine
    // The prefix in use is the one under which the first norm of a stack is found.
    let probe = (blueprint.encoder ?? blueprint.decoder).map { "\(Builder.name($0.names.selfAttentionNorm, 0)).weight" } ?? ""
    self.prefix = reader.first(of: blueprint.prefixes) { $0 + probe }
  }

  /// Refuses tensors that nobody read. To be called last.
  func finish() throws(Failure) {
    try reader.finish(family: blueprint.family, ignored: Set(blueprint.ignored + blueprint.ignored.map { prefix + $0 }))
  }

  /// The encoder or decoder that `stack` describes.
  func stack(_ stack: StackBlueprint) throws(Failure) -> Stack {
    var layers: [TransformerLayer] = []
    for index in 0..<stack.layers { layers.append(try layer(stack, index)) }
    return Stack(
      width: stack.width, embedding: try embedding(stack), layers: layers,
      finalNorm: try stack.names.finalNorm.map { (name) throws(Failure) in try norm(name, stack) },
      keyValueLayout: KeyValueLayout(layers: stack.causal ? stack.layers : 1, heads: stack.keyValueHeads, headDim: stack.headDim))
  }

  /// The product that makes logits of the decoder's hidden states.
  func head(_ head: HeadBlueprint, _ decoder: StackBlueprint) throws(Failure) -> Linear {
    let weights = try reader.packed(headName(head, decoder), rows: decoder.vocabulary, columns: decoder.width)
    guard let bias = head.bias, reader.has(bias) else { return Linear(weights: weights, bias: nil) }
    return Linear(weights: weights, bias: try reader.vector(bias, decoder.vocabulary))
  }

  private func headName(_ head: HeadBlueprint, _ decoder: StackBlueprint) -> String { head.weights ?? tokensName(decoder) }

  private func tokensName(_ stack: StackBlueprint) -> String { prefix + reader.first(of: stack.names.tokens) { prefix + $0 } }

  private func embedding(_ stack: StackBlueprint) throws(Failure) -> Embedding {
    Embedding(
      tokens: try tokenTable(stack), scale: stack.embeddingScale, positions: try positions(stack),
      norm: try stack.names.embeddingNorm.map { (name) throws(Failure) in try norm(name, stack) })
  }

  /// The token table: the head's own weights where the two are one, else the table in the mapped file.
  private func tokenTable(_ stack: StackBlueprint) throws(Failure) -> TokenTable {
    let name = tokensName(stack)
    if let head = blueprint.head, let decoder = blueprint.decoder, headName(head, decoder) == name {
      return .packed(try reader.packed(name, rows: stack.vocabulary, columns: stack.width))
    }
    return try reader.storedTable(name, rows: stack.vocabulary, columns: stack.width)
  }

  private func positions(_ stack: StackBlueprint) throws(Failure) -> PositionTable {
    let name = prefix + stack.names.positions
    switch stack.positions {
    case .learned(let count, let offset):
      let table = try reader.table(name, rows: count + offset, width: stack.width)
      return PositionTable(table: table, width: stack.width, first: offset, positions: count)
    case .sinusoidal(let count, let offset, let endsAtLongest):
      if offset == 0, reader.has(name) {
        return PositionTable(table: try reader.table(name, rows: count, width: stack.width), width: stack.width, first: 0, positions: count)
      }
      guard stack.width.isMultiple(of: 2) else {
        throw Failure(.unsupported, "sinusoidal positions need an even width, and this \(blueprint.family) model has \(stack.width)")
      }
      let table = try Sinusoids.table(positions: offset..<offset + count, width: stack.width, endsAtLongest: endsAtLongest)
      return PositionTable(table: table, width: stack.width, first: 0, positions: count)
    }
  }

  private func layer(_ stack: StackBlueprint, _ index: Int) throws(Failure) -> TransformerLayer {
    let names = stack.names
    func own(_ name: String) -> String { prefix + Builder.name(name, index) }
    return TransformerLayer(
      placement: stack.placement,
      selfAttention: SelfAttention(
        options: options(stack, causal: stack.causal),
        input: try reader.linear(
          [own(names.selfAttention.query), own(names.selfAttention.key), own(names.selfAttention.value)],
          outputs: stack.heads * stack.headDim, inputs: stack.width),
        output: try reader.linear([own(names.selfAttention.output)], outputs: stack.width, inputs: stack.heads * stack.headDim)),
      selfAttentionNorm: try norm(names.selfAttentionNorm, stack, index),
      crossAttention: try names.crossAttention.map { (names) throws(Failure) in
        CrossAttention(
          options: options(stack, causal: false),
          query: try reader.linear([own(names.query)], outputs: stack.heads * stack.headDim, inputs: stack.width),
          keyValue: try reader.linear([own(names.key), own(names.value)], outputs: stack.keyValueHeads * stack.headDim, inputs: stack.width),
          output: try reader.linear([own(names.output)], outputs: stack.width, inputs: stack.heads * stack.headDim))
      },
      crossAttentionNorm: try names.crossAttentionNorm.map { (name) throws(Failure) in try norm(name, stack, index) },
      feedForward: FeedForward(
        inner: try reader.linear([own(names.inner)], outputs: stack.innerWidth, inputs: stack.width),
        outer: try reader.linear([own(names.outer)], outputs: stack.width, inputs: stack.innerWidth), activation: stack.activation),
      feedForwardNorm: try norm(names.feedForwardNorm, stack, index))
  }

  private func options(_ stack: StackBlueprint, causal: Bool) -> AttentionOptions {
    AttentionOptions(
      heads: stack.heads, keyValueHeads: stack.keyValueHeads, headDim: stack.headDim, scale: 1 / Float(stack.headDim).squareRoot(),
      mask: AttentionMask(causal: causal, window: 0, softCap: 0))
  }

  private func norm(_ name: String, _ stack: StackBlueprint, _ index: Int = 0) throws(Failure) -> Norm {
    try reader.norm(prefix + Builder.name(name, index), width: stack.width, epsilon: stack.epsilon)
  }

  /// A name with the number of its layer.
  private static func name(_ pattern: String, _ index: Int) -> String {
    String(pattern.split(separator: "#", omittingEmptySubsequences: false).joined(separator: "\(index)"))
  }
}
