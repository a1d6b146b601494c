/// An integer of any size, as Python's: sign and magnitude. Arithmetic is the schoolbook's, in time of the product of
/// the lengths; callers count that as steps.
struct BigInteger: Hashable {
  /// Digits of base 2^32, the lowest first, without zeros at the end; none of zero.
  private(set) var limbs: [UInt32]
  private(set) var isNegative: Bool

  init(_ value: Int) { self.init(limbs: BigInteger.limbs(UInt64(value.magnitude)), isNegative: value < 0) }

  init(limbs: [UInt32], isNegative: Bool = false) {
    self.limbs = limbs
    while self.limbs.last == 0 { self.limbs.removeLast() }
    self.isNegative = isNegative && !self.limbs.isEmpty
  }

  /// The whole part of a finite number, exactly.
  init(truncating value: Double) {
    let exponent = Int(value.exponent)
    guard value.magnitude >= 1 else {
      self.init(0)
      return
    }
    let significand = value.significandBitPattern | 1 << 52
    let magnitude = BigInteger(limbs: BigInteger.limbs(significand))
    self = magnitude.shifted(by: exponent - 52)
    isNegative = value < 0
  }

  private static func limbs(_ value: UInt64) -> [UInt32] { [UInt32(truncatingIfNeeded: value), UInt32(value >> 32)] }

  var isZero: Bool { limbs.isEmpty }
  var magnitude: BigInteger { BigInteger(limbs: limbs) }
  var negated: BigInteger { BigInteger(limbs: limbs, isNegative: !isNegative) }
  var isOdd: Bool { (limbs.first ?? 0) & 1 == 1 }
  var bitWidth: Int { limbs.isEmpty ? 0 : limbs.count * 32 - limbs[limbs.count - 1].leadingZeroBitCount }

  /// The value, where it fits.
  var int: Int? {
    guard limbs.count <= 2 else { return nil }
    let value = limbs.enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << UInt64(32 * $1.offset) }
    if isNegative { return value <= Int.min.magnitude ? Int(truncatingIfNeeded: 0 &- value) : nil }
    return Int(exactly: value)
  }

  /// The nearest `Double`, ties to even; nil where it is too large for one.
  var double: Double? {
    let shift = bitWidth - 64
    var top = shifted(by: -shift).magnitude.low64
    // What is shifted out only matters as "more than a tie".
    if shift > 0, shifted(by: -shift).magnitude.shifted(by: shift) != magnitude { top |= 1 }
    guard shift <= 1024 else { return nil }
    let value = Double(sign: isNegative ? .minus : .plus, exponent: shift, significand: Double(top))
    return value.isInfinite ? nil : value
  }

  var low64: UInt64 { UInt64(limbs.first ?? 0) | UInt64(limbs.count > 1 ? limbs[1] : 0) << 32 }

  /// The magnitude times 2^count, rounded towards zero, with the sign.
  func shifted(by count: Int) -> BigInteger {
    guard !limbs.isEmpty, count != 0 else { return self }
    let (words, bits) = (abs(count) / 32, UInt32(abs(count) % 32))
    if count > 0 {
      var result = [UInt32](repeating: 0, count: words)
      var carry: UInt32 = 0
      for limb in limbs {
        result.append(bits == 0 ? limb : limb << bits | carry)
        carry = bits == 0 ? 0 : limb >> (32 - bits)
      }
      return BigInteger(limbs: result + [carry], isNegative: isNegative)
    }
    guard words < limbs.count else { return BigInteger(0) }
    var result = Array(limbs[words...])
    if bits > 0 {
      for index in result.indices {
        result[index] = result[index] >> bits | (index + 1 < result.count ? result[index + 1] << (32 - bits) : 0)
      }
    }
    return BigInteger(limbs: result, isNegative: isNegative)
  }
}

// MARK: - Arithmetic

extension BigInteger: Comparable {
  static func < (a: BigInteger, b: BigInteger) -> Bool {
    if a.isNegative != b.isNegative { return a.isNegative }
    let order = compare(a.limbs, b.limbs)
    return a.isNegative ? order > 0 : order < 0
  }

  /// The sign of the difference of two magnitudes.
  private static func compare(_ a: [UInt32], _ b: [UInt32]) -> Int {
    if a.count != b.count { return a.count < b.count ? -1 : 1 }
    for index in a.indices.reversed() where a[index] != b[index] { return a[index] < b[index] ? -1 : 1 }
    return 0
  }

  static func + (a: BigInteger, b: BigInteger) -> BigInteger {
    if a.isNegative == b.isNegative { return BigInteger(limbs: sum(a.limbs, b.limbs), isNegative: a.isNegative) }
    if compare(a.limbs, b.limbs) < 0 {
      return BigInteger(limbs: difference(b.limbs, a.limbs), isNegative: b.isNegative)
    }
    return BigInteger(limbs: difference(a.limbs, b.limbs), isNegative: a.isNegative)
  }

  static func - (a: BigInteger, b: BigInteger) -> BigInteger { a + b.negated }

  private static func sum(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var carry: UInt64 = 0
    for index in 0..<max(a.count, b.count) {
      carry += UInt64(index < a.count ? a[index] : 0) + UInt64(index < b.count ? b[index] : 0)
      result.append(UInt32(truncatingIfNeeded: carry))
      carry >>= 32
    }
    return result + [UInt32(carry)]
  }

  /// a - b of magnitudes, a >= b.
  private static func difference(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
    var result = a
    var borrow: Int64 = 0
    for index in a.indices {
      borrow += Int64(a[index]) - Int64(index < b.count ? b[index] : 0)
      result[index] = UInt32(truncatingIfNeeded: borrow)
      borrow >>= 32
    }
    return result
  }

