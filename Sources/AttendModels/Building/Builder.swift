import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendKernelInterface
import AttendLayers

/// Turns a blueprint and a checkpoint into layers.
struct Builder {
  /// As the checkpoint has it: without a head that is missing, and with an output that is resolved.
  let blueprint: Blueprint
  let packer: Packer
  private(set) var prefix: String
  let output: OutputProjection

  init(_ blueprint: Blueprint, _ packer: Packer) throws(Failure) {
    guard let last = blueprint.last else { throw Failure(.internalError, "a model without layers") }
    self.packer = packer
    prefix = packer.prefix(of: blueprint.encoder ?? last, among: blueprint.prefixes)
    var found = blueprint
    if let head = blueprint.head, blueprint.kind == .encoder, Builder.isMissing(head, packer) { found.head = nil }
    found.head?.resolvePrefix(packer.tensors)
    let headed = blueprint.towers.last?.prefixes.map { packer.prefix(of: last, among: $0) } ?? prefix
    output = OutputProjection(found.head, behind: last, prefix: headed, packer)
    found.head?.output = output.output
    if let stage = blueprint.stage, !stage.isLast { found.head = nil }
    self.blueprint = found
  }

  /// For a tower whose names have a prefix of their own.
  func within(_ tower: TowerBlueprint) -> Builder {
    guard let prefixes = tower.prefixes else { return self }
    var builder = self
    builder.prefix = packer.prefix(of: tower.stack, among: prefixes)
    return builder
  }

  /// Whether an encoder was saved without the head for masked words that it was trained with and that its configuration
  /// still names, as those behind embeddings of sentences are.
  private static func isMissing(_ head: HeadBlueprint, _ packer: Packer) -> Bool {
    guard case .tied = head.output, let first = head.layers.first?.linear else { return false }
    return !packer.tensors.hasWeights("\(first.name).weight")
  }

  /// Refuses tensors that nobody read. To be called last.
  func finish() throws(Failure) {
    try packer.tensors.finish(family: blueprint.family) { name in
      if name == output.ownWeights || blueprint.ignores(name.utf8[...]) || isElsewhere(name.utf8[...]) { return true }
      guard name.hasPrefix(prefix) else { return false }
      let own = name.utf8.dropFirst(prefix.utf8.count)
      return blueprint.ignores(own) || isElsewhere(own)
    }
  }

  /// Whether another stage holds a tensor of this name.
  private func isElsewhere(_ name: Substring.UTF8View) -> Bool { blueprint.otherStages?.value.hold(name) ?? false }

  /// The encoder or decoder that `stack` describes.
  func stack(_ stack: StackBlueprint) throws(Failure) -> Stack {
    if let recurrent = stack.recurrent { return try recurrentStack(recurrent, stack) }
    var rotaries = RotaryTables()
    let layers = try FixedArray(stack.layers.count, for: "the layers") { (index) throws(Failure) in
      try layer(stack.layers[index], stack, &rotaries)
    }
    let hasCross = stack.layers.indices.contains { stack.layers[$0].crossAttention != nil }
    return Stack(
      width: stack.width, input: try input(stack), layers: layers,
      finalNorm: try norm(stack.finalNorm, stack.width),
      keyValueLayout: try layout(stack, use: stack.causal ? .laterCalls : .ownLayer) { $0.attention?.options },
      crossKeyValueLayout: hasCross ? try layout(stack, use: .laterCalls) { $0.crossAttention?.options } : nil,
      sourceProjection: try stack.sourceProjection.map { (projection) throws(Failure) in
        try packer.linear([projection], prefix: "")
      }, rotaries: rotaries,
      convolution: try stack.convolution.map { (convolution) throws(Failure) in
        try self.convolution(convolution, stack.width)
      }, shares: try stack.shares.map { (name) throws(Failure) in try shares(name, stack.layers.count + 1) },
      taps: try stack.taps.map { (taps) throws(Failure) in try self.taps(taps, stack.width) },
      sinkhorn: stack.sinkhorn, statedPositions: stack.statedPositions)
  }

  private func recurrentStack(_ recurrent: RecurrentBlueprint, _ stack: StackBlueprint) throws(Failure) -> Stack {
    let input = try self.input(stack)
    let network = try self.recurrent(recurrent, input.tokens, readoutWidth: stack.width)
    return Stack(
      width: stack.width, input: input, layers: try FixedArray(noneFor: "the layers"), recurrent: network,
      finalNorm: nil,
      keyValueLayout: try stateLayout(recurrent, readoutWidth: stack.width),
      crossKeyValueLayout: try sourceLayout(recurrent, network.attention), rotaries: RotaryTables())
  }

