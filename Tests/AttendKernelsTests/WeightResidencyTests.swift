import AttendBase
import AttendDispatch
import Testing

/// A list of blocks in memory as its owner sees it, who counts what is read.
private final class Reader {
  private var residency: WeightResidency
  private(set) var resident: Set<Int> = []
  private(set) var reads = 0
  private(set) var late = 0  // reads of blocks that nobody had fetched before
  private let sizes: [Int]

  init(budget: Int, _ sizes: [Int], chosen: Set<Int> = []) throws {
    self.sizes = sizes
    residency = WeightResidency(budget: budget)
    for (index, size) in sizes.enumerated() {
      resident.insert(index)
      _ = try residency.add(bytes: size, isChosen: chosen.contains(index)) { resident.remove($0) }
    }
  }

  func use(_ index: Int) {
    let (before, late) = (resident, !resident.contains(index))
    var (now, reads) = (before, late ? 1 : 0)
    now.insert(index)
    residency.begin(
      index, drop: { now.remove($0) },
      fetch: {
        now.insert($0); reads += 1
      })
    #expect(now.contains(index), "a block in use was dropped")
    resident = now
    self.reads += reads
    self.late += late ? 1 : 0
    residency.end(index)
    #expect(residency.residentBytes == bytes)
  }

  func expect(_ index: Int) {
    var (now, reads) = (resident, 0)
    residency.expect(
      index, drop: { now.remove($0) },
      fetch: {
        now.insert($0); reads += 1
      })
    resident = now
    self.reads += reads
  }

  var bytes: Int { resident.reduce(0) { $0 + sizes[$1] } }

  func forgetCounts() { (reads, late) = (0, 0) }
}

@Suite struct WeightResidencyTests {
  /// Blocks of equal size in the same order again and again: as few are read as can be, all of them ahead.
  @Test(arguments: [4, 8, 16, 30]) func partOfALoopStays(budget: Int) throws {
    let reader = try Reader(budget: budget, [Int](repeating: 1, count: 32))
    for _ in 0..<3 { for block in 0..<32 { reader.use(block) } }
    reader.forgetCounts()
    for _ in 0..<4 {
      for block in 0..<32 {
        reader.use(block)
        #expect(reader.bytes <= budget)
      }
    }
    // The least recently used block would be the next one: 32 reads a pass. The least possible are 32 - budget, but
    // for the room that reading ahead takes.
    #expect(reader.reads <= 4 * (32 - budget + budget / 4 + 1))
    #expect(reader.late == 0)
  }

  @Test func allOfAModelThatFitsStays() throws {
    let reader = try Reader(budget: 32, [Int](repeating: 1, count: 32))
    for _ in 0..<3 { for block in 0..<32 { reader.use(block) } }
    #expect(reader.reads == 0)
  }

  /// The encoder of a translator is used once, its decoder in every step: what the steps need stays.
  @Test func blocksOutsideTheLoopGoFirst() throws {
    let reader = try Reader(budget: 10, [Int](repeating: 1, count: 16))
    for block in 0..<16 { reader.use(block) }
    for _ in 0..<2 { for block in 8..<16 { reader.use(block) } }
    reader.forgetCounts()
    for _ in 0..<4 { for block in 8..<16 { reader.use(block) } }
    #expect(reader.reads == 0)
  }

  /// Experts give way to what every pass needs, and among themselves the one that waits longest.
  @Test func expertsShareWhatIsLeft() throws {
    // Two layers of two blocks that every pass uses and eight experts.
    let sizes = [Int](repeating: 1, count: 20)
    let chosen = Set(sizes.indices.filter { $0 % 10 >= 2 })
    let reader = try Reader(budget: 8, sizes, chosen: chosen)
    func pass(_ experts: [Int]) {
      for layer in 0..<2 {
        for block in 0..<2 { reader.use(10 * layer + block) }
        for expert in experts { reader.expect(10 * layer + 2 + expert) }
        for expert in experts { reader.use(10 * layer + 2 + expert) }
      }
      #expect(reader.bytes <= 8)
      #expect(reader.resident.isSuperset(of: [0, 1, 10, 11]))
    }
    for _ in 0..<3 { pass([0, 1]) }
    reader.forgetCounts()
    pass([0, 1])
    #expect(reader.reads == 0)
    pass([0, 5])
    #expect(reader.reads == 2 && reader.late == 0)
  }

  /// A block that exceeds the budget is there while it is used.
  @Test func theLargestBlockMayExceedTheBudget() throws {
    let reader = try Reader(budget: 3, [1, 10, 1, 2])
    for _ in 0..<3 { for block in 0..<4 { reader.use(block) } }
    #expect(reader.bytes <= 3)
  }

  /// Orders that change at random: nothing in use is dropped, and the budget holds.
  @Test func anyOrderKeepsTheBudget() throws {
    for seed in 0..<20 as Range<UInt64> {
      var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
      func next(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % limit
      }
      let sizes = (0..<24).map { _ in 1 + next(5) }
      let reader = try Reader(budget: 20, sizes, chosen: Set((0..<24).filter { _ in next(3) == 0 }))
      for _ in 0..<400 {
        next(4) == 0 ? reader.expect(next(24)) : reader.use(next(24))
        #expect(reader.bytes <= 20)
      }
    }
  }
}
