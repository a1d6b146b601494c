// Weights and inputs in fewer bits. Everything rounds to the nearest, ties to even.
import AttendBase
import CInstructions

/// Every lane rounded to a whole number, as an integer; sizes up to 2^21.
@_transparent
private func rounded(_ v: Vector) -> Lanes { bits(v + splat(0x1.8p23)) &- Lanes(repeating: 0x4b40_0000) }

/// The upper 16 bits of every lane rounded to bfloat16, in the low half. A NaN stays one.
@_transparent
private func brain(_ v: Vector) -> Lanes {
  let b = bits(v), one = Lanes(repeating: 1), sixteen = Lanes(repeating: 16), low = Lanes(repeating: 0xffff)
  let nearest = b &+ Lanes(repeating: 0x7fff) &+ ((b &>> sixteen) & one)
  let isNumber = v .== v
  return ((b | Lanes(repeating: 0x40_0000)).replacing(with: nearest, where: isNumber) &>> sixteen) & low
}

/// The sizes of sixteen numbers as integers, which are ordered alike and put NaN on top.
@_transparent
private func size(_ v: Vector) -> Lanes { bits(v) & Lanes(repeating: 0x7fff_ffff) }

@_transparent
private func larger(_ a: Lanes, _ b: Lanes) -> Lanes { b.replacing(with: a, where: a .> b) }

/// One number of sixteen along the inputs of a panel, zeros past the end.
@_transparent
private func inputs(_ a: UnsafePointer<CompressArguments>, _ k: Int, _ lane: Int) -> Vector {
  k < a.pointee.inputs ? load(a.pointee.panel + (k &* panelWidth &+ lane)) : splat(0)
}

@_transparent
private func store(_ v: Lanes, _ p: UnsafeMutablePointer<Float>) { store(fromBits(v), p) }

/// `KernelTable.Conversions.compressBrain`: two inputs to a unit, the first in the low half.
func compressBrain(_ a: UnsafePointer<CompressArguments>) {
  var k = 0
  while k < a.pointee.inputs {
    var lane = 0
    while lane < panelWidth {
      let unit = brain(inputs(a, k, lane)) | (brain(inputs(a, k &+ 1, lane)) &<< Lanes(repeating: 16))
      store(unit, a.pointee.to + (k / 2 &* panelWidth &+ lane))
      lane &+= 16
    }
    k &+= 2
  }
}

/// `KernelTable.Conversions.compressBytes`: four inputs to a unit, the first in the lowest byte, and for each output its scale, the largest
/// size / 127, and 128 times the sum of its bytes, which makes up for inputs that are moved up by 128.
func compressBytes(_ a: UnsafePointer<CompressArguments>) {
  var lane = 0
  while lane < panelWidth {
    var top = Lanes(repeating: 0)
    var k = 0
    while k < a.pointee.inputs {
      top = larger(size(inputs(a, k, lane)), top)
      k &+= 1
    }
    let largest = fromBits(top)
    let factor = (splat(127) / largest).replacing(with: splat(0), where: largest .== splat(0))
    store(largest / splat(127), a.pointee.scales.unsafelyUnwrapped + lane)
    var total = Lanes(repeating: 0)
    k = 0
    while k < a.pointee.inputs {
      var unit = Lanes(repeating: 0)
      var i = 0
      while i < 4 {
        let q = rounded(inputs(a, k &+ i, lane) * factor)
        total &+= q
        unit |= (q & Lanes(repeating: 0xff)) &<< Lanes(repeating: Int32(truncatingIfNeeded: 8 &* i))
        i &+= 1
      }
      store(unit, a.pointee.to + (k / 4 &* panelWidth &+ lane))
      k &+= 4
    }
    let offsets = UnsafeMutableRawPointer(a.pointee.offsets.unsafelyUnwrapped + lane).assumingMemoryBound(to: Float.self)
    store(total &<< Lanes(repeating: 7), offsets)
    lane &+= 16
  }
}

/// Half a byte for an input: 8 more than the nearest multiple of the scale, from 0 to 15.
@_transparent
private func nibble(_ v: Vector, _ factor: Vector) -> Lanes {
  let q = rounded(v * factor) &+ Lanes(repeating: 8)
  let low = q.replacing(with: Lanes(repeating: 0), where: q .< Lanes(repeating: 0))
  return low.replacing(with: Lanes(repeating: 15), where: low .> Lanes(repeating: 15))
}

