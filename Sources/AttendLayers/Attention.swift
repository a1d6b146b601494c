import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The keys and values that the queries of one call look at: for each sequence its queries and its pages.
package struct KeyValues {
  package let sequences: UnsafeBufferPointer<AttentionSequence>
  /// The same with the pages of layers with a window, where these have pages of their own.
  package let windowed: UnsafeBufferPointer<AttentionSequence>?
  package let layout: KeyValueLayout

  package init(
    sequences: UnsafeBufferPointer<AttentionSequence>, windowed: UnsafeBufferPointer<AttentionSequence>? = nil,
    layout: KeyValueLayout
  ) {
    self.sequences = sequences
    self.windowed = windowed
    self.layout = layout
  }

  /// The sequences, of which neighbours that look at the same pages, as the beams of a source do, are one with the
  /// queries of all: a key is read once for all of them. Queries that see some of the keys only need spans that lie end
  /// to end.
  func joined(_ workspace: Workspace) throws(Failure) -> UnsafeBufferPointer<AttentionSequence> {
    let joined = try workspace.take(sequences.count, of: AttentionSequence.self)
    var count = 0
    for sequence in sequences {
      if count > 0, (joined + (count - 1)).pointee.hasSameKeys(as: sequence) {
        (joined + (count - 1)).pointee.count += sequence.count
      } else {
        (joined + count).initialize(to: sequence)
        count += 1
      }
    }
    return UnsafeBufferPointer(start: joined, count: count)
  }

  /// The sequences with the pages that hold a layer.
  func sequences(of layer: Int) -> UnsafeBufferPointer<AttentionSequence> {
    layout.layers[layer].kind == 0 ? sequences : windowed ?? sequences
  }
}

extension AttentionSequence {
  /// Whether another sequence, whose queries come next, has the same keys.
  fileprivate func hasSameKeys(as other: AttentionSequence) -> Bool {
    keys == other.keys && spans.map { $0 + count } == other.spans
      && (0..<KeyValueLayout.pages(for: keys)).allSatisfy { pages[$0] == other.pages[$0] }
  }
}

/// The sizes of multi-head attention (Vaswani et al. 2017, arXiv:1706.03762, section 3.2).
package struct AttentionOptions: Sendable {
  package let heads: Int
  /// Heads of keys and values; fewer than `heads` where several query heads share one.
  package let keyValueHeads: Int
  package let headDim: Int
  /// Factor on the scores, 1/√headDim in the paper.
  package let scale: Float
  package let mask: AttentionMask
  /// Whether tokens see those of their own block only (`TokenPlaces`), where they see in both directions.
  package let staysInBlocks: Bool

  /// By default there are as many heads of keys and values as of queries, and the scale is the paper's.
  package init(
    heads: Int, keyValueHeads: Int? = nil, headDim: Int, scale: Float? = nil, causal: Bool, window: Int = 0,
    softCap: Float = 0, staysInBlocks: Bool = false
  ) {
    self.heads = heads
    self.staysInBlocks = staysInBlocks
    self.keyValueHeads = keyValueHeads ?? heads
    self.headDim = headDim
    self.scale = scale ?? 1 / Float(headDim).squareRoot()
    mask = AttentionMask(causal: causal, window: window, softCap: softCap)
  }

  package var queryWidth: Int { heads * headDim }
  /// Positions that a query sees, its own included, where it sees none after it; 0: all.
  package var lookBack: Int { mask.causal ? mask.window : 0 }
  package var keyValueWidth: Int { keyValueHeads * headDim }
}

extension Pass {
  /// Rotates heads before keys and values are rounded to few bits, and before queries meet them.
  fileprivate func spread(_ x: Matrix, _ options: AttentionOptions) { engine.spread(x, headDim: options.headDim) }

  /// Rotates sums of such values back.
  fileprivate func unspread(_ x: Matrix, _ options: AttentionOptions) {
    engine.spread(x, headDim: options.headDim, scale: 1 / Float(KeyValuePage.spreading(options.headDim)))
  }
}

