/// The places along one side of a table that stand for parts of equal length, which the patches of a picture are sorted
/// into by where they begin. Sums and quotients are rounded to float32 as PyTorch's are, since patches often begin just
/// where a part does.
package struct PlaceBuckets: Sendable {
  /// Places along the side.
  package let count: Int

  package init(_ count: Int) { self.count = count }

  /// The place of patch `index` of `newCount`.
  package func place(of index: Int, among newCount: Int) -> Int {
    let share = min(Float(index) * (1 / Float(newCount)), 1 - 1e-6)
    // Near the place that the exact quotient names.
    var place = min(index * count / newCount + 1, boundaries)
    while place > 0, boundary(place - 1) > share { place -= 1 }
    return place
  }

  /// The number of boundaries between parts: multiples of 1 / count below 1, as far as rounding makes them that.
  private var boundaries: Int {
    let step = 1 / Double(count)
    return max(Int(((1 - step) / step).rounded(.up)), 0)
  }

  /// Boundary `index`. Sixteen at a time PyTorch's `arange` makes in eights, each from a start that is rounded.
  private func boundary(_ index: Int) -> Float {
    let step = 1 / Double(count), eight = 8
    guard index < boundaries / (2 * eight) * (2 * eight) else { return Float(step + step * Double(index)) }
    let start = Float(step + step * Double(index / eight * eight))
    return Float(Double(start) + step * Double(index % eight))
  }
}
