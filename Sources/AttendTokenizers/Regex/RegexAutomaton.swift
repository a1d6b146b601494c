import AttendBase

/// The deterministic automaton of a regular expression, made whole in advance, so that a text is read in one pass and a
/// tokenizer is shared without locks.
///
/// A state is the ordered list of places in the program that are alive after a scalar, with the class of that scalar
/// where the expression looks back. A transition reads the class of the next scalar, the edge of the text included: so
/// conditions on the next scalar cost nothing, and a match is known one scalar later. Lower branches die when a higher
/// one matches: what is left at the end is the match that a backtracking matcher would prefer.
struct RegexAutomaton: Sendable {
  let classes: ScalarClasses
  /// [state][class]: the next state times two, plus 1 where a match ends before this scalar. State 0 is dead.
  let transitions: [Int32]
  /// The start state by the class of the scalar before, the edge included.
  let starts: [Int32]
  /// Transitions of one state.
  let stride: Int
  /// Larger automata are refused.
  private static let limit = 10_000

  init(_ program: RegexProgram, name: String) throws(Failure) {
    let classes = try ScalarClasses(program.sets + program.assertions.map(\.set), name: name)
    var builder = Builder(program: program, classes: classes)
    self.classes = classes
    self.stride = classes.count + 1
    let looksBack = program.assertions.contains { $0.direction == .before }
    var starts: [Int32] = []
    for previous in 0...classes.count {
      starts.append(builder.state([program.start], previous: looksBack ? previous : -1))
    }
    self.starts = starts
    var transitions: [Int32] = []
    var index = 0
    while index < builder.states.count {
      guard builder.states.count <= RegexAutomaton.limit else {
        throw Failure(
          .unsupported,
          "regular expression \"\(name)\": its automaton has more than \(RegexAutomaton.limit) states, which is not supported"
        )
      }
      for next in 0...classes.count {
        transitions.append(builder.transition(from: index, next: next, looksBack: looksBack))
      }
      index += 1
    }
    self.transitions = transitions
  }

  private struct State: Hashable {
    let places: [Int]
    let previous: Int
  }

  private struct Builder {
    let program: RegexProgram
    let classes: ScalarClasses
    var states: [State] = [State(places: [], previous: -1)]
    var numbers: [State: Int32] = [State(places: [], previous: -1): 0]

    mutating func state(_ places: [Int], previous: Int) -> Int32 {
      let state = State(places: places, previous: places.isEmpty ? -1 : previous)
      if let number = numbers[state] { return number }
      numbers[state] = Int32(states.count)
      states.append(state)
      return Int32(states.count - 1)
    }

    mutating func transition(from index: Int, next: Int, looksBack: Bool) -> Int32 {
      let state = states[index]
      var visited = Set<Int>()
      var targets: [Int] = []
      let matched = follow(state.places, previous: state.previous, next: next, &visited, &targets)
      return self.state(targets, previous: looksBack ? next : -1) * 2 + (matched ? 1 : 0)
    }

    /// Walks all that consumes nothing, in the order of preference, and collects where the next scalar leads. True: a
    /// match ends here, and what is less preferred was not walked.
    private func follow(
      _ places: [Int], previous: Int, next: Int, _ visited: inout Set<Int>, _ targets: inout [Int]
    ) -> Bool {
      var stack = Array(places.reversed())
      while let place = stack.popLast() {
        guard visited.insert(place).inserted else { continue }
        switch program.instructions[place] {
        case .match: return true
        case .jump(let target): stack.append(target)
        case .fork(let preferred, let other):
          stack.append(other)
          stack.append(preferred)
        case .assertion(let index, let target):
          let assertion = program.assertions[index]
          let seen = assertion.direction == .after ? next : previous
          let holds = seen == classes.edge ? assertion.holdsAtEdge : assertion.set.contains(classes.examples[seen])
          if holds { stack.append(target) }
        case .scalar(let set, let target):
          if next != classes.edge, program.sets[set].contains(classes.examples[next]), !targets.contains(target) {
            targets.append(target)
          }
        }
      }
      return false
    }
  }
}
