import AttendBase

extension JinjaTextMethods {
  // MARK: Searches

  static let searches: [String: Method] = [
    "find": { (text, call, context) throws(Failure) in
      .int(try place("find", text, call, context) ?? -1)
    },
    "rfind": { (text, call, context) throws(Failure) in
      .int(try place("rfind", text, call, context, fromRight: true) ?? -1)
    },
    "index": { (text, call, context) throws(Failure) in
      guard let place = try place("index", text, call, context) else { throw context.refused("substring not found") }
      return .int(place)
    },
    "rindex": { (text, call, context) throws(Failure) in
      guard let place = try place("rindex", text, call, context, fromRight: true) else {
        throw context.refused("substring not found")
      }
      return .int(place)
    },
    "count": { (text, call, context) throws(Failure) in
      let bound = try call.bind("count", 1...3, context)
      let part = try argument(bound[0], "count", context)
      guard let range = try range(bound, text, context) else { return .int(0) }
      try context.budget.spend(range.count + part.count)
      if part.isEmpty { return .int(range.count + 1) }
      return .int(JinjaSearch(part.scalars).all(in: text.scalars[range]).count)
    },
    "startswith": matching("startswith") { $0.starts(with: $1) },
    "endswith": matching("endswith") { $0.suffix($1.count) == $1[...] },
    "replace": { (text, call, context) throws(Failure) in
      let bound = try call.bind("replace", 2...3, context)
      let old = try argument(bound[0], "replace", context)
      var new = try argument(bound[1], "replace", context)
      if text.isSafe { new = try context.escaped(new) }
      let limit = try context.integer(bound[2], "replace") ?? -1
      let replaced = try context.replace(text.scalars, old.scalars, new.scalars, limit: limit < 0 ? .max : limit)
      return try context.text(replaced, isSafe: text.isSafe)
    },
  ]

  /// The part of the text that the second and third argument bound; nil where it begins behind the end.
  private static func range(
    _ bound: [JinjaValue?], _ text: JinjaText, _ context: JinjaContext
  ) throws(Failure) -> Range<Int>? {
    var limits: [Int?] = []
    for value in bound[1...2] { limits.append(value?.isNone ?? true ? nil : try context.integer(value, "a search")) }
    let start = limits[0].map { max($0 < 0 ? $0 + text.count : $0, 0) } ?? 0
    let end = limits[1].map { min(max($0 < 0 ? $0 + text.count : $0, 0), text.count) } ?? text.count
    return start <= end ? start..<end : nil
  }

  private static func place(
    _ name: String, _ text: JinjaText, _ call: JinjaCall, _ context: JinjaContext, fromRight: Bool = false
  ) throws(Failure) -> Int? {
    let bound = try call.bind(name, 1...3, context)
    let part = try argument(bound[0], name, context)
    guard let range = try range(bound, text, context) else { return nil }
    return try (fromRight ? context.findLast : context.find)(part.scalars, text.scalars[range])
  }

  private static func matching(
    _ name: String, _ matches: @escaping @Sendable (ArraySlice<UInt32>, [UInt32]) -> Bool
  ) -> Method {
    { (text, call, context) throws(Failure) in
      let bound = try call.bind(name, 1...3, context)
      var candidates = [bound[0]!]
      if case .tuple(let tuple)? = bound[0] { candidates = tuple.items }
      let range = try range(bound, text, context)
      for candidate in candidates {
        let part = try argument(candidate, name, context)
        try context.budget.spend(part.count)
        if let range, matches(text.scalars[range], part.scalars) { return .bool(true) }
      }
      return .bool(false)
    }
  }

  // MARK: Shapes

