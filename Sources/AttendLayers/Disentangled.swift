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

/// Attention whose scores know relative positions by terms that depend on the content too.
package struct Disentangled: Sendable {
  /// The row of each distance from `-radius` to `radius`, `[2 radius + 1]`.
  private let rows: AlignedBuffer
  private let radius: Int
  private let columns: Int
  private let terms: Terms
  /// Tokens whose products with the positions are held at a time, whole sequences and at least one: scratch memory
  /// stays bounded in large batches.
  private static let tokensAtOnce = 1024

  package enum Terms: Sendable {
    /// Disentangled attention (He et al. 2020, arXiv:2006.03654, section 3.1): a score gains the product of the query
    /// with the key of the relative position, and the product of the key with the query of the relative position. Both
    /// hold a matrix `[columns, headDim]` for each head, or nothing where scores do not use them.
    ///
    /// Positions have the same keys and queries in every pass, so that they are computed once, and a pass computes one
    /// product for each token and row.
    case products(keys: [PackedMatrix], queries: [PackedMatrix])
    /// The query's gate times the bias of the relative position.
    case gated(GatedDistances)
    /// The query's products with keys that are made of each distance.
    case projected(RelativeProjection)
  }

  /// Distances that are each by itself, as far as the longest sequence of a pass reaches.
  package init(_ projection: RelativeProjection) throws(Failure) {
    try self.init(radius: 0, columns: 1, .projected(projection)) { _ in 0 }
  }

  /// Relative positions have `columns` rows in a table; `row` is that of a key that lies so many positions before the
  /// query, the same for all distances beyond `radius`.
  package init(radius: Int, columns: Int, _ terms: Terms, row: (Int) -> Int) throws(Failure) {
    self.radius = radius
    self.columns = columns
    self.terms = terms
    rows = try AlignedBuffer(2 * radius + 1, of: Int32.self, for: "relative positions")
    for distance in -radius...radius { rows.pointer(to: Int32.self)[distance + radius] = Int32(row(distance)) }
  }

  /// Calls `body` for groups of the sequences that together are all of them, each with what their scores gain. `q` and
  /// `k` are the queries and keys of all tokens, `[tokens, heads * headDim]`, made of x.
  func forEachGroup(
    _ sequences: UnsafeBufferPointer<AttentionSequence>, _ x: Matrix, q: Matrix, k: Matrix, headDim: Int, _ pass: Pass,
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
        let start = group[0].row
        if case .projected(let projection) = terms {
          return try body(group, try bias(projection, group, q.rows(start, tokens), start, pass))
        }
        let contentToPosition: Matrix?, positionToContent: Matrix?
        switch terms {
        case .products(let keys, let queries):
          contentToPosition = try products(q.rows(start, tokens), keys, headDim, pass)
          positionToContent = try products(k.rows(start, tokens), queries, headDim, pass)
        case .gated(let gated):
          (contentToPosition, positionToContent) = (try gated.terms(x.rows(start, tokens), pass), nil)
        case .projected: (contentToPosition, positionToContent) = (nil, nil)
        }
        try body(
          group,
          DisentangledBias(
            contentToPosition: contentToPosition?.behind(start), positionToContent: positionToContent?.behind(start),
            relativeIndex: UnsafePointer(rows.pointer(to: Int32.self)), radius: radius, buckets: columns))
      }
      first = end
    }
  }

  /// The terms of a group whose distances are projected.
  private func bias(
    _ projection: RelativeProjection, _ group: UnsafeBufferPointer<AttentionSequence>, _ q: Matrix, _ start: Int,
    _ pass: Pass
  ) throws(Failure) -> DisentangledBias {
    let radius = max((group.map(\.count).max() ?? 1) - 1, 0), columns = 2 * radius + 1
    let index = try pass.workspace.take(columns, of: Int32.self)
    for column in 0..<columns { index[column] = Int32(column) }
    return DisentangledBias(
      contentToPosition: try projection.terms(q, radius: radius, pass).behind(start), positionToContent: nil,
      relativeIndex: index, radius: radius, buckets: columns)
  }

  /// The products of tokens with the positions, `[tokens, heads * columns]`.
  private func products(
    _ x: Matrix, _ positions: [PackedMatrix], _ headDim: Int, _ pass: Pass
  ) throws(Failure) -> Matrix? {
    guard !positions.isEmpty else { return nil }
    let products = try pass.workspace.matrix(x.rows, positions.count * columns)
    for (head, matrix) in positions.enumerated() {
      try pass.engine.multiply(
        x.columns(head * headDim, headDim), matrix, bias: nil, into: products.columns(head * columns, columns),
        workspace: pass.workspace)
    }
    return products
  }
}

extension Matrix {
  /// As if it held `count` further rows before its own, which nobody reads.
  fileprivate func behind(_ count: Int) -> Matrix {
    Matrix(base - count * stride, rows: count + rows, columns: columns, stride: stride)
  }
}
