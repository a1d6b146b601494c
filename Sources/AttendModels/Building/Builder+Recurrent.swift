import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendKernelInterface
import AttendLayers

extension Builder {
  /// The network that `recurrent` describes.
  func recurrent(
    _ recurrent: RecurrentBlueprint, _ tokens: TokenEmbedding?, readoutWidth: Int
  ) throws(Failure) -> RecurrentNetwork {
    let layers = try recurrentLayers(recurrent, tokens, readoutWidth: readoutWidth)
    guard let decoding = recurrent.decoding else { return .encoder(layers) }
    return .decoder(
      RecurrentDecoder(
        layers: layers,
        attention: try decoding.attention.map { (attention) throws(Failure) in try self.attention(attention) },
        looks: decoding.looks, readout: try readout(decoding.readout), feedsReadout: decoding.feedsReadout,
        bridge: try decoding.bridge.map { (bridge) throws(Failure) in try self.bridge(bridge, recurrent) }))
  }

  private func recurrentLayers(
    _ recurrent: RecurrentBlueprint, _ tokens: TokenEmbedding?, readoutWidth: Int
  ) throws(Failure) -> FixedArray<RecurrentLayer> {
    let pass = Pass(engine: packer.engine, workspace: Workspace())
    return try FixedArray(recurrent.layers, for: "the layers") { (index) throws(Failure) in
      func direction(_ suffix: String) throws(Failure) -> RecurrentDirection {
        let direction = try self.direction(recurrent, index, suffix, readoutWidth)
        guard index == 0, let tokens else { return direction }
        return try direction.knowing(tokens, pass)
      }
      return RecurrentLayer(
        forward: try direction(""), backward: recurrent.isBidirectional ? try direction("_reverse") : nil)
    }
  }

  /// What a transducer has behind its encoder.
  func transducer(_ transducer: TransducerBlueprint) throws(Failure) -> Transducer {
    let width = transducer.prediction.inputs
    return Transducer(
      table: try packer.storedTable(prefix + transducer.table, rows: transducer.tokens, columns: width),
      layers: try recurrentLayers(transducer.network.value, nil, readoutWidth: 0),
      prediction: try linear([transducer.prediction]), frame: try linear([transducer.frame]),
      activation: transducer.activation, joint: try linear([transducer.joint]), durations: transducer.durations)
  }

  private func direction(
    _ recurrent: RecurrentBlueprint, _ index: Int, _ suffix: String, _ readoutWidth: Int
  ) throws(Failure) -> RecurrentDirection {
    let (name, place) = (prefix + recurrent.name, "_l\(index)\(suffix)")
    let (rows, width) = (recurrent.cell.gates * recurrent.width, recurrent.width)
    let inputs = index == 0 ? recurrent.inputs : (recurrent.isBidirectional ? 2 : 1) * width
    let fed = index == 0 ? recurrent.fedWidth(readoutWidth) : 0
    let parts = try packer.sideBySide(
      "\(name).weight_ih\(place)", rows: rows, columns: fed > 0 ? [inputs, fed] : [inputs])
    let recurrentPart = try packer.sideBySide("\(name).weight_hh\(place)", rows: rows, columns: [width])
    func bias(_ part: String) throws(Failure) -> AlignedBuffer? {
      recurrent.hasBias ? try packer.vector("\(name).bias_\(part)\(place)", rows) : nil
    }
    return RecurrentDirection(
      cell: recurrent.cell, width: width, input: Linear(weights: parts[0], bias: try bias("ih")),
      fed: fed > 0 ? parts[1] : nil, recurrent: Linear(weights: recurrentPart[0], bias: try bias("hh")))
  }

  private func readout(_ readout: RecurrentDecodingBlueprint.Readout) throws(Failure) -> RecurrentDecoder.Readout {
    switch readout {
    case .state: .state
    case .attentional(let product): .attentional(try linear([product]))
    case .joined: .joined
    }
  }

