// Rows of logits: softmax, its logarithm and the largest of many.
import AttendBase
import AttendKernelInterface
import CInstructions

/// The largest of a row, where none is NaN.
@_transparent private func largest(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
  var top = splat(-Float.infinity)
  var i = 0
  while i < count {
    top = larger(load(x + i, count &- i, fill: -Float.infinity), top)
    i &+= 16
  }
  return largest(top)
}

/// The largest of a block, and the sum of exp(x - largest).
@_transparent private func summary(_ x: UnsafePointer<Float>, _ count: Int) -> (largest: Float, sum: Float) {
  let most = largest(x, count)
  // Minus infinity less itself would be NaN.
  let shift = most == -Float.infinity ? 0 : most
  var total = splat(0)
  var i = 0
  while i < count {
    total += exp(load(x + i, count &- i, fill: -Float.infinity) - splat(shift))
    i &+= 16
  }
  return (most, sum(total))
}

/// What sixteen blocks add to the sum of exp(x - most) over their row.
@_transparent private func shares(_ maxima: Vector, _ sums: Vector, _ most: Float) -> Vector { exp(maxima - splat(most)) * sums }

/// `KernelTable.Rows.logSumOfExponentials`.
func logSumOfExponentials(_ x: UnsafePointer<Float>, _ count: Int, _ most: UnsafeMutablePointer<Float>) -> Float {
  most.pointee = largest(x, count)
  var total = splat(0)
  var i = 0
  while i < count {
    var maxima = splat(-Float.infinity), sums = splat(0)
    var lane = 0
    while lane < 16 && i < count {
      let block = summary(x + i, count &- i < logitBlock ? count &- i : logitBlock)
      maxima[lane] = block.largest
      sums[lane] = block.sum
      lane &+= 1
      i &+= logitBlock
    }
    total += shares(maxima, sums, most.pointee)
  }
  return Float(Exponential.log(Double(sum(total))))
}

/// `KernelTable.Blocks.logSumOfExponentials`.
func logSumOfExponentials(
  _ maxima: UnsafePointer<Float>, _ sums: UnsafePointer<Float>, _ blocks: Int, _ most: UnsafeMutablePointer<Float>
) -> Float {
  most.pointee = largest(maxima, blocks)
  var total = splat(0)
  var i = 0
  while i < blocks {
    total += shares(load(maxima + i, blocks &- i, fill: -Float.infinity), load(sums + i, blocks &- i), most.pointee)
    i &+= 16
  }
  return Float(Exponential.log(Double(sum(total))))
}

/// `KernelTable.Blocks.summarize`.
func summarizeBlocks(
  _ x: UnsafePointer<Float>, _ count: Int, _ maxima: UnsafeMutablePointer<Float>, _ sums: UnsafeMutablePointer<Float>
) {
  var block = 0
  var i = 0
  while i < count {
    let result = summary(x + i, count &- i < logitBlock ? count &- i : logitBlock)
    maxima[block] = result.largest
    sums[block] = result.sum
    block &+= 1
    i &+= logitBlock
  }
}

/// `KernelTable.Blocks.stream`. Cache lines that are not written whole go the usual way.
func stream(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  let before = (0 &- Int(bitPattern: y) / 4) & 15
  var i = before < count ? before : count
  if i > 0 { store(load(x, i), y, i) }
  while i &+ 16 <= count {
    attend_stream(y + i, load(x + i))
    i &+= 16
  }
  if i < count { store(load(x + i, count &- i), y + i, count &- i) }
}

/// `KernelTable.logSoftmax`.
func logSoftmax(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  var most: Float = 0
  let shift = logSumOfExponentials(x, count, &most)
  var i = 0
  while i < count {
    store((load(x + i, count &- i) - splat(most)) - splat(shift), y + i, count &- i)
    i &+= 16
  }
}

/// `KernelTable.softmax`. Exponentials are kept in y while they are added up, in blocks of 256 first, so that a large vocabulary loses no
/// accuracy.
func softmax(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  let most = largest(x, count)
  // Minus infinity less itself would be NaN.
  let shift = splat(most == -Float.infinity ? 0 : most)
  var total = splat(0)
  var i = 0
  while i < count {
    let end = i &+ 256 < count ? i &+ 256 : count
    var block = splat(0)
    while i &+ 16 <= end {
      let e = exp(load(x + i) - shift)
      store(e, y + i)
      block += e
      i &+= 16
    }
    if i < end {
      let e = exp(load(x + i, end &- i, fill: -Float.infinity) - shift)
      store(e, y + i, end &- i)
      block += e
      i = end
    }
    total += block
  }
  let all = sum(total)
  let factor = splat(all == 0 ? 0 : 1 / all)
  i = 0
  while i &+ 16 <= count {
    store(load(y + i) * factor, y + i)
    i &+= 16
  }
  if i < count { store(load(y + i, count &- i) * factor, y + i, count &- i) }
}

