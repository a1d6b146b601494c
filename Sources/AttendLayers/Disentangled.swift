import AttendBase
import AttendDispatch
import AttendKernelInterface
import Glibc

/// The row of DeBERTa's table of relative positions, `[2 buckets, width]`, for a distance between two tokens (He et al.
/// 2020, arXiv:2006.03654, equation 3; with buckets as of DeBERTa V2, whose rows for large distances stand for more and
/// more of them).
package struct RelativeIndex: Sendable {
  /// Rows of either direction.
  package let buckets: Int
  /// Distances that are told apart, with or without buckets.
  package let maxDistance: Int
  package let hasBuckets: Bool
  /// No distance beyond this one is told apart from it.
  package static let limit = 1 << 20

  /// Distances below half of the number of buckets have a row each; without buckets all up to `maxDistance` have.
  package init(maxDistance: Int, buckets: Int?) {
    self.buckets = buckets ?? maxDistance
    self.maxDistance = maxDistance
    hasBuckets = buckets != nil
  }

  /// Whether the sizes make sense.
  package var isValid: Bool {
    maxDistance <= RelativeIndex.limit && (!hasBuckets || buckets >= 2 && maxDistance - 1 > buckets / 2)
  }

  /// The row of a key that lies `distance` positions before the query. In float32, as the reference rounds where two
  /// buckets meet.
  package func row(_ distance: Int) -> Int {
    let middle = buckets / 2
    guard hasBuckets, abs(distance) > middle else { return min(max(distance + buckets, 0), 2 * buckets - 1) }
    let share = log(Float(abs(distance)) / Float(middle)) / log(Float(Double(maxDistance - 1) / Double(middle)))
    let bucket = Int((share * Float(middle - 1)).rounded(.up)) + middle
    return min(max((distance < 0 ? -bucket : bucket) + buckets, 0), 2 * buckets - 1)
  }

  /// The least distance beyond which the row stays the same, in both directions.
  package var radius: Int {
    let (first, last) = (row(-RelativeIndex.limit), row(RelativeIndex.limit))
    var (low, high) = (0, RelativeIndex.limit)
    while low < high {
      let middle = (low + high) / 2
      if row(middle) == last, row(-middle) == first { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

/// Disentangled attention (He et al. 2020, arXiv:2006.03654, section 3.1): a score gains the product of the query with
/// the key of the relative position, and the product of the key with the query of the relative position.
///
/// Positions have the same keys and queries in every pass, so that they are computed once, and a pass computes one
/// product for each token and row.
package struct Disentangled: Sendable {
  /// The row of each distance from `-radius` to `radius`, `[2 radius + 1]`.
  private let rows: AlignedBuffer
  private let radius: Int
  private let columns: Int
  /// Of each head the keys of positions, `[columns, headDim]`; empty where scores do not use them.
  private let keys: [PackedMatrix]
  /// Of each head the queries of positions.
  private let queries: [PackedMatrix]
  /// Tokens whose products with the positions are held at a time, whole sequences and at least one: scratch memory
  /// stays bounded in large batches.
  private static let tokensAtOnce = 1024

  /// `keys` and `queries` hold a matrix `[2 buckets, headDim]` for each head, or nothing.
  package init(_ index: RelativeIndex, keys: [PackedMatrix], queries: [PackedMatrix]) throws(Failure) {
    self.keys = keys
    self.queries = queries
    radius = index.radius
    columns = 2 * index.buckets
    rows = try AlignedBuffer(2 * radius + 1, of: Int32.self, for: "relative positions")
    for distance in -radius...radius { rows.pointer(to: Int32.self)[distance + radius] = Int32(index.row(distance)) }
  }

  /// Calls `body` for groups of the sequences that together are all of them, each with what their scores gain. `q` and
  /// `k` are the queries and keys of all tokens, `[tokens, heads * headDim]`.
  func forEachGroup(
    _ sequences: UnsafeBufferPointer<AttentionSequence>, q: Matrix, k: Matrix, headDim: Int, _ pass: Pass,
    _ body: (UnsafeBufferPointer<AttentionSequence>, DisentangledBias) throws(Failure) -> Void
  ) throws(Failure) {
    var first = 0
    while first < sequences.count {
      var (end, tokens) = (first, 0)
      repeat {
        tokens += sequences[end].count
        end += 1
      } while end < sequences.count && tokens + sequences[end].count <= Disentangled.tokensAtOnce
      let group = UnsafeBufferPointer(rebasing: sequences[first..<end])
      try pass.scoped { () throws(Failure) in
        try body(
          group,
          DisentangledBias(
            contentToPosition: try products(q, keys, group, tokens, headDim, pass),
            positionToContent: try products(k, queries, group, tokens, headDim, pass),
            relativeIndex: UnsafePointer(rows.pointer(to: Int32.self)), radius: radius, buckets: columns))
      }
      first = end
    }
  }

  /// The products of the group's tokens with the positions, as if the matrix `[tokens, heads * columns]` held those of
  /// all tokens.
  private func products(
    _ x: Matrix, _ positions: [PackedMatrix], _ group: UnsafeBufferPointer<AttentionSequence>, _ tokens: Int,
    _ headDim: Int, _ pass: Pass
  ) throws(Failure) -> Matrix? {
    guard !positions.isEmpty else { return nil }
    let start = group[0].row
    let products = try pass.workspace.matrix(tokens, positions.count * columns)
    for (head, matrix) in positions.enumerated() {
      try pass.engine.multiply(
        x.rows(start, tokens).columns(head * headDim, headDim), matrix, bias: nil,
        into: products.columns(head * columns, columns), workspace: pass.workspace)
    }
    return Matrix(
      products.base - start * products.stride, rows: start + tokens, columns: products.columns, stride: products.stride)
  }
}
