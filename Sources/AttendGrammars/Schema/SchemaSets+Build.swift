import AttendBase
import AttendCheckpoints

// What a schema says as a whole.

extension SchemaSets {
  /// The values of a schema.
  func values(schema: JSON) throws(Failure) -> ValueSet {
    let keywords = SchemaKeywords(schema)
    if document.ignoresSiblings, let reference = keywords[.reference] { return try values(reference, keywords) }
    var set = try typed(keywords)
    if keywords[.enum] != nil || keywords[.const] != nil { set = try listed(set, keywords) }
    for (keyword, value) in keywords.all {
      guard let more = try applied(keyword, value, keywords) else { continue }
      set = try meet(set, more)
    }
    if let one = keywords[.oneOf] { set = try exclusive(set, one, keywords) }
    if let negated = keywords[.not] {
      set = try located("not", schema) { () throws(Failure) in try subtract(set, values(node(negated))) }
    }
    return try closed(set, keywords)
  }

  /// What the keywords of single types say.
  private func typed(_ keywords: SchemaKeywords) throws(Failure) -> ValueSet {
    let types = try types(keywords)
    var set = ValueSet()
    if types.contains(.null) { set.constants.formUnion(.null) }
    if types.contains(.boolean) { set.constants.formUnion([.true, .false]) }
    if !types.isDisjoint(with: [.number, .integer]), let range = try numbers(keywords) {
      let kind = types.contains(.number) ? NumberRange.all : .integers
      if let range = try located("multipleOf", keywords.schema, { () throws(Failure) in try range.meeting(kind) }) {
        set.numbers = [range]
      }
    }
    if types.contains(.string), let range = try strings(keywords) { set.strings = [range] }
    if types.contains(.array), let shape = try array(keywords) { set.arrays = [shape] }
    if types.contains(.object), let shape = try object(keywords) { set.objects = [shape] }
    return set
  }

  /// What another schema that a keyword names says of the same value; nil for keywords that name none.
  private func applied(
    _ keyword: SchemaKeyword, _ value: JSON, _ keywords: SchemaKeywords
  ) throws(Failure) -> ValueSet? {
    switch keyword {
    case .reference, .dynamicReference, .recursiveReference: return try values(value, keywords)
    case .allOf:
      var set = ValueSet.all
      for part in try schemas(keyword, value, keywords) { set = try meet(set, values(node(part))) }
      return set
    case .anyOf: return try any(of: schemas(keyword, value, keywords), keywords)
    case .if: return try conditional(value, keywords)
    case .dependencies, .dependentRequired, .dependentSchemas: return try dependencies(value, keyword, keywords)
    default: return nil
    }
  }

  private func schemas(
    _ keyword: SchemaKeyword, _ value: JSON, _ keywords: SchemaKeywords
  ) throws(Failure) -> [JSON] {
    guard value.kind == .array, value.count > 0 else {
      throw failure(keyword.rawValue, of: keywords.schema, "it is not an array of schemas", .invalidArgument)
    }
    try spend(value.count)
    return Array(value.elements)
  }

  /// Says at which keyword something failed that does not say it itself.
  private func located<Result>(
    _ keyword: String, _ schema: JSON, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    do throws(Failure) { return try body() } catch {
      if error.message.hasPrefix("\(schema.file): ") { throw error }
      throw failure(keyword, of: schema, error.message, error.code)
    }
  }

  // MARK: - References

  private func values(_ reference: JSON, _ keywords: SchemaKeywords) throws(Failure) -> ValueSet {
    guard let text = reference.string else {
      throw failure("$ref", of: keywords.schema, "\(reference.excerpt) is not a string", .invalidArgument)
    }
    guard let target = document.resolve(text, in: keywords.schema) else {
      throw failure("$ref", of: keywords.schema, "\"\(text)\" names nothing in the document", .unsupported)
    }
    return try values(node(target))
  }

  // MARK: - enum, const

  private func listed(_ set: ValueSet, _ keywords: SchemaKeywords) throws(Failure) -> ValueSet {
    var set = set
    if let list = keywords[.enum] {
      guard list.kind == .array else {
        throw failure("enum", of: keywords.schema, "\(list.excerpt) is not an array", .invalidArgument)
      }
      set = try meet(set, one(of: list.elements))
    }
    if let value = keywords[.const] { set = try meet(set, values(value: value)) }
    return set
  }

  private func one(of list: JSON.Elements) throws(Failure) -> ValueSet {
    var result = ValueSet()
    var (texts, seen): ([[UInt8]], Set<[UInt8]>) = ([], [])
    for value in list {
      try spend(1)
      if let text = value.utf8 {
        if seen.insert(Array(text)).inserted { texts.append(Array(text)) }
      } else {
        result = join(result, try values(value: value))
      }
    }
    if !texts.isEmpty { result.strings = [StringRange(finite: texts)] }
    return result
  }

