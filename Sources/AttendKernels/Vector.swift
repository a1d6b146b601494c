// The vocabulary of the kernels: sixteen lanes, whatever the registers hold. Everything here is inlined into the kernels.
import AttendKernelInterface
import CInstructions

typealias Vector = SIMD16<Float>
typealias Lanes = SIMD16<Int32>

/// Room for the accumulators of a tile. Loops over it have constant bounds, and the targets' flags let the compiler spell them out:
/// so that it lives in registers.
typealias Accumulators = InlineArray<24, Vector>

/// Accumulators of zero.
@_transparent func zeros() -> Accumulators {
  let z = splat(0)
  return [z, z, z, z, z, z, z, z, z, z, z, z, z, z, z, z, z, z, z, z, z, z, z, z]
}

#if ATTEND_AVX512
  /// Rows and vectors of a tile of accumulators: 24 of the 32 registers.
  var tileRows: Int { @_transparent get { 12 } }
  var tileVectors: Int { @_transparent get { 2 } }
#else
  /// Rows and vectors of a tile of accumulators: 12 of the 16 registers, two to a vector.
  var tileRows: Int { @_transparent get { 6 } }
  var tileVectors: Int { @_transparent get { 1 } }
#endif

@_transparent func load(_ p: UnsafePointer<Float>) -> Vector { attend_load(p) }

@_transparent func store(_ v: Vector, _ p: UnsafeMutablePointer<Float>) { attend_store(p, v) }

@_transparent func splat(_ x: Float) -> Vector { Vector(repeating: x) }

/// The first `count` lanes from memory, `fill` in the others, which are not read.
@_transparent func load(_ p: UnsafePointer<Float>, _ count: Int, fill: Float = 0) -> Vector {
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
@_transparent func store(_ v: Vector, _ p: UnsafeMutablePointer<Float>, _ count: Int) {
  if count >= 16 { return store(v, p) }
  var i = 0
  while i < count {
    p[i] = v[i]
    i &+= 1
  }
}

/// a * b + c; rounded once where the CPU can.
@_transparent func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
  #if ATTEND_FMA
    attend_fma(a, b, c)
  #else
    a * b + c
  #endif
}

/// a * b + c for one number, rounded as a lane of a vector is.
@_transparent func multiplyAdd(_ a: Float, _ b: Float, _ c: Float) -> Float {
  #if ATTEND_FMA
    c.addingProduct(a, b)
  #else
    a * b + c
  #endif
}

/// The larger in every lane; the second where either is NaN.
@_transparent func larger(_ a: Vector, _ b: Vector) -> Vector { b.replacing(with: a, where: a .> b) }

/// The sum of the lanes by the fixed tree 8, 4, 2, 1.
@_transparent func sum(_ v: Vector) -> Float { attend_sum(v) }

/// The largest lane, where none is NaN.
@_transparent func largest(_ v: Vector) -> Float { attend_largest(v) }

/// 0, 1, 2, ... 15.
var laneNumbers: Lanes { @_transparent get { Lanes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) } }

/// The size of every lane.
@_transparent func magnitude(_ v: Vector) -> Vector { fromBits(bits(v) & Lanes(repeating: 0x7fff_ffff)) }

/// The bits of every lane.
@_transparent func bits(_ v: Vector) -> Lanes { unsafeBitCast(v, to: Lanes.self) }

@_transparent func fromBits(_ v: Lanes) -> Vector { unsafeBitCast(v, to: Vector.self) }
