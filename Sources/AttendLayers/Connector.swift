import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The way from the states of a tower to what another stack reads: in LLaVA the two products between CLIP and Llama
/// (Liu et al. 2023, arXiv:2310.03744, section 3).
package struct Connector: Sendable {
  package enum Step: Sendable {
    /// `activation(x Wᵀ + b)`
    case linear(Linear, Activation)
    case norm(Norm)
    case group(Grouping)
    case network(FeedForwardNetwork)
    /// Each sequence becomes as many states as there are latents.
    case resample(Resampler)
    case places(MapPlaces)
    /// The mean of the states of each sequence before them.
    case mean
  }

  /// One state of squares of `side` x `side` neighbouring patches.
  package enum Grouping: Sendable {
    /// Their mean; patches that are over at the right and lower edge are left out.
    case mean(side: Int)
    /// Their states one after another, row by row (Shi et al. 2016, arXiv:1609.05158, backwards).
    case join(side: Int)

    var side: Int {
      switch self {
      case .mean(let side), .join(let side): side
      }
    }
  }

  /// States at the beginning of each sequence that are left out: the class token.
  package let skipped: Int
  /// The same at the end of each.
  package let skippedAtEnd: Int
  /// That of the states of patches; what a grouping gives lies row by row.
  package let order: PatchOrder
  package let steps: [Step]
  /// The steps of each of the tower's taps, whose results stand behind that of the others, number by number.
  package let branches: [[Step]]
  /// The vector behind each line of states of a picture that was cut into tiles; nil: tiles are pictures of their own.
  package let lineEnd: AlignedBuffer?
  /// Of what it gives.
  package let width: Int

  /// For states of `width` numbers, or of as many for each branch and what comes before them.
  package init(
    skipped: Int, skippedAtEnd: Int = 0, order: PatchOrder, steps: [Step], branches: [[Step]] = [],
    lineEnd: AlignedBuffer? = nil, width: Int
  ) {
    (self.skipped, self.skippedAtEnd, self.order, self.steps) = (skipped, skippedAtEnd, order, steps)
    (self.branches, self.lineEnd) = (branches, lineEnd)
    var outputs = width / (1 + branches.count)
    for step in steps {
      switch step {
      case .linear(let linear, _): outputs = linear.outputs
      case .group(.join(let side)): outputs *= side * side
      case .network(let network): outputs = network.down.outputs
      case .resample(let resampler): outputs = resampler.width
      case .norm, .group, .places, .mean: break
      }
    }
    self.width = outputs * (1 + branches.count)
  }

  /// What it gives for a sequence of `count` states, of patches in this grid: as many states, and their own grid. Where
  /// tiles become lines of states, those of all of them count with the first tile of the grid.
  ///
  /// Throws `invalidArgument` where squares of patches do not cover the grid.
  package func shape(
    of count: Int, _ grid: PatchGrid?, _ tile: PictureTile
  ) throws(Failure) -> (count: Int, grid: PatchGrid?) {
    let own = try shape(of: count, grid)
    guard lineEnd != nil else { return own }
    guard tile.count > 1 else { return (own.count + 1, nil) }
    if tile.index == 0 { return (own.count, nil) }
    return (tile.index == 1 ? try TileLines(tile, states: own.count).count : 0, nil)
  }

  private func shape(of count: Int, _ grid: PatchGrid?) throws(Failure) -> (count: Int, grid: PatchGrid?) {
    for case .resample(let resampler) in steps { return (resampler.count, nil) }
    var count = count - skipped - skippedAtEnd
    guard var grid else { return (count, nil) }
    for case .group(let grouping) in steps {
      let side = grouping.side, after = PatchGrid(rows: grid.rows / side, columns: grid.columns / side)
      var fits = after.count > 0
      if case .join = grouping { fits = after.rows * side == grid.rows && after.columns * side == grid.columns }
      guard fits else {
        throw Failure(
          .invalidArgument,
          "a picture has \(grid.rows) x \(grid.columns) patches, of which \(side) x \(side) become one state")
      }
      (grid, count) = (after, after.count)
    }
    for step in steps {
      switch step {
      case .places(let places):
        guard grid.rows <= places.count, grid.columns <= places.count else {
          throw Failure(
            .invalidArgument,
            "a picture has \(grid.rows) x \(grid.columns) states; the model has places for \(places.count) x "
              + "\(places.count)")
        }
      case .mean: count += 1
      case .linear, .norm, .group, .network, .resample: break
      }
    }
    return (count, grid)
  }

  /// y, `[sum of counts, width]`, from the states of all sequences, `[tokens, output width of the tower]`, with the
  /// grids that each sequence's patches lie in, and its place among the tiles of a picture.
  package func apply(
    _ states: Matrix, lengths: SequenceLengths, grids: UnsafePointer<PatchGrid>, tile: (Int) -> PictureTile,
    into y: Matrix, _ pass: Pass
  ) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let grids = UnsafeBufferPointer(start: grids, count: lengths.count)
      let kept = try kept(states, lengths, pass)
      let columns = kept.columns / (1 + branches.count), outputs = width / (1 + branches.count)
      for branch in 0...branches.count {
        let x = try apply(
          branch == 0 ? steps : branches[branch - 1], to: kept.columns(branch * columns, columns), lengths, grids, pass)
        if let lineEnd {
          try TileLines.write(x, lineEnd, sequences: lengths.count, tile, into: y)
        } else {
          for row in 0..<y.rows { (y[row] + branch * outputs).update(from: x[row], count: outputs) }
        }
      }
    }
  }

  private func apply(
    _ steps: [Step], to states: Matrix, _ lengths: SequenceLengths, _ grids: UnsafeBufferPointer<PatchGrid>,
    _ pass: Pass
  ) throws(Failure) -> Matrix {
    var (x, order) = (states, order)
    let own = try pass.workspace.take(lengths.count, of: PatchGrid.self)
    for (index, grid) in grids.enumerated() { own[index] = grid }
    for step in steps {
      let output: Matrix
      switch step {
      case .linear(let linear, let activation):
        output = try pass.workspace.matrix(x.rows, linear.outputs)
        try linear.apply(x, activation: activation, into: output, pass)
      case .norm(let norm):
        output = try pass.workspace.matrix(x.rows, x.columns)
        norm.apply(x, into: output, pass)
      case .group(let grouping):
        output = try grouping.apply(x, UnsafeMutableBufferPointer(start: own, count: lengths.count), order, pass)
        order = .rows
      case .places(let places):
        var row = 0
        for grid in UnsafeBufferPointer(start: own, count: lengths.count) {
          places.add(to: x.rows(row, grid.count), grid)
          row += grid.count
        }
        output = x
      case .mean: output = try withMeans(x, UnsafeBufferPointer(start: own, count: lengths.count), pass)
      case .network(let network):
        output = try pass.workspace.matrix(x.rows, network.down.outputs)
        try network.apply(x, residual: nil, into: output, pass)
      case .resample(let resampler):
        output = try resampler.apply(x, sequences: lengths.count, { lengths[$0] - skipped - skippedAtEnd }, pass)
      }
      x = output
    }
    return x
  }

  /// The states of each sequence behind their mean.
  private func withMeans(
    _ x: Matrix, _ grids: UnsafeBufferPointer<PatchGrid>, _ pass: Pass
  ) throws(Failure) -> Matrix {
    let y = try pass.workspace.matrix(x.rows + grids.count, x.columns)
    var (from, to) = (0, 0)
    for grid in grids {
      let mean = y[to]
      mean.update(repeating: 0, count: x.columns)
      for row in 0..<grid.count {
        y[to + 1 + row].update(from: x[from + row], count: x.columns)
        for component in 0..<x.columns { mean[component] += x[from + row][component] }
      }
      for component in 0..<x.columns { mean[component] /= Float(grid.count) }
      from += grid.count
      to += grid.count + 1
    }
    return y
  }

  /// The states without those that are left out.
  private func kept(_ states: Matrix, _ lengths: SequenceLengths, _ pass: Pass) throws(Failure) -> Matrix {
    let each = skipped + skippedAtEnd
    if each == 0 { return states }
    let x = try pass.workspace.matrix(states.rows - each * lengths.count, states.columns)
    var (from, to) = (0, 0)
    for sequence in 0..<lengths.count {
      for row in skipped..<lengths[sequence] - skippedAtEnd {
        x[to].update(from: states[from + row], count: states.columns)
        to += 1
      }
      from += lengths[sequence]
    }
    return x
  }
}

