// Rows of logits.
import AttendBase
import AttendKernelInterface

private struct SoftmaxJob {
  let x: Matrix
  let y: Matrix
  let kernel: KernelTable.Row
  let parts: Int
}

extension Engine {
  /// y = x - log of the sum of exp(x), row by row, `[rows, columns]`; off by less than 1e-6 of the larger of 1 and the
  /// result. `y` may be `x`.
  package func logSoftmax(_ x: Matrix, into y: Matrix) { softmax(x, y, kernels.rows.logSoftmax) }

  /// x = exp(x) / sum of exp(x), row by row, in place; zeros where a row holds nothing but minus infinity. `[rows,
  /// columns]`
  package func softmax(_ x: Matrix) { softmax(x, into: x) }

  /// y = exp(x) / sum of exp(x), the same; `y` may be `x`.
  package func softmax(_ x: Matrix, into y: Matrix) { softmax(x, y, kernels.rows.softmax) }

  private func softmax(_ x: Matrix, _ y: Matrix, _ kernel: @escaping KernelTable.Row) {
    var job = SoftmaxJob(x: x, y: y, kernel: kernel, parts: parts(x.rows, work: x.rows * x.columns, grain: .rows))
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: SoftmaxJob.self).pointee
      for row in (0..<job.x.rows).share(part, of: job.parts) { job.kernel(job.x[row], job.y[row], job.x.columns) }
    }
  }

  /// x = x - log of the sum of exp(x), one row, in place. On the caller's thread.
  package func logSoftmax(row x: UnsafeMutablePointer<Float>, count: Int) { kernels.rows.logSoftmax(x, x, count) }

  /// The largest of `count` numbers, and the logarithm of the sum of exp(x - largest): `logSoftmax` in two numbers,
  /// with the same bits. On the caller's thread.
  package func logSumOfExponentials(_ x: UnsafePointer<Float>, count: Int, largest: inout Float) -> Float {
    kernels.rows.logSumOfExponentials(x, count, &largest)
  }

  /// The `k` largest of `count` numbers and where they stand, descending, the smaller index first among equals; NaN
  /// counts as minus infinity. `min(k, count)` entries of `values` and `indices` are written. On the caller's thread.
  package func topK(
    _ x: UnsafePointer<Float>, count: Int, k: Int, values: UnsafeMutablePointer<Float>,
    indices: UnsafeMutablePointer<Int32>
  ) { kernels.rows.topK(x, count, min(k, count), values, indices) }
}
