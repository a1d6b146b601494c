import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The layout of the keys and values of one sequence in pages of `KeyValuePage.tokens` positions.
///
/// Layers that look back as far as the sequence goes share a page, and those with a window another: it can be given
/// back once the window has passed. In a page: layer after layer, first the keys of its heads, then their values, each
/// as `KeyValuePage` says. Keys stand transposed so that one vector holds one component of neighbouring keys, as in a
/// panel of weights.
package struct KeyValueLayout: Sendable {
  /// The place of one layer in a page.
  package struct Layer: Sendable, Equatable {
    /// Of keys and values.
    package let heads: Int
    /// Components of a head, or numbers of a state.
    package let headDim: Int
    /// Positions of a page, the first ones, whose states it holds in the place of keys and values: rows of `headDim`
    /// numbers, one behind the other; 0: it holds keys and values.
    package let states: Int
    /// Positions that a query looks back, itself included; 0: all.
    package let window: Int
    /// The index into `pages` of the one that holds it.
    package let kind: Int
    /// Units of 32 bits before its first key, or state.
    package let offset: Int

    /// Units of 32 bits that it takes, whole cache lines.
    fileprivate func units(_ type: KeyValueType) -> Int {
      states > 0 ? (states * headDim + 15) & ~15 : 2 * heads * KeyValuePage.headUnits(headDim, type)
    }
  }

  /// The pages of layers that look equally far back.
  package struct Pages: Sendable, Equatable {
    /// Positions that the layer which looks back farthest sees, the query's own included; 0: all.
    package let window: Int
    /// Of one page.
    package let bytes: Int

    /// The first page that is read by queries at `position` and after it.
    package func firstRead(from position: Int) -> Int {
      window == 0 ? 0 : max(position - window + 1, 0) / KeyValuePage.tokens
    }
  }

  /// The time for which keys and values are looked at.
  package enum Use: Sendable {
    /// By later calls: each layer has a place of its own.
    case laterCalls
    /// By their own layer only, while it runs, as in an encoder: the layers take turns at one place.
    case ownLayer
  }

  package let layers: FixedArray<Layer>
  /// One kind, or two where only some layers have a window: then those come last.
  package let pages: [Pages]
  package let type: KeyValueType
  private let use: Use

  /// Whether it keeps states that later ones are made of, whose rounding would add up: they stay in float32.
  var holdsStates: Bool { layers.contains { $0.states > 0 } }

  /// For `count` layers with heads of keys and values as `heads` says, which look back over windows where they have
  /// one; or with states, of as many positions of a page as `states` says.
  package init(
    _ count: Int, use: Use = .laterCalls, type: KeyValueType = .float32, states: (Int) -> Int = { _ in 0 },
    _ heads: (Int) -> (heads: Int, headDim: Int, window: Int)
  ) throws(Failure) {
    var (isOpen, isWindowed) = (false, false)
    for index in 0..<count { if heads(index).window > 0 { isWindowed = true } else { isOpen = true } }
    let hasKinds = use == .laterCalls && isOpen && isWindowed
    var offsets = SIMD2(0, 0), units = SIMD2(0, 0), windows = SIMD2(0, 0)
    let layers = try FixedArray(count, for: "the layout of the key/value cache") { index in
      let (heads, headDim, window) = heads(index)
      let kind = hasKinds && window > 0 ? 1 : 0
      let place = Layer(
        heads: heads, headDim: headDim, states: states(index), window: window, kind: kind, offset: offsets[kind])
      let end = offsets[kind] + place.units(type)
      units[kind] = max(units[kind], end)
      windows[kind] = max(windows[kind], window)
      if use == .laterCalls { offsets[kind] = end }
      return place
    }
    (self.layers, self.type, self.use) = (layers, type, use)
    pages = (0..<(hasKinds ? 2 : 1)).map { kind in
      let staysOpen = use == .ownLayer || kind == 0 && isOpen
      return Pages(window: staysOpen ? 0 : windows[kind], bytes: units[kind] * MemoryLayout<UInt32>.size)
    }
  }

  /// The same layers in another type.
  package func with(type: KeyValueType) throws(Failure) -> KeyValueLayout {
    guard !holdsStates || type == .float32 else {
      throw Failure(
        .unsupported, "a recurrent network keeps states and no keys and values: they are float32, and no other type")
    }
    return try KeyValueLayout(layers.count, use: use, type: type) { index in
      (layers[index].heads, layers[index].headDim, layers[index].window)
    }
  }

  /// Bytes of the pages of all kinds, for `KeyValuePage.tokens` positions.
  package var pageBytes: Int { pages.reduce(0) { $0 + $1.bytes } }

  /// Rows of a head's panel of keys.
  static func keyRows(_ headDim: Int, _ type: KeyValueType) -> Int { type == .bfloat16 ? (headDim + 1) / 2 : headDim }

  /// Pages of a kind that `tokens` positions take.
  package static func pages(for tokens: Int) -> Int { (tokens + KeyValuePage.tokens - 1) / KeyValuePage.tokens }

  /// The place of `layer` in a page as the attention kernels read it, for `queryHeads` heads of queries with scores
  /// multiplied by `scale`. Whole numbers are kept rotated, and meet rotated queries.
  package func heads(layer index: Int, queryHeads: Int, scale: Float) -> AttentionHeads {
    let layer = layers[index]
    let headStride = KeyValuePage.headUnits(layer.headDim, type)
    let scale = type.isQuantized ? scale / Float(KeyValuePage.spreading(layer.headDim)) : scale
    return AttentionHeads(
      heads: queryHeads, keyValueHeads: layer.heads, headDim: layer.headDim, keyOffset: layer.offset,
      valueOffset: layer.offset + layer.heads * headStride, headStride: headStride, scale: scale, type: type)
  }
}
