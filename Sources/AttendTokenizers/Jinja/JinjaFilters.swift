import AttendBase
import Glibc

/// Filters and tests.
enum JinjaFilters {
  static func apply(
    _ name: String, _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    switch name {
    case "trim":
      if case .string(let set)? = call.argument(0, "chars") { return .string(JinjaMethods.strip(value.text, set)) }
      return .string(JinjaMethods.strip(value.text, nil))
    case "upper": return .string(value.text.uppercased())
    case "lower": return .string(value.text.lowercased())
    case "title": return .string(JinjaMethods.title(value.text))
    case "capitalize": return .string(JinjaMethods.capitalize(value.text))
    case "string": return .string(value.text)
    case "safe": return value
    case "escape", "e":
      return .string(
        [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#39;"), ("\"", "&#34;")].reduce(value.text) {
          JinjaMethods.replace($0, $1.0, $1.1)
        })
    case "tojson": return .string(try JinjaJSON.spell(value, indent: call.argument(0, "indent")?.integer, context))
    case "default", "d":
      let other = call.argument(0, "default_value") ?? .string("")
      if case .undefined = value { return other }
      return call.argument(1, "boolean")?.isTrue == true && !value.isTrue ? other : value
    case "replace": return try JinjaMethods.call("replace", on: .string(value.text), call, context)
    case "indent": return .string(indent(value.text, call))
    case "int": return integer(value, call.argument(0, "default") ?? .int(0))
    case "float": return .double(value.number ?? number(value.text) ?? call.argument(0, "default")?.number ?? 0)
    case "abs":
      guard let number = value.number else { throw context.failure("abs takes a number") }
      return number < 0 ? try JinjaOperations.negative(value, context) : value
    case "round": return try round(value, call, context)
    default: return try list(name, value, call, context)
    }
  }

  // MARK: Lists

  private static func list(
    _ name: String, _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    switch name {
    case "length", "count":
      if case .dictionary(let dictionary) = value { return .int(dictionary.keys.count) }
      return .int(try context.items(of: value).count)
    case "list": return .list(try context.items(of: value))
    case "items":
      if case .undefined = value { return .list([]) }
      return try JinjaMethods.call("items", on: value, JinjaCall(), context)
    case "dictsort":
      guard case .dictionary(let dictionary) = value else { throw context.failure("dictsort takes a dictionary") }
      return .list(
        dictionary.keys.sorted { $0.lowercased() < $1.lowercased() }.map { .list([.string($0), dictionary[$0]!]) })
    case "first": return try context.items(of: value).first ?? .undefined("first")
    case "last": return try context.items(of: value).last ?? .undefined("last")
    case "reverse":
      if case .string(let text) = value {
        return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
      }
      return .list(try context.items(of: value).reversed())
    case "join":
      let separator = call.argument(0, "d")?.text ?? ""
      return .string(
        try attributes(try context.items(of: value), call.argument(1, "attribute"), context).map(\.text).joined(
          separator: separator))
    case "sum":
      var total = call.argument(1, "start") ?? .int(0)
      for item in try attributes(try context.items(of: value), call.argument(0, "attribute"), context) {
        total = try JinjaOperations.binary("+", total, item, context)
      }
      return total
    case "sort", "min", "max": return try sorted(name, value, call, context)
    case "unique":
      var kept: [JinjaValue] = []
      for item in try context.items(of: value) where !kept.contains(where: { JinjaValue.equals($0, item) }) {
        kept.append(item)
      }
      return .list(kept)
    case "map": return try map(value, call, context)
    case "select", "reject", "selectattr", "rejectattr": return try select(name, value, call, context)
    default: throw context.unsupported("the filter \(name)")
    }
  }

  private static func attributes(
    _ items: [JinjaValue], _ name: JinjaValue?, _ context: JinjaInterpreter
  ) throws(Failure) -> [JinjaValue] {
    guard case .string(let path)? = name else { return items }
    var result: [JinjaValue] = []
    for item in items {
      var value = item
      for part in path.split(separator: ".") {
        if let index = Int(part) {
          value = try JinjaOperations.item(.int(index), of: value, context)
        } else {
          value = try JinjaOperations.attribute(String(part), of: value, context)
        }
      }
      result.append(value)
    }
    return result
  }

