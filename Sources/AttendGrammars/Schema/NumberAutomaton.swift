import AttendBase

/// The automaton of the ways to write a number of a range: it compares digits with those of the bounds as they come,
/// and carries remainders of the steps. Deterministic; without the states from which no number is reached.
struct NumberAutomaton {
  /// How the digits so far compare with those of a bound.
  private struct Cursor: Hashable {
    var read = 0
    /// -1 below, 0 equal so far, 1 above.
    var order = 0
  }

  private enum Phase: UInt8, Hashable {
    case start, sign, zero, whole, point, fraction, exponentMark, exponentSign, exponent
  }

  private struct Place: Hashable {
    var phase = Phase.start
    var negative = false
    var low = Cursor()
    var high = Cursor()
    /// Remainders of the step and the excluded steps.
    var remainders: [Int] = []
    /// Digits behind the point, as far as a step asks.
    var fraction = 0
  }

  private let range: NumberRange
  private let steps: [NumberStep]
  private let deepest: Int
  /// An exponent moves the point anywhere: it is allowed where only the sign counts.
  private let hasExponents: Bool

  private static let alphabet = Array("0123456789-+.eE".utf8)

  init(_ range: NumberRange) {
    self.range = range
    steps = (range.step.map { [$0] } ?? []) + range.excluded
    deepest = steps.map(\.scale).max() ?? 0
    let bounds = [range.lower, range.upper].compactMap { $0 }
    hasExponents = steps.isEmpty && !range.integral && bounds.allSatisfy { $0.value.isZero }
  }

  /// Whether a text is a number of the range.
  func accepts(_ text: some Sequence<UInt8>) throws(Failure) -> Bool {
    try check()
    var place = start
    for byte in text {
      guard let next = step(place, byte) else { return false }
      place = next
    }
    return isEnd(place)
  }

  func build() throws(Failure) -> TextAutomaton {
    try check()
    return try TextAutomaton(from: start, over: NumberAutomaton.alphabet, step: step, isEnd: isEnd)
  }

  private var start: Place { Place(remainders: Array(repeating: 0, count: steps.count)) }

  private func check() throws(Failure) {
    for step in steps where step.digits > NumberStep.largest {
      throw Failure(.unsupported, "multipleOf has the modulus \(step.digits); the limit is \(NumberStep.largest)")
    }
  }
}

// MARK: - Steps

extension NumberAutomaton {
  private func step(_ place: Place, _ byte: UInt8) -> Place? {
    switch byte {
    case UInt8(ascii: "-"), UInt8(ascii: "+"): return sign(place, byte)
    case UInt8(ascii: "."): return point(place)
    case UInt8(ascii: "e"), UInt8(ascii: "E"): return exponentMark(place)
    default: return digit(place, byte & 15)
    }
  }

  private func sign(_ place: Place, _ byte: UInt8) -> Place? {
    var place = place
    if place.phase == .exponentMark {
      place.phase = .exponentSign
      return place
    }
    guard byte == UInt8(ascii: "-"), place.phase == .start, range.bounds(true) != nil else { return nil }
    place.phase = .sign
    place.negative = true
    return place
  }

  private func point(_ place: Place) -> Place? {
    guard !range.integral, place.phase == .zero || place.phase == .whole else { return nil }
    guard let bounds = range.bounds(place.negative) else { return nil }
    var place = place
    place.phase = .point
    NumberAutomaton.endWhole(&place.low, bounds.low)
    NumberAutomaton.endWhole(&place.high, bounds.high)
    return bounds.high != nil && place.high.order > 0 ? nil : place
  }

  private func exponentMark(_ place: Place) -> Place? {
    guard hasExponents, isEnd(place), place.phase.rawValue < Phase.exponentMark.rawValue else { return nil }
    return Place(phase: .exponentMark)
  }

