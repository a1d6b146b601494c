// Rotations that spread what is large in a few components over many, before these are rounded to few bits: x W = (H x) (H W) / n for the
// Hadamard matrix H of n rows (Ashkboos et al. 2024, arXiv:2404.00456). The transforms are the fast ones of sums and differences.
import AttendKernelInterface
import CInstructions

/// The stages within a vector: all four, or fewer for blocks of fewer than 16 numbers.
@_transparent private func withinLanes(_ v: Vector, _ block: Int) -> Vector {
  var v = v
  if block >= 2 { v = attend_butterfly1(v) }
  if block >= 4 { v = attend_butterfly2(v) }
  if block >= 8 { v = attend_butterfly4(v) }
  if block >= 16 { v = attend_butterfly8(v) }
  return v
}

/// Sums and differences of two rows of vectors.
@_transparent private func butterfly(_ a: inout Vector, _ b: inout Vector) { (a, b) = (a + b, a - b) }

/// A block of 128 numbers, in registers.
@_transparent private func transform128(_ x: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>) {
  var v0 = withinLanes(load(x), 16), v1 = withinLanes(load(x + 16), 16), v2 = withinLanes(load(x + 32), 16),
    v3 = withinLanes(load(x + 48), 16)
  var v4 = withinLanes(load(x + 64), 16), v5 = withinLanes(load(x + 80), 16), v6 = withinLanes(load(x + 96), 16),
    v7 = withinLanes(load(x + 112), 16)
  butterfly(&v0, &v1)
  butterfly(&v2, &v3)
  butterfly(&v4, &v5)
  butterfly(&v6, &v7)
  butterfly(&v0, &v2)
  butterfly(&v1, &v3)
  butterfly(&v4, &v6)
  butterfly(&v5, &v7)
  butterfly(&v0, &v4)
  butterfly(&v1, &v5)
  butterfly(&v2, &v6)
  butterfly(&v3, &v7)
  store(v0, to)
  store(v1, to + 16)
  store(v2, to + 32)
  store(v3, to + 48)
  store(v4, to + 64)
  store(v5, to + 80)
  store(v6, to + 96)
  store(v7, to + 112)
}

/// `KernelTable.Conversions.rotate`: every `block` numbers of `count` to the sums and differences that H makes of them. A block is a power
/// of two up to 128 that divides `count`. `to` may be `x`.
func hadamard(_ x: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, _ count: Int, _ block: Int) {
  var k = 0
  if block == 128 {
    while k < count {
      transform128(x + k, to + k)
      k &+= 128
    }
    return
  }
  while k < count {
    store(withinLanes(load(x + k, count &- k), block), to + k, count &- k)
    k &+= 16
  }
  var distance = 16
  while distance < block {
    k = 0
    while k < count {
      var a = load(to + k), b = load(to + (k &+ distance))
      butterfly(&a, &b)
      store(a, to + k)
      store(b, to + (k &+ distance))
      k &+= 16
      if k & distance != 0 { k &+= distance }
    }
    distance &*= 2
  }
}

/// `KernelTable.Conversions.rotatePanel`: the same along the inputs of a float32 panel, `[inputs][32]`, divided by `block`.
func hadamardPanel(_ panel: UnsafeMutablePointer<Float>, _ inputs: Int, _ block: Int) {
  var distance = 1
  while distance < block {
    var k = 0
    while k < inputs {
      var lane = 0
      while lane < panelWidth {
        let first = panel + (k &* panelWidth &+ lane), second = first + distance &* panelWidth
        var a = load(first), b = load(second)
        butterfly(&a, &b)
        store(a * splat(0.5), first)
        store(b * splat(0.5), second)
        lane &+= 16
      }
      k &+= 1
      if k & distance != 0 { k &+= distance }
    }
    distance &*= 2
  }
}