/// Attention of a sequence to itself; its keys and values are kept in pages, so that later tokens find them.
package struct SelfAttention: Sendable {
  package let options: AttentionOptions
  /// Queries, keys and values in one product: `[queryWidth + 2 keyValueWidth, width]`.
  package let input: Linear
  package let output: Linear
  /// On queries and keys before they are rotated (Henry et al. 2020, arXiv:2010.04245).
  package let queryNorm: Norm?
  package let keyNorm: Norm?
  package let rotary: RotaryTables.Place?
  package let bias: ScoreBias
  /// Before the last product.
  package let finish: AttentionFinish?

  package init(
    options: AttentionOptions, input: Linear, output: Linear, queryNorm: Norm?, keyNorm: Norm?,
    rotary: RotaryTables.Place?, bias: ScoreBias, finish: AttentionFinish? = nil
  ) {
    self.options = options
    self.input = input
    self.output = output
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.rotary = rotary
    self.bias = bias
    self.finish = finish
  }

  /// Adds attention(x) for the input x, `[tokens, width]`, whose keys and values go to `layer` of the pages first.
  func apply(_ sum: ResidualSum, layer: Int, _ context: LayerContext, _ pass: Pass) throws(Failure) {
    let x = sum.input
    try pass.scoped { () throws(Failure) in
      let projected = try pass.workspace.matrix(x.rows, input.outputs)  // [tokens, queries | keys | values]
      try input.apply(x, into: projected, pass)
      let queries = projected.columns(0, options.queryWidth),
        keys = projected.columns(options.queryWidth, options.keyValueWidth)
      queryNorm?.apply(queries, into: queries, pass)
      keyNorm?.apply(keys, into: keys, pass)
      if let offset = bias.queryOffset { add(offset, to: queries) }
      try rotate(queries, keys, context, pass)
      let heads = context.selfKeyValues.layout.heads(layer: layer, queryHeads: options.heads, scale: options.scale)
      let sequences = try context.sequences(of: layer, options, pass)
      // Whole numbers are rounded from rotated ones.
      if heads.type.isQuantized { pass.spread(projected, options) }
      pass.engine.storeKeyValues(
        keys, projected.columns(options.queryWidth + options.keyValueWidth, options.keyValueWidth), sequences, heads)
      let mixed = try pass.workspace.matrix(x.rows, options.queryWidth)  // [tokens, heads, headDim]
      let weights = try pass.recorder?.selfMap(layer: layer, heads: options.heads, sequences)
      try attend(x, queries, keys, sequences, heads, context, into: mixed, weights: weights, pass)
      if heads.type.isQuantized { pass.unspread(mixed, options) }
      finish?.apply(mixed, pass)
      try output.apply(mixed, residual: sum.residual, into: sum.output, pass)
    }
  }

  private func add(_ offset: AlignedBuffer, to queries: Matrix) {
    let numbers = offset.pointer(to: Float.self)
    for row in 0..<queries.rows { for column in 0..<queries.columns { queries[row][column] += numbers[column] } }
  }

  /// The kernel's call, or where relative positions have keys and queries of their own one for each group of sequences.
  private func attend(
    _ x: Matrix, _ queries: Matrix, _ keys: Matrix, _ sequences: UnsafeBufferPointer<AttentionSequence>,
    _ heads: AttentionHeads, _ context: LayerContext, into y: Matrix, weights: UnsafeMutablePointer<Float>?,
    _ pass: Pass
  ) throws(Failure) {
    var bias = self.bias.forKernels
    var weights = weights
    if let grid = self.bias.grid, let grids = context.grids {
      return try grid.forEachGroup(sequences, grids + context.firstSequence, pass) { (group, pairs) throws(Failure) in
        bias.pairs = pairs
        try pass.engine.attention(
          queries, group, heads, options.mask, bias: bias, into: y, weights: weights, workspace: pass.workspace)
        weights = weights.map { $0 + group.reduce(0) { $0 + heads.heads * $1.count * $1.keys } }
      }
    }
    guard let disentangled = self.bias.disentangled else {
      return try pass.engine.attention(
        queries, sequences, heads, options.mask, bias: bias, into: y, weights: weights, workspace: pass.workspace)
    }
    try disentangled.forEachGroup(sequences, x, q: queries, k: keys, headDim: options.headDim, pass) {
      (group, terms) throws(Failure) in
      bias.disentangled = terms
      try pass.engine.attention(
        queries, group, heads, options.mask, bias: bias, into: y, weights: weights, workspace: pass.workspace)
      weights = weights.map { $0 + group.reduce(0) { $0 + heads.heads * $1.count * $1.keys } }
    }
  }

  private func rotate(_ queries: Matrix, _ keys: Matrix, _ context: LayerContext, _ pass: Pass) throws(Failure) {
    guard let rotary else { return }
    let angles = try context.rotaryAngles()
    let cosines = angles.columns(rotary.column, rotary.pairs),
      sines = angles.columns(rotary.column + rotary.pairs, rotary.pairs)
    pass.engine.rotate(
      queries, headDim: options.headDim, cosines: cosines, sines: sines, interleaved: rotary.interleaved)
    pass.engine.rotate(keys, headDim: options.headDim, cosines: cosines, sines: sines, interleaved: rotary.interleaved)
  }
}

