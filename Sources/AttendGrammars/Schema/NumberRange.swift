import AttendBase

/// A bound of a range of numbers.
struct NumberBound: Hashable, Sendable {
  let value: Decimal
  /// Whether the value itself is outside.
  let open: Bool

  func isAbove(_ other: NumberBound) -> Bool {
    value > other.value || value == other.value && open && !other.open
  }

  func isBelow(_ other: NumberBound) -> Bool {
    value < other.value || value == other.value && open && !other.open
  }
}

/// What a number is a multiple of: digits x 10^-scale.
struct NumberStep: Hashable, Sendable {
  let digits: Int
  let scale: Int

  static let one = NumberStep(digits: 1, scale: 0)

  /// Modulus past which a step would need an automaton that is too large.
  static let largest = 10_000

  /// The smallest step that is a multiple of both; nil where it does not fit.
  func common(_ other: NumberStep) -> NumberStep? {
    guard let one = rescaled(to: max(scale, other.scale)), let two = other.rescaled(to: max(scale, other.scale)) else {
      return nil
    }
    var (a, b) = (one, two)
    while b != 0 { (a, b) = (b, a % b) }
    let (product, overflow) = (one / a).multipliedReportingOverflow(by: two)
    return overflow ? nil : NumberStep(digits: product, scale: max(scale, other.scale)).reduced
  }

  /// The same step with as small a scale as can be.
  private var reduced: NumberStep {
    var (digits, scale) = (digits, scale)
    while scale > 0, digits % 10 == 0 { (digits, scale) = (digits / 10, scale - 1) }
    return NumberStep(digits: digits, scale: scale)
  }

  private func rescaled(to larger: Int) -> Int? {
    var value = digits
    for _ in scale..<larger {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      value = product
    }
    return value
  }
}

/// The numbers between two bounds that are multiples of a step. A set of numbers is a union of such ranges.
struct NumberRange: Hashable, Sendable {
  var lower: NumberBound?
  var upper: NumberBound?
  /// Every number is a multiple of it.
  var step: NumberStep?
  /// No number is a multiple of any of them.
  var excluded: [NumberStep] = []
  /// Whether numbers are written as integers, without a point.
  var integral = false
  /// The one number of an `enum` or `const` as the schema spells it.
  var spelling: [UInt8]?

  static let all = NumberRange()
  static let integers = NumberRange(step: .one, integral: true)

  /// Whether nothing restricts it.
  var isAll: Bool { self == .all }

  /// One number, spelled as in the schema.
  static func one(_ value: Decimal, _ spelling: [UInt8]) -> NumberRange {
    let bound = NumberBound(value: value, open: false)
    return NumberRange(lower: bound, upper: bound, spelling: spelling)
  }

  /// Whether the bounds alone leave nothing.
  var isContradictory: Bool {
    guard let lower, let upper else { return false }
    return lower.value > upper.value || lower.value == upper.value && (lower.open || upper.open)
  }

  /// The numbers of both; nil where there are certainly none. Throws where the steps have no common multiple that fits.
  func meeting(_ other: NumberRange) throws(Failure) -> NumberRange? {
    var result = self
    if let bound = other.lower, lower.map({ bound.isAbove($0) }) ?? true { result.lower = bound }
    if let bound = other.upper, upper.map({ bound.isBelow($0) }) ?? true { result.upper = bound }
    if result.isContradictory { return nil }
    if let step = other.step {
      guard let common = result.step.map({ $0.common(step) }) ?? step else {
        throw Failure(.unsupported, "multipleOf: the least common multiple of two steps does not fit")
      }
      result.step = common
    }
    for step in other.excluded where !result.excluded.contains(step) { result.excluded.append(step) }
    result.integral = integral || other.integral
    result.spelling = spelling ?? other.spelling
    if result.spelling != nil { return try result.settled() }
    return result
  }

  /// A single number that is spelled out, once the steps are met; nil where it does not meet them.
  private func settled() throws(Failure) -> NumberRange? {
    return try NumberAutomaton(self).accepts(lower!.value.text) ? .one(lower!.value, spelling!) : nil
  }

  /// The bounds of the magnitude for numbers of a sign; nil where there are none of this sign.
  func bounds(_ negative: Bool) -> (low: NumberBound?, high: NumberBound?)? {
    let mirror = { (bound: NumberBound?) in bound.map { NumberBound(value: $0.value.negated, open: $0.open) } }
    let (low, high) = negative ? (mirror(upper), mirror(lower)) : (lower, upper)
    if let high, high.value.negative || high.value.isZero && high.open { return nil }
    if let low, !low.value.negative, !low.value.isZero || low.open { return (low, high) }
    return (nil, high)
  }

  /// The numbers that are not in it.
  var complement: [NumberRange] {
    var result: [NumberRange] = []
    if let lower { result.append(NumberRange(upper: NumberBound(value: lower.value, open: !lower.open))) }
    if let upper { result.append(NumberRange(lower: NumberBound(value: upper.value, open: !upper.open))) }
    if let step { result.append(NumberRange(lower: lower, upper: upper, excluded: [step])) }
    for step in excluded {
      result.append(NumberRange(lower: lower, upper: upper, step: step, integral: step.scale == 0))
    }
    return result
  }

  /// Whether a number lies in it.
  func isEmpty() throws(Failure) -> Bool {
    if isContradictory { return true }
    if lower == nil || upper == nil, excluded.isEmpty { return false }
    return try NumberAutomaton(self).build().states == 0
  }
}
