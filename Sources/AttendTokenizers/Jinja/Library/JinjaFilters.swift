import AttendBase

/// The filters behind a bar: `value|name(arguments)`.
enum JinjaFilters {
  typealias Filter = @Sendable (JinjaValue, JinjaCall, JinjaContext) throws(Failure) -> JinjaValue

  static let all: [String: Filter] = [texts, documents, numbers, sequences, selections].reduce(into: [:]) {
    $0.merge($1) { $1 }
  }

  static func apply(
    _ name: String, _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    guard let filter = all[name] else { throw context.invalid("no filter named '\(name)'") }
    try context.budget.spend(JinjaBudget.evaluation)
    return try filter(value, call, context)
  }

  // MARK: Text

  /// A method of text as a filter for any value.
  private static func method(_ name: String, _ arguments: [String] = []) -> Filter {
    { (value, call, context) throws(Failure) in
      let bound = try call.bind(name, arguments, context)
      let call = JinjaCall(positional: bound.compactMap { $0 })
      return try JinjaTextMethods.all[name]!(try context.string(value), call, context)
    }
  }

  private static let texts: [String: Filter] = [
    "upper": method("upper"), "lower": method("lower"), "capitalize": method("capitalize"),
    "title": { (value, call, context) throws(Failure) in
      _ = try call.bind("title", 0...0, context)
      let text = try context.string(value)
      try context.budget.spend(text.count)
      return try context.text(titled(text.scalars))
    },
    "trim": { (value, call, context) throws(Failure) in
      let chars = try call.bind("trim", ["chars"], context)[0]
      let call = JinjaCall(positional: chars.map { [$0] } ?? [])
      return try JinjaTextMethods.all["strip"]!(try context.string(value), call, context)
    },
    "center": { (value, call, context) throws(Failure) in
      let width = try call.bind("center", ["width"], context)[0] ?? .int(80)
      return try JinjaTextMethods.all["center"]!(try context.string(value), JinjaCall(positional: [width]), context)
    },
    "string": { (value, call, context) throws(Failure) in
      _ = try call.bind("string", 0...0, context)
      return .text(try context.string(value))
    },
    "safe": { (value, call, context) throws(Failure) in
      _ = try call.bind("safe", 0...0, context)
      return .text(JinjaText(try context.string(value).scalars, isSafe: true))
    },
    "escape": escape, "e": escape,
    "forceescape": { (value, call, context) throws(Failure) in
      _ = try call.bind("forceescape", 0...0, context)
      return .text(try context.escaped(JinjaText(try context.string(value).scalars)))
    },
    "replace": { (value, call, context) throws(Failure) in
      let bound = try call.bind("replace", ["old", "new", "count"], required: 2, context)
      let limit = bound[2].map { $0.isNone } ?? true ? -1 : try context.integer(bound[2], "replace") ?? -1
      var (text, old, new) = (try context.string(value), try context.string(bound[0]!), try context.string(bound[1]!))
      if context.autoescape {
        if old.isSafe || (new.isSafe && !text.isSafe) { text = try context.escaped(text) }
        if text.isSafe { new = try context.escaped(new) }
      }
      let result = try context.replace(text.scalars, old.scalars, new.scalars, limit: limit < 0 ? .max : limit)
      return try context.text(result, isSafe: context.autoescape && text.isSafe)
    },
    "format": { (value, call, context) throws(Failure) in
      guard call.positional.isEmpty || call.named.isEmpty else {
        throw context.invalid("can't handle positional and keyword arguments at the same time")
      }
      let text = try context.string(value)
      guard !call.named.isEmpty else { return try text.formatted(with: try context.tuple(call.positional), context) }
      var members = JinjaMembers()
      for (name, value) in call.named { try members.set(JinjaValue(name), value, context) }
      return try text.formatted(with: try context.dictionary(members), context)
    },
    "indent": indent,
    "truncate": truncate,
    "tojson": { (value, call, context) throws(Failure) in try JinjaJSONWriter.write(value, call, context) },
    "striptags": { (value, call, context) throws(Failure) in
      _ = try call.bind("striptags", 0...0, context)
      return try context.text(try context.withoutTags(try context.string(value)))
    },
    "wordcount": { (value, call, context) throws(Failure) in
      _ = try call.bind("wordcount", 0...0, context)
      let text = try context.string(value)
      try context.budget.spend(text.count)
      var (count, isInWord) = (0, false)
      for scalar in text.scalars {
        let isWord = JinjaScalar.isWord(scalar)
        if isWord, !isInWord { count += 1 }
        isInWord = isWord
      }
      return .int(count)
    },
  ]

