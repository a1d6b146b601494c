import AttendBase
import AttendDispatch

/// A convolution of 3 x 3 states of a map in which each channel sees only itself, added to the states: it tells them
/// what lies around them (Ding et al. 2022, arXiv:2204.03645).
package struct MapConvolution: Sendable {
  /// `[9, width]`: of the nine places, row by row.
  package let factors: AlignedBuffer
  /// `[width]`
  package let bias: AlignedBuffer

  package init(factors: AlignedBuffer, bias: AlignedBuffer) {
    self.factors = factors
    self.bias = bias
  }

  /// x, `[grid.count, width]`, gains the convolution of it; beyond the edges there are zeros.
  func add(to x: Matrix, _ grid: PatchGrid, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let sums = try pass.workspace.matrix(x.rows, x.columns)
      let work = MapConvolutionWork(self, x, grid, into: sums, parts: pass.engine.threads)
      pass.engine.share(work, parts: work.parts)
      pass.engine.add(sums, to: x, scale: 1)
    }
  }
}

/// The convolution, of which threads take some rows of the map each. A sum runs over the nine places in their order.
private final class MapConvolutionWork: SharedWork {
  let parts: Int
  private let convolution: MapConvolution
  private let x: Matrix
  private let sums: Matrix
  private let grid: PatchGrid

  init(_ convolution: MapConvolution, _ x: Matrix, _ grid: PatchGrid, into sums: Matrix, parts: Int) {
    (self.convolution, self.x, self.grid, self.sums) = (convolution, x, grid, sums)
    self.parts = min(parts, max(grid.rows, 1))
  }

  func run(_ part: Int) {
    let factors = convolution.factors.pointer(to: Float.self), bias = convolution.bias.pointer(to: Float.self)
    let width = x.columns
    for row in grid.rows * part / parts..<grid.rows * (part + 1) / parts {
      for column in 0..<grid.columns {
        let sum = sums[row * grid.columns + column]
        sum.update(from: bias, count: width)
        for line in max(row - 1, 0)...min(row + 1, grid.rows - 1) {
          for place in max(column - 1, 0)...min(column + 1, grid.columns - 1) {
            let own = factors + ((line - row + 1) * 3 + place - column + 1) * width
            let from = x[line * grid.columns + place]
            for channel in 0..<width { sum[channel] += own[channel] * from[channel] }
          }
        }
      }
    }
  }
}