  static let shapes: [String: Method] = [
    "center": padding("center") { ($0 / 2 + ($0 & $1 & 1), $0 - $0 / 2 - ($0 & $1 & 1)) },
    "ljust": padding("ljust") { margin, _ in (0, margin) }, "rjust": padding("rjust") { margin, _ in (margin, 0) },
    "zfill": { (text, call, context) throws(Failure) in
      let width = try context.integer(try call.bind("zfill", 1...1, context)[0], "zfill") ?? 0
      try context.reserve(max(width, 0))
      let sign = text.scalars.prefix { $0 == 0x2B || $0 == 0x2D }.prefix(1)
      let digits = Array(text.scalars.dropFirst(sign.count))
      let zeros = max(width, text.count) - text.count
      return try context.text(sign + JinjaTexts.padded(digits, left: zeros, right: 0, with: 0x30), isSafe: text.isSafe)
    },
    "expandtabs": { (text, call, context) throws(Failure) in
      let bound = try call.bind("expandtabs", ["tabsize"], context)
      let size = try context.integer(bound[0], "expandtabs") ?? 8
      return try context.text(try expanded(text.scalars, size, context), isSafe: text.isSafe)
    },
    "join": { (text, call, context) throws(Failure) in
      let items = try context.items(of: try call.bind("join", 1...1, context)[0]!)
      var parts: [ArraySlice<UInt32>] = []
      for (index, item) in items.enumerated() {
        guard let part = item.text else {
          throw context.refused("sequence item \(index): expected str instance, \(item.typeName) found")
        }
        parts.append((text.isSafe ? try context.escaped(part) : part).scalars[...])
      }
      return try context.text(try context.joined(parts, text.scalars), isSafe: text.isSafe)
    },
    "translate": { (text, call, context) throws(Failure) in
      let table = try call.bind("translate", 1...1, context)[0]!
      guard case .dictionary(let dictionary) = table else {
        throw context.refused("translate wants a dict, and gets \(table.typeName)")
      }
      return try context.text(try translated(text.scalars, dictionary, context), isSafe: text.isSafe)
    },
    "format": { (text, call, context) throws(Failure) in try JinjaFormat.format(text, call, context) },
    "format_map": { (text, call, context) throws(Failure) in
      let mapping = try call.bind("format_map", 1...1, context)[0]!
      return try JinjaFormat.format(text, JinjaCall(), mapping: mapping, context)
    },
    "encode": { (_, _, context) throws(Failure) in throw context.unsupported("bytes, which the method encode makes,") },
    "maketrans": { (_, call, context) throws(Failure) in try table(try call.bind("maketrans", 1...3, context), context)
    },
    "striptags": { (text, call, context) throws(Failure) in
      guard text.isSafe else { throw context.refused("'str object' has no attribute 'striptags'") }
      return try context.text(try context.withoutTags(text))
    },
  ]

  private static func padding(
    _ name: String, _ margins: @escaping @Sendable (Int, Int) -> (left: Int, right: Int)
  ) -> Method {
    { (text, call, context) throws(Failure) in
      let bound = try call.bind(name, 1...2, context)
      let width = max(try context.integer(bound[0], name) ?? 0, text.count)
      let fill = try optionalText(bound[1], name, context)?.scalars ?? [0x20]
      guard fill.count == 1 else { throw context.refused("The fill character must be exactly one character long") }
      try context.reserve(width)
      let (left, right) = margins(width - text.count, width)
      return try context.text(
        JinjaTexts.padded(text.scalars, left: left, right: right, with: fill[0]), isSafe: text.isSafe)
    }
  }

  private static func expanded(_ text: [UInt32], _ size: Int, _ context: JinjaContext) throws(Failure) -> [UInt32] {
    var (result, column): ([UInt32], Int) = ([], 0)
    for scalar in text {
      if scalar == 0x09 {
        let spaces = size > 0 ? size - column % size : 0
        try context.reserve(spaces)
        try context.budget.take(bytes: 4 * spaces)
        result += [UInt32](repeating: 0x20, count: spaces)
        column += spaces
      } else {
        result.append(scalar)
        column = scalar == 0x0A || scalar == 0x0D ? 0 : column + 1
      }
    }
    return result
  }

  private static func translated(
    _ text: [UInt32], _ table: JinjaDictionary, _ context: JinjaContext
  ) throws(Failure) -> [UInt32] {
    var result: [UInt32] = []
    for scalar in text {
      try context.budget.spend(4)
      switch try table.value(.int(Int(scalar)), context) {
      case nil: result.append(scalar)
      case JinjaValue.none?: break
      case .text(let text)?:
        try context.budget.take(bytes: 4 * text.count)
        result += text.scalars
      case .int(let code)?:
        guard (0..<0x110000).contains(code) else {
          throw context.refused("character mapping must be in range(0x110000)")
        }
        result.append(UInt32(code))
      default: throw context.refused("character mapping must return integer, None or str")
      }
    }
    return result
  }

  /// The dictionary that `translate` takes.
  private static func table(_ bound: [JinjaValue?], _ context: JinjaContext) throws(Failure) -> JinjaValue {
    var members = JinjaMembers()
    if case .dictionary(let dictionary)? = bound[0], bound[1] == nil {
      for (key, value) in zip(dictionary.keys, dictionary.values) {
        let code = key.text.flatMap { $0.count == 1 ? JinjaValue.int(Int($0.scalars[0])) : nil } ?? key
        guard code.int != nil else {
          throw context.refused("keys in translate table must be strings of one letter or integers")
        }
        try members.set(code, value, context)
      }
      return try context.dictionary(members)
    }
    guard bound[1] != nil else { throw context.refused("if you give only one argument to maketrans it must be a dict") }
    let from = try argument(bound[0], "maketrans", context), to = try argument(bound[1], "maketrans", context)
    guard from.count == to.count else {
      throw context.refused("the first two maketrans arguments must have equal length")
    }
    for (a, b) in zip(from.scalars, to.scalars) { try members.set(.int(Int(a)), .int(Int(b)), context) }
    for scalar in try optionalText(bound[2], "maketrans", context)?.scalars ?? [] {
      try members.set(.int(Int(scalar)), .none, context)
    }
    return try context.dictionary(members)
  }
}
