/// The patches of a picture, below and beside each other.
package struct PatchGrid: BitwiseCopyable, Sendable {
  package let rows: Int
  package let columns: Int

  package init(rows: Int, columns: Int) { (self.rows, self.columns) = (rows, columns) }

  /// The number of patches; that of a picture that can be read does not overflow.
  package var count: Int { rows * columns }
}

/// The order in which the states of a picture's patches lie.
package enum PatchOrder: Sendable {
  /// Row by row.
  case rows
  /// Window by window, and in each row by row. Windows have `side` patches along each axis, at the lower and right edge
  /// of a picture fewer.
  case windows(side: Int)

  /// The place of the patch at a row and column.
  func place(row: Int, column: Int, _ grid: PatchGrid) -> Int {
    guard case .windows(let side) = self else { return row * grid.columns + column }
    let (top, left) = (row / side * side, column / side * side)
    let height = min(side, grid.rows - top), width = min(side, grid.columns - left)
    return top * grid.columns + left * height + (row - top) * width + column - left
  }

  /// Calls `body` with the places `[first, limit)` of each window.
  func forEachWindow(of grid: PatchGrid, _ body: (_ first: Int, _ limit: Int) -> Void) {
    guard case .windows(let side) = self else { return body(0, grid.count) }
    var first = 0
    for top in stride(from: 0, to: grid.rows, by: side) {
      for left in stride(from: 0, to: grid.columns, by: side) {
        let count = min(side, grid.rows - top) * min(side, grid.columns - left)
        body(first, first + count)
        first += count
      }
    }
  }
}