/// `KernelTable.exponentials`, in blocks as in `softmax`.
func exponentials(_ x: UnsafePointer<Float>, _ count: Int, _ shift: Float, _ scale: Float) -> (sum: Float, weighted: Float) {
  var total = splat(0), weighted = splat(0)
  var i = 0
  while i < count {
    let end = i &+ 256 < count ? i &+ 256 : count
    var block = splat(0), weightedBlock = splat(0)
    while i < end {
      let v = (load(x + i, end &- i, fill: -Float.infinity) - splat(shift)) * splat(scale)
      // The exponential of -88 is 0 already, whose product with minus infinity would be NaN.
      let bounded = larger(v, splat(-88))
      let e = exp(bounded)
      block += e
      weightedBlock = multiplyAdd(bounded, e, weightedBlock)
      i &+= 16
    }
    total += block
    weighted += weightedBlock
    i = end
  }
  return (sum(total), sum(weighted))
}

/// Whether entry `a` of the heap is chosen after entry `b`: smaller, or equal and later.
@_transparent private func after(_ values: UnsafeMutablePointer<Float>, _ indices: UnsafeMutablePointer<Int32>, _ a: Int, _ b: Int) -> Bool
{ values[a] < values[b] || (values[a] == values[b] && indices[a] > indices[b]) }

@_transparent private func exchange(_ values: UnsafeMutablePointer<Float>, _ indices: UnsafeMutablePointer<Int32>, _ a: Int, _ b: Int) {
  let value = values[a], index = indices[a]
  values[a] = values[b]
  indices[a] = indices[b]
  values[b] = value
  indices[b] = index
}

/// Moves the root of the heap, in which the entry chosen last is on top, to its place among `count`.
private func sink(_ values: UnsafeMutablePointer<Float>, _ indices: UnsafeMutablePointer<Int32>, from root: Int, _ count: Int) {
  var parent = root
  while true {
    var last = parent
    let left = 2 &* parent &+ 1
    if left < count, after(values, indices, left, last) { last = left }
    if left &+ 1 < count, after(values, indices, left &+ 1, last) { last = left &+ 1 }
    if last == parent { return }
    exchange(values, indices, parent, last)
    parent = last
  }
}

/// Takes numbers `[first, end)` into the heap of the best `k` so far, which stand before them: sixteen at a time are compared with the
/// worst of the heap.
@_transparent private func take(
  _ x: UnsafePointer<Float>, from first: Int, to end: Int, _ k: Int, _ values: UnsafeMutablePointer<Float>,
  _ indices: UnsafeMutablePointer<Int32>
) {
  var i = first
  while i < end {
    let v = load(x + i, end &- i, fill: -Float.infinity)
    if any(v .> splat(values[0])) {
      var lane = 0
      while lane < 16 && i &+ lane < end {
        if x[i &+ lane] > values[0] {
          values[0] = x[i &+ lane]
          indices[0] = Int32(truncatingIfNeeded: i &+ lane)
          sink(values, indices, from: 0, k)
        }
        lane &+= 1
      }
    }
    i &+= 16
  }
}

/// Brings the heap into descending order.
@_transparent private func sort(_ values: UnsafeMutablePointer<Float>, _ indices: UnsafeMutablePointer<Int32>, _ k: Int) {
  var end = k &- 1
  while end > 0 {
    exchange(values, indices, 0, end)
    sink(values, indices, from: 0, end)
    end &-= 1
  }
}

/// `KernelTable.Rows.topK`.
func topK(_ x: UnsafePointer<Float>, _ count: Int, _ k: Int, _ values: UnsafeMutablePointer<Float>, _ indices: UnsafeMutablePointer<Int32>)
{
  if k <= 0 { return }
  var i = 0
  while i < k {
    values[i] = x[i].isNaN ? -Float.infinity : x[i]
    indices[i] = Int32(truncatingIfNeeded: i)
    i &+= 1
  }
  var root = k / 2 &- 1
  while root >= 0 {
    sink(values, indices, from: root, k)
    root &-= 1
  }
  take(x, from: k, to: count, k, values, indices)
  sort(values, indices, k)
  i = 0
  while i < k {
    values[i] = x[Int(indices[i])]
    i &+= 1
  }
}

/// `KernelTable.Blocks.topK`. The largest k are no smaller than the bounds of the k best blocks, if each block reaches its bound; where
/// too few do, blocks are taken down to the worst that was found, than which the k-th largest is no smaller.
func topK(
  _ x: UnsafePointer<Float>, _ count: Int, bounds: UnsafePointer<Float>, _ k: Int, _ values: UnsafeMutablePointer<Float>,
  _ indices: UnsafeMutablePointer<Int32>
) {
  let blocks = (count &+ logitBlock &- 1) / logitBlock
  if k > blocks || k <= 0 { return topK(x, count, k, values, indices) }
  topK(bounds, blocks, k, values, indices)
  var least = values[k &- 1]
  while least > -Float.infinity {
    var i = 0
    while i < k {
      values[i] = -Float.infinity
      indices[i] = Int32.max
      i &+= 1
    }
    var block = 0
    while block < blocks {
      let first = block &* logitBlock
      if bounds[block] >= least {
        take(x, from: first, to: first &+ logitBlock < count ? first &+ logitBlock : count, k, values, indices)
      }
      block &+= 1
    }
    if values[0] >= least { return sort(values, indices, k) }
    least = values[0]
  }
  // Fewer than k are above minus infinity.
  topK(x, count, k, values, indices)
}
