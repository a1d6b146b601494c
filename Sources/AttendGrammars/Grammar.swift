import AttendBase

/// The grammar that an output must match: rules over expressions, whichever notation it was written in. The front ends
/// (`RegularExpression`, `GBNF`, `Lark`, `JSONSchema`) make one, `CompiledGrammar` reads it.
///
/// Expressions lie in one flat array and are named by number, so that neither a deep nor a long one needs the stack.
/// The same expression may stand in many places. A language is a set of byte strings; characters stand for their UTF-8.
package struct Grammar: ~Copyable {
  /// The number of an expression of one grammar.
  package struct Expression: Hashable, Sendable, BitwiseCopyable {
    package let index: Int32
  }

  /// The number of a rule of one grammar.
  package struct Rule: Hashable, Sendable, BitwiseCopyable {
    package let index: Int32
  }

  /// Limits of what a grammar may ask for; past them an error names both numbers.
  package struct Limits: Sendable {
    /// Expressions, and parts of sequences and choices.
    package var expressions = 4 << 20
    /// Bytes of all literals.
    package var bytes = 64 << 20
    /// The largest number of repetitions that may be written.
    package var repetitions = 1 << 30

    package init() {}
  }

  package enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// No string at all.
    case nothing
    /// Bytes: `[first, second)` of `bytes`.
    case literal
    /// One character: `[first, second)` of `ranges`.
    case characters
    /// Parts one after another: `[first, second)` of `parts`; none: the empty string.
    case sequence
    /// One of the parts `[first, second)` of `parts`.
    case choice
    /// `first` from `second` to `third` times; a negative `third` is without end.
    case repetition
    /// Strings of both `first` and `second`, which are regular.
    case intersection
    /// Strings of characters that are not of `first`, which is regular.
    case complement
    /// `first`, regular, kept together as one automaton.
    case lexeme
    /// The rule `first`.
    case reference
    /// Different ones of n expressions, in any order. `parts[first ..< second]`: the n as the first stands, then the n
    /// as later ones stand; `third`: their counts, in `counts`.
    case distinct
    /// The strings that an automaton accepts: number `first` of `automata`. Regular.
    case automaton
  }

  /// An edge of an automaton: a character of `characters`, an expression of that kind, leads from a state to another.
  package struct Edge: BitwiseCopyable {
    package let source: Int32
    package let characters: Expression
    package let target: Int32

    package init(from source: Int, _ characters: Expression, to target: Int) {
      (self.source, self.characters, self.target) = (Int32(source), characters, Int32(target))
    }
  }

  /// An automaton: it starts in state 0 of `[0, states)`, its edges are `[firstEdge, edgeLimit)` of `edges`, and it may
  /// end in the states `[firstEnd, endLimit)` of `ends`. There may be several edges for one character.
  package struct Automaton: BitwiseCopyable {
    package let states: Int32
    package let firstEdge: Int32
    package let edgeLimit: Int32
    package let firstEnd: Int32
    package let endLimit: Int32
  }

  package struct Node: BitwiseCopyable {
    package let kind: Kind
    package let first: Int32
    package let second: Int32
    package let third: Int32
  }

  /// Scalars from `low` to `high`, both included.
  package struct Interval: BitwiseCopyable {
    package let low: UInt32
    package let high: UInt32
  }

  /// How many at least, and at most.
  struct Count: BitwiseCopyable {
    let least: Int32
    let most: Int32
  }

  struct RuleEntry: BitwiseCopyable {
    /// -1 until the rule is defined.
    var body: Int32
    let name: (start: Int32, limit: Int32)
  }

  package let limits: Limits
  var nodes = GrowingList<Node>(for: "a grammar")
  var parts = GrowingList<Int32>(for: "a grammar")
  var bytes = GrowingList<UInt8>(for: "a grammar")
  var intervals = GrowingList<Interval>(for: "a grammar")
  var automata = GrowingList<Automaton>(for: "a grammar")
  var edges = GrowingList<Edge>(for: "a grammar")
  var ends = GrowingList<Int32>(for: "a grammar")
  var counts = GrowingList<Count>(for: "a grammar")
  var rules = GrowingList<RuleEntry>(for: "a grammar")
  var names = GrowingList<UInt8>(for: "a grammar")

  /// The expression that a whole output must match; the front end sets it.
  package var root: Expression

  /// A grammar whose root is the empty string.
  package init(limits: Limits = Limits()) throws(Failure) {
    self.limits = limits
    root = Expression(index: 0)
    root = try sequence(EmptyCollection())
  }
}

// MARK: - Expressions

extension Grammar {
  /// No string at all: what cannot be met.
  package mutating func nothing() throws(Failure) -> Expression { try add(.nothing) }

