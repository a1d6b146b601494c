import AttendBase

/// A range of rows to be divided among the threads.
private struct RowJob<Arguments> {
  var arguments: Arguments
  let kernels: KernelTable
  let rows: Int
  let parts: Int
}

private struct AddArguments {
  let x: Matrix
  let y: Matrix
}

private struct GatherArguments {
  enum Source {
    case packed(PackedMatrix)
    case stored(StoredMatrix)
  }
  let ids: UnsafePointer<Int32>
  let source: Source
  let scale: Float
  let to: Matrix
}

private struct ActivateArguments {
  let x: Matrix
  let y: Matrix
  let activation: Activation
}

extension Engine {
  private func rowParts(_ rows: Int, _ columns: Int) -> Int { parts(rows, work: rows * columns, grain: 1 << 13) }

  /// y = (x - mean) / sqrt(variance + epsilon) * gain + bias, row by row (Ba et al. 2016, arXiv:1607.06450). `y` may be `x`.
  package func layerNorm(_ x: Matrix, gain: UnsafePointer<Float>?, bias: UnsafePointer<Float>?, epsilon: Float, into y: Matrix) {
    let arguments = NormArguments(
      x: x.base, xStride: x.stride, y: y.base, yStride: y.stride, columns: x.columns, gain: gain, gainOffset: 0, bias: bias, epsilon: epsilon)
    var job = RowJob(arguments: arguments, kernels: kernels, rows: x.rows, parts: rowParts(x.rows, x.columns))
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<NormArguments>.self)
      withUnsafePointer(to: &job.pointee.arguments) { job.pointee.kernels.rows.layerNorm($0, (0..<job.pointee.rows).share(part, of: job.pointee.parts)) }
    }
  }

  /// y = x / sqrt(mean of squares + epsilon) * (gain + offset), row by row (Zhang and Sennrich 2019, arXiv:1910.07467); Gemma stores gains
  /// less 1, which `offset` gives back. `y` may be `x`.
  package func rmsNorm(_ x: Matrix, gain: UnsafePointer<Float>?, offset: Float = 0, epsilon: Float, into y: Matrix) {
    let arguments = NormArguments(
      x: x.base, xStride: x.stride, y: y.base, yStride: y.stride, columns: x.columns, gain: gain, gainOffset: offset, bias: nil, epsilon: epsilon)
    var job = RowJob(arguments: arguments, kernels: kernels, rows: x.rows, parts: rowParts(x.rows, x.columns))
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<NormArguments>.self)
      withUnsafePointer(to: &job.pointee.arguments) { job.pointee.kernels.rows.rmsNorm($0, (0..<job.pointee.rows).share(part, of: job.pointee.parts)) }
    }
  }

  /// y += x.
  package func add(_ x: Matrix, to y: Matrix) {
    var job = RowJob(arguments: AddArguments(x: x, y: y), kernels: kernels, rows: x.rows, parts: rowParts(x.rows, x.columns))
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<AddArguments>.self)
      let x = job.pointee.arguments.x, y = job.pointee.arguments.y
      for row in (0..<job.pointee.rows).share(part, of: job.pointee.parts) { job.pointee.kernels.rows.add(x[row], y[row], x.columns) }
    }
  }

  /// y = activation(x). `y` may be `x`.
  package func activate(_ x: Matrix, _ activation: Activation, into y: Matrix) {
    let arguments = ActivateArguments(x: x, y: y, activation: activation)
    var job = RowJob(arguments: arguments, kernels: kernels, rows: x.rows, parts: rowParts(x.rows, 4 * x.columns))
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<ActivateArguments>.self)
      let x = job.pointee.arguments.x, y = job.pointee.arguments.y
      for row in (0..<job.pointee.rows).share(part, of: job.pointee.parts) {
        job.pointee.kernels.rows.activate(x[row], y[row], x.columns, job.pointee.arguments.activation)
      }
    }
  }

  /// y[i] = scale * W[ids[i]], from packed weights: embeddings that are tied to the output projection. Every id is at least 0 and below `outputs`.
  package func gather(_ ids: UnsafePointer<Int32>, count: Int, from weights: PackedMatrix, scale: Float = 1, into y: Matrix) {
    gather(GatherArguments(ids: ids, source: .packed(weights), scale: scale, to: y), count)
  }

  /// y[i] = scale * W[ids[i]], straight from the checkpoint's memory. Every id is at least 0 and below `rows`.
  package func gather(_ ids: UnsafePointer<Int32>, count: Int, from matrix: StoredMatrix, scale: Float = 1, into y: Matrix) {
    gather(GatherArguments(ids: ids, source: .stored(matrix), scale: scale, to: y), count)
  }

  private func gather(_ arguments: GatherArguments, _ count: Int) {
    var job = RowJob(arguments: arguments, kernels: kernels, rows: count, parts: rowParts(count, arguments.to.columns))
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<GatherArguments>.self)
      let a = job.pointee.arguments, kernels = job.pointee.kernels
      for row in (0..<job.pointee.rows).share(part, of: job.pointee.parts) {
        let id = Int(a.ids[row])
        switch a.source {
        case .packed(let matrix): matrix.read(id, scale: a.scale, into: a.to[row], kernels)
        case .stored(let matrix):
          let from = matrix.base + id * matrix.outputStep * matrix.type.size
          kernels.conversions.convert(from, matrix.type, matrix.inputStep, a.scale, matrix.columns, a.to[row])
        }
      }
    }
  }
}
