import AttendBase

/// What is written for a node: its sets of values with everything that no value reaches taken out.
struct SchemaPlan {
  struct Member {
    let name: [UInt8]
    var node: SchemaNode
    let isRequired: Bool
  }

  /// Members that are not named.
  struct Others: Hashable {
    let names: StringRange
    let node: SchemaNode
  }

  struct Object {
    /// For messages.
    let node: SchemaNode
    var members: [Member] = []
    /// Names that stand for themselves only: also those of members that cannot be.
    var others: [Others] = []
    var least = 0
    var most: Int?
    /// For each thing that must be there the ways to meet it: by a named member, or another.
    var presences: [Presence] = []
  }

  struct Presence {
    var members: [Int: SchemaNode] = [:]
    var others: [Others] = []
  }

  /// An element, and which of the things that must be among the elements it is, as bits.
  struct Option: Hashable {
    let node: SchemaNode
    let hits: Int
  }

  struct Array {
    /// For messages.
    let node: SchemaNode
    var prefix: [[Option]] = []
    var rest: [Option] = []
    var least = 0
    var most: Int?
    var presences: [ArrayShape.Presence] = []
    var isUnique = false
  }

  var constants: ValueSet.Constants = []
  var numbers: [NumberRange] = []
  var strings: [StringRange] = []
  var arrays: [Array] = []
  var objects: [Object] = []
  /// Any value at all: written with the rule for such.
  var isAll = false

  /// Whether it is written without rules of its own.
  var isFlat: Bool { arrays.isEmpty && objects.isEmpty }

  /// The nodes inside.
  var children: [SchemaNode] {
    var result: [SchemaNode] = []
    for object in objects {
      result += object.members.map(\.node) + object.others.map(\.node)
      for presence in object.presences { result += Swift.Array(presence.members.values) + presence.others.map(\.node) }
    }
    for array in arrays { for option in array.prefix.joined() + array.rest { result.append(option.node) } }
    return result
  }
}

/// Makes the plans of all nodes that a schema reaches, and finds out which have values at all.
struct SchemaPlanner {
  private let sets: SchemaSets
  private let isStrict: Bool
  private(set) var plans: [SchemaNode: SchemaPlan] = [:]
  private(set) var productive: Set<SchemaNode> = []
  /// Nodes in the order in which they are met.
  private var order: [SchemaNode] = []

  init(_ sets: SchemaSets, isStrict: Bool, root: SchemaNode) throws(Failure) {
    (self.sets, self.isStrict) = (sets, isStrict)
    try add(root)
    var place = 0
    while place < order.count {
      for child in plans[order[place]]!.children where plans[child] == nil { try add(child) }
      place += 1
    }
    settle()
  }

  private mutating func add(_ node: SchemaNode) throws(Failure) {
    plans[node] = try plan(node)
    order.append(node)
    try sets.spend(1)
  }

  private func plan(_ node: SchemaNode) throws(Failure) -> SchemaPlan {
    var plan = SchemaPlan()
    let set = try sets.values(node)
    plan.isAll = node == .any || !isStrict && set.isAll
    if plan.isAll { return plan }
    plan.constants = set.constants
    for range in set.numbers where try !range.isEmpty() { plan.numbers.append(range) }
    for range in set.strings where try !sets.isEmpty(range) { plan.strings.append(range) }
    for shape in set.arrays { plan.arrays.append(try self.plan(shape, node)) }
    for shape in set.objects { plan.objects.append(try self.plan(shape, node)) }
    return plan
  }

  /// Finds the nodes that have values: a least fixpoint, in passes from the inside out.
  private mutating func settle() {
    var isChanged = true
    while isChanged {
      isChanged = false
      for node in order.reversed() where !productive.contains(node) && hasValue(plans[node]!) {
        productive.insert(node)
        isChanged = true
      }
    }
  }

  private func hasValue(_ plan: SchemaPlan) -> Bool {
    plan.isAll || !plan.constants.isEmpty || !plan.numbers.isEmpty || !plan.strings.isEmpty
      || plan.arrays.contains { hasValue($0) } || plan.objects.contains { hasValue($0) }
  }

  func hasValue(_ array: SchemaPlan.Array) -> Bool {
    for index in 0..<min(array.least, array.prefix.count + 1) {
      let options = index < array.prefix.count ? array.prefix[index] : array.rest
      if !options.contains(where: { productive.contains($0.node) }) { return false }
    }
    return true
  }

  func hasValue(_ object: SchemaPlan.Object) -> Bool {
    for member in object.members where member.isRequired && !productive.contains(member.node) { return false }
    let hasOthers = object.others.contains { productive.contains($0.node) }
    let count = object.members.count { productive.contains($0.node) }
    if !hasOthers, count < object.least { return false }
    return object.presences.allSatisfy { presence in
      presence.members.values.contains { productive.contains($0) }
        || presence.others.contains { productive.contains($0.node) }
    }
  }
}

// MARK: - Arrays

