// The vocabulary of the kernels: sixteen lanes, whatever the registers hold. Everything here is inlined into the kernels.
import AttendBase
import CInstructions

typealias Vector = SIMD16<Float>
typealias Lanes = SIMD16<Int32>

/// Room for the accumulators of a tile. With constant indices it lives in registers.
typealias Accumulators = InlineArray<24, Vector>

#if ATTEND_AVX512
  /// Rows and vectors of a tile of accumulators: 24 of the 32 registers.
  let tileRows = 12
  let tileVectors = 2
#else
  /// Rows and vectors of a tile of accumulators: 12 of the 16 registers, two to a vector.
  let tileRows = 6
  let tileVectors = 1
#endif

@inline(__always)
func load(_ p: UnsafePointer<Float>) -> Vector { UnsafeRawPointer(p).loadUnaligned(as: Vector.self) }

@inline(__always)
func store(_ v: Vector, _ p: UnsafeMutablePointer<Float>) { UnsafeMutableRawPointer(p).storeBytes(of: v, as: Vector.self) }

@inline(__always)
func splat(_ x: Float) -> Vector { Vector(repeating: x) }

/// The first `count` lanes from memory, `fill` in the others, which are not read.
@inline(__always)
func load(_ p: UnsafePointer<Float>, _ count: Int, fill: Float = 0) -> Vector {
  if count >= 16 { return load(p) }
  var v = splat(fill)
  var i = 0
  while i < count {
    v[i] = p[i]
    i &+= 1
  }
  return v
}

/// Writes the first `count` lanes.
@inline(__always)
func store(_ v: Vector, _ p: UnsafeMutablePointer<Float>, _ count: Int) {
  if count >= 16 { return store(v, p) }
  var i = 0
  while i < count {
    p[i] = v[i]
    i &+= 1
  }
}

/// a * b + c; rounded once where the CPU can.
@inline(__always)
func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
  #if ATTEND_FMA
    attend_fma(a, b, c)
  #else
    a * b + c
  #endif
}

/// a * b + c for one number, rounded as a lane of a vector is.
@inline(__always)
func multiplyAdd(_ a: Float, _ b: Float, _ c: Float) -> Float {
  #if ATTEND_FMA
    c.addingProduct(a, b)
  #else
    a * b + c
  #endif
}

/// The larger in every lane; the second where either is NaN.
@inline(__always)
func larger(_ a: Vector, _ b: Vector) -> Vector { b.replacing(with: a, where: a .> b) }

/// The sum of the lanes by the fixed tree 8, 4, 2, 1.
@inline(__always)
func sum(_ v: Vector) -> Float {
  let eight = v.lowHalf + v.highHalf
  let four = eight.lowHalf + eight.highHalf
  let two = four.lowHalf + four.highHalf
  return two[0] + two[1]
}

/// The largest lane.
@inline(__always)
func largest(_ v: Vector) -> Float {
  let eight = v.highHalf.replacing(with: v.lowHalf, where: v.lowHalf .> v.highHalf)
  let four = eight.highHalf.replacing(with: eight.lowHalf, where: eight.lowHalf .> eight.highHalf)
  let two = four.highHalf.replacing(with: four.lowHalf, where: four.lowHalf .> four.highHalf)
  return two[0] > two[1] ? two[0] : two[1]
}

/// 0, 1, 2, ... 15.
@inline(__always)
var laneNumbers: Lanes { Lanes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) }

/// The bits of every lane.
@inline(__always)
func bits(_ v: Vector) -> Lanes { unsafeBitCast(v, to: Lanes.self) }

@inline(__always)
func fromBits(_ v: Lanes) -> Vector { unsafeBitCast(v, to: Vector.self) }

/// `body(0)` to `body(n - 1)` spelled out, for `n` a constant of at most 24: so that what `body` indexes stays in registers.
@inline(__always)
func unrolled(_ n: Int, _ body: (Int) -> Void) {
  if n > 0 { body(0) }
  if n > 1 { body(1) }
  if n > 2 { body(2) }
  if n > 3 { body(3) }
  if n > 4 { body(4) }
  if n > 5 { body(5) }
  if n > 6 { body(6) }
  if n > 7 { body(7) }
  if n > 8 { body(8) }
  if n > 9 { body(9) }
  if n > 10 { body(10) }
  if n > 11 { body(11) }
  if n > 12 { body(12) }
  if n > 13 { body(13) }
  if n > 14 { body(14) }
  if n > 15 { body(15) }
  if n > 16 { body(16) }
  if n > 17 { body(17) }
  if n > 18 { body(18) }
  if n > 19 { body(19) }
  if n > 20 { body(20) }
  if n > 21 { body(21) }
  if n > 22 { body(22) }
  if n > 23 { body(23) }
}
