import AttendBase

/// The methods of `str`.
enum JinjaTextMethods {
  typealias Method = @Sendable (JinjaText, JinjaCall, JinjaContext) throws(Failure) -> JinjaValue

  static let all: [String: Method] = cases.merging(parts) { $1 }.merging(searches) { $1 }.merging(shapes) { $1 }

  // MARK: Cases and kinds

  private static let cases: [String: Method] = [
    "upper": mapped("upper") { JinjaTexts.upper($0) }, "lower": mapped("lower") { JinjaTexts.lower($0[...]) },
    "title": mapped("title", JinjaTexts.titled), "casefold": mapped("casefold", CaseFolding.fold),
    "capitalize": mapped("capitalize") { JinjaTexts.capitalized($0[...]) },
    "swapcase": mapped("swapcase", JinjaTexts.swapped),
    "isupper": asked("isupper") { isCased($0, not: JinjaScalar.isLower) && $0.contains(where: JinjaScalar.isUpper) },
    "islower": asked("islower") { isCased($0, not: JinjaScalar.isUpper) && $0.contains(where: JinjaScalar.isLower) },
    "istitle": asked("istitle", isTitled), "isspace": all("isspace", JinjaScalar.isSpace),
    "isalpha": all("isalpha", JinjaScalar.isLetter), "isalnum": all("isalnum", JinjaScalar.isAlphanumeric),
    "isdigit": all("isdigit", JinjaScalar.isDigit), "isdecimal": all("isdecimal", JinjaScalar.isDecimal),
    "isnumeric": all("isnumeric", JinjaScalar.isNumeric),
    "isascii": asked("isascii") { $0.allSatisfy { $0 < 0x80 } },
    "isprintable": asked("isprintable") { $0.allSatisfy(JinjaScalar.isPrintable) },
    "isidentifier": asked("isidentifier", JinjaLexer.isIdentifier),
  ]

  /// A method without arguments that makes another text.
  private static func mapped(_ name: String, _ map: @escaping @Sendable ([UInt32]) -> [UInt32]) -> Method {
    { (text, call, context) throws(Failure) in
      _ = try call.bind(name, 0...0, context)
      try context.budget.spend(text.count)
      return try context.text(map(text.scalars), isSafe: text.isSafe)
    }
  }

  private static func asked(_ name: String, _ ask: @escaping @Sendable ([UInt32]) -> Bool) -> Method {
    { (text, call, context) throws(Failure) in
      _ = try call.bind(name, 0...0, context)
      try context.budget.spend(text.count)
      return .bool(ask(text.scalars))
    }
  }

  /// Whether every code point of a text that is not empty is of a kind.
  private static func all(_ name: String, _ kind: @escaping @Sendable (UInt32) -> Bool) -> Method {
    asked(name) { !$0.isEmpty && $0.allSatisfy(kind) }
  }

  private static func isCased(_ text: [UInt32], not other: (UInt32) -> Bool) -> Bool {
    !text.contains { other($0) || JinjaScalar.isTitle($0) }
  }

  private static func isTitled(_ text: [UInt32]) -> Bool {
    var (isInWord, found) = (false, false)
    for scalar in text {
      if JinjaScalar.isUpper(scalar) || JinjaScalar.isTitle(scalar) {
        if isInWord { return false }
        (isInWord, found) = (true, true)
      } else if JinjaScalar.isLower(scalar) {
        if !isInWord { return false }
        found = true
      } else {
        isInWord = false
      }
    }
    return found
  }

  // MARK: Parts

  private static let parts: [String: Method] = [
    "strip": stripping("strip", left: true, right: true), "lstrip": stripping("lstrip", left: true, right: false),
    "rstrip": stripping("rstrip", left: false, right: true), "split": splitting("split", fromRight: false),
    "rsplit": splitting("rsplit", fromRight: true), "partition": partitioning("partition", fromRight: false),
    "rpartition": partitioning("rpartition", fromRight: true),
    "splitlines": { (text, call, context) throws(Failure) in
      let bound = try call.bind("splitlines", ["keepends"], context)
      try context.budget.spend(text.count)
      return try list(JinjaTexts.lines(text.scalars[...], keepsEnds: bound[0]?.isTrue ?? false), text, context)
    },
    "removeprefix": { (text, call, context) throws(Failure) in
      let prefix = try argument(try call.bind("removeprefix", 1...1, context)[0], "removeprefix", context)
      let isThere = text.scalars.starts(with: prefix.scalars)
      return try context.text(Array(text.scalars.dropFirst(isThere ? prefix.count : 0)), isSafe: text.isSafe)
    },
    "removesuffix": { (text, call, context) throws(Failure) in
      let suffix = try argument(try call.bind("removesuffix", 1...1, context)[0], "removesuffix", context)
      let isThere = text.scalars.suffix(suffix.count) == suffix.scalars[...]
      return try context.text(Array(text.scalars.dropLast(isThere ? suffix.count : 0)), isSafe: text.isSafe)
    },
  ]

