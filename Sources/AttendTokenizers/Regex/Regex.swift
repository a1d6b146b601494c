import AttendBase

/// A regular expression that finds its matches in time linear in the text, whatever the text.
///
/// Matches are those of a backtracking matcher: leftmost, and of those the one that comes first in the order of the
/// expression.
package final class Regex: SplitPattern, Sendable {
  /// An automaton that reads the text once; or tables over all places of the text, for what looks further than a
  /// scalar ahead or behind, is atomic, or has too large an automaton.
  private enum Engine: Sendable {
    case automaton(RegexAutomaton)
    case table(RegexTable)
  }

  private let engine: Engine

  /// Throws `invalidFile` for what is no expression, `unsupported` for what is beyond this engine, `outOfMemory`.
  package convenience init(_ pattern: String) throws(Failure) { try self.init(pattern, dialect: .oniguruma) }

  init(_ pattern: String, dialect: RegexDialect) throws(Failure) {
    var parser = try RegexParser(pattern, dialect: dialect)
    let node = try parser.parse()
    var budget = parser.budget
    let program = try RegexProgram(node, &budget, name: pattern)
    let classes = try ScalarClasses(program.sets + program.assertions.map(\.set), &budget, name: pattern)
    if program.isPlain, let automaton = try RegexAutomaton(program, classes) {
      engine = .automaton(automaton)
    } else {
      engine = .table(try RegexTable(program, classes, name: pattern))
    }
  }

  func forEachMatch(
    in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    var steps = 0
    try forEachMatch(in: text, range, counting: &steps, body)
  }

  /// The steps of the search for all matches: scalars that the automaton reads, or instructions that the tables
  /// are filled by. For tests of time.
  package func steps(in text: [UInt8]) throws(Failure) -> Int {
    var steps = 0
    try text.withUnsafeBufferPointer { text throws(Failure) in
      try forEachMatch(in: text, 0..<text.count, counting: &steps) { _ throws(Failure) in }
    }
    return steps
  }

  private func forEachMatch(
    in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, counting steps: inout Int,
    _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    switch engine {
    case .automaton(let automaton): try automaton.forEachMatch(in: text, range, counting: &steps, body)
    case .table(let table): try table.forEachMatch(in: text, range, counting: &steps, body)
    }
  }
}

extension RegexAutomaton {
  fileprivate func forEachMatch(
    in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, counting steps: inout Int,
    _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    guard let base = text.baseAddress else { return }
    let reader = Reader(base: base, start: range.lowerBound, end: range.upperBound, automaton: self)
    var memory = Overshoot()
    var start = range.lowerBound, lastEnd = -1
    while start <= range.upperBound {
      let end = try reader.end(from: start, &memory, &steps)
      if end > start || (end == start && end != lastEnd) {
        try body(start..<end)
        start = end
        lastEnd = end
      } else {
        guard start < range.upperBound else { return }
        start += UTF8Text.length(first: base[start])
      }
    }
  }

  /// Whether and where a match begins right at a place.
  private struct Reader {
    let base: UnsafePointer<UInt8>
    let start: Int
    let end: Int
    let automaton: RegexAutomaton
    private let transitions: UnsafePointer<Int32>
    private let classes: ScalarClasses.Lookup
    private let stride: Int
    private let edge: Int

    init(base: UnsafePointer<UInt8>, start: Int, end: Int, automaton: RegexAutomaton) {
      self.base = base
      self.start = start
      self.end = end
      self.automaton = automaton
      transitions = automaton.transitions
      classes = automaton.classes.lookup
      stride = automaton.stride
      edge = automaton.classes.edge
    }

    /// The end of the match from `position` on, or -1.
    @inline(__always) func end(
      from position: Int, _ memory: inout Overshoot, _ steps: inout Int
    ) throws(Failure) -> Int {
      let previous = position > start ? classes[UTF8Text.decodeBackward(base + position).scalar] : edge
      var state = Int(automaton.starts[previous])
      var place = position, matched = -1
      defer { steps += place - position + 1 }
      while true {
        var scalarClass = edge, length = 0
        if place < end {
          let scalar = UTF8Text.decode(base + place)
          scalarClass = classes[scalar.scalar]
          length = scalar.length
        }
        let transition = Int(transitions[state * stride + scalarClass])
        if transition & 1 != 0 { matched = place }
        state = transition >> 1
        if state == 0 || length == 0 { return matched }
        place += length
        if place - max(matched, position) >= Overshoot.patience, try memory.isKnown(state, place, length) {
          return matched
        }
      }
    }
  }
}
