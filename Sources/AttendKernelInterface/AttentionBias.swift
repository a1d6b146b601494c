// Masks, and terms that are added to scores.
import AttendBase

/// The keys that a query sees, and what is done to its scores before the softmax.
package struct AttentionMask: Sendable {
  /// Keys after the query's own position are hidden.
  package var causal: Bool
  /// 0: no limit. Causal: the query sees the last `window` positions, its own included. Otherwise: `window / 2`
  /// positions to either side.
  package var window: Int
  /// 0: none. Otherwise a score s becomes `softCap * tanh(s / softCap)`.
  package var softCap: Float

  package init(causal: Bool, window: Int = 0, softCap: Float = 0) {
    self.causal = causal
    self.window = window
    self.softCap = softCap
  }
}

/// Terms that are added to the scores of a query and a key, by their absolute positions, before cap and masks. Whatever
/// is nil is absent. The memory is the caller's.
package struct AttentionBias: @unchecked Sendable {
  /// `[heads]`: a score gains `slopes[head] * (key - query)` (Press et al. 2021, arXiv:2108.12409).
  package var slopes: UnsafePointer<Float>?
  /// `[heads][2 * radius + 1]`: a score gains `distances[head][clamp(key - query, -radius, radius) + radius]`; the
  /// relative positions of T5 with their buckets spelled out (Raffel et al. 2019, arXiv:1910.10683, section 2.1).
  package var distances: UnsafePointer<Float>?
  /// 0 or more, below 2^30.
  package var radius: Int
  /// `[heads]`: one more logit in the denominator of the softmax, without a value (Xiao et al. 2023, arXiv:2309.17453;
  /// gpt_oss).
  package var sinks: UnsafePointer<Float>?
  /// Terms of content and position, added before the scores are scaled.
  package var disentangled: DisentangledBias?
  /// A term for each head, query and key, where places lie in two dimensions (Bao et al. 2021, arXiv:2106.08254; Liu et
  /// al. 2021, arXiv:2103.14030).
  package var pairs: PairBias?
  /// Terms that a caller made, and keys that he hides.
  package var given: GivenBias?

  /// Nothing at all.
  package init() { radius = 0 }

  package var isEmpty: Bool {
    slopes == nil && distances == nil && sinks == nil && disentangled == nil && pairs == nil
      && given == nil
  }
}

/// Terms of pairs of positions, `[heads][positions][stride]`, the keys of a query beside each other.
package struct PairBias: @unchecked Sendable {
  package var base: UnsafePointer<Float>
  package var positions: Int
  /// Terms from one query to the next: `PairBias.stride(of:)`.
  package var stride: Int

  package init(_ base: UnsafePointer<Float>, positions: Int) {
    (self.base, self.positions, stride) = (base, positions, PairBias.stride(of: positions))
  }

  /// Terms of a query: whole vectors, which are read beyond the last key.
  package static func stride(of positions: Int) -> Int { (positions + 15) & ~15 }
}

/// The terms of content and relative position (He et al. 2020, arXiv:2006.03654, equation 4), from products of tokens
/// with vectors of positions that the caller has made. For whole sequences only: the token of position p lies in row
/// `sequence.row + p`, and so do the queries.
package struct DisentangledBias: @unchecked Sendable {
  /// `[tokens, heads * buckets]`: the score of query i and key j gains `contentToPosition[row of i][head * buckets +
  /// bucket]`, where bucket is `relativeIndex[clamp(i - j, -radius, radius) + radius]`.
  package var contentToPosition: Matrix?
  /// `[tokens, heads * buckets]`: the score gains `positionToContent[row of j][head * buckets + bucket]`, the
  /// same bucket.
  package var positionToContent: Matrix?
  /// `[2 * radius + 1]`, each at least 0 and below `buckets`.
  package var relativeIndex: UnsafePointer<Int32>
  package var radius: Int
  package var buckets: Int

  package init(
    contentToPosition: Matrix?, positionToContent: Matrix?, relativeIndex: UnsafePointer<Int32>, radius: Int,
    buckets: Int
  ) {
    self.contentToPosition = contentToPosition
    self.positionToContent = positionToContent
    self.relativeIndex = relativeIndex
    self.radius = radius
    self.buckets = buckets
  }
}

/// A caller's own rows for the queries of one head of one sequence, each of as many columns as there are keys. They
/// come after all other terms, and after the cap, which therefore stands here and not in the mask.
package struct GivenBias: @unchecked Sendable {
  /// `[queries, keys]`: terms of the scores; minus infinity hides a key.
  package var terms: UnsafePointer<Float>?
  /// From a query's row to the next; 0: all share one.
  package var termsStride: Int
  /// `[queries, keys]`: 0 hides a key.
  package var visible: UnsafePointer<UInt8>?
  package var visibleStride: Int
  /// As `AttentionMask.softCap`.
  package var softCap: Float

  package init(softCap: Float) {
    self.softCap = softCap
    termsStride = 0
    visibleStride = 0
  }
}
