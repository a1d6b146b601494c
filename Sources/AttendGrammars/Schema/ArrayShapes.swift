import AttendBase

extension SchemaSets {
  /// The arrays of both; nil where there are certainly none.
  func meet(_ one: ArrayShape, _ other: ArrayShape) throws(Failure) -> ArrayShape? {
    if one.isAll { return other }
    if other.isAll { return one }
    var result = ArrayShape()
    let count = max(one.prefix.count, other.prefix.count)
    try spend(1 + count)
    for index in 0..<count { result.prefix.append(meet(one.node(at: index), other.node(at: index))) }
    if let rest = one.rest { result.rest = other.rest.map { meet(rest, $0) } ?? rest } else { result.rest = other.rest }
    result.least = max(one.least, other.least)
    result.most = [one.most, other.most].compactMap { $0 }.min()
    result.presences = one.presences + other.presences.filter { !one.presences.contains($0) }
    result.isUnique = one.isUnique || other.isUnique
    return try settled(result)
  }

  /// The same arrays with the bounds that follow from what is inside; nil where there are certainly none.
  func settled(_ shape: ArrayShape) throws(Failure) -> ArrayShape? {
    var shape = shape
    var most = shape.most
    // The first element that cannot be ends the array.
    for index in 0..<shape.prefix.count where index < most ?? .max {
      guard try isSurelyEmpty(shape.prefix[index]) else { continue }
      most = index
    }
    if shape.rest == .never { most = min(most ?? .max, shape.prefix.count) }
    shape.most = most
    if let most, shape.prefix.count > most { shape.prefix.removeSubrange(most...) }
    for presence in shape.presences where presence.least > 0 {
      shape.least = max(shape.least, presence.from + presence.least)
    }
    if let most, most < shape.least { return nil }
    return shape
  }

  /// The arrays outside.
  func complement(_ shape: ArrayShape) throws(Failure) -> [ArrayShape] {
    guard !shape.isUnique else { throw Failure(.unsupported, "the negation of uniqueItems is not implemented") }
    var result: [ArrayShape] = []
    if shape.least > 0 { result.append(ArrayShape(most: shape.least - 1)) }
    if let most = shape.most { result.append(ArrayShape(least: most + 1)) }
    for (index, node) in shape.prefix.enumerated() where node != .any {
      for other in complement(node) {
        var prefix = Array(repeating: SchemaNode.any, count: index)
        prefix.append(other)
        result.append(ArrayShape(prefix: prefix, least: index + 1))
      }
    }
    if let rest = shape.rest, rest != .any {
      for other in complement(rest) {
        result.append(ArrayShape(presences: [ArrayShape.Presence(node: other, from: shape.prefix.count)]))
      }
    }
    for presence in shape.presences {
      if presence.least > 0 {
        var fewer = presence
        (fewer.least, fewer.most) = (0, presence.least - 1)
        result.append(ArrayShape(presences: [fewer]))
      }
      if let most = presence.most {
        var more = presence
        (more.least, more.most) = (most + 1, nil)
        result.append(ArrayShape(presences: [more]))
      }
    }
    return result
  }
}
