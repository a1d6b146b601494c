import AttendBase

/// Turns a grammar into a program: decides which parts become lexemes, and makes their regular expressions.
///
/// Small regular parts are joined, so that an automaton walks over them instead of the stack. A loop over many
/// characters stays apart, at most one in a lexeme with the little around it: its states are those for which masks are
/// dear, and they are worth most where many grammars have the same. What a front end has marked is left alone.
struct Lowering: ~Copyable {
  /// The largest size of a lexeme that is made by joining, in expressions.
  private static let joinedSize: Int32 = 256
  /// Characters from which a class counts as many.
  private static let manyCharacters: UInt32 = 64
  /// The deepest nesting in a lexeme: each level is a state more for every step of the outermost.
  private static let depth: Int32 = 2_000

  /// What is known of an expression before it is lowered.
  private struct Traits: BitwiseCopyable {
    /// Expressions in it, counted in every place where they stand.
    var size: Int32 = 1
    /// Loops over many characters; marked lexemes count as two, so that nothing is joined to them.
    var loops: Int32 = 0
    var depth: Int32 = 1
    var isBroad = false
    var isWanted = false
  }

  private let order: GrammarOrder
  private var traits = GrowingList<Traits>(for: "a grammar")
  /// Regular expressions by number of the grammar's expression; -1: none.
  private var regularOf = GrowingList<Int32>(for: "a grammar")
  private var programOf = GrowingList<Int32>(for: "a grammar")
  private(set) var program = Program()
  private(set) var regular: RegularExpressions

  /// The program of a grammar with the automata of its lexemes. Throws `invalidArgument` for what is not regular and
  /// must be, for what no string matches, and where a limit is passed.
  static func lower(
    _ grammar: borrowing Grammar, _ limits: RegularExpressions.Limits = .init()
  ) throws(Failure) -> Lowered {
    let lowering = try Lowering.run(grammar, limits)
    return Lowered(program: lowering.program, regular: lowering.regular)
  }

  private init(_ order: consuming GrammarOrder, _ regular: consuming RegularExpressions) {
    self.order = order
    self.regular = regular
  }

  private static func run(
    _ grammar: borrowing Grammar, _ limits: RegularExpressions.Limits
  ) throws(Failure) -> Lowering {
    var lowering = Lowering(try GrammarOrder(grammar), try RegularExpressions(limits: limits))
    try lowering.prepare(grammar)
    try lowering.examine(grammar)
    try lowering.build(grammar)
    return lowering
  }

  private mutating func prepare(_ grammar: borrowing Grammar) throws(Failure) {
    let count = grammar.nodes.count
    try traits.reserve(count)
    try regularOf.reserve(count)
    try programOf.reserve(count)
    traits.resize(to: count, filling: Traits())
    regularOf.resize(to: count, filling: -1)
    programOf.resize(to: count, filling: -1)
    try program.bodies.reserve(grammar.rules.count)
    program.bodies.resize(to: grammar.rules.count, filling: -1)
  }
}

/// What lowering makes.
struct Lowered: ~Copyable {
  var program: Program
  var regular: RegularExpressions
}

// MARK: - What becomes a lexeme

extension Lowering {
  private mutating func examine(_ grammar: borrowing Grammar) throws(Failure) {
    for node in order.order.elements where order.isRegular(node) {
      traits[Int(node)] = try measure(node, grammar)
    }
    for node in order.order.elements.reversed() {
      let entry = grammar.nodes[Int(node)]
      let demands = entry.kind == .lexeme || entry.kind == .intersection || entry.kind == .complement
      guard demands || traits[Int(node)].isWanted else { continue }
      guard order.isRegular(node) else { throw notRegular(entry.kind) }
      guard traits[Int(node)].depth <= Lowering.depth else {
        throw Failure(
          .invalidArgument,
          "a regular part of the grammar is nested \(traits[Int(node)].depth) deep; the limit is \(Lowering.depth)")
      }
      traits[Int(node)].isWanted = true
      var place: Int32 = 0
      while let child = try grammar.child(place, of: node) {
        traits[Int(child)].isWanted = true
        place += 1
      }
    }
  }

  private func notRegular(_ kind: Grammar.Kind) -> Failure {
    let what =
      switch kind {
      case .intersection: "an intersection"
      case .complement: "a complement"
      default: "a lexeme"
      }
    return Failure(
      .invalidArgument, "\(what) in the grammar contains a rule that refers to itself; it must be regular")
  }

