import AttendBase

// MARK: - Rows

extension RegularExpressions {
  /// The states after each class of bytes. Throws where a limit is passed.
  @inline(__always) mutating func row(of expression: Int32) throws(Failure) -> UnsafePointer<Int32> {
    if nodes[Int(expression)].row < 0 { try makeRow(of: expression) }
    return UnsafePointer(rows[nodes[Int(expression)].row])
  }

  /// Forgets all rows, which are made anew where they are wanted.
  mutating func forgetRows() {
    for place in 0..<nodes.count { (nodes[place].row, nodes[place].derived) = (-1, -1) }
    rows.removeAll()
  }

  /// The derivatives that are there.
  @inline(__always) private func knownRow(_ expression: Int32) -> UnsafePointer<Int32> {
    UnsafePointer(rows[nodes[Int(expression)].derived])
  }

  /// Makes a row and those of the parts that it needs, innermost first, without the stack. States that turn out to be
  /// of no string become `nothing`.
  private mutating func makeRow(of expression: Int32) throws(Failure) {
    try deriveRows(of: expression)
    let number = nodes[Int(expression)].derived
    let row = rows[number]
    for one in 0..<classes.count where nodes[Int(row[one])].isBoolean {
      if try !isLive(row[one]) { row[one] = RegularExpressions.nothing }
    }
    nodes[Int(expression)].row = number
  }

  private mutating func deriveRows(of expression: Int32) throws(Failure) {
    let mark = pending.count
    try pending.append(expression)
    while pending.count > mark {
      let next = pending[pending.count - 1]
      let before = pending.count
      if nodes[Int(next)].derived < 0 {
        try wantParts(of: next)
        if pending.count > before { continue }
        try derive(next)
      }
      _ = pending.removeLast()
    }
  }

  /// Puts the parts whose rows are missing on the list.
  private mutating func wantParts(of expression: Int32) throws(Failure) {
    let node = nodes[Int(expression)]
    switch node.kind {
    case .nothing, .empty, .bytes, .literal: return
    case .state: try want(definitions[Int(node.first)])
    case .repetition, .complement: try want(node.first)
    case .sequence:
      try want(node.first)
      if isNullable(node.first) { try want(node.second) }
    case .choice, .intersection:
      for part in 0..<Int(node.second) {
        let part = parts[Int(node.first) + part]
        if node.kind == .intersection || nodes[Int(part)].kind != .literal { try want(part) }
      }
    }
  }

  private mutating func want(_ expression: Int32) throws(Failure) {
    if nodes[Int(expression)].derived < 0 { try pending.append(expression) }
  }

  private mutating func derive(_ expression: Int32) throws(Failure) {
    let (node, count) = (nodes[Int(expression)], classes.count)
    guard rows.bytes <= limits.rowBytes else { throw tooLarge("bytes of rows", limits.rowBytes) }
    let number = try rows.add(filling: RegularExpressions.nothing)
    let row = rows[number]
    switch node.kind {
    case .nothing, .empty: break
    case .bytes:
      for one in 0..<count where sets[Int(node.first)].contains(classes.representatives[one]) {
        row[one] = RegularExpressions.empty
      }
    case .literal:
      let own = Int(classes.classes[Int(text[Int(node.first)])])
      row[own] = try literal(from: node.first + 1, count: node.second - 1)
    case .state:
      for one in 0..<count { row[one] = knownRow(definitions[Int(node.first)])[one] }
    case .sequence: try deriveSequence(node, row)
    case .repetition:
      let rest = try repetition(node.first, max(node.second - 1, 0), node.third < 0 ? -1 : node.third - 1)
      try fill(row) { (all, one) throws(Failure) in
        try all.sequence(all.knownRow(node.first)[one], rest)
      } key: { all, one in
        UInt64(UInt32(bitPattern: all.knownRow(node.first)[one]))
      }
    case .complement:
      try fill(row) { (all, one) throws(Failure) in
        try all.complement(all.knownRow(node.first)[one])
      } key: { all, one in
        UInt64(UInt32(bitPattern: all.knownRow(node.first)[one]))
      }
    case .choice, .intersection: try deriveParts(node, row)
    }
    nodes[Int(expression)].derived = number
  }

