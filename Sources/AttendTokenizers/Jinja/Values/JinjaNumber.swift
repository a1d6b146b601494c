/// Numbers as Python spells them. No locale has a say, and every digit is exact.
enum JinjaNumber {
  /// The digits of a positive finite number that are the shortest to read back as it, and the exponent of the first
  /// one, as of 10.
  static func shortest(_ value: Double) -> (digits: [UInt8], exponent: Int) {
    var (digits, exponent, point): ([UInt8], Int, Int?) = ([], 0, nil)
    var text = value.magnitude.description.utf8[...]
    if let mark = text.firstIndex(of: UInt8(ascii: "e")) {
      exponent = Int(String(Substring(text[text.index(after: mark)...]))) ?? 0
      text = text[..<mark]
    }
    for byte in text {
      if byte == UInt8(ascii: ".") { point = digits.count } else { digits.append(byte) }
    }
    exponent += (point ?? digits.count) - 1
    while digits.count > 1, digits.first == 0x30 {
      digits.removeFirst()
      exponent -= 1
    }
    while digits.count > 1, digits.last == 0x30 { digits.removeLast() }
    return (digits, digits == [0x30] ? 0 : exponent)
  }

  /// As `repr` has it.
  static func spell(_ value: Double) -> String {
    if let name = special(value) { return name }
    let (digits, exponent) = shortest(value)
    let sign = value.sign == .minus ? "-" : ""
    if exponent < -4 || exponent >= 16 { return sign + scientific(digits, exponent) }
    return sign + plain(digits, exponent, minimalPlaces: 1)
  }

  /// The word for a number that is not finite.
  static func special(_ value: Double) -> String? {
    value.isNaN ? "nan" : value.isInfinite ? (value < 0 ? "-inf" : "inf") : nil
  }

  /// Digits with an exponent: `1.5e-07`.
  static func scientific(_ digits: [UInt8], _ exponent: Int, keepsPoint: Bool = false) -> String {
    var text = text(digits.prefix(1))
    if digits.count > 1 || keepsPoint { text += "." + self.text(digits.dropFirst()) }
    let size = String(abs(exponent))
    return text + (exponent < 0 ? "e-" : "e+") + (size.utf8.count < 2 ? "0" : "") + size
  }

  /// Digits without an exponent, the first one standing for 10^exponent.
  static func plain(_ digits: [UInt8], _ exponent: Int, minimalPlaces: Int) -> String {
    let zeros = { (count: Int) in String(repeating: "0", count: max(count, 0)) }
    if exponent < 0 { return "0." + zeros(-exponent - 1) + text(digits[...]) }
    let whole = text(digits.prefix(exponent + 1)) + zeros(exponent + 1 - digits.count)
    let places = text(digits.dropFirst(exponent + 1))
    return minimalPlaces == 0 && places.isEmpty
      ? whole : whole + "." + places + zeros(minimalPlaces - places.utf8.count)
  }

  static func text(_ digits: ArraySlice<UInt8>) -> String { String(decoding: digits, as: UTF8.self) }

  /// The magnitude of a finite number times 10^power, rounded to an integer, ties to even.
  static func scaled(_ value: Double, power: Int) -> BigInteger {
    guard value != 0 else { return BigInteger(0) }
    let exponent = max(Int(value.exponent), -1022) - 52
    var bits = value.significandBitPattern
    if value.isNormal { bits |= 1 << 52 }
    var numerator = BigInteger(limbs: [UInt32(truncatingIfNeeded: bits), UInt32(bits >> 32)])
    var denominator = BigInteger(1)
    let ten = BigInteger(10).power(abs(power))
    if power >= 0 { numerator = numerator * ten } else { denominator = ten }
    if exponent >= 0 { numerator = numerator.shifted(by: exponent) }
    if exponent < 0 { denominator = denominator.shifted(by: -exponent) }
    return rounded(numerator, denominator)
  }

  /// The quotient of two numbers that are not negative, ties to even.
  static func rounded(_ numerator: BigInteger, _ denominator: BigInteger) -> BigInteger {
    let (quotient, remainder) = numerator.dividedFlooring(by: denominator)
    let twice = remainder.shifted(by: 1)
    let goesUp = twice > denominator || (twice == denominator && quotient.isOdd)
    return goesUp ? quotient + BigInteger(1) : quotient
  }

  /// The magnitude with `places` digits behind the point.
  static func fixed(_ value: Double, places: Int) -> String {
    var digits = scaled(value, power: places).digits()
    if digits.count <= places { digits = [UInt8](repeating: 0x30, count: places + 1 - digits.count) + digits }
    guard places > 0 else { return text(digits[...]) }
    return text(digits.dropLast(places)) + "." + text(digits.suffix(places))
  }

  /// `count` significant digits of the magnitude, and the exponent of the first one.
  static func significant(_ value: Double, count: Int) -> (digits: [UInt8], exponent: Int) {
    guard value != 0 else { return ([UInt8](repeating: 0x30, count: count), 0) }
    let exponent = shortest(value).exponent
    let digits = scaled(value, power: count - 1 - exponent).digits()
    // A 9 that was rounded up made one digit more, a zero.
    return digits.count > count ? (Array(digits.prefix(count)), exponent + 1) : (digits, exponent)
  }

