import AttendBase
import AttendDispatch
import AttendKernelInterface

/// From the pixels of a picture to the first hidden states (Dosovitskiy et al. 2020, arXiv:2010.11929, equation 1):
/// patches, each projected, with a vector for its place; before them vectors that are learned, the class token and
/// others. A spectrogram can be such a picture (Gong et al. 2021, arXiv:2104.01778).
package struct PatchEmbedding: Sendable {
  /// `[width, channels * patchHeight * patchWidth]`
  package let projection: Linear
  package let channels: Int
  package let patchHeight: Int
  package let patchWidth: Int
  /// The lines and columns from one patch to the next.
  package let steps: (height: Int, width: Int)
  /// The size that a spectrogram, `[frames, bins]`, must have, whose bins are the lines of the picture; nil: pictures
  /// are pictures.
  package let spectrogram: (frames: Int, bins: Int)?
  /// `[leading, width]`: class tokens with the vectors of their places, then registers (Darcet et al. 2023,
  /// arXiv:2309.16588), which have no place; nil: none.
  package let leading: AlignedBuffer?
  package let leadingCount: Int
  /// nil: patches know of their places by other means.
  package let positions: GridPositions?
  /// Of all vectors; in CLIP.
  package let norm: Norm?
  /// nil: pictures are of one size, or their places' vectors are interpolated.
  package let anySize: AnySize?

  /// What is particular to towers that read pictures of any size by coordinates (Wang et al. 2024, arXiv:2409.12191,
  /// section 2.1). They read a picture, or a list of its patches as processors write it, `[rows, columns, numbers of a
  /// patch]`, where those that are merged follow one another.
  package struct AnySize: Sendable {
    /// Frames of a video that a patch holds; a picture is each of them.
    package let frames: Int
    /// Patches along each axis that become one state behind the tower.
    package let merged: Int
    /// Patches along each axis of the windows that layers stay in; nil: there are none.
    package let window: Int?

    package init(frames: Int, merged: Int, window: Int?) {
      (self.frames, self.merged, self.window) = (frames, merged, window)
    }
  }

  package init(
    projection: Linear, channels: Int, patchHeight: Int, patchWidth: Int, steps: (height: Int, width: Int),
    spectrogram: (frames: Int, bins: Int)?, leading: AlignedBuffer?, leadingCount: Int, positions: GridPositions?,
    norm: Norm?, anySize: AnySize? = nil
  ) {
    self.anySize = anySize
    self.projection = projection
    self.channels = channels
    self.patchHeight = patchHeight
    self.patchWidth = patchWidth
    self.steps = steps
    self.spectrogram = spectrogram
    self.leading = leading
    self.leadingCount = leadingCount
    self.positions = positions
    self.norm = norm
  }

  /// The rows and columns of patches of a picture; what is over at the lower and right edge is not read, as a
  /// convolution leaves it.
  func grid(of array: FeatureArray) -> PatchGrid {
    if isList(array) { return PatchGrid(rows: array.channels, columns: array.height) }
    return PatchGrid(
      rows: array.height < patchHeight ? 0 : (array.height - patchHeight) / steps.height + 1,
      columns: array.width < patchWidth ? 0 : (array.width - patchWidth) / steps.width + 1)
  }

  /// Whether an array is a list of patches.
  private func isList(_ array: FeatureArray) -> Bool {
    anySize != nil && array.width == projection.inputs && array.channels != channels
  }

  /// That of the states of patches.
  var order: PatchOrder { anySize?.window.map { .windows(side: $0) } ?? .rows }

  /// The number of vectors that stand for a picture. Throws `invalidArgument` where it has other channels, or not one
  /// whole patch.
  func length(of array: FeatureArray) throws(Failure) -> Int {
    var picture = array
    if let spectrogram {
      guard array.height == 1, array.channels == spectrogram.frames, array.width == spectrogram.bins else {
        throw Failure(
          .invalidArgument,
          "a spectrogram has shape \(array.soundShape); the model reads just \(spectrogram.frames) frames of "
            + "\(spectrogram.bins) bins")
      }
      picture = turned(array, base: array.base)
    }
    guard picture.channels == channels || isList(picture) else {
      throw Failure(
        .invalidArgument,
        "a picture of \(picture.shape) has \(picture.channels) channels; the model reads \(channels)")
    }
    let grid = grid(of: picture)
    if let positions, !positions.interpolates, (grid.rows, grid.columns) != (positions.rows, positions.columns) {
      throw Failure(
        .invalidArgument,
        "a picture of \(picture.shape) has \(grid.rows) x \(grid.columns) patches of \(patchHeight) x \(patchWidth); "
          + "the model reads just \(positions.rows) x \(positions.columns)")
    }
    let (count, overflow) = grid.rows.multipliedReportingOverflow(by: grid.columns)
    guard count > 0, !overflow, count <= PatchEmbedding.mostPatches else {
      throw Failure(
        .invalidArgument,
        "a picture of \(picture.shape) has \(grid.rows) x \(grid.columns) patches of \(patchHeight) x "
          + "\(patchWidth); from 1 to \(PatchEmbedding.mostPatches) can be read")
    }
    if let merged = anySize?.merged {
      let isWhole = isList(picture) || picture.height % patchHeight == 0 && picture.width % patchWidth == 0
      guard isWhole, grid.rows % merged == 0, grid.columns % merged == 0 else {
        throw Failure(
          .invalidArgument,
          "a picture of \(picture.shape) is not made of squares of \(merged) x \(merged) patches of \(patchHeight) x "
            + "\(patchWidth)")
      }
    }
    return leadingCount + count
  }

  /// A spectrogram as a picture, whose numbers lie at `base`.
  private func turned(_ array: FeatureArray, base: UnsafePointer<Float>) -> FeatureArray {
    FeatureArray(base, channels: 1, height: array.width, width: array.channels)
  }

  /// The picture of an array: itself, or of a spectrogram its transpose in scratch memory.
  private func picture(_ array: FeatureArray, _ pass: Pass) throws(Failure) -> FeatureArray {
    guard let spectrogram else { return array }
    let pixels = try pass.workspace.take(spectrogram.frames * spectrogram.bins, of: Float.self)
    for frame in 0..<spectrogram.frames {
      for bin in 0..<spectrogram.bins {
        pixels[bin * spectrogram.frames + frame] = array.base[frame * spectrogram.bins + bin]
      }
    }
    return turned(array, base: pixels)
  }

  /// More than any picture of use has; so that no product with a width of a model overflows.
  private static let mostPatches = 1 << 24

  /// Fills x, `[tokens, width]`, with the vectors of a picture for each sequence.
  func apply(
    _ arrays: UnsafeBufferPointer<FeatureArray>, _ sequences: UnsafeBufferPointer<AttentionSequence>, into x: Matrix,
    _ pass: Pass
  ) throws(Failure) {
    for (array, sequence) in zip(arrays, sequences) {
      if let leading {
        let vectors = Matrix(leading.pointer(), rows: leadingCount, columns: x.columns)
        for row in 0..<leadingCount { x[sequence.row + row].update(from: vectors[row], count: x.columns) }
      }
      try project(array, into: x.rows(sequence.row + leadingCount, sequence.count - leadingCount), pass)
      try pass.checkCancellation()
    }
    norm?.apply(x, into: x, pass)
  }

  /// Fills x, `[patches, width]`, with the projected patches of one picture and what tells their places.
  package func project(_ array: FeatureArray, into x: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let picture = try picture(array, pass), grid = grid(of: picture)
      let patches = try pass.workspace.matrix(x.rows, projection.inputs)
      gather(picture, grid, into: patches)
      let places = try positions?.table(rows: grid.rows, columns: grid.columns, pass)
      try projection.apply(patches, residual: places, into: x, pass)
    }
  }

  /// The pixels of each patch, `[patches, channels, frames, patchHeight, patchWidth]`.
  private func gather(_ array: FeatureArray, _ grid: PatchGrid, into patches: Matrix) {
    if isList(array) { return copyList(array, grid, into: patches) }
    let frames = anySize?.frames ?? 1, area = patchHeight * patchWidth
    for row in 0..<grid.rows {
      for channel in 0..<channels {
        for line in 0..<patchHeight {
          let from = array.base + (channel * array.height + row * steps.height + line) * array.width
          for column in 0..<grid.columns {
            let patch = patches[order.place(row: row, column: column, grid)] + line * patchWidth
            for frame in 0..<frames {
              (patch + (channel * frames + frame) * area).update(from: from + column * steps.width, count: patchWidth)
            }
          }
        }
      }
    }
  }

  /// Patches of a list, of which those that are merged follow one another.
  private func copyList(_ array: FeatureArray, _ grid: PatchGrid, into patches: Matrix) {
    let merged = anySize?.merged ?? 1, area = merged * merged
    for index in 0..<grid.count {
      let square = index / area, place = index % area
      let row = square / (grid.columns / merged) * merged + place / merged
      let column = square % (grid.columns / merged) * merged + place % merged
      patches[order.place(row: row, column: column, grid)]
        .update(from: array.base + index * array.width, count: array.width)
    }
  }

  /// The rows and columns of patches as coordinates, and the windows that layers may stay in, in scratch memory; nil
  /// where patches are told their places by vectors.
  func places(
    _ arrays: UnsafeBufferPointer<FeatureArray>, _ sequences: UnsafeBufferPointer<AttentionSequence>, tokens: Int,
    _ pass: Pass
  ) throws(Failure) -> TokenPlaces? {
    guard anySize != nil else { return nil }
    let coordinates = try pass.workspace.take(TokenPlaces.axes * tokens, of: Int32.self)
    let blocks = try pass.workspace.take(tokens, of: TokenBlock.self)
    var count = 0
    for (index, array) in arrays.enumerated() {
      let grid = grid(of: array)
      for row in 0..<grid.rows {
        for column in 0..<grid.columns {
          let token = sequences[index].row + order.place(row: row, column: column, grid)
          let own = coordinates + TokenPlaces.axes * token
          (own[0], own[1], own[2]) = (0, Int32(row), Int32(column))
        }
      }
      guard case .windows = order else { continue }
      order.forEachWindow(of: grid) { (first, limit) in
        (blocks + count).initialize(to: TokenBlock(sequence: index, first: first, limit: limit))
        count += 1
      }
    }
    return TokenPlaces(blocks: UnsafeBufferPointer(start: blocks, count: count), coordinates: coordinates)
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
  /// Whether pictures may have another size than the training's.
  package let interpolates: Bool

  package init(table: AlignedBuffer, rows: Int, columns: Int, width: Int, interpolates: Bool = true) {
    self.interpolates = interpolates
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
