// exp, erf, tanh and what is made of them, for sixteen lanes: the same polynomials for every instruction set.
// The coefficients are minimax fits (Remez) made for this project; the bounds in the comments hold against exact values, in units in the
// last place (ulp) of the result, with fused multiply-add.
import AttendKernelInterface

/// e to the x for x up to 88.37; 0 below -126 ln 2, where the result would be subnormal. At most 1.2 ulp off.
///
/// x = n ln 2 + r with |r| at most ln 2 / 2 (Cody and Waite 1980), e^r by a polynomial.
@_transparent func exp(_ x: Vector) -> Vector {
  // 1.5 * 2^23 + 127 + n has in its low bits what the exponent of 2^n is.
  let magic = splat(0x1.8p23 + 127)
  let shifted = multiplyAdd(x, splat(0x1.715476p0), magic), n = shifted - magic
  var r = multiplyAdd(n, splat(-0x1.62e4p-1), x)
  r = multiplyAdd(n, splat(-0x1.7f7d1cp-20), r)
  var p = splat(0x1.6a2252p-10)
  p = multiplyAdd(p, r, splat(0x1.123b02p-7))
  p = multiplyAdd(p, r, splat(0x1.5558f8p-5))
  p = multiplyAdd(p, r, splat(0x1.55549p-3))
  p = multiplyAdd(p, r, splat(0x1.fffffcp-2))
  p = multiplyAdd(multiplyAdd(p, r, splat(1)), r, splat(1))
  return (p * fromBits(bits(shifted) &<< Lanes(repeating: 23))).replacing(with: splat(0), where: x .< splat(-0x1.5d589ep6))
}

/// The smaller of every lane and `most`; NaN stays.
@_transparent func atMost(_ x: Vector, _ most: Float) -> Vector { x.replacing(with: splat(most), where: x .> splat(most)) }

/// The larger of every lane and `least`; NaN stays.
@_transparent func atLeast(_ x: Vector, _ least: Float) -> Vector { x.replacing(with: splat(least), where: x .< splat(least)) }

/// `value`, which is not negative, with the sign of `x`.
@_transparent private func signed(_ value: Vector, as x: Vector) -> Vector {
  fromBits(bits(value) | (bits(x) & Lanes(repeating: Int32.min)))
}

/// The error function. At most 6 ulp off; exactly 1 in size from 3.95 on.
///
/// x p(x²) / q(x²), a quotient that grows past 1 where erf rounds to it, and is cut there.
@_transparent func erf(_ x: Vector) -> Vector {
  let size = atMost(magnitude(x), 4)
  let t = size * size
  var p = splat(0x1.19d4eep-19)
  p = multiplyAdd(p, t, splat(0x1.2b67f4p-12))
  p = multiplyAdd(p, t, splat(0x1.e33192p-9))
  p = multiplyAdd(p, t, splat(0x1.ae365cp-5))
  p = multiplyAdd(p, t, splat(0x1.81865p-3))
  p = multiplyAdd(p, t, splat(0x1.20dd74p0))
  var q = splat(0x1.441dd0p-15)
  q = multiplyAdd(q, t, splat(0x1.2ce252p-10))
  q = multiplyAdd(q, t, splat(0x1.e54ba4p-7))
  q = multiplyAdd(q, t, splat(0x1.cfedbp-4))
  q = multiplyAdd(q, t, splat(0x1.0014fep-1))
  q = multiplyAdd(q, t, splat(1))
  return signed(atMost(size * p / q, 1), as: x)
}

/// The hyperbolic tangent. At most 6 ulp off; exactly 1 in size from 9.2 on.
@_transparent func tanh(_ x: Vector) -> Vector {
  let (numerator, denominator) = tanhQuotient(x)
  return numerator / denominator
}

/// The quotient that is the hyperbolic tangent, of numbers below 500 in size. As in `erf` it would grow past 1, and is cut there.
@_transparent func tanhQuotient(_ x: Vector) -> (numerator: Vector, denominator: Vector) {
  let size = atMost(magnitude(x), 9.5)
  let t = size * size
  var p = splat(0x1.4126c2p-36)
  p = multiplyAdd(p, t, splat(-0x1.b7223cp-27))
  p = multiplyAdd(p, t, splat(0x1.36f69cp-17))
  p = multiplyAdd(p, t, splat(0x1.7ed486p-9))
  p = multiplyAdd(p, t, splat(0x1.0895f8p-3))
  p = multiplyAdd(p, t, splat(0x1.fffffep-1))
  var q = splat(0x1.de5c6cp-13)
  q = multiplyAdd(q, t, splat(0x1.8555f6p-6))
  q = multiplyAdd(q, t, splat(0x1.d9a03p-2))
  q = multiplyAdd(q, t, splat(1))
  let n = size * p
  return (signed(n.replacing(with: q, where: n .> q), as: x), q)
}

