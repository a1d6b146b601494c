import AttendBase

/// The deterministic automaton of a regular expression, made whole in advance, so that a text is read in one pass and a
/// tokenizer is shared without locks.
///
/// A state is the ordered list of places in the program that are alive after a scalar, with the class of that scalar
/// where the expression looks back. A transition reads the class of the next scalar, the edge of the text included: so
/// conditions on the next scalar cost nothing, and a match is known one scalar later. Lower branches die when a higher
/// one matches: what is left at the end is the match that a backtracking matcher would prefer.
final class RegexAutomaton: Sendable {
  let classes: ScalarClasses
  /// [state][class]: the next state times two, plus 1 where a match ends before this scalar. State 0 is dead.
  private let table: AlignedBuffer
  /// The start state by the class of the scalar before, the edge included.
  let starts: [Int32]
  /// Transitions of one state.
  let stride: Int

  /// Nil where the automaton would be too large, or take too long to make. The program must be plain.
  init?(_ program: RegexProgram, _ classes: ScalarClasses) throws(Failure) {
    self.classes = classes
    self.stride = classes.count + 1
    var builder = Builder(program: program, classes: classes)
    let limit = RegexBudget.transitions / stride
    let looksBack = program.assertions.contains { $0.direction == .before }
    var starts: [Int32] = []
    for previous in 0...classes.count {
      starts.append(builder.state([program.parts[0].start], previous: looksBack ? previous : -1))
    }
    self.starts = starts
    var transitions = GrowingList<Int32>(for: "a regular expression")
    var index = 0
    while index < builder.states.count {
      guard builder.states.count <= limit else { return nil }
      for next in 0...classes.count {
        guard let transition = builder.transition(from: index, next: next, looksBack: looksBack) else { return nil }
        try transitions.append(transition)
      }
      index += 1
    }
    table = try AlignedBuffer(transitions.count, of: Int32.self, for: "a regular expression")
    table.pointer(to: Int32.self).update(from: transitions.storage, count: transitions.count)
  }

  /// For loops: the transitions in memory, which live as long as `self`.
  var transitions: UnsafePointer<Int32> { UnsafePointer(table.pointer(to: Int32.self)) }

  private struct State: Hashable {
    let places: [Int]
    let previous: Int
  }

  private struct Builder {
    let program: RegexProgram
    let classes: ScalarClasses
    var work = RegexBudget.automatonWork
    var states: [State] = [State(places: [], previous: -1)]
    var numbers: [State: Int32] = [State(places: [], previous: -1): 0]

    mutating func state(_ places: [Int], previous: Int) -> Int32 {
      let state = State(places: places, previous: places.isEmpty ? -1 : previous)
      if let number = numbers[state] { return number }
      numbers[state] = Int32(states.count)
      states.append(state)
      return Int32(states.count - 1)
    }

    /// Nil where no work is left.
    mutating func transition(from index: Int, next: Int, looksBack: Bool) -> Int32? {
      let state = states[index]
      var visited = Set<Int>()
      var targets: [Int] = []
      let matched = follow(state.places, previous: state.previous, next: next, &visited, &targets)
      work -= visited.count + 1
      guard work >= 0 else { return nil }
      return self.state(targets, previous: looksBack ? next : -1) * 2 + (matched ? 1 : 0)
    }

    /// Walks all that consumes nothing, in the order of preference, and collects where the next scalar leads. True: a
    /// match ends here, and what is less preferred was not walked.
    private func follow(
      _ places: [Int], previous: Int, next: Int, _ visited: inout Set<Int>, _ targets: inout [Int]
    ) -> Bool {
      var stack = Array(places.reversed())
      var isTarget = Set<Int>()
      while let place = stack.popLast() {
        guard visited.insert(place).inserted else { continue }
        switch program.parts[0].instructions[place] {
        case .match: return true
        case .fork(let preferred, let other):
          stack.append(other)
          stack.append(preferred)
        case .assertion(let index, let target):
          let assertion = program.assertions[index]
          let seen = assertion.direction == .after ? next : previous
          let holds = seen == classes.edge ? assertion.holdsAtEdge : assertion.set.contains(classes.examples[seen])
          if holds { stack.append(target) }
        case .scalar(let set, let target):
          if next != classes.edge, program.sets[set].contains(classes.examples[next]), isTarget.insert(target).inserted
          {
            targets.append(target)
          }
        case .look, .atomic, .clusterBoundary: break  // in no plain program
        }
      }
      return false
    }
  }
}
