import AttendBase
import AttendTestSupport
import Testing

@Suite struct GrowingListTests {
  @Test func sortingKeepsTheOrderOfEqualElements() throws {
    var random = SplitMix(seed: 11)
    for count in Array(0...33) + [100, 1000] {
      var list = GrowingList<Int>(for: "a test")
      for index in 0..<count { try list.append(random.below(7) << 32 | index) }
      let expected = list.elements.sorted()
      try list.sort { $0 >> 32 < $1 >> 32 }
      #expect(list.elements.elementsEqual(expected), "\(count) elements")
    }
  }

  @Test func trimmingKeepsTheElements() throws {
    var list = GrowingList<Int32>(for: "a test")
    list.trim()
    #expect(list.isEmpty && list.bytes == 0)
    for number in 0..<Int32(100) { try list.append(number) }
    list.trim()
    #expect(list.bytes == 400 && list.elements.elementsEqual(0..<100))
    try list.append(100)
    #expect(list.elements.elementsEqual(0...100))
  }

  @Test func roomThatNoSystemHasIsAnError() throws {
    var list = GrowingList<Int>(for: "a test")
    try list.append(1)
    for extra in [Int.max, Int.max / 8, 1 << 50] {
      let failure = try #require(throws: Failure.self) { try list.reserve(extra) }
      #expect(failure.code == .outOfMemory && failure.message.hasSuffix("for a test"))
    }
    #expect(list.elements.elementsEqual([1]))
  }
}
