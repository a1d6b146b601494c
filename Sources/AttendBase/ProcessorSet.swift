/// Numbers of processors, or of nodes, below `mostProcessors`.
package struct ProcessorSet: Sequence, Sendable, Equatable {
  private typealias Words = SIMD64<UInt64>

  private var bits = Words(repeating: 0)

  package init() {}

  /// From a list as the system writes it: "0-3,8,10-11". What is none is an empty set, whatever part of it makes sense.
  package init(_ list: SystemText) {
    guard !list.isEmpty else { return }
    var isList = true
    list.forEach(between: ",") { part in
      let ends = part.split(at: "-") ?? (part, part)
      guard let first = ends.before.number, let last = ends.behind.number, first <= last,
        last < Topology.mostProcessors
      else {
        isList = false
        return false
      }
      for number in first...last { _ = insert(number) }
      return true
    }
    if !isList { bits = Words(repeating: 0) }
  }

  /// From a list in the program's own text.
  package init(list: String) {
    var list = list
    self = list.withUTF8 { ProcessorSet(SystemText(UnsafeRawBufferPointer($0))) }
  }

  /// From words of the system: bit i of word w is number 64 w + i.
  package init(words: UnsafeBufferPointer<UInt64>) {
    for index in 0..<Swift.min(words.count, Words.scalarCount) { bits[index] = words[index] }
  }

  /// False where it was there already, or is no number that can be.
  package mutating func insert(_ number: Int) -> Bool {
    guard number >= 0, number < Topology.mostProcessors, !contains(number) else { return false }
    bits[number / 64] |= 1 << UInt64(number % 64)
    return true
  }

  package func contains(_ number: Int) -> Bool {
    number >= 0 && number < Topology.mostProcessors && bits[number / 64] >> UInt64(number % 64) & 1 == 1
  }

  package var count: Int {
    var count = 0
    for word in bits.indices { count += bits[word].nonzeroBitCount }
    return count
  }

  package var isEmpty: Bool { count == 0 }
  package var first: Int? { first { _ in true } }

  /// Members in their order.
  package struct Iterator: IteratorProtocol {
    fileprivate let set: ProcessorSet
    fileprivate var place = 0

    package mutating func next() -> Int? {
      while place < Topology.mostProcessors, !set.contains(place) {
        place = set.bits[place / 64] == 0 ? (place / 64 + 1) * 64 : place + 1
      }
      defer { place += 1 }
      return place < Topology.mostProcessors ? place : nil
    }
  }

  package func makeIterator() -> Iterator { Iterator(set: self) }

  /// Calls `body` with words as the system reads them.
  package func withWords<Result>(_ body: (UnsafeBufferPointer<UInt64>) -> Result) -> Result {
    withUnsafeBytes(of: bits) { body($0.bindMemory(to: UInt64.self)) }
  }
}
