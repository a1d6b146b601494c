import AttendBase
import AttendDispatch
import AttendKernelInterface

/// How the keys and values of one sequence lie in pages of `KeyValuePage.tokens` positions: a page holds its positions
/// for all layers.
///
/// In a page: layer after layer, first the keys of its heads, then their values, each as `KeyValuePage` says.
/// Keys stand transposed so that one vector holds one component of neighbouring keys, as in a panel of weights.
package struct KeyValueLayout: Sendable, Equatable {
  package let layers: Int
  package let heads: Int
  package let headDim: Int
  /// In bfloat16 rather than float32.
  package let isBFloat16: Bool

  package init(layers: Int, heads: Int, headDim: Int, isBFloat16: Bool = false) {
    self.layers = layers
    self.heads = heads
    self.headDim = headDim
    self.isBFloat16 = isBFloat16
  }

  /// Rows of a head's panel of keys.
  var keyRows: Int { isBFloat16 ? (headDim + 1) / 2 : headDim }

  /// Units of 32 bits of the keys, or the values, of one head of one layer in one page.
  var headStride: Int { keyRows * KeyValuePage.tokens }

  /// Bytes of a page.
  package var pageBytes: Int { layers * 2 * heads * headStride * MemoryLayout<UInt32>.size }

  /// Pages that `tokens` positions take.
  package static func pages(for tokens: Int) -> Int { (tokens + KeyValuePage.tokens - 1) / KeyValuePage.tokens }

  /// What the attention kernels need to know to find `layer` in a page, for `queryHeads` heads of queries with scores
  /// multiplied by `scale`. Layers beyond the layout's begin again at its first: an encoder looks back at no earlier
  /// call, so that one layer's room serves all of its layers.
  package func heads(layer: Int, queryHeads: Int, scale: Float) -> AttentionHeads {
    let keys = layer % layers * 2 * heads * headStride
    return AttentionHeads(
      heads: queryHeads, keyValueHeads: heads, headDim: headDim, keyOffset: keys,
      valueOffset: keys + heads * headStride, headStride: headStride, scale: scale, isBFloat16: isBFloat16)
  }
}