  /// The set of one value.
  func values(value: JSON) throws(Failure) -> ValueSet {
    switch value.kind {
    case .null: return ValueSet(constants: .null)
    case .bool: return ValueSet(constants: value.bool! ? .true : .false)
    case .string: return ValueSet(strings: [StringRange(finite: [Array(value.utf8!)])])
    case .number:
      guard let number = Decimal(value) else {
        throw value.invalid("a number of over \(Decimal.longest) digits in a schema")
      }
      return ValueSet(numbers: [.one(number, Array(value.source))])
    case .array:
      var shape = ArrayShape(rest: .never, least: value.count, most: value.count)
      for element in value.elements { shape.prefix.append(try node(value: element)) }
      return ValueSet(arrays: [shape])
    case .object:
      var shape = ObjectShape(others: [.init(additional: .never)])
      for (key, member) in value.members {
        let own = try node(value: member)
        shape.properties.removeAll { key.utf8!.elementsEqual($0.name) }
        shape.properties.append(.init(name: Array(key.utf8!), node: own, isRequired: true))
      }
      return ValueSet(objects: [shape])
    }
  }

  // MARK: - Choices

  private func any(of all: [JSON], _ keywords: SchemaKeywords) throws(Failure) -> ValueSet {
    var result = ValueSet()
    // What is evaluated depends on which of them hold; so those that hold together are an alternative of their own.
    let tellsApart = keywords[.unevaluatedProperties] != nil || keywords[.unevaluatedItems] != nil
    var combined: [ValueSet] = []
    for part in all {
      let set = try values(node(part))
      if tellsApart {
        for other in combined { combined.append(try meet(other, set)) }
        combined.append(set)
        try spend(combined.count)
      } else {
        result = join(result, set)
      }
    }
    for set in combined { result = join(result, set) }
    return result
  }

  /// The values of a set that exactly one of the schemas allows.
  private func exclusive(_ set: ValueSet, _ list: JSON, _ keywords: SchemaKeywords) throws(Failure) -> ValueSet {
    var sets: [ValueSet] = []
    for part in try schemas(.oneOf, list, keywords) { sets.append(try meet(set, values(node(part)))) }
    return try located("oneOf", keywords.schema) { () throws(Failure) in
      var result = ValueSet()
      for (place, own) in sets.enumerated() {
        var rest = own
        for (other, set) in sets.enumerated() where other != place { rest = try subtract(rest, set) }
        result = join(result, rest)
      }
      return result
    }
  }

  private func conditional(_ condition: JSON, _ keywords: SchemaKeywords) throws(Failure) -> ValueSet? {
    let (then, otherwise) = (keywords[.then], keywords[.else])
    guard then != nil || otherwise != nil else { return nil }
    let holds = try values(node(condition))
    var first = holds
    if let then { first = try meet(holds, values(node(then))) }
    let fails = try located("if", keywords.schema) { () throws(Failure) in try complement(holds) }
    var second = fails
    if let otherwise { second = try meet(fails, values(node(otherwise))) }
    return join(first, second)
  }

  // MARK: - What no other keyword has looked at

  private func closed(_ set: ValueSet, _ keywords: SchemaKeywords) throws(Failure) -> ValueSet {
    var set = set
    if let rest = keywords[.unevaluatedProperties] {
      let node = try node(rest)
      for place in set.objects.indices { set.objects[place] = closed(set.objects[place], node) }
      let before = set.objects
      set.objects = []
      for shape in before { if let settled = try settled(shape) { set.objects.append(settled) } }
    }
    if let rest = keywords[.unevaluatedItems] {
      let node = try node(rest)
      for place in set.arrays.indices where set.arrays[place].rest == nil {
        guard set.arrays[place].presences.isEmpty else {
          throw failure("unevaluatedItems", of: keywords.schema, "beside contains it is not implemented")
        }
        set.arrays[place].rest = node
      }
    }
    return set
  }

  /// The shape with a node for members that nothing describes.
  private func closed(_ shape: ObjectShape, _ node: SchemaNode) -> ObjectShape {
    guard !shape.others.contains(where: { $0.additional != nil }) else { return shape }
    var shape = shape
    for place in shape.properties.indices where !shape.properties[place].isDescribed {
      shape.properties[place].node = meet(shape.properties[place].node, node)
    }
    let patterns = shape.others.flatMap(\.patterns)
    shape.others.append(.init(patterns: patterns.map { .init(language: $0.language, node: .any) }, additional: node))
    return shape
  }
}
