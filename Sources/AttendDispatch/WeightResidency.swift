import AttendBase

/// The blocks of weights that are in memory, as far as a budget allows, and those that go when others come.
///
/// Layers follow each other in the same order in every pass. Each block therefore remembers the one that was used after
/// it: those that come next are fetched ahead, and the one whose turn is farthest away goes first (Belady 1966). Where
/// a model is larger than the budget, the same part of it so stays in memory from pass to pass and the rest streams
/// past, whereas the least recently used one would be the very next. Experts are used as a router chooses: of them the
/// least recently used one goes, before any block that every pass needs.
package struct WeightResidency: ~Copyable {
  private struct Block: BitwiseCopyable {
    let bytes: Int
    let isChosen: Bool  // by a router
    var isResident = false
    var isExpected = false  // fetched for a use that has not come yet
    var users = 0
    var successor: Int
    var lastUse = 0
    var walk = 0  // the last walk along the order of use that met it
  }

  private var blocks = GrowingList<Block>(for: "the list of mapped weights")
  private let budget: Int
  package private(set) var residentBytes = 0
  private var last = 0  // the block of every pass that was used last
  private var uses = 0
  private var walks = 0

  /// The share of the budget that may wait for its use, as a divisor.
  private static let aheadShare = 4

  package init(budget: Int) { self.budget = budget }

  /// Adds a block, which comes to memory as it is filled, and tells which others leave it.
  package mutating func add(bytes: Int, isChosen: Bool, drop: (Int) -> Void) throws(Failure) -> Int {
    let index = blocks.count
    try blocks.append(Block(bytes: bytes, isChosen: isChosen, successor: index + 1))
    if !isChosen { last = index }
    admit(index, drop)
    return index
  }

  /// Begins a use: tells what to drop and then what to fetch ahead.
  package mutating func begin(_ index: Int, drop: (Int) -> Void, fetch: (Int) -> Void) {
    uses += 1
    blocks[index].users += 1
    blocks[index].lastUse = uses
    blocks[index].isExpected = false
    if !blocks[index].isChosen {
      if index != last { blocks[last].successor = index }
      last = index
    }
    admit(index, drop)
    fetchAhead(drop, fetch)
  }

  package mutating func end(_ index: Int) { blocks[index].users -= 1 }

  /// Fetches a block that a router has chosen, where there is room for it.
  package mutating func expect(_ index: Int, drop: (Int) -> Void, fetch: (Int) -> Void) {
    uses += 1
    blocks[index].lastUse = uses
    blocks[index].isExpected = true
    guard !blocks[index].isResident, makeRoom(blocks[index].bytes, beyond: 0, drop) else { return }
    enter(index)
    fetch(index)
  }

  private mutating func enter(_ index: Int) {
    blocks[index].isResident = true
    residentBytes += blocks[index].bytes
  }

  private mutating func leave(_ index: Int, _ drop: (Int) -> Void) {
    blocks[index].isResident = false
    blocks[index].isExpected = false
    residentBytes -= blocks[index].bytes
    drop(index)
  }

  /// Lets a block in that is needed now, whatever the budget says.
  private mutating func admit(_ index: Int, _ drop: (Int) -> Void) {
    guard !blocks[index].isResident else { return }
    enter(index)
    blocks[index].users += 1  // it is not to go itself
    if !makeRoom(0, beyond: 0, drop) {
      for other in 0..<blocks.count where blocks[other].isExpected && isIdle(other) && residentBytes > budget {
        leave(other, drop)
      }
    }
    blocks[index].users -= 1
  }

  /// Fetches what the next products will use.
  private mutating func fetchAhead(_ drop: (Int) -> Void, _ fetch: (Int) -> Void) {
    var (next, ahead, steps) = (last, 0, 0)
    while steps < blocks.count {
      next = successor(of: next)
      steps += 1
      ahead += blocks[next].bytes
      guard next != last, ahead <= budget / WeightResidency.aheadShare else { return }
      guard !blocks[next].isResident else { continue }
      guard makeRoom(blocks[next].bytes, beyond: steps, drop) else { return }
      enter(next)
      fetch(next)
    }
  }

  /// The block of every pass that is used after another one, as far as is known.
  private func successor(of index: Int) -> Int {
    var next = blocks[index].successor
    for _ in 0..<blocks.count {
      if next >= blocks.count { next = 0 }
      if !blocks[next].isChosen { return next }
      next += 1
    }
    return index
  }

  /// Drops blocks until so many bytes fit, none of them among the next `distance` in the order of use. False where they
  /// do not.
  private mutating func makeRoom(_ bytes: Int, beyond distance: Int, _ drop: (Int) -> Void) -> Bool {
    while residentBytes > budget - bytes {
      guard let victim = victim(beyond: distance) else { return false }
      leave(victim, drop)
    }
    return true
  }

  private func isIdle(_ index: Int) -> Bool { blocks[index].isResident && blocks[index].users == 0 }

  /// The block whose use is farthest away.
  private mutating func victim(beyond distance: Int) -> Int? {
    walks += 1
    var (next, steps, farthest) = (last, 0, nil as Int?)
    while blocks[next].walk != walks {
      blocks[next].walk = walks
      if steps > distance, isIdle(next) { farthest = next }
      next = successor(of: next)
      steps += 1
    }
    // The block at which the walk begins is the one that was just used: its turn is the farthest.
    if isIdle(last), !blocks[last].isChosen { farthest = last }
    return oldest { $0.isChosen && !$0.isExpected } ?? oldest { [walks] in !$0.isChosen && $0.walk != walks }
      ?? farthest
  }

  private func oldest(_ condition: (Block) -> Bool) -> Int? {
    var oldest: Int?
    for index in 0..<blocks.count where isIdle(index) && condition(blocks[index]) {
      if oldest.map({ blocks[index].lastUse < blocks[$0].lastUse }) ?? true { oldest = index }
    }
    return oldest
  }
}
