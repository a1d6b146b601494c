import AttendCheckpoints

/// A number of a JSON text, exact: bounds and multiples are compared as they are written, never as floating point.
struct Decimal: Hashable, Sendable {
  /// Whether it is below zero; zero has no sign.
  let negative: Bool
  /// Digits 0 to 9 without zeros at either end; none for zero. The value is 0.d1d2d3... x 10^point.
  let digits: [UInt8]
  let point: Int

  static let zero = Decimal(negative: false, digits: [], point: 0)

  /// Digits that a number may have in a schema, zeros before or behind the point included.
  static let longest = 400

  private init(negative: Bool, digits: [UInt8], point: Int) {
    (self.negative, self.digits, self.point) = (negative, digits, point)
  }

  /// The number that `json` is; nil where it is none, is not finite, or needs more than `longest` digits.
  init?(_ json: JSON) {
    guard json.kind == .number else { return nil }
    self.init(text: json.source)
  }

  init?(text: some Collection<UInt8>) {
    var digits: [UInt8] = []
    var (point, seenPoint, exponent, negative) = (0, false, 0, false)
    var iterator = text.makeIterator()
    loop: while let byte = iterator.next() {
      switch byte {
      case UInt8(ascii: "-"): negative = true
      case UInt8(ascii: "."): seenPoint = true
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        if !seenPoint { point += 1 }
        if digits.isEmpty && byte == UInt8(ascii: "0") { point -= 1 } else { digits.append(byte & 15) }
        guard digits.count <= Decimal.longest else { return nil }
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        var sign = 1
        while let next = iterator.next() {
          if next == UInt8(ascii: "-") { sign = -1 }
          if next & 0xF0 == 0x30 { exponent = min(exponent * 10 + Int(next & 15), 1 << 20) }
        }
        exponent *= sign
        break loop
      default: return nil
      }
    }
    while digits.last == 0 { digits.removeLast() }
    if digits.isEmpty {
      self = .zero
      return
    }
    let place = point + exponent
    guard max(place, digits.count - place) <= Decimal.longest else { return nil }
    self.init(negative: negative, digits: digits, point: place)
  }

  var isZero: Bool { digits.isEmpty }
  var isInteger: Bool { digits.count <= point || isZero }
  var magnitude: Decimal { Decimal(negative: false, digits: digits, point: point) }
  var negated: Decimal { isZero ? self : Decimal(negative: !negative, digits: digits, point: point) }

  /// The digit at a place of the whole number, where place 0 is the first of `wholeDigits`; zero behind the last.
  func digit(_ place: Int) -> UInt8 {
    let index = place - (wholeDigits - point)
    return index >= 0 && index < digits.count ? digits[index] : 0
  }

  /// Digits before the point as they are written: at least one.
  var wholeDigits: Int { max(point, 1) }
  /// Digits behind the point that are not all zero.
  var fractionDigits: Int { max(digits.count - point, 0) }

  /// The shortest way to write it without an exponent.
  var text: [UInt8] {
    var text: [UInt8] = negative ? [UInt8(ascii: "-")] : []
    for place in 0..<wholeDigits + (isZero ? 0 : fractionDigits) {
      if place == wholeDigits { text.append(UInt8(ascii: ".")) }
      text.append(UInt8(ascii: "0") + digit(place))
    }
    return text
  }

  /// digits and scale such that the magnitude is digits x 10^-scale, scale >= 0; nil where that does not fit.
  var scaled: (digits: Int, scale: Int)? {
    var value = 0
    for place in 0..<wholeDigits + (isZero ? 0 : fractionDigits) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(digit(place)))
      if overflow || carry { return nil }
      value = sum
    }
    return (value, isZero ? 0 : fractionDigits)
  }
}

extension Decimal: Comparable {
  static func < (one: Decimal, other: Decimal) -> Bool {
    if one.negative != other.negative { return one.negative }
    let (small, large) = one.negative ? (other, one) : (one, other)
    if small.isZero || large.isZero { return small.isZero && !large.isZero }
    if small.point != large.point { return small.point < large.point }
    return small.digits.lexicographicallyPrecedes(large.digits)
  }
}
