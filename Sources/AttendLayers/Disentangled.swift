import AttendBase
import AttendDispatch
import AttendKernelInterface
import Glibc

/// How the distance between two tokens becomes a row of DeBERTa's table of relative positions, which has `2 span` rows
/// (He et al. 2020, arXiv:2006.03654, equation 3; with buckets as of DeBERTa V2, whose rows for large distances stand
/// for more and more of them).
package struct RelativePlaces: Sendable {
  /// Rows of either direction.
  package let span: Int
  /// Distances that are told apart, with or without buckets.
  package let furthest: Int
  package let hasBuckets: Bool
  /// No distance beyond this one is told apart from it.
  package static let limit = 1 << 20

  /// With buckets `span` is their number, and distances below half of it have a row each.
  package init(furthest: Int, buckets: Int?) {
    span = buckets ?? furthest
    self.furthest = furthest
    hasBuckets = buckets != nil
  }

  /// Whether the sizes make sense.
  package var isValid: Bool {
    furthest <= RelativePlaces.limit && (!hasBuckets || span >= 2 && furthest - 1 > span / 2)
  }

  /// The row of a key that lies `distance` positions before the query. In float32, as the reference rounds where two
  /// buckets meet.
  package func row(_ distance: Int) -> Int {
    let middle = span / 2
    guard hasBuckets, abs(distance) > middle else { return min(max(distance + span, 0), 2 * span - 1) }
    let share = log(Float(abs(distance)) / Float(middle)) / log(Float(Double(furthest - 1) / Double(middle)))
    let bucket = Int((share * Float(middle - 1)).rounded(.up)) + middle
    return min(max((distance < 0 ? -bucket : bucket) + span, 0), 2 * span - 1)
  }

  /// The least distance beyond which the row stays the same, in both directions.
  package var reach: Int {
    let (first, last) = (row(-RelativePlaces.limit), row(RelativePlaces.limit))
    var (low, high) = (0, RelativePlaces.limit)
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
  /// The row of each distance from `-reach` to `reach`, `[2 reach + 1]`.
  private let rows: AlignedBuffer
  private let reach: Int
  private let columns: Int
  /// Of each head the keys of positions, `[columns, headDim]`; empty where scores do not use them.
  private let keys: [PackedMatrix]
  /// Of each head the queries of positions.
  private let queries: [PackedMatrix]
  /// Tokens whose products with the positions are held at a time, whole sequences and at least one: scratch memory
  /// stays bounded in large batches.
  private static let tokensAtOnce = 1024

  /// `keys` and `queries` hold a matrix `[2 span, headDim]` for each head, or nothing.
  package init(_ places: RelativePlaces, keys: [PackedMatrix], queries: [PackedMatrix]) throws(Failure) {
    self.keys = keys
    self.queries = queries
    reach = places.reach
    columns = 2 * places.span
    rows = try AlignedBuffer(2 * reach + 1, of: Int32.self, for: "relative positions")
    for distance in -reach...reach { rows.pointer(to: Int32.self)[distance + reach] = Int32(places.row(distance)) }
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
            places: UnsafePointer(rows.pointer(to: Int32.self)), reach: reach, columns: columns))
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