  private func measure(_ node: Int32, _ grammar: borrowing Grammar) throws(Failure) -> Traits {
    let entry = grammar.nodes[Int(node)]
    var sum = Traits()
    var place: Int32 = 0
    var isListOfLiterals = entry.kind == .choice
    while let child = try grammar.child(place, of: node) {
      let inner = traits[Int(child)]
      sum.size = min(sum.size + inner.size, 1 << 24)
      sum.loops = min(sum.loops + inner.loops, 2)
      sum.depth = max(sum.depth, inner.depth + 1)
      sum.isBroad = sum.isBroad || inner.isBroad
      isListOfLiterals = isListOfLiterals && grammar.nodes[Int(child)].kind == .literal
      place += 1
    }
    switch entry.kind {
    case .characters:
      var characters: UInt32 = 0
      for interval in entry.first..<entry.second {
        let interval = grammar.intervals[Int(interval)]
        characters += interval.high - interval.low + 1
      }
      sum.isBroad = characters >= Lowering.manyCharacters
    case .choice where isListOfLiterals: sum.size = 1
    case .sequence, .reference: sum.depth -= place > 0 ? 1 : 0  // Neither nests anything by itself.
    case .repetition where entry.third < 0 || entry.third > 1:
      // A loop around a loop is left to the stack, which sees the inner one again and again.
      if sum.isBroad || sum.loops > 0 { sum.loops = min(sum.loops + 1, 2) }
    case .lexeme, .intersection, .complement, .automaton, .distinct: sum.loops = 2
    default: break
    }
    return sum
  }

  private func isJoinable(_ one: Traits) -> Bool { one.size <= Lowering.joinedSize && one.loops <= 1 }
}

// MARK: - Building

extension Lowering {
  private mutating func build(_ grammar: borrowing Grammar) throws(Failure) {
    for node in order.order.elements {
      let isWhole =
        order.isRegular(node)
        && (traits[Int(node)].isWanted || isJoinable(traits[Int(node)]) || grammar.nodes[Int(node)].kind == .automaton)
      if isWhole { regularOf[Int(node)] = try makeRegular(node, grammar) }
      if !isWhole { programOf[Int(node)] = try makeProgram(node, grammar) }
    }
    for rule in 0..<grammar.rules.count {
      let body = grammar.rules[rule].body
      guard body >= 0, order.isCyclic(body) else { continue }
      program.bodies[rule] = programOf[Int(body)]
    }
    program.root = try programNode(of: grammar.root.index, grammar)
    for set in regular.sets.elements { regular.classes.refine(by: set) }
    var used = ByteSet()
    for byte in regular.text.elements { used.insert(byte) }
    for byte in UInt8.min...UInt8.max where used.contains(byte) { regular.classes.isolate(byte) }
    regular.rows = RowTable(width: regular.classes.count)
    try program.settle(&regular)
    guard program.nodes[Int(program.root)].isProductive else {
      throw Failure(.invalidArgument, "the grammar cannot be met: no string matches it")
    }
  }

  private mutating func makeRegular(_ node: Int32, _ grammar: borrowing Grammar) throws(Failure) -> Int32 {
    let entry = grammar.nodes[Int(node)]
    switch entry.kind {
    case .nothing: return RegularExpressions.nothing
    case .literal: return try regular.literal(grammar.bytes.elements[Int(entry.first)..<Int(entry.second)])
    case .characters:
      return try regular.characters(
        UnsafeBufferPointer(rebasing: grammar.intervals.elements[Int(entry.first)..<Int(entry.second)]))
    case .sequence:
      var whole = RegularExpressions.empty
      for part in grammar.parts.elements[Int(entry.first)..<Int(entry.second)].reversed() {
        whole = try regular.sequence(regularOf[Int(part)], whole)
      }
      return whole
    case .choice:
      let mark = regular.beginParts()
      for part in grammar.parts.elements[Int(entry.first)..<Int(entry.second)] {
        try regular.addPart(regularOf[Int(part)])
      }
      return try regular.choice(ofPartsFrom: mark)
    case .repetition: return try regular.repetition(regularOf[Int(entry.first)], entry.second, entry.third)
    case .intersection:
      let mark = regular.beginParts()
      try regular.addPart(regularOf[Int(entry.first)])
      try regular.addPart(regularOf[Int(entry.second)])
      return try regular.intersection(ofPartsFrom: mark)
    case .complement:
      let any = try regular.characters(Lowering.allCharacters)
      let mark = regular.beginParts()
      try regular.addPart(regular.repetition(any, 0, -1))
      try regular.addPart(regular.complement(regularOf[Int(entry.first)]))
      return try regular.intersection(ofPartsFrom: mark)
    case .lexeme: return regularOf[Int(entry.first)]
    case .distinct:
      throw Failure(.unsupported, "different ones of several expressions are no part of a lexeme in the grammar")
    case .automaton: return try regular.automaton(grammar.automata[Int(entry.first)], of: grammar)
    case .reference: return regularOf[Int(grammar.rules[Int(entry.first)].body)]
    }
  }