  /// The nearest number to a quotient of integers; nil where it is too large. The divisor is not zero.
  static func quotient(_ a: BigInteger, _ b: BigInteger) -> Double? {
    // 64 bits or more of the quotient, and whether anything is left: enough to round once.
    let shift = max(0, 66 - (a.bitWidth - b.bitWidth))
    let (quotient, remainder) = a.magnitude.shifted(by: shift).dividedFlooring(by: b.magnitude)
    var top = quotient.shifted(by: 1)
    if !remainder.isZero { top = top + BigInteger(1) }
    guard !top.isZero else { return 0 }
    let exponent = top.bitWidth - 1 - shift - 1
    guard exponent <= 1024 else { return nil }
    // Below the smallest normal number fewer bits are kept: round there, not twice.
    let kept = min(53, exponent + 1075)
    guard kept >= 0 else { return a.isNegative != b.isNegative ? -0.0 : 0 }
    let dropped = top.bitWidth - kept
    let rounded = dropped > 0 ? self.rounded(top, BigInteger(1).shifted(by: dropped)) : top
    let power = (dropped > 0 ? dropped : 0) - shift - 1
    guard let whole = rounded.double else { return nil }
    let value = Double(sign: a.isNegative != b.isNegative ? .minus : .plus, exponent: power, significand: whole)
    return value.isInfinite ? nil : value
  }

  /// The number that text spells, as `float()` reads it, nil where it spells none.
  static func float(_ text: JinjaText) -> Double? {
    var bytes: [UInt8] = []
    let stripped = JinjaTexts.stripped(text.scalars[...], nil)
    for (index, scalar) in zip(stripped.indices, stripped) {
      if scalar == 0x5F {  // an underscore, between digits alone
        guard index > stripped.startIndex, index + 1 < stripped.endIndex,
          JinjaScalar.digit(stripped[index - 1]) != nil, JinjaScalar.digit(stripped[index + 1]) != nil
        else { return nil }
        continue
      }
      guard let byte = JinjaScalar.digit(scalar).map({ $0 + 0x30 }) ?? (scalar < 0x80 ? UInt8(scalar) : nil) else {
        return nil
      }
      bytes.append(byte | ((0x41...0x5A).contains(byte) ? 0x20 : 0))
    }
    let word = bytes.first == 0x2B || bytes.first == 0x2D ? Array(bytes.dropFirst()) : bytes
    let isNegative = bytes.first == 0x2D
    switch String(decoding: word, as: UTF8.self) {
    case "inf", "infinity": return isNegative ? -.infinity : .infinity
    case "nan": return .nan
    default: break
    }
    var spelled = word
    if spelled.first == 0x2E { spelled.insert(0x30, at: 0) }
    guard spelled.first.map({ (0x30...0x39).contains($0) }) == true, !spelled.contains(0x78), !spelled.contains(0x70),
      spelled != [0x30, 0x2E] || word.count > 1
    else { return nil }
    if spelled.last == 0x2E { spelled.append(0x30) }
    if let place = spelled.firstIndex(of: 0x65), place > 0, spelled[place - 1] == 0x2E {
      spelled.insert(0x30, at: place)
    }
    return Double(String(decoding: spelled, as: UTF8.self)).map { isNegative ? -$0 : $0 }
  }

  /// The integer that text spells in a base, as `int()` reads it; nil where it spells none.
  static func integer(_ text: JinjaText, base: Int) -> (digits: [UInt8], radix: Int, isNegative: Bool)? {
    var rest = JinjaTexts.stripped(text.scalars[...], nil)
    let isNegative = rest.first == 0x2D
    if isNegative || rest.first == 0x2B { rest = rest.dropFirst() }
    var radix = base
    if rest.first == 0x30, rest.count > 1,
      let prefixed = [0x62: 2, 0x6F: 8, 0x78: 16][rest[rest.startIndex + 1] | 0x20],
      base == 0 || base == prefixed
    {
      radix = prefixed
      rest = rest.dropFirst(2)
      if rest.first == 0x5F { rest = rest.dropFirst() }
    }
    var digits: [UInt8] = []
    var wasDigit = false
    for scalar in rest {
      if scalar == 0x5F, wasDigit {
        wasDigit = false
        continue
      }
      let letter = scalar | 0x20
      let digit = JinjaScalar.digit(scalar) ?? ((0x61...0x7A).contains(letter) ? UInt8(letter - 0x61 + 10) : 255)
      guard Int(digit) < (radix == 0 ? 10 : radix) else { return nil }
      digits.append(digit)
      wasDigit = true
    }
    guard wasDigit, radix != 0 || digits.first != 0 || digits.allSatisfy({ $0 == 0 }) else { return nil }
    return (digits, radix == 0 ? 10 : radix, isNegative)
  }
}
