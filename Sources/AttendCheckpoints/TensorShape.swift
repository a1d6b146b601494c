// The shape that a reader asks for, without an array.

/// Up to four dimensions, the slowest first: what a family expects of a tensor, compared with what the file says. An
/// array would take memory for each of a checkpoint's thousands of tensors.
package struct TensorShape: Sendable, CustomStringConvertible {
  private let sizes: (Int, Int, Int, Int)
  private let rank: Int

  package init(_ first: Int) { (sizes, rank) = ((first, 0, 0, 0), 1) }
  package init(_ first: Int, _ second: Int) { (sizes, rank) = ((first, second, 0, 0), 2) }
  package init(_ first: Int, _ second: Int, _ third: Int) { (sizes, rank) = ((first, second, third, 0), 3) }
  package init(_ first: Int, _ second: Int, _ third: Int, _ fourth: Int) {
    (sizes, rank) = ((first, second, third, fourth), 4)
  }

  /// The same with one more dimension in front, where `slices` says how many there are.
  package func sliced(_ slices: Int?) -> TensorShape {
    guard let slices else { return self }
    switch rank {
    case 1: return TensorShape(slices, sizes.0)
    case 2: return TensorShape(slices, sizes.0, sizes.1)
    default: return TensorShape(slices, sizes.0, sizes.1, sizes.2)
    }
  }

  /// Whether this is the shape of a stored tensor.
  package static func == (shape: TensorShape, stored: [Int]) -> Bool {
    guard stored.count == shape.rank else { return false }
    return stored.indices.allSatisfy { stored[$0] == shape[$0] }
  }

  private subscript(dimension: Int) -> Int {
    switch dimension {
    case 0: sizes.0
    case 1: sizes.1
    case 2: sizes.2
    default: sizes.3
    }
  }

  package var description: String { "\((0..<rank).map { self[$0] })" }
}
