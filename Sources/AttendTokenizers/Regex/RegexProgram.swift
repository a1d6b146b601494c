import AttendBase

/// A regular expression as a nondeterministic automaton whose branches are ordered by preference (Thompson 1968; Cox
/// 2010, "Regular Expression Matching in the Wild").
struct RegexProgram {
  enum Instruction {
    /// Consumes one scalar of the set with this index.
    case scalar(set: Int, next: Int)
    /// The first branch is preferred.
    case fork(Int, Int)
    case assertion(Int, next: Int)
    case jump(Int)
    case match
  }

  private(set) var instructions: [Instruction] = []
  private(set) var sets: [ScalarSet] = []
  private(set) var assertions: [RegexAssertion] = []
  private(set) var start = 0
  /// Larger programs are refused.
  private static let limit = 20_000

  init(_ node: RegexNode, name: String) throws(Failure) {
    let match = try add(.match, name)
    start = try emit(node, next: match, name)
  }

  private mutating func add(_ instruction: Instruction, _ name: String) throws(Failure) -> Int {
    guard instructions.count < RegexProgram.limit else {
      throw Failure(
        .unsupported, "regular expression \"\(name)\": more than \(RegexProgram.limit) states are not supported")
    }
    instructions.append(instruction)
    return instructions.count - 1
  }

  /// Writes the instructions of a node that go on to `next`, and returns their first.
  private mutating func emit(_ node: RegexNode, next: Int, _ name: String) throws(Failure) -> Int {
    switch node {
    case .empty: return next
    case .set(let set): return try add(.scalar(set: index(of: set), next: next), name)
    case .assertion(let assertion): return try add(.assertion(index(of: assertion), next: next), name)
    case .sequence(let items):
      var next = next
      for item in items.reversed() { next = try emit(item, next: next, name) }
      return next
    case .alternatives(let branches):
      var first = try emit(branches[branches.count - 1], next: next, name)
      for branch in branches.dropLast().reversed() {
        first = try add(.fork(try emit(branch, next: next, name), first), name)
      }
      return first
    case .repetition(let body, let minimum, let maximum, let isLazy):
      var next = next
      if let maximum {
        let end = next
        for _ in minimum..<maximum { next = try fork(try emit(body, next: next, name), end, isLazy, name) }
      } else {
        let loop = try add(.jump(next), name)  // the place is known before the body is
        let first = try emit(body, next: loop, name)
        instructions[loop] = isLazy ? .fork(next, first) : .fork(first, next)
        next = loop
      }
      for _ in 0..<minimum { next = try emit(body, next: next, name) }
      return next
    }
  }

  private mutating func fork(_ body: Int, _ end: Int, _ isLazy: Bool, _ name: String) throws(Failure) -> Int {
    try add(isLazy ? .fork(end, body) : .fork(body, end), name)
  }

  private mutating func index(of set: ScalarSet) -> Int {
    if let index = sets.firstIndex(of: set) { return index }
    sets.append(set)
    return sets.count - 1
  }

  private mutating func index(of assertion: RegexAssertion) -> Int {
    if let index = assertions.firstIndex(of: assertion) { return index }
    assertions.append(assertion)
    return assertions.count - 1
  }
}

/// The scalars, put into classes that no set of an expression tells apart.
struct ScalarClasses: Sendable {
  /// Classes are numbered from 0; the edge of the text is the one after the last.
  let count: Int
  var edge: Int { count }
  /// By scalar, for planes 0 to 3.
  let plain: [UInt8]
  /// First scalars of runs of one class beyond, and the classes.
  private let firsts: [UInt32]
  private let classes: [UInt8]
  /// A scalar of each class.
  let examples: [UInt32]
  static let plainCount = 0x40000

  init(_ sets: [ScalarSet], name: String) throws(Failure) {
    var cuts: [UInt32] = [0]
    for set in sets {
      for range in set.ranges {
        cuts.append(range.lowerBound)
        cuts.append(range.upperBound + 1)
      }
    }
    cuts = Array(Set(cuts).filter { $0 <= ScalarSet.last }).sorted()
    var numbers: [[Bool]: UInt8] = [:]
    var examples: [UInt32] = [], firsts: [UInt32] = [], classes: [UInt8] = []
    var plain = [UInt8](repeating: 0, count: ScalarClasses.plainCount)
    var places = [Int](repeating: 0, count: sets.count)  // the range of each set that is reached
    for (index, cut) in cuts.enumerated() {
      var signature = [Bool](repeating: false, count: sets.count)
      for (number, set) in sets.enumerated() {
        while places[number] < set.ranges.count, set.ranges[places[number]].upperBound < cut { places[number] += 1 }
        signature[number] = places[number] < set.ranges.count && set.ranges[places[number]].contains(cut)
      }
      if numbers[signature] == nil {
        guard numbers.count < 250 else {
          throw Failure(
            .unsupported, "regular expression \"\(name)\": more than 250 classes of characters are not supported")
        }
        numbers[signature] = UInt8(numbers.count)
        examples.append(cut)
      }
      let number = numbers[signature]!
      firsts.append(cut)
      classes.append(number)
      let end = index + 1 < cuts.count ? Int(cuts[index + 1]) : ScalarClasses.plainCount
      if Int(cut) < ScalarClasses.plainCount, number > 0 {
        for scalar in Int(cut)..<min(end, ScalarClasses.plainCount) { plain[scalar] = number }
      }
    }
    self.count = numbers.count
    self.plain = plain
    self.firsts = firsts
    self.classes = classes
    self.examples = examples
  }

  /// The class of a scalar of any plane.
  func find(_ scalar: UInt32) -> UInt8 {
    if scalar < ScalarClasses.plainCount { return plain[Int(scalar)] }
    var low = 0, high = firsts.count
    while low < high {
      let middle = (low + high) / 2
      if firsts[middle] <= scalar { low = middle + 1 } else { high = middle }
    }
    return classes[low - 1]
  }
}
