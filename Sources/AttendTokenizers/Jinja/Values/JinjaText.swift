/// Text as Python has it: a sequence of code points, each at hand in constant time.
struct JinjaText: Sendable {
  var scalars: [UInt32]
  /// Text that autoescaping leaves as it is (`Markup`).
  var isSafe = false

  init(_ scalars: [UInt32], isSafe: Bool = false) {
    self.scalars = scalars
    self.isSafe = isSafe
  }

  init(_ slice: ArraySlice<UInt32>) { scalars = Array(slice) }

  init(_ text: String) { scalars = text.unicodeScalars.map(\.value) }

  /// Bytes that are UTF-8.
  init(utf8: some Sequence<UInt8>) {
    scalars = []
    var (decoder, bytes) = (UTF8(), utf8.makeIterator())
    loop: while true {
      switch decoder.decode(&bytes) {
      case .scalarValue(let scalar): scalars.append(scalar.value)
      case .error: scalars.append(0xFFFD)
      case .emptyInput: break loop
      }
    }
  }

  /// ASCII.
  init(ascii: [UInt8]) { scalars = ascii.map(UInt32.init) }

  var count: Int { scalars.count }
  var isEmpty: Bool { scalars.isEmpty }

  /// As a `String`; halves of surrogate pairs become U+FFFD.
  var string: String {
    var text = String.UnicodeScalarView()
    for scalar in scalars { text.append(Unicode.Scalar(scalar) ?? "\u{FFFD}") }
    return String(text)
  }
}

extension JinjaText: Hashable {
  static func == (a: JinjaText, b: JinjaText) -> Bool { a.scalars == b.scalars }
  func hash(into hasher: inout Hasher) { hasher.combine(scalars) }
}

extension JinjaText: Comparable {
  static func < (a: JinjaText, b: JinjaText) -> Bool { a.scalars.lexicographicallyPrecedes(b.scalars) }
}

extension JinjaText: ExpressibleByStringLiteral {
  init(stringLiteral value: String) { self.init(value) }
}

extension [UInt32] {
  static func += (scalars: inout [UInt32], text: StaticString) {
    for byte in UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount) {
      scalars.append(UInt32(byte))
    }
  }
}

/// Classes of code points, as Python has them.
enum JinjaScalar {
  /// `str.isspace`, and what `strip` takes off.
  static func isSpace(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x9...0xD, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  /// The ends of lines of `splitlines`, besides a carriage return with its line feed.
  static func isLineEnd(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0xA...0xD, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  static func category(_ scalar: UInt32) -> GeneralCategory { UnicodeData.properties[scalar].category }

  static func isLetter(_ scalar: UInt32) -> Bool { UnicodeData.properties[scalar].isLetter }

  /// A letter, digit, number or underscore: `\w`.
  static func isWord(_ scalar: UInt32) -> Bool { scalar == 0x5F || isAlphanumeric(scalar) }

  /// `str.isalnum` of one code point.
  static func isAlphanumeric(_ scalar: UInt32) -> Bool { isLetter(scalar) || isNumeric(scalar) }

  /// A digit of a decimal system (`str.isdecimal`).
  static func isDecimal(_ scalar: UInt32) -> Bool { category(scalar) == .decimalNumber }

  /// The value of a digit of a decimal system.
  static func digit(_ scalar: UInt32) -> UInt8? {
    if scalar < 0x80 { return (0x30...0x39).contains(scalar) ? UInt8(scalar - 0x30) : nil }
    guard isDecimal(scalar), let value = properties(scalar)?.numericValue else { return nil }
    return UInt8(value)
  }

  /// `str.isdigit`: superscripts and such too.
  static func isDigit(_ scalar: UInt32) -> Bool {
    switch properties(scalar)?.numericType {
    case .decimal, .digit: true
    default: false
    }
  }

  /// `str.isnumeric`: whatever has a numeric value.
  static func isNumeric(_ scalar: UInt32) -> Bool { properties(scalar)?.numericType != nil }

  /// Whether `repr` writes the code point itself.
  static func isPrintable(_ scalar: UInt32) -> Bool {
    if scalar < 0x7F { return scalar >= 0x20 }
    switch category(scalar) {
    case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator, .paragraphSeparator:
      return false
    default: return true
    }
  }

  static func properties(_ scalar: UInt32) -> Unicode.Scalar.Properties? { Unicode.Scalar(scalar)?.properties }

  private static func map(_ scalar: UInt32, _ mapping: (Unicode.Scalar.Properties) -> String) -> [UInt32] {
    properties(scalar).map { mapping($0).unicodeScalars.map(\.value) } ?? [scalar]
  }

  static func upper(_ scalar: UInt32) -> [UInt32] {
    if scalar < 0x80 { return [(0x61...0x7A).contains(scalar) ? scalar - 32 : scalar] }
    return map(scalar, \.uppercaseMapping)
  }

  static func lower(_ scalar: UInt32) -> [UInt32] {
    if scalar < 0x80 { return [(0x41...0x5A).contains(scalar) ? scalar + 32 : scalar] }
    return map(scalar, \.lowercaseMapping)
  }

  static func title(_ scalar: UInt32) -> [UInt32] {
    scalar < 0x80 ? upper(scalar) : map(scalar, \.titlecaseMapping)
  }

  /// `str.isupper` of one code point, without what has no case.
  static func isUpper(_ scalar: UInt32) -> Bool { properties(scalar)?.isUppercase ?? false }
  static func isLower(_ scalar: UInt32) -> Bool { properties(scalar)?.isLowercase ?? false }
  static func isTitle(_ scalar: UInt32) -> Bool { category(scalar) == .titlecaseLetter }
  static func isCased(_ scalar: UInt32) -> Bool { isUpper(scalar) || isLower(scalar) || isTitle(scalar) }
}
