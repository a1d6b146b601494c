import AttendBase

/// A regular expression as a nondeterministic automaton whose branches are ordered by preference (Thompson 1968; Cox
/// 2010, "Regular Expression Matching in the Wild"). No way through it comes back to the same instruction without
/// consuming a scalar.
struct RegexProgram {
  enum Instruction {
    /// Consumes one scalar of the set with this index.
    case scalar(set: Int, next: Int)
    /// The first branch is preferred.
    case fork(Int, Int)
    case assertion(Int, next: Int)
    /// A look-around, by its index among the parts.
    case look(Int, isNegative: Bool, next: Int)
    /// An atomic group, by its index among the parts; where it consumes nothing, the way goes on elsewhere.
    case atomic(Int, ifEmpty: Int, next: Int)
    case clusterBoundary(isNegative: Bool, next: Int)
    case match
  }

  /// A part of the expression that is matched by itself: the body of a look-around or of an atomic group, or the whole.
  struct Part {
    enum Kind { case behind, ahead, whole }
    let kind: Kind
    var instructions: [Instruction] = []
    var start = 0
  }

  /// Parts stand behind those that they hold; the last is the whole expression.
  private(set) var parts: [Part] = []
  private(set) var sets: [ScalarSet] = []
  private(set) var assertions: [RegexAssertion] = []
  /// Some instruction asks for the boundaries of grapheme clusters.
  private(set) var needsClusters = false
  private var setIndices: [ScalarSet: Int] = [:]
  private var budget: RegexBudget
  private let name: String
  private var count = 0

  init(_ node: RegexNode, _ budget: inout RegexBudget, name: String) throws(Failure) {
    self.budget = budget
    self.name = name
    _ = try part(.whole, node)
    budget = self.budget
  }

  /// Only single scalars are looked at beyond what is matched, and nothing is atomic.
  var isPlain: Bool { parts.count == 1 && !needsClusters }

  /// Compiles a part, and returns its index.
  private mutating func part(_ kind: Part.Kind, _ node: RegexNode) throws(Failure) -> Int {
    var part = Part(kind: kind)
    let match = try add(.match, &part)
    part.start = try emit(node, next: match, &part)
    parts.append(part)
    return parts.count - 1
  }

  private mutating func add(_ instruction: Instruction, _ part: inout Part) throws(Failure) -> Int {
    guard count < RegexBudget.instructions else {
      throw RegexBudget.exceeded(name, "more than \(RegexBudget.instructions) instructions")
    }
    count += 1
    part.instructions.append(instruction)
    return part.instructions.count - 1
  }

  // MARK: Instructions

  /// Writes the instructions of a node that go on to `next`, and returns their first.
  private mutating func emit(_ node: RegexNode, next: Int, _ part: inout Part) throws(Failure) -> Int {
    try budget.spend(1, name)
    switch node {
    case .sequence(let items):
      var next = next
      for item in items.reversed() { next = try emit(item, next: next, &part) }
      return next
    case .alternatives(let branches):
      var first = try emit(branches[branches.count - 1], next: next, &part)
      for branch in branches.dropLast().reversed() {
        first = try add(.fork(try emit(branch, next: next, &part), first), &part)
      }
      return first
    case .repetition(let body, let minimum, let maximum, let isLazy):
      return try emit(repetition: body, minimum, maximum, isLazy, next: next, &part)
    default: return try emit(single: node, next: next, &part)
    }
  }

  /// A node without repetition or choice.
  private mutating func emit(single node: RegexNode, next: Int, _ part: inout Part) throws(Failure) -> Int {
    switch node {
    case .set(let set): return try add(.scalar(set: index(of: set), next: next), &part)
    case .folded(let scalars): return try emit(folded: scalars, next: next, &part)
    case .assertion(let assertion): return try add(.assertion(index(of: assertion), next: next), &part)
    case .look(let direction, let body, let isNegative):
      let index = try self.part(direction == .after ? .ahead : .behind, body)
      return try add(.look(index, isNegative: isNegative, next: next), &part)
    case .atomic(let body):
      // Where it always consumes something, no way within a place leads on: a loop around it would be a cycle.
      let empty = RegexProgram.mayBeEmpty(body) ? next : 0
      return try add(.atomic(try self.part(.whole, body), ifEmpty: empty, next: next), &part)
    case .clusterBoundary(let isNegative):
      needsClusters = true
      return try add(.clusterBoundary(isNegative: isNegative, next: next), &part)
    default: return next
    }
  }