  private static func escape(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    _ = try call.bind("escape", 0...0, context)
    return .text(try context.escaped(value))
  }

  /// A capital at every beginning, and after the characters that the filter `title` knows as borders of words.
  private static func titled(_ text: [UInt32]) -> [UInt32] {
    func isBorder(_ scalar: UInt32) -> Bool {
      JinjaScalar.isSpace(scalar) || [0x2D, 0x28, 0x7B, 0x5B, 0x3C].contains(scalar)
    }
    var result: [UInt32] = []
    var rest = text[...]
    while let first = rest.first {
      let isSeparator = isBorder(first)
      let end = rest.firstIndex { isBorder($0) != isSeparator } ?? rest.endIndex
      result += JinjaScalar.upper(first) + JinjaTexts.lower(rest[(rest.startIndex + 1)..<end])
      rest = rest[end...]
    }
    return result
  }

  private static func indent(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    let bound = try call.bind("indent", ["width", "first", "blank"], context)
    if case .undefined(let undefined) = value { throw context.used(undefined) }
    guard let text = value.text else { throw context.refused("indent wants text, and gets \(value.typeName)") }
    var indention = bound[0]?.text?.scalars ?? []
    if bound[0]?.text == nil {
      let width = max(try context.integer(bound[0] ?? .int(4), "indent") ?? 0, 0)
      try context.reserve(width)
      indention = [UInt32](repeating: 0x20, count: width)
    }
    let lines = JinjaTexts.lines((text.scalars + [0x0A])[...])
    try context.budget.spend(text.count)
    try context.reserve(context.size(text.count + lines.count, plus: lines.count, times: indention.count))
    let indentsBlank = bound[2]?.isTrue ?? false
    var result: [UInt32] = bound[1]?.isTrue ?? false ? indention : []
    for (index, line) in lines.enumerated() {
      if index > 0 {
        result.append(0x0A)
        if indentsBlank || !line.isEmpty { result += indention }
      }
      result += line
    }
    return try context.text(result, isSafe: text.isSafe)
  }

  private static func truncate(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    let bound = try call.bind("truncate", ["length", "killwords", "end", "leeway"], context)
    let length = try context.integer(bound[0], "truncate") ?? 255
    guard let end = (bound[2] ?? JinjaValue("...")).text else {
      throw context.refused("the end of truncate should be text")
    }
    let leeway = bound[3].map { $0.isNone } ?? true ? 5 : try context.integer(bound[3], "truncate") ?? 5
    guard length >= end.count else { throw context.refused("expected length >= \(end.count), got \(length)") }
    guard leeway >= 0 else { throw context.refused("expected leeway >= 0, got \(leeway)") }
    guard let count = try context.length(of: value) else {
      throw context.refused("object of type '\(value.typeName)' has no len()")
    }
    if count - leeway <= length { return value }
    guard let text = value.text else { throw context.refused("truncate wants text, and gets \(value.typeName)") }
    var kept = text.scalars.prefix(length - end.count)
    if !(bound[1]?.isTrue ?? false), let space = kept.lastIndex(of: 0x20) { kept = kept[..<space] }
    return try context.text(kept + end.scalars, isSafe: text.isSafe)
  }
}
