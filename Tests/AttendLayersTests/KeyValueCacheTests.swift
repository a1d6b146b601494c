import AttendBase
import AttendDispatch
import AttendKernelInterface
import AttendLayers
import Testing

/// A cache whose positions are written by the test itself, beside the plain arrays that it must equal.
private struct Twin {
  let cache: KeyValueCache
  var sequences: [[UInt16]] = []
  private var next: UInt16 = 1

  init(_ layout: KeyValueLayout) { cache = KeyValueCache(pool: PagePool(layout: layout)) }

  mutating func start(_ count: Int) {
    cache.start(count)
    sequences = Array(repeating: [], count: count)
  }

  /// Writes `counts[i]` new positions of sequence i into every row of their pages.
  mutating func append(_ counts: [Int]) throws {
    try cache.grow { counts[$0] }
    let view = try cache.writing { counts[$0] }
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
    cache.advance { counts[$0] }
  }

  /// Where the components of a position's keys and values lie in its page, counted in halves of a unit; of a float32
  /// the first half.
  private func elements(_ place: Int) -> [(isKey: Bool, offset: Int)] {
    let layout = cache.pool.layout, headDim = layout.headDim, isBFloat16 = layout.isBFloat16
    let stride = (isBFloat16 ? (headDim + 1) / 2 : headDim) * KeyValuePage.tokens
    return (0..<layout.layers * layout.heads * headDim).flatMap { index in
      let d = index % headDim, head = index / headDim % layout.heads, layer = index / headDim / layout.heads
      let keys = (layer * 2 * layout.heads + head) * stride, values = keys + layout.heads * stride
      if isBFloat16 {
        return [
          (true, 2 * (keys + d / 2 * KeyValuePage.tokens + place) + d % 2),
          (false, 2 * (values + place / 2 * headDim + d) + place % 2),
        ]
      }
      return [(true, 2 * (keys + d * KeyValuePage.tokens + place)), (false, 2 * (values + place * headDim + d))]
    }
  }

  /// Whether the cache holds what the arrays hold, in each layer and head.
  func agree() throws -> Bool {
    let view = try cache.reading { _ in 1 }
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
  private static let layout = KeyValueLayout(layers: 2, heads: 3, headDim: 5)
  private static let layouts = [layout, KeyValueLayout(layers: 2, heads: 3, headDim: 5, isBFloat16: true)]

  @Test(arguments: layouts) func randomGrowthAndSelectionKeepsEverySequenceItsOwn(layout: KeyValueLayout) throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<40 {
      var twin = Twin(layout)
      twin.start(Int.random(in: 1...5, using: &random))
      for _ in 0..<60 {
        if Int.random(in: 0..<3, using: &random) == 0 {
          let parents = (0..<Int.random(in: 1...7, using: &random)).map { _ in
            Int.random(in: 0..<twin.cache.count, using: &random)
          }
          parents.withUnsafeBufferPointer { twin.cache.select($0) }
          twin.sequences = parents.map { twin.sequences[$0] }
        } else {
          let longest = Int.random(in: 0..<4, using: &random) == 0 ? 70 : 2
          try twin.append((0..<twin.cache.count).map { _ in Int.random(in: 0...longest, using: &random) })
        }
        #expect(try twin.agree())
      }
    }
  }

  @Test func pagesOfDroppedSequencesAreUsedAgain() throws {
    var twin = Twin(KeyValueCacheTests.layout)
    twin.start(4)
    try twin.append([100, 100, 100, 100])
    let bytes = twin.cache.pool.bytes
    for _ in 0..<50 {
      twin.start(4)
      try twin.append([100, 90, 80, 70])
      let none: [Int] = []
      none.withUnsafeBufferPointer { twin.cache.select($0) }
      #expect(twin.cache.count == 0)
    }
    #expect(twin.cache.pool.bytes == bytes)
  }

  @Test func growthThatIsNotAdvancedLeavesTheLengths() throws {
    var twin = Twin(KeyValueCacheTests.layout)
    twin.start(2)
    try twin.append([31, 64])
    try twin.cache.grow { _ in 100 }
    #expect(try twin.agree())
    [1, 0, 1].withUnsafeBufferPointer { twin.cache.select($0) }
    twin.sequences = [twin.sequences[1], twin.sequences[0], twin.sequences[1]]
    try twin.append([40, 40, 40])
    #expect(try twin.agree())
  }

  @Test func sharedPagesAreCountedOnce() throws {
    var twin = Twin(KeyValueCacheTests.layout)
    twin.start(1)
    try twin.append([320])
    let parents = Array(repeating: 0, count: 8)
    parents.withUnsafeBufferPointer { twin.cache.select($0) }
    #expect(twin.cache.pool.bytes == 10 * KeyValueCacheTests.layout.pageBytes)
  }
}
