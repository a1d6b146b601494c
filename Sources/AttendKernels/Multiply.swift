// Rows times packed weights. Lanes run across outputs; along the inputs one multiply-add follows another from zero on, for every tile shape alike.
import AttendBase
import CInstructions

/// Adds `inputs` steps to `rows` times `vectors` accumulators: x[row][k] times the vector at w[k]. `vectors` beyond `tileVectors` reach into the next panels.
@inline(__always)
func accumulate(
  _ rows: Int, _ vectors: Int, _ sums: inout Accumulators, _ x: UnsafePointer<Float>, _ xStride: Int, _ w: UnsafePointer<Float>, _ wStride: Int,
  _ panelStride: Int, _ inputs: Int
) {
  var w = w
  var k = 0
  while k < inputs {
    unrolled(rows &* vectors) { i in
      let row = i / vectors, vector = i % vectors
      let offset: Int = (vector & 1) &* 16 &+ (vector >> 1) &* panelStride
      let factor = splat(x[row &* xStride &+ k])
      sums[unchecked: i] = multiplyAdd(factor, load(w + offset), sums[unchecked: i])
    }
    w += wStride
    k &+= 1
  }
}

/// Writes sums to `y`, with bias, activation and residual, for columns from `column` on; `columns` of the vectors' lanes exist.
@inline(__always)
private func writeOut(_ a: MultiplyArguments, _ rows: Int, _ vectors: Int, _ sums: UnsafePointer<Float>, _ row: Int, _ column: Int) {
  var r = 0
  while r < rows {
    let y = a.y + ((row &+ r) &* a.yStride &+ column)
    var v = 0
    while v < vectors {
      let left = a.outputs &- column &- v &* 16
      if left <= 0 { break }
      var value = load(sums + (r &* vectors &+ v) &* 16)
      if let bias = a.bias { value += load(bias + (column &+ v &* 16), left) }
      value = activated(value, a.activation)
      if let residual = a.residual { value += load(residual + ((row &+ r) &* a.residualStride &+ column &+ v &* 16), left) }
      store(value, y + v &* 16, left)
      v &+= 1
    }
    r &+= 1
  }
}

/// One tile from zero to `y`.
@inline(__always)
private func tile(_ a: MultiplyArguments, _ rows: Int, _ vectors: Int, _ row: Int, _ column: Int) {
  var sums = Accumulators(repeating: splat(0))
  let panelStride = panelWidth &* a.inputs
  let weights = a.weights.assumingMemoryBound(to: Float.self) + ((column / panelWidth) &* panelStride &+ column % panelWidth)
  accumulate(rows, vectors, &sums, a.x + row &* a.xStride, a.xStride, weights, panelWidth, panelStride, a.inputs)
  let direct = a.activation == .none && column &+ vectors &* 16 <= a.outputs
  if direct {
    unrolled(rows &* vectors) { i in
      let r = row &+ i / vectors, c = column &+ i % vectors &* 16
      var value = sums[unchecked: i]
      if let bias = a.bias { value += load(bias + c) }
      if let residual = a.residual { value += load(residual + (r &* a.residualStride &+ c)) }
      store(value, a.y + (r &* a.yStride &+ c))
    }
  } else {
    withUnsafeTemporaryAllocation(byteCount: 24 * 64, alignment: 64) { buffer in
      let spill = buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: Float.self)
      unrolled(rows &* vectors) { i in store(sums[unchecked: i], spill + i &* 16) }
      writeOut(a, rows, vectors, spill, row, column)
    }
  }
}

/// A tile of the given rows and of `tileVectors` vectors.
@inline(never)
private func tiles(_ a: MultiplyArguments, _ rows: Int, _ row: Int, _ panel: Int) {
  var column = panel &* panelWidth
  let end = column &+ panelWidth
  while column < end {
    switch rows {
    case 1: tile(a, 1, tileVectors, row, column)
    case 2: tile(a, 2, tileVectors, row, column)
    case 3: tile(a, 3, tileVectors, row, column)
    case 4: tile(a, 4, tileVectors, row, column)
    case 5: tile(a, 5, tileVectors, row, column)
    case 6: tile(a, 6, tileVectors, row, column)
    #if ATTEND_AVX512
      case 7: tile(a, 7, tileVectors, row, column)
      case 8: tile(a, 8, tileVectors, row, column)
      case 9: tile(a, 9, tileVectors, row, column)
      case 10: tile(a, 10, tileVectors, row, column)
      case 11: tile(a, 11, tileVectors, row, column)
      case 12: tile(a, 12, tileVectors, row, column)
    #endif
    default: break
    }
    column &+= tileVectors &* 16
  }
}

/// One to three rows: several panels side by side, so that enough sums are under way to hide the latency of the multiply-add.
@inline(never)
private func fewRows(_ a: MultiplyArguments, _ rows: Int, _ row: Int, _ panels: Range<Int>) {
  var panel = panels.lowerBound
  let end = panels.upperBound
  #if ATTEND_AVX512
    let together = rows == 1 ? 4 : 2
  #else
    let together = rows == 1 ? 2 : 1
  #endif
  while panel &+ together <= end {
    let column = panel &* panelWidth
    switch rows {
    #if ATTEND_AVX512
      case 1: tile(a, 1, 8, row, column)
      case 2: tile(a, 2, 4, row, column)
      case 3: tile(a, 3, 4, row, column)
    #else
      case 1: tile(a, 1, 4, row, column)
      case 2: tile(a, 2, 2, row, column)
      case 3: tile(a, 3, 2, row, column)
    #endif
    default: break
    }
    panel &+= together
  }
  while panel < end {
    tiles(a, rows, row, panel)
    panel &+= 1
  }
}

/// Rows that stay in the cache while all panels pass: about a megabyte of input.
@inline(__always)
private func blockRows(_ inputs: Int) -> Int {
  let rows = (1 << 18) / (inputs > 0 ? inputs : 1) / tileRows &* tileRows
  return rows < tileRows ? tileRows : rows > 8 &* tileRows ? 8 &* tileRows : rows
}

/// `KernelTable.multiply` for float32 weights.
func multiply(_ arguments: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panels: Range<Int>) {
  var block = rows.lowerBound
  let most = blockRows(arguments.pointee.inputs)
  while block < rows.upperBound {
    let left = rows.upperBound &- block
    let count = left < most ? left : most
    if count <= 3 {
      fewRows(arguments.pointee, count, block, panels)
    } else {
      // Tiles of nearly equal height: a low tile wastes more than two of middle height.
      let tileCount = (count &+ tileRows &- 1) / tileRows
      var panel = panels.lowerBound
      while panel < panels.upperBound {
        var row = block
        var index = 0
        while index < tileCount {
          let height = count / tileCount &+ (index < count % tileCount ? 1 : 0)
          tiles(arguments.pointee, height, row, panel)
          row &+= height
          index &+= 1
        }
        panel &+= 1
      }
    }
    block &+= count
  }
}

/// `KernelTable.finish`.
func finish(_ arguments: UnsafePointer<MultiplyArguments>, _ rows: Range<Int>, _ panel: Int, _ sums: UnsafePointer<Float>) {
  var row = rows.lowerBound
  while row < rows.upperBound {
    writeOut(arguments.pointee, 1, 2, sums + (row &- rows.lowerBound) &* panelWidth, row, panel &* panelWidth)
    row &+= 1
  }
}
