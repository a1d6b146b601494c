import AttendBase

extension SchemaWriter {
  mutating func array(_ array: SchemaPlan.Array) throws(Failure) -> Grammar.Expression {
    let content: Grammar.Expression
    if array.isUnique {
      content = try unique(array)
    } else if array.presences.isEmpty {
      content = try plain(array)
    } else {
      content = try counted(array)
    }
    return try bracketed("[", content, "]", canBeEmpty: array.least == 0 && !array.presences.contains { $0.least > 0 })
  }

  /// What stands between brackets, or nothing but white space.
  mutating func bracketed(
    _ open: String, _ content: Grammar.Expression, _ close: String, canBeEmpty: Bool
  ) throws(Failure) -> Grammar.Expression {
    var inner = try grammar.sequence([content, tokens.white])
    if canBeEmpty { inner = try grammar.optional(inner) }
    return try grammar.sequence([grammar.literal(open.utf8), tokens.white, inner, grammar.literal(close.utf8)])
  }

  /// The elements, at least one.
  private mutating func plain(_ array: SchemaPlan.Array) throws(Failure) -> Grammar.Expression {
    var prefix: [Grammar.Expression] = []
    var most = array.most
    for options in array.prefix {
      guard hasValue(options[0].node) else {
        most = min(most ?? .max, prefix.count)
        break
      }
      prefix.append(try expression(options[0].node))
    }
    let hasRest = prefix.count == array.prefix.count && array.rest.contains { hasValue($0.node) }
    if !hasRest { most = min(most ?? .max, prefix.count) }
    if most == 0 { return try grammar.nothing() }
    let rest = try hasRest ? expression(array.rest[0].node) : grammar.nothing()
    let limit = min(prefix.count, most ?? .max)
    // From the last element to the first: what may follow so many elements.
    let more = most.map { max($0 - max(limit, 1), 0) }
    let item = try grammar.sequence([tokens.comma, rest])
    var tail =
      try hasRest && more != 0
      ? grammar.repetition(of: item, max(array.least - max(limit, 1), 0), more) : grammar.empty()
    for index in stride(from: limit - 1, to: 0, by: -1) {
      tail = try grammar.sequence([tokens.comma, prefix[index], tail])
      if array.least <= index { tail = try grammar.optional(tail) }
    }
    return try grammar.sequence([prefix.first ?? rest, tail])
  }

  // MARK: - contains

  private struct Count: Hashable {
    var index: Int
    var hits: [Int]
  }

  private static let largest = 20_000

  /// The elements where some of them must be there so many times: what may follow is told by how many of each there
  /// have been.
  private mutating func counted(_ array: SchemaPlan.Array) throws(Failure) -> Grammar.Expression {
    // Past this many elements only the counts of those that must be there matter.
    let limit = max(array.most.map { $0 + 1 } ?? array.least, array.prefix.count)
    let limits = array.presences.map { $0.most.map { $0 + 1 } ?? $0.least }
    var known: [Count: Grammar.Expression] = [:]
    var rules: [Count: Grammar.Rule] = [:]
    var pending = [Count(index: 0, hits: limits.map { _ in 0 })]
    let root = pending[0]
    rules[root] = try grammar.declareRule("elements".utf8)
    while let count = pending.popLast() {
      guard known[count] == nil else { continue }
      guard known.count < SchemaWriter.largest else {
        throw sets.failure("contains", of: array.node, "over \(SchemaWriter.largest) counts")
      }
      var all: [Grammar.Expression] = []
      if isEnough(array, count), count != root { all.append(try grammar.empty()) }
      let options = count.index < array.prefix.count ? array.prefix[count.index] : array.rest
      for option in options where hasValue(option.node) && array.most.map({ count.index < $0 }) ?? true {
        guard let next = following(array, count, option.hits, limit, limits) else { continue }
        if rules[next] == nil { rules[next] = try grammar.declareRule("elements".utf8) }
        pending.append(next)
        let element = try expression(option.node)
        let tail = try grammar.reference(to: rules[next]!)
        all.append(try grammar.sequence(count.index == 0 ? [element, tail] : [tokens.comma, element, tail]))
      }
      known[count] = try grammar.choice(all)
      grammar.define(rules[count]!, as: known[count]!)
    }
    return try grammar.reference(to: rules[root]!)
  }

  private func isEnough(_ array: SchemaPlan.Array, _ count: Count) -> Bool {
    count.index >= array.least
      && array.presences.indices.allSatisfy { bit in
        count.hits[bit] >= array.presences[bit].least
          && (array.presences[bit].most.map { count.hits[bit] <= $0 } ?? true)
      }
  }

  private func following(
    _ array: SchemaPlan.Array, _ count: Count, _ hits: Int, _ limit: Int, _ limits: [Int]
  ) -> Count? {
    var next = count
    next.index = min(count.index + 1, limit)
    // The first element is told apart from the others: no comma stands before it.
    next.index = max(next.index, 1)
    for bit in limits.indices where hits >> bit & 1 == 1 {
      next.hits[bit] = min(count.hits[bit] + 1, limits[bit])
      if let most = array.presences[bit].most, next.hits[bit] > most { return nil }
    }
    return next
  }
}
