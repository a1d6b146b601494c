// Keys and values in 8 and in 4 bits: whole numbers with a scale for each position. Everything rounds to the nearest, ties to even, and no
// product is contracted with a sum, so that every instruction set stores the same bits.
import AttendKernelInterface
import CInstructions

/// The number of largest size among `count`, with its sign; the first of equal ones. NaN where one is.
@_transparent private func extreme(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
  var top = splat(0)
  var d = 0
  while d < count {
    let v = load(x + d, count &- d)
    top = top.replacing(with: v, where: size(v) .> size(top))
    d &+= 16
  }
  var most: Float = 0
  var lane = 0
  while lane < 16 {
    if top[lane].magnitude.bitPattern > most.magnitude.bitPattern { most = top[lane] }
    lane &+= 1
  }
  return most
}

/// The sum of the squares of what rounding to multiples of `scale` takes away.
@_transparent private func error(_ x: UnsafePointer<Float>, _ count: Int, _ scale: Float) -> Float {
  let factor = splat(scale == 0 ? 0 : 1 / scale)
  var total = splat(0)
  var d = 0
  while d < count {
    let v = load(x + d, count &- d)
    let difference = v - attend_to_float(nibble(v, factor) &- Lanes(repeating: 8)) * splat(scale)
    total += difference * difference
    d &+= 16
  }
  return sum(total)
}

/// The scale of a row in 4 bits. Of nine that map the number of largest size to a value from -8.5 to -6.5 the one with the least squared
/// error: that number may be rounded worse if the others gain.
@_transparent private func int4Scale(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
  let top = extreme(x, count)
  var best = top / -8, bestError = Float.infinity
  var candidate = 0
  while candidate < 9 {
    let scale = top / (-8.5 + 0.25 * Float(candidate))
    let sum = error(x, count, scale)
    if sum < bestError {
      best = scale
      bestError = sum
    }
    candidate &+= 1
  }
  return best
}

/// The scale of a row, and what its numbers are multiplied by before they are rounded.
@_transparent private func scale(_ arithmetic: Arithmetic, _ x: UnsafePointer<Float>, _ count: Int) -> (scale: Float, factor: Float) {
  if case .int4Widened = arithmetic {
    let scale = int4Scale(x, count)
    return (scale, scale == 0 ? 0 : 1 / scale)
  }
  let largest = largestSize(x, count)
  return (largest / 127, largest == 0 ? 0 : 127 / largest)
}

/// Sixteen numbers of a row from `d` on, rounded; those past its end count as zeros.
@_transparent private func whole(_ arithmetic: Arithmetic, _ x: UnsafePointer<Float>, _ count: Int, _ d: Int, _ factor: Vector) -> Lanes {
  let v = d < count ? load(x + d, count &- d) : splat(0)
  if case .int4Widened = arithmetic { return nibble(v, factor) }
  return rounded(v * factor)
}

/// A position's values, as a row.
@_transparent private func storeRow(
  _ arithmetic: Arithmetic, _ x: UnsafePointer<Float>, _ count: Int, _ block: UnsafeMutablePointer<Float>, _ lane: Int
) {
  let (scale, factor) = scale(arithmetic, x, count)
  block[lane] = scale
  var isInt4 = false
  if case .int4Widened = arithmetic { isInt4 = true }
  var to = UnsafeMutableRawPointer(block + (KeyValuePage.scaleUnits &+ lane &* KeyValuePage.valueRow(count, isInt4: isInt4)))
  var d = 0
  while d < count {
    var v = whole(arithmetic, x, count, d, splat(factor))
    if isInt4 {
      v |= whole(arithmetic, x, count, d &+ 16, splat(factor)) &<< Lanes(repeating: 4)
      d &+= 16
    }
    attend_narrow8(to, v)
    to += 16
    d &+= 16
  }
}

