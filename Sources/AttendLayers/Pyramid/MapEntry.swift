import AttendBase
import AttendDispatch

/// Numbers of a picture, or states of a map, by row, column and channel. Borrowed for one call.
struct PixelMap {
  let base: UnsafePointer<Float>
  let grid: PatchGrid
  let channels: Int
  let rowStride: Int
  let columnStride: Int
  let channelStride: Int

  init(_ picture: FeatureArray) {
    (base, channels) = (picture.base, picture.channels)
    grid = PatchGrid(rows: picture.height, columns: picture.width)
    (rowStride, columnStride, channelStride) = (picture.width, 1, picture.height * picture.width)
  }

  /// `[grid.count, channels]`
  init(_ states: Matrix, _ grid: PatchGrid) {
    (base, channels, self.grid) = (UnsafePointer(states.base), states.columns, grid)
    (rowStride, columnStride, channelStride) = (grid.columns * states.stride, states.stride, 1)
  }

  /// The states; nil: it is a picture.
  var states: Matrix? {
    channelStride == 1
      ? Matrix(UnsafeMutablePointer(mutating: base), rows: grid.count, columns: channels, stride: columnStride) : nil
  }
}

/// From a picture or a map to the first states of a stage: a product of parts of it, which lie beside each other or
/// overlap.
package struct MapEntry: Sendable {
  /// The order of the numbers of a part.
  package enum Order: Sendable {
    /// As the kernels of a convolution have them: channel by channel, and in each row by row.
    case channels
    /// Column by column, from top to bottom, all channels of a place together (Swin's patch merging).
    case columns
  }

  package struct Part: Sendable {
    package let height: Int
    package let width: Int
    /// Rows and columns from one part to the next.
    package let steps: (rows: Int, columns: Int)
    /// Zeros on every side.
    package let padding: Int
    /// Whether a last part may reach beyond the edge, where there are zeros.
    package let isCompleted: Bool
    package let order: Order

    package init(
      height: Int, width: Int, steps: (rows: Int, columns: Int), padding: Int = 0, isCompleted: Bool = false,
      order: Order = .channels
    ) {
      (self.height, self.width, self.steps, self.padding) = (height, width, steps, padding)
      (self.isCompleted, self.order) = (isCompleted, order)
    }
  }

  /// The norms of the map that is read, of the numbers of a part, and of the states that are made.
  package struct Norms: Sendable {
    package let map: Norm?
    package let part: Norm?
    package let states: Norm?

    package init(map: Norm? = nil, part: Norm? = nil, states: Norm? = nil) {
      (self.map, self.part, self.states) = (map, part, states)
    }
  }

  package let part: Part
  /// `[width, numbers of a part]`
  package let projection: Linear
  package let norms: Norms
  /// Added behind all norms.
  package let positions: GridPositions?

  package init(part: Part, projection: Linear, norms: Norms, positions: GridPositions? = nil) {
    self.part = part
    self.projection = projection
    self.norms = norms
    self.positions = positions
  }

  /// Parts whose numbers are held at a time.
  private static let partsAtOnce = 1024

  /// The map that is made of one of this size; without rows or columns where it is too small.
  func grid(of grid: PatchGrid) -> PatchGrid {
    func count(_ length: Int, _ size: Int, _ step: Int) -> Int {
      let padded = length.saturatingAdd(2 * part.padding)
      if part.isCompleted { return (padded.saturatingAdd(step - 1)) / step }
      return padded < size ? 0 : (padded - size) / step + 1
    }
    return PatchGrid(
      rows: count(grid.rows, part.height, part.steps.rows),
      columns: count(grid.columns, part.width, part.steps.columns))
  }

  /// Throws `invalidArgument` where a map of a size other than the training's has no places.
  func check(_ grid: PatchGrid, of array: FeatureArray) throws(Failure) {
    guard let positions, !positions.interpolates, (grid.rows, grid.columns) != (positions.rows, positions.columns)
    else { return }
    throw Failure(
      .invalidArgument,
      "a picture of \(array.shape) has \(grid.rows) x \(grid.columns) patches; the model reads just "
        + "\(positions.rows) x \(positions.columns)")
  }

  /// Fills x, `[grid.count, width]`. A map of states is not to be read afterwards.
  func apply(_ map: PixelMap, _ grid: PatchGrid, into x: Matrix, _ pass: Pass) throws(Failure) {
    if let norm = norms.map, let states = map.states { norm.apply(states, into: states, pass) }
    try pass.scoped { () throws(Failure) in
      let parts = try pass.workspace.matrix(min(MapEntry.partsAtOnce, x.rows), projection.inputs)
      for first in stride(from: 0, to: x.rows, by: MapEntry.partsAtOnce) {
        let some = parts.rows(0, min(MapEntry.partsAtOnce, x.rows - first)), states = x.rows(first, some.rows)
        for index in 0..<some.rows {
          gather(map, row: (first + index) / grid.columns, column: (first + index) % grid.columns, into: some[index])
        }
        norms.part?.apply(some, into: some, pass)
        try projection.apply(some, into: states, pass)
        norms.states?.apply(states, into: states, pass)
        try pass.checkCancellation()
      }
      if let positions {
        pass.engine.add(try positions.table(rows: grid.rows, columns: grid.columns, pass), to: x, scale: 1)
      }
    }
  }

  /// The numbers of a part.
  private func gather(_ map: PixelMap, row: Int, column: Int, into numbers: UnsafeMutablePointer<Float>) {
    let (top, left) = (row * part.steps.rows - part.padding, column * part.steps.columns - part.padding)
    for line in 0..<part.height {
      for place in 0..<part.width {
        let (row, column) = (top + line, left + place)
        let isInside = row >= 0 && row < map.grid.rows && column >= 0 && column < map.grid.columns
        let from = map.base + (isInside ? row * map.rowStride + column * map.columnStride : 0)
        let (first, step) =
          switch part.order {
          case .channels: (line * part.width + place, part.height * part.width)
          case .columns: ((place * part.height + line) * map.channels, 1)
          }
        for channel in 0..<map.channels {
          numbers[first + channel * step] = isInside ? from[channel * map.channelStride] : 0
        }
      }
    }
  }
}
