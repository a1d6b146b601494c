import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The relative positions of BEiT (Bao et al. 2021, arXiv:2106.08254, section 2.1): a score gains a bias of its head
/// for the rows and columns between two patches, and others between the class token and patches. Pictures of another
/// size than the training's take them by bilinear interpolation, as PyTorch's `interpolate(mode="bilinear")` does.
package final class GridBias: Sendable {
  private let heads: Int
  /// The patches of the training's pictures along either side.
  private let side: Int
  /// `[heads, (2 side - 1)^2 + 3]`: rows of the key less those of the query, then columns; the class token to patches,
  /// patches to it, and it to itself.
  private let table: AlignedBuffer

  /// `stored` is `[(2 side - 1)^2 + 3, heads]`, by rows and columns of the query less those of the key.
  package init(heads: Int, side: Int, stored: UnsafePointer<Float>) throws(Failure) {
    (self.heads, self.side) = (heads, side)
    let area = (2 * side - 1) * (2 * side - 1), count = area + 3
    table = try AlignedBuffer(heads * count, of: Float.self, for: "relative positions")
    for head in 0..<heads {
      let own = table.pointer(to: Float.self) + head * count
      for place in 0..<area { own[area - 1 - place] = stored[place * heads + head] }
      for place in area..<count { own[place] = stored[place * heads + head] }
    }
  }

  /// Calls `body` for groups of the sequences that together are all of them, each of pictures of one size, with what
  /// their scores gain. `grids` are those of the sequences.
  func forEachGroup(
    _ sequences: UnsafeBufferPointer<AttentionSequence>, _ grids: UnsafePointer<PatchGrid>, _ pass: Pass,
    _ body: (UnsafeBufferPointer<AttentionSequence>, PairBias) throws(Failure) -> Void
  ) throws(Failure) {
    var first = 0
    while first < sequences.count {
      let grid = grids[first]
      var end = first + 1
      while end < sequences.count, grids[end].rows == grid.rows, grids[end].columns == grid.columns { end += 1 }
      try pass.scoped { () throws(Failure) in
        try body(UnsafeBufferPointer(rebasing: sequences[first..<end]), try pairs(of: grid, pass))
      }
      first = end
    }
  }

  /// The terms of all pairs of a picture's vectors, in scratch memory.
  private func pairs(of grid: PatchGrid, _ pass: Pass) throws(Failure) -> PairBias {
    let positions = grid.count + 1, stride = PairBias.stride(of: positions)
    let columns = 2 * grid.columns - 1, lines = 2 * grid.rows - 1
    let rows = positions.multipliedReportingOverflow(by: heads)
    let numbers = rows.partialValue.multipliedReportingOverflow(by: stride)
    guard !rows.overflow, !numbers.overflow else { throw .outOfMemory(Int.max, for: "relative positions") }
    let terms = try pass.workspace.take(numbers.partialValue, of: Float.self)
    let area = (2 * side - 1) * (2 * side - 1)
    let resized = try pass.workspace.take(lines * columns, of: Float.self)
    for head in 0..<heads {
      let own = UnsafePointer(table.pointer(to: Float.self) + head * (area + 3))
      var shifts = own
      if grid.rows != side || grid.columns != side {
        GridBias.resize(own, side: 2 * side - 1, into: resized, rows: lines, columns: columns)
        shifts = UnsafePointer(resized)
      }
      let first = terms + head * positions * stride
      for key in 0..<stride { first[key] = own[area] }
      first[0] = own[area + 2]
      for query in 0..<grid.count {
        let target = first + (query + 1) * stride
        target[0] = own[area + 1]
        for row in 0..<grid.rows {
          let shift = (row - query / grid.columns + grid.rows - 1) * columns + grid.columns - 1 - query % grid.columns
          (target + 1 + row * grid.columns).update(from: shifts + shift, count: grid.columns)
        }
        for key in positions..<stride { target[key] = 0 }
      }
      try pass.checkCancellation()
    }
    return PairBias(UnsafePointer(terms), positions: positions)
  }

  /// A table of `side` x `side` numbers at another size.
  private static func resize(
    _ table: UnsafePointer<Float>, side: Int, into target: UnsafeMutablePointer<Float>, rows: Int, columns: Int
  ) {
    func place(_ index: Int, _ count: Int) -> (first: Int, second: Int, share: Float) {
      let centre = max((Float(index) + 0.5) * (Float(side) / Float(count)) - 0.5, 0)
      let first = min(Int(centre), side - 1)
      return (first, min(first + 1, side - 1), centre - Float(first))
    }
    for row in 0..<rows {
      let (top, bottom, down) = place(row, rows)
      for column in 0..<columns {
        let (left, right, across) = place(column, columns)
        let upper = (1 - across) * table[top * side + left] + across * table[top * side + right]
        let lower = (1 - across) * table[bottom * side + left] + across * table[bottom * side + right]
        target[row * columns + column] = (1 - down) * upper + down * lower
      }
    }
  }
}