  private static func stripping(_ name: String, left: Bool, right: Bool) -> Method {
    { (text, call, context) throws(Failure) in
      let set = try optionalText(try call.bind(name, 0...1, context)[0], name, context)
      try context.budget.spend(text.count + (set?.count ?? 0))
      let stripped = JinjaTexts.stripped(text.scalars[...], set?.scalars, left: left, right: right)
      return try context.text(Array(stripped), isSafe: text.isSafe)
    }
  }

  private static func splitting(_ name: String, fromRight: Bool) -> Method {
    { (text, call, context) throws(Failure) in
      let bound = try call.bind(name, ["sep", "maxsplit"], context)
      let limit = try context.integer(bound[1], name) ?? -1
      let most = limit < 0 ? Int.max : limit
      guard let separator = try optionalText(bound[0], name, context) else {
        try context.budget.spend(text.count)
        let words = fromRight ? JinjaTexts.wordsFromRight : JinjaTexts.words
        return try list(words(text.scalars[...], most), text, context)
      }
      guard !separator.isEmpty else { throw context.refused("empty separator") }
      let parts = try context.split(text.scalars, separator.scalars, limit: most, fromRight: fromRight)
      return try list(parts, text, context)
    }
  }

  private static func partitioning(_ name: String, fromRight: Bool) -> Method {
    { (text, call, context) throws(Failure) in
      let separator = try argument(try call.bind(name, 1...1, context)[0], name, context)
      guard !separator.isEmpty else { throw context.refused("empty separator") }
      let scalars = text.scalars[...]
      let find = fromRight ? context.findLast : context.find
      guard let place = try find(separator.scalars, scalars) else {
        let empty = JinjaValue.text(JinjaText([], isSafe: text.isSafe))
        return try context.tuple(fromRight ? [empty, empty, .text(text)] : [.text(text), empty, empty])
      }
      let parts = [scalars[..<place], separator.scalars[...], scalars[(place + separator.count)...]]
      return try context.tuple(try values(parts, text, context))
    }
  }

  private static func values(
    _ parts: [ArraySlice<UInt32>], _ text: JinjaText, _ context: JinjaContext
  ) throws(Failure) -> [JinjaValue] {
    var values: [JinjaValue] = []
    for part in parts { values.append(try context.text(Array(part), isSafe: text.isSafe)) }
    return values
  }

  private static func list(
    _ parts: [ArraySlice<UInt32>], _ text: JinjaText, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue { try context.list(try values(parts, text, context)) }

  // MARK: Arguments

  /// An argument that must be text.
  static func argument(
    _ value: JinjaValue?, _ name: String, _ context: JinjaContext
  ) throws(Failure) -> JinjaText {
    if case .undefined(let undefined)? = value { throw context.used(undefined) }
    guard let text = value?.text else {
      throw context.refused("\(name) wants text, and gets \(value?.typeName ?? "nothing")")
    }
    return text
  }

  static func optionalText(
    _ value: JinjaValue?, _ name: String, _ context: JinjaContext
  ) throws(Failure) -> JinjaText? {
    guard let value, !value.isNone else { return nil }
    return try argument(value, name, context)
  }
}

extension JinjaContext {
  /// An argument that must be an integer, held within 64 bits; nil where it is not given.
  func integer(_ value: JinjaValue?, _ name: String) throws(Failure) -> Int? {
    guard let value else { return nil }
    if case .undefined(let undefined) = value { throw used(undefined) }
    guard let integer = value.integer else {
      throw refused("\(name) wants an integer, and gets \(value.typeName)")
    }
    return integer.int ?? (integer.isNegative ? .min : .max)
  }
}