/// 1 / (1 + e^-x), as e^x / (1 + e^x). At most 3 ulp off; 0 where the result would be subnormal.
@_transparent func sigmoid(_ x: Vector) -> Vector {
  let e = exp(atMost(x, 88.37))
  return e / (e + splat(1))
}

/// log(1 + e^x), as max(x, 0) + log(1 + t) with t = e^-|x|: log(1 + t) = 2 artanh(s) with s = t / (t + 2), at most a third, by its series.
/// At most 4 ulp off, where it is not subnormal.
@_transparent func softplus(_ x: Vector) -> Vector {
  let t = exp(splat(0) - magnitude(x))
  let s = t / (t + splat(2))
  let square = s * s
  var p = splat(1.0 / 13)
  p = multiplyAdd(p, square, splat(1.0 / 11))
  p = multiplyAdd(p, square, splat(1.0 / 9))
  p = multiplyAdd(p, square, splat(1.0 / 7))
  p = multiplyAdd(p, square, splat(1.0 / 5))
  p = multiplyAdd(p, square, splat(1.0 / 3))
  p = multiplyAdd(p * square, s, s)
  return atLeast(x, 0) + (p + p)
}

/// x tanh(log(1 + e^x)), whose second factor is e (e + 2) / (e (e + 2) + 2) with e = e^x, and 1 from 30 on.
@_transparent private func mish(_ x: Vector) -> Vector {
  let e = exp(atMost(x, 30))
  let n = e * (e + splat(2))
  return x * (n / (n + splat(2)))
}

/// x Φ(x)
@_transparent private func gelu(_ x: Vector) -> Vector {
  let half = splat(0.5) * x
  return multiplyAdd(half, erf(x * splat(0x1.6a09e6p-1)), half)
}

/// The limit of gpt_oss's gates.
private var gateLimit: Float { @_transparent get { 7 } }

/// The factor of a gate, from the product beside it.
@_transparent func gatedOperand(_ x: Vector, _ activation: Activation) -> Vector {
  guard case .clampedSwiglu = activation else { return x }
  return atLeast(atMost(x, gateLimit), -gateLimit) + splat(1)
}

/// An activation of a number, or of a gate.
@_transparent func activated(_ x: Vector, _ activation: Activation) -> Vector {
  switch activation {
  case .none: x
  case .relu: atLeast(x, 0)
  case .gelu: gelu(x)
  case .geluTanh: splat(0.5) * x * (splat(1) + tanh(splat(0x1.988454p-1) * multiplyAdd(x * x * x, splat(0.044715), x)))
  case .quickGelu: x * sigmoid(splat(1.702) * x)
  case .silu: x * sigmoid(x)
  case .tanh: tanh(x)
  case .sigmoid: sigmoid(x)
  case .reluSquared: atLeast(x, 0) * atLeast(x, 0)
  case .relu6: atMost(atLeast(x, 0), 6)
  case .leakyRelu: x.replacing(with: splat(0.01) * x, where: x .< splat(0))
  case .geluClipped: atMost(atLeast(gelu(x), -10), 10)
  case .laplace: splat(0.5) * (splat(1) + erf((x - splat(0.707107)) * splat(1 / (0.282095 * 0x1.6a09e667f3bcdp0))))
  case .mish: mish(x)
  case .hardSwish: x * (atMost(atLeast(x + splat(3), 0), 6) * splat(1.0 / 6))
  case .softplus: softplus(x)
  case .softplusRoot: softplus(x).squareRoot()
  case .clampedSwiglu: atMost(x, gateLimit) * sigmoid(splat(1.702) * atMost(x, gateLimit))
  }
}

/// `KernelTable.evaluate`.
func evaluate(_ function: KernelTable.Function, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  var i = 0
  while i < count {
    let v = load(x + i, count &- i)
    let f =
      switch function {
      case .exp: exp(v)
      case .erf: erf(v)
      case .sigmoid: sigmoid(v)
      }
    store(f, y + i, count &- i)
    i &+= 16
  }
}
