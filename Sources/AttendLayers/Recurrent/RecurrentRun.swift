import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The steps of a recurrent decoder in one pass, in scratch memory.
struct RecurrentRun {
  let decoder: RecurrentDecoder
  let order: StepOrder
  let own: KeyValues
  let source: KeyValues?
  private let pass: Pass
  /// Of each layer the states of all sequences, the longest first, `[sequences, stateWidth]`.
  private let states: UnsafeMutablePointer<Matrix>
  /// Of each layer the states behind each token, in the order of steps, `[tokens, stateWidth]`.
  let outputs: UnsafeMutablePointer<Matrix>

  /// For a pass of `rows` tokens, with the states before their first ones.
  init(
    _ decoder: RecurrentDecoder, _ order: StepOrder, _ own: KeyValues, _ source: KeyValues?, rows: Int, _ pass: Pass
  ) throws(Failure) {
    (self.decoder, self.order, self.own, self.source, self.pass) = (decoder, order, own, source, pass)
    states = try pass.workspace.take(decoder.layers.count, of: Matrix.self)
    outputs = try pass.workspace.take(decoder.layers.count, of: Matrix.self)
    let width = decoder.top.stateWidth
    for layer in decoder.layers.indices {
      (states + layer).initialize(to: try pass.workspace.matrix(order.sequences.count, width))
      (outputs + layer).initialize(to: try pass.workspace.matrix(rows, width))
      begin(layer)
    }
  }

  /// Fills the states of a layer before the first tokens of this pass: those that the last one left, or those that the
  /// bridge made, or zeros.
  private func begin(_ layer: Int) {
    for (place, number) in order.sequences.enumerated() {
      let sequence = order.sequence(place), state = states[layer], to = state[place]
      if sequence.position > 0 {
        let last = own.state(layer: layer, sequence, position: sequence.position - 1)
        to.update(from: last, count: state.columns)
      } else if decoder.bridge != nil, let source {
        let first = source.state(layer: decoder.firstBridged + layer, source.sequences[number], position: 0)
        to.update(from: first, count: state.columns)
      } else {
        to.update(repeating: 0, count: state.columns)
      }
    }
  }

  /// Layer after layer, where no step reads what the one before it gave: what tokens bring is one product.
  func layers(_ x: RecurrentInput) throws(Failure) {
    var input = x
    for (index, layer) in decoder.layers.enumerated() {
      try pass.scoped { () throws(Failure) in
        try layer.forward.run(
          try layer.forward.gates(of: input, order, pass), order, state: states[index], into: outputs[index], pass)
      }
      input = .states(outputs[index].columns(0, layer.forward.width))
    }
  }

  /// Step after step, where each reads what it or the one before it saw of the source, which `fed` keeps in the order
  /// of steps.
  func steps(_ x: RecurrentInput, feeding fed: Matrix) throws(Failure) {
    let first = decoder.layers[0].forward
    guard let source, let attention = decoder.attention, let weights = first.fed else {
      throw Failure(.internalError, "a decoder that feeds back without a source")
    }
    let gates = try first.gates(of: x, order, pass)
    let look = try StepLook(attention, source, order, layer: decoder.layers.count - 1, pass)
    let last = try decoder.feedsReadout ? lastReadout(fed.columns) : nil
    for step in 0..<order.steps {
      try pass.scoped { () throws(Failure) in
        let (gates, seen) = (order.rows(step, of: gates), order.rows(step, of: fed))
        if last == nil { try look.apply(top(gates.rows), step: step, into: seen, pass) }
        try pass.engine.multiply(
          last?.rows(0, gates.rows) ?? seen, weights, residual: gates, into: gates, workspace: pass.workspace)
        try self.step(step, gates)
        if let last {
          try readOut(look, step: step, into: seen)
          for row in 0..<seen.rows { last[row].update(from: seen[row], count: seen.columns) }
        }
      }
      try pass.finishedLayer(rows: order.count(step) * decoder.layers.count)
    }
  }

  /// h of the last layer, of the first `rows` sequences.
  private func top(_ rows: Int) -> Matrix {
    states[decoder.layers.count - 1].rows(0, rows).columns(0, decoder.top.width)
  }