extension Connector.Grouping {
  /// The states of squares of the patches of pictures, whose grids become those of the squares. Sums go over a square
  /// row by row.
  fileprivate func apply(
    _ x: Matrix, _ grids: UnsafeMutableBufferPointer<PatchGrid>, _ order: PatchOrder, _ pass: Pass
  ) throws(Failure) -> Matrix {
    let area = side * side
    let rows = grids.reduce(0) { $0 + ($1.rows / side) * ($1.columns / side) }
    var joins = false
    if case .join = self { joins = true }
    let y = try pass.workspace.matrix(rows, joins ? area * x.columns : x.columns)
    var (from, to) = (0, 0)
    for index in grids.indices {
      let grid = grids[index], after = PatchGrid(rows: grid.rows / side, columns: grid.columns / side)
      for square in 0..<after.count {
        let (top, left) = (square / after.columns * side, square % after.columns * side)
        for place in 0..<area {
          let state = x[from + order.place(row: top + place / side, column: left + place % side, grid)]
          if joins {
            (y[to + square] + place * x.columns).update(from: state, count: x.columns)
          } else if place == 0 {
            y[to + square].update(from: state, count: x.columns)
          } else {
            for component in 0..<x.columns { y[to + square][component] += state[component] }
          }
        }
      }
      from += grid.count
      to += after.count
      grids[index] = after
    }
    if !joins { pass.engine.scale(y, by: 1 / Float(area)) }
    return y
  }
}

/// Vectors of the rows and columns of a map, and one of all of it, added to its states (Florence-2; Xiao et al. 2023,
/// arXiv:2311.06242).
package struct MapPlaces: Sendable {
  /// Rows and columns that there are vectors for.
  package let count: Int
  /// Of columns for the first components, of rows for the others: `[count, share of the width]`.
  private let columns: AlignedBuffer
  private let rows: AlignedBuffer
  /// `[width]`
  private let all: AlignedBuffer
  private let columnWidth: Int

  package init(count: Int, columns: AlignedBuffer, rows: AlignedBuffer, all: AlignedBuffer, columnWidth: Int) {
    (self.count, self.columns, self.rows, self.all) = (count, columns, rows, all)
    self.columnWidth = columnWidth
  }

  /// x are the states of one map.
  func add(to x: Matrix, _ grid: PatchGrid) {
    let rest = x.columns - columnWidth, all = all.pointer(to: Float.self)
    for row in 0..<grid.rows {
      for column in 0..<grid.columns {
        let state = x[row * grid.columns + column]
        let across = columns.pointer(to: Float.self) + column * columnWidth
        let down = rows.pointer(to: Float.self) + row * rest
        for component in 0..<columnWidth { state[component] += across[component] }
        for component in 0..<rest { state[columnWidth + component] += down[component] }
        for component in 0..<x.columns { state[component] += all[component] }
      }
    }
  }
}
