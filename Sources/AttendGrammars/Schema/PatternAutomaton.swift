import AttendBase

/// A deterministic automaton over characters. Symbols stand for sets of characters that no edge tells apart.
final class PatternAutomaton: Sendable {
  /// The first character of each interval, ascending from 0, and its symbol.
  let starts: [UInt32]
  let symbolOf: [Int]
  let symbols: Int
  /// The state after a symbol, `[states, symbols]`; -1 is no state.
  let rows: [Int32]
  let ends: [Bool]

  static let largest = 5_000

  var states: Int { ends.count }

  init(starts: [UInt32], symbolOf: [Int], symbols: Int, rows: [Int32], ends: [Bool]) {
    (self.starts, self.symbolOf, self.symbols, self.rows, self.ends) = (starts, symbolOf, symbols, rows, ends)
  }

  convenience init(_ program: PatternProgram) throws(Failure) {
    var builder = PatternDeterminizer(program)
    self.init(try builder.run())
  }

  convenience init(_ other: PatternAutomaton) {
    self.init(
      starts: other.starts, symbolOf: other.symbolOf, symbols: other.symbols, rows: other.rows, ends: other.ends)
  }

  func symbol(of scalar: UInt32) -> Int {
    var (low, high) = (0, starts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= scalar { low = middle } else { high = middle }
    }
    return symbolOf[low]
  }

  @inline(__always) func step(_ state: Int32, _ symbol: Int) -> Int32 {
    state < 0 ? -1 : rows[Int(state) * symbols + symbol]
  }

  func accepts(_ text: some Sequence<Unicode.Scalar>) -> Bool {
    var state: Int32 = 0
    for scalar in text {
      state = step(state, symbol(of: scalar.value))
      if state < 0 { return false }
    }
    return ends[Int(state)]
  }

  /// The automaton of exactly these texts.
  static func texts(_ all: [[Unicode.Scalar]]) -> PatternAutomaton {
    let scalars = Set(all.joined().map(\.value)).sorted()
    var (starts, symbolOf): ([UInt32], [Int]) = ([0], [0])
    for (place, scalar) in scalars.enumerated() {
      if starts.last == scalar { (starts, symbolOf) = (starts.dropLast(), symbolOf.dropLast()) }
      starts += scalar < Scalars.last ? [scalar, scalar + 1] : [scalar]
      symbolOf += scalar < Scalars.last ? [place + 1, 0] : [place + 1]
    }
    let symbols = scalars.count + 1
    var rows = Array(repeating: Int32(-1), count: symbols)
    var ends = [false]
    for text in all {
      var state = 0
      for scalar in text {
        var low = 0, high = scalars.count
        while low < high {
          let middle = (low + high) / 2
          if scalars[middle] < scalar.value { low = middle + 1 } else { high = middle }
        }
        let place = state * symbols + low + 1
        if rows[place] < 0 {
          rows[place] = Int32(ends.count)
          rows += Array(repeating: -1, count: symbols)
          ends.append(false)
        }
        state = Int(rows[place])
      }
      ends[state] = true
    }
    return PatternAutomaton(starts: starts, symbolOf: symbolOf, symbols: symbols, rows: rows, ends: ends)
  }

  /// Cuts the characters wherever one of the sets or starts cuts them, and gives the same symbol to what `signature`
  /// does not tell apart.
  static func partition(
    _ cuts: [UInt32], _ signature: (UInt32) -> [Int]
  ) -> (starts: [UInt32], symbolOf: [Int], representatives: [UInt32]) {
    var starts: [UInt32] = []
    for cut in ([0] + cuts).sorted() where cut <= Scalars.last && starts.last != cut { starts.append(cut) }
    var numbers: [[Int]: Int] = [:]
    var representatives: [UInt32] = []
    var symbolOf: [Int] = []
    for start in starts {
      let key = signature(start)
      let number = numbers[key] ?? representatives.count
      if number == representatives.count {
        numbers[key] = number
        representatives.append(start)
      }
      symbolOf.append(number)
    }
    return (starts, symbolOf, representatives)
  }
}

/// The subset construction (Rabin and Scott 1959). A state is a set of threads; a thread is a step of the program with
/// the states of what it has promised to find ahead.
struct PatternDeterminizer {
  private let program: PatternProgram
  private let starts: [UInt32]
  private let symbolOf: [Int]
  /// A character of each symbol.
  private let representatives: [UInt32]
  private var aheads: [PatternAutomaton] = []
  private var negations: [Bool] = []
  private var aheadOf: [Int: Int] = [:]  // by step

  /// A step, and the automata ahead with their states in pairs.
  private typealias Thread = [Int32]

  init(_ program: PatternProgram) {
    self.program = program
    var aheads: [PatternAutomaton] = []
    for (place, step) in program.steps.enumerated() {
      guard case .lookahead(let ahead, let negated) = step else { continue }
      aheadOf[place] = aheads.count
      aheads.append(ahead)
      negations.append(negated)
    }
    var cuts = aheads.flatMap(\.starts)
    let sets = program.sets + (program.hasBoundaries ? [.word] : [])
    for set in sets { for range in set.ranges { cuts += [range.lowerBound, range.upperBound + 1] } }
    (starts, symbolOf, representatives) = PatternAutomaton.partition(cuts) { scalar in
      sets.map { $0.contains(scalar) ? 1 : 0 } + aheads.map { $0.symbol(of: scalar) }
    }
    self.aheads = aheads
  }

