// Sums of mixtures of experts.
import AttendBase
import AttendKernelInterface

private struct ScatterJob {
  let x: Matrix
  let scales: UnsafePointer<Float>
  let rows: UnsafePointer<Int32>
  let y: Matrix
  let kernels: KernelTable
  let parts: Int
}

extension Engine {
  /// y[rows[i]] += scales[i] * x[i]: x `[count, columns]`, `rows` different rows of y.
  package func add(_ x: Matrix, scales: UnsafePointer<Float>, toRows rows: UnsafePointer<Int32>, of y: Matrix) {
    let parts = parts(x.rows, work: x.rows * x.columns, grain: .rows)
    var job = ScatterJob(x: x, scales: scales, rows: rows, y: y, kernels: kernels, parts: parts)
    run(&job, parts: parts) { context, part in
      let job = context.assumingMemoryBound(to: ScatterJob.self).pointee
      for row in (0..<job.x.rows).share(part, of: job.parts) {
        job.kernels.rows.add(job.x[row], job.y[Int(job.rows[row])], job.x.columns, job.scales[row])
      }
    }
  }

  /// Floats of scratch memory that a product takes, whatever its rows and outputs, beside its rows as it reads them.
  package func productScratch(inputs: Int) -> Int { threads * (MultiplyArguments.scratch + inputs) }
}
