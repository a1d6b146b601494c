// Attention whose scores are sums of hyperbolic tangents (Bahdanau et al. 2014, arXiv:1409.0473).
import AttendKernelInterface

/// `KernelTable.Recurrent.additive`: scores of all keys, their softmax, the sum of the values.
func additiveAttention(_ a: UnsafePointer<AdditiveArguments>) {
  additiveScores(a)
  softmax(a.pointee.weights, a.pointee.weights, a.pointee.keys)
  var column = 0
  while column < a.pointee.width {
    let count = a.pointee.width &- column
    var sum = splat(0), key = 0
    while key < a.pointee.keys {
      let page = a.pointee.pages[key / panelWidth].assumingMemoryBound(to: Float.self) + a.pointee.valueOffset
      let value = page + ((key & (panelWidth &- 1)) &* a.pointee.headDim &+ column)
      sum = multiplyAdd(splat(a.pointee.weights[key]), load(value, count), sum)
      key &+= 1
    }
    store(sum, a.pointee.out + column, count)
    column &+= 16
  }
}

/// The scores of whole pages: the keys of a page are lanes, and those beyond the last mean nothing.
@_transparent private func additiveScores(_ a: UnsafePointer<AdditiveArguments>) {
  var key = 0
  while key < a.pointee.keys {
    let panel = a.pointee.pages[key / panelWidth].assumingMemoryBound(to: Float.self) + a.pointee.keyOffset
    var low = splat(0), high = splat(0), component = 0
    while component < a.pointee.inner {
      let q = splat(a.pointee.q[component]), v = splat(a.pointee.vector[component]), k = panel + component &* panelWidth
      low = multiplyAdd(v, tanh(q + load(k)), low)
      high = multiplyAdd(v, tanh(q + load(k + 16)), high)
      component &+= 1
    }
    store(low, a.pointee.weights + key)
    store(high, a.pointee.weights + (key &+ 16))
    key &+= panelWidth
  }
}
