import AttendBase

/// The layout behind the colon of a replacement field, in Python's format mini-language:
/// `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.
struct JinjaFormatSpecification {
  var fill: UInt32 = 0x20
  var align: UInt32?
  var sign: UInt32 = 0x2D
  var isAlternate = false
  var hasNoNegativeZero = false
  var grouping: UInt32?
  var width = 0
  var precision: Int?
  var type: UInt32?

  init() {}

  init(_ text: [UInt32], for value: JinjaValue, _ context: JinjaContext) throws(Failure) {
    var rest = text[...]
    func isAlign(_ scalar: UInt32?) -> Bool { scalar.map { [0x3C, 0x3E, 0x3D, 0x5E].contains($0) } ?? false }
    func take(_ wanted: UInt32...) -> UInt32? {
      guard let first = rest.first, wanted.contains(first) else { return nil }
      return rest.removeFirst()
    }
    let hasFill = rest.count > 1 && isAlign(rest[rest.startIndex + 1])
    if hasFill {
      fill = rest.removeFirst()
      align = rest.removeFirst()
    } else if isAlign(rest.first) {
      align = rest.removeFirst()
    }
    if let given = take(0x2B, 0x2D, 0x20) { sign = given }
    hasNoNegativeZero = take(0x7A) != nil
    isAlternate = take(0x23) != nil
    if !hasFill, take(0x30) != nil {
      fill = 0x30
      // Zeros go behind the sign of a number, and to the right of text.
      align = align ?? (value.text == nil ? 0x3D : 0x3C)
    }
    width = try JinjaFormatSpecification.number(&rest, context) ?? 0
    grouping = take(0x2C, 0x5F)
    if take(0x2E) != nil {
      precision = try JinjaFormatSpecification.number(&rest, context)
      guard precision != nil else { throw context.refused("Format specifier missing precision") }
    }
    if let last = rest.popFirst() { type = last }
    guard rest.isEmpty else { throw context.refused("Invalid format specifier '\(JinjaText(text).string)'") }
  }

  private static func number(_ rest: inout ArraySlice<UInt32>, _ context: JinjaContext) throws(Failure) -> Int? {
    var value: Int?
    while let digit = rest.first.flatMap(JinjaScalar.digit) {
      rest.removeFirst()
      value = (value ?? 0) * 10 + Int(digit)
      guard value! < 1 << 40 else { throw context.refused("Too many decimal digits in format string") }
    }
    return value
  }

  // MARK: Values

  func format(_ value: JinjaValue, _ context: JinjaContext) throws(Failure) -> [UInt32] {
    switch value {
    case .text(let text): return try self.text(text, context)
    case .bool, .int, .big:
      let floats: [UInt32] = [0x65, 0x45, 0x66, 0x46, 0x67, 0x47, 0x25]
      guard let type, floats.contains(type) else { return try integer(value.integer!, context) }
      return try float(try context.number(value) ?? 0, context)
    case .float(let value): return try float(value, context)
    default: throw context.refused("unsupported format string passed to \(value.typeName).__format__")
    }
  }

  private func unknown(_ value: String, _ context: JinjaContext) -> Failure {
    let code = type.map { JinjaText([$0]).string } ?? ""
    return context.refused("Unknown format code '\(code)' for object of type '\(value)'")
  }

  private func text(_ text: JinjaText, _ context: JinjaContext) throws(Failure) -> [UInt32] {
    guard type == nil || type == 0x73 else { throw unknown("str", context) }
    guard grouping == nil, sign == 0x2D, !isAlternate, align != 0x3D else {
      throw context.refused("a sign, '#', '=' or grouping is not allowed in string format specifier")
    }
    let shown = precision.map { Array(text.scalars.prefix($0)) } ?? text.scalars
    return try padded([], shown, align ?? 0x3C, context)
  }

  private func integer(_ value: BigInteger, _ context: JinjaContext) throws(Failure) -> [UInt32] {
    guard precision == nil else { throw context.refused("Precision not allowed in integer format specifier") }
    if type == 0x63 {
      guard let code = value.int, (0..<0x110000).contains(code) else {
        throw context.refused("%c arg not in range(0x110000)")
      }
      return try padded([], [UInt32(code)], align ?? 0x3E, context)
    }
    let (radix, prefix): (Int, String)
    switch type {
    case nil, 0x64, 0x6E: (radix, prefix) = (10, "")
    case 0x78, 0x58: (radix, prefix) = (16, type == 0x78 ? "0x" : "0X")
    case 0x6F: (radix, prefix) = (8, "0o")
    case 0x62: (radix, prefix) = (2, "0b")
    default: throw unknown("int", context)
    }
    try context.budget.spend(value.limbs.count * value.limbs.count)
    var digits = value.digits(radix: radix)
    if radix == 10 { try context.checkDigits(digits.count) }
    if type == 0x58 { digits = digits.map { $0 >= 0x61 ? $0 - 32 : $0 } }
    if grouping == 0x2C, radix != 10 { throw context.refused("Cannot specify ',' with this format") }
    let head = signs(value.isNegative) + (isAlternate ? JinjaText(prefix).scalars : [])
    return try number(head, digits.map(UInt32.init), [], group: radix == 10 ? 3 : 4, context)
  }

