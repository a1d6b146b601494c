import AttendBase

extension SchemaSets {
  /// The objects of both; nil where there are certainly none.
  func meet(_ one: ObjectShape, _ other: ObjectShape) throws(Failure) -> ObjectShape? {
    if one.isAll { return other }
    if other.isAll { return one }
    try spend(1 + one.properties.count + other.properties.count)
    var result = one
    var places: [[UInt8]: Int] = [:]
    for (place, property) in one.properties.enumerated() { places[property.name] = place }
    var isNamed = Array(repeating: false, count: one.properties.count)
    for property in other.properties {
      guard let place = places[property.name] else {
        var added = property
        added.node = meet(property.node, try node(named: property.name, by: one.others))
        result.properties.append(added)
        continue
      }
      isNamed[place] = true
      result.properties[place].node = meet(property.node, one.properties[place].node)
      if property.isRequired { result.properties[place].isRequired = true }
      if property.isDescribed { result.properties[place].isDescribed = true }
    }
    for place in isNamed.indices where !isNamed[place] && !other.others.isEmpty {
      let more = try node(named: one.properties[place].name, by: other.others)
      result.properties[place].node = meet(one.properties[place].node, more)
    }
    for others in other.others where !result.others.contains(others) { result.others.append(others) }
    result.names = meet(one.names, other.names)
    result.least = max(one.least, other.least)
    result.most = [one.most, other.most].compactMap { $0 }.min()
    result.presences += other.presences.filter { !one.presences.contains($0) }
    return try settled(result)
  }

  /// The same objects with the bounds that follow from what is inside; nil where there are certainly none.
  func settled(_ shape: ObjectShape) throws(Failure) -> ObjectShape? {
    var required = 0
    for property in shape.properties where property.isRequired {
      required += 1
      if try isSurelyEmpty(property.node) { return nil }
    }
    var shape = shape
    if shape.names != .any { try restrictNames(&shape) }
    if let most = shape.most, most < max(required, shape.least) { return nil }
    return shape.properties.contains { $0.isRequired && $0.node == .never } ? nil : shape
  }

  /// Takes out named members whose names `propertyNames` does not allow.
  private func restrictNames(_ shape: inout ObjectShape) throws(Failure) {
    let ranges = try values(shape.names).strings
    for place in shape.properties.indices where shape.properties[place].node != .never {
      var isAllowed = false
      for range in ranges where try contains(range, shape.properties[place].name) { isAllowed = true }
      if !isAllowed { shape.properties[place].node = .never }
    }
  }

  /// What a member of this name must be where no shape names it.
  func node(named name: [UInt8], by all: [ObjectShape.Others]) throws(Failure) -> SchemaNode {
    var result = SchemaNode.any
    for others in all {
      var isMatched = false
      for pattern in others.patterns where try contains(pattern.language, name) {
        isMatched = true
        result = meet(result, pattern.node)
      }
      if !isMatched, let additional = others.additional { result = meet(result, additional) }
    }
    return result
  }

  /// The objects outside.
  func complement(_ shape: ObjectShape) throws(Failure) -> [ObjectShape] {
    var result: [ObjectShape] = []
    for property in shape.properties {
      if property.isRequired {
        result.append(ObjectShape(properties: [.init(name: property.name, node: .never, isRequired: false)]))
      }
      if property.node == .any { continue }
      for other in complement(property.node) {
        result.append(ObjectShape(properties: [.init(name: property.name, node: other, isRequired: true)]))
      }
    }
    if shape.least > 0 { result.append(ObjectShape(most: shape.least - 1)) }
    if let most = shape.most { result.append(ObjectShape(least: most + 1)) }
    for presence in try violations(shape) { result.append(ObjectShape(presences: [presence])) }
    if shape.names != .any {
      for range in try complement(ValueSet(strings: values(shape.names).strings)).strings {
        result.append(ObjectShape(presences: [.init(names: range, node: .any)]))
      }
    }
    guard shape.presences.isEmpty else {
      throw Failure(.unsupported, "the negation of a member that must be there under some name is not implemented")
    }
    return result
  }

  /// Members that no shape names, each of which breaks what is said of those.
  private func violations(_ shape: ObjectShape) throws(Failure) -> [ObjectShape.Presence] {
    let named = shape.properties.map(\.name)
    let unwanted = named.isEmpty ? [] : [language(.texts(named))]
    var result: [ObjectShape.Presence] = []
    for others in shape.others {
      for pattern in others.patterns where pattern.node != .any {
        let names = StringRange(wanted: [pattern.language], unwanted: unwanted)
        for other in complement(pattern.node) { result.append(.init(names: names, node: other)) }
      }
      guard let additional = others.additional, additional != .any else { continue }
      let names = StringRange(unwanted: unwanted + others.patterns.map(\.language))
      for other in complement(additional) { result.append(.init(names: names, node: other)) }
    }
    return result
  }
}
