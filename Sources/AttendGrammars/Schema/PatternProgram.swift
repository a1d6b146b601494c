import AttendBase

/// A pattern as a nondeterministic automaton (Thompson 1968), for the questions that need a whole automaton: whether
/// two languages have a string in common, and patterns with assertions inside.
struct PatternProgram {
  enum Step {
    case characters(Int)  // by number of `sets`
    case split(Int)  // goes on here too
    case assertion(Pattern.Assertion)
    case lookahead(PatternAutomaton, negated: Bool)
    case jump
    case accept
  }

  private(set) var steps: [Step] = []
  /// Where each step goes on.
  private(set) var next: [Int] = []
  private(set) var sets: [Scalars] = []
  private(set) var hasBoundaries = false
  private var numbers: [Scalars: Int] = [:]
  /// Steps of loops over any character, with what follows them.
  private var loops: [(step: Int, exit: Int)] = []
  /// Those behind which nothing is left to match: who is there has won, whatever comes.
  private(set) var universal: Set<Int> = []

  private static let longest = 20_000

  /// The program of all strings in which the pattern is found, wherever (`whole`: of those that it matches in full).
  init(_ pattern: Pattern, whole: Bool = false) throws(Failure) {
    let loose = Pattern.anything
    try add(whole ? pattern : .sequence([loose, pattern, loose]))
    let end = try append(.accept)
    for loop in loops {
      var place = loop.exit
      while case .jump = steps[place] { place = next[place] }
      if place == end { universal.insert(loop.step) }
    }
  }

  @discardableResult private mutating func append(_ step: Step) throws(Failure) -> Int {
    guard steps.count < PatternProgram.longest else {
      throw Failure(.unsupported, "a regular expression of over \(PatternProgram.longest) steps")
    }
    steps.append(step)
    next.append(steps.count)
    return steps.count - 1
  }

  private mutating func add(_ pattern: Pattern) throws(Failure) {
    switch pattern {
    case .characters(let set):
      let number = numbers[set] ?? sets.count
      if number == sets.count {
        numbers[set] = number
        sets.append(set)
      }
      try append(.characters(number))
    case .sequence(let all): for one in all { try add(one) }
    case .choice(let all): try addChoice(all)
    case .repetition(let body, let least, let most): try addRepetition(body, least, most)
    case .assertion(let assertion):
      if assertion == .boundary || assertion == .noBoundary { hasBoundaries = true }
      try append(.assertion(assertion))
    case .lookahead(let body, let negated):
      let ahead = try PatternAutomaton(PatternProgram(.sequence([body, .anything]), whole: true))
      try append(.lookahead(ahead, negated: negated))
    }
  }

  private mutating func addChoice(_ all: [Pattern]) throws(Failure) {
    var exits: [Int] = []
    for (place, one) in all.enumerated() {
      let split = place + 1 < all.count ? try append(.split(0)) : nil
      try add(one)
      exits.append(try append(.jump))
      if let split { steps[split] = .split(steps.count) }
    }
    for exit in exits { next[exit] = steps.count }
  }

  private mutating func addRepetition(_ body: Pattern, _ least: Int, _ most: Int?) throws(Failure) {
    for _ in 0..<least { try add(body) }
    guard let most else {
      let split = try append(.split(0))
      try add(body)
      next[try append(.jump)] = split
      if body == .characters(.all) { loops.append((split + 1, steps.count)) }
      steps[split] = .split(steps.count)
      return
    }
    var splits: [Int] = []
    for _ in least..<most {
      splits.append(try append(.split(0)))
      try add(body)
    }
    for split in splits { steps[split] = .split(steps.count) }
  }
}
