import AttendBase
import AttendCheckpoints

// What keywords say of objects.

extension SchemaSets {
  func object(_ keywords: SchemaKeywords) throws(Failure) -> ObjectShape? {
    var shape = ObjectShape()
    let others = try self.others(keywords)
    if others != ObjectShape.Others() { shape.others = [others] }
    if let properties = keywords[.properties] { try describe(properties, in: &shape, keywords) }
    if let required = keywords[.required] { try require(required, in: &shape, keywords) }
    if let names = keywords[.propertyNames] { shape.names = try node(names) }
    if let least = keywords[.minProperties] {
      shape.least = try count(.minProperties, least, keywords, isMost: false) ?? 0
    }
    if let most = keywords[.maxProperties] {
      shape.most = try count(.maxProperties, most, keywords, isMost: true)
    }
    return try settled(shape)
  }

  private func others(_ keywords: SchemaKeywords) throws(Failure) -> ObjectShape.Others {
    var others = ObjectShape.Others()
    if let patterns = keywords[.patternProperties] {
      guard patterns.kind == .object else { throw notAnObject("patternProperties", keywords) }
      for (key, value) in patterns.members {
        let language = try pattern(key, "patternProperties", keywords.schema)
        others.patterns.append(.init(language: language, node: try node(value)))
      }
    }
    if let additional = keywords[.additionalProperties] { others.additional = try node(additional) }
    return others
  }

  private func notAnObject(_ keyword: String, _ keywords: SchemaKeywords) -> Failure {
    failure(keyword, of: keywords.schema, "it is not an object", .invalidArgument)
  }

  private func describe(
    _ properties: JSON, in shape: inout ObjectShape, _ keywords: SchemaKeywords
  ) throws(Failure) {
    guard properties.kind == .object else { throw notAnObject("properties", keywords) }
    // Names that match a pattern must meet that too; `additionalProperties` is for others.
    var patterns = shape.others
    for place in patterns.indices { patterns[place].additional = nil }
    let hasPatterns = patterns.contains { !$0.patterns.isEmpty }
    for (key, value) in properties.members {
      let name = Array(key.utf8!)
      var own = try node(value)
      if hasPatterns { own = meet(own, try node(named: name, by: patterns)) }
      shape.properties.append(.init(name: name, node: own, isRequired: false))
    }
    try dropRepetitions(&shape)
  }

  /// Of members of one name, the last counts.
  private func dropRepetitions(_ shape: inout ObjectShape) throws(Failure) {
    try spend(shape.properties.count)
    var last: [[UInt8]: Int] = [:]
    for (place, property) in shape.properties.enumerated() { last[property.name] = place }
    guard last.count < shape.properties.count else { return }
    shape.properties = shape.properties.enumerated().filter { last[$1.name] == $0 }.map(\.element)
  }

  private func require(
    _ required: JSON, in shape: inout ObjectShape, _ keywords: SchemaKeywords
  ) throws(Failure) {
    guard required.kind == .array else {
      throw failure("required", of: keywords.schema, "\(required.excerpt) is not an array", .invalidArgument)
    }
    var places: [[UInt8]: Int] = [:]
    for (place, property) in shape.properties.enumerated() { places[property.name] = place }
    for element in required.elements {
      guard let name = element.utf8.map({ Array($0) }) else {
        throw failure("required", of: keywords.schema, "\(element.excerpt) is not a string", .invalidArgument)
      }
      if let place = places[name] {
        shape.properties[place].isRequired = true
        continue
      }
      places[name] = shape.properties.count
      let own = try node(named: name, by: shape.others)
      shape.properties.append(.init(name: name, node: own, isRequired: true, isDescribed: false))
    }
  }

  /// All values, of objects only those that have, or have not, a member of each of these names.
  func having(_ names: [[UInt8]], _ isThere: Bool) -> ValueSet {
    var set = ValueSet.all
    set.objects = [
      ObjectShape(
        properties: names.map {
          .init(name: $0, node: isThere ? .any : .never, isRequired: isThere, isDescribed: false)
        })
    ]
    return set
  }

  /// What `dependencies`, `dependentRequired` and `dependentSchemas` ask for where a member is there.
  func dependencies(_ value: JSON, _ keyword: SchemaKeyword, _ keywords: SchemaKeywords) throws(Failure) -> ValueSet {
    guard value.kind == .object else { throw notAnObject(keyword.rawValue, keywords) }
    var result = ValueSet.all
    for (key, wanted) in value.members {
      let name = Array(key.utf8!)
      let met: ValueSet
      if wanted.kind == .array || wanted.kind == .string {  // a string: draft 3
        let list = wanted.kind == .array ? Array(wanted.elements) : [wanted]
        let names = list.compactMap { $0.utf8.map { Array($0) } }
        guard names.count == list.count else {
          throw failure(keyword.rawValue, of: keywords.schema, "\(wanted.excerpt) holds no names", .invalidArgument)
        }
        met = having(([name] + names).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }, true)
      } else {
        met = try meet(values(try node(wanted)), having([name], true))
      }
      // Values of other types are all met by the first of the two.
      result = try meet(result, join(having([name], false), ValueSet(objects: met.objects)))
    }
    return result
  }
}
