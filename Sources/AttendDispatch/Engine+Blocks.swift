// Rows of logits that are summed up block by block, while they are made.
import AttendBase
import AttendKernelInterface
import CInstructions

/// What is known of each block of `logitBlock` neighbouring columns of some rows: the largest number x, and the sum of
/// exp(x - largest). Log-sum-exp of a row needs nothing else, and the largest k of a row stand in few of its blocks:
/// rows that are too large for the caches need not be read again.
package struct RowBlocks: BitwiseCopyable, @unchecked Sendable {
  /// Columns of the rows.
  package let columns: Int
  let maxima: Matrix  // [rows, blocks]
  let sums: Matrix  // [rows, blocks]

  /// Blocks of so many columns.
  private static func count(_ columns: Int) -> Int { (columns + logitBlock - 1) / logitBlock }

  /// Numbers that the blocks of a row need; nil where there are too many.
  package static func numbers(rows: Int, columns: Int) -> Int? {
    let (numbers, overflow) = rows.multipliedReportingOverflow(by: 2 * count(columns))
    return overflow ? nil : numbers
  }

  /// In memory of `numbers(rows:columns:)` numbers, which somebody else owns and fills.
  package init(_ memory: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    let blocks = RowBlocks.count(columns)
    self.columns = columns
    maxima = Matrix(memory, rows: rows, columns: blocks)
    sums = Matrix(memory + rows * blocks, rows: rows, columns: blocks)
  }

  private init(columns: Int, maxima: Matrix, sums: Matrix) {
    (self.columns, self.maxima, self.sums) = (columns, maxima, sums)
  }

  /// Those of `count` rows from `first` on.
  package func rows(_ first: Int, _ count: Int) -> RowBlocks {
    RowBlocks(columns: columns, maxima: maxima.rows(first, count), sums: sums.rows(first, count))
  }

  /// Sums up `count` columns of a row from `first` on, the first of a block.
  func note(row: Int, from first: Int, _ x: UnsafePointer<Float>, count: Int, _ kernels: KernelTable.Blocks) {
    kernels.summarize(x, count, maxima[row] + first / logitBlock, sums[row] + first / logitBlock)
  }
}

/// Where the results of a product go.
package enum ProductResults {
  /// Where they are read at once: into the caches.
  case near
  /// Past the caches, into which they do not fit; with their blocks, where these are wanted.
  case far(RowBlocks?)
}

/// A product whose results are too many for the caches: each part computes some rows of one block of columns at a time
/// into memory of its own, sums them up there, and streams them to where they belong. Written where they belong at
/// once, a few columns of row after row, each of them would wait for its cache line, and for the page that it is in.
struct FarResults {
  let y: Matrix
  let blocks: RowBlocks?
  /// `[parts][rows][stride]`
  let memory: UnsafeMutablePointer<Float>

  static let panelsOfBlock = logitBlock / panelWidth
  /// Rows of a block that a part computes at a time.
  static let rows = 128
  /// An odd number of cache lines: rows a power of two apart would meet in few sets of the nearest cache.
  private static let stride = logitBlock + 16
  /// Numbers of the memory of a part.
  static let numbers = rows * stride

  /// Computes rows `rows` by panels `panels`, the first of which begins a block.
  func compute(
    _ arguments: MultiplyArguments, rows: Range<Int>, panels: Range<Int>, part: Int, _ kernels: KernelTable,
    _ multiply: (UnsafePointer<MultiplyArguments>, Range<Int>, Range<Int>) -> Void, _ cancellation: Cancellation?
  ) {
    var arguments = arguments
    let memory = memory + part * FarResults.numbers
    (arguments.y, arguments.yStride) = (memory, FarResults.stride)
    // Strides, which need no memory, as lazy pieces do.
    for begin in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: FarResults.rows) {
      let some = begin..<min(begin + FarResults.rows, rows.upperBound)
      for place in Swift.stride(from: panels.lowerBound, to: panels.upperBound, by: FarResults.panelsOfBlock) {
        let block = place..<min(place + FarResults.panelsOfBlock, panels.upperBound)
        if let cancellation, cancellation.look() { return }
        let first = block.lowerBound * panelWidth
        let count = min(logitBlock, y.columns - first)
        (arguments.yRow, arguments.yColumn) = (some.lowerBound, first)
        multiply(&arguments, some, block)
        for row in some {
          let x = memory + (row - some.lowerBound) * FarResults.stride
          blocks?.note(row: row, from: first, x, count: count, kernels.blocks)
          kernels.blocks.stream(x, y[row] + first, count)
        }
      }
    }
    attend_end_stream()
  }
}

private struct BlocksJob {
  let x: Matrix
  let blocks: RowBlocks
  let kernels: KernelTable.Blocks
  let parts: Int
}

extension Engine {
  /// Sums up the blocks of all rows of x.
  package func summarize(_ x: Matrix, into blocks: RowBlocks) {
    var job = BlocksJob(
      x: x, blocks: blocks, kernels: kernels.blocks, parts: parts(x.rows, work: x.rows * x.columns, grain: .rows))
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: BlocksJob.self).pointee
      for row in (0..<job.x.rows).share(part, of: job.parts) {
        job.blocks.note(row: row, from: 0, job.x[row], count: job.x.columns, job.kernels)
      }
    }
  }

  /// Sums up again those blocks of a row x, which is row `row`, that have `changed`. On the caller's thread.
  package func summarize(
    _ x: UnsafePointer<Float>, where changed: UnsafeMutableBufferPointer<Bool>, into blocks: RowBlocks, row: Int
  ) {
    for block in changed.indices where changed[block] {
      let first = block * logitBlock
      blocks.note(row: row, from: first, x + first, count: min(logitBlock, blocks.columns - first), kernels.blocks)
    }
  }

  /// `logSumOfExponentials` of row `row` of those that are summed up: the same bits. On the caller's thread.
  package func logSumOfExponentials(_ blocks: RowBlocks, row: Int, largest: inout Float) -> Float {
    kernels.blocks.logSumOfExponentials(blocks.maxima[row], blocks.sums[row], blocks.maxima.columns, &largest)
  }

  /// `topK` of a row x, which was row `row` when its blocks were summed up; since then numbers may have become smaller,
  /// but none larger. On the caller's thread.
  package func topK(
    _ x: UnsafePointer<Float>, _ blocks: RowBlocks, row: Int, k: Int, values: UnsafeMutablePointer<Float>,
    indices: UnsafeMutablePointer<Int32>
  ) { kernels.blocks.topK(x, blocks.columns, blocks.maxima[row], min(k, blocks.columns), values, indices) }
}
