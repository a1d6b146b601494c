import AttendBase

extension RegularExpressions {
  /// How many characters of the body of a string (`BodyLengths`) a state allows, whichever they are, and whether the
  /// lexeme can end among them. Searched breadth first; a search that grows too wide gives what is certain.
  mutating func bodyReach(from expression: Int32) throws(Failure) -> (length: UInt8, mayEnd: Bool) {
    let widest = 128
    var seen = GrowingList<Int32>(for: "a search of an automaton")
    try seen.append(expression)
    var (next, levelEnd, length, mayEnd) = (0, 1, UInt8(0), false)
    while next < seen.count {
      guard try addStates(afterCharacterFrom: seen[next], to: &seen) else { return (length, mayEnd) }
      next += 1
      guard next == levelEnd else { continue }
      for state in seen.elements[levelEnd...] where isNullable(state) { mayEnd = true }
      length += 1
      levelEnd = seen.count
      if length == BodyLengths.longest || seen.count > widest { return (length, mayEnd) }
    }
    return (BodyLengths.endless, mayEnd || isNullable(expression))
  }

  /// Adds the states after any character that are not there; false if there is a character without one.
  private mutating func addStates(
    afterCharacterFrom expression: Int32, to seen: inout GrowingList<Int32>
  ) throws(Failure) -> Bool {
    for form in BodyLengths.forms {
      let mark = seen.count
      var (first, limit) = (mark, mark)
      for (place, range) in form.enumerated() {
        // Between the bytes of a character, states lie behind those that stay.
        let sources = place == 0 ? 1 : limit - first
        let level = seen.count
        for source in 0..<sources {
          let state = place == 0 ? expression : seen[first + source]
          guard try addStates(after: range, from: state, since: level, to: &seen) else { return false }
        }
        (first, limit) = (level, seen.count)
      }
      // The last level stays, as far as it is new.
      var kept = mark
      for place in first..<limit {
        let state = seen[place]
        if seen.elements[..<kept].contains(state) { continue }
        seen[kept] = state
        kept += 1
      }
      seen.removeAll(from: kept)
    }
    return true
  }

  private mutating func addStates(
    after range: (low: UInt8, high: UInt8), from state: Int32, since level: Int, to seen: inout GrowingList<Int32>
  ) throws(Failure) -> Bool {
    let row = try row(of: state)
    var last = RegularExpressions.nothing
    for byte in range.low...range.high {
      let target = row[Int(classes.classes[Int(byte)])]
      if target == RegularExpressions.nothing { return false }
      if target == last { continue }
      last = target
      if !seen.elements[level...].contains(target) { try seen.append(target) }
    }
    return true
  }
}
