import AttendBase
import Glibc

/// An operator of arithmetic.
enum JinjaOperator: String {
  case add = "+", subtract = "-", multiply = "*", divide = "/", floor = "//", modulo = "%", power = "**"
}

/// Operators, as Python has them.
extension JinjaContext {
  func apply(_ operation: JinjaOperator, _ a: JinjaValue, _ b: JinjaValue) throws(Failure) -> JinjaValue {
    if case .undefined(let undefined) = a { throw used(undefined) }
    if operation == .modulo, case .text(let format) = a { return try format.formatted(with: b, self) }
    if case .undefined(let undefined) = b { throw used(undefined) }
    if let x = a.int, let y = b.int, let value = try small(operation, x, y) { return value }
    if let x = a.integer, let y = b.integer { return try integers(operation, x, y) }
    switch operation {
    case .add: if let sum = try concatenation(a, b) { return sum }
    case .multiply:
      if let count = b.integer, let product = try repetition(a, count) { return product }
      if let count = a.integer, let product = try repetition(b, count) { return product }
    case .subtract: if let rest = try difference(a, b) { return rest }
    default: break
    }
    guard let x = try number(a), let y = try number(b) else {
      throw refused(
        "unsupported operand type(s) for \(operation.rawValue): '\(a.typeName)' and '\(b.typeName)'")
    }
    return try floats(operation, x, y)
  }

  /// The value as a `Double`; nil where it is no number.
  func number(_ value: JinjaValue) throws(Failure) -> Double? {
    if case .float(let value) = value { return value }
    if let value = value.int { return Double(value) }
    guard let value = value.integer else { return nil }
    guard let double = value.double else { throw refused("int too large to convert to float") }
    return double
  }

  // MARK: Numbers

  /// Nil where the result needs more than 64 bits, or care.
  private func small(_ operation: JinjaOperator, _ a: Int, _ b: Int) throws(Failure) -> JinjaValue? {
    func checked(_ result: (partialValue: Int, overflow: Bool)) -> JinjaValue? {
      result.overflow ? nil : .int(result.partialValue)
    }
    switch operation {
    case .add: return checked(a.addingReportingOverflow(b))
    case .subtract: return checked(a.subtractingReportingOverflow(b))
    case .multiply: return checked(a.multipliedReportingOverflow(by: b))
    case .divide:
      guard b != 0 else { throw refused("division by zero") }
      return max(a.magnitude, b.magnitude) < 1 << 53 ? .float(Double(a) / Double(b)) : nil
    case .floor, .modulo:
      guard b != 0 else { throw refused("integer division or modulo by zero") }
      let (quotient, overflow) = a.dividedReportingOverflow(by: b)
      if overflow { return nil }
      let rest = a - quotient * b
      let isInexact = rest != 0 && (rest < 0) != (b < 0)
      return .int(operation == .floor ? quotient - (isInexact ? 1 : 0) : rest + (isInexact ? b : 0))
    case .power: return nil
    }
  }

  private func integers(_ operation: JinjaOperator, _ a: BigInteger, _ b: BigInteger) throws(Failure) -> JinjaValue {
    try budget.spend((a.limbs.count + 1) * (b.limbs.count + 1))
    try budget.take(bytes: 4 * (a.limbs.count + b.limbs.count) + 32)
    switch operation {
    case .add: return JinjaValue(a + b)
    case .subtract: return JinjaValue(a - b)
    case .multiply: return JinjaValue(a * b)
    case .power: return try power(a, b)
    case .divide:
      guard let quotient = JinjaNumber.quotient(a, b) else {
        throw refused("integer division result too large for a float")
      }
      return .float(quotient)
    case .floor, .modulo:
      guard !b.isZero else { throw refused("integer division or modulo by zero") }
      let (quotient, remainder) = a.dividedFlooring(by: b)
      return JinjaValue(operation == .floor ? quotient : remainder)
    }
  }

  private func power(_ base: BigInteger, _ exponent: BigInteger) throws(Failure) -> JinjaValue {
    if exponent.isNegative {
      guard let x = base.double, let y = exponent.double else { throw refused("int too large to convert to float") }
      return try floats(.power, x, y)
    }
    if exponent.isZero { return .int(1) }
    if base.magnitude == BigInteger(1) || base.isZero { return JinjaValue(exponent.isOdd ? base : base * base) }
    // The last product takes as long as all before it.
    let limbs = (exponent.int ?? .max).multipliedReportingOverflow(by: base.bitWidth)
    let size = limbs.overflow ? Int.max : limbs.partialValue / 32 + 2
    try budget.take(bytes: size.multipliedReportingOverflow(by: 8).overflow ? .max : size * 8)
    try budget.spend(size.multipliedReportingOverflow(by: size).overflow ? .max : size * size)
    return JinjaValue(base.power(exponent.int ?? 0))
  }

