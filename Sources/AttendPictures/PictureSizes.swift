// The sizes that processors choose for a picture which they cut. All roundings are those of transformers: quotients in
// double precision, `Int` towards 0.
import AttendBase

extension PictureSize {
  var area: Int { height.saturatingMultiply(width) }

  /// The one of some sizes that shows most of the picture, and of equal ones that wastes least (LLaVA 1.6).
  func best(of sizes: [PictureSize]) -> PictureSize {
    var best = sizes[0], mostShown = 0, leastWasted = Int.max
    for size in sizes {
      let scale = min(Double(size.width) / Double(width), Double(size.height) / Double(height))
      let shown = min(Int(Double(width) * scale) * Int(Double(height) * scale), area)
      let wasted = size.area - shown
      if shown > mostShown || shown == mostShown && wasted < leastWasted {
        (best, mostShown, leastWasted) = (size, shown, wasted)
      }
    }
    return best
  }

  /// The sides within a frame, the aspect kept, rounded up.
  func fitted(into frame: PictureSize) -> PictureSize {
    let across = Double(frame.width) / Double(width), down = Double(frame.height) / Double(height)
    return across < down
      ? PictureSize(height: min(Int((Double(height) * across).rounded(.up)), frame.height), width: frame.width)
      : PictureSize(height: frame.height, width: min(Int((Double(width) * down).rounded(.up)), frame.width))
  }

  /// Both sides become multiples of `tile`, the longer one first, and the other by the aspect (Idefics 3).
  func roundedUp(to tile: Int) -> PictureSize {
    func up(_ side: Int) -> Int { (side + tile - 1) / tile * tile }
    let aspect = Double(width) / Double(height)
    if width >= height {
      let wide = up(width)
      return PictureSize(height: up(Int(Double(wide) / aspect)), width: wide)
    }
    let high = up(height)
    return PictureSize(height: high, width: up(Int(Double(high) * aspect)))
  }

  /// The arrangement of at most `most` squares that enlarges the picture least, or else shrinks it least; of equal ones
  /// the smallest (Llama 3.2).
  func canvas(of tile: Int, most: Int) -> PictureSize {
    var best = PictureSize(height: tile, width: tile), bestScale = 0.0
    for rows in 1...most {
      for columns in 1...most / rows {
        let size = PictureSize(height: rows * tile, width: columns * tile)
        let scale = min(Double(size.width) / Double(width), Double(size.height) / Double(height))
        let isBetter =
          scale == bestScale
          ? size.area < best.area : bestScale >= 1 ? scale >= 1 && scale < bestScale : scale > bestScale
        if isBetter { (best, bestScale) = (size, scale) }
      }
    }
    return best
  }

  /// The sides within a canvas, the aspect kept, rounded down; small pictures grow to a tile (Llama 3.2).
  func fitted(into canvas: PictureSize, tile: Int) -> PictureSize {
    let most = PictureSize(
      height: min(max(height, tile), canvas.height), width: min(max(width, tile), canvas.width))
    let across = Double(most.width) / Double(width), down = Double(most.height) / Double(height)
    return across < down
      ? PictureSize(height: min(max(1, Int(Double(height) * across)), most.height), width: most.width)
      : PictureSize(height: most.height, width: min(max(1, Int(Double(width) * down)), most.width))
  }

  /// The rows and columns of parts of a long picture; 0 where it is not long enough, or the parts would be too small
  /// (Gemma 3).
  func parts(least: Int, most: Int, ratio: Double) -> (rows: Int, columns: Int) {
    let aspect = Double(longest) / Double(shortest)
    guard aspect >= ratio else { return (0, 0) }
    let count = min(most, max(2, min(longest / least, Int(aspect + 0.5))))
    let part = (longest + count - 1) / count
    guard min(part, shortest) >= least, part * (count - 1) < longest else { return (0, 0) }
    return width >= height ? (1, count) : (count, 1)
  }

  /// Both sides times one factor, rounded up to multiples of `side`, as large as `most` squares allow (SigLIP 2); the
  /// factor is found by halving, as in the reference.
  func filling(patches most: Int, of side: Int) -> PictureSize {
    let least = 1e-5
    func scaled(_ scale: Double) -> PictureSize {
      func up(_ length: Int) -> Int {
        max(side, Int((Double(length) * scale / Double(side)).rounded(.up)).saturatingMultiply(side))
      }
      return PictureSize(height: up(height), width: up(width))
    }
    var (low, high) = (least / 10, 100.0)
    while high - low >= least {
      let middle = (low + high) / 2, size = scaled(middle)
      if Double(size.height / side) * Double(size.width / side) <= Double(most) { low = middle } else { high = middle }
    }
    return scaled(low)
  }

  /// Both sides become multiples of `factor` and their product lies between two bounds, the aspect kept as far as that
  /// goes (Qwen2-VL); nil where one side is more than 200 times the other.
  func smart(factor: Int, pixels: ClosedRange<Int>) -> PictureSize? {
    guard Double(longest) / Double(shortest) <= 200 else { return nil }
    func whole(_ side: Double, _ rule: FloatingPointRoundingRule) -> Int {
      Int((side / Double(factor)).rounded(rule)).saturatingMultiply(factor)
    }
    let size = PictureSize(
      height: whole(Double(height), .toNearestOrEven), width: whole(Double(width), .toNearestOrEven))
    if size.area > pixels.upperBound {
      let shrink = (Double(area) / Double(pixels.upperBound)).squareRoot()
      return PictureSize(
        height: max(factor, whole(Double(height) / shrink, .down)),
        width: max(factor, whole(Double(width) / shrink, .down)))
    }
    guard size.area < pixels.lowerBound else { return size }
    let grow = (Double(pixels.lowerBound) / Double(area)).squareRoot()
    return PictureSize(height: whole(Double(height) * grow, .up), width: whole(Double(width) * grow, .up))
  }
}
