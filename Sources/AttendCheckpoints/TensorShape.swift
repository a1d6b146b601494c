// The shapes of tensors, as files state them and as readers ask for them.

/// The sizes of a tensor's dimensions, the slowest first; empty for a single number. The first four stand in the value
/// itself: an array would take memory for each of a checkpoint's thousands of tensors.
package struct TensorShape: RandomAccessCollection, Equatable, ExpressibleByArrayLiteral, Sendable,
  CustomStringConvertible
{
  private var sizes = InlineArray<4, Int>(repeating: 0)
  private var others: [Int] = []  // behind those four
  package private(set) var count = 0

  package init(_ sizes: some Sequence<Int>) { for size in sizes { append(size) } }

  package init(arrayLiteral sizes: Int...) { self.init(sizes) }

  /// Of a number by itself.
  package init() {}

  package init(_ first: Int, _ second: Int? = nil, _ third: Int? = nil, _ fourth: Int? = nil) {
    append(first)
    if let second { append(second) }
    if let third { append(third) }
    if let fourth { append(fourth) }
  }

  mutating func append(_ size: Int) {
    if count < sizes.count { sizes[count] = size } else { others.append(size) }
    count += 1
  }

  /// The same with one more dimension in front, where `slices` says how many there are.
  package func sliced(_ slices: Int?) -> TensorShape {
    guard let slices else { return self }
    var result = TensorShape(slices)
    for size in self { result.append(size) }
    return result
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { count }

  package subscript(dimension: Int) -> Int {
    precondition(dimension >= 0 && dimension < count)
    return dimension < sizes.count ? sizes[dimension] : others[dimension - sizes.count]
  }

  package static func == (one: TensorShape, other: TensorShape) -> Bool { one.elementsEqual(other) }

  package var description: String { "\(Array(self))" }
}
