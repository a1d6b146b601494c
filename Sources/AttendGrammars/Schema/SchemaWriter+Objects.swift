import AttendBase

extension SchemaWriter {
  mutating func object(_ object: SchemaPlan.Object) throws(Failure) -> Grammar.Expression {
    let required = object.members.count { $0.isRequired }
    let isCounted = object.least > required || object.most != nil || !object.presences.isEmpty
    let content = try isCounted ? counted(object) : plain(object)
    let canBeEmpty = required == 0 && object.least == 0 && object.presences.isEmpty
    return try bracketed("{", content, "}", canBeEmpty: canBeEmpty)
  }

  /// A named member with its value.
  private mutating func member(_ name: [UInt8], _ node: SchemaNode) throws(Failure) -> Grammar.Expression {
    try grammar.sequence([grammar.literal(JSONStrings.quoted(name)), tokens.colon, expression(node)])
  }

  /// One of the members that are not named; nil where there can be none.
  private mutating func other(_ all: [SchemaPlan.Others]) throws(Failure) -> Grammar.Expression? {
    var parts: [Grammar.Expression] = []
    for other in all where hasValue(other.node) {
      parts.append(try grammar.sequence([string(other.names), tokens.colon, expression(other.node)]))
    }
    return parts.isEmpty ? nil : try grammar.choice(parts)
  }

  /// The members, at least one, where nothing is counted. What follows a member is the same whatever came before.
  private mutating func plain(_ object: SchemaPlan.Object) throws(Failure) -> Grammar.Expression {
    let members = object.members.filter { hasValue($0.node) }
    var firsts: [Grammar.Expression] = []
    var tail = try grammar.empty()
    var canBeFirst = !members.contains { $0.isRequired }
    if let other = try other(object.others) {
      tail = try grammar.repetition(of: grammar.sequence([tokens.comma, other]), 0, nil)
      if canBeFirst { firsts.append(try grammar.sequence([other, tail])) }
    }
    let firstRequired = members.firstIndex { $0.isRequired } ?? members.count
    for (place, member) in members.enumerated().reversed() {
      let own = try self.member(member.name, member.node)
      canBeFirst = place <= firstRequired
      if canBeFirst { firsts.append(try grammar.sequence([own, tail])) }
      let item = try grammar.sequence([tokens.comma, own])
      tail = try grammar.sequence([member.isRequired ? item : grammar.optional(item), tail])
    }
    return try grammar.choice(firsts)
  }

  // MARK: - minProperties, maxProperties, members under some name

  /// Where in an object something is written, and what there has been.
  private struct Count: Hashable {
    var place: Int
    var members: Int
    var met: Int
  }

  private static let largest = 50_000

  private mutating func counted(_ object: SchemaPlan.Object) throws(Failure) -> Grammar.Expression {
    var counter = Counter(object: object, known: [:])
    let states = (object.members.count + 1).multipliedReportingOverflow(by: min(counter.cap, object.members.count) + 1)
    guard !states.overflow, states.partialValue << object.presences.count <= SchemaWriter.largest else {
      throw sets.failure(
        object.most == nil ? "minProperties" : "maxProperties", of: object.node,
        "over \(SchemaWriter.largest) counts for an object of \(object.members.count) properties")
    }
    if let content = try rest(Count(place: 0, members: 0, met: 0), &counter) { return content }
    return try grammar.nothing()
  }

  private struct Counter {
    let object: SchemaPlan.Object
    var known: [Count: Grammar.Expression?]

    /// The bits of all that must be there.
    var all: Int { 1 << object.presences.count - 1 }
    /// Past so many members the exact count does not matter.
    var cap: Int { object.most == nil ? max(object.least, 1) : object.members.count }
  }

  /// What may follow; nil where nothing leads to an end. From the last place to the first, without the stack.
  private mutating func rest(_ start: Count, _ counter: inout Counter) throws(Failure) -> Grammar.Expression? {
    let object = counter.object
    for place in stride(from: object.members.count, through: 0, by: -1) {
      for members in stride(from: min(place, counter.cap), through: 0, by: -1) {
        for met in stride(from: counter.all, through: 0, by: -1) {
          let count = Count(place: place, members: members, met: met)
          counter.known[count] = place == object.members.count ? try end(count, counter) : try step(count, counter)
        }
      }
    }
    return counter.known[start] ?? nil
  }

  private func separated(_ count: Count, _ parts: [Grammar.Expression]) -> [Grammar.Expression] {
    count.members == 0 ? parts : [tokens.comma] + parts
  }

  /// A named member, or that it is missing.
  private mutating func step(_ count: Count, _ counter: Counter) throws(Failure) -> Grammar.Expression? {
    let (object, member) = (counter.object, counter.object.members[count.place])
    var all: [Grammar.Expression] = []
    let skipped = Count(place: count.place + 1, members: count.members, met: count.met)
    if !member.isRequired, let rest = counter.known[skipped] ?? nil { all.append(rest) }
    if object.most.map({ count.members < $0 }) ?? true {
      var ways = [(node: member.node, met: count.met)]
      for (bit, presence) in object.presences.enumerated() where count.met >> bit & 1 == 0 {
        guard let node = presence.members[count.place] else { continue }
        ways.append((node, count.met | 1 << bit))
      }
      for way in ways where hasValue(way.node) {
        let next = Count(place: count.place + 1, members: min(count.members + 1, counter.cap), met: way.met)
        guard let rest = counter.known[next] ?? nil else { continue }
        all.append(try grammar.sequence(separated(count, [self.member(member.name, way.node), rest])))
      }
    }
    return all.isEmpty ? nil : try grammar.choice(all)
  }

  /// What may follow the last named member.
  private mutating func end(_ count: Count, _ counter: Counter) throws(Failure) -> Grammar.Expression? {
    let object = counter.object
    var all: [Grammar.Expression] = []
    let missing = object.presences.indices.filter { count.met >> $0 & 1 == 0 }
    let most = object.most.map { $0 - count.members }
    let least = max(object.least - count.members, 0)
    if missing.isEmpty {
      if least == 0, count.members > 0 { all.append(try grammar.empty()) }
      if most != 0, let other = try other(object.others) {
        let item = try grammar.sequence([tokens.comma, other])
        let (few, many) = (max(least - 1, 0), most.map { $0 - 1 })
        all.append(try grammar.sequence(separated(count, [other, grammar.repetition(of: item, few, many)])))
      }
      return all.isEmpty ? nil : try grammar.choice(all)
    }
    guard object.most == nil, least <= 1 else {
      throw sets.failure(
        "not", of: object.node, "a member that must be there under some name beside counts is not implemented")
    }
    return try meeting(missing, count, object)
  }

  /// Members that are not named, in an order in which those that must be there come one after another.
  private mutating func meeting(
    _ missing: [Int], _ count: Count, _ object: SchemaPlan.Object
  ) throws(Failure) -> Grammar.Expression? {
    guard missing.count == 1 else {
      throw sets.failure(
        "not", of: object.node, "several members that must be there under some name are not implemented")
    }
    guard let wanted = try other(object.presences[missing[0]].others) else { return nil }
    let more = try other(object.others)
    var item: Grammar.Expression?
    if let more { item = try grammar.sequence([tokens.comma, more]) }
    var after = try grammar.empty()
    if let item { after = try grammar.repetition(of: item, 0, nil) }
    var all = [try grammar.sequence(separated(count, [wanted, after]))]
    if let more, let item {
      let between = try grammar.repetition(of: item, 0, nil)
      all.append(try grammar.sequence(separated(count, [more, between, tokens.comma, wanted, after])))
    }
    return try grammar.choice(all)
  }
}
