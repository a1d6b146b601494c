import AttendBase

/// Sizes or strides of an array's dimensions.
package typealias Dimensions = InlineArray<8, Int>

/// Numbers in a caller's memory, `[shape]`, checked: every element has an address. The memory stays the caller's.
package struct ArrayView {
  /// Dimensions at most.
  package static var mostDimensions: Int { 8 }

  /// The name of the argument, for errors.
  package let name: StaticString
  /// The element whose indices are all 0.
  package let data: UnsafeMutableRawPointer
  package let type: ElementType
  package private(set) var rank: Int
  package private(set) var shape: Dimensions
  /// Elements from an index to the next.
  package private(set) var strides: Dimensions
  /// Elements.
  package private(set) var count: Int

  /// Throws `invalidArgument` where this describes no memory that there could be.
  package init(
    _ name: StaticString, data: UnsafeMutableRawPointer?, type: ElementType, rank: Int, shape: Dimensions,
    strides: Dimensions
  ) throws(Failure) {
    self.name = name
    self.type = type
    self.rank = rank
    self.shape = shape
    self.strides = strides
    let (count, extent) = try ArrayView.measure(name, type, rank, shape, strides)
    self.count = count
    guard let data else {
      guard count == 0 else {
        throw Failure(.invalidArgument, "\(name).data is NULL, and its shape \(text(shape, rank))")
      }
      self.data = ArrayView.nowhere
      return
    }
    guard UInt(bitPattern: data) % UInt(type.size) == 0 else {
      throw Failure(.invalidArgument, "\(name).data is no multiple of \(type.size), the size of an element")
    }
    let address = Int(bitPattern: data)
    guard count == 0 || extent.low <= address && address <= Int.max - extent.high else {
      throw Failure(.invalidArgument, "\(name): the strides of \(text(shape, rank)) lead out of memory")
    }
    self.data = data
  }

  /// A view of memory that is known to be good, row after row without gaps.
  init(_ name: StaticString, _ data: UnsafeMutableRawPointer, _ type: ElementType, rank: Int, shape: Dimensions) {
    (self.name, self.data, self.type, self.rank, self.shape) = (name, data, type, rank, shape)
    strides = .init(repeating: 0)
    count = 1
    for dimension in stride(from: rank - 1, through: 0, by: -1) {
      strides[dimension] = count
      count *= shape[dimension]
    }
  }

  /// A view of as many dimensions as there are sizes.
  package init(
    _ name: StaticString, _ data: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int
  ) {
    var shape = Dimensions(repeating: 0)
    (shape[0], shape[1]) = (rows, columns)
    self.init(name, data, .float32, rank: 2, shape: shape)
  }

  /// An address for arrays without elements.
  nonisolated(unsafe) private static let nowhere = UnsafeMutableRawPointer(bitPattern: AlignedBuffer.alignment)!

  /// The number of elements, and how many bytes before and behind the first they reach.
  private static func measure(
    _ name: StaticString, _ type: ElementType, _ rank: Int, _ shape: Dimensions, _ strides: Dimensions
  ) throws(Failure) -> (count: Int, extent: (low: Int, high: Int)) {
    guard (0...mostDimensions).contains(rank) else {
      throw Failure(.invalidArgument, "\(name).rank is \(rank); at most \(mostDimensions) dimensions are taken")
    }
    var count = 1, low = 0, high = 0, overflows = false, isEmpty = false
    for dimension in 0..<rank {
      guard shape[dimension] >= 0 else {
        throw Failure(.invalidArgument, "\(name).shape is \(text(shape, rank)): no size can be negative")
      }
      isEmpty = isEmpty || shape[dimension] == 0
      let (product, first) = count.multipliedReportingOverflow(by: max(shape[dimension], 1))
      let (reach, second) = max(shape[dimension] - 1, 0).multipliedReportingOverflow(by: strides[dimension])
      let (sum, third) = (reach < 0 ? low : high).addingReportingOverflow(reach)
      if reach < 0 { low = sum } else { high = sum }
      count = product
      overflows = overflows || first || second || third
    }
    let limit = Int.max / type.size - 1
    guard !overflows, count <= limit, high <= limit, low >= -limit else {
      if isEmpty { return (0, (0, 0)) }
      throw Failure(
        .invalidArgument, "\(name): an array of shape \(text(shape, rank)) with these strides fits no memory")
    }
    return (isEmpty ? 0 : count, (-low * type.size, (high + 1) * type.size))
  }
}

