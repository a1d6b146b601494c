import AttendBase
import AttendDispatch

/// An encoder or a decoder: an input layer, layers, and in some families a norm at the end.
package final class Stack: Sendable {
  package let width: Int
  package let input: InputLayer
  package let layers: FixedArray<TransformerLayer>
  /// In their place; nil: it is a Transformer.
  package let recurrent: RecurrentNetwork?
  package let finalNorm: Norm?
  /// Of the keys and values of its own tokens.
  package let keyValueLayout: KeyValueLayout
  /// Of those of the source; nil in a stack without cross-attention.
  package let crossKeyValueLayout: KeyValueLayout?
  /// From the states of the source to what cross-attention projects; nil: they are the same.
  package let sourceProjection: Linear?
  /// The rotary embeddings of its layers.
  package let rotaries: RotaryTables
  /// Beside the first layer.
  package let convolution: DebertaConvolution?
  /// `[layers + 1]`: the share of what the first layer reads, and of what each layer makes, in the states that the
  /// stack gives, as classifiers of sounds want them (Yang et al. 2021, arXiv:2105.01051, section 3.2); nil: these are
  /// the last layer's.
  package let shares: AlignedBuffer?
  /// What it gives besides the states of its last layer; nil: nothing.
  package let taps: Taps?
  /// How its attention is normalised, where that is no softmax; nil: by softmax.
  package let sinkhorn: SinkhornIterations?
  /// The longest text that the model's configuration speaks of, be it the rows of its position table or what it was
  /// trained on; nil: it states none. Where positions are computed, longer texts can be read, for what that is worth.
  package let statedPositions: Int?

  package init(
    width: Int, input: InputLayer, layers: FixedArray<TransformerLayer>, recurrent: RecurrentNetwork? = nil,
    finalNorm: Norm?, keyValueLayout: KeyValueLayout,
    crossKeyValueLayout: KeyValueLayout?, sourceProjection: Linear? = nil, rotaries: RotaryTables,
    convolution: DebertaConvolution? = nil, shares: AlignedBuffer? = nil, taps: Taps? = nil,
    sinkhorn: SinkhornIterations? = nil,
    statedPositions: Int? = nil
  ) {
    self.sinkhorn = sinkhorn
    self.width = width
    self.input = input
    self.layers = layers
    self.recurrent = recurrent
    self.finalNorm = finalNorm
    self.keyValueLayout = keyValueLayout
    self.crossKeyValueLayout = crossKeyValueLayout
    self.sourceProjection = sourceProjection
    self.rotaries = rotaries
    self.convolution = convolution
    self.shares = shares
    self.taps = taps
    self.statedPositions = input.positions ?? statedPositions
  }

  /// The numbers of a state that it gives: its width, and as many again for each tap.
  package var outputWidth: Int { width * (1 + (taps?.layers.count ?? 0)) }

  /// How many layers it has, of whatever kind.
  package var depth: Int {
    if case .pyramid(let pyramid) = input { return pyramid.depth }
    return recurrent?.layers.count ?? layers.count
  }

  /// Numbers of a sequence's last states, which a recurrent encoder leaves to the decoder; 0: it leaves none.
  package var finalWidth: Int { recurrent?.finalWidth ?? 0 }

  /// The embedding of tokens; nil: it reads arrays.
  package var embedding: TokenEmbedding? { input.tokens }

  /// Ids run from 0 to this less 1; 0 where it reads no tokens.
  package var vocabulary: Int { embedding?.vocabulary ?? 0 }

  /// The longest sequence that can be computed; nil: no limit.
  package var positions: Int? { input.positions }

  /// The longest sequence that is allowed: with computed positions as many as the configuration states, or more.
  package func positions(allowingBeyond isAllowed: Bool) -> Int? { isAllowed ? positions : statedPositions }

  /// The forward pass: from the input, which lies sequence after sequence as `selfKeyValues` says, and states of
  /// another tower in the place of some of its rows, to hidden states, `[tokens, outputWidth]`, in y. `places` are
  /// of tokens; arrays have their own. `finals`, `[sequences, finalWidth]`, is filled where there are last states.
  package func forward(
    _ input: StackInput, splices: UnsafeBufferPointer<Splice> = UnsafeBufferPointer(start: nil, count: 0),
    places: TokenPlaces = TokenPlaces(), selfKeyValues: KeyValues, crossKeyValues: KeyValues?, finals: Matrix? = nil,
    into y: Matrix, _ pass: Pass
  ) throws(Failure) {
    let x = y.columns(0, width)
    if let recurrent {
      return try pass.scoped { () throws(Failure) in
        let vectors = try pass.workspace.matrix(x.rows, recurrent.inputWidth)
        try self.input.apply(input, selfKeyValues.sequences, splices: splices, into: vectors, pass)
        var ids: UnsafePointer<Int32>?
        if splices.isEmpty, case .tokens(let own, _) = input { ids = own }
        try recurrent.apply(vectors, ids: ids, selfKeyValues, source: crossKeyValues, finals: finals, into: x, pass)
      }
    }
    if let sinkhorn, case .tokens(let ids, _) = input {
      try sinkhorn.forward(self, ids, selfKeyValues.sequences, into: x, pass)
      finalNorm?.apply(x, into: x, pass)
      return
    }
    try self.input.apply(input, selfKeyValues.sequences, splices: splices, into: x, pass)
    try pass.scoped { () throws(Failure) in
      let places = try self.input.places(input, selfKeyValues.sequences, tokens: x.rows, pass) ?? places
      let context = LayerContext(
        selfKeyValues: selfKeyValues, crossKeyValues: crossKeyValues,
        angles: try rotaries.angles(
          selfKeyValues.sequences, tokens: x.rows, coordinates: places.coordinates, pass),
        blocks: places.blocks, grids: places.grids, firstSequence: 0)
      try pass.checkCancellation()
      let convolved = try convolution?.apply(x, selfKeyValues.sequences, pass)
      let mixture = try shares.map { (_) throws(Failure) in try pass.workspace.matrix(x.rows, x.columns) }
      if let mixture {
        for row in 0..<x.rows { mixture[row].update(repeating: 0, count: x.columns) }
        add(x, of: 0, to: mixture, pass)
      }
      for index in layers.indices {
        try context.forEachSlice(of: x, rows: Stack.rowsAtOnce(layers[index]), pass) { (x, context) throws(Failure) in
          try layers[index].apply(x, index: index, context, pass)
          try pass.finishedLayer(rows: x.rows)
        }
        if index == 0, let convolved { convolution?.add(convolved, to: x, pass) }
        if let mixture { add(x, of: index + 1, to: mixture, pass) }
        for splice in splices where (index + 2) * width <= splice.numbers {
          let more = splice.states + (index + 1) * width
          for component in 0..<width { x[splice.row][component] += more[component] }
        }
        if let taps {
          taps.keep(x, behind: index, in: y)
          taps.change(x, behind: index, self.input, input, selfKeyValues.sequences, pass)
        }
      }
      if let mixture { for row in 0..<x.rows { x[row].update(from: mixture[row], count: x.columns) } }
    }
    finalNorm?.apply(x, into: x, pass)
  }

  /// Adds the share of what was made before layer `place`.
  private func add(_ x: Matrix, of place: Int, to mixture: Matrix, _ pass: Pass) {
    if let shares { pass.engine.add(x, to: mixture, scale: shares.pointer(to: Float.self)[place]) }
  }

  /// Rows of a slice: few enough to stay in the third cache with what is made of them.
  private static let sliceRows = 512
  /// Bytes of weights that the third cache holds beside a slice: slices pay only where weights that are read again for
  /// the next one are found there too.
  private static let cachedWeights = 32 << 20

  /// Rows that a layer takes at once.
  private static func rowsAtOnce(_ layer: TransformerLayer) -> Int {
    guard case .dense(let network) = layer.feedForward else { return .max }
    return network.up.weights.bytes + network.down.weights.bytes <= cachedWeights ? sliceRows : .max
  }

  /// Projects the encoder's output, `[source tokens, width]`, to the keys and values of every layer's cross-attention,
  /// once for all steps. `finals` are the encoder's last states, where it leaves them.
  package func projectSource(
    _ states: Matrix, finals: Matrix? = nil, into source: KeyValues, _ pass: Pass
  ) throws(Failure) {
    if case .decoder(let decoder) = recurrent {
      return try decoder.projectSource(states, finals: finals, into: source, pass)
    }
    try pass.scoped { () throws(Failure) in
      var states = states
      if let sourceProjection {
        let projected = try pass.workspace.matrix(states.rows, sourceProjection.outputs)
        try sourceProjection.apply(states, into: projected, pass)
        states = projected
      }
      for index in layers.indices {
        try layers[index].crossAttention?.project(states, layer: index, source, pass)
        try pass.checkCancellation()
      }
    }
  }
}
