import AttendBase

/// What several automata and bounds of the length say together, walked state by state.
struct PatternProduct {
  private let automata: [PatternAutomaton]
  private let excluded: [Bool]
  private let least: Int
  private let most: Int?
  private let starts: [UInt32]
  private let symbolOf: [Int]
  private let representatives: [UInt32]

  /// Strings of all of `wanted`, of none of `unwanted`, of `[least, most]` characters.
  init(_ wanted: [PatternAutomaton], without unwanted: [PatternAutomaton], _ least: Int, _ most: Int?) {
    let all = wanted + unwanted
    automata = all
    excluded = wanted.map { _ in false } + unwanted.map { _ in true }
    (self.least, self.most) = (least, most)
    (starts, symbolOf, representatives) = PatternAutomaton.partition(all.flatMap(\.starts)) { scalar in
      all.map { $0.symbol(of: scalar) }
    }
  }

  /// Whether no string meets all. States are visited depth first: where there is a string, one is found soon.
  func isEmpty() throws(Failure) -> Bool {
    if let most, most < least { return true }
    var seen = Set<[Int32]>()
    var pending: [[Int32]] = [[0] + automata.map { _ in 0 }]
    while let state = pending.popLast() {
      guard seen.insert(state).inserted else { continue }
      if isEnd(state) { return false }
      guard seen.count < PatternAutomaton.largest else {
        throw Failure(.unsupported, "regular expressions that have over \(PatternAutomaton.largest) states together")
      }
      for scalar in representatives { if let next = step(state, scalar) { pending.append(next) } }
    }
    return true
  }

  private func isEnd(_ state: [Int32]) -> Bool {
    guard Int(state[0]) >= least else { return false }
    return automata.indices.allSatisfy { place in
      let own = state[place + 1]
      return (own >= 0 && automata[place].ends[Int(own)]) != excluded[place]
    }
  }

  private func step(_ state: [Int32], _ scalar: UInt32) -> [Int32]? {
    var next = state
    if let most {
      if Int(state[0]) == most { return nil }
      next[0] += 1
    } else if Int(state[0]) < least {
      next[0] += 1
    }
    for place in automata.indices {
      let own = automata[place].step(state[place + 1], automata[place].symbol(of: scalar))
      if own < 0, !excluded[place] { return nil }
      next[place + 1] = own
    }
    return next
  }
}
