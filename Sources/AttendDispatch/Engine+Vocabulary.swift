// What rows of logits need.
import AttendBase

private struct LogSoftmaxJob {
  let x: Matrix
  let y: Matrix
  let kernels: KernelTable
  let parts: Int
}

extension Engine {
  /// y = x - log of the sum of exp(x), row by row, `[rows, columns]`; off by less than 1e-6 of the larger of 1 and the result. `y` may be `x`.
  package func logSoftmax(_ x: Matrix, into y: Matrix) {
    var job = LogSoftmaxJob(x: x, y: y, kernels: kernels, parts: parts(x.rows, work: x.rows * x.columns, grain: 1 << 13))
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: LogSoftmaxJob.self).pointee
      for row in (0..<job.x.rows).share(part, of: job.parts) { job.kernels.rows.logSoftmax(job.x[row], job.y[row], job.x.columns) }
    }
  }

  /// The `k` largest of `count` numbers and where they stand, descending, the smaller index first among equals; NaN counts as minus infinity.
  /// `min(k, count)` entries of `values` and `indices` are written. On the caller's thread.
  package func topK(_ x: UnsafePointer<Float>, count: Int, k: Int, values: UnsafeMutablePointer<Float>, indices: UnsafeMutablePointer<Int32>) {
    kernels.rows.topK(x, count, min(k, count), values, indices)
  }
}
