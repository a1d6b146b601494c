// Rotary positions (Su et al. 2021, arXiv:2104.09864, equation 34): pairs of a head's components turn by the angles of their row. Products
// and sums are rounded one by one, so that every instruction set gives the same bits.
import AttendKernelInterface
import CInstructions

/// Pairs from `first` on, one by one; `step` from pair to pair, `partner` from a component to its other one.
@_transparent private func rotateRest(
  _ x: UnsafeMutablePointer<Float>, _ cosines: UnsafePointer<Float>, _ sines: UnsafePointer<Float>, _ first: Int, _ pairs: Int, step: Int,
  partner: Int
) {
  var i = first
  while i < pairs {
    let a = x[i &* step], b = x[i &* step &+ partner]
    x[i &* step] = a * cosines[i] - b * sines[i]
    x[i &* step &+ partner] = b * cosines[i] + a * sines[i]
    i &+= 1
  }
}

/// Pairs of components i and i + pairs.
@_transparent private func rotateHalves(
  _ x: UnsafeMutablePointer<Float>, _ cosines: UnsafePointer<Float>, _ sines: UnsafePointer<Float>, _ pairs: Int
) {
  var i = 0
  while i &+ 16 <= pairs {
    let a = load(x + i), b = load(x + (i &+ pairs)), c = load(cosines + i), s = load(sines + i)
    store(a * c - b * s, x + i)
    store(b * c + a * s, x + (i &+ pairs))
    i &+= 16
  }
  rotateRest(x, cosines, sines, i, pairs, step: 1, partner: pairs)
}

/// Pairs of components 2 i and 2 i + 1.
@_transparent private func rotateNeighbours(
  _ x: UnsafeMutablePointer<Float>, _ cosines: UnsafePointer<Float>, _ sines: UnsafePointer<Float>, _ pairs: Int
) {
  // The sine's sign is turned where a component is the first of its pair.
  let signs = (laneNumbers &+ Lanes(repeating: 1)) &<< Lanes(repeating: 31)
  var i = 0
  while i &+ 8 <= pairs {
    let v = load(x + 2 &* i)
    let s = fromBits(bits(attend_load_twice(sines + i)) ^ signs)
    store(v * attend_load_twice(cosines + i) + attend_exchange_pairs(v) * s, x + 2 &* i)
    i &+= 8
  }
  rotateRest(x, cosines, sines, i, pairs, step: 2, partner: 1)
}

/// `KernelTable.rotate`.
func rotate(_ arguments: UnsafePointer<RotateArguments>, _ rows: Range<Int>) {
  let headDim = arguments.pointee.headDim, pairs = arguments.pointee.pairs
  var row = rows.lowerBound
  while row < rows.upperBound {
    let cosines = arguments.pointee.cosines + row &* arguments.pointee.cosinesStride
    let sines = arguments.pointee.sines + row &* arguments.pointee.sinesStride
    var x = arguments.pointee.x + row &* arguments.pointee.xStride
    var head = 0
    while head < arguments.pointee.heads {
      if arguments.pointee.interleaved { rotateNeighbours(x, cosines, sines, pairs) } else { rotateHalves(x, cosines, sines, pairs) }
      x += headDim
      head &+= 1
    }
    row &+= 1
  }
}