extension SchemaPlanner {
  private func plan(_ shape: ArrayShape, _ node: SchemaNode) throws(Failure) -> SchemaPlan.Array {
    guard shape.presences.count <= 4 else {
      throw sets.failure("contains", of: node, "more than 4 of them for one array are not implemented")
    }
    var plan = SchemaPlan.Array(node: node, least: shape.least, most: shape.most, presences: shape.presences)
    plan.isUnique = shape.isUnique && shape.most ?? 2 > 1
    let count = shape.presences.reduce(shape.prefix.count) { max($0, $1.from) }
    for index in 0..<min(count, shape.most ?? count) {
      plan.prefix.append(options(element(shape, index), shape.presences, index))
    }
    plan.rest = options(element(shape, shape.prefix.count), shape.presences, count)
    return plan
  }

  private func element(_ shape: ArrayShape, _ index: Int) -> SchemaNode {
    index < shape.prefix.count ? shape.prefix[index] : shape.rest ?? (isStrict ? .never : .any)
  }

  private func options(
    _ node: SchemaNode, _ presences: [ArrayShape.Presence], _ index: Int
  ) -> [SchemaPlan.Option] {
    var options = [SchemaPlan.Option(node: node, hits: 0)]
    for (bit, presence) in presences.enumerated() where index >= presence.from {
      var more: [SchemaPlan.Option] = []
      for option in options {
        more.append(.init(node: sets.meet(option.node, presence.node), hits: option.hits | 1 << bit))
        // Where too many are refused, each must be counted.
        let misses = presence.most == nil ? [SchemaNode.any] : sets.complement(presence.node)
        for miss in misses { more.append(.init(node: sets.meet(option.node, miss), hits: option.hits)) }
      }
      options = more
    }
    return options
  }
}

// MARK: - Objects

extension SchemaPlanner {
  private func plan(_ shape: ObjectShape, _ node: SchemaNode) throws(Failure) -> SchemaPlan.Object {
    guard shape.presences.count <= 4 else {
      throw sets.failure("not", of: node, "more than 4 members that must be there under some name are not implemented")
    }
    var plan = SchemaPlan.Object(node: node, least: shape.least, most: shape.most)
    for property in shape.properties {
      plan.members.append(.init(name: property.name, node: property.node, isRequired: property.isRequired))
    }
    plan.others = try others(shape)
    for presence in shape.presences {
      var ways = SchemaPlan.Presence()
      for (place, member) in plan.members.enumerated() where try sets.contains(presence.names, member.name) {
        ways.members[place] = sets.meet(member.node, presence.node)
      }
      for other in plan.others {
        guard let names = try sets.meet(other.names, presence.names), try !sets.isEmpty(names) else { continue }
        ways.others.append(.init(names: names, node: sets.meet(other.node, presence.node)))
      }
      plan.presences.append(ways)
    }
    return plan
  }

  /// The members that no shape names, by classes of names that are told apart.
  private func others(_ shape: ObjectShape) throws(Failure) -> [SchemaPlan.Others] {
    let named = shape.properties.map(\.name)
    var classes = [Class(names: StringRange(), matched: [])]
    var languages: [Int] = []
    for pattern in shape.others.flatMap(\.patterns) where !languages.contains(pattern.language) {
      languages.append(pattern.language)
    }
    for language in languages { classes = try divided(classes, by: language) }
    var result: [SchemaPlan.Others] = []
    for one in classes {
      let node = node(one.matched, shape.others)
      if node == .never { continue }
      for names in try withoutNamed(one.names, named, shape.names) {
        if try !sets.isEmpty(names) { result.append(.init(names: names, node: node)) }
      }
    }
    return result
  }

  /// Names that match the same patterns.
  private struct Class {
    var names: StringRange
    var matched: [Int]
  }

  private func divided(_ classes: [Class], by language: Int) throws(Failure) -> [Class] {
    var result: [Class] = []
    for one in classes {
      var (inside, outside) = (one, one)
      inside.names.wanted.append(language)
      inside.matched.append(language)
      outside.names.unwanted.append(language)
      // A pattern alone is taken to match something; of several it is found out.
      if one.matched.isEmpty {
        result.append(inside)
      } else if try !sets.isEmpty(inside.names) {
        result.append(inside)
      }
      result.append(outside)
    }
    try sets.spend(result.count)
    return result
  }

  private func node(_ matched: [Int], _ all: [ObjectShape.Others]) -> SchemaNode {
    let isClosed = isStrict && matched.isEmpty && !all.contains { $0.additional != nil }
    var result = isClosed ? SchemaNode.never : .any
    for others in all {
      let patterns = others.patterns.filter { matched.contains($0.language) }
      for pattern in patterns { result = sets.meet(result, pattern.node) }
      if patterns.isEmpty, let additional = others.additional { result = sets.meet(result, additional) }
    }
    return result
  }

  /// The names of a class without those of named members, and as `propertyNames` wants them.
  private func withoutNamed(
    _ names: StringRange, _ named: [[UInt8]], _ wanted: SchemaNode
  ) throws(Failure) -> [StringRange] {
    var ranges = [names]
    if wanted != .any {
      ranges = []
      for range in try sets.values(wanted).strings { if let both = try sets.meet(names, range) { ranges.append(both) } }
    }
    var result: [StringRange] = []
    for range in ranges {
      var taken = named
      if !range.wanted.isEmpty || range.finite != nil {
        taken = []
        for name in named where try sets.contains(range, name) { taken.append(name) }
      }
      if taken.isEmpty {
        result.append(range)
      } else if let rest = try sets.meet(range, StringRange(unwanted: [sets.language(.texts(taken))])) {
        result.append(rest)
      }
    }
    return result
  }
}