/// A position's keys, as a column.
@_transparent private func storeColumn(
  _ arithmetic: Arithmetic, _ x: UnsafePointer<Float>, _ count: Int, _ block: UnsafeMutablePointer<Float>, _ lane: Int
) {
  let (scale, factor) = scale(arithmetic, x, count)
  block[lane] = scale
  let rows = UnsafeMutableRawPointer(block + KeyValuePage.scaleUnits).assumingMemoryBound(to: UInt8.self)
  var d = 0
  while d < count {
    let v = whole(arithmetic, x, count, d, splat(factor))
    let left = count &- d < 16 ? count &- d : 16
    var i = 0
    while i < left {
      let number = UInt8(truncatingIfNeeded: v[i])
      if case .int4Widened = arithmetic {
        let byte = rows + ((d &+ i) &* 16 &+ (lane & 15)), shift = UInt8(truncatingIfNeeded: lane >> 4 &* 4)
        byte.pointee = byte.pointee & ~(15 &<< shift) | number &<< shift
      } else {
        rows[(d &+ i) &* panelWidth &+ lane] = number
      }
      i &+= 1
    }
    d &+= 16
  }
}

@_transparent private func storeIntegers(_ arithmetic: Arithmetic, _ a: UnsafePointer<StoreArguments>) {
  var token = 0
  while token < a.pointee.tokens {
    let lane = a.pointee.lane &+ token, headDim = a.pointee.headDim
    storeColumn(arithmetic, a.pointee.k + token &* a.pointee.kStride, headDim, a.pointee.keys, lane)
    storeRow(arithmetic, a.pointee.v + token &* a.pointee.vStride, headDim, a.pointee.values, lane)
    token &+= 1
  }
}

/// `KernelTable.Attention.store` in 8 bits.
func storeKeyValuesInt8(_ a: UnsafePointer<StoreArguments>) { storeIntegers(.int8Widened, a) }

/// `KernelTable.Attention.store` in 4 bits.
func storeKeyValuesInt4(_ a: UnsafePointer<StoreArguments>) { storeIntegers(.int4Widened, a) }

/// Rows of 32 whole numbers of keys as float32, `[rows][32]`.
@_transparent func widenKeys(_ arithmetic: Arithmetic, _ block: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, rows: Int) {
  var from = UnsafeRawPointer(block + KeyValuePage.scaleUnits), to = to
  var row = 0
  while row < rows {
    if case .int4Widened = arithmetic {
      widenHalves(from, low: to, high: to + 16)
      from += 16
    } else {
      store(attend_to_float(attend_widen8(from)), to)
      store(attend_to_float(attend_widen8(from + 16)), to + 16)
      from += 32
    }
    to += panelWidth
    row &+= 1
  }
}

/// A position's values as float32, `width` numbers, a multiple of sixteen.
@_transparent func widenValues(
  _ arithmetic: Arithmetic, _ block: UnsafePointer<Float>, lane: Int, headDim: Int, width: Int, _ to: UnsafeMutablePointer<Float>
) {
  var isInt4 = false
  if case .int4Widened = arithmetic { isInt4 = true }
  var from = UnsafeRawPointer(block + (KeyValuePage.scaleUnits &+ lane &* KeyValuePage.valueRow(headDim, isInt4: isInt4)))
  var d = 0
  while d < width {
    if isInt4 {
      // Where there are no second sixteen, the first are written over them.
      widenHalves(from, low: to + d, high: to + (d &+ 16 < width ? d &+ 16 : d))
      d &+= 32
    } else {
      store(attend_to_float(attend_widen8(from)), to + d)
      d &+= 16
    }
    from += 16
  }
}

/// The numbers that halves of bytes stand for.
@_transparent private func number(_ half: Lanes) -> Vector { attend_to_float(half &- Lanes(repeating: 8)) }

/// The high and then the low halves of sixteen bytes.
@_transparent private func widenHalves(
  _ from: UnsafeRawPointer, low: UnsafeMutablePointer<Float>, high: UnsafeMutablePointer<Float>
) {
  let both = attend_widen_unsigned8(from)
  store(number(both &>> Lanes(repeating: 4)), high)
  store(number(both & Lanes(repeating: 15)), low)
}