  /// The empty string.
  package mutating func empty() throws(Failure) -> Expression { try sequence(EmptyCollection()) }

  /// These bytes; of a text, `text.utf8`.
  package mutating func literal(_ text: some Sequence<UInt8>) throws(Failure) -> Expression {
    let start = bytes.count
    for byte in text {
      guard bytes.count < limits.bytes else { throw tooLarge("bytes of literals", limits.bytes) }
      try bytes.append(byte)
    }
    return try add(.literal, Int32(start), Int32(bytes.count))
  }

  /// One character of these intervals, in any order; `negated`: one of none of them. Surrogates and what lies past
  /// U+10FFFF are no characters. An expression of no character matches nothing.
  package mutating func characters(
    _ ranges: some Sequence<ClosedRange<UInt32>>, negated: Bool = false
  ) throws(Failure) -> Expression {
    var sorted = GrowingList<Interval>(for: "a character class")
    for range in ranges { try sorted.append(Interval(low: range.lowerBound, high: range.upperBound)) }
    sorted.elements.sortInPlace { $0.low < $1.low }
    let start = intervals.count
    var next: UInt32 = 0  // The first scalar that is not yet behind us.
    for range in sorted.elements where range.high >= next {
      if negated {
        if range.low > next { try appendScalars(next, range.low - 1) }
      } else {
        try appendScalars(max(range.low, next), range.high)
      }
      next = range.high == .max ? .max : range.high + 1
    }
    if negated { try appendScalars(next, Grammar.lastScalar) }
    return try add(.characters, Int32(start), Int32(intervals.count))
  }

  /// Any one character.
  package mutating func anyCharacter() throws(Failure) -> Expression {
    try characters(EmptyCollection(), negated: true)
  }

  /// One after another.
  package mutating func sequence(_ all: some Collection<Expression>) throws(Failure) -> Expression {
    if all.count == 1, let only = all.first { return only }
    return try addParts(.sequence, all)
  }

  /// One of them; of none: nothing.
  package mutating func choice(_ all: some Collection<Expression>) throws(Failure) -> Expression {
    if all.count == 1, let only = all.first { return only }
    return try addParts(.choice, all)
  }

  /// From `least` to `most` times; `most` nil: without end.
  package mutating func repetition(
    of expression: Expression, _ least: Int, _ most: Int?
  ) throws(Failure) -> Expression {
    guard least >= 0, most.map({ $0 >= least }) ?? true else {
      throw Failure(
        .invalidArgument, "a grammar repeats a part at least \(least) and at most \(most ?? 0) times")
    }
    guard max(least, most ?? 0) <= limits.repetitions else {
      throw Failure(
        .invalidArgument,
        "a grammar repeats a part \(max(least, most ?? 0)) times; the limit is \(limits.repetitions)")
    }
    if least == 1, most == 1 { return expression }
    return try add(.repetition, expression.index, Int32(least), Int32(most ?? -1))
  }

  /// The expression or the empty string.
  package mutating func optional(_ expression: Expression) throws(Failure) -> Expression {
    try repetition(of: expression, 0, 1)
  }

  /// The most expressions of which `distinct` tells which were taken.
  package static let mostDistinct = 30

  /// From `least` to `most` of some expressions, each of them once at most, in any order: `first[i]` is how one stands
  /// in front, `later[i]` how it stands behind others. No part of a lexeme. Orders are not written out: what was taken
  /// is remembered while matching.
  package mutating func distinct(
    first: [Expression], later: [Expression], _ least: Int, _ most: Int
  ) throws(Failure) -> Expression {
    precondition(first.count == later.count && first.count <= Grammar.mostDistinct && least >= 0 && least <= most)
    guard counts.count < limits.expressions else { throw tooLarge("counts", limits.expressions) }
    try counts.append(Count(least: Int32(min(least, first.count + 1)), most: Int32(min(most, first.count))))
    return try addParts(.distinct, first + later, Int32(counts.count - 1))
  }

  /// What both match. Both must be regular: no rule in them may refer to itself.
  package mutating func intersection(_ one: Expression, _ other: Expression) throws(Failure) -> Expression {
    try add(.intersection, one.index, other.index)
  }

  /// Every string of characters that the expression, which must be regular, does not match.
  package mutating func complement(of expression: Expression) throws(Failure) -> Expression {
    try add(.complement, expression.index)
  }

  /// What `one` matches and `other` does not; both must be regular.
  package mutating func difference(_ one: Expression, _ other: Expression) throws(Failure) -> Expression {
    try intersection(one, complement(of: other))
  }