  private func digit(_ place: Place, _ digit: UInt8) -> Place? {
    var place = place
    switch place.phase {
    case .start, .sign: place.phase = digit == 0 ? .zero : .whole
    case .zero: return nil
    case .whole: break
    case .point, .fraction:
      place.phase = .fraction
      if place.fraction == deepest, digit != 0, range.step != nil { return nil }
    case .exponentMark, .exponentSign, .exponent:
      place.phase = .exponent
      return place
    }
    guard let bounds = range.bounds(place.negative) else { return nil }
    let whole = place.phase != .fraction
    NumberAutomaton.read(&place.low, bounds.low, digit, whole)
    NumberAutomaton.read(&place.high, bounds.high, digit, whole)
    if let high = bounds.high, place.high.order > 0, !whole || place.high.read >= high.value.wholeDigits { return nil }
    take(digit, &place, whole)
    return place
  }

  /// Carries a digit into the remainders. Digits behind the last place that a step knows are zero in a multiple; any
  /// other makes the number none.
  private func take(_ digit: UInt8, _ place: inout Place, _ whole: Bool) {
    if !whole, place.fraction == deepest {
      if digit != 0 { for index in place.remainders.indices { place.remainders[index] = -1 } }
      return
    }
    if !whole { place.fraction += 1 }
    for (index, step) in steps.enumerated() where place.remainders[index] >= 0 {
      if !whole, place.fraction > step.scale {
        if digit != 0 { place.remainders[index] = -1 }
      } else {
        place.remainders[index] = (place.remainders[index] * 10 + Int(digit)) % step.digits
      }
    }
  }

  /// Compares a digit. Behind the digits of the bound only a digit that is not zero decides.
  private static func read(_ cursor: inout Cursor, _ bound: NumberBound?, _ digit: UInt8, _ whole: Bool) {
    guard let value = bound?.value else { return }
    if whole {
      if cursor.read >= value.wholeDigits {
        cursor = Cursor(read: value.wholeDigits + 1, order: 1)
        return
      }
    } else if cursor.order != 0 {
      return
    }
    let other = value.digit(cursor.read)
    if cursor.order == 0, digit != other { cursor.order = digit < other ? -1 : 1 }
    if whole || cursor.read < value.wholeDigits + value.fractionDigits { cursor.read += 1 }
    if !whole, cursor.order != 0 { cursor.read = 0 }
  }

  /// Settles the comparison where the digits before the point end: fewer than those of the bound are below it.
  private static func endWhole(_ cursor: inout Cursor, _ bound: NumberBound?) {
    guard let value = bound?.value else { return }
    if cursor.read < value.wholeDigits { cursor.order = -1 }
    cursor.read = cursor.order == 0 ? value.wholeDigits : 0
  }

  /// Whether the digits so far are a number of the range.
  private func isEnd(_ place: Place) -> Bool {
    switch place.phase {
    case .start, .sign, .point, .exponentMark, .exponentSign: return false
    case .exponent: return true
    case .zero: if range.integral, place.negative { return false }
    case .whole, .fraction: break
    }
    guard let bounds = range.bounds(place.negative) else { return false }
    var (low, high) = (place.low, place.high)
    if place.phase != .fraction {
      NumberAutomaton.endWhole(&low, bounds.low)
      NumberAutomaton.endWhole(&high, bounds.high)
    }
    if let bound = bounds.low, low.order < 0 || low.order == 0 && isBelowRest(place, bound) { return false }
    if let bound = bounds.high, high.order > 0 || high.order == 0 && bound.open && !isShort(place, high, bound) {
      return false
    }
    return steps.indices.allSatisfy { divides(place, $0) == (range.step != nil && $0 == 0) }
  }

  /// Whether digits that equal those of a lower bound so far are below it: the bound goes on, or is itself outside.
  private func isBelowRest(_ place: Place, _ bound: NumberBound) -> Bool {
    isShort(place, place.low, bound) || bound.open
  }

  /// Whether the bound has digits behind the point that were not read.
  private func isShort(_ place: Place, _ cursor: Cursor, _ bound: NumberBound) -> Bool {
    let read = place.phase == .fraction ? cursor.read : bound.value.wholeDigits
    return read < bound.value.wholeDigits + bound.value.fractionDigits
  }

  /// Whether the number is a multiple of a step.
  private func divides(_ place: Place, _ index: Int) -> Bool {
    var remainder = place.remainders[index]
    guard remainder >= 0 else { return false }
    for _ in min(place.fraction, steps[index].scale)..<steps[index].scale {
      remainder = remainder * 10 % steps[index].digits
    }
    return remainder == 0
  }
}
