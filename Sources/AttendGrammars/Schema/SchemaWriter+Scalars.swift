import AttendBase

// Numbers and strings.

extension SchemaWriter {
  // MARK: - Numbers

  mutating func number(_ range: NumberRange) throws(Failure) -> Grammar.Expression {
    if range.isAll { return tokens.number }
    if range == .integers { return tokens.integer }
    if let known = numberExpressions[range] { return known }
    let result: Grammar.Expression
    if let spelling = range.spelling { result = try spelled(range, spelling) } else { result = try bounded(range) }
    numberExpressions[range] = result
    return result
  }

  /// A number of an `enum` or `const`: as the schema has it, and in its shortest form.
  private mutating func spelled(_ range: NumberRange, _ spelling: [UInt8]) throws(Failure) -> Grammar.Expression {
    let short = range.lower!.value.text
    if short == spelling { return try grammar.literal(spelling) }
    return try grammar.choice([grammar.literal(short), grammar.literal(spelling)])
  }

  private mutating func bounded(_ range: NumberRange) throws(Failure) -> Grammar.Expression {
    let plain = try expression(NumberAutomaton(range).build())
    guard let scientific = ScientificAutomaton(range) else { return try grammar.lexeme(plain) }
    return try grammar.lexeme(grammar.choice([plain, expression(scientific.build())]))
  }

  private mutating func expression(_ built: TextAutomaton) throws(Failure) -> Grammar.Expression {
    var masks: [Int: [Int: UInt64]] = [:]  // source, target
    for edge in built.edges { masks[edge.source, default: [:]][edge.target, default: 0] |= 1 << UInt64(edge.byte - 43) }
    var edges: [(source: Int, characters: Grammar.Expression, target: Int)] = []
    for source in 0..<built.states {
      for (target, mask) in (masks[source] ?? [:]).sorted(by: { $0.key < $1.key }) {
        edges.append((source, try digits(mask), target))
      }
    }
    return try automaton(built.states, edges, built.ends)
  }

  /// One of the bytes from "+" on whose bits are set; "E" and "e" are the last of them.
  private mutating func digits(_ mask: UInt64) throws(Failure) -> Grammar.Expression {
    if let known = digitSets[mask] { return known }
    let ranges = (0..<64 as Range<UInt32>).filter { mask >> $0 & 1 == 1 }.map { $0 + 43...$0 + 43 }
    let result = try grammar.characters(ranges)
    digitSets[mask] = result
    return result
  }

  // MARK: - Strings

  mutating func string(_ range: StringRange) throws(Failure) -> Grammar.Expression {
    if range.isAll { return tokens.string }
    if let known = stringExpressions[range] { return known }
    let result = try restricted(range)
    stringExpressions[range] = result
    return result
  }

  private mutating func restricted(_ range: StringRange) throws(Failure) -> Grammar.Expression {
    if let finite = range.finite {
      var all: [Grammar.Expression] = []
      for text in finite { all.append(try grammar.literal(JSONStrings.quoted(text))) }
      return try grammar.choice(all)
    }
    let quote = try grammar.literal("\"".utf8)
    return try grammar.lexeme(grammar.sequence([quote, content(range), quote]))
  }

  /// What stands between the quotes.
  private mutating func content(_ range: StringRange) throws(Failure) -> Grammar.Expression {
    let isBounded = range.least > 0 || range.most != nil
    if range.wanted.isEmpty, range.unwanted.isEmpty {
      return try grammar.repetition(of: boundedCharacter(), range.least, range.most)
    }
    if range.wanted.isEmpty, !isBounded, let names = onlyTexts(range.unwanted) {
      let isPlain = names.joined().allSatisfy { $0 < 0x80 && $0 != UInt8(ascii: "/") }
      let character = try strings.nameCharacter(isPlain: isPlain, &grammar)
      return try grammar.difference(grammar.repetition(of: character, 0, nil), texts(names))
    }
    var all: [Grammar.Expression] = []
    for number in range.wanted { all.append(try language(number)) }
    if isBounded || all.isEmpty {
      let character = try strings.character(.all, &grammar)
      all.append(try grammar.repetition(of: character, range.least, range.most))
    }
    for number in range.unwanted { all.append(try grammar.complement(of: language(number))) }
    var result = all[0]
    for one in all.dropFirst() { result = try grammar.intersection(result, one) }
    return result
  }

