// Weights and inputs in fewer bits. Everything rounds to the nearest, ties to even.
import AttendKernelInterface
import CInstructions

/// Every lane rounded to a whole number, as an integer; sizes up to 2^21.
@_transparent func rounded(_ v: Vector) -> Lanes { bits(v + splat(0x1.8p23)) &- Lanes(repeating: 0x4b40_0000) }

/// The upper 16 bits of every lane rounded to bfloat16, in the low half. A NaN stays one.
@_transparent func bfloat16(_ v: Vector) -> Lanes {
  let b = bits(v), one = Lanes(repeating: 1), sixteen = Lanes(repeating: 16), low = Lanes(repeating: 0xffff)
  let nearest = b &+ Lanes(repeating: 0x7fff) &+ ((b &>> sixteen) & one)
  let isNumber = v .== v
  return ((b | Lanes(repeating: 0x40_0000)).replacing(with: nearest, where: isNumber) &>> sixteen) & low
}

/// The sizes of sixteen numbers as integers, which are ordered alike and put NaN on top.
@_transparent func size(_ v: Vector) -> Lanes { bits(magnitude(v)) }

@_transparent func larger(_ a: Lanes, _ b: Lanes) -> Lanes { b.replacing(with: a, where: a .> b) }

/// One number of sixteen along the inputs of a panel, zeros past the end.
@_transparent private func inputs(_ a: UnsafePointer<CompressArguments>, _ k: Int, _ lane: Int) -> Vector {
  k < a.pointee.inputs ? load(a.pointee.panel + (k &* panelWidth &+ lane)) : splat(0)
}

@_transparent private func store(_ v: Lanes, _ p: UnsafeMutablePointer<Float>) { store(fromBits(v), p) }

/// `KernelTable.Conversions.compressBFloat16`: two inputs to a unit, the first in the low half.
func compressBFloat16(_ a: UnsafePointer<CompressArguments>) {
  var k = 0
  while k < a.pointee.inputs {
    var lane = 0
    while lane < panelWidth {
      let unit = bfloat16(inputs(a, k, lane)) | (bfloat16(inputs(a, k &+ 1, lane)) &<< Lanes(repeating: 16))
      store(unit, a.pointee.to + (k / 2 &* panelWidth &+ lane))
      lane &+= 16
    }
    k &+= 2
  }
}

/// The largest size of sixteen outputs that bytes must hold: of their numbers and, where they are `paired`, of the sums of two neighbours,
/// which may come to 127.9 times the scale. Two bytes of equal sign are 128 together at most then, and with inputs up to 255 their products
/// fit 16 bits; those of unequal sign always do.
@_transparent private func byteRange(_ a: UnsafePointer<CompressArguments>, _ lane: Int) -> Vector {
  let pairs = splat(a.pointee.paired ? 127 / 127.9 : 0)
  var top = Lanes(repeating: 0)
  var k = 0
  while k < a.pointee.inputs {
    let first = inputs(a, k, lane), second = inputs(a, k &+ 1, lane)
    top = larger(larger(size(first), size(second)), top)
    top = larger(size(first * pairs + second * pairs), top)
    k &+= 2
  }
  return fromBits(top)
}

