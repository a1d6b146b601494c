// Vectors, angles and biases of positions.
import AttendBase
import AttendDispatch
import AttendLayers

extension FunctionContext {
  /// The fixed position vectors of Vaswani et al. 2017, section 3.5, from `first` on: `[positions, width]`.
  package func sinusoidalPositions(
    first: Int, isInterleaved: Bool, endsAtLongest: Bool, into target: ArrayView
  ) throws(Failure) {
    guard target.rank == 2, target.size(1) % 2 == 0 else {
      throw Failure(.invalidArgument, "\(target.described); it must be [positions, width] with an even width")
    }
    let (last, overflow) = first.addingReportingOverflow(target.size(2))
    guard first >= 0, !overflow, last <= Int(Int32.max) else {
      throw Failure(.invalidArgument, "first is \(first); positions must be from 0 to \(Int32.max)")
    }
    let (output, to) = try rows(target, beside: [])
    let table = try Sinusoids.table(
      positions: first..<last, width: to.columns, endsAtLongest: endsAtLongest, interleaved: isInterleaved)
    engine.copy(Matrix(table.pointer(), rows: to.rows, columns: to.columns), into: to)
    withExtendedLifetime(table) {}
    finish(output)
  }

  /// Rotary positions: x and output `[..., positions, width]`. `positions` repeats to the dimensions of x but its last;
  /// nil: they are 0, 1, 2, ... along the last but one. `length` is that of the text, where it matters; nil: one more
  /// than the last position.
  package func rotate(
    _ x: ArrayView, positions: ArrayView?, _ rotary: Rotary, length: Int?, into target: ArrayView
  ) throws(Failure) {
    try x.require(rank: 2)
    try target.require(x.shape, x.rank, beside: x)
    let count = x.size(2)
    let places = try self.places(positions, of: x)
    let longest = places.length ?? count
    let memory = try workspace.take(rotary.pairs, of: Float.self)
    for pair in 0..<rotary.pairs { memory[pair] = rotary.frequency(pair, length: length ?? longest) }
    let frequencies = UnsafeBufferPointer(start: UnsafePointer(memory), count: rotary.pairs)
    let output = try output(target, beside: [x])
    try copy(x, into: output.numbers)
    let angles = try workspace.matrix(count, 2 * rotary.pairs)
    var before: Int?
    for part in 0..<x.leading(2) {
      let rows = output.numbers.part(part, keeping: 2)
      let own = places.offset(part)
      if own != before {
        for row in 0..<count {
          let position = Float(places.position(own, row))
          rotary.writeAngles(frequencies, to: angles[row]) { _ in position }
        }
      }
      before = own
      engine.rotate(
        Matrix(rows.floats, rows: count, columns: x.size(1), stride: rows.step(2)), headDim: x.size(1),
        cosines: angles.columns(0, rotary.pairs), sines: angles.columns(rotary.pairs, rotary.pairs),
        interleaved: rotary.interleaved)
    }
    finish(output)
  }

  /// Copies the elements of an array to another of its shape, of float32.
  private func copy(_ x: ArrayView, into y: ArrayView) throws(Failure) {
    let from = try numbers(x)
    for row in 0..<x.leading(1) {
      (y.floats + y.offset(row, before: 1)).update(from: from.floats + from.offset(row, before: 1), count: x.size(1))
    }
  }

  /// The positions of the rows of x, as a view that repeats to its dimensions but the last.
  private struct Places {
    var view: ArrayView?
    /// One more than the largest; nil: there is no view.
    var length: Int?

    /// The place in memory of the first position of part `part`.
    func offset(_ part: Int) -> Int { view?.offset(part, before: 1) ?? 0 }

    func position(_ offset: Int, _ row: Int) -> Int {
      guard let view else { return row }
      return Int((view.data.assumingMemoryBound(to: Int32.self) + offset)[row * view.step(1)])
    }
  }

  private func places(_ positions: ArrayView?, of x: ArrayView) throws(Failure) -> Places {
    guard let positions else { return Places() }
    let list = try integers(positions, in: 0..<Int(Int32.max), "positions begin with 0")
    let length = (0..<positions.count).reduce(0) { max($0, Int(list[$1]) + 1) }
    let own = ArrayView(positions.name, list, .int32, rank: positions.rank, shape: positions.shape)
    return Places(view: try own.broadcast(to: x.shape, x.rank - 1, beside: x.name), length: length)
  }

  /// The slopes of `[heads]` linear biases (Press et al. 2021, arXiv:2108.12409, section 3).
  package func alibiSlopes(into target: ArrayView) throws(Failure) {
    guard target.rank == 1 else { throw Failure(.invalidArgument, "\(target.described); it must be [heads]") }
    let output = try output(target, beside: [])
    for head in 0..<target.count { output.numbers.floats[head] = Alibi.slope(head, of: target.count) }
    finish(output)
  }

  /// T5's buckets of `relative`, int32 key - query, into int32 of its shape.
  package func relativeBuckets(
    _ relative: ArrayView, _ buckets: RelativeBuckets, into target: ArrayView
  ) throws(Failure) {
    try check(buckets)
    try relative.require(.int32)
    try target.require(.int32)
    try target.require(relative.shape, relative.rank, beside: relative)
    guard !target.mayOverlapItself else {
      throw Failure(.invalidArgument, "\(target.described): with its strides elements of an output would overlap")
    }
    let list = try integers(relative, in: -Int(Int32.max)..<Int(Int32.max), "distances must fit 31 bits")
    let to = target.data.assumingMemoryBound(to: Int32.self)
    for index in 0..<relative.count {
      to[target.offset(index, before: 0)] = Int32(truncatingIfNeeded: buckets.bucket(Int(list[index])))
    }
  }

  /// T5's table, `[buckets, heads]`, as a bias for each head and distance, `[heads, 2 maxDistance + 1]`.
  package func relativeBias(
    _ table: ArrayView, maxDistance: Int, isBidirectional: Bool, into target: ArrayView
  ) throws(Failure) {
    guard table.rank == 2 else { throw Failure(.invalidArgument, "\(table.described); it must be [buckets, heads]") }
    let buckets = RelativeBuckets(count: table.size(2), maxDistance: maxDistance, bidirectional: isBidirectional)
    try check(buckets)
    let heads = table.size(1)
    try target.require(heads, 2 * maxDistance + 1, for: "\(table.described) with max_distance \(maxDistance)")
    let from = try matrix(table)
    let plain = try workspace.take(table.count, of: Float.self)
    for row in 0..<from.rows { (plain + row * heads).update(from: from[row], count: heads) }
    let (output, to) = try rows(target, beside: [table])
    let biases = try buckets.spelledOut(plain, heads: heads)
    engine.copy(Matrix(biases.pointer(), rows: to.rows, columns: to.columns), into: to)
    withExtendedLifetime(biases) {}
    finish(output)
  }

  private func check(_ buckets: RelativeBuckets) throws(Failure) {
    guard buckets.isValid, buckets.maxDistance < 1 << 30 else {
      throw Failure(
        .invalidArgument,
        "\(buckets.count) buckets and max_distance \(buckets.maxDistance) do not fit: one direction needs two buckets, "
          + "and a distance beyond those that have a bucket of their own")
    }
  }
}
