import AttendBase

/// A grammar as the engine walks it: regular parts have become lexemes, automata over bytes; what is around them, and
/// all that is recursive, are sequences, choices, repetitions and calls, which a stack of continuations goes through.
///
/// Where a regular part is cut changes the speed and never the language: a lexeme may end wherever its automaton
/// accepts, whatever follows.
struct Program: ~Copyable {
  enum Kind: UInt8, BitwiseCopyable {
    /// The regular expression `first`.
    case lexeme
    /// `parts[first ..< second]`, one after another.
    case sequence
    /// One of `parts[first ..< second]`.
    case choice
    /// `first`, from `second` to `third` times; a negative `third` is without end.
    case repetition
    /// Different ones of the first half of `parts[first ..< second]`, as later ones of the second half; how many says
    /// `counts[third]`.
    case distinct
    /// The rule `first`, which is recursive.
    case call
  }

  struct Node: BitwiseCopyable {
    let kind: Kind
    /// Whether any string matches. Until that is known: yes.
    var isProductive = true
    var isNullable = false
    let first: Int32
    var second: Int32
    let third: Int32
  }

  var nodes = GrowingList<Node>(for: "a grammar")
  var parts = GrowingList<Int32>(for: "a grammar")
  var counts = GrowingList<Grammar.Count>(for: "a grammar")
  /// The bodies of rules that are called, by the number of the rule; -1 for others.
  var bodies = GrowingList<Int32>(for: "a grammar")
  var root: Int32 = 0

  mutating func add(
    _ kind: Kind, _ first: Int32, _ second: Int32 = 0, _ third: Int32 = 0
  ) throws(Failure) -> Int32 {
    try nodes.append(Node(kind: kind, first: first, second: second, third: third))
    return Int32(nodes.count - 1)
  }

  @inline(__always) func body(of rule: Int32) -> Int32 { bodies[Int(rule)] }
}

// MARK: - What has strings, and what has the empty one

extension Program {
  /// Finds out which nodes match any string, and which the empty string; repetitions of what may be empty need no
  /// minimum.
  mutating func settle(_ regular: inout RegularExpressions) throws(Failure) {
    var base = GrowingList<Bool>(for: "a grammar")
    for node in nodes.elements {
      let isLive = node.kind == .lexeme ? try regular.isLive(node.first) : false
      try base.append(isLive)
    }
    let productive = try leastFixpoint(base)
    for place in 0..<nodes.count {
      nodes[place].isProductive = productive[place]
      base[place] = nodes[place].kind == .lexeme && regular.isNullable(nodes[place].first)
    }
    let nullable = try leastFixpoint(base)
    for place in 0..<nodes.count {
      nodes[place].isNullable = nullable[place]
      let node = nodes[place]
      if node.kind == .repetition, nullable[Int(node.first)] { nodes[place].second = 0 }
    }
  }

  /// Truth spreads from lexemes to what is made of them: all parts of a sequence, one of a choice, as many as there
  /// must be of different ones. Each edge is followed once (Dowling and Gallier 1984).
  private func leastFixpoint(_ base: borrowing GrowingList<Bool>) throws(Failure) -> GrowingList<Bool> {
    var isTrue = GrowingList<Bool>(for: "a grammar")
    var missing = GrowingList<Int32>(for: "a grammar")
    var ready = GrowingList<Int32>(for: "a grammar")
    for (place, node) in nodes.elements.enumerated() {
      try isTrue.append(false)
      switch node.kind {
      case .sequence: try missing.append(node.second - node.first)
      case .distinct: try missing.append(counts[Int(node.third)].least)
      default: try missing.append(1)
      }
      let isReady =
        switch node.kind {
        case .lexeme: base[place]
        case .sequence: node.first == node.second
        case .repetition: node.second == 0
        case .distinct: counts[Int(node.third)].least == 0
        case .choice, .call: false
        }
      if isReady { try ready.append(Int32(place)) }
    }
    let users = try Users(self)
    while !ready.isEmpty {
      let node = Int(ready.removeLast())
      if isTrue[node] { continue }
      isTrue[node] = true
      for user in users.of(node) {
        missing[Int(user)] -= 1
        if missing[Int(user)] == 0 { try ready.append(user) }
      }
    }
    return isTrue
  }

  /// For each node those that it stands in, once for each place.
  private struct Users: ~Copyable {
    private var starts = GrowingList<Int32>(for: "a grammar")
    private var all = GrowingList<Int32>(for: "a grammar")

    init(_ program: borrowing Program) throws(Failure) {
      let count = program.nodes.count
      try starts.reserve(count + 2)
      starts.resize(to: count + 2, filling: 0)
      var total = 0
      for node in 0..<count {
        program.forEachPart(of: node) {
          starts[Int($0) + 2] += 1; total += 1
        }
      }
      for node in 1..<count + 2 { starts[node] += starts[node - 1] }
      try all.reserve(total)
      all.resize(to: total, filling: 0)
      for node in 0..<count {
        program.forEachPart(of: node) {
          all[Int(starts[Int($0) + 1])] = Int32(node)
          starts[Int($0) + 1] += 1
        }
      }
    }

    func of(_ node: Int) -> Slice<UnsafeMutableBufferPointer<Int32>> {
      all.elements[Int(starts[node])..<Int(starts[node + 1])]
    }
  }

  @inline(__always) private func forEachPart(of node: Int, _ visit: (Int32) -> Void) {
    let entry = nodes[node]
    switch entry.kind {
    case .lexeme: break
    case .sequence, .choice: for place in entry.first..<entry.second { visit(parts[Int(place)]) }
    case .distinct:
      for place in entry.first..<(entry.first + entry.second) / 2 { visit(parts[Int(place)]) }
    case .repetition: visit(entry.first)
    case .call: visit(body(of: entry.first))
    }
  }
}
