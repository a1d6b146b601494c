import AttendBase
import AttendDispatch
import AttendKernelInterface

/// A recurrent network that writes: by itself as a language model, from the last states of an encoder, or looking back
/// at the encoder's states.
package struct RecurrentDecoder: Sendable {
  /// The time at which it looks at the source.
  package enum Looks: Sendable {
    /// Before a step, with the state before it; what it sees is an input of the first layer (Bahdanau et al. 2014,
    /// arXiv:1409.0473).
    case before
    /// After a step, with the new state (Luong et al. 2015, arXiv:1508.04025).
    case after
  }

  /// The hidden states that it gives.
  package enum Readout: Sendable {
    /// The last layer's.
    case state
    /// tanh(W [context; state]): Luong's attentional vectors, equation 5.
    case attentional(Linear)
    /// State, context and the token's vector, one behind the other.
    case joined
  }

  package let layers: FixedArray<RecurrentLayer>
  package let attention: SourceAttention?
  package let looks: Looks
  package let readout: Readout
  /// Whether the attentional vector of a step is an input of the first layer in the next one (section 3.3).
  package let feedsReadout: Bool
  package let bridge: StateBridge?

  package init(
    layers: FixedArray<RecurrentLayer>, attention: SourceAttention?, looks: Looks, readout: Readout, feedsReadout: Bool,
    bridge: StateBridge?
  ) {
    (self.layers, self.attention, self.looks, self.readout) = (layers, attention, looks, readout)
    (self.feedsReadout, self.bridge) = (feedsReadout, bridge)
  }

  /// The last layer.
  var top: RecurrentDirection { layers[layers.count - 1].forward }
  /// The first layer of the source's pages that holds a first state.
  var firstBridged: Int { attention == nil ? 0 : 1 }

  /// Fills the pages of the source: keys and values of attention, and first states.
  func projectSource(_ states: Matrix, finals: Matrix?, into source: KeyValues, _ pass: Pass) throws(Failure) {
    try attention?.project(states, source, pass)
    guard let bridge else { return }
    guard let finals else { throw Failure(.internalError, "a bridge without last states") }
    try bridge.project(
      finals, layers: layers.count, vectors: top.cell.vectors, width: top.width, source, from: firstBridged, pass)
  }

  /// From the vectors of tokens, `[tokens, width]`, and their ids to hidden states y; states go to the pages of `own`.
  func apply(
    _ x: Matrix, ids: UnsafePointer<Int32>?, _ order: StepOrder, _ own: KeyValues, _ source: KeyValues?, into y: Matrix,
    _ pass: Pass
  ) throws(Failure) {
    let run = try RecurrentRun(self, order, own, source, rows: x.rows, pass)
    let tokens = RecurrentInput.tokens(x, ids: ids)
    let fed = try layers[0].forward.fed == nil ? nil : pass.workspace.matrix(x.rows, feedWidth(y))
    if let fed { try run.steps(tokens, feeding: fed) } else { try run.layers(tokens) }
    for layer in layers.indices { own.storeStates(run.outputs[layer], layer: layer, order) }
    if feedsReadout, let fed {
      own.storeStates(fed, layer: layers.count, order)
      return order.unpack(fed, into: y)
    }
    try read(run, x, fed, into: y, pass)
  }

  /// The width of what is fed back, for hidden states y.
  private func feedWidth(_ y: Matrix) -> Int { feedsReadout ? y.columns : attention?.width ?? 0 }

  /// The hidden states of all tokens at once.
  private func read(
    _ run: RecurrentRun, _ x: Matrix, _ contexts: Matrix?, into y: Matrix, _ pass: Pass
  ) throws(Failure) {
    let width = top.width, seen = attention?.width ?? 0
    switch readout {
    case .state: run.order.unpack(run.outputs[layers.count - 1], into: y)
    case .attentional(let product):
      let joined = try pass.workspace.matrix(x.rows, seen + width)
      try look(run, contexts, states: joined.columns(seen, width), into: joined.columns(0, seen), pass)
      try product.apply(joined, activation: .tanh, into: y, pass)
    case .joined:
      try look(run, contexts, states: y.columns(0, width), into: y.columns(width, seen), pass)
      for row in 0..<x.rows { (y[row] + (width + seen)).update(from: x[row], count: x.columns) }
    }
  }

  /// Fills the states of the last layer and what these see, or saw, of the source.
  private func look(
    _ run: RecurrentRun, _ seen: Matrix?, states: Matrix, into contexts: Matrix, _ pass: Pass
  ) throws(Failure) {
    run.order.unpack(run.outputs[layers.count - 1], into: states)
    if let seen { return run.order.unpack(seen, into: contexts) }
    guard let attention, let source = run.source else {
      throw Failure(.internalError, "attention without a source")
    }
    let weights = try pass.recorder?.crossMap(layer: layers.count - 1, heads: 1, source.sequences)
    try attention.apply(states, source, into: contexts, weights: weights, pass)
  }
}
