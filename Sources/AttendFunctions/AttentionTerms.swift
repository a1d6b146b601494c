// What a caller's arrays add to the scores and values of attention, as the kernels read it.
import AttendBase
import AttendDispatch
import AttendKernelInterface

/// A mask: bytes or numbers `[..., heads, queries, keys]`, with steps of 1 along the keys.
struct GivenTerms {
  private let view: ArrayView?

  /// Throws `invalidArgument` for a mask that does not repeat to the scores of q, `[..., queries, keys]`.
  init(_ context: FunctionContext, _ mask: ArrayView?, scoresOf q: ArrayView, keys: Int) throws(Failure) {
    guard let mask else {
      view = nil
      return
    }
    try mask.require(rank: 1)
    var shape = q.shape
    shape[q.rank - 1] = keys
    // Queries and heads that repeat are not copied; keys that do are.
    var own = mask
    if own.size(1) == 1, keys != 1 {
      var wide = own.shape
      wide[own.rank - 1] = keys
      own = try own.broadcast(to: wide, own.rank, beside: "keys")
    }
    let readable = mask.type == .bool ? try context.bytes(own) : try context.numbers(own)
    view = try readable.broadcast(to: shape, q.rank, beside: q.name)
  }

  var isEmpty: Bool { view == nil }

  /// Adds the terms of a query, row `row` of sequence `sequence`, to its scores with `count` keys.
  func apply(to scores: UnsafeMutablePointer<Float>, sequence: Int, row: Int, count: Int) {
    guard let view else { return }
    let offset = view.offset(sequence, before: 2) + row * view.step(2)
    if view.type == .bool {
      let visible = view.data.assumingMemoryBound(to: UInt8.self) + offset
      for key in 0..<count where visible[key] == 0 { scores[key] = -.infinity }
    } else {
      for key in 0..<count { scores[key] += view.floats[offset + key] }
    }
  }

  /// The rows of head `index` of all.
  func bias(of index: Int, softCap: Float) -> GivenBias? {
    guard let view else { return nil }
    var bias = GivenBias(softCap: softCap)
    let offset = view.offset(index, before: 2)
    if view.type == .bool {
      bias.visible = UnsafePointer(view.data.assumingMemoryBound(to: UInt8.self) + offset)
      bias.visibleStride = view.step(2)
    } else {
      bias.terms = UnsafePointer(view.floats + offset)
      bias.termsStride = view.step(2)
    }
    return bias
  }
}

/// Vectors that keys and values gain by their distance from the query (Shaw et al. 2018, arXiv:1803.02155, equations 3
/// and 4).
struct RelativeTerms {
  /// `[heads of all sequences * queries, 2 r + 1]`: products of queries with the vectors of keys.
  private let products: Matrix?
  /// `[2 r + 1]`: the vector for each distance from key to query.
  private let index: UnsafeMutablePointer<Int32>?
  /// `[2 r + 1, valueWidth]`, packed by its columns; nil: values gain nothing.
  let values: PackedMatrix?
  private let valueRadius: Int

  init(
    _ context: FunctionContext, _ q: ArrayView, _ sizes: AttentionSizes, _ options: AttentionFunction
  ) throws(Failure) {
    if let vectors = options.relativeKeys {
      let count = try RelativeTerms.count(vectors, width: sizes.width)
      let rows = try context.matrix(q)
      let products = try context.workspace.matrix(rows.rows, count)
      try context.multiply(rows, try context.packed(vectors), into: products)
      let index = try context.workspace.take(count, of: Int32.self)
      for place in 0..<count { index[place] = Int32(count - 1 - place) }
      (self.products, self.index) = (products, index)
    } else {
      (products, index) = (nil, nil)
    }
    if let vectors = options.relativeValues {
      valueRadius = try RelativeTerms.count(vectors, width: sizes.valueWidth) / 2
      values = try context.packed(vectors.transposed)
    } else {
      (valueRadius, values) = (0, nil)
    }
  }

  private static func count(_ vectors: ArrayView, width: Int) throws(Failure) -> Int {
    guard vectors.rank == 2, vectors.size(1) == width, vectors.size(2) % 2 == 1, vectors.size(2) < 1 << 30 else {
      throw Failure(
        .invalidArgument, "\(vectors.described); for heads of \(width) numbers it must be [2 r + 1, \(width)]")
    }
    return vectors.size(2)
  }

  /// The terms of head `index` of all, which is head `head` of its sequence.
  func bias(of place: Int, head: Int, queries: Int) -> DisentangledBias? {
    guard let products, let index else { return nil }
    // The kernels look for a head's columns behind those of the heads before it.
    let own = products[place * queries] - head * products.columns
    return DisentangledBias(
      contentToPosition: Matrix(own, rows: queries, columns: products.columns, stride: products.stride),
      positionToContent: nil, relativeIndex: index, radius: products.columns / 2, buckets: products.columns)
  }

  /// sums += the vectors of values by distance, each times the probabilities, `[queries, keys]`, of its keys.
  func addValues(
    _ context: FunctionContext, _ probabilities: Matrix, position: Int, to sums: Matrix
  ) throws(Failure) {
    guard let values else { return }
    let byDistance = try context.workspace.matrix(probabilities.rows, 2 * valueRadius + 1)
    for query in 0..<probabilities.rows {
      let (row, to) = (probabilities[query], byDistance[query])
      to.update(repeating: 0, count: byDistance.columns)
      for key in 0..<probabilities.columns {
        let distance = min(max(key - position - query, -valueRadius), valueRadius)
        to[distance + valueRadius] += row[key]
      }
    }
    try context.multiply(byDistance, values, residual: sums, into: sums)
  }
}

extension FunctionContext {
  /// Scratch memory for an array of another's shape but for its last dimension.
  func scratch(_ name: StaticString, like view: ArrayView, last: Int) throws(Failure) -> ArrayView {
    var shape = view.shape
    shape[view.rank - 1] = last
    let (count, overflow) = view.leading(1).multipliedReportingOverflow(by: last)
    guard !overflow else { throw .outOfMemory(Int.max, for: "scratch memory") }
    return ArrayView(name, try workspace.take(count, of: Float.self), .float32, rank: view.rank, shape: shape)
  }

  /// The elements as float32 without gaps.
  func compact(_ view: ArrayView) throws(Failure) -> ArrayView {
    let rows = try matrix(view)
    guard rows.stride != rows.columns else {
      return ArrayView(view.name, rows.base, .float32, rank: view.rank, shape: view.shape)
    }
    let copy = try workspace.take(view.count, of: Float.self)
    for row in 0..<rows.rows { (copy + row * rows.columns).update(from: rows[row], count: rows.columns) }
    return ArrayView(view.name, copy, .float32, rank: view.rank, shape: view.shape)
  }

  /// Bytes with a last dimension of steps of 1: the very same where they are, otherwise a copy in scratch memory.
  func bytes(_ view: ArrayView) throws(Failure) -> ArrayView {
    try view.require(.bool)
    if view.rank == 0 || view.size(1) <= 1 || view.step(1) == 1 { return view }
    let columns = view.size(1)
    let copy = try workspace.take(view.count, of: UInt8.self)
    for row in 0..<view.leading(1) {
      let from = view.data.assumingMemoryBound(to: UInt8.self) + view.offset(row, before: 1)
      for column in 0..<columns { copy[row * columns + column] = from[column * view.step(1)] }
    }
    return ArrayView(view.name, copy, view.type, rank: view.rank, shape: view.shape)
  }
}
