import AttendBase

extension RegularExpressions {
  /// The expression of an automaton of a grammar: a state for each of its states from which an end can be reached.
  mutating func automaton(
    _ automaton: Grammar.Automaton, of grammar: borrowing Grammar
  ) throws(Failure) -> Int32 {
    let count = Int(automaton.states)
    let edges = grammar.edges.elements[Int(automaton.firstEdge)..<Int(automaton.edgeLimit)]
    var isEnd = GrowingList<Bool>(for: "an automaton")
    try isEnd.reserve(count)
    isEnd.resize(to: count, filling: false)
    for end in grammar.ends.elements[Int(automaton.firstEnd)..<Int(automaton.endLimit)] { isEnd[Int(end)] = true }
    let living = try RegularExpressions.living(count, edges, isEnd)
    // Characters by edge, and the edges of each state together.
    var characters = GrowingList<Int32>(for: "an automaton")
    var hash = mixed(0xa17, UInt64(count))
    for edge in edges {
      let node = grammar.nodes[Int(edge.characters.index)]
      guard node.kind == .characters else {
        throw Failure(.invalidArgument, "an edge of an automaton in the grammar is not one character")
      }
      let intervals = grammar.intervals.elements[Int(node.first)..<Int(node.second)]
      try characters.append(self.characters(UnsafeBufferPointer(rebasing: intervals)))
      hash = mixed(
        mixed(hash, UInt64(edge.source) << 32 | UInt64(edge.target)), nodes[Int(characters[characters.count - 1])].hash)
    }
    var states = GrowingList<Int32>(for: "an automaton")
    for state in 0..<count {
      hash = mixed(hash, isEnd[state] ? 1 : 0)
    }
    for state in 0..<count {
      let made =
        living[state]
        ? try self.state(isEnd: isEnd[state], hash: mixed(hash, UInt64(state))) : RegularExpressions.nothing
      try states.append(made)
    }
    try define(states, edges, characters, isEnd)
    return states[0]
  }

  /// The states from which an end can be reached: passes over the edges until none adds one.
  private static func living(
    _ count: Int, _ edges: Slice<UnsafeMutableBufferPointer<Grammar.Edge>>, _ isEnd: borrowing GrowingList<Bool>
  ) throws(Failure) -> GrowingList<Bool> {
    // Edges by target, in a list for each.
    var heads = GrowingList<Int32>(for: "an automaton")
    var next = GrowingList<Int32>(for: "an automaton")
    var living = GrowingList<Bool>(for: "an automaton")
    var pending = GrowingList<Int32>(for: "an automaton")
    try heads.reserve(count)
    heads.resize(to: count, filling: -1)
    for (place, edge) in edges.enumerated() {
      try next.append(heads[Int(edge.target)])
      heads[Int(edge.target)] = Int32(place)
    }
    for state in 0..<count {
      try living.append(isEnd[state])
      if isEnd[state] { try pending.append(Int32(state)) }
    }
    while !pending.isEmpty {
      var edge = heads[Int(pending.removeLast())]
      while edge >= 0 {
        let source = edges[edges.startIndex + Int(edge)].source
        edge = next[Int(edge)]
        guard !living[Int(source)] else { continue }
        living[Int(source)] = true
        try pending.append(source)
      }
    }
    return living
  }

  private mutating func define(
    _ states: borrowing GrowingList<Int32>, _ edges: Slice<UnsafeMutableBufferPointer<Grammar.Edge>>,
    _ characters: borrowing GrowingList<Int32>, _ isEnd: borrowing GrowingList<Bool>
  ) throws(Failure) {
    // Edges by source.
    var heads = GrowingList<Int32>(for: "an automaton")
    var next = GrowingList<Int32>(for: "an automaton")
    try heads.reserve(states.count)
    heads.resize(to: states.count, filling: -1)
    for (place, edge) in edges.enumerated() {
      try next.append(heads[Int(edge.source)])
      heads[Int(edge.source)] = Int32(place)
    }
    for state in 0..<states.count where states[state] != RegularExpressions.nothing {
      let mark = beginParts()
      if isEnd[state] { try addPart(RegularExpressions.empty) }
      var edge = heads[state]
      while edge >= 0 {
        let target = states[Int(edges[edges.startIndex + Int(edge)].target)]
        try addPart(sequence(characters[Int(edge)], target))
        edge = next[Int(edge)]
      }
      definitions[Int(nodes[Int(states[state])].first)] = try choice(ofPartsFrom: mark)
    }
  }
}
