// This target holds the linker flags of libattend.so, which do not reach the tests from here, and functions for
// the linker.

/// C's `hypotf`, which the statically linked Swift runtime names and nobody calls. glibc has had a new version of it
/// since 2.35, and with that one name the library could not be loaded by an older one. Squares of float32 neither
/// overflow nor vanish in float64.
@_cdecl("hypotf") func hypotf(_ x: Float, _ y: Float) -> Float {
  if x.isInfinite || y.isInfinite { return .infinity }
  return Float((Double(x) * Double(x) + Double(y) * Double(y)).squareRoot())
}

/// `Unicode.Scalar.Properties.name` of Swift's own library, to which every character is nameless here: nobody asks, and
/// the names would be half a megabyte (`--wrap` in Package.swift).
@_cdecl("__wrap__swift_stdlib_getScalarName")
func nameOfScalar(_ scalar: UInt32, _ buffer: UnsafeMutablePointer<UInt8>?, _ capacity: Int) -> Int { 0 }
