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
  /// Whether coordinates are fractions of the picture, from -π to π around its centre (DINOv3; Siméoni et al. 2025,
  /// arXiv:2508.10104), and those of the vectors before patches 0.
  package let turnsAroundCentre: Bool

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
    /// Whether pictures come as lists of patches alone.
    package let readsListsAlone: Bool

    package init(frames: Int, merged: Int, window: Int?, readsListsAlone: Bool = false) {
      (self.frames, self.merged, self.window, self.readsListsAlone) = (frames, merged, window, readsListsAlone)
    }
  }

  package init(
    projection: Linear, channels: Int, patchHeight: Int, patchWidth: Int, steps: (height: Int, width: Int),
    spectrogram: (frames: Int, bins: Int)?, leading: AlignedBuffer?, leadingCount: Int, positions: GridPositions?,
    norm: Norm?, anySize: AnySize? = nil, turnsAroundCentre: Bool = false
  ) {
    self.anySize = anySize
    self.turnsAroundCentre = turnsAroundCentre
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
    guard let anySize, array.width == projection.inputs else { return false }
    return anySize.readsListsAlone || array.channels != channels
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
    if anySize?.readsListsAlone == true, !isList(picture) {
      throw Failure(
        .invalidArgument,
        "a picture has shape \(picture.shape); the model reads lists of patches, [rows, columns, \(projection.inputs)]")
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

  /// The patches of each picture, their coordinates where these tell their places, and the windows that layers may stay
  /// in, in scratch memory.
  func places(
    _ arrays: UnsafeBufferPointer<FeatureArray>, _ sequences: UnsafeBufferPointer<AttentionSequence>, tokens: Int,
    _ pass: Pass
  ) throws(Failure) -> TokenPlaces {
    let grids = try pass.workspace.take(arrays.count, of: PatchGrid.self)
    for (index, array) in arrays.enumerated() { (grids + index).initialize(to: grid(of: array)) }
    guard anySize != nil || turnsAroundCentre else { return TokenPlaces(grids: grids) }
    let coordinates = try pass.workspace.take(TokenPlaces.axes * tokens, of: Float.self)
    let blocks = try pass.workspace.take(tokens, of: TokenBlock.self)
    var count = 0
    for index in arrays.indices {
      fill(coordinates + TokenPlaces.axes * sequences[index].row, of: grids[index])
      guard case .windows = order else { continue }
      order.forEachWindow(of: grids[index]) { (first, limit) in
        (blocks + count).initialize(to: TokenBlock(sequence: index, first: first, limit: limit))
        count += 1
      }
    }
    return TokenPlaces(
      blocks: UnsafeBufferPointer(start: blocks, count: count), coordinates: coordinates, grids: grids)
  }

  /// The coordinates of one picture's vectors.
  private func fill(_ coordinates: UnsafeMutablePointer<Float>, of grid: PatchGrid) {
    coordinates.update(repeating: 0, count: TokenPlaces.axes * leadingCount)
    /// In float32, as the reference rounds.
    func place(_ index: Int, _ count: Int) -> Float {
      turnsAroundCentre ? 2 * .pi * (2 * ((Float(index) + 0.5) / Float(count)) - 1) : Float(index)
    }
    for row in 0..<grid.rows {
      for column in 0..<grid.columns {
        let own = coordinates + TokenPlaces.axes * (leadingCount + order.place(row: row, column: column, grid))
        (own[0], own[1], own[2]) = (0, place(row, grid.rows), place(column, grid.columns))
      }
    }
  }
}