  private mutating func makeProgram(_ node: Int32, _ grammar: borrowing Grammar) throws(Failure) -> Int32 {
    let entry = grammar.nodes[Int(node)]
    switch entry.kind {
    case .sequence: return try makeSequence(entry, grammar)
    case .choice, .distinct:
      let start = Int32(program.parts.count)
      for part in grammar.parts.elements[Int(entry.first)..<Int(entry.second)] {
        let part = try programNode(of: part, grammar)
        try program.parts.append(part)
      }
      let limit = Int32(program.parts.count)
      guard entry.kind == .distinct else { return try program.add(.choice, start, limit) }
      try program.counts.append(grammar.counts[Int(entry.third)])
      return try program.add(.distinct, start, limit, Int32(program.counts.count - 1))
    case .repetition:
      return try program.add(.repetition, programNode(of: entry.first, grammar), entry.second, entry.third)
    case .reference:
      let body = grammar.rules[Int(entry.first)].body
      if order.isCyclic(body) { return try programNode(of: node, grammar) }
      return try programNode(of: body, grammar)
    default: return try programNode(of: entry.first, grammar)
    }
  }

  /// The parts of a sequence, neighbours joined to lexemes as far as they are small.
  private mutating func makeSequence(_ entry: Grammar.Node, _ grammar: borrowing Grammar) throws(Failure) -> Int32 {
    var made = GrowingList<Int32>(for: "a grammar")
    var place = Int(entry.first)
    while place < Int(entry.second) {
      let limit = joinedRun(from: place, Int(entry.second), grammar)
      guard limit > place + 1 else {
        try made.append(programNode(of: grammar.parts[place], grammar))
        place += 1
        continue
      }
      var whole = RegularExpressions.empty
      for part in grammar.parts.elements[place..<limit].reversed() {
        whole = try regular.sequence(regularOf[Int(part)], whole)
      }
      try made.append(program.add(.lexeme, whole))
      place = limit
    }
    let start = Int32(program.parts.count)
    try program.parts.append(contentsOf: UnsafeBufferPointer(made.elements))
    return try program.add(.sequence, start, Int32(program.parts.count))
  }

  /// The end of the parts from `place` on that fit one lexeme.
  private func joinedRun(from place: Int, _ limit: Int, _ grammar: borrowing Grammar) -> Int {
    var sum = Traits()
    for next in place..<limit {
      let part = grammar.parts[next]
      let inner = traits[Int(part)]
      sum.size += inner.size
      sum.loops += inner.loops
      guard order.isRegular(part), regularOf[Int(part)] >= 0, isJoinable(inner), isJoinable(sum) else { return next }
    }
    return limit
  }

  private mutating func programNode(of node: Int32, _ grammar: borrowing Grammar) throws(Failure) -> Int32 {
    guard programOf[Int(node)] < 0 else { return programOf[Int(node)] }
    let entry = grammar.nodes[Int(node)]
    if entry.kind == .reference, order.isCyclic(grammar.rules[Int(entry.first)].body) {
      // A cycle goes through a call, which may be wanted before it is reached in order.
      programOf[Int(node)] = try program.add(.call, entry.first)
    } else {
      programOf[Int(node)] = try program.add(.lexeme, regularOf[Int(node)])
    }
    return programOf[Int(node)]
  }

  private static let allCharacters = [Grammar.Interval](
    arrayLiteral: Grammar.Interval(low: 0, high: 0xD7FF), Grammar.Interval(low: 0xE000, high: 0x10FFFF))
}
