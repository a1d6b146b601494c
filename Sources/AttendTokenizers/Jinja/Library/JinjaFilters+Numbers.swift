import AttendBase
import Glibc

extension JinjaFilters {
  static let numbers: [String: Filter] = [
    "abs": { (value, call, context) throws(Failure) in
      _ = try call.bind("abs", 0...0, context)
      if case .float(let value) = value { return .float(value.magnitude) }
      guard let integer = value.integer else {
        throw context.refused("bad operand type for abs(): '\(value.typeName)'")
      }
      return JinjaValue(integer.magnitude)
    },
    "int": { (value, call, context) throws(Failure) in
      let bound = try call.bind("int", ["default", "base"], context)
      let base = try context.integer(bound[1], "int") ?? 10
      return try integer(value, base: base, context) ?? bound[0] ?? .int(0)
    },
    "float": { (value, call, context) throws(Failure) in
      let bound = try call.bind("float", ["default"], context)
      if case .undefined(let undefined) = value { throw context.used(undefined) }
      let number = try value.text == nil ? context.number(value) : value.text.flatMap { JinjaNumber.float($0) }
      return number.map { .float($0) } ?? bound[0] ?? .float(0)
    },
    "round": { (value, call, context) throws(Failure) in
      let bound = try call.bind("round", ["precision", "method"], context)
      let method = (bound[1] ?? JinjaValue("common")).text?.string ?? ""
      guard ["common", "ceil", "floor"].contains(method) else {
        throw context.invalid("method must be common, ceil or floor")
      }
      if case .undefined(let undefined) = value { throw context.used(undefined) }
      let precision = try context.integer(bound[0], "round") ?? 0
      if method == "common" { return try rounded(value, precision, context) }
      let scale = try context.apply(.power, .int(10), .int(precision))
      let scaled = try context.apply(.multiply, value, scale)
      var whole = scaled
      if case .float(let number) = scaled {
        guard number.isFinite else {
          throw context.refused("cannot convert float \(JinjaNumber.spell(number)) to integer")
        }
        whole = JinjaValue(BigInteger(truncating: method == "ceil" ? ceil(number) : floor(number)))
      } else if scaled.integer == nil {
        throw context.refused("must be real number, not \(scaled.typeName)")
      }
      return try context.apply(.divide, whole, scale)
    },
    "filesizeformat": { (value, call, context) throws(Failure) in
      let isBinary = try call.bind("filesizeformat", ["binary"], context)[0]?.isTrue ?? false
      if case .undefined(let undefined) = value { throw context.used(undefined) }
      guard let bytes = try value.text == nil ? context.number(value) : value.text.flatMap({ JinjaNumber.float($0) })
      else {
        throw context.refused("filesizeformat wants a number, and gets \(value.typeName)")
      }
      return JinjaValue(try fileSize(bytes, isBinary: isBinary, context))
    },
  ]

  /// As `int(value, base)`, or else as `int(float(value))`; nil where both fail.
  private static func integer(_ value: JinjaValue, base: Int, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    switch value {
    case .undefined(let undefined): throw context.used(undefined)
    case .float(let number):
      if number.isNaN { return nil }
      guard number.isFinite else { throw context.refused("cannot convert float infinity to integer") }
      return JinjaValue(BigInteger(truncating: number))
    case .text(let text):
      if base == 0 || (2...36).contains(base), let spelled = JinjaNumber.integer(text, base: base) {
        let isPower = spelled.radix & (spelled.radix - 1) == 0
        try context.budget.spend(spelled.digits.count)
        if isPower || spelled.digits.count <= JinjaContext.maximalDigits {
          try context.budget.spend(spelled.digits.count * spelled.digits.count / 64)
          return JinjaValue(BigInteger(digits: spelled.digits, radix: spelled.radix, isNegative: spelled.isNegative))
        }
      }
      guard let number = JinjaNumber.float(text), number.isFinite else { return nil }
      return JinjaValue(BigInteger(truncating: number))
    default: return value.integer.map { JinjaValue($0) }
    }
  }

  /// Python's `round(value, precision)`: ties to even, of the exact value.
  private static func rounded(
    _ value: JinjaValue, _ precision: Int, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    if case .float(let number) = value {
      guard number.isFinite, precision < 340 else { return value }
      if precision < -330 { return .float(number.sign == .minus ? -0.0 : 0) }
      let scaled = JinjaNumber.scaled(number, power: precision)
      let ten = BigInteger(10).power(abs(precision))
      let magnitude = precision >= 0 ? JinjaNumber.quotient(scaled, ten) : (scaled * ten).double
      guard let magnitude else { throw context.refused("rounded value too large to represent") }
      return .float(number.sign == .minus ? -magnitude : magnitude)
    }
    guard let integer = value.integer else {
      throw context.refused("type \(value.typeName) doesn't define __round__ method")
    }
    if precision >= 0 { return JinjaValue(integer) }
    // More digits than the number has leave nothing of it.
    guard -precision <= integer.bitWidth else { return .int(0) }
    let ten = BigInteger(10).power(-precision)
    let magnitude = JinjaNumber.rounded(integer.magnitude, ten) * ten
    return JinjaValue(integer.isNegative ? magnitude.negated : magnitude)
  }

  private static func fileSize(_ bytes: Double, isBinary: Bool, _ context: JinjaContext) throws(Failure) -> String {
    let base: Double = isBinary ? 1024 : 1000
    if bytes == 1 { return "1 Byte" }
    if bytes < base { return "\(BigInteger(truncating: bytes).int ?? 0) Bytes" }
    guard !bytes.isNaN else { return "nan \(isBinary ? "YiB" : "YB")" }
    let letters = ["k", "M", "G", "T", "P", "E", "Z", "Y"]
    var unit = base
    for (index, letter) in letters.enumerated() {
      unit *= base
      guard bytes < unit || index == letters.count - 1 else { continue }
      let value = base * bytes / unit
      let number = JinjaNumber.special(value) ?? JinjaNumber.fixed(value, places: 1)
      return number + " " + (isBinary ? letter.uppercased() + "iB" : letter + "B")
    }
    return ""
  }
}
