import AttendBase

/// The states of a picture that was cut into tiles, as lines (LLaVA 1.6): those of the tiles of a grid laid side by
/// side, without the edges that were filled up when the picture was fitted into the grid, and behind each line a vector
/// that ends it. Those of all of the picture, as one tile, come before.
struct TileLines {
  /// States along each side of a tile.
  private let side: Int
  private let grid: PatchGrid
  /// Of the states of the grid.
  private let rows: Range<Int>
  private let columns: Range<Int>

  /// Of the picture of a tile, which becomes so many states. Throws `invalidArgument` where they are no square.
  init(_ tile: PictureTile, states: Int) throws(Failure) {
    let side = Int(Double(states).squareRoot())
    guard side * side == states, side > 0, tile.height > 0, tile.width > 0 else {
      throw Failure(
        .invalidArgument, "a tile of a picture of \(tile.width) x \(tile.height) has \(states) states, no square")
    }
    (self.side, grid) = (side, tile.grid)
    let (high, wide) = (grid.rows * side, grid.columns * side)
    /// The states that are left of `all` where a length of the picture was shrunk to fit.
    func inner(_ length: Int, _ all: Int, scale: Double) -> Range<Int> {
      let exact = Double(length) * scale
      // Rounded to 7 places behind the point, as transformers does, so that what is whole stays so.
      let used = Int((exact * 1e7).rounded(.toNearestOrEven) / 1e7)
      let edge = max(all - used, 0) / 2
      return edge..<all - edge
    }
    if Double(tile.width) / Double(tile.height) > Double(wide) / Double(high) {
      (rows, columns) = (inner(tile.height, high, scale: Double(wide) / Double(tile.width)), 0..<wide)
    } else {
      (rows, columns) = (0..<high, inner(tile.width, wide, scale: Double(high) / Double(tile.height)))
    }
  }

  /// The number of states, ends of lines included.
  var count: Int { rows.count * (columns.count + 1) }

  /// Writes the states x of the tiles of pictures, as many of each, to y.
  static func write(
    _ x: Matrix, _ end: AlignedBuffer, sequences: Int, _ tile: (Int) -> PictureTile, into y: Matrix
  ) throws(Failure) {
    let each = sequences == 0 ? 0 : x.rows / sequences
    let lineEnd: UnsafePointer<Float> = UnsafePointer(end.pointer())
    var row = 0
    func put(_ state: UnsafePointer<Float>) {
      y[row].update(from: state, count: y.columns)
      row += 1
    }
    for sequence in 0..<sequences {
      let own = tile(sequence)
      if own.index == 0 {
        for state in 0..<each { put(x[sequence * each + state]) }
        if own.count == 1 { put(lineEnd) }
      } else if own.index == 1 {
        let lines = try TileLines(own, states: each)
        for line in lines.rows {
          for column in lines.columns {
            let square = line / lines.side * lines.grid.columns + column / lines.side
            let place = line % lines.side * lines.side + column % lines.side
            put(x[(sequence + square) * each + place])
          }
          put(lineEnd)
        }
      }
    }
    withExtendedLifetime(end) {}
  }
}
