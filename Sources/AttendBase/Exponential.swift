/// The exponential function and its inverse in double precision, made of sums, products and quotients and nothing else:
/// the same bits on every CPU and with every C library. Only `exp` is compiled into its callers: the kernels take
/// `log`, and whatever is compiled into them is for their CPUs only.
package enum Exponential {
  /// e to the x, off by less than 2^-52 of itself, and where it is subnormal by less than its last place; 0 and
  /// infinity beyond what a double holds.
  ///
  /// x = n ln 2 + r with |r| at most ln 2 / 2 (Cody and Waite 1980); e^r by Taylor's series, whose first term left out
  /// is below 2^-57.
  @inlinable package static func exp(_ x: Double) -> Double {
    guard x > -746 else { return x.isNaN ? x : 0 }
    guard x < 710 else { return x.isNaN ? x : .infinity }
    let magic = 0x1.8p52  // Sums with it are whole.
    let n = (x * 0x1.71547652b82fep0 + magic) - magic
    let high = x - n * 0x1.62e42fefa38p-1  // exact: the factor has 42 bits
    let low = n * 0x1.ef35793c7673p-45
    let r = high - low
    var p = 0x1.6124613a86d09p-33
    p = p * r + 0x1.1eed8eff8d898p-29
    p = p * r + 0x1.ae64567f544e4p-26
    p = p * r + 0x1.27e4fb7789f5cp-22
    p = p * r + 0x1.71de3a556c734p-19
    p = p * r + 0x1.a01a01a01a01ap-16
    p = p * r + 0x1.a01a01a01a01ap-13
    p = p * r + 0x1.6c16c16c16c17p-10
    p = p * r + 0x1.1111111111111p-7
    p = p * r + 0x1.5555555555555p-5
    p = p * r + 0x1.5555555555555p-3
    p = p * r + 0.5
    let value = 1 + (high + (p * r * r - low))
    // Halves of n: 2^n itself may be subnormal, or above the largest double.
    let whole = Int(n), half = whole >> 1
    return value * powerOfTwo(half) * powerOfTwo(whole - half)
  }

  /// The hyperbolic tangent, off by less than 2^-50 or, where it is smaller than that, of itself.
  ///
  /// For m = e^(-2 |x|) - 1 it is -m / (2 + m); where m is small and a difference would lose places, m is the sum of
  /// its Taylor series.
  package static func tanh(_ x: Double) -> Double {
    let t = -2 * abs(x)
    var m = 1.0
    if t > -0.7 {
      for term in stride(from: 18.0, through: 2, by: -1) { m = 1 + m * t / term }
      m *= t
    } else {
      m = exp(t) - 1
    }
    let value = -m / (2 + m)
    return x < 0 ? -value : value
  }

  /// The natural logarithm, off by less than 2^-51 of the larger of itself and 1; minus infinity of 0, NaN below.
  ///
  /// For x = 2^n m with m from √½ to √2, n ln 2 + 2 artanh((m - 1) / (m + 1)), by its series.
  package static func log(_ x: Double) -> Double {
    guard x > 0 else { return x == 0 ? -.infinity : .nan }
    guard x < .infinity else { return x }
    let isSubnormal = x < 0x1p-1022
    let raw = (isSubnormal ? x * 0x1p54 : x).bitPattern
    var n = Double(Int(truncatingIfNeeded: raw >> 52) - 1023 - (isSubnormal ? 54 : 0))
    var m = Double(bitPattern: raw & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000)
    if m > 0x1.6a09e667f3bcdp0 {
      m *= 0.5
      n += 1
    }
    let f = (m - 1) / (m + 1)
    let t = f * f
    var series = 1.0 / 23
    series = series * t + 1.0 / 21
    series = series * t + 1.0 / 19
    series = series * t + 1.0 / 17
    series = series * t + 1.0 / 15
    series = series * t + 1.0 / 13
    series = series * t + 1.0 / 11
    series = series * t + 1.0 / 9
    series = series * t + 1.0 / 7
    series = series * t + 1.0 / 5
    series = series * t + 1.0 / 3
    return n * 0x1.62e42fefa39efp-1 + 2 * (f + f * t * series)
  }

  /// `base` multiplied by itself: base^exponent, for an exponent from 0 on, by squaring.
  package static func power(_ base: Double, _ exponent: Int) -> Double {
    precondition(exponent >= 0)
    var (result, square, rest) = (1.0, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result *= square }
      square *= square
      rest >>= 1
    }
    return result
  }

  /// 2^n, n from -1022 to 1023.
  @usableFromInline @inline(__always) static func powerOfTwo(_ n: Int) -> Double {
    Double(bitPattern: UInt64(truncatingIfNeeded: n + 1023) << 52)
  }
}
