import AttendBase

/// Methods and attributes of the types of Python.
enum JinjaMethods {
  typealias Method = @Sendable (JinjaValue, JinjaCall, JinjaContext) throws(Failure) -> JinjaValue

  /// The method of that name, nil where the type has none.
  static func method(of value: JinjaValue, _ name: String) -> Method? {
    switch value {
    case .text(let text):
      if name == "striptags", !text.isSafe { return nil }
      guard let method = JinjaTextMethods.all[name] else { return nil }
      return { (_, call, context) throws(Failure) in try method(text, call, context) }
    case .list: return sequences[name] ?? lists[name] ?? (changing["list"]!.contains(name) ? refusal : nil)
    case .tuple(let tuple): return tuple.isGroup && name == "list" ? nil : sequences[name]
    case .dictionary: return dictionaries[name] ?? (changing["dict"]!.contains(name) ? refusal : nil)
    case .bool, .int, .big: return integers[name]
    case .float: return floats[name]
    case .undefined, .none, .object: return nil
    }
  }

  /// An attribute that is no method.
  static func attribute(of value: JinjaValue, _ name: String) -> JinjaValue? {
    switch (value, name) {
    case (.bool, "real"), (.bool, "numerator"): .int(value.int ?? 0)
    case (.int, "real"), (.big, "real"), (.int, "numerator"), (.big, "numerator"), (.float, "real"): value
    case (.bool, "imag"), (.int, "imag"), (.big, "imag"): .int(0)
    case (.bool, "denominator"), (.int, "denominator"), (.big, "denominator"): .int(1)
    case (.float, "imag"): .float(0)
    case (.tuple(let tuple), "grouper") where tuple.isGroup: tuple.items[0]
    case (.tuple(let tuple), "list") where tuple.isGroup: tuple.items[1]
    default: nil
    }
  }

  private static let changing: [String: Set<String>] = [
    "list": ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"],
    "dict": ["clear", "pop", "popitem", "setdefault", "update"],
  ]

  /// Whether the method would change its value, which the sandbox forbids.
  static func changes(_ value: JinjaValue, _ name: String) -> Bool { changing[value.typeName]?.contains(name) ?? false }

  private static let refusal: Method = { (_, _, context) throws(Failure) in
    throw context.invalid("a method that changes its value")
  }

  // MARK: Lists and tuples

  private static let sequences: [String: Method] = [
    "count": { (value, call, context) throws(Failure) in
      let item = try call.bind("count", 1...1, context)[0]!
      var count = 0
      for other in value.items ?? [] where try context.isSame(other, item) { count += 1 }
      return .int(count)
    },
    "index": { (value, call, context) throws(Failure) in
      let bound = try call.bind("index", 1...3, context)
      let items = value.items ?? []
      let indices = JinjaContext.indices(
        try context.integer(bound[1], "index"), try context.integer(bound[2], "index"), 1, items.count)
      for place in stride(from: indices.start, to: indices.stop, by: 1)
      where try context.isSame(items[place], bound[0]!) { return .int(place) }
      throw context.refused("the item that index looks for is not in the \(value.typeName)")
    },
  ]

  private static let lists: [String: Method] = [
    "copy": { (value, call, context) throws(Failure) in
      _ = try call.bind("copy", 0...0, context)
      return try context.list(value.items ?? [])
    }
  ]

  // MARK: Dictionaries

  private static let dictionaries: [String: Method] = [
    "get": { (value, call, context) throws(Failure) in
      let bound = try call.bind("get", 1...2, context)
      guard case .dictionary(let dictionary) = value else { return .none }
      return try dictionary.value(bound[0]!, context) ?? bound[1] ?? .none
    },
    "keys": view(.keys), "values": view(.values), "items": view(.items),
    "copy": { (value, call, context) throws(Failure) in
      _ = try call.bind("copy", 0...0, context)
      guard case .dictionary(let dictionary) = value else { return value }
      return try context.dictionary(try JinjaMembers(dictionary, context))
    },
    "fromkeys": { (_, call, context) throws(Failure) in try JinjaGlobals.fromKeys(call, context) },
  ]

