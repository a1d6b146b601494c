import AttendBase

/// Equality and order, as Python has them.
extension JinjaContext {
  func equal(_ a: JinjaValue, _ b: JinjaValue) throws(Failure) -> Bool {
    try budget.spend(1)
    switch (a, b) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.text(let x), .text(let y)):
      if x.count != y.count { return false }
      try budget.spend(x.count / 8)
      return x.scalars == y.scalars
    case (.list(let x), .list(let y)), (.tuple(let x), .tuple(let y)):
      if x === y { return true }
      return x.items.count == y.items.count ? try firstDifference(x.items, y.items) == nil : false
    case (.dictionary(let x), .dictionary(let y)): return try equal(x, y)
    case (.object(let x), .object(let y)): return try equal(x, y)
    default: return order(a, b) == 0
    }
  }

  private func equal(_ x: JinjaDictionary, _ y: JinjaDictionary) throws(Failure) -> Bool {
    if x === y { return true }
    guard x.count == y.count else { return false }
    try budget.enter()
    defer { budget.leave() }
    for (key, value) in zip(x.keys, x.values) {
      guard let other = try y.value(key, self), try equal(value, other) else { return false }
    }
    return true
  }

  private func equal(_ x: JinjaObject, _ y: JinjaObject) throws(Failure) -> Bool {
    if x === y { return true }
    if let a = x as? JinjaRange, let b = y as? JinjaRange { return a.equals(b) }
    if let a = x as? JinjaView, let b = y as? JinjaView, a.isSet, b.isSet {
      return a.count == b.count ? try isSubset(a, b) : false
    }
    return false
  }

  private func isSubset(_ a: JinjaView, _ b: JinjaView) throws(Failure) -> Bool {
    for item in try a.items(self) where try !b.contains(item, self) { return false }
    return true
  }

  /// The index of the first items that differ, or of the end of the shorter list; nil where all are equal.
  private func firstDifference(_ x: [JinjaValue], _ y: [JinjaValue]) throws(Failure) -> Int? {
    try budget.enter()
    defer { budget.leave() }
    for index in 0..<min(x.count, y.count) where try !equal(x[index], y[index]) { return index }
    return x.count == y.count ? nil : min(x.count, y.count)
  }

  /// The sign of the difference of two numbers, nil where one is none, or not a number.
  private func order(_ a: JinjaValue, _ b: JinjaValue) -> Int? {
    func sign<Value: Comparable>(_ x: Value, _ y: Value) -> Int? { x < y ? -1 : x > y ? 1 : x == y ? 0 : nil }
    if let x = a.int, let y = b.int { return sign(x, y) }
    switch (a, b) {
    case (.float(let x), .float(let y)): return sign(x, y)
    case (.float, _): return order(b, a).map { -$0 }
    case (_, .float(let y)):
      guard let x = a.integer, !y.isNaN else { return nil }
      if y.isInfinite { return y < 0 ? 1 : -1 }
      let whole = BigInteger(truncating: y)
      if x != whole { return sign(x, whole) }
      return sign(0, y - y.rounded(.towardZero))
    default:
      guard let x = a.integer, let y = b.integer else { return nil }
      return sign(x, y)
    }
  }

  /// `a < b`, `a <= b`, ... Throws where the two have no order.
  func compare(_ a: JinjaValue, _ b: JinjaValue, _ operation: JinjaComparison) throws(Failure) -> Bool {
    try budget.spend(1)
    switch (a, b) {
    case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw used(undefined)
    case (.text(let x), .text(let y)):
      try budget.spend(min(x.count, y.count) / 8)
      return operation.holds(x < y ? -1 : x == y ? 0 : 1)
    case (.list(let x), .list(let y)), (.tuple(let x), .tuple(let y)):
      guard let place = try firstDifference(x.items, y.items) else { return operation.holds(0) }
      guard place < x.items.count, place < y.items.count else {
        return operation.holds(x.items.count < y.items.count ? -1 : 1)
      }
      try budget.enter()
      defer { budget.leave() }
      return try compare(x.items[place], y.items[place], operation)
    case (.object(let x as JinjaView), .object(let y as JinjaView)) where x.isSet && y.isSet:
      let isLess = operation == .less || operation == .lessOrEqual
      let isProper = operation == .less || operation == .greater
      guard try isLess ? isSubset(x, y) : isSubset(y, x) else { return false }
      return !isProper || x.count != y.count
    default:
      if let sign = order(a, b) { return operation.holds(sign) }
      let areNumbers = [a, b].allSatisfy { if case .float = $0 { true } else { $0.integer != nil } }
      if areNumbers { return false }
      throw refused(
        "'\(operation.symbol)' not supported between instances of '\(a.typeName)' and '\(b.typeName)'")
    }
  }

  /// `item in container`.
  func contains(_ container: JinjaValue, _ item: JinjaValue) throws(Failure) -> Bool {
    switch container {
    case .text(let text):
      guard let part = item.text else {
        if case .undefined(let undefined) = item { throw used(undefined) }
        throw refused("'in <string>' requires string as left operand, not \(item.typeName)")
      }
      return try find(part.scalars, in: text.scalars[...]) != nil
    case .dictionary(let dictionary): return try dictionary.value(item, self) != nil
    case .object(let view as JinjaView): return try view.contains(item, self)
    case .object(let range as JinjaRange):
      if let value = item.integer { return range.contains(value) }
    case .none, .bool, .int, .big, .float: throw refused("argument of type '\(container.typeName)' is not iterable")
    default: break
    }
    let items = try iterate(container)
    while let next = try items.next(self) { if try isSame(next, item) { return true } }
    return false
  }

  /// Equal or identical: the rule by which containers search.
  func isSame(_ a: JinjaValue, _ b: JinjaValue) throws(Failure) -> Bool { try equal(a, b) }
}

/// The operators of order.
enum JinjaComparison {
  case less, lessOrEqual, greater, greaterOrEqual

  var symbol: String {
    switch self {
    case .less: "<"
    case .lessOrEqual: "<="
    case .greater: ">"
    case .greaterOrEqual: ">="
    }
  }

  /// Whether it holds of two values whose difference has this sign.
  func holds(_ sign: Int) -> Bool {
    switch self {
    case .less: sign < 0
    case .lessOrEqual: sign <= 0
    case .greater: sign > 0
    case .greaterOrEqual: sign >= 0
    }
  }
}