  private static func map(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    let items = try context.items(of: value)
    if let attribute = call.named["attribute"] {
      return .list(
        try attributes(items, attribute, context).map {
          if case .undefined = $0, let other = call.named["default"] { other } else { $0 }
        })
    }
    guard case .string(let filter)? = call.positional.first else {
      throw context.failure("map takes a filter or an attribute")
    }
    var result: [JinjaValue] = []
    for item in items {
      result.append(
        try apply(filter, item, JinjaCall(positional: Array(call.positional.dropFirst()), named: call.named), context))
    }
    return .list(result)
  }

  private static func select(
    _ name: String, _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    let items = try context.items(of: value)
    let hasAttribute = name.hasSuffix("attr")
    guard !hasAttribute || !call.positional.isEmpty else { throw context.failure("\(name) takes an attribute") }
    let subjects = hasAttribute ? try attributes(items, call.positional[0], context) : items
    var arguments = Array(call.positional.dropFirst(hasAttribute ? 1 : 0))
    let test = arguments.isEmpty ? nil : arguments.removeFirst().text
    var kept: [JinjaValue] = []
    for (item, subject) in zip(items, subjects) {
      let holds =
        try test.map { test throws(Failure) in try self.test(test, subject, arguments, context) } ?? subject.isTrue
      if holds == name.hasPrefix("select") { kept.append(item) }
    }
    return .list(kept)
  }

  private static func sorted(
    _ name: String, _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    let items = try context.items(of: value)
    let keys = try attributes(items, call.named["attribute"], context).map { key -> JinjaValue in
      if case .string(let text) = key, call.named["case_sensitive"]?.isTrue != true {
        .string(text.lowercased())
      } else {
        key
      }
    }
    for (a, b) in zip(keys, keys.dropFirst()) { _ = try JinjaOperations.isLess(a, b, context) }
    let order = items.indices.sorted { a, b in
      let less = (try? JinjaOperations.isLess(keys[a], keys[b], context)) ?? false,
        more = (try? JinjaOperations.isLess(keys[b], keys[a], context)) ?? false
      return less || !more && a < b
    }
    switch name {
    case "min": return order.first.map { items[$0] } ?? .undefined("min")
    case "max": return order.last.map { items[$0] } ?? .undefined("max")
    default:
      let result = order.map { items[$0] }
      return .list(call.argument(0, "reverse")?.isTrue == true ? result.reversed() : result)
    }
  }

  // MARK: Text and numbers

  private static func indent(_ text: String, _ call: JinjaCall) -> String {
    let width = call.argument(0, "width") ?? .int(4)
    let space =
      if case .string(let text) = width { text } else {
        String(repeating: " ", count: min(max(width.integer ?? 4, 0), 1000))
      }
    let first = call.argument(1, "first")?.isTrue == true, blank = call.argument(2, "blank")?.isTrue == true
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.enumerated().map { ($0 > 0 || first) && (blank || !$1.isEmpty || $0 == 0) ? space + $1 : String($1) }
      .joined(separator: "\n")
  }

  private static func number(_ text: String) -> Double? { Double(JinjaMethods.strip(text, nil)) }

  private static func integer(_ value: JinjaValue, _ other: JinjaValue) -> JinjaValue {
    if let number = value.integer ?? Int(JinjaMethods.strip(value.text, nil)) { return .int(number) }
    guard let number = value.number ?? number(value.text), let whole = Int(exactly: number.rounded(.towardZero)) else {
      return other
    }
    return .int(whole)
  }

  private static func round(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaInterpreter
  ) throws(Failure) -> JinjaValue {
    guard let number = value.number else { throw context.failure("round takes a number") }
    let factor = pow(10, Double(min(max(call.argument(0, "precision")?.integer ?? 0, -300), 300)))
    switch call.argument(1, "method")?.text ?? "common" {
    case "ceil": return .double((number * factor).rounded(.up) / factor)
    case "floor": return .double((number * factor).rounded(.down) / factor)
    default: return .double((number * factor).rounded(.toNearestOrEven) / factor)
    }
  }

