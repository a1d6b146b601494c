import AttendBase

extension SIMD4<Double> {
  /// The natural logarithm of every lane, off by less than 2^-38: of normal positive numbers, which is what lies above
  /// a floor. Sums, products and quotients alone, as in `Exponential.log`.
  var logarithms: SIMD4<Double> {
    let bits = unsafeBitCast(self, to: SIMD4<UInt64>.self)
    let one: UInt64 = 0x3ff0_0000_0000_0000, rootOfHalf: UInt64 = 0x3fe6_a09e_667f_3bcd
    // Exponents are counted from √½, so that mantissas lie from there to √2.
    let shifted = bits &+ (one &- rootOfHalf)
    let mantissas = (shifted & 0x000f_ffff_ffff_ffff) &+ rootOfHalf
    // An exponent below 2^11 as a double: put behind 2^52, which is then taken away.
    let behind = (shifted &>> 52) | 0x4330_0000_0000_0000
    let exponents = unsafeBitCast(behind, to: SIMD4<Double>.self) - (0x1p52 + 1023)
    let m = unsafeBitCast(mantissas, to: SIMD4<Double>.self)
    let f = (m - 1) / (m + 1)
    let t = f * f
    var series = SIMD4<Double>(repeating: 1.0 / 13)
    series = series * t + 1.0 / 11
    series = series * t + 1.0 / 9
    series = series * t + 1.0 / 7
    series = series * t + 1.0 / 5
    series = series * t + 1.0 / 3
    return exponents * 0x1.62e42fefa39efp-1 + (f + f * t * series) * 2
  }
}