/// Attention of the target to the source. The keys and values of the source are projected once, when it is encoded.
package struct CrossAttention: Sendable {
  package let options: AttentionOptions
  package let query: Linear
  /// Keys and values in one product: `[2 keyValueWidth, width]`.
  package let keyValue: Linear
  package let output: Linear
  /// On queries and keys.
  package let queryNorm: Norm?
  package let keyNorm: Norm?
  /// Before the last product.
  package let finish: AttentionFinish?

  package init(
    options: AttentionOptions, query: Linear, keyValue: Linear, output: Linear, queryNorm: Norm?, keyNorm: Norm?,
    finish: AttentionFinish? = nil
  ) {
    self.options = options
    self.query = query
    self.keyValue = keyValue
    self.output = output
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.finish = finish
  }

  /// Projects the encoder's output, `[source tokens, width]`, and puts keys and values into `layer` of the pages.
  package func project(_ source: Matrix, layer: Int, _ keyValues: KeyValues, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let projected = try pass.workspace.matrix(source.rows, keyValue.outputs)  // [source tokens, keys | values]
      try keyValue.apply(source, into: projected, pass)
      let keys = projected.columns(0, options.keyValueWidth)
      keyNorm?.apply(keys, into: keys, pass)
      if keyValues.layout.type.isQuantized { pass.spread(projected, options) }
      pass.engine.storeKeyValues(
        keys, projected.columns(options.keyValueWidth, options.keyValueWidth),
        keyValues.sequences, keyValues.layout.heads(layer: layer, queryHeads: options.heads, scale: options.scale))
    }
  }

  /// Adds attention(x, source) for the input x, `[target tokens, width]`; `layer` is its place in the pages.
  func apply(_ sum: ResidualSum, layer: Int, _ source: KeyValues, _ pass: Pass) throws(Failure) {
    let x = sum.input
    try pass.scoped { () throws(Failure) in
      let queries = try pass.workspace.matrix(x.rows, options.queryWidth)  // [target tokens, heads, headDim]
      try query.apply(x, into: queries, pass)
      queryNorm?.apply(queries, into: queries, pass)
      let isQuantized = source.layout.type.isQuantized
      if isQuantized { pass.spread(queries, options) }
      let mixed = try pass.workspace.matrix(x.rows, options.queryWidth)
      let weights = try pass.recorder?.crossMap(layer: layer, heads: options.heads, source.sequences)
      try pass.engine.attention(
        queries, weights == nil ? try source.joined(pass.workspace) : source.sequences,
        source.layout.heads(layer: layer, queryHeads: options.heads, scale: options.scale), options.mask, into: mixed,
        weights: weights, workspace: pass.workspace)
      if isQuantized { pass.unspread(mixed, options) }
      finish?.apply(mixed, pass)
      try output.apply(mixed, residual: sum.residual, into: sum.output, pass)
    }
  }
}
