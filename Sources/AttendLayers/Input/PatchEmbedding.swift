import AttendBase
import AttendDispatch
import AttendKernelInterface

/// From the pixels of a picture to the first hidden states (Dosovitskiy et al. 2020, arXiv:2010.11929, equation 1):
/// patches that do not overlap, each projected, with a vector for its place; before them vectors that are learned, the
/// class token and others.
package struct PatchEmbedding: Sendable {
  /// `[width, channels * patchHeight * patchWidth]`
  package let projection: Linear
  package let channels: Int
  package let patchHeight: Int
  package let patchWidth: Int
  /// `[leading, width]`: class tokens with the vectors of their places, then registers (Darcet et al. 2023,
  /// arXiv:2309.16588), which have no place; nil: none.
  package let leading: AlignedBuffer?
  package let leadingCount: Int
  /// nil: patches know of their places by other means.
  package let positions: GridPositions?
  /// Of all vectors; in CLIP.
  package let norm: Norm?

  package init(
    projection: Linear, channels: Int, patchHeight: Int, patchWidth: Int, leading: AlignedBuffer?, leadingCount: Int,
    positions: GridPositions?, norm: Norm?
  ) {
    self.projection = projection
    self.channels = channels
    self.patchHeight = patchHeight
    self.patchWidth = patchWidth
    self.leading = leading
    self.leadingCount = leadingCount
    self.positions = positions
    self.norm = norm
  }

  /// The rows and columns of patches of a picture; what is over at the lower and right edge is not read, as a
  /// convolution leaves it.
  func grid(of array: FeatureArray) -> (rows: Int, columns: Int) {
    (array.height / patchHeight, array.width / patchWidth)
  }

  /// The number of vectors that stand for a picture. Throws `invalidArgument` where it has other channels, or not one
  /// whole patch.
  func length(of array: FeatureArray) throws(Failure) -> Int {
    guard array.channels == channels else {
      throw Failure(
        .invalidArgument, "a picture of \(array.shape) has \(array.channels) channels; the model reads \(channels)")
    }
    let grid = grid(of: array)
    let (count, overflow) = grid.rows.multipliedReportingOverflow(by: grid.columns)
    guard count > 0, !overflow, count <= PatchEmbedding.mostPatches else {
      throw Failure(
        .invalidArgument,
        "a picture of \(array.shape) has \(grid.rows) x \(grid.columns) patches of \(patchHeight) x "
          + "\(patchWidth); from 1 to \(PatchEmbedding.mostPatches) can be read")
    }
    return leadingCount + count
  }

  /// More than any picture of use has; so that no product with a width of a model overflows.
  private static let mostPatches = 1 << 24

  /// Fills x, `[tokens, width]`, with the vectors of a picture for each sequence.
  func apply(
    _ arrays: UnsafeBufferPointer<FeatureArray>, _ sequences: UnsafeBufferPointer<AttentionSequence>, into x: Matrix,
    _ pass: Pass
  ) throws(Failure) {
    for (array, sequence) in zip(arrays, sequences) {
      let grid = grid(of: array)
      if let leading {
        let vectors = Matrix(leading.pointer(), rows: leadingCount, columns: x.columns)
        for row in 0..<leadingCount { x[sequence.row + row].update(from: vectors[row], count: x.columns) }
      }
      let own = x.rows(sequence.row + leadingCount, sequence.count - leadingCount)
      try pass.scoped { () throws(Failure) in
        let patches = try pass.workspace.matrix(own.rows, projection.inputs)
        gather(array, grid, into: patches)
        let places = try positions?.table(rows: grid.rows, columns: grid.columns, pass)
        try projection.apply(patches, residual: places, into: own, pass)
      }
      try pass.checkCancellation()
    }
    norm?.apply(x, into: x, pass)
  }

  /// The pixels of each patch, `[patches, channels, patchHeight, patchWidth]`.
  private func gather(_ array: FeatureArray, _ grid: (rows: Int, columns: Int), into patches: Matrix) {
    for row in 0..<grid.rows {
      for channel in 0..<channels {
        for line in 0..<patchHeight {
          let from = array.base + (channel * array.height + row * patchHeight + line) * array.width
          let place = (channel * patchHeight + line) * patchWidth
          for column in 0..<grid.columns {
            (patches[row * grid.columns + column] + place).update(from: from + column * patchWidth, count: patchWidth)
          }
        }
      }
    }
  }
}

/// Vectors of the places of a grid, added to those of patches. A picture of another size than the training's takes them
/// by bicubic interpolation between the centres of patches, as PyTorch's `interpolate(mode="bicubic")` does: four
/// neighbours each way, a = -0.75 (Keys 1981), places beyond the edge taking the edge's vector.
package struct GridPositions: Sendable {
  /// `[rows * columns, width]`
  package let table: AlignedBuffer
  package let rows: Int
  package let columns: Int
  package let width: Int

  package init(table: AlignedBuffer, rows: Int, columns: Int, width: Int) {
    self.table = table
    self.rows = rows
    self.columns = columns
    self.width = width
  }

  /// The vectors of a grid of this size, `[rows * columns, width]`: the table itself where it has that size, otherwise
  /// in scratch memory.
  func table(rows newRows: Int, columns newColumns: Int, _ pass: Pass) throws(Failure) -> Matrix {
    let stored = Matrix(table.pointer(), rows: rows * columns, columns: width)
    if newRows == rows, newColumns == columns { return stored }
    let result = try pass.workspace.matrix(newRows * newColumns, width)
    for row in 0..<newRows {
      let vertical = Neighbours(of: row, count: rows, among: newRows)
      for column in 0..<newColumns {
        let horizontal = Neighbours(of: column, count: columns, among: newColumns)
        let target = result[row * newColumns + column]
        target.update(repeating: 0, count: width)
        for line in 0..<Neighbours.count {
          for place in 0..<Neighbours.count {
            let vector = stored[vertical.places[line] * columns + horizontal.places[place]]
            let weight = vertical.weights[line] * horizontal.weights[place]
            for component in 0..<width { target[component] += weight * vector[component] }
          }
        }
      }
    }
    return result
  }

  /// The four neighbours of a place along one side, and their weights.
  private struct Neighbours {
    static let count = 4
    var places = InlineArray<4, Int>(repeating: 0)
    var weights = InlineArray<4, Float>(repeating: 0)

    /// Of place `index` of `newCount`, among `count` stored ones.
    init(of index: Int, count: Int, among newCount: Int) {
      let centre = (Double(index) + 0.5) * Double(count) / Double(newCount) - 0.5
      let first = Int(centre.rounded(.down)) - 1
      for offset in 0..<Neighbours.count {
        places[offset] = min(max(first + offset, 0), count - 1)
        weights[offset] = Float(Neighbours.weight(centre - Double(first + offset)))
      }
    }

    /// The cubic convolution kernel at this distance.
    private static func weight(_ distance: Double) -> Double {
      let (x, a) = (abs(distance), -0.75)
      if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      if x < 2 { return ((x - 5) * x + 8) * a * x - 4 * a }
      return 0
    }
  }
}
