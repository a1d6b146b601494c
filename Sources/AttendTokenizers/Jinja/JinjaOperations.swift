import AttendBase
import Glibc

/// Operators, attributes and indices.
enum JinjaOperations {
  static func attribute(_ name: String, of value: JinjaValue, _ context: JinjaInterpreter) throws(Failure) -> JinjaValue
  {
    switch value {
    case .dictionary(let dictionary): return dictionary[name] ?? .undefined(name)
    case .namespace(let namespace): return namespace.attributes[name] ?? .undefined(name)
    case .loop(let loop): return loop.attribute(name) ?? .undefined("loop.\(name)")
    case .undefined(let base): throw context.failure("\(base) is undefined, and has no \(name)")
    default: return .undefined(name)
    }
  }

  static func item(_ index: JinjaValue, of value: JinjaValue, _ context: JinjaInterpreter) throws(Failure) -> JinjaValue
  {
    if case .string(let key) = index { return try attribute(key, of: value, context) }
    if case .dictionary(let dictionary) = value { return dictionary[index.text] ?? .undefined(index.text) }
    guard let place = index.integer else { throw context.failure("an index of type \(index.typeName)") }
    switch value {
    case .list(let items): return element(place, of: items) ?? .undefined("[\(place)]")
    case .string(let text):
      return element(place, of: Array(text.unicodeScalars)).map { .string(String(Character($0))) }
        ?? .undefined("[\(place)]")
    case .undefined(let base): throw context.failure("\(base) is undefined, and has no item \(place)")
    default: return .undefined("[\(place)]")
    }
  }

  private static func element<Element>(_ place: Int, of items: [Element]) -> Element? {
    let index = place < 0 ? place &+ items.count : place
    return items.indices.contains(index) ? items[index] : nil
  }

  /// Python's slices.
  static func slice(
    _ value: JinjaValue, _ bounds: [JinjaValue?], _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    func bound(_ index: Int) throws(Failure) -> Int? {
      guard let value = bounds[index] else { return nil }
      if case .none = value { return nil }
      guard let number = value.integer else { throw context.failure("a slice with a bound of type \(value.typeName)") }
      return number
    }
    let (start, stop, step) = (try bound(0), try bound(1), try bound(2) ?? 1)
    guard step != 0 else { throw context.failure("a slice with a step of 0") }
    func indices(_ count: Int) -> [Int] {
      func place(_ bound: Int) -> Int {
        bound < 0 ? max(bound &+ count, step > 0 ? 0 : -1) : min(bound, step > 0 ? count : count - 1)
      }
      let first = start.map(place) ?? (step > 0 ? 0 : count - 1), last = stop.map(place) ?? (step > 0 ? count : -1)
      guard abs(step) <= count || count == 0 else { return (step > 0 ? first < last : first > last) ? [first] : [] }
      return Array(stride(from: first, to: last, by: step))
    }
    switch value {
    case .list(let items): return .list(indices(items.count).map { items[$0] })
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      var result = String.UnicodeScalarView()
      for index in indices(scalars.count) { result.append(scalars[index]) }
      return .string(String(result))
    default: throw context.failure("a value of type \(value.typeName) has no slices")
    }
  }

  static func negative(_ value: JinjaValue, _ context: JinjaInterpreter) throws(Failure) -> JinjaValue {
    if let number = value.integer, number != Int.min { return .int(-number) }
    guard let number = value.number else { throw context.failure("a value of type \(value.typeName) has no negative") }
    return .double(-number)
  }

  static func binary(
    _ symbol: String, _ left: JinjaValue, _ right: JinjaValue, _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    switch symbol {
    case "==": return .bool(JinjaValue.equals(left, right))
    case "!=": return .bool(!JinjaValue.equals(left, right))
    case "<": return .bool(try isLess(left, right, context))
    case ">": return .bool(try isLess(right, left, context))
    case "<=": return .bool(!(try isLess(right, left, context)))
    case ">=": return .bool(!(try isLess(left, right, context)))
    case "in": return .bool(try contains(right, left, context))
    case "~": return .string(left.text + right.text)
    default: return try arithmetic(symbol, left, right, context)
    }
  }

