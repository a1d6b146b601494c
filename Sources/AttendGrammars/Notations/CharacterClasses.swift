import AttendBase

/// Sets of characters as patterns name them.
enum CharacterClasses {
  typealias Ranges = [ClosedRange<UInt32>]

  static let last: UInt32 = 0x10FFFF

  static let digits: Ranges = [0x30...0x39]
  static let words: Ranges = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
  static let spaces: Ranges = [0x09...0x0D, 0x20...0x20]

  /// The set of \d, \w, \s and their complements; nil for another letter.
  static func shorthand(_ letter: Unicode.Scalar) -> Ranges? {
    switch letter {
    case "d": digits
    case "w": words
    case "s": spaces
    case "D": complement(of: digits)
    case "W": complement(of: words)
    case "S": complement(of: spaces)
    default: nil
    }
  }

  static func complement(of ranges: Ranges) -> Ranges {
    var result: Ranges = []
    var next: UInt32 = 0
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where range.upperBound >= next {
      if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
    }
    if next <= last { result.append(next...last) }
    return result
  }

  /// The set of \p{name}: a general category, long or short, or a group of them; nil for another name.
  static func property(_ name: String) -> Ranges? {
    let name = longNames[name] ?? name
    guard name == "Any" || codes.contains(name) || groups.contains(name) else { return nil }
    var result: Ranges = []
    for value in 0...last {
      guard let scalar = Unicode.Scalar(value), name == "Any" || code(scalar).hasPrefix(name) else { continue }
      if let end = result.last?.upperBound, end + 1 == value {
        result[result.count - 1] = result[result.count - 1].lowerBound...value
      } else {
        result.append(value...value)
      }
    }
    return result
  }

  /// The set with the other cases of its letters.
  static func foldingCase(_ ranges: Ranges) -> Ranges {
    var result = ranges
    for range in ranges {
      for value in range {
        guard let scalar = Unicode.Scalar(value), scalar.properties.isCased else { continue }
        for other in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
          guard other.unicodeScalars.count == 1, let other = other.unicodeScalars.first, other != scalar else {
            continue
          }
          result.append(other.value...other.value)
        }
      }
    }
    return result
  }

  private static let groups = ["L", "M", "N", "P", "S", "Z", "C"]
  private static let codes = [
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
    "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
  ]
  private static let longNames = [
    "Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt", "Mark": "M",
    "Number": "N", "Decimal_Number": "Nd", "Punctuation": "P", "Symbol": "S", "Separator": "Z", "Other": "C",
  ]

  private static func code(_ scalar: Unicode.Scalar) -> String {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter: "Lu"
    case .lowercaseLetter: "Ll"
    case .titlecaseLetter: "Lt"
    case .modifierLetter: "Lm"
    case .otherLetter: "Lo"
    case .nonspacingMark: "Mn"
    case .spacingMark: "Mc"
    case .enclosingMark: "Me"
    case .decimalNumber: "Nd"
    case .letterNumber: "Nl"
    case .otherNumber: "No"
    case .connectorPunctuation: "Pc"
    case .dashPunctuation: "Pd"
    case .openPunctuation: "Ps"
    case .closePunctuation: "Pe"
    case .initialPunctuation: "Pi"
    case .finalPunctuation: "Pf"
    case .otherPunctuation: "Po"
    case .mathSymbol: "Sm"
    case .currencySymbol: "Sc"
    case .modifierSymbol: "Sk"
    case .otherSymbol: "So"
    case .spaceSeparator: "Zs"
    case .lineSeparator: "Zl"
    case .paragraphSeparator: "Zp"
    case .control: "Cc"
    case .format: "Cf"
    case .surrogate: "Cs"
    case .privateUse: "Co"
    case .unassigned: "Cn"
    @unknown default: "Cn"
    }
  }
}