  /// The places of layers with such attention in the pages of a cache; a layer without keeps nothing.
  private func layout(
    _ stack: StackBlueprint, use: KeyValueLayout.Use, _ attention: (borrowing LayerBlueprint) -> AttentionOptions?
  ) throws(Failure) -> KeyValueLayout {
    let type: KeyValueType = packer.compute == .float32 ? .float32 : .bfloat16
    return try KeyValueLayout(stack.layers.count, use: use, type: type) { index in
      let options = attention(stack.layers[index])
      return (options?.keyValueHeads ?? 0, options?.headDim ?? 0, options?.lookBack ?? 0)
    }
  }

  /// The pooler, where the checkpoint holds it.
  func pooler(_ pooler: HeadBlueprint, _ stack: StackBlueprint) throws(Failure) -> Head? {
    let first = pooler.layers.first?.linear.name ?? pooler.norm?.name
    if let first, !packer.tensors.hasWeights("\(prefix)\(first).weight") { return nil }
    return try head(pooler, stack, prefix: prefix)
  }

  /// The head behind `stack`.
  func head(_ head: HeadBlueprint, _ stack: StackBlueprint, prefix: String = "") throws(Failure) -> Head {
    var layers: [Head.Layer] = []
    if let projection = head.projection {
      layers.append(Head.Layer(linear: try linear([projection]), activation: .none, norm: nil))
    }
    for (linear, activation, norm) in head.layers {
      layers.append(
        Head.Layer(
          linear: try packer.linear([linear], prefix: prefix), activation: activation,
          norm: try self.norm(norm, linear.outputs, prefix: prefix)))
    }
    switch head.output {
    case .none: break
    case .mean(let products):
      let parts = try products.map { (part) throws(Failure) in try packer.linear([part], prefix: prefix) }
      return Head(
        pooling: head.pooling, parts: parts, layers: [], width: stack.width, scale: head.scale, softCap: head.softCap)
    case .linear(let linear), .ownOrTied(let linear):
      layers.append(
        Head.Layer(linear: try packer.linear([linear], prefix: prefix), activation: .none, norm: nil))
    case .joined(let parts):
      layers.append(Head.Layer(linear: try packer.linear(parts, prefix: prefix), activation: .none, norm: nil))
    case .tied(let bias):
      let width = stack.embedding?.projection?.inputs ?? stack.inputWidth
      let weights = try packer.packed(table(of: stack), rows: stack.vocabulary, columns: width)
      let bias = try bias.flatMap { packer.tensors.has($0) ? $0 : nil }.map { (name) throws(Failure) in
        try packer.vector(name, stack.vocabulary)
      }
      layers.append(Head.Layer(linear: Linear(weights: weights, bias: bias), activation: .none, norm: nil))
    }
    return Head(
      pooling: head.pooling, norm: try norm(head.norm, stack.width, prefix: prefix), layers: layers,
      width: stack.width, scale: head.scale, softCap: head.softCap)
  }

  func table(of stack: StackBlueprint) -> String {
    OutputProjection.table(of: stack, prefix: prefix, ownWeights: output.ownWeights, packer)
  }

  func norm(_ norm: NormBlueprint?, _ width: Int, prefix: String? = nil) throws(Failure) -> Norm? {
    guard let norm else { return nil }
    let prefix = prefix ?? self.prefix
    let name = norm.gain == .none ? nil : String.joined(prefix, norm.name, ".weight")
    let gain = name.flatMap { norm.gain == .own || packer.tensors.has($0) ? $0 : nil }
    return Norm(
      kind: norm.kind, gain: try gain.map { (name) throws(Failure) in try packer.vector(name, width) },
      bias: norm.hasBias ? try packer.vector(.joined(prefix, norm.name, ".bias"), width) : nil, epsilon: norm.epsilon)
  }

  /// Products that become one, their outputs one after another.
  func linear(_ parts: [LinearBlueprint], refinesLast: Bool = false) throws(Failure) -> Linear {
    try packer.linear(parts, prefix: prefix, refinesLast: refinesLast)
  }
}

extension Packer {
  /// The prefix in use: the one under which the first product of a stack is found.
  fileprivate func prefix(of stack: StackBlueprint, among prefixes: [String]) -> String {
    let probe =
      if case .pyramid(let pyramid) = stack.input { pyramid.stages[0].entry.projection.weightName() } else {
        (stack.firstAttention?.query ?? (stack.layers.isEmpty ? nil : stack.layers[0].crossAttention?.query))?
          .weightName() ?? ""
      }
    return tensors.first(of: prefixes) { $0 + probe }
  }
}

extension HeadBlueprint {
  /// Puts the prefix in use before the name of the last product.
  fileprivate mutating func resolvePrefix(_ tensors: TensorLog) {
    func found(_ linear: LinearBlueprint) -> LinearBlueprint {
      var linear = linear
      linear.name = tensors.first(of: prefixes) { $0 + linear.weightName() } + linear.name
      return linear
    }
    switch output {
    case .linear(let linear): output = .linear(found(linear))
    case .ownOrTied(let linear): output = .ownOrTied(found(linear))
    case .none, .joined, .mean, .tied: break
    }
  }
}
