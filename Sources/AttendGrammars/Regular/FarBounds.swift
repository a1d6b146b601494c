import AttendBase

/// A bound of a count that lies farther ahead than a token reaches changes nothing for the token: `pattern` beside
/// `maxLength` would else make new states with every character, each with a mask of its own.
extension RegularExpressions {
  /// The most states that are searched for the distance to an end.
  private static let mostSearched = 2_000
  /// Searches that find too many, after which no more are begun.
  private static let mostFailures = 2

  /// The expression with the upper bound of a repetition taken away, where it is the intersection of one with something
  /// else, perhaps with more behind it; and how many bytes may follow until the bound can make a difference. Nil where
  /// there is no such bound, or it is not known how far it is.
  ///
  /// Every byte uses up one repetition at most. While what is left of them is enough for the shortest end of whatever
  /// has come (`farthest`), the same texts go on, end and fail as without a bound.
  mutating func withoutFarBound(_ expression: Int32) throws(Failure) -> (expression: Int32, room: Int)? {
    let node = nodes[Int(expression)]
    let head = node.kind == .sequence ? nodes[Int(node.first)] : node
    guard head.kind == .intersection, failedSearches < RegularExpressions.mostFailures else { return nil }
    let all = Int(head.first)..<Int(head.first + head.second)
    guard let place = all.first(where: { isUpperBound(nodes[Int(parts[$0])]) }) else { return nil }
    let bound = nodes[Int(parts[place])]
    let mark = beginParts()
    for other in all where other != place { try addPart(parts[other]) }
    try addPart(repetition(bound.first, 0, -1))
    let open = try intersection(ofPartsFrom: mark)
    let whole = node.kind == .sequence ? try sequence(open, node.second) : open
    guard let farthest = try farthestEnd(of: whole) else { return nil }
    return (whole, Int(bound.third) - farthest)
  }

  private func isUpperBound(_ node: Node) -> Bool {
    node.kind == .repetition && node.second == 0 && node.third > 1 && !nodes[Int(node.first)].isNullable
  }

  /// The most bytes that the shortest end takes, of all states that follow an expression, itself among them. Nil where
  /// these are too many to look at.
  private mutating func farthestEnd(of expression: Int32) throws(Failure) -> Int? {
    if nodes[Int(expression)].farthest == RegularExpressions.unknown { try searchEnds(from: expression) }
    let farthest = nodes[Int(expression)].farthest
    return farthest >= 0 ? Int(farthest) : nil
  }

  /// From a state to one that follows it, as places of a list of states.
  private struct Step: BitwiseCopyable {
    let source: Int32
    let target: Int32
  }

  /// Visits all states that follow an expression, then goes back from those that may end. What is found holds for each
  /// of them, for those that follow it are among these.
  private mutating func searchEnds(from expression: Int32) throws(Failure) {
    var visited = GrowingList<Int32>(for: "a search of an automaton")
    var seen = HashTable(for: "a search of an automaton")
    var edges = GrowingList<Step>(for: "a search of an automaton")
    try visited.append(expression)
    try seen.insert(0, mixed(0, UInt64(expression))) { _ in 0 }
    var next = 0
    while next < visited.count, visited.count <= RegularExpressions.mostSearched {
      let row = try row(of: visited[next])
      var last = RegularExpressions.nothing
      for one in 0..<classes.count where row[one] != last {
        last = row[one]
        if last == RegularExpressions.nothing { continue }
        let (hash, target) = (mixed(0, UInt64(last)), last)
        let known = seen.find(hash) { [visited = visited.elements] in visited[Int($0)] == target }
        try edges.append(Step(source: Int32(next), target: known ?? Int32(visited.count)))
        if known != nil { continue }
        try seen.insert(Int32(visited.count), hash) { [visited = visited.elements] in
          mixed(0, UInt64(visited[Int($0)]))
        }
        try visited.append(target)
      }
      next += 1
    }
    let isWhole = next == visited.count
    if !isWhole { failedSearches += 1 }
    let farthest = isWhole ? try farthest(visited, edges) : RegularExpressions.tooFar
    for state in visited.elements { nodes[Int(state)].farthest = farthest }
  }

  /// What is noted for states of which too many follow.
  private static let tooFar: Int32 = -2

  /// The largest distance to an end, breadth first from all ends.
  private func farthest(
    _ visited: borrowing GrowingList<Int32>, _ edges: borrowing GrowingList<Step>
  ) throws(Failure) -> Int32 {
    edges.elements.sortInPlace { $0.target < $1.target }
    var starts = GrowingList<Int32>(for: "a search of an automaton")
    try starts.reserve(visited.count + 1)
    starts.resize(to: visited.count + 1, filling: 0)
    for edge in edges.elements { starts[Int(edge.target) + 1] += 1 }
    for place in 1..<starts.count { starts[place] += starts[place - 1] }
    var distances = GrowingList<Int32>(for: "a search of an automaton")
    var queue = GrowingList<Int32>(for: "a search of an automaton")
    for (place, state) in visited.elements.enumerated() {
      let isEnd = isNullable(state)
      try distances.append(isEnd ? 0 : RegularExpressions.unknown)
      if isEnd { try queue.append(Int32(place)) }
    }
    var next = 0
    while next < queue.count {
      let target = Int(queue[next])
      next += 1
      for edge in Int(starts[target])..<Int(starts[target + 1]) {
        let source = Int(edges[edge].source)
        guard distances[source] == RegularExpressions.unknown else { continue }
        distances[source] = distances[target] + 1
        try queue.append(Int32(source))
      }
    }
    return queue.isEmpty ? RegularExpressions.tooFar : distances[Int(queue[queue.count - 1])]
  }
}
