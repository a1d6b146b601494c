import AttendBase

extension JinjaFilters {
  static let documents: [String: Filter] = [
    "urlencode": { (value, call, context) throws(Failure) in
      _ = try call.bind("urlencode", 0...0, context)
      guard value.text == nil, context.isIterable(value) else {
        return try context.text(quoted(try context.string(value), isQuery: false, context))
      }
      var source = value
      if case .dictionary(let dictionary) = value { source = .object(JinjaView(.items, dictionary)) }
      var parts: [ArraySlice<UInt32>] = []
      for pair in try context.items(of: source) {
        let items = try context.items(of: pair)
        guard items.count == 2 else { throw context.refused("urlencode wants pairs, and gets \(items.count) values") }
        let key = try quoted(try context.string(items[0]), isQuery: true, context)
        parts.append((key + [0x3D] + (try quoted(try context.string(items[1]), isQuery: true, context)))[...])
      }
      return try context.text(try context.joined(parts, [0x26]))
    },
    "xmlattr": { (value, call, context) throws(Failure) in
      let addsSpace = try call.bind("xmlattr", ["autospace"], context)[0]?.isTrue ?? true
      if case .undefined(let undefined) = value { throw context.used(undefined) }
      guard case .dictionary(let dictionary) = value else {
        throw context.refused("xmlattr wants a dict, and gets \(value.typeName)")
      }
      let written = try attributes(dictionary, context)
      return try context.text(addsSpace && !written.isEmpty ? [0x20] + written : written, isSafe: context.autoescape)
    },
    "wordwrap": { (value, call, context) throws(Failure) in
      let names = ["width", "break_long_words", "wrapstring", "break_on_hyphens"]
      let bound = try call.bind("wordwrap", names, context)
      let width = try context.integer(bound[0], "wordwrap") ?? 79
      if case .undefined(let undefined) = value { throw context.used(undefined) }
      guard let text = value.text else { throw context.refused("wordwrap wants text, and gets \(value.typeName)") }
      guard width > 0 || text.isEmpty else { throw context.refused("invalid width \(width) (must be > 0)") }
      let wrapping = JinjaWrapping(
        width: width, breaksLongWords: bound[1]?.isTrue ?? true, breaksOnHyphens: bound[3]?.isTrue ?? true)
      let separator = bound[2].flatMap { $0.isNone ? nil : $0.text } ?? "\n"
      try context.budget.take(bytes: 48 * text.count)
      let paragraphs = JinjaTexts.lines(text.scalars[...]).map { wrapping.lines($0).map { $0[...] } }
      var parts: [ArraySlice<UInt32>] = []
      for lines in paragraphs { parts.append(try context.joined(lines, separator.scalars)[...]) }
      return try context.text(try context.joined(parts, separator.scalars))
    },
    "pprint": { (value, call, context) throws(Failure) in
      _ = try call.bind("pprint", 0...0, context)
      return try context.text(try JinjaPrettyPrinter.format(value, context))
    },
    "urlize": { (value, call, context) throws(Failure) in
      let links = try JinjaLinks(call, context)
      let text = try links.applied(to: try context.escaped(value).scalars, context)
      return try context.text(text, isSafe: context.autoescape)
    },
  ]

  /// Text by the bytes that a URL may hold; in a query a slash is not one of them, and a space is a plus.
  private static func quoted(
    _ text: JinjaText, isQuery: Bool, _ context: JinjaContext
  ) throws(Failure) -> [UInt32] {
    try context.budget.take(bytes: 12 * text.count)
    var result: [UInt32] = []
    for byte in text.string.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2E, 0x2D, 0x7E: result.append(UInt32(byte))
      case 0x2F where !isQuery: result.append(0x2F)
      case 0x20 where isQuery: result.append(0x2B)
      default:
        let digits = Array("0123456789ABCDEF".utf8)
        result += [0x25, UInt32(digits[Int(byte >> 4)]), UInt32(digits[Int(byte & 15)])]
      }
    }
    return result
  }

  private static func attributes(_ dictionary: JinjaDictionary, _ context: JinjaContext) throws(Failure) -> [UInt32] {
    var parts: [ArraySlice<UInt32>] = []
    for (key, value) in zip(dictionary.keys, dictionary.values) where !value.isNone && !value.isUndefined {
      guard let name = key.text else { throw context.refused("an attribute's name should be text") }
      let hasForbidden = name.scalars.contains { (0x09...0x0D).contains($0) || [0x20, 0x2F, 0x3E, 0x3D].contains($0) }
      guard !hasForbidden else { throw context.refused("Invalid character in attribute name: '\(name.string)'") }
      let written = try context.escaped(name).scalars + [0x3D, 0x22]
      parts.append((written + (try context.escaped(value).scalars) + [0x22])[...])
    }
    return try context.joined(parts, [0x20])
  }
}
