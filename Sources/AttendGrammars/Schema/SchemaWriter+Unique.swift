import AttendBase

extension SchemaWriter {
  /// One value that is written without parts.
  private enum Single: Hashable {
    case constant(UInt8)
    case number(NumberRange)
    case text([UInt8])
  }

  /// Values of which each may stand once where elements have schemas by their places: the subsets are counted out.
  private static let mostPlaced = 10

  /// Different elements, at least one, where all that they can be is listed.
  mutating func unique(_ array: SchemaPlan.Array) throws(Failure) -> Grammar.Expression {
    var allowed: [[Single]] = []
    for options in array.prefix { allowed.append(try singles(options, array)) }
    let rest = try singles(array.rest, array)
    var values: [Single] = []
    for value in allowed.joined() + rest where !values.contains(value) { values.append(value) }
    let most = allowed.isEmpty ? Grammar.mostDistinct : SchemaWriter.mostPlaced
    guard values.count <= most, array.presences.isEmpty else { throw notListed(array) }
    var expressions: [Grammar.Expression] = []
    for value in values { expressions.append(try expression(value)) }
    if allowed.isEmpty { return try distinct(expressions, array) }
    let full = 1 << values.count
    // What may follow the elements of a set, from the fullest set down.
    var tails: [Grammar.Expression?] = Array(repeating: nil, count: full)
    for used in stride(from: full - 1, through: 0, by: -1) {
      let index = used.nonzeroBitCount
      var all: [Grammar.Expression] = []
      if index >= array.least, index > 0 { all.append(try grammar.empty()) }
      if array.most.map({ index < $0 }) ?? true {
        for value in index < allowed.count ? allowed[index] : rest {
          let bit = 1 << values.firstIndex(of: value)!
          guard used & bit == 0, let tail = tails[used | bit] else { continue }
          let element = expressions[bit.trailingZeroBitCount]
          all.append(try grammar.sequence(index == 0 ? [element, tail] : [tokens.comma, element, tail]))
        }
      }
      tails[used] = all.isEmpty ? nil : try grammar.choice(all)
    }
    if let content = tails[0] { return content }
    return try grammar.nothing()
  }

  private mutating func distinct(
    _ expressions: [Grammar.Expression], _ array: SchemaPlan.Array
  ) throws(Failure) -> Grammar.Expression {
    let least = max(array.least, 1)
    guard least <= min(array.most ?? .max, expressions.count) else { return try grammar.nothing() }
    var later: [Grammar.Expression] = []
    for one in expressions { later.append(try grammar.sequence([tokens.comma, one])) }
    return try grammar.distinct(first: expressions, later: later, least, array.most ?? .max)
  }

  private func notListed(_ array: SchemaPlan.Array) -> Failure {
    sets.failure(
      "uniqueItems", of: array.node,
      "it is implemented for elements that are of up to \(Grammar.mostDistinct) listed values, or "
        + "\(SchemaWriter.mostPlaced) beside prefixItems")
  }

  private func singles(
    _ options: [SchemaPlan.Option], _ array: SchemaPlan.Array
  ) throws(Failure) -> [Single] {
    var result: [Single] = []
    for option in options where hasValue(option.node) {
      let plan = planner.plans[option.node]!
      guard plan.isFlat, !plan.isAll else { throw notListed(array) }
      for bit in 0..<3 as Range<UInt8> where plan.constants.rawValue >> bit & 1 == 1 {
        result.append(.constant(1 << bit))
      }
      for range in plan.numbers {
        guard range.spelling != nil else { throw notListed(array) }
        result.append(.number(.one(range.lower!.value, range.lower!.value.text)))
      }
      for range in plan.strings {
        guard let finite = range.finite else { throw notListed(array) }
        result += finite.map { .text($0) }
      }
    }
    return result
  }

  private mutating func expression(_ single: Single) throws(Failure) -> Grammar.Expression {
    switch single {
    case .number(let range): return try number(range)
    case .text(let text): return try grammar.literal(JSONStrings.quoted(text))
    case .constant(let bit):
      let text = bit == ValueSet.Constants.null.rawValue ? "null" : bit == 2 ? "true" : "false"
      return try grammar.literal(text.utf8)
    }
  }
}
