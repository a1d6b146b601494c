/// Sine and cosine in double precision, made of sums, products and nothing else: the same bits on every CPU and with
/// every C library.
package enum Trigonometry {
  /// The sizes that `sineAndCosine` takes: 2^26, more positions than any model has.
  package static let limit = 0x1p26

  /// Both of an angle in radians, each off by less than 2^-53, and by less than 2^-52 of itself. NaN beyond `limit`.
  ///
  /// The angle is reduced to at most π/4 (Cody and Waite 1980): π/2 is split into parts of 27 bits, whose products with
  /// a number of quarter turns are exact. What the differences lose is kept beside them. Taylor's series do the rest;
  /// the first term left out is below 2^-60.
  package static func sineAndCosine(_ x: Double) -> (sine: Double, cosine: Double) {
    guard abs(x) <= limit else { return (.nan, .nan) }
    let magic = 0x1.8p52  // Sums with it are whole.
    let turns = (x * 0x1.45f306dc9c883p-1 + magic) - magic
    let (first, firstLost) = difference(x - turns * 0x1.921fb54p0, turns * 0x1.10b461p-30)
    let (second, secondLost) = difference(first, turns * 0x1.a62633p-58)
    let lost = firstLost + secondLost - turns * 0x1.45c06e0e68948p-86
    let r = second + lost
    let rest = lost - (r - second)
    let (sine, cosine) = nearZero(r, rest)
    switch Int(turns) & 3 {
    case 0: return (sine, cosine)
    case 1: return (cosine, -sine)
    case 2: return (-sine, -cosine)
    default: return (-cosine, sine)
    }
  }

  /// a - b, and what its rounding lost (Knuth 1969).
  private static func difference(_ a: Double, _ b: Double) -> (Double, lost: Double) {
    let d = a - b
    let seen = a - d
    return (d, (a - (d + seen)) + (seen - b))
  }

  /// Sine and cosine of r + rest, r at most π/4 in size and `rest` below its last place.
  private static func nearZero(_ r: Double, _ rest: Double) -> (sine: Double, cosine: Double) {
    let t = r * r
    var s = 0x1.952c77030ad4ap-49
    s = s * t - 0x1.ae7f3e733b81fp-41
    s = s * t + 0x1.6124613a86d09p-33
    s = s * t - 0x1.ae64567f544e4p-26
    s = s * t + 0x1.71de3a556c734p-19
    s = s * t - 0x1.a01a01a01a01ap-13
    s = s * t + 0x1.1111111111111p-7
    s = s * t - 0x1.5555555555555p-3
    var c = 0x1.ae7f3e733b81fp-45
    c = c * t - 0x1.93974a8c07c9dp-37
    c = c * t + 0x1.1eed8eff8d898p-29
    c = c * t - 0x1.27e4fb7789f5cp-22
    c = c * t + 0x1.a01a01a01a01ap-16
    c = c * t - 0x1.6c16c16c16c17p-10
    c = c * t + 0x1.5555555555555p-5
    let half = 0.5 * t
    let top = 1 - half
    // 1 - half is rounded; what it lost is added to the small terms.
    let cosine = top + (((1 - top) - half) + (c * t * t - r * rest))
    return (r + (s * t * r + rest * top), cosine)
  }
}