  // MARK: Tests

  static func test(
    _ name: String, _ value: JinjaValue, _ arguments: [JinjaValue], _ context: JinjaInterpreter
  ) throws(Failure) -> Bool {
    func argument() throws(Failure) -> JinjaValue {
      guard let first = arguments.first else { throw context.failure("the test \(name) takes an argument") }
      return first
    }
    switch (name, value) {
    case ("defined", .undefined): return false
    case ("defined", _): return true
    case ("undefined", .undefined): return true
    case ("undefined", _): return false
    case ("none", .none), ("string", .string), ("boolean", .bool), ("integer", .int), ("float", .double),
      ("mapping", .dictionary), ("iterable", .list), ("iterable", .dictionary), ("iterable", .string),
      ("sequence", .list), ("sequence", .dictionary), ("sequence", .string), ("number", .int), ("number", .double),
      ("number", .bool), ("callable", .macro), ("callable", .function), ("true", .bool(true)), ("false", .bool(false)),
      ("iterable", .undefined):
      return true
    case ("none", _), ("string", _), ("boolean", _), ("integer", _), ("float", _), ("mapping", _), ("iterable", _),
      ("sequence", _), ("number", _), ("callable", _), ("true", _), ("false", _):
      return false
    default: break
    }
    switch name {
    case "equalto", "eq", "==", "sameas": return JinjaValue.equals(value, try argument())
    case "ne", "!=": return !JinjaValue.equals(value, try argument())
    case "lt", "lessthan", "<": return try JinjaOperations.isLess(value, try argument(), context)
    case "gt", "greaterthan", ">": return try JinjaOperations.isLess(try argument(), value, context)
    case "le", "<=": return !(try JinjaOperations.isLess(try argument(), value, context))
    case "ge", ">=": return !(try JinjaOperations.isLess(value, try argument(), context))
    case "in": return try JinjaOperations.contains(try argument(), value, context)
    case "even", "odd":
      guard let number = value.integer else { throw context.failure("the test \(name) takes an integer") }
      return (number & 1 == 0) == (name == "even")
    case "divisibleby":
      guard let number = value.integer, let divisor = try argument().integer, divisor != 0 else {
        throw context.failure("divisibleby takes an integer")
      }
      return number % divisor == 0 || divisor == -1
    case "lower": return value.text == value.text.lowercased()
    case "upper": return value.text == value.text.uppercased()
    default: throw context.unsupported("the test \(name)")
    }
  }
}

/// `tojson`, as Python's json module spells values.
enum JinjaJSON {
  static func spell(
    _ value: JinjaValue, indent: Int?, _ context: JinjaInterpreter, level: Int = 0
  ) throws(Failure) -> String {
    guard level < 200 else { throw context.failure("tojson of values nested deeper than 200") }
    switch value {
    case .undefined(let name): throw context.failure("\(name) is undefined, and has no JSON")
    case .none: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .double(let value) where value.isNaN || value.isInfinite:
      return value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
    case .int, .double: return value.representation
    case .string(let text): return quote(text)
    case .list(let items):
      var parts: [String] = []
      for item in items { parts.append(try spell(item, indent: indent, context, level: level + 1)) }
      return join(parts, "[", "]", indent, level)
    case .dictionary(let dictionary):
      var parts: [String] = []
      for key in dictionary.keys {
        parts.append(quote(key) + ": " + (try spell(dictionary[key]!, indent: indent, context, level: level + 1)))
      }
      return join(parts, "{", "}", indent, level)
    default: throw context.failure("a value of type \(value.typeName) has no JSON")
    }
  }

  private static func join(_ parts: [String], _ open: String, _ close: String, _ indent: Int?, _ level: Int) -> String {
    guard let indent, !parts.isEmpty else { return open + parts.joined(separator: ", ") + close }
    let width = min(max(indent, 0), 100)
    let inner = "\n" + String(repeating: " ", count: width * (level + 1)),
      outer = "\n" + String(repeating: " ", count: width * level)
    return open + inner + parts.joined(separator: "," + inner) + outer + close
  }

  private static func quote(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{08}": result += "\\b"
      case "\u{0C}": result += "\\f"
      case let scalar where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
