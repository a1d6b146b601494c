import AttendBase
import AttendDispatch
import AttendKernelInterface

/// How the keys and values of one sequence lie in pages of `KeyValuePage.tokens` positions: a page holds its positions
/// for all layers.
///
/// In a page: layer after layer, first the keys of its heads, then their values, each as `KeyValuePage` says.
/// Keys stand transposed so that one vector holds one component of neighbouring keys, as in a panel of weights.
package struct KeyValueLayout: Sendable {
  /// The place of one layer in a page.
  package struct Layer: Sendable, Equatable {
    /// Of keys and values.
    package let heads: Int
    package let headDim: Int
    /// Units of 32 bits before its first key.
    package let offset: Int
  }

  /// How long keys and values are looked at.
  package enum Use: Sendable {
    /// By later calls: each layer has a place of its own.
    case laterCalls
    /// By their own layer only, while it runs, as in an encoder: the layers take turns at one place.
    case ownLayer
  }

  package let layers: FixedArray<Layer>
  /// In bfloat16 rather than float32.
  package let isBFloat16: Bool
  /// Bytes of a page.
  package let pageBytes: Int

  /// For `count` layers with heads of keys and values as `heads` says.
  package init(
    _ count: Int, use: Use = .laterCalls, isBFloat16: Bool = false, _ heads: (Int) -> (count: Int, headDim: Int)
  ) throws(Failure) {
    var (offset, units) = (0, 0)
    layers = try FixedArray(count, for: "the layout of the key/value cache") { index in
      let (heads, headDim) = heads(index)
      let place = Layer(heads: heads, headDim: headDim, offset: offset)
      let end = offset + 2 * heads * KeyValueLayout.headStride(headDim, isBFloat16)
      units = max(units, end)
      if use == .laterCalls { offset = end }
      return place
    }
    self.isBFloat16 = isBFloat16
    pageBytes = units * MemoryLayout<UInt32>.size
  }

  /// Rows of a head's panel of keys.
  static func keyRows(_ headDim: Int, _ isBFloat16: Bool) -> Int { isBFloat16 ? (headDim + 1) / 2 : headDim }

  /// Units of 32 bits of the keys, or the values, of one head of one layer in one page.
  static func headStride(_ headDim: Int, _ isBFloat16: Bool) -> Int {
    keyRows(headDim, isBFloat16) * KeyValuePage.tokens
  }

  /// Pages that `tokens` positions take.
  package static func pages(for tokens: Int) -> Int { (tokens + KeyValuePage.tokens - 1) / KeyValuePage.tokens }

  /// The place of `layer` in a page as the attention kernels read it, for `queryHeads` heads of queries with scores
  /// multiplied by `scale`.
  package func heads(layer index: Int, queryHeads: Int, scale: Float) -> AttentionHeads {
    let layer = layers[index]
    let headStride = KeyValueLayout.headStride(layer.headDim, isBFloat16)
    return AttentionHeads(
      heads: queryHeads, keyValueHeads: layer.heads, headDim: layer.headDim, keyOffset: layer.offset,
      valueOffset: layer.offset + layer.heads * headStride, headStride: headStride, scale: scale,
      isBFloat16: isBFloat16)
  }
}