/// A shape as errors write it.
func text(_ shape: Dimensions, _ rank: Int) -> String {
  var result = "["
  for dimension in 0..<rank { result += dimension == 0 ? "\(shape[dimension])" : ", \(shape[dimension])" }
  return result + "]"
}

extension ArrayView {
  /// The name and the shape, as errors write them.
  var described: String { "\(name) is \(text(shape, rank))" }

  /// The size of a dimension, counted from the last, which is 1.
  func size(_ fromEnd: Int) -> Int { shape[rank - fromEnd] }

  /// Elements of a dimension's step, counted from the last, which is 1.
  func step(_ fromEnd: Int) -> Int { strides[rank - fromEnd] }

  /// The product of the dimensions before the last `kept` ones.
  func leading(_ kept: Int) -> Int {
    var product = 1
    for dimension in 0..<max(rank - kept, 0) { product *= shape[dimension] }
    return product
  }

  /// The distance of equal steps through all dimensions before the last `kept` ones, in their order; nil: steps are
  /// unequal. 0 where there is one step at most.
  func step(overAllBefore kept: Int) -> Int? {
    var step = 0, next = 0, isFirst = true
    for dimension in stride(from: rank - kept - 1, through: 0, by: -1) where shape[dimension] != 1 {
      if isFirst { (step, isFirst) = (strides[dimension], false) } else if strides[dimension] != next { return nil }
      next = strides[dimension] * shape[dimension]
    }
    return step
  }

  /// The place of part `index` of those that the dimensions before the last `kept` ones make, in elements.
  func offset(_ index: Int, before kept: Int) -> Int {
    var (rest, offset) = (index, 0)
    for dimension in stride(from: rank - kept - 1, through: 0, by: -1) where shape[dimension] != 1 {
      offset += rest % shape[dimension] * strides[dimension]
      rest /= shape[dimension]
    }
    return offset
  }

  /// Whether equal indices could lead to one element: a sufficient test, by the order of strides.
  var mayOverlapItself: Bool {
    guard count > 1 else { return false }
    // The usual order, the last dimension's steps being the smallest.
    var last = 0, isInOrder = true
    for dimension in stride(from: rank - 1, through: 0, by: -1) where shape[dimension] > 1 {
      isInOrder = isInOrder && strides[dimension] > last
      last += (shape[dimension] - 1) * Int(strides[dimension].magnitude)
    }
    if isInOrder { return false }
    var order = [Int]()
    for dimension in 0..<rank where shape[dimension] > 1 { order.append(dimension) }
    order.sort { strides[$0].magnitude < strides[$1].magnitude }
    var reach = 0
    for dimension in order {
      guard strides[dimension].magnitude > reach else { return true }
      reach += (shape[dimension] - 1) * Int(strides[dimension].magnitude)
    }
    return false
  }

  /// The first byte, and the one behind the last.
  private var bytes: Range<Int> {
    var low = 0, high = 0
    for dimension in 0..<rank {
      let reach = (shape[dimension] - 1) * strides[dimension]
      if reach < 0 { low += reach } else { high += reach }
    }
    let address = Int(bitPattern: data)
    return address + low * type.size..<address + (high + 1) * type.size
  }

  /// Whether some bytes may be those of another array too.
  func touches(_ other: ArrayView) -> Bool { count > 0 && other.count > 0 && bytes.overlaps(other.bytes) }

  /// Whether both are the same elements in the same order.
  func isSame(as other: ArrayView) -> Bool {
    guard data == other.data, type == other.type, rank == other.rank else { return false }
    return (0..<rank).allSatisfy {
      shape[$0] == other.shape[$0] && (shape[$0] == 1 || strides[$0] == other.strides[$0])
    }
  }

  /// Throws `invalidArgument` unless the shape is the first `before` sizes of another and then `last`.
  func require(_ before: Int, of other: ArrayView, then last: Int...) throws(Failure) {
    var wanted = other.shape
    for (index, size) in last.enumerated() where before + index < 8 { wanted[before + index] = size }
    try require(wanted, before + last.count, beside: other)
  }

  /// Throws `invalidArgument` unless the shape is `wanted`, which `other` asks for.
  func require(_ wanted: Dimensions, _ wantedRank: Int, beside other: ArrayView) throws(Failure) {
    guard rank == wantedRank, (0..<rank).allSatisfy({ shape[$0] == wanted[$0] }) else {
      throw Failure(
        .invalidArgument,
        "\(described); beside \(other.name) \(text(other.shape, other.rank)) it must be \(text(wanted, wantedRank))")
    }
  }

