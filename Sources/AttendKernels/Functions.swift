// exp, erf, tanh and what is made of them, for sixteen lanes: the same polynomials for every instruction set.
// The coefficients are minimax fits (Remez) made for this project; the bounds in the comments hold against exact values, in units in the
// last place (ulp) of the result, with fused multiply-add.
import AttendBase

/// 2 to a whole power from -126 to 127, as its exponent bits.
@_transparent
func powerOfTwo(_ n: Vector) -> Vector {
  // 1.5 * 2^23 + n has n in its low bits.
  fromBits((bits(n + splat(0x1.8p23)) &+ Lanes(repeating: 127)) &<< Lanes(repeating: 23))
}

/// e to the x for x up to 88.37; 0 below -87.33, where the result would be subnormal. At most 1.2 ulp off.
///
/// x = n ln 2 + r with |r| at most ln 2 / 2 (Cody and Waite 1980), e^r by a polynomial.
@_transparent
func exp(_ x: Vector) -> Vector {
  let magic = splat(0x1.8p23)
  let n = multiplyAdd(x, splat(0x1.715476p0), magic) - magic
  var r = multiplyAdd(n, splat(-0x1.62e4p-1), x)
  r = multiplyAdd(n, splat(-0x1.7f7d1cp-20), r)
  var p = splat(0x1.6a2252p-10)
  p = multiplyAdd(p, r, splat(0x1.123b02p-7))
  p = multiplyAdd(p, r, splat(0x1.5558f8p-5))
  p = multiplyAdd(p, r, splat(0x1.55549p-3))
  p = multiplyAdd(p, r, splat(0x1.fffffcp-2))
  p = multiplyAdd(p * r, r, r) + splat(1)
  return (p * powerOfTwo(n)).replacing(with: splat(0), where: x .< splat(-87.33))
}

/// e to the x for every x: infinity above 88.72, NaN for NaN. At most 1.2 ulp off up to 88.37, 3 ulp beyond.
@_transparent
func expFull(_ x: Vector) -> Vector {
  let top = splat(88.37)
  let low = exp(x.replacing(with: top, where: x .> top))
  // Above 88.37 the power of two would overflow by itself: half of x twice.
  let half = exp((x * splat(0.5)).replacing(with: splat(44.5), where: x .> splat(89)))
  return low.replacing(with: half * half, where: x .> top)
}

/// The error function. At most 2 ulp off up to |x| = 1 and 1.5 ulp beyond; exactly 1 in size from 3.95 on.
@_transparent
func erf(_ x: Vector) -> Vector {
  let size = fromBits(bits(x) & Lanes(repeating: 0x7fff_ffff))
  let t = x * x
  var near = splat(0x1.4ae4c2p-14)
  near = multiplyAdd(near, t, splat(-0x1.a485e6p-11))
  near = multiplyAdd(near, t, splat(0x1.5419f4p-8))
  near = multiplyAdd(near, t, splat(-0x1.b7fbb4p-6))
  near = multiplyAdd(near, t, splat(0x1.ce2d2p-4))
  near = multiplyAdd(near, t, splat(-0x1.81273ep-2))
  near = multiplyAdd(near, t, splat(0x1.06eba8p-3))
  near = multiplyAdd(near, x, x)
  // log(erfc) is smooth where erf itself is flat.
  let capped = size.replacing(with: splat(3.95), where: size .> splat(3.95))
  var far = splat(0x1.86dc64p-13)
  far = multiplyAdd(far, capped, splat(-0x1.825a46p-9))
  far = multiplyAdd(far, capped, splat(0x1.65cb1cp-6))
  far = multiplyAdd(far, capped, splat(-0x1.a65314p-4))
  far = multiplyAdd(far, capped, splat(-0x1.46baf2p-1))
  far = multiplyAdd(far, capped, splat(-0x1.2088e8p0))
  far = multiplyAdd(far, capped, splat(-0x1.66256ep-12))
  far = splat(1) - exp(far)
  far = fromBits(bits(far) | (bits(x) & Lanes(repeating: Int32.min)))
  return near.replacing(with: far, where: size .> splat(1))
}

/// The hyperbolic tangent. At most 2 ulp off.
@_transparent
func tanh(_ x: Vector) -> Vector {
  let size = fromBits(bits(x) & Lanes(repeating: 0x7fff_ffff))
  let t = x * x
  var near = splat(-0x1.830c1ep-8)
  near = multiplyAdd(near, t, splat(0x1.54e02p-6))
  near = multiplyAdd(near, t, splat(-0x1.b89edap-5))
  near = multiplyAdd(near, t, splat(0x1.1109dcp-3))
  near = multiplyAdd(near, t, splat(-0x1.55553ep-2))
  near = multiplyAdd(near * t, x, x)
  let capped = size.replacing(with: splat(10), where: size .> splat(10))
  var far = splat(1) - splat(2) / (exp(capped + capped) + splat(1))
  far = fromBits(bits(far) | (bits(x) & Lanes(repeating: Int32.min)))
  return near.replacing(with: far, where: size .> splat(0.6))
}

/// 1 / (1 + e^-x). At most 3 ulp off where the result is normal.
@_transparent
func sigmoid(_ x: Vector) -> Vector { splat(1) / (splat(1) + expFull(splat(0) - x)) }

/// The smaller of every lane and `most`; NaN stays.
@_transparent
func atMost(_ x: Vector, _ most: Float) -> Vector { x.replacing(with: splat(most), where: x .> splat(most)) }

/// The limit of gpt_oss's gates.
private var gateLimit: Float { @_transparent get { 7 } }

/// What a gate is multiplied by, from the product beside it.
@_transparent
func partner(_ x: Vector, _ activation: Activation) -> Vector {
  guard case .clampedSwiglu = activation else { return x }
  let most = atMost(x, gateLimit)
  return most.replacing(with: splat(-gateLimit), where: most .< splat(-gateLimit)) + splat(1)
}

/// What an activation makes of a number, and of a gate.
@_transparent
func activated(_ x: Vector, _ activation: Activation) -> Vector {
  switch activation {
  case .none: x
  case .relu: x.replacing(with: splat(0), where: x .< splat(0))
  case .gelu: splat(0.5) * x * (splat(1) + erf(x * splat(0x1.6a09e6p-1)))
  case .geluTanh:
    splat(0.5) * x * (splat(1) + tanh(splat(0x1.988454p-1) * multiplyAdd(x * x * x, splat(0.044715), x)))
  case .quickGelu: x * sigmoid(splat(1.702) * x)
  case .silu: x * sigmoid(x)
  case .tanh: tanh(x)
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
      case .expFull: expFull(v)
      case .erf: erf(v)
      case .sigmoid: sigmoid(v)
      }
    store(f, y + i, count &- i)
    i &+= 16
  }
}