  private func attention(_ attention: SourceAttentionBlueprint) throws(Failure) -> SourceAttention {
    let score: SourceAttention.Score
    switch attention.score {
    case .dot: score = .dot
    case .general(let product): score = .general(try linear([product]))
    case .additive(let query, let key, let vector):
      score = .additive(
        query: try linear([query]), key: try linear([key]),
        vector: try packer.vector(prefix + vector, query.outputs))
    case .concat(let product, let vector):
      let (query, key) = (product.inputs - attention.width, attention.width)
      let parts = try packer.sideBySide(product.weightName(prefix), rows: product.outputs, columns: [query, key])
      let name = product.biasName(prefix)
      let bias = packer.tensors.has(name) ? try packer.vector(name, product.outputs) : nil
      score = .additive(
        query: Linear(weights: parts[0], bias: bias), key: Linear(weights: parts[1], bias: nil),
        vector: try packer.vector(prefix + vector, product.outputs))
    }
    return SourceAttention(score: score, width: attention.width)
  }

  private func bridge(_ bridge: BridgeBlueprint, _ recurrent: RecurrentBlueprint) throws(Failure) -> StateBridge {
    let vectors = ["h", "c"].prefix(recurrent.cell.vectors)
    let products = try bridge.name.map { (name) throws(Failure) in
      try FixedArray(recurrent.layers, for: "the layers") { (index) throws(Failure) in
        try vectors.map { (vector) throws(Failure) in
          let product = "\(name).\(vector).\(index)"
          return try linear([
            LinearBlueprint(
              name: product, outputs: recurrent.width, inputs: bridge.inputs, bias: .optional("\(product).bias"))
          ])
        }
      }
    }
    return StateBridge(
      products: products, activation: bridge.activation, finalWidth: recurrent.cell.vectors * bridge.inputs)
  }

  // MARK: Pages

  /// The places of a recurrent network's states in the pages of its own tokens.
  func stateLayout(_ recurrent: RecurrentBlueprint, readoutWidth: Int) throws(Failure) -> KeyValueLayout {
    guard let decoding = recurrent.decoding else { return try KeyValueLayout(0, use: .ownLayer) { _ in (0, 0, 0) } }
    let readouts = decoding.feedsReadout ? 1 : 0
    return try KeyValueLayout(recurrent.layers + readouts, states: { _ in KeyValuePage.tokens }) { index in
      (1, index < recurrent.layers ? recurrent.stateWidth : readoutWidth, StatePages.window)
    }
  }

  /// The places of what its attention sees, and of its first states, in the pages of the source; nil: there is none.
  func sourceLayout(_ recurrent: RecurrentBlueprint, _ attention: SourceAttention?) throws(Failure) -> KeyValueLayout? {
    let bridged = recurrent.decoding?.bridge == nil ? 0 : recurrent.layers, first = attention == nil ? 0 : 1
    guard bridged + first > 0 else { return nil }
    return try KeyValueLayout(first + bridged, states: { $0 < first ? 0 : 1 }) { index in
      (1, index < first ? attention?.headDim ?? 0 : recurrent.stateWidth, 0)
    }
  }
}

extension RecurrentBlueprint {
  /// The width of what the first layer reads beside a token's vector: what it sees of the source, or attentional
  /// vectors, which are `readoutWidth` wide.
  fileprivate func fedWidth(_ readoutWidth: Int) -> Int {
    guard let decoding, let attention = decoding.attention else { return 0 }
    if decoding.feedsReadout { return readoutWidth }
    return decoding.looks == .before ? attention.width : 0
  }
}

extension Packer {
  /// A stored matrix, `[rows, sum of columns]`, as matrices side by side, each packed by itself.
  fileprivate func sideBySide(_ name: String, rows: Int, columns: [Int]) throws(Failure) -> [PackedMatrix] {
    let total = columns.reduce(0, +)
    let whole = try tensors.weights(name, TensorShape(rows, total))
    var first = 0
    var parts: [PackedMatrix] = []
    for count in columns {
      let part = StoredMatrix(
        base: whole.bytes.baseAddress! + first * whole.type.size, type: whole.type, rows: rows, columns: count,
        stride: total)
      parts.append(self.count(try PackedMatrix([part], compute: compute, engine: engine)))
      first += count
    }
    if let index = tensors.index(of: name) { tensors.release(index) }
    return parts
  }
}