  private func onlyTexts(_ unwanted: [Int]) -> [[UInt8]]? {
    var result: [[UInt8]] = []
    for number in unwanted {
      guard case .texts(let all) = sets.languages[number].source else { return nil }
      result += all
    }
    return result
  }

  /// A character of a string of bounded length. Where the reference's sets are wanted: no escape, and any character but
  /// quote, backslash and the ends of lines.
  private mutating func boundedCharacter() throws(Failure) -> Grammar.Expression {
    guard options.strict else { return try strings.freeCharacter(&grammar) }
    return try grammar.characters([0x22...0x22, 0x5C...0x5C, 0x0A...0x0A, 0x0D...0x0D], negated: true)
  }

  private mutating func texts(_ all: [[UInt8]]) throws(Failure) -> Grammar.Expression {
    var parts: [Grammar.Expression] = []
    for text in all { parts.append(try grammar.literal(JSONStrings.escaped(text))) }
    return try grammar.choice(parts)
  }

  private mutating func language(_ number: Int) throws(Failure) -> Grammar.Expression {
    let language = sets.languages[number]
    switch language.source {
    case .texts(let all): return try texts(all)
    case .pattern(let pattern):
      if let whole = pattern.anchored { return try expression(whole) }
      return try expression(sets.automaton(number))
    }
  }

  /// A pattern without assertions.
  private mutating func expression(_ pattern: Pattern) throws(Failure) -> Grammar.Expression {
    switch pattern {
    case .characters(let set): return try strings.character(set, &grammar)
    case .choice(let all):
      var parts: [Grammar.Expression] = []
      for one in all { parts.append(try expression(one)) }
      return try grammar.choice(parts)
    case .repetition(let body, let least, let most):
      return try grammar.repetition(of: expression(body), least, most)
    case .sequence(let all): return try sequence(all)
    case .assertion, .lookahead: throw Failure(.internalError, "an assertion inside a pattern that has none")
    }
  }

  /// A sequence, with single characters in a row as one literal.
  private mutating func sequence(_ all: [Pattern]) throws(Failure) -> Grammar.Expression {
    var parts: [Grammar.Expression] = []
    var run: [UInt8] = []
    for one in all {
      if case .characters(let set) = one, let scalar = set.only.flatMap({ Unicode.Scalar($0) }) {
        run += JSONStrings.escaped(UTF8.encode(scalar)!)
        continue
      }
      if !run.isEmpty { parts.append(try grammar.literal(run)) }
      run = []
      parts.append(try expression(one))
    }
    if !run.isEmpty { parts.append(try grammar.literal(run)) }
    return try grammar.sequence(parts)
  }
}

// MARK: - Automata

extension SchemaWriter {
  /// An automaton over characters as they are written in a string.
  private mutating func expression(_ automaton: PatternAutomaton) throws(Failure) -> Grammar.Expression {
    var edges: [(source: Int, characters: Grammar.Expression, target: Int)] = []
    var count = automaton.states
    for state in 0..<automaton.states {
      var sets: [Int32: [ClosedRange<UInt32>]] = [:]
      for (place, start) in automaton.starts.enumerated() {
        let target = automaton.step(Int32(state), automaton.symbolOf[place])
        let end = place + 1 < automaton.starts.count ? automaton.starts[place + 1] - 1 : Scalars.last
        if target >= 0 { sets[target, default: []].append(start...end) }
      }
      for (target, ranges) in sets.sorted(by: { $0.key < $1.key }) {
        let set = Scalars(ranges)
        let plain = set.intersection(JSONStrings.plain)
        if !plain.isEmpty { edges.append((state, try grammar.characters(plain.ranges), Int(target))) }
        for text in JSONStrings.escapes(in: set) {
          var place = state
          for (index, scalar) in text.enumerated() {
            let next = index + 1 < text.count ? count : Int(target)
            if index + 1 < text.count { count += 1 }
            edges.append((place, try grammar.characters([scalar...scalar]), next))
            place = next
          }
        }
      }
    }
    return try self.automaton(count, edges, automaton.ends.indices.filter { automaton.ends[$0] })
  }

  private mutating func automaton(
    _ states: Int, _ edges: [(source: Int, characters: Grammar.Expression, target: Int)], _ ends: [Int]
  ) throws(Failure) -> Grammar.Expression {
    let edges = edges.map { Grammar.Edge(from: $0.source, $0.characters, to: $0.target) }
    return try grammar.automaton(states: states, edges: edges, ends: ends)
  }
}
