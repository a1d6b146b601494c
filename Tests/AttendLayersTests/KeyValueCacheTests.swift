import AttendBase
import AttendDispatch
import AttendKernelInterface
import AttendLayers
import Testing

/// A cache whose positions are written by the test itself, with the plain arrays that it must equal.
private struct ReferenceCache {
  let cache: KeyValueCache
  var sequences: [[UInt16]] = []
  private var next: UInt16 = 1

  init(_ layout: KeyValueLayout) { cache = KeyValueCache(layout: layout) }

  mutating func start(_ count: Int) throws {
    cache.remove(from: 0)
    try cache.add(count)
    sequences = Array(repeating: [], count: count)
  }

  mutating func select(_ parents: [Int]) throws {
    try cache.reserveSelection(of: parents.count)
    parents.withUnsafeBufferPointer { cache.select($0) }
    sequences = parents.map { sequences[$0] }
  }

  /// Writes `counts[i]` new positions of sequence i into every row of their pages.
  mutating func append(_ counts: [Int]) throws {
    try counts.withUnsafeBufferPointer { try append(SequenceLengths($0.baseAddress!, count: $0.count)) }
  }

  private mutating func append(_ lengths: SequenceLengths) throws {
    try cache.grow(lengths)
    let view = try cache.writing(lengths)
    for (index, sequence) in view.sequences.enumerated() {
      for place in sequence.position..<sequence.keys {
        for element in elements(place % KeyValuePage.tokens) {
          sequence.pages[place / KeyValuePage.tokens].assumingMemoryBound(to: UInt16.self)[element.offset] =
            element.isKey ? next : ~next
        }
        sequences[index].append(next)
        next &+= 1
      }
    }
    cache.advance(lengths)
  }

  /// Where the components of a position's keys and values lie in its page, counted in halves of a unit; of a float32
  /// the first half.
  private func elements(_ place: Int) -> [(isKey: Bool, offset: Int)] {
    let layout = cache.layout
    return layout.layers.flatMap { layer in
      (0..<layer.heads * layer.headDim).flatMap { elements(place, layer, $0 / layer.headDim, $0 % layer.headDim) }
    }
  }

  /// Those of component d of one head.
  private func elements(
    _ place: Int, _ layer: KeyValueLayout.Layer, _ head: Int, _ d: Int
  ) -> [(isKey: Bool, offset: Int)] {
    let headDim = layer.headDim, isBFloat16 = cache.layout.type == .bfloat16
    let stride = (isBFloat16 ? (headDim + 1) / 2 : headDim) * KeyValuePage.tokens
    let keys = layer.offset + head * stride, values = keys + layer.heads * stride
    if isBFloat16 {
      return [
        (true, 2 * (keys + d / 2 * KeyValuePage.tokens + place) + d % 2),
        (false, 2 * (values + place / 2 * headDim + d) + place % 2),
      ]
    }
    return [(true, 2 * (keys + d * KeyValuePage.tokens + place)), (false, 2 * (values + place * headDim + d))]
  }

  /// Whether the cache holds what the arrays hold, in each layer and head.
  func agree() throws -> Bool {
    let view = try cache.reading(SequenceLengths(ones: cache.count))
    guard view.sequences.count == sequences.count else { return false }
    let places = (0..<KeyValuePage.tokens).map { elements($0) }
    for (index, sequence) in view.sequences.enumerated() {
      guard sequence.keys == sequences[index].count, cache.length(index) == sequence.keys else { return false }
      for (position, expected) in sequences[index].enumerated() {
        let halves = sequence.pages[position / KeyValuePage.tokens].assumingMemoryBound(to: UInt16.self)
        for element in places[position % KeyValuePage.tokens]
        where halves[element.offset] != (element.isKey ? expected : ~expected) { return false }
      }
    }
    return true
  }
}

@Suite struct KeyValueCacheTests {
  private static let layout = KeyValueLayout([(3, 5, 0), (3, 5, 0)])
  private static let layouts = [
    layout, KeyValueLayout([(3, 5, 0), (3, 5, 0)], type: .bfloat16), KeyValueLayout([(3, 5, 0), (1, 8, 0), (2, 3, 0)]),
  ]

  @Test(arguments: layouts) func randomGrowthSelectionAndCutsKeepEverySequenceItsOwn(layout: KeyValueLayout) throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<40 {
      var reference = ReferenceCache(layout)
      try reference.start(Int.random(in: 1...5, using: &random))
      for _ in 0..<60 {
        if Int.random(in: 0..<4, using: &random) == 0 {
          let cut = Int.random(in: 0..<reference.cache.count, using: &random)
          let length = Int.random(in: 0...reference.sequences[cut].count, using: &random)
          reference.cache.truncate(cut, to: length)
          reference.sequences[cut].removeSubrange(length...)
        } else if Int.random(in: 0..<3, using: &random) == 0 {
          let parents = (0..<Int.random(in: 1...7, using: &random)).map { _ in
            Int.random(in: 0..<reference.cache.count, using: &random)
          }
          try reference.select(parents)
        } else {
          let longest = Int.random(in: 0..<4, using: &random) == 0 ? 70 : 2
          try reference.append((0..<reference.cache.count).map { _ in Int.random(in: 0...longest, using: &random) })
        }
        #expect(try reference.agree())
      }
    }
  }

  @Test func pagesOfDroppedSequencesAreUsedAgain() throws {
    var reference = ReferenceCache(KeyValueCacheTests.layout)
    try reference.start(4)
    try reference.append([100, 100, 100, 100])
    let bytes = reference.cache.pageBytes
    for _ in 0..<50 {
      try reference.start(4)
      try reference.append([100, 90, 80, 70])
      try reference.select([])
      #expect(reference.cache.count == 0)
    }
    #expect(reference.cache.pageBytes == bytes)
  }

  @Test func growthThatIsNotAdvancedLeavesTheLengths() throws {
    var reference = ReferenceCache(KeyValueCacheTests.layout)
    try reference.start(2)
    try reference.append([31, 64])
    try [100, 100].withUnsafeBufferPointer {
      try reference.cache.grow(SequenceLengths($0.baseAddress!, count: 2))
    }
    #expect(try reference.agree())
    try reference.select([1, 0, 1])
    try reference.append([40, 40, 40])
    #expect(try reference.agree())
  }

  @Test func sharedPagesAreCountedOnce() throws {
    var reference = ReferenceCache(KeyValueCacheTests.layout)
    try reference.start(1)
    try reference.append([320])
    try reference.select(Array(repeating: 0, count: 8))
    #expect(reference.cache.pageBytes == 10 * KeyValueCacheTests.layout.pageBytes)
  }
}

extension KeyValueLayout {
  /// For layers with these numbers of heads, their sizes and windows.
  fileprivate init(_ layers: [(Int, Int, Int)], type: KeyValueType = .float32) {
    try! self.init(layers.count, type: type) { layers[$0] }
  }
}
