import AttendBase
import AttendDispatch
import AttendKernelInterface

/// From the tiles of a picture to the first hidden states, as Llama 3.2 reads them (Grattafiori et al. 2024,
/// arXiv:2407.21783, section 7): of each tile a class vector and patches, with vectors for the place of a patch in its
/// tile, of the tile among others, and of both. Every picture has as many tiles as the largest, empty ones at the end,
/// and behind all of them fillings that stand for no patch: the attention that was trained looks at all of these.
package struct TileEmbedding: Sendable {
  /// `[width, channels * patch * patch]`
  package let projection: Linear
  package let sizes: Sizes
  /// `[width]`
  package let classVector: AlignedBuffer
  /// `[states of a tile, width]`, as they are added.
  package let positions: AlignedBuffer
  /// Row i, `[tiles, states of a tile, width]`, is that of arrangement i - 1; times `tilePositionFactor`.
  package let tilePositions: TokenTable
  package let tilePositionFactor: Float
  /// `[arrangements + 1, tiles, width]`, as they are added: to patches at first, and to all states behind the middle.
  package let before: AlignedBuffer
  package let behind: AlignedBuffer
  package let norm: Norm?

  /// Of tiles and patches.
  package struct Sizes: Sendable {
    package let channels: Int
    /// Pixels along a side of a tile, and of a patch.
    package let tile: Int
    package let patch: Int
    /// Tiles of every picture, empty ones included.
    package let tiles: Int
    /// The rows and columns of tiles that a picture may have, in the order of their vectors.
    package let arrangements: [PatchGrid]

    package init(channels: Int, tile: Int, patch: Int, tiles: Int, arrangements: [PatchGrid]) {
      (self.channels, self.tile, self.patch) = (channels, tile, patch)
      (self.tiles, self.arrangements) = (tiles, arrangements)
    }

    package var patchesOfTile: Int { tile / patch * (tile / patch) }
    /// The class vector's and those of patches.
    package var statesOfTile: Int { patchesOfTile + 1 }
    /// Up to the next multiple of 8.
    var fillingsOfTile: Int { (8 - statesOfTile % 8) % 8 }
    package var states: Int { tiles * statesOfTile }
    package var fillings: Int { tiles * fillingsOfTile }
  }

  package init(
    projection: Linear, sizes: Sizes, classVector: AlignedBuffer, positions: AlignedBuffer,
    tilePositions: TokenTable, tilePositionFactor: Float, before: AlignedBuffer, behind: AlignedBuffer, norm: Norm?
  ) {
    (self.projection, self.sizes, self.classVector) = (projection, sizes, classVector)
    (self.positions, self.tilePositions, self.tilePositionFactor) = (positions, tilePositions, tilePositionFactor)
    (self.before, self.behind, self.norm) = (before, behind, norm)
  }

  /// The number of hidden states that a picture becomes, fillings included. Throws `invalidArgument` for one that is
  /// not made of tiles in a known arrangement.
  func length(of array: FeatureArray) throws(Failure) -> Int {
    guard array.channels == sizes.channels, grid(of: array) != nil else {
      let most = sizes.arrangements.map { "\($0.rows) x \($0.columns)" }.joined(separator: ", ")
      throw Failure(
        .invalidArgument,
        "a picture has the shape \(array.shape); the model reads \(sizes.channels) x height x width, made of tiles of "
          + "\(sizes.tile) x \(sizes.tile): \(most) of them")
    }
    return sizes.states + sizes.fillings
  }

  /// The rows and columns of tiles of a picture; nil where there is no such arrangement.
  private func grid(of array: FeatureArray) -> PatchGrid? { arrangement(of: array).map { sizes.arrangements[$0] } }

  private func arrangement(of array: FeatureArray) -> Int? {
    let tile = sizes.tile
    var grid = PatchGrid(rows: array.height / tile, columns: array.width / tile)
    if let tiles = array.tiles {
      guard array.height == tile, array.width == tile else { return nil }
      grid = tiles
    } else if array.height % tile != 0 || array.width % tile != 0 {
      return nil
    }
    return sizes.arrangements.firstIndex { $0.rows == grid.rows && $0.columns == grid.columns }
  }

  /// States at the end, before the fillings, that belong to tiles which a picture does not have.
  func unused(of array: FeatureArray) -> Int {
    grid(of: array).map { (sizes.tiles - $0.count) * sizes.statesOfTile } ?? 0
  }

  /// Fills x, `[tokens, width]`, with the vectors of a picture for each sequence.
  func apply(
    _ arrays: UnsafeBufferPointer<FeatureArray>, _ sequences: UnsafeBufferPointer<AttentionSequence>, into x: Matrix,
    _ pass: Pass
  ) throws(Failure) {
    for (array, sequence) in zip(arrays, sequences) {
      guard let arrangement = arrangement(of: array) else { continue }
      let own = x.rows(sequence.row, sizes.states), fillings = x.rows(sequence.row + sizes.states, sizes.fillings)
      for row in 0..<fillings.rows { fillings[row].update(repeating: 0, count: x.columns) }
      try pass.scoped { () throws(Failure) in
        try project(array, sizes.arrangements[arrangement], arrangement, into: own, pass)
        let places = Matrix(positions.pointer(), rows: sizes.statesOfTile, columns: x.columns)
        for tile in 0..<sizes.tiles {
          pass.engine.add(places, to: own.rows(tile * sizes.statesOfTile, sizes.statesOfTile))
        }
        let numbers = try pass.workspace.take(sizes.states * x.columns, of: Float.self)
        var row = Int32(arrangement + 1)
        if case .stored(let table, _) = tilePositions {
          pass.engine.gather(
            &row, count: 1, from: table, scale: tilePositionFactor,
            into: Matrix(numbers, rows: 1, columns: sizes.states * x.columns))
        }
        pass.engine.add(Matrix(numbers, rows: sizes.states, columns: x.columns), to: own)
      }
      norm?.apply(own, into: own, pass)
      try pass.checkCancellation()
    }
  }

  /// The class vectors and projected patches, with the vectors of their tiles; tiles that are not there are of zeros.
  private func project(
    _ array: FeatureArray, _ grid: PatchGrid, _ arrangement: Int, into x: Matrix, _ pass: Pass
  ) throws(Failure) {
    let (count, tileStates) = (sizes.patchesOfTile, sizes.statesOfTile)
    let patches = try pass.workspace.matrix(count, projection.inputs)
    for tile in 0..<sizes.tiles {
      x[tile * tileStates].update(from: classVector.pointer(to: Float.self), count: x.columns)
      let own = x.rows(tile * tileStates + 1, count)
      if tile < grid.count {
        gather(array, row: tile / grid.columns, column: tile % grid.columns, tile, into: patches)
        try projection.apply(patches, into: own, pass)
      } else {
        for row in 0..<count { own[row].update(repeating: 0, count: x.columns) }
      }
      let vector = vector(before, arrangement, tile, x.columns)
      for row in 0..<count { for component in 0..<x.columns { own[row][component] += vector[component] } }
    }
  }

  /// Of a tile in an arrangement.
  private func vector(
    _ table: AlignedBuffer, _ arrangement: Int, _ tile: Int, _ width: Int
  ) -> UnsafePointer<Float> {
    UnsafePointer(table.pointer(to: Float.self) + ((arrangement + 1) * sizes.tiles + tile) * width)
  }

  /// The pixels of the patches of one tile, `[patches, channels, patch, patch]`.
  private func gather(_ array: FeatureArray, row: Int, column: Int, _ tile: Int, into patches: Matrix) {
    let (side, patch) = (sizes.tile, sizes.patch), perSide = side / patch
    // Tiles one behind the other, or side by side in one picture.
    let base =
      array.tiles == nil
      ? array.base + row * side * array.width + column * side : array.base + tile * sizes.channels * side * side
    let plane = array.height * array.width
    for index in 0..<patches.rows {
      let from = base + index / perSide * patch * array.width + index % perSide * patch
      for channel in 0..<sizes.channels {
        for line in 0..<patch {
          (patches[index] + (channel * patch + line) * patch).update(
            from: from + channel * plane + line * array.width, count: patch)
        }
      }
    }
  }

  /// What states see: all of them, but for those that stand for nothing, which see those that stand for something. In
  /// scratch memory.
  func places(
    _ arrays: UnsafeBufferPointer<FeatureArray>, _ pass: Pass
  ) throws(Failure) -> TokenPlaces {
    let blocks = try pass.workspace.take(arrays.count, of: TokenBlock.self)
    for (index, array) in arrays.enumerated() {
      let used = sizes.states - unused(of: array)
      var block = TokenBlock(sequence: index, first: used, limit: sizes.states + sizes.fillings)
      block.keys = KeySpan(first: 0, limit: Int32(clamping: used))
      (blocks + index).initialize(to: block)
    }
    return TokenPlaces(blocks: UnsafeBufferPointer(start: blocks, count: arrays.count))
  }

  /// Adds to x, `[tokens, width]`, behind the middle, the vectors of tiles, to fillings those of the tiles that they
  /// fill up.
  func addBehind(
    _ arrays: UnsafeBufferPointer<FeatureArray>, _ sequences: UnsafeBufferPointer<AttentionSequence>, to x: Matrix
  ) {
    for (array, sequence) in zip(arrays, sequences) {
      guard let arrangement = arrangement(of: array) else { continue }
      for row in 0..<sizes.states + sizes.fillings {
        let tile =
          row < sizes.states ? row / sizes.statesOfTile : (row - sizes.states) / max(sizes.fillingsOfTile, 1)
        let vector = vector(behind, arrangement, tile, x.columns), state = x[sequence.row + row]
        for component in 0..<x.columns { state[component] += vector[component] }
      }
    }
  }
}