  static func isLess(_ left: JinjaValue, _ right: JinjaValue, _ context: JinjaInterpreter) throws(Failure) -> Bool {
    if let a = left.number, let b = right.number { return a < b }
    if case .string(let a) = left, case .string(let b) = right {
      return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
    }
    throw context.failure("\(left.typeName) and \(right.typeName) cannot be compared")
  }

  static func contains(_ container: JinjaValue, _ item: JinjaValue, _ context: JinjaInterpreter) throws(Failure) -> Bool
  {
    switch (container, item) {
    case (.string(let text), .string(let part)): return find(Array(part.utf8), in: Array(text.utf8), from: 0) != nil
    case (.list(let items), _): return items.contains { JinjaValue.equals($0, item) }
    case (.dictionary(let dictionary), _): return dictionary[item.text] != nil
    case (.namespace(let namespace), _): return namespace.attributes[item.text] != nil
    case (.undefined, _): return false
    default: throw context.failure("\(item.typeName) in \(container.typeName) has no meaning")
    }
  }

  /// The place of a part in a text, in bytes.
  static func find(_ part: [UInt8], in text: [UInt8], from start: Int) -> Int? {
    guard start + part.count <= text.count else { return nil }
    if part.isEmpty { return start }
    var found: Int?
    text.withUnsafeBufferPointer { bytes in
      TextPattern(bytes: part).forEachMatch(in: bytes, start..<bytes.count) {
        if found == nil { found = $0.lowerBound }
      }
    }
    return found
  }

  private static func arithmetic(
    _ symbol: String, _ left: JinjaValue, _ right: JinjaValue, _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    switch (symbol, left, right) {
    case ("+", .string(let a), .string(let b)): return .string(a + b)
    case ("+", .list(let a), .list(let b)): return .list(a + b)
    case ("*", .string(let text), let times), ("*", let times, .string(let text)):
      guard let count = times.integer, count <= 100_000 else { break }
      return .string(String(repeating: text, count: max(count, 0)))
    case ("%", .string, _): throw context.unsupported("the formatting operator %")
    default: break
    }
    if let a = left.integer, let b = right.integer, symbol != "/", let value = integers(symbol, a, b) {
      return .int(value)
    }
    guard let a = left.number, let b = right.number else {
      throw context.failure("\(left.typeName) \(symbol) \(right.typeName) has no meaning")
    }
    switch symbol {
    case "+": return .double(a + b)
    case "-": return .double(a - b)
    case "*": return .double(a * b)
    case "**": return .double(pow(a, b))
    default: break
    }
    guard b != 0 else { throw context.failure("a division by zero") }
    switch symbol {
    case "/": return .double(a / b)
    case "//": return .double(floor(a / b))
    default: return .double(a - floor(a / b) * b)
    }
  }

  /// Nil where the result is no integer of 64 bits.
  private static func integers(_ symbol: String, _ a: Int, _ b: Int) -> Int? {
    func checked(_ result: (partialValue: Int, overflow: Bool)) -> Int? { result.overflow ? nil : result.partialValue }
    switch symbol {
    case "+": return checked(a.addingReportingOverflow(b))
    case "-": return checked(a.subtractingReportingOverflow(b))
    case "*": return checked(a.multipliedReportingOverflow(by: b))
    case "//", "%":
      guard b != 0, let quotient = checked(a.dividedReportingOverflow(by: b)) else { return nil }
      let rest = a - quotient * b
      let isInexact = rest != 0 && (rest < 0) != (b < 0)
      return symbol == "//" ? quotient - (isInexact ? 1 : 0) : rest + (isInexact ? b : 0)
    case "**":
      guard b >= 0, b < 64 else { return nil }
      var value = 1
      for _ in 0..<b {
        guard let next = checked(value.multipliedReportingOverflow(by: a)) else { return nil }
        value = next
      }
      return value
    default: return nil
    }
  }
}
