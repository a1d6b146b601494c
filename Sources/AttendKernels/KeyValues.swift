// Keys and values on their way to the pages of a cache: keys become columns of a panel, values stay rows.
import AttendKernelInterface
import CInstructions

/// Asks for the lines of memory that columns of `rows` rows lie in, all at once: a key touches one for each of its components.
@_transparent private func prefetchColumns(_ keys: UnsafePointer<Float>, _ rows: Int) {
  var row = 0
  while row < rows {
    attend_prefetch_write(keys + row &* panelWidth)
    row &+= 1
  }
}

/// Rows of `width` floats, from row to row `stride` floats apart, to columns of a panel.
@_transparent private func storeColumns(
  _ rows: UnsafePointer<Float>, _ stride: Int, _ count: Int, _ width: Int, _ columns: UnsafeMutablePointer<Float>
) {
  var row = 0
  while row < count {
    let from = rows + row &* stride, to = columns + row
    let block = count &- row < 16 ? 1 : 16
    var d = 0
    if block == 16 {
      while d &+ 16 <= width {
        attend_transpose(from + d, stride, to + d &* panelWidth, panelWidth)
        d &+= 16
      }
    }
    while d < width {
      var i = 0
      while i < block {
        to[d &* panelWidth &+ i] = from[i &* stride &+ d]
        i &+= 1
      }
      d &+= 1
    }
    row &+= block
  }
}

/// `KernelTable.Attention.store` in float32.
func storeKeyValues(_ a: UnsafePointer<StoreArguments>) {
  let headDim = a.pointee.headDim, keys = a.pointee.keys + a.pointee.lane
  prefetchColumns(keys, headDim)
  var token = 0
  while token < a.pointee.tokens {
    let v = a.pointee.v + token &* a.pointee.vStride, to = a.pointee.values + (a.pointee.lane &+ token) &* headDim
    var d = 0
    while d < headDim {
      store(load(v + d, headDim &- d), to + d, headDim &- d)
      d &+= 16
    }
    token &+= 1
  }
  storeColumns(a.pointee.k, a.pointee.kStride, a.pointee.tokens, headDim, keys)
}

/// Room for sixteen rows of 32 units.
private typealias Units = InlineArray<32, Vector>

/// `KernelTable.Attention.store` in bfloat16.
func storeKeyValuesBFloat16(_ a: UnsafePointer<StoreArguments>) {
  let headDim = a.pointee.headDim, keys = a.pointee.keys + a.pointee.lane
  prefetchColumns(keys, (headDim &+ 1) / 2)
  storeValuePairs(a)
  // Sixteen tokens and 64 components at a time: rounded rows of units first, then their columns.
  var units = Units(repeating: splat(0))
  withUnsafeMutablePointer(to: &units) { units in
    let rows = UnsafeMutableRawPointer(units).assumingMemoryBound(to: Float.self)
    var token = 0
    while token < a.pointee.tokens {
      let count = a.pointee.tokens &- token < 16 ? a.pointee.tokens &- token : 16
      var first = 0
      while first < headDim {
        let width = headDim &- first < 64 ? headDim &- first : 64
        roundKeys(a, token, count, first, width, rows)
        storeColumns(rows, 32, count, (width &+ 1) / 2, keys + (first / 2 &* panelWidth &+ token))
        first &+= 64
      }
      token &+= count
    }
  }
}

/// `width` components from `first` on of the keys of `count` tokens, rounded, two to a unit, `[count][32]`.
@_transparent private func roundKeys(
  _ a: UnsafePointer<StoreArguments>, _ token: Int, _ count: Int, _ first: Int, _ width: Int, _ rows: UnsafeMutablePointer<Float>
) {
  var row = 0
  while row < count {
    let k = a.pointee.k + ((token &+ row) &* a.pointee.kStride &+ first)
    let to = UnsafeMutableRawPointer(rows + row &* 32)
    var d = 0
    while d < width {
      attend_narrow16(to + 2 &* d, bfloat16(load(k + d, width &- d)))
      d &+= 16
    }
    row &+= 1
  }
}

/// Values of two neighbouring positions share units, the first in the low half. Next to one whose neighbour is not there yet stand zeros:
/// its probability will be zero, and zero times what was there before might be NaN.
@_transparent private func storeValuePairs(_ a: UnsafePointer<StoreArguments>) {
  let headDim = a.pointee.headDim, end = a.pointee.lane &+ a.pointee.tokens, upper = Lanes(repeating: -65536),
    sixteen = Lanes(repeating: 16)
  var lane = a.pointee.lane
  while lane < end {
    let v = a.pointee.v + (lane &- a.pointee.lane) &* a.pointee.vStride, to = a.pointee.values + (lane >> 1) &* headDim
    let isSecond = lane & 1 == 1, isPair = !isSecond && lane &+ 1 < end
    var d = 0
    while d < headDim {
      let left = headDim &- d
      let own = bfloat16(load(v + d, left))
      let unit: Lanes
      if isSecond {
        unit = (bits(load(to + d, left)) & ~upper) | (own &<< sixteen)
      } else {
        unit = isPair ? own | (bfloat16(load(v + (a.pointee.vStride &+ d), left)) &<< sixteen) : own
      }
      store(fromBits(unit), to + d, left)
      d &+= 16
    }
    lane &+= isPair ? 2 : 1
  }
}