/// The scales of a group of 32 inputs: among nine that map the number of largest size to about -8, that of least squared error.
@_transparent
private func groupScale(_ a: UnsafePointer<CompressArguments>, _ first: Int, _ lane: Int) -> Vector {
  var top = splat(0)
  var k = 0
  while k < quantizedGroup {
    let v = inputs(a, first &+ k, lane)
    top = top.replacing(with: v, where: size(v) .> size(top))
    k &+= 1
  }
  var best = splat(0), bestError = splat(Float.infinity)
  var candidate = 0
  while candidate < 9 {
    let scale = top / splat(-8.5 + 0.25 * Float(candidate))
    let factor = (splat(1) / scale).replacing(with: splat(0), where: scale .== splat(0))
    var error = splat(0)
    k = 0
    while k < quantizedGroup {
      let v = inputs(a, first &+ k, lane)
      let difference = v - attend_to_float(nibble(v, factor) &- Lanes(repeating: 8)) * scale
      error += difference * difference
      k &+= 1
    }
    let better = error .< bestError
    best = best.replacing(with: scale, where: better)
    bestError = bestError.replacing(with: error, where: better)
    candidate &+= 1
  }
  return best
}

/// `KernelTable.Conversions.compressNibbles`: for each group its 32 scales, then four times 32 units of eight inputs.
func compressNibbles(_ a: UnsafePointer<CompressArguments>) {
  var first = 0
  var to = a.pointee.to
  while first < a.pointee.inputs {
    var lane = 0
    while lane < panelWidth {
      let scale = groupScale(a, first, lane)
      let factor = (splat(1) / scale).replacing(with: splat(0), where: scale .== splat(0))
      store(scale, to + lane)
      var pair = 0
      while pair < 4 {
        var unit = Lanes(repeating: 0)
        var i = 0
        while i < 8 {
          let shift = 8 &* (i & 3) &+ 4 &* (i >> 2)
          unit |= nibble(inputs(a, first &+ pair &* 8 &+ i, lane), factor) &<< Lanes(repeating: Int32(truncatingIfNeeded: shift))
          i &+= 1
        }
        store(unit, to + ((pair &+ 1) &* panelWidth &+ lane))
        pair &+= 1
      }
      lane &+= 16
    }
    to += 5 &* panelWidth
    first &+= quantizedGroup
  }
}

/// `KernelTable.Conversions.prepareBrain`.
func prepareBrain(_ a: UnsafePointer<PrepareArguments>, _ rows: Range<Int>) {
  let columns = a.pointee.columns
  var row = rows.lowerBound
  while row < rows.upperBound {
    let x = a.pointee.x + row &* a.pointee.xStride
    let to = UnsafeMutableRawPointer(a.pointee.to + row &* a.pointee.steps).assumingMemoryBound(to: UInt16.self)
    var k = 0
    while k < 2 &* a.pointee.steps {
      let left = columns &- k
      attend_narrow16(to + k, brain(left > 0 ? load(x + k, left) : splat(0)))
      k &+= 16
    }
    row &+= 1
  }
}

/// `KernelTable.Conversions.prepareBytes`: each row with a scale of its own, the largest size / 127.
func prepareBytes(_ a: UnsafePointer<PrepareArguments>, _ rows: Range<Int>) {
  let columns = a.pointee.columns
  var row = rows.lowerBound
  while row < rows.upperBound {
    let x = a.pointee.x + row &* a.pointee.xStride
    let to = UnsafeMutableRawPointer(a.pointee.to + row &* a.pointee.steps).assumingMemoryBound(to: UInt8.self)
    var top = Lanes(repeating: 0)
    var k = 0
    while k < columns {
      top = larger(size(load(x + k, columns &- k)), top)
      k &+= 16
    }
    let largest = Float(bitPattern: UInt32(bitPattern: attend_largest_integer(top)))
    a.pointee.scales[row] = largest / 127
    let factor = splat(largest == 0 ? 0 : 127 / largest)
    // In 4-bit products the inputs are the signed side, otherwise the unsigned one.
    let shift = Lanes(repeating: a.pointee.sums == nil ? 128 : 0)
    k = 0
    while k < 4 &* a.pointee.steps {
      let left = columns &- k
      let q = rounded((left > 0 ? load(x + k, left) : splat(0)) * factor)
      attend_narrow8(to + k, q &+ shift)
      if let sums = a.pointee.sums {
        let group = sums + (row &* (a.pointee.steps / 8) &+ k / quantizedGroup)
        group.pointee = (k % quantizedGroup == 0 ? 0 : group.pointee) &+ attend_sum_integer(q)
      }
      k &+= 16
    }
    row &+= 1
  }
}