  mutating func run() throws(Failure) -> PatternAutomaton {
    let isWord = representatives.map { Scalars.word.contains($0) }
    var numbers: [[Thread]: Int32] = [:]
    var states: [[Thread]] = []
    var rows: [Int32] = []
    var ends: [Bool] = []
    // Threads wait before assertions: what is ahead is known only when it comes.
    func number(_ threads: [Thread]) throws(Failure) -> Int32 {
      if let known = numbers[threads] { return known }
      guard states.count < PatternAutomaton.largest else {
        throw Failure(.unsupported, "a regular expression with over \(PatternAutomaton.largest) states")
      }
      numbers[threads] = Int32(states.count)
      states.append(threads)
      return Int32(states.count - 1)
    }
    _ = try number([[0, 2]])
    var (place, spent) = (0, 0)
    while place < states.count {
      let threads = states[place]
      ends.append(closure(threads, next: nil).contains { isAccepting($0) })
      var closures: [Bool: [Thread]] = [:]
      for symbol in representatives.indices {
        let word = program.hasBoundaries && isWord[symbol]
        let ready = closures[word] ?? closure(threads, next: word)
        closures[word] = ready
        spent += ready.count
        let target = advance(ready, symbol, word)
        rows.append(target.isEmpty ? -1 : try number(target))
      }
      guard spent <= PatternDeterminizer.budget else {
        throw Failure(
          .unsupported, "a regular expression of which over \(PatternDeterminizer.budget) steps are to be followed")
      }
      place += 1
    }
    return PatternAutomaton(
      starts: starts, symbolOf: symbolOf, symbols: representatives.count, rows: rows, ends: ends)
  }

  /// Steps of the program that are followed, in all states together.
  private static let budget = 1 << 21

  /// All threads that are reached without a character. The second number of a thread says what came before it: 0 no
  /// word character, 1 one, 2 the start. `next`: whether a word character follows; nil at the end.
  private func closure(_ threads: [Thread], next: Bool?) -> [Thread] {
    var seen = Set<Thread>()
    var result: [Thread] = []
    var pending = threads
    while let thread = pending.popLast() {
      guard seen.insert(thread).inserted else { continue }
      let step = Int(thread[0])
      func go(_ target: Int, _ more: [Int32] = []) {
        var promises = Array(thread[2...])
        for place in stride(from: 0, to: more.count, by: 2) {
          let known = stride(from: 0, to: promises.count, by: 2).contains {
            promises[$0] == more[place] && promises[$0 + 1] == more[place + 1]
          }
          if !known { promises += more[place..<place + 2] }
        }
        pending.append([Int32(target), thread[1]] + promises)
      }
      switch program.steps[step] {
      case .characters, .accept: result.append(thread)
      case .jump: go(program.next[step])
      case .split(let other):
        go(program.next[step])
        go(other)
      case .assertion(let assertion):
        if holds(assertion, before: thread[1], next: next) { go(program.next[step]) }
      case .lookahead: go(program.next[step], [Int32(aheadOf[step]!), 0])
      }
    }
    return result
  }

  private func holds(_ assertion: Pattern.Assertion, before: Int32, next: Bool?) -> Bool {
    switch assertion {
    case .start: before == 2
    case .end: next == nil
    case .boundary: (before == 1) != (next ?? false)
    case .noBoundary: (before == 1) == (next ?? false)
    }
  }

  /// Whether a thread may end here: at its end, with all promises kept.
  private func isAccepting(_ thread: Thread) -> Bool {
    guard case .accept = program.steps[Int(thread[0])] else { return false }
    return stride(from: 2, to: thread.count, by: 2).allSatisfy { place in
      let (ahead, state) = (Int(thread[place]), thread[place + 1])
      return (state >= 0 && aheads[ahead].ends[Int(state)]) != negations[ahead]
    }
  }

  private func advance(_ ready: [Thread], _ symbol: Int, _ word: Bool) -> [Thread] {
    var result = Set<Thread>()
    let scalar = representatives[symbol]
    for thread in ready {
      let step = Int(thread[0])
      guard case .characters(let set) = program.steps[step], program.sets[set].contains(scalar) else { continue }
      if thread.count == 2, program.universal.contains(step) { return [[Int32(program.next[step]), word ? 1 : 0]] }
      guard let promises = advance(promises: thread[2...], scalar) else { continue }
      result.insert([Int32(program.next[step]), word ? 1 : 0] + promises)
    }
    return result.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// The promises after a character; nil where one is broken for good.
  private func advance(promises: ArraySlice<Int32>, _ scalar: UInt32) -> [Int32]? {
    var pairs: [(Int32, Int32)] = []
    for place in stride(from: promises.startIndex, to: promises.endIndex, by: 2) {
      let ahead = aheads[Int(promises[place])]
      let state = ahead.step(promises[place + 1], ahead.symbol(of: scalar))
      if state < 0 {
        if !negations[Int(promises[place])] { return nil }
        continue
      }
      if !pairs.contains(where: { $0 == (promises[place], state) }) { pairs.append((promises[place], state)) }
    }
    return pairs.sorted { $0 < $1 }.flatMap { [$0.0, $0.1] }
  }
}