  static func * (a: BigInteger, b: BigInteger) -> BigInteger {
    var result = [UInt32](repeating: 0, count: a.limbs.count + b.limbs.count)
    for (i, x) in a.limbs.enumerated() {
      var carry: UInt64 = 0
      for (j, y) in b.limbs.enumerated() {
        carry += UInt64(x) * UInt64(y) + UInt64(result[i + j])
        result[i + j] = UInt32(truncatingIfNeeded: carry)
        carry >>= 32
      }
      result[i + b.limbs.count] = UInt32(carry)
    }
    return BigInteger(limbs: result, isNegative: a.isNegative != b.isNegative)
  }

  /// Quotient, rounded down, and remainder, of the divisor's sign, as Python's `//` and `%`. The divisor is not zero.
  func dividedFlooring(by divisor: BigInteger) -> (quotient: BigInteger, remainder: BigInteger) {
    var (quotient, remainder) = magnitude.dividedMagnitude(by: divisor.limbs)
    if isNegative != divisor.isNegative {
      quotient = quotient.negated
      if !remainder.isZero {
        quotient = quotient - BigInteger(1)
        remainder = divisor.magnitude - remainder
      }
    }
    return (quotient, divisor.isNegative ? remainder.negated : remainder)
  }

  /// Division of magnitudes (Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D).
  private func dividedMagnitude(by divisor: [UInt32]) -> (BigInteger, BigInteger) {
    guard BigInteger.compare(limbs, divisor) >= 0 else { return (BigInteger(0), self) }
    if divisor.count == 1 {
      let (quotient, remainder) = divided(by: divisor[0])
      return (quotient, BigInteger(Int(remainder)))
    }
    let shift = divisor[divisor.count - 1].leadingZeroBitCount
    let v = BigInteger(limbs: divisor).shifted(by: shift).limbs
    var u = shifted(by: shift).limbs
    while u.count <= limbs.count { u.append(0) }
    let n = v.count
    var quotient = [UInt32](repeating: 0, count: u.count - n)
    for j in quotient.indices.reversed() {
      let top = UInt64(u[j + n]) << 32 | UInt64(u[j + n - 1])
      var (q, r) = (top / UInt64(v[n - 1]), top % UInt64(v[n - 1]))
      while q >> 32 != 0 || q * UInt64(v[n - 2]) > r << 32 | UInt64(u[j + n - 2]) {
        q -= 1
        r += UInt64(v[n - 1])
        if r >> 32 != 0 { break }
      }
      quotient[j] = UInt32(truncatingIfNeeded: BigInteger.subtract(q, v, from: &u, at: j))
    }
    return (BigInteger(limbs: quotient), BigInteger(limbs: Array(u[..<n])).shifted(by: -shift))
  }

  /// Takes q v from the digits of `u` from `j` on; returns q, or one less where it was one too large.
  private static func subtract(_ q: UInt64, _ v: [UInt32], from u: inout [UInt32], at j: Int) -> UInt64 {
    var (carry, borrow): (UInt64, Int64) = (0, 0)
    for i in 0...v.count {
      carry += i < v.count ? q * UInt64(v[i]) : 0
      borrow += Int64(u[i + j]) - Int64(carry & 0xFFFF_FFFF)
      u[i + j] = UInt32(truncatingIfNeeded: borrow)
      borrow >>= 32
      carry >>= 32
    }
    guard borrow < 0 else { return q }
    var sum: UInt64 = 0
    for i in 0...v.count {
      sum += UInt64(u[i + j]) + UInt64(i < v.count ? v[i] : 0)
      u[i + j] = UInt32(truncatingIfNeeded: sum)
      sum >>= 32
    }
    return q - 1
  }

  /// Quotient and remainder of the magnitude.
  private func divided(by divisor: UInt32) -> (BigInteger, UInt32) {
    var quotient = limbs
    var remainder: UInt64 = 0
    for index in limbs.indices.reversed() {
      remainder = remainder << 32 | UInt64(limbs[index])
      quotient[index] = UInt32(remainder / UInt64(divisor))
      remainder %= UInt64(divisor)
    }
    return (BigInteger(limbs: quotient), UInt32(remainder))
  }

  /// The number to a power that is not negative.
  func power(_ exponent: Int) -> BigInteger {
    var (result, base, rest) = (BigInteger(1), self, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result = result * base }
      rest >>= 1
      if rest > 0 { base = base * base }
    }
    return result
  }
}

// MARK: - Digits

extension BigInteger {
  /// The number that digits (values below the radix) spell.
  init(digits: some Sequence<UInt8>, radix: Int, isNegative: Bool = false) {
    var limbs: [UInt32] = []
    for digit in digits {
      var carry = UInt64(digit)
      for index in limbs.indices {
        carry += UInt64(limbs[index]) * UInt64(radix)
        limbs[index] = UInt32(truncatingIfNeeded: carry)
        carry >>= 32
      }
      if carry > 0 { limbs.append(UInt32(carry)) }
    }
    self.init(limbs: limbs, isNegative: isNegative)
  }

  /// The ASCII digits of the magnitude.
  func digits(radix: Int = 10) -> [UInt8] {
    guard !isZero else { return [0x30] }
    // As many digits at once as fit a limb.
    var (chunk, width) = (UInt64(radix), 1)
    while chunk * UInt64(radix) < 1 << 32 {
      chunk *= UInt64(radix)
      width += 1
    }
    var (rest, result) = (magnitude, [UInt8]())
    while !rest.isZero {
      var part: UInt32
      (rest, part) = rest.divided(by: UInt32(chunk))
      for _ in 0..<width where !rest.isZero || part > 0 {
        let digit = UInt8(part % UInt32(radix))
        result.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
        part /= UInt32(radix)
      }
    }
    return result.reversed()
  }
}
