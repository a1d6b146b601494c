import AttendBase

/// Vectors of the places of a grid, added to those of patches. A picture of another size than the training's takes them
/// by interpolation between the centres of patches, as PyTorch's `interpolate` does.
package struct GridPositions: Sendable {
  package enum Filter: Sendable {
    /// Four neighbours each way, a = -0.75 (Keys 1981), places beyond the edge taking the edge's vector.
    case bicubic
    /// Triangles, as wide as the grid is reduced (`mode="bilinear", antialias=True`).
    case smooth
    /// Between two neighbours each way, the corners of both grids lying on each other.
    case bilinear
    /// The vector of the place at the same share of the sides (Dehghani et al. 2023, arXiv:2307.06304).
    case nearest
  }

  /// `[rows * columns, width]`
  package let table: AlignedBuffer
  package let rows: Int
  package let columns: Int
  package let width: Int
  /// Whether pictures may have another size than the training's.
  package let interpolates: Bool
  package let filter: Filter

  package init(
    table: AlignedBuffer, rows: Int, columns: Int, width: Int, interpolates: Bool = true, filter: Filter = .bicubic
  ) {
    self.interpolates = interpolates
    self.filter = filter
    self.table = table
    self.rows = rows
    self.columns = columns
    self.width = width
  }

  /// The vectors of a grid of this size, `[rows * columns, width]`: the table itself where it has that size, otherwise
  /// in scratch memory.
  func table(rows newRows: Int, columns newColumns: Int, _ pass: Pass) throws(Failure) -> Matrix {
    let stored = Matrix(table.pointer(), rows: rows * columns, columns: width)
    if newRows == rows, newColumns == columns, filter != .nearest { return stored }
    let result = try pass.workspace.matrix(newRows * newColumns, width)
    try pass.scoped { () throws(Failure) in
      let vertical = try Neighbours(filter, count: rows, among: newRows, pass)
      let horizontal = try Neighbours(filter, count: columns, among: newColumns, pass)
      for row in 0..<newRows {
        for column in 0..<newColumns {
          let target = result[row * newColumns + column]
          target.update(repeating: 0, count: width)
          vertical.forEach(of: row) { line, weight in
            horizontal.forEach(of: column) { place, share in
              let vector = stored[line * columns + place]
              let weight = weight * share
              for component in 0..<width { target[component] += weight * vector[component] }
            }
          }
        }
      }
    }
    return result
  }

  /// The stored places along one side that each new one is made of, and their weights, in scratch memory.
  private struct Neighbours {
    /// Of each new place.
    let taps: Int
    private let places: UnsafeMutablePointer<Int>  // [new places, taps]
    private let weights: UnsafeMutablePointer<Float>

    init(_ filter: Filter, count: Int, among newCount: Int, _ pass: Pass) throws(Failure) {
      let scale = Double(count) / Double(newCount), support = filter == .smooth ? max(scale, 1) : 2
      taps =
        switch filter {
        case .bicubic: 4
        case .smooth: 2 * Int(support.rounded(.up)) + 1
        case .bilinear: 2
        case .nearest: 1
        }
      let numbers = newCount.multipliedReportingOverflow(by: taps)
      guard !numbers.overflow else { throw .outOfMemory(Int.max, for: "the places of patches") }
      places = try pass.workspace.take(numbers.partialValue, of: Int.self)
      weights = try pass.workspace.take(numbers.partialValue, of: Float.self)
      for index in 0..<newCount {
        let centre = (Double(index) + 0.5) * scale - 0.5
        switch filter {
        case .bicubic: fill(index, from: Int(centre.rounded(.down)) - 1, count) { filter.weight(centre, $0, count, 2) }
        case .smooth:
          let first = Int((centre - support).rounded(.up))
          var sum = 0.0
          for tap in 0..<taps { sum += filter.weight(centre, first + tap, count, support) }
          fill(index, from: first, count) { filter.weight(centre, $0, count, support) / sum }
        case .bilinear:
          // As the reference rounds them.
          let centre = Float(index * (count - 1)) / Float(max(newCount - 1, 1)), first = centre.rounded(.down)
          fill(index, from: Int(first), count) { Double(1 - abs(centre - Float($0))) }
        case .nearest: fill(index, from: PlaceBuckets(count).place(of: index, among: newCount), count) { _ in 1 }
        }
      }
    }

    /// Sets the places and weights of a new place, whose neighbours begin with `first`.
    private func fill(_ index: Int, from first: Int, _ count: Int, _ weight: (_ place: Int) -> Double) {
      for tap in 0..<taps {
        places[index * taps + tap] = min(max(first + tap, 0), count - 1)
        weights[index * taps + tap] = Float(weight(first + tap))
      }
    }

    func forEach(of index: Int, _ body: (_ place: Int, _ weight: Float) -> Void) {
      for tap in index * taps..<(index + 1) * taps where weights[tap] != 0 { body(places[tap], weights[tap]) }
    }
  }
}

extension GridPositions.Filter {
  /// The weight of a stored place of `count` for a point on their axis.
  fileprivate func weight(_ centre: Double, _ place: Int, _ count: Int, _ support: Double) -> Double {
    let distance = abs(centre - Double(place))
    switch self {
    case .smooth: return place < 0 || place >= count ? 0 : max(0, 1 - distance / support)
    case .bilinear, .nearest: return max(0, 1 - distance)
    case .bicubic:
      let a = -0.75
      if distance <= 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
      if distance < 2 { return ((distance - 5) * distance + 8) * a * distance - 4 * a }
      return 0
    }
  }
}