  private static func view(_ kind: JinjaView.Kind) -> Method {
    { (value, call, context) throws(Failure) in
      _ = try call.bind(kind.rawValue, 0...0, context)
      guard case .dictionary(let dictionary) = value else { return value }
      try context.budget.take(bytes: 48)
      return .object(JinjaView(kind, dictionary))
    }
  }

  // MARK: Numbers

  private static let integers: [String: Method] = [
    "bit_length": { (value, call, context) throws(Failure) in
      _ = try call.bind("bit_length", 0...0, context)
      return .int(value.integer?.bitWidth ?? 0)
    },
    "bit_count": { (value, call, context) throws(Failure) in
      _ = try call.bind("bit_count", 0...0, context)
      return .int(value.integer?.limbs.reduce(0) { $0 + $1.nonzeroBitCount } ?? 0)
    },
    "conjugate": { (value, call, context) throws(Failure) in
      _ = try call.bind("conjugate", 0...0, context)
      return value.integer.map { JinjaValue($0) } ?? value
    },
    "as_integer_ratio": { (value, call, context) throws(Failure) in
      _ = try call.bind("as_integer_ratio", 0...0, context)
      return try context.tuple([value.integer.map { JinjaValue($0) } ?? value, .int(1)])
    },
    "to_bytes": { (_, _, context) throws(Failure) in
      throw context.unsupported("bytes, which the method to_bytes makes,")
    },
    "from_bytes": { (_, _, context) throws(Failure) in
      throw context.unsupported("bytes, which the method from_bytes takes,")
    },
  ]

  private static let floats: [String: Method] = [
    "is_integer": { (value, call, context) throws(Failure) in
      _ = try call.bind("is_integer", 0...0, context)
      guard case .float(let value) = value else { return .bool(false) }
      return .bool(value.isFinite && value == value.rounded())
    },
    "conjugate": { (value, call, context) throws(Failure) in
      _ = try call.bind("conjugate", 0...0, context)
      return value
    },
    "as_integer_ratio": { (value, call, context) throws(Failure) in
      _ = try call.bind("as_integer_ratio", 0...0, context)
      guard case .float(let value) = value, value.isFinite else {
        throw context.refused("cannot convert Infinity or NaN to integer ratio")
      }
      var power = 0
      while scalbn(value, power) != scalbn(value, power).rounded() { power += 1 }
      let numerator = BigInteger(truncating: scalbn(value, power))
      return try context.tuple([JinjaValue(numerator), JinjaValue(BigInteger(1).shifted(by: power))])
    },
    "hex": { (value, call, context) throws(Failure) in
      _ = try call.bind("hex", 0...0, context)
      guard case .float(let value) = value else { return value }
      return JinjaValue(hexadecimal(value))
    },
    "fromhex": { (_, _, context) throws(Failure) in throw context.unsupported("the method fromhex of float") },
  ]

  private static func scalbn(_ value: Double, _ power: Int) -> Double {
    Double(sign: value.sign, exponent: power, significand: value.magnitude)
  }

  private static func hexadecimal(_ value: Double) -> String {
    if let special = JinjaNumber.special(value) { return special }
    let sign = value.sign == .minus ? "-" : ""
    if value == 0 { return sign + "0x0.0p+0" }
    let digits = String(value.significandBitPattern, radix: 16)
    let exponent = value.isNormal ? Int(value.exponent) : -1022
    return sign + (value.isNormal ? "0x1." : "0x0.") + String(repeating: "0", count: 13 - digits.utf8.count) + digits
      + "p" + (exponent < 0 ? "" : "+") + String(exponent)
  }

  // MARK: Objects

  /// Methods of ranges and views.
  static func object(_ object: JinjaObject, _ name: String, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    if let range = object as? JinjaRange, name == "count" || name == "index" {
      return .object(
        JinjaFunction(name, kind: "builtin_function_or_method") { (call, context) throws(Failure) in
          let item = try call.bind(name, 1...1, context)[0]!
          let place = item.integer.flatMap { range.index(of: $0) }
          if name == "count" { return .int(place == nil ? 0 : 1) }
          guard let place else { throw context.refused("the item that index looks for is not in range") }
          return .int(place)
        })
    }
    if object is JinjaView, name == "mapping" || name == "isdisjoint" {
      throw context.unsupported("the attribute \(name) of \(object.typeName)")
    }
    return nil
  }
}