  /// One step of all layers; `gates` is what the tokens bring to the first.
  private func step(_ step: Int, _ gates: Matrix) throws(Failure) {
    for (index, layer) in decoder.layers.enumerated() {
      let output = order.rows(step, of: outputs[index])
      guard index > 0 else {
        try layer.forward.step(gates, state: states[0], into: output, pass)
        continue
      }
      let below = states[index - 1].rows(0, gates.rows).columns(0, decoder.top.width)
      try layer.forward.step(
        try layer.forward.gates(of: below, pass), state: states[index], into: output, pass)
    }
  }

  /// The attentional vectors of a step.
  private func readOut(_ look: StepLook, step: Int, into y: Matrix) throws(Failure) {
    guard case .attentional(let product) = decoder.readout else {
      throw Failure(.internalError, "input feeding without attentional vectors")
    }
    let seen = product.inputs - decoder.top.width, state = top(y.rows)
    let joined = try pass.workspace.matrix(y.rows, product.inputs)
    try look.apply(state, step: step, into: joined.columns(0, seen), pass)
    for row in 0..<y.rows { (joined[row] + seen).update(from: state[row], count: state.columns) }
    try product.apply(joined, activation: .tanh, into: y, pass)
  }

  /// The attentional vectors of the tokens before this pass, `[sequences, width]`, zeros where there are none.
  private func lastReadout(_ width: Int) throws(Failure) -> Matrix {
    let last = try pass.workspace.matrix(order.sequences.count, width)
    for place in order.sequences.indices {
      let sequence = order.sequence(place)
      if sequence.position > 0 {
        let read = own.state(layer: decoder.layers.count, sequence, position: sequence.position - 1)
        last[place].update(from: read, count: width)
      } else {
        last[place].update(repeating: 0, count: width)
      }
    }
    return last
  }
}

/// A decoder's looks at the source step by step.
private struct StepLook {
  private let attention: SourceAttention
  private let source: KeyValues
  private let order: StepOrder
  /// `[sequences]`, the longest first: one query of each.
  private let queries: UnsafeMutablePointer<AttentionSequence>
  /// The map of the pass, `[queries, keys]` of one sequence after another; nil: nobody wants it.
  private let map: UnsafeMutablePointer<Float>?
  /// `[sequences]`: where those of each begin.
  private let starts: UnsafeMutablePointer<Int>

  init(
    _ attention: SourceAttention, _ source: KeyValues, _ order: StepOrder, layer: Int, _ pass: Pass
  ) throws(Failure) {
    (self.attention, self.source, self.order) = (attention, source, order)
    queries = try pass.workspace.take(order.sequences.count, of: AttentionSequence.self)
    starts = try pass.workspace.take(order.sequences.count, of: Int.self)
    for (place, number) in order.sequences.enumerated() {
      let sequence = source.sequences[number]
      (queries + place).initialize(
        to: AttentionSequence(row: place, count: 1, position: 0, keys: sequence.keys, pages: sequence.pages))
    }
    map = try pass.recorder?.crossMap(layer: layer, heads: 1, source.sequences)
    var start = 0
    for (number, sequence) in source.sequences.enumerated() {
      starts[number] = start
      start += sequence.count * sequence.keys
    }
  }

  /// The sums of the source's states for the queries of a step.
  func apply(_ q: Matrix, step: Int, into contexts: Matrix, _ pass: Pass) throws(Failure) {
    let queries = UnsafeBufferPointer(start: queries, count: q.rows)
    let source = KeyValues(sequences: queries, layout: source.layout)
    guard let map else { return try attention.apply(q, source, into: contexts, weights: nil, pass) }
    try pass.scoped { () throws(Failure) in
      var weights = try pass.workspace.take(queries.reduce(0) { $0 + $1.keys }, of: Float.self)
      try attention.apply(q, source, into: contexts, weights: weights, pass)
      for (place, query) in queries.enumerated() {
        (map + (starts[order.sequences[place]] + step * query.keys)).update(from: weights, count: query.keys)
        weights += query.keys
      }
    }
  }
}