  private mutating func deriveSequence(_ node: Node, _ row: UnsafeMutablePointer<Int32>) throws(Failure) {
    let (first, second, skips) = (node.first, node.second, isNullable(node.first))
    try fill(row) { (all, one) throws(Failure) in
      let through = try all.sequence(all.knownRow(first)[one], second)
      return skips ? try all.choice(through, all.knownRow(second)[one]) : through
    } key: { all, one in
      let key = UInt64(UInt32(bitPattern: all.knownRow(first)[one]))
      return skips ? key << 32 | UInt64(UInt32(bitPattern: all.knownRow(second)[one])) : key
    }
  }

  /// Fills a row; classes with equal keys have equal states, and most rows have few.
  @inline(__always) private mutating func fill(
    _ row: UnsafeMutablePointer<Int32>, _ state: (inout RegularExpressions, Int) throws(Failure) -> Int32,
    key: (borrowing RegularExpressions, Int) -> UInt64
  ) throws(Failure) {
    var keys = SIMD4<UInt64>(repeating: .max)
    var states = SIMD4<Int32>.zero
    var next = 0
    for one in 0..<classes.count {
      let own = key(self, one)
      var found: Int32 = -1
      for place in 0..<4 where keys[place] == own { found = states[place] }
      if found < 0 {
        found = try state(&self, one)
        (keys[next], states[next]) = (own, found)
        next = (next + 1) & 3
      }
      row[one] = found
    }
  }

  private mutating func deriveParts(_ node: Node, _ row: UnsafeMutablePointer<Int32>) throws(Failure) {
    let isChoice = node.kind == .choice
    for one in 0..<classes.count {
      let mark = beginParts()
      for part in 0..<Int(node.second) {
        let number = parts[Int(node.first) + part]
        let inner = nodes[Int(number)]
        if isChoice, inner.kind == .literal {
          guard Int(classes.classes[Int(text[Int(inner.first)])]) == one else { continue }
          try addPart(literal(from: inner.first + 1, count: inner.second - 1))
          continue
        }
        let target = knownRow(number)[one]
        if isChoice, target == RegularExpressions.nothing { continue }
        try addPart(target)
        if target == RegularExpressions.nothing { break }
      }
      row[one] = try isChoice ? choice(ofPartsFrom: mark) : intersection(ofPartsFrom: mark)
    }
  }
}

// MARK: - Emptiness

extension RegularExpressions {
  /// Whether any string matches. Without intersections and complements only `nothing` has none; with them, a state
  /// lives from which one can be reached that accepts.
  mutating func isLive(_ expression: Int32) throws(Failure) -> Bool {
    if settled(expression) == nil { try search(from: expression) }
    return settled(expression) ?? true
  }

  private func settled(_ expression: Int32) -> Bool? {
    let node = nodes[Int(expression)]
    if expression == RegularExpressions.nothing || node.liveness == .dead { return false }
    return node.isNullable || !node.isBoolean || node.liveness == .live ? true : nil
  }

  /// Searches breadth first; where it finds a living state, all on the way there live, and where it finds none, all
  /// that it has seen are dead.
  private mutating func search(from expression: Int32) throws(Failure) {
    var visited = GrowingList<Int32>(for: "a search for a string")
    var origins = GrowingList<Int32>(for: "a search for a string")
    var seen = HashTable(for: "a search for a string")
    try visited.append(expression)
    try origins.append(-1)
    try seen.insert(0, mixed(0, UInt64(expression))) { _ in 0 }
    var next = 0
    while next < visited.count {
      try deriveRows(of: visited[next])
      for one in 0..<classes.count {
        let target = knownRow(visited[next])[one]
        if settled(target) == false { continue }
        if settled(target) == true { return markLive(visited, origins, from: next) }
        let hash = mixed(0, UInt64(target))
        if seen.find(hash, where: { [visited = visited.elements] in visited[Int($0)] == target }) != nil { continue }
        guard visited.count < limits.search else { throw tooLarge("states of an intersection", limits.search) }
        try seen.insert(Int32(visited.count), hash) { [visited = visited.elements] in
          mixed(0, UInt64(visited[Int($0)]))
        }
        try visited.append(target)
        try origins.append(Int32(next))
      }
      next += 1
    }
    for state in visited.elements { nodes[Int(state)].liveness = .dead }
  }

  private mutating func markLive(
    _ visited: borrowing GrowingList<Int32>, _ origins: borrowing GrowingList<Int32>, from place: Int
  ) {
    var place = Int32(place)
    while place >= 0 {
      nodes[Int(visited[Int(place)])].liveness = .live
      place = origins[Int(place)]
    }
  }
}