  /// A float, or an integer that is to look like one.
  private func float(_ value: Double, _ context: JinjaContext) throws(Failure) -> [UInt32] {
    var value = value
    if type == 0x25 { value *= 100 }
    var shown: [UInt32]
    if let special = JinjaNumber.special(value.magnitude) {
      shown = JinjaText(special).scalars
      if type == 0x25 { shown.append(0x25) }
    } else {
      shown = JinjaText(try digits(value.magnitude, context)).scalars
    }
    if let type, type == 0x45 || type == 0x46 || type == 0x47 { shown = JinjaTexts.upper(shown) }
    let isZero = !shown.contains { (0x31...0x39).contains($0) }
    let isNegative = value.sign == .minus && !value.isNaN && !(hasNoNegativeZero && isZero)
    let end = shown.firstIndex { !(0x30...0x39).contains($0) } ?? shown.count
    return try number(signs(isNegative), Array(shown[..<end]), Array(shown[end...]), group: 3, context)
  }

  private func digits(_ value: Double, _ context: JinjaContext) throws(Failure) -> String {
    try context.reserve(precision ?? 0)
    if let precision, precision > 1 << 20 { throw context.refused("a precision of \(precision) is too large") }
    try context.budget.spend((precision ?? 0) * 8)
    switch type {
    case 0x66, 0x46, 0x25:
      let text = JinjaNumber.fixed(value, places: precision ?? 6)
      return text + (isAlternate && precision == 0 ? "." : "") + (type == 0x25 ? "%" : "")
    case 0x65, 0x45:
      let (digits, exponent) = JinjaNumber.significant(value, count: (precision ?? 6) + 1)
      return JinjaNumber.scientific(digits, exponent, keepsPoint: isAlternate)
    case 0x67, 0x47, 0x6E: return general(value, max(precision ?? 6, 1), places: 0)
    case nil: return precision.map { general(value, max($0, 1), places: 1) } ?? JinjaNumber.spell(value)
    default: throw unknown("float", context)
    }
  }

  /// The shorter of both notations, at least `places` digits behind the point in the plain one.
  private func general(_ value: Double, _ count: Int, places: Int) -> String {
    var (digits, exponent) = JinjaNumber.significant(value, count: count)
    if !isAlternate { while digits.count > 1, digits.last == 0x30 { digits.removeLast() } }
    // With no type, a number that fills its digits is written with an exponent, since ".0" would be one more.
    if exponent < -4 || exponent >= count - (places > 0 ? 1 : 0) {
      return JinjaNumber.scientific(digits, exponent, keepsPoint: isAlternate)
    }
    let text = JinjaNumber.plain(digits, exponent, minimalPlaces: places)
    return isAlternate && !text.utf8.contains(0x2E) ? text + "." : text
  }

  // MARK: Fields

  private func signs(_ isNegative: Bool) -> [UInt32] { isNegative ? [0x2D] : sign == 0x2D ? [] : [sign] }

  /// A number of a head (sign and prefix), digits that are grouped, and a tail.
  private func number(
    _ head: [UInt32], _ digits: [UInt32], _ tail: [UInt32], group: Int, _ context: JinjaContext
  ) throws(Failure) -> [UInt32] {
    guard let grouping, digits.first.map({ $0 < 0x40 || group == 4 }) ?? false else {
      return try padded(head, digits + tail, align ?? 0x3E, context)
    }
    var digits = digits
    if fill == 0x30, align == 0x3D {
      // Zeros are grouped like digits, and the separator is never the first of them.
      try context.reserve(width)
      func size(_ count: Int) -> Int { head.count + count + (count - 1) / group + tail.count }
      var count = digits.count
      while size(count) < width { count += 1 }
      try context.budget.spend(width)
      digits = [UInt32](repeating: 0x30, count: count - digits.count) + digits
    }
    var grouped: [UInt32] = []
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % group == 0 { grouped.append(grouping) }
      grouped.append(digit)
    }
    return try padded(head, grouped + tail, align ?? 0x3E, context)
  }

  private func padded(
    _ head: [UInt32], _ body: [UInt32], _ align: UInt32, _ context: JinjaContext
  ) throws(Failure) -> [UInt32] {
    let margin = max(width - head.count - body.count, 0)
    try context.reserve(margin + body.count)
    try context.budget.take(bytes: 4 * (margin + body.count))
    switch align {
    case 0x3C: return JinjaTexts.padded(head + body, left: 0, right: margin, with: fill)
    case 0x5E: return JinjaTexts.padded(head + body, left: margin / 2, right: margin - margin / 2, with: fill)
    case 0x3D: return head + JinjaTexts.padded(body, left: margin, right: 0, with: fill)
    default: return JinjaTexts.padded(head + body, left: margin, right: 0, with: fill)
    }
  }
}