  private func floats(_ operation: JinjaOperator, _ a: Double, _ b: Double) throws(Failure) -> JinjaValue {
    switch operation {
    case .add: return .float(a + b)
    case .subtract: return .float(a - b)
    case .multiply: return .float(a * b)
    case .power:
      if a == 0, b < 0 { throw refused("0.0 cannot be raised to a negative power") }
      if a < 0, a.isFinite, b.isFinite, b != b.rounded() { throw unsupported("a complex number") }
      let result = pow(a, b)
      if result.isInfinite, a.isFinite, b.isFinite { throw refused("a power too large for a float") }
      return .float(result)
    case .divide, .floor, .modulo: break
    }
    guard b != 0 else { throw refused("float division by zero") }
    if operation == .divide { return .float(a / b) }
    // As Python does it: the remainder first, exactly, then the quotient that goes with it.
    var rest = fmod(a, b)
    var quotient = (a - rest) / b
    if rest != 0, (rest < 0) != (b < 0) {
      rest += b
      quotient -= 1
    }
    if rest == 0 { rest = b < 0 ? -0.0 : 0 }
    if operation == .modulo { return .float(rest) }
    if quotient == 0 { return .float((a / b).sign == .minus ? -0.0 : 0) }
    let whole = quotient.rounded(.down)
    return .float(quotient - whole > 0.5 ? whole + 1 : whole)
  }

  // MARK: Sequences

  private func concatenation(_ a: JinjaValue, _ b: JinjaValue) throws(Failure) -> JinjaValue? {
    switch (a, b) {
    case (.text(let x), .text(let y)):
      try reserve(x.count + y.count)
      let isSafe = x.isSafe || y.isSafe
      let left = isSafe && !x.isSafe ? try escaped(x) : x
      let right = isSafe && !y.isSafe ? try escaped(y) : y
      return try text(left.scalars + right.scalars, isSafe: isSafe)
    case (.list(let x), .list(let y)): return try list(x.items + y.items)
    case (.tuple(let x), .tuple(let y)): return try tuple(x.items + y.items)
    case (.text, _):
      throw refused("can only concatenate str (not \"\(b.typeName)\") to str")
    default: return nil
    }
  }

  private func repetition(_ value: JinjaValue, _ count: BigInteger) throws(Failure) -> JinjaValue? {
    let times = count.isNegative ? 0 : count.int ?? .max
    switch value {
    case .text(let text):
      let size = text.count.multipliedReportingOverflow(by: times)
      try reserve(text.isEmpty ? 0 : size.overflow ? .max : size.partialValue)
      let scalars = text.isEmpty ? [] : Array([[UInt32]](repeating: text.scalars, count: times).joined())
      return try self.text(scalars, isSafe: text.isSafe)
    case .list(let items): return try list(try repeated(items.items, times))
    case .tuple(let items): return try tuple(try repeated(items.items, times))
    default: return nil
    }
  }

  private func repeated(_ items: [JinjaValue], _ times: Int) throws(Failure) -> [JinjaValue] {
    guard !items.isEmpty else { return [] }
    let size = items.count.multipliedReportingOverflow(by: times)
    try reserve(size.overflow || size.partialValue > .max / 16 ? .max : size.partialValue * 4)
    return Array([[JinjaValue]](repeating: items, count: times).joined())
  }

  /// The difference of two views of keys or items, which are sets.
  private func difference(_ a: JinjaValue, _ b: JinjaValue) throws(Failure) -> JinjaValue? {
    if case .object(let view as JinjaView) = a, view.isSet { throw unsupported("the difference of \(view.typeName)") }
    return nil
  }

  // MARK: One operand

  func negative(_ value: JinjaValue, _ sign: StaticString) throws(Failure) -> JinjaValue {
    let isMinus = sign.description == "-"
    switch value {
    case .float(let value): return .float(isMinus ? -value : value)
    case .undefined(let undefined): throw used(undefined)
    default:
      guard let integer = value.integer else {
        throw refused("bad operand type for unary \(sign): '\(value.typeName)'")
      }
      return JinjaValue(isMinus ? integer.negated : integer)
    }
  }
}
