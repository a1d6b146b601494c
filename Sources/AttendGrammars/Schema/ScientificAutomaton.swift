import AttendBase

/// The automaton of the numbers of a range in scientific notation: one digit, which is zero for zero alone, its
/// fraction, and an exponent, as writers of JSON put large and small numbers. With more digits before the point, the
/// exponent would have to be compared with their number, which no automaton can count.
///
/// The digits are compared with those of a bound d.ddd x 10^e as they come. How that ends says which exponents are
/// left, an interval, for the mantissa decides only where the exponents are equal.
struct ScientificAutomaton {
  /// How the digits so far compare with those of a bound.
  private struct Cursor: Hashable {
    var read = 0
    /// -1 below, 0 equal so far, 1 above.
    var order = 0
  }

  private enum Phase: UInt8, Hashable {
    case start, sign, first, point, fraction, mark, exponentSign, exponent
  }

  private struct Place: Hashable {
    var phase = Phase.start
    var isNegative = false
    /// Whether no digit but zero was read.
    var isZero = false
    var low = Cursor()
    var high = Cursor()
    /// The exponents that may follow; nil: no end in that direction.
    var least: Int?
    var most: Int?
    var isExponentNegative = false
    /// The magnitude of the exponent, as far as it matters.
    var exponent = 0
  }

  private let range: NumberRange
  private static let alphabet = Array("0123456789-+.eE".utf8)

  /// Nil where no range of digits decides: for multiples, and where every exponent is allowed anyway.
  init?(_ range: NumberRange) {
    let isBounded = [range.lower, range.upper].contains { $0.map { !$0.value.isZero } ?? false }
    guard isBounded, !range.integral, range.step == nil, range.excluded.isEmpty else { return nil }
    self.range = range
  }

  func build() throws(Failure) -> TextAutomaton {
    try TextAutomaton(from: Place(), over: ScientificAutomaton.alphabet, step: step, isEnd: isEnd)
  }

  private func step(_ place: Place, _ byte: UInt8) -> Place? {
    var place = place
    switch (byte, place.phase) {
    case (UInt8(ascii: "-"), .start):
      place.phase = .sign
      place.isNegative = true
    case (UInt8(ascii: "."), .first): place.phase = .point
    case (UInt8(ascii: "e"), .first), (UInt8(ascii: "e"), .fraction), (UInt8(ascii: "E"), .first),
      (UInt8(ascii: "E"), .fraction):
      return mark(place)
    case (UInt8(ascii: "-"), .mark), (UInt8(ascii: "+"), .mark):
      place.phase = .exponentSign
      place.isExponentNegative = byte == UInt8(ascii: "-")
    case (UInt8(ascii: "0")...UInt8(ascii: "9"), _): return digit(place, byte & 15)
    default: return nil
    }
    return place
  }

  private func digit(_ place: Place, _ digit: UInt8) -> Place? {
    var place = place
    switch place.phase {
    case .start, .sign:
      place.phase = .first
      place.isZero = digit == 0
    case .point, .fraction:
      place.phase = .fraction
      if place.isZero { return digit == 0 ? place : nil }
    case .mark, .exponentSign, .exponent:
      place.phase = .exponent
      let largest = max(abs(place.least ?? 0), abs(place.most ?? 0)) + 1
      place.exponent = min(place.exponent * 10 + Int(digit), largest)
      return place
    case .first: return nil
    }
    guard !place.isZero, let bounds = range.bounds(place.isNegative) else { return place.isZero ? place : nil }
    ScientificAutomaton.read(digit, &place.low, bounds.low)
    ScientificAutomaton.read(digit, &place.high, bounds.high)
    return place
  }

  private static func read(_ digit: UInt8, _ cursor: inout Cursor, _ bound: NumberBound?) {
    guard let digits = bound?.value.digits, cursor.order == 0 else { return }
    let other = cursor.read < digits.count ? digits[cursor.read] : 0
    if digit != other {
      cursor = Cursor(read: 0, order: digit < other ? -1 : 1)
    } else if cursor.read < digits.count {
      cursor.read += 1
    }
  }

  /// The place behind the mark of the exponent: what is left of the digits is which exponents may follow.
  private func mark(_ place: Place) -> Place? {
    guard let bounds = range.bounds(place.isNegative) else { return nil }
    var next = Place(phase: .mark, isNegative: place.isNegative)
    if place.isZero { return bounds.low == nil ? next : nil }
    if let low = bounds.low, !low.value.isZero {
      let order = ScientificAutomaton.order(place.low, low)
      next.least = low.value.point - 1 + (order > 0 || order == 0 && !low.open ? 0 : 1)
    }
    if let high = bounds.high {
      if high.value.isZero { return nil }
      let order = ScientificAutomaton.order(place.high, high)
      next.most = high.value.point - 1 - (order < 0 || order == 0 && !high.open ? 0 : 1)
    }
    return next
  }

  /// How the digits compare with all those of a bound: it ends with one that is not zero.
  private static func order(_ cursor: Cursor, _ bound: NumberBound) -> Int {
    cursor.order == 0 && cursor.read < bound.value.digits.count ? -1 : cursor.order
  }

  private func isEnd(_ place: Place) -> Bool {
    guard place.phase == .exponent else { return false }
    let exponent = place.isExponentNegative ? -place.exponent : place.exponent
    return exponent >= place.least ?? .min && exponent <= place.most ?? .max
  }
}
