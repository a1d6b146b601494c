/// The named sets of scalars of regular expressions, as Oniguruma defines them over Unicode 16 (its doc/RE and
/// doc/UNICODE_PROPERTIES).
enum RegexProperties {
  /// Names are compared without regard to case, spaces, hyphens and underscores.
  private static func plain(_ name: String) -> String {
    String(name.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" })
  }

  /// The set of \p{name}; nil for a name that is none.
  static func property(_ name: String) -> ScalarSet? {
    let name = plain(name)
    if let set = common(name) ?? category(name) { return set }
    if let place = named[name] {
      let table = ScalarTable(UnicodeTables.propertyRanges, width: 8)
      return ScalarSet((place.first..<place.first + place.count).map { table.scalar($0)...table.number($0, 4, 4) })
    }
    return scripts[name].map { ScalarSet(script: $0) }
  }

  /// The set of [[:name:]], which differs from \p{name} in two: punct holds the symbols too, and word no superscripts.
  static func bracket(_ name: String) -> ScalarSet? {
    switch name {
    case "word": .word
    case "punct": ScalarSet(categories: { $0.code.first == "P" || $0.code.first == "S" })
    case "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "space", "upper", "xdigit":
      property(name)
    default: nil
    }
  }

  /// The names of POSIX, and those that stand for everything.
  private static func common(_ name: String) -> ScalarSet? {
    switch name {
    case "any": .all
    case "assigned": ScalarSet(categories: { $0 != .unassigned })
    case "ascii": ScalarSet(0...0x7F)
    case "alnum": property("alphabetic").map { $0.union(.decimalNumbers) }
    case "blank": ScalarSet(categories: { $0 == .spaceSeparator }).union(ScalarSet(0x09))
    case "graph": visible
    case "print": visible.union(ScalarSet(categories: { $0 == .spaceSeparator }))
    case "word": ScalarSet.word.union(ScalarSet(RegexDialect.oniguruma.otherWordScalars))
    case "xdigit": .hexadecimalDigits
    default: nil
    }
  }

  private static var visible: ScalarSet {
    ScalarSet(categories: { $0 != .control && $0 != .unassigned && $0 != .surrogate })
      .intersection(ScalarSet.whitespace.complement)
  }

  /// The set of a general category, by its one or two letters or its long name.
  private static func category(_ name: String) -> ScalarSet? {
    if name == "lc" || name == "casedletter" {
      return ScalarSet(categories: { [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter].contains($0) })
    }
    let code = longNames[name] ?? name
    guard (1...2).contains(code.count), GeneralCategory.allCases.contains(where: { plain($0.code).hasPrefix(code) })
    else { return nil }
    return ScalarSet(categories: { plain($0.code).hasPrefix(code) })
  }

  private static let longNames = [
    "letter": "l", "mark": "m", "combiningmark": "m", "number": "n", "punctuation": "p", "punct": "p", "symbol": "s",
    "separator": "z", "other": "c", "uppercaseletter": "lu", "lowercaseletter": "ll", "titlecaseletter": "lt",
    "modifierletter": "lm", "otherletter": "lo", "nonspacingmark": "mn", "spacingmark": "mc", "enclosingmark": "me",
    "decimalnumber": "nd", "digit": "nd", "letternumber": "nl", "othernumber": "no", "connectorpunctuation": "pc",
    "dashpunctuation": "pd", "openpunctuation": "ps", "closepunctuation": "pe", "initialpunctuation": "pi",
    "finalpunctuation": "pf", "otherpunctuation": "po", "mathsymbol": "sm", "currencysymbol": "sc",
    "modifiersymbol": "sk", "othersymbol": "so", "spaceseparator": "zs", "lineseparator": "zl",
    "paragraphseparator": "zp", "control": "cc", "cntrl": "cc", "format": "cf", "surrogate": "cs", "privateuse": "co",
    "unassigned": "cn",
  ]

  /// The place of each binary property and block among the ranges.
  private static let named: [String: (first: Int, count: Int)] = {
    let words = UnicodeTables.propertyNames.description.split(separator: " ")
    var places: [String: (first: Int, count: Int)] = [:]
    for index in stride(from: 0, to: words.count, by: 3) {
      for name in words[index].split(separator: "/") {
        places[String(name)] = (Int(words[index + 1])!, Int(words[index + 2])!)
      }
    }
    return places
  }()

  /// The number of each script, by name and short name.
  private static let scripts: [String: UInt32] = {
    var numbers: [String: UInt32] = [:]
    for (number, name) in UnicodeData.scriptNames.enumerated() { numbers[plain(name)] = UInt32(number) }
    let words = UnicodeTables.scriptAliases.description.split(separator: " ").map(String.init)
    for index in stride(from: 0, to: words.count, by: 2) { numbers[words[index]] = numbers[words[index + 1]] }
    return numbers
  }()
}
