import AttendBase

/// A regular expression matched by tables over the places of a text, one part after another: what a look-ahead, an
/// atomic group or the whole matches from each place on is found from the end of the text to its start, whether a
/// look-behind holds from its start to its end. Each place costs each instruction once, so the time is linear in the
/// text, and atomic groups and look-around are as in a backtracking matcher.
///
/// After Davis, Servant and Lee 2021 ("Using Selective Memoization to Defeat Regular Expression Denial of Service") and
/// Fujinami and Hasuo 2024 ("Efficient Matching with Memoization for Regexes with Look-around and Atomic Grouping"),
/// with whole tables in the place of a memory.
final class RegexTable: Sendable {
  typealias Instruction = RegexProgram.Instruction

  let classes: ScalarClasses
  let parts: [Part]
  let needsClusters: Bool
  /// Bit `class` of row `set`: the set holds the class. Behind the rows of the sets those of the assertions, with a bit
  /// for the edge of the text.
  private let members: AlignedBuffer
  /// Words of a row.
  private let words: Int
  let firstAssertion: Int
  private let assertions: [RegexAssertion.Direction]
  private static let limit = 1 << 24

  /// A part whose instructions stand behind those that they go on to without consuming a scalar.
  struct Part: Sendable {
    let kind: RegexProgram.Part.Kind
    let instructions: [Instruction]
    let start: Int
    /// Atomic groups among the instructions.
    let atomicGroups: [Int]
  }

  init(_ program: RegexProgram, _ classes: ScalarClasses, name: String) throws(Failure) {
    self.classes = classes
    needsClusters = program.needsClusters
    parts = program.parts.map { RegexTable.ordered($0) }
    firstAssertion = program.sets.count
    assertions = program.assertions.map(\.direction)
    words = classes.count / 64 + 1
    let rows = program.sets.count + program.assertions.count
    guard rows * words * 64 <= RegexTable.limit else {
      throw RegexBudget.exceeded(name, "\(rows) sets times \(classes.count) classes of characters")
    }
    members = try AlignedBuffer(max(rows * words, 1), of: UInt64.self, for: "a regular expression")
    let bits = members.pointer(to: UInt64.self)
    bits.update(repeating: 0, count: max(rows * words, 1))
    for (row, set) in (program.sets + program.assertions.map(\.set)).enumerated() {
      for (number, example) in classes.examples.enumerated() where set.contains(example) {
        bits[row * words + number / 64] |= 1 << UInt64(number % 64)
      }
    }
    for (index, assertion) in program.assertions.enumerated() where assertion.holdsAtEdge {
      bits[(firstAssertion + index) * words + classes.edge / 64] |= 1 << UInt64(classes.edge % 64)
    }
  }

  /// Whether a set, or the set of an assertion, holds a class.
  @inline(__always) func holds(_ row: Int, _ number: Int) -> Bool {
    members.pointer(to: UInt64.self)[row * words + number / 64] >> UInt64(number % 64) & 1 != 0
  }

  /// Whether an assertion holds between two classes.
  @inline(__always) func holds(assertion: Int, _ before: Int, _ after: Int) -> Bool {
    holds(firstAssertion + assertion, assertions[assertion] == .before ? before : after)
  }

  /// Puts the instructions of a part into the order in which they depend on one another within a place.
  private static func ordered(_ part: RegexProgram.Part) -> Part {
    var numbers = [Int](repeating: -1, count: part.instructions.count)
    var order: [Int] = []
    var isEntered = [Bool](repeating: false, count: part.instructions.count)
    // A place is pushed once more when it is entered: to be numbered behind what it goes on to.
    var stack = part.instructions.indices.map { (place: $0, isDone: false) }
    while let (place, isDone) = stack.popLast() {
      if isDone {
        numbers[place] = order.count
        order.append(place)
      } else if !isEntered[place] {
        isEntered[place] = true
        stack.append((place, true))
        for next in part.instructions[place].waysWithin { stack.append((next, false)) }
      }
    }
    let instructions = order.map { part.instructions[$0].renumbered { numbers[$0] } }
    let atomicGroups = instructions.indices.filter { if case .atomic = instructions[$0] { true } else { false } }
    return Part(
      kind: part.kind, instructions: instructions, start: numbers[part.start], atomicGroups: atomicGroups)
  }
}

extension RegexProgram.Instruction {
  /// The instructions to which this one may go on without consuming a scalar.
  fileprivate var waysWithin: [Int] {
    switch self {
    case .scalar, .match: []
    case .fork(let a, let b): [a, b]
    case .atomic(_, let empty, _): [empty]  // where it goes on from a place further on is known already
    case .assertion(_, let next), .look(_, _, let next), .clusterBoundary(_, let next): [next]
    }
  }

  fileprivate func renumbered(_ number: (Int) -> Int) -> RegexProgram.Instruction {
    switch self {
    case .match: .match
    case .scalar(let set, let next): .scalar(set: set, next: number(next))
    case .fork(let a, let b): .fork(number(a), number(b))
    case .assertion(let index, let next): .assertion(index, next: number(next))
    case .look(let part, let isNegative, let next): .look(part, isNegative: isNegative, next: number(next))
    case .atomic(let part, let empty, let next): .atomic(part, ifEmpty: number(empty), next: number(next))
    case .clusterBoundary(let isNegative, let next): .clusterBoundary(isNegative: isNegative, next: number(next))
    }
  }
}

extension RegexTable {
  func forEachMatch(
    in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, counting steps: inout Int,
    _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    let run = try RegexRun(self, UnsafeBufferPointer(rebasing: text[range]))
    try run.fill()
    steps += parts.reduce(0) { $0 + $1.instructions.count } * (run.count + 1)
    var place = 0, lastEnd = -1
    while place <= run.count {
      let end = run.end(from: place)
      if end > place || end == place && end != lastEnd {
        try body(range.lowerBound + run.offset(place)..<range.lowerBound + run.offset(end))
        (place, lastEnd) = (end, end)
      } else {
        place += 1
      }
    }
  }
}