  /// Throws `invalidArgument` where there are fewer dimensions.
  func require(rank least: Int) throws(Failure) {
    guard rank >= least else {
      throw Failure(.invalidArgument, "\(described); at least \(least) dimensions are needed")
    }
  }

  /// Throws `invalidArgument` unless the shape is `[size]` or `[size, other]`.
  func require(_ sizes: Int..., for reason: @autoclosure () -> String) throws(Failure) {
    guard rank == sizes.count, sizes.indices.allSatisfy({ shape[$0] == sizes[$0] }) else {
      throw Failure(.invalidArgument, "\(described); \(reason()) needs \(sizes)")
    }
  }

  /// Throws `invalidArgument` for elements of another type.
  func require(_ types: ElementType...) throws(Failure) {
    guard types.contains(type) else {
      let names = types.map { "\($0)" }.joined(separator: " or ")
      throw Failure(.invalidArgument, "\(name) holds \(type); it must be \(names)")
    }
  }

  /// Throws `invalidArgument` where this cannot be written.
  func requireOutput() throws(Failure) {
    try require(.float32, .bfloat16)
    guard !mayOverlapItself else {
      throw Failure(
        .invalidArgument,
        "\(name) is \(text(shape, rank)) with strides \(text(strides, rank)): elements of an output would overlap")
    }
  }
}

extension ArrayView {
  /// The same elements with `wanted` sizes, by PyTorch's rule: missing dimensions come first, and a size of 1 repeats.
  func broadcast(to wanted: Dimensions, _ wantedRank: Int, beside other: StaticString) throws(Failure) -> ArrayView {
    var result = self
    result.rank = wantedRank
    result.shape = wanted
    result.count = 1
    for dimension in 0..<wantedRank {
      let own = dimension - (wantedRank - rank)
      let repeats = own < 0 || shape[own] == 1
      guard rank <= wantedRank, repeats || shape[own] == wanted[dimension] else {
        throw Failure(
          .invalidArgument, "\(described); beside \(other) it must be \(text(wanted, wantedRank)) or repeat to it")
      }
      result.strides[dimension] = repeats ? 0 : strides[own]
      let (product, overflow) = result.count.multipliedReportingOverflow(by: wanted[dimension])
      guard !overflow else { throw Failure(.invalidArgument, "\(name): \(text(wanted, wantedRank)) fits no memory") }
      result.count = product
    }
    return result
  }

  /// The elements of part `index` of those that the dimensions before the last `kept` ones make.
  func part(_ index: Int, keeping kept: Int) -> ArrayView {
    var result = ArrayView(name, data + offset(index, before: kept) * type.size, type, rank: kept, shape: shape)
    for dimension in 0..<kept {
      result.shape[dimension] = shape[rank - kept + dimension]
      result.strides[dimension] = strides[rank - kept + dimension]
    }
    result.count = (0..<kept).reduce(1) { $0 * result.shape[$1] }
    return result
  }

  /// `size` indices of a dimension from `first` on.
  func slice(_ dimension: Int, from first: Int, _ size: Int) -> ArrayView {
    var sizes = shape
    sizes[dimension] = size
    let start = data + first * strides[dimension] * type.size
    return ArrayView(name, start, type, rank: rank, shape: sizes).with(strides)
  }

  /// The two dimensions of a matrix, exchanged.
  var transposed: ArrayView {
    var result = self
    (result.shape[0], result.shape[1]) = (shape[1], shape[0])
    (result.strides[0], result.strides[1]) = (strides[1], strides[0])
    return result
  }

  /// The same memory with other steps.
  func with(_ strides: Dimensions) -> ArrayView {
    var result = self
    result.strides = strides
    return result
  }
}

extension ArrayView {
  /// The size of the last dimension, 1 for a single number.
  package var lastSize: Int { rank == 0 ? 1 : size(1) }

  /// The elements of a `[count]` float32 array, few of them. Throws `invalidArgument` for others.
  package func numbers(count: Int) throws(Failure) -> [Double] {
    try require(.float32)
    try require(count, for: "\(count) pairs of components")
    return (0..<count).map { Double(floats[$0 * strides[0]]) }
  }
}