  /// A text without regard to case: at each place one scalar, or one that folds to several.
  private mutating func emit(folded text: [UInt32], next: Int, _ part: inout Part) throws(Failure) -> Int {
    var entries = [Int](repeating: next, count: text.count + 1)
    for place in text.indices.reversed() {
      try budget.spend(CaseFolding.longest, name)
      let set = index(of: CaseFolding.variants(of: text[place]))
      entries[place] = try add(.scalar(set: set, next: entries[place + 1]), &part)
      for length in 2...CaseFolding.longest where place + length <= text.count {
        let variants = CaseFolding.variants(of: text[place..<place + length])
        guard !variants.isEmpty else { continue }
        let other = try add(.scalar(set: index(of: variants), next: entries[place + length]), &part)
        entries[place] = try add(.fork(entries[place], other), &part)
      }
    }
    return entries[0]
  }

  private mutating func emit(
    repetition body: RegexNode, _ minimum: Int, _ maximum: Int?, _ isLazy: Bool, next: Int, _ part: inout Part
  ) throws(Failure) -> Int {
    var next = next
    if let maximum {
      let end = next
      for _ in minimum..<maximum {
        let first = try emit(body, next: next, &part)
        if first == next { break }  // of nothing
        next = try fork(first, end, isLazy, &part)
      }
    } else {
      let loop = try add(.fork(next, next), &part)  // the place is known before the body is
      let first = try emit(body, ifEmpty: next, next: loop, &part)
      part.instructions[loop] = isLazy ? .fork(next, first) : .fork(first, next)
      next = loop
    }
    for _ in 0..<minimum {
      let first = try emit(body, next: next, &part)
      if first == next { break }
      next = first
    }
    return next
  }

  private mutating func fork(_ body: Int, _ end: Int, _ isLazy: Bool, _ part: inout Part) throws(Failure) -> Int {
    try add(isLazy ? .fork(end, body) : .fork(body, end), &part)
  }

  /// Writes a node that goes on to `next` where it consumed a scalar, and to `empty` where it consumed none: a
  /// repetition ends with a round that consumes nothing.
  private mutating func emit(
    _ node: RegexNode, ifEmpty empty: Int, next: Int, _ part: inout Part
  ) throws(Failure) -> Int {
    try budget.spend(1, name)
    guard RegexProgram.mayBeEmpty(node) else { return try emit(node, next: next, &part) }
    switch node {
    case .sequence(let items):
      var empty = empty, next = next
      for item in items.reversed() {
        let first = try emit(item, ifEmpty: empty, next: next, &part)
        next = try emit(item, next: next, &part)
        empty = first
      }
      return empty
    case .alternatives(let branches):
      var first = try emit(branches[branches.count - 1], ifEmpty: empty, next: next, &part)
      for branch in branches.dropLast().reversed() {
        first = try add(.fork(try emit(branch, ifEmpty: empty, next: next, &part), first), &part)
      }
      return first
    case .repetition(let body, let minimum, let maximum, let isLazy):
      return try emit(repetition: body, minimum, maximum, isLazy, ifEmpty: empty, next: next, &part)
    case .atomic(let body):
      return try add(.atomic(try self.part(.whole, body), ifEmpty: empty, next: next), &part)
    default: return try emit(single: node, next: empty, &part)
    }
  }

  private mutating func emit(
    repetition body: RegexNode, _ minimum: Int, _ maximum: Int?, _ isLazy: Bool, ifEmpty: Int, next: Int,
    _ part: inout Part
  ) throws(Failure) -> Int {
    var empty = ifEmpty, next = next
    if maximum.map({ $0 > minimum }) ?? true {
      // A first round by itself; those behind one that consumed something are as ever.
      let again = try emit(
        repetition: body, 0, maximum.map { $0 - minimum - 1 }, isLazy, next: next, &part)
      let first = try emit(body, ifEmpty: empty, next: again, &part)
      if minimum > 0 { next = try emit(repetition: body, 0, maximum.map { $0 - minimum }, isLazy, next: next, &part) }
      empty = try fork(first, empty, isLazy, &part)
    }
    for _ in 0..<minimum {
      let first = try emit(body, ifEmpty: empty, next: next, &part)
      if first == empty { break }  // of nothing
      next = try emit(body, next: next, &part)
      empty = first
    }
    return empty
  }

  /// Whether a node may match without consuming a scalar.
  private static func mayBeEmpty(_ node: RegexNode) -> Bool {
    switch node {
    case .set, .folded: false
    case .empty, .assertion, .look, .clusterBoundary: true
    case .sequence(let items): items.allSatisfy { mayBeEmpty($0) }
    case .alternatives(let branches): branches.contains { mayBeEmpty($0) }
    case .repetition(let body, let minimum, maximum: _, isLazy: _): minimum == 0 || mayBeEmpty(body)
    case .atomic(let body): mayBeEmpty(body)
    }
  }

  // MARK: Sets and assertions

  private mutating func index(of set: ScalarSet) -> Int {
    if let index = setIndices[set] { return index }
    setIndices[set] = sets.count
    sets.append(set)
    return sets.count - 1
  }

  private mutating func index(of assertion: RegexAssertion) -> Int {
    if let index = assertions.firstIndex(of: assertion) { return index }
    assertions.append(assertion)
    return assertions.count - 1
  }
}