  /// A regular part that stays together as one automaton: a string with its quotes, a number, white space. The
  /// language is the same without; masks are computed faster where one part that recurs in grammars is marked, and
  /// slower where too much is put into one.
  package mutating func lexeme(_ expression: Expression) throws(Failure) -> Expression {
    try add(.lexeme, expression.index)
  }

  /// The strings of characters that lead from state 0 to one of `ends`. For regular languages that are made as automata
  /// (products, complements, assertions of patterns), where no expression of a reasonable size says the same.
  package mutating func automaton(
    states: Int, edges all: some Sequence<Edge>, ends final: some Sequence<Int>
  ) throws(Failure) -> Expression {
    guard states >= 1, states <= limits.expressions else { throw tooLarge("states", limits.expressions) }
    let (firstEdge, firstEnd) = (edges.count, ends.count)
    for edge in all {
      guard edges.count < limits.expressions else { throw tooLarge("edges", limits.expressions) }
      precondition(edge.source >= 0 && edge.source < states && edge.target >= 0 && edge.target < states)
      try edges.append(edge)
    }
    for end in final {
      guard ends.count < limits.expressions else { throw tooLarge("states", limits.expressions) }
      try ends.append(Int32(end))
    }
    guard automata.count < limits.expressions else { throw tooLarge("automata", limits.expressions) }
    try automata.append(
      Automaton(
        states: Int32(states), firstEdge: Int32(firstEdge), edgeLimit: Int32(edges.count), firstEnd: Int32(firstEnd),
        endLimit: Int32(ends.count)))
    return try add(.automaton, Int32(automata.count - 1))
  }

  /// A new rule, yet without a body: it may be referred to before it is defined. The name is for errors.
  package mutating func declareRule(_ name: some Sequence<UInt8>) throws(Failure) -> Rule {
    guard rules.count < limits.expressions else { throw tooLarge("rules", limits.expressions) }
    let start = names.count
    for byte in name { try names.append(byte) }
    guard names.count <= Int(Int32.max) else { throw tooLarge("bytes of names", Int(Int32.max)) }
    try rules.append(RuleEntry(body: -1, name: (Int32(start), Int32(names.count))))
    return Rule(index: Int32(rules.count - 1))
  }

  /// Gives a rule its body; it replaces an earlier one.
  package mutating func define(_ rule: Rule, as body: Expression) { rules[Int(rule.index)].body = body.index }

  package func isDefined(_ rule: Rule) -> Bool { rules[Int(rule.index)].body >= 0 }

  /// A place where the rule stands.
  package mutating func reference(to rule: Rule) throws(Failure) -> Expression { try add(.reference, rule.index) }

  package func name(of rule: Rule) -> String {
    let (start, limit) = rules[Int(rule.index)].name
    return String(decoding: names.elements[Int(start)..<Int(limit)], as: UTF8.self)
  }
}

// MARK: - Storage

extension Grammar {
  static let lastScalar: UInt32 = 0x10FFFF
  private static let surrogates: ClosedRange<UInt32> = 0xD800...0xDFFF

  /// Appends the characters among `[low, high]`, without the surrogates.
  private mutating func appendScalars(_ low: UInt32, _ high: UInt32) throws(Failure) {
    let high = min(high, Grammar.lastScalar)
    let (first, last) = (Grammar.surrogates.lowerBound, Grammar.surrogates.upperBound)
    guard intervals.count < limits.expressions else { throw tooLarge("intervals", limits.expressions) }
    if low <= min(high, first - 1) { try intervals.append(Interval(low: low, high: min(high, first - 1))) }
    if max(low, last + 1) <= high { try intervals.append(Interval(low: max(low, last + 1), high: high)) }
  }

  private mutating func addParts(
    _ kind: Kind, _ all: some Collection<Expression>, _ third: Int32 = 0
  ) throws(Failure) -> Expression {
    let start = parts.count
    for part in all {
      guard parts.count < limits.expressions else { throw tooLarge("parts", limits.expressions) }
      try parts.append(part.index)
    }
    return try add(kind, Int32(start), Int32(parts.count), third)
  }

  private mutating func add(
    _ kind: Kind, _ first: Int32 = 0, _ second: Int32 = 0, _ third: Int32 = 0
  ) throws(Failure) -> Expression {
    guard nodes.count < limits.expressions else { throw tooLarge("expressions", limits.expressions) }
    try nodes.append(Node(kind: kind, first: first, second: second, third: third))
    return Expression(index: Int32(nodes.count - 1))
  }

  private func tooLarge(_ kind: String, _ limit: Int) -> Failure {
    Failure(.invalidArgument, "a grammar has more than \(limit) \(kind)")
  }
}