/// `KernelTable.Conversions.compressInt8`: four inputs to a unit, the first in the lowest byte, and for each output its scale and 128 times
/// the sum of its bytes, which makes up for inputs that are moved up by 128. A weight that is infinite makes its output NaN.
func compressInt8(_ a: UnsafePointer<CompressArguments>) {
  var lane = 0
  while lane < panelWidth {
    let largest = byteRange(a, lane)
    let factor = (splat(127) / largest).replacing(with: splat(0), where: largest .== splat(0))
    store(largest / splat(127) + (largest - largest), a.pointee.scales.unsafelyUnwrapped + lane)
    var total = Lanes(repeating: 0)
    var k = 0
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
@_transparent func nibble(_ v: Vector, _ factor: Vector) -> Lanes {
  let q = rounded(v * factor) &+ Lanes(repeating: 8)
  let low = q.replacing(with: Lanes(repeating: 0), where: q .< Lanes(repeating: 0))
  return low.replacing(with: Lanes(repeating: 15), where: low .> Lanes(repeating: 15))
}

/// The scales of a group of 32 inputs for sixteen outputs, exact in bfloat16. Of nine scales that map the number of largest size to a
/// value from -8.5 to -6.5 the one with the least squared error: the largest number may be rounded worse if the others gain. Where no
/// error can be told, of numbers beyond 2^60, it is the one that maps it to -8; a number that is none makes the scale none.
@_transparent private func groupScale(_ a: UnsafePointer<CompressArguments>, _ first: Int, _ lane: Int) -> Vector {
  var top = splat(0)
  var k = 0
  while k < quantizedGroup {
    let v = inputs(a, first &+ k, lane)
    top = top.replacing(with: v, where: size(v) .> size(top))
    k &+= 1
  }
  var best = fromBits(bfloat16(top / splat(-8)) &<< Lanes(repeating: 16)), bestError = splat(Float.infinity)
  var candidate = 0
  while candidate < 9 {
    let scale = fromBits(bfloat16(top / splat(-8.5 + 0.25 * Float(candidate))) &<< Lanes(repeating: 16))
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

/// `KernelTable.Conversions.compressInt4`: for each group its 32 scales in 16 units, then four times 32 units of eight inputs.
func compressInt4(_ a: UnsafePointer<CompressArguments>) {
  var first = 0
  var to = a.pointee.to
  while first < a.pointee.inputs {
    let low = groupScale(a, first, 0), high = groupScale(a, first, 16)
    store((bits(low) &>> Lanes(repeating: 16)) & Lanes(repeating: 0xffff) | bits(high), to)
    to += panelWidth / 2
    var lane = 0
    while lane < panelWidth {
      let scale = lane == 0 ? low : high
      let factor = (splat(1) / scale).replacing(with: splat(0), where: scale .== splat(0))
      var pair = 0
      while pair < 4 {
        var unit = Lanes(repeating: 0)
        var i = 0
        while i < 8 {
          let shift = 8 &* (i & 3) &+ 4 &* (i >> 2)
          unit |= nibble(inputs(a, first &+ pair &* 8 &+ i, lane), factor) &<< Lanes(repeating: Int32(truncatingIfNeeded: shift))
          i &+= 1
        }
        store(unit, to + (pair &* panelWidth &+ lane))
        pair &+= 1
      }
      lane &+= 16
    }
    to += 4 &* panelWidth
    first &+= quantizedGroup
  }
}

/// `KernelTable.Conversions.prepareBFloat16`, widened where its product widens weights.
func prepareBFloat16(_ a: UnsafePointer<PrepareArguments>, _ rows: Range<Int>, _ scratch: UnsafeMutablePointer<Float>?) {
  let columns = a.pointee.columns
  var row = rows.lowerBound
  while row < rows.upperBound {
    let x = a.pointee.x + row &* a.pointee.xStride
    let to = a.pointee.to + row &* a.pointee.steps
    let count = a.pointee.widened ? a.pointee.steps : 2 &* a.pointee.steps
    var k = 0
    while k < count {
      let left = columns &- k
      let v = left > 0 ? load(x + k, left) : splat(0)
      if a.pointee.widened {
        storeOperand(.bfloat16Widened, v, to, k)
      } else {
        attend_narrow16(UnsafeMutableRawPointer(to).assumingMemoryBound(to: UInt16.self) + k, bfloat16(v))
      }
      k &+= 16
    }
    row &+= 1
  }
}

/// The largest size of a row's numbers; NaN where one is.
@_transparent func largestSize(_ x: UnsafePointer<Float>, _ columns: Int) -> Float {
  var top = Lanes(repeating: 0)
  var k = 0
  while k &+ 16 <= columns {
    top = larger(size(load(x + k)), top)
    k &+= 16
  }
  if k < columns { top = larger(size(load(x + k, columns &- k)), top) }
  return Float(bitPattern: UInt32(bitPattern: attend_largest_integer(top)))
}

/// Sixteen numbers times `factor`, rounded, in the lowest bytes; `magic` is 1.5 * 2^23, whose lowest bits are 0, or 128 more. Zeros past
/// the end.
@_transparent private func rounded(_ x: UnsafePointer<Float>, _ left: Int, _ factor: Vector, _ magic: Vector) -> Lanes {
  bits((left >= 16 ? load(x) : left > 0 ? load(x, left) : splat(0)) * factor + magic)
}

/// Bytes of a row from number `k` on, moved up by 128 by `magic`, or the same in 16 bits, the second and third of four exchanged.
@_transparent private func storeBytes(_ v: Lanes, _ row: UnsafeMutableRawPointer, _ k: Int, widened: Bool) {
  if widened {
    let crossed = Lanes(v[0], v[2], v[1], v[3], v[4], v[6], v[5], v[7], v[8], v[10], v[9], v[11], v[12], v[14], v[13], v[15])
    attend_narrow16(row + 2 &* k, crossed)
  } else {
    attend_narrow8(row + k, v)
  }
}

/// `KernelTable.Conversions.prepareInt8`: each row, rotated, with a scale of its own, the largest size / 127. In 4-bit products the inputs
/// are the signed side, otherwise the unsigned one.
func prepareInt8(_ a: UnsafePointer<PrepareArguments>, _ rows: Range<Int>, _ scratch: UnsafeMutablePointer<Float>?) {
  let columns = a.pointee.columns, widened = a.pointee.widened
  let bytes = (widened ? 2 : 4) &* a.pointee.steps
  var row = rows.lowerBound
  while row < rows.upperBound {
    var x = a.pointee.x + row &* a.pointee.xStride
    if let scratch {
      hadamard(x, scratch, columns, a.pointee.block)
      x = UnsafePointer(scratch)
    }
    let to = UnsafeMutableRawPointer(a.pointee.to + row &* a.pointee.steps)
    let largest = largestSize(x, columns)
    a.pointee.scales[row] = largest / 127
    let factor = splat(largest == 0 ? 0 : 127 / largest)
    var k = 0
    if let sums = a.pointee.sums {
      let magic = splat(0x1.8p23)
      let groups = (columns &+ quantizedGroup &- 1) / quantizedGroup
      var group = sums + row &* groups
      while k < columns {
        let first = rounded(x + k, columns &- k, factor, magic), second = rounded(x + (k &+ 16), columns &- k &- 16, factor, magic)
        attend_narrow8(to + k, first)
        attend_narrow8(to + (k &+ 16), second)
        group.pointee = -8 &* attend_sum_integer((first &+ second) &- (bits(magic) &+ bits(magic)))
        group += 1
        k &+= quantizedGroup
      }
    } else {
      let magic = splat(0x1.8p23 + 128)
      while k &+ 16 <= columns {
        storeBytes(rounded(x + k, 16, factor, magic), to, k, widened: widened)
        k &+= 16
      }
      while k < bytes {
        storeBytes(rounded(x + k, columns &- k, factor, magic), to, k, widened: widened)
        k &+= 16
      }
    }
    row &+= 1
  }
}
