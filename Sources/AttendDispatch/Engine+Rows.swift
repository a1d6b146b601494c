import AttendBase
import AttendKernelInterface

/// A range of rows to be divided among the threads.
private struct RowJob<Arguments> {
  var arguments: Arguments
  let kernels: KernelTable
  let rows: Int
  let parts: Int
  /// Rows between two looks at the cancellation.
  let rowsBetweenLooks: Int
  let cancellation: Cancellation?

  /// Numbers between two looks: about a millisecond of one thread.
  static var numbersBetweenLooks: Int { 1 << 20 }

  /// Gives `body` the rows of part `part`, piece after piece for as long as nobody cancels.
  func forEachPiece(of part: Int, _ body: (Range<Int>) -> Void) {
    let share = (0..<rows).share(part, of: parts)
    guard let cancellation, share.count > rowsBetweenLooks else { return body(share) }
    for piece in share.pieces(of: rowsBetweenLooks) {
      if cancellation.look() { return }
      body(piece)
    }
  }
}

private struct AddArguments {
  let x: Matrix
  let y: Matrix
  let scale: Float
}

private struct ScaleArguments {
  let x: Matrix
  let factor: Float
  let cap: Float
}

private struct SpreadArguments {
  let x: Matrix
  let block: Int
  let scale: Float
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
  /// A job of `rows` rows, each as much work as `numbers` numbers.
  private func job<Arguments>(_ arguments: Arguments, rows: Int, numbers: Int) -> RowJob<Arguments> {
    RowJob(
      arguments: arguments, kernels: kernels, rows: rows, parts: parts(rows, work: rows * numbers, grain: .rows),
      rowsBetweenLooks: max(RowJob<Arguments>.numbersBetweenLooks / max(numbers, 1), 1), cancellation: cancellation)
  }

  /// y = (x - mean) / sqrt(variance + epsilon) * gain + bias, row by row (Ba et al. 2016, arXiv:1607.06450). `y` may be
  /// `x`.
  ///
  /// A row is `groups` rows of columns / groups numbers, each normalised by itself, as heads are (Henry et al. 2020,
  /// arXiv:2010.04245). Gain and bias are `[columns / groups]`, the same for each group, or with `gainPerGroup`
  /// `[columns]`.
  package func layerNorm(
    _ x: Matrix, gain: UnsafePointer<Float>?, bias: UnsafePointer<Float>?, epsilon: Float, groups: Int = 1,
    gainPerGroup: Bool = false, into y: Matrix
  ) {
    let arguments = NormArguments(
      x: x.base, xStride: x.stride, y: y.base, yStride: y.stride, groups: groups, columns: x.columns / groups,
      gain: gain, gainOffset: 0, bias: bias, gainPerGroup: gainPerGroup, epsilon: epsilon)
    var job = job(arguments, rows: x.rows, numbers: x.columns)
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<NormArguments>.self)
      withUnsafePointer(to: &job.pointee.arguments) { arguments in
        job.pointee.forEachPiece(of: part) { job.pointee.kernels.rows.layerNorm(arguments, $0) }
      }
    }
  }

  /// y = x / sqrt(mean of squares + epsilon) * (gain + offset), row by row (Zhang and Sennrich 2019, arXiv:1910.07467);
  /// Gemma stores gains less 1, which `offset` gives back. Groups as in `layerNorm`. `y` may be `x`.
  package func rmsNorm(
    _ x: Matrix, gain: UnsafePointer<Float>?, offset: Float = 0, epsilon: Float, groups: Int = 1,
    gainPerGroup: Bool = false, into y: Matrix
  ) {
    let arguments = NormArguments(
      x: x.base, xStride: x.stride, y: y.base, yStride: y.stride, groups: groups, columns: x.columns / groups,
      gain: gain, gainOffset: offset, bias: nil, gainPerGroup: gainPerGroup, epsilon: epsilon)
    var job = job(arguments, rows: x.rows, numbers: x.columns)
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<NormArguments>.self)
      withUnsafePointer(to: &job.pointee.arguments) { arguments in
        job.pointee.forEachPiece(of: part) { job.pointee.kernels.rows.rmsNorm(arguments, $0) }
      }
    }
  }

  /// Turns the first 2 * pairs components of every head by the angles of their row, in place; the others stay (Su et
  /// al. 2021, arXiv:2104.09864, equation 34). x is `[tokens, heads * headDim]`; cosines and sines are `[tokens,
  /// pairs]`, 2 * pairs at most `headDim`. A pair (a, b) becomes (a cos - b sin, b cos + a sin), each operation
  /// rounded; it is components 2 i and 2 i + 1 if `interleaved` (GPT-J), otherwise i and i + pairs (GPT-NeoX, Llama).
  package func rotate(_ x: Matrix, headDim: Int, cosines: Matrix, sines: Matrix, interleaved: Bool) {
    let arguments = RotateArguments(
      x: x.base, xStride: x.stride, heads: x.columns / headDim, headDim: headDim, cosines: cosines.base,
      cosinesStride: cosines.stride, sines: sines.base, sinesStride: sines.stride, pairs: cosines.columns,
      interleaved: interleaved)
    var job = job(arguments, rows: x.rows, numbers: x.columns)
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<RotateArguments>.self)
      withUnsafePointer(to: &job.pointee.arguments) { arguments in
        job.pointee.forEachPiece(of: part) { job.pointee.kernels.rows.rotate(arguments, $0) }
      }
    }
  }

  /// Turns the heads of x, `[tokens, heads * headDim]`, by a Hadamard matrix, in place, so that what is large in a few
  /// components is spread over many (Ashkboos et al. 2024, arXiv:2404.00456). Sums of products of two that are spread
  /// are `spreading(headDim)` times those of the originals; of one that is spread twice, each component is.
  package func spread(_ x: Matrix, headDim: Int, scale: Float = 1) {
    let block = KeyValuePage.spreading(headDim)
    guard block > 1 else { return }
    let arguments = SpreadArguments(x: x, block: block, scale: scale)
    var job = job(arguments, rows: x.rows, numbers: 4 * x.columns)
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<SpreadArguments>.self)
      let x = job.pointee.arguments.x, kernels = job.pointee.kernels
      for row in (0..<job.pointee.rows).share(part, of: job.pointee.parts) {
        kernels.conversions.rotate(x[row], x[row], x.columns, job.pointee.arguments.block)
        if job.pointee.arguments.scale != 1 { kernels.rows.scale(x[row], x.columns, job.pointee.arguments.scale, 0) }
      }
    }
  }

  /// y = x. On the caller's thread.
  package func copy(_ x: Matrix, into y: Matrix) {
    for row in 0..<x.rows { y[row].update(from: x[row], count: x.columns) }
  }

  /// y += scale * x.
  package func add(_ x: Matrix, to y: Matrix, scale: Float = 1) {
    let arguments = AddArguments(x: x, y: y, scale: scale)
    var job = job(arguments, rows: x.rows, numbers: x.columns)
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<AddArguments>.self)
      let a = job.pointee.arguments
      job.pointee.forEachPiece(of: part) { rows in
        for row in rows {
          job.pointee.kernels.rows.add(a.x[row], a.y[row], a.x.columns, a.scale)
        }
      }
    }
  }

  /// x = factor * x, in place; with a cap above 0, x = cap * tanh(factor * x / cap), which stays below the cap in size
  /// (Gemma 2, arXiv:2408.00118).
  package func scale(_ x: Matrix, by factor: Float, cap: Float = 0) {
    let arguments = ScaleArguments(x: x, factor: factor, cap: cap)
    var job = job(arguments, rows: x.rows, numbers: cap > 0 ? 4 * x.columns : x.columns)
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<ScaleArguments>.self)
      let a = job.pointee.arguments
      job.pointee.forEachPiece(of: part) { rows in
        for row in rows {
          job.pointee.kernels.rows.scale(a.x[row], a.x.columns, a.factor, a.cap)
        }
      }
    }
  }

  /// y = activation(x). `y` may be `x`.
  package func activate(_ x: Matrix, _ activation: Activation, into y: Matrix) {
    let arguments = ActivateArguments(x: x, y: y, activation: activation)
    var job = job(arguments, rows: x.rows, numbers: 4 * x.columns)
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<ActivateArguments>.self)
      let x = job.pointee.arguments.x, y = job.pointee.arguments.y
      job.pointee.forEachPiece(of: part) { rows in
        for row in rows {
          job.pointee.kernels.rows.activate(x[row], y[row], x.columns, job.pointee.arguments.activation)
        }
      }
    }
  }

  /// y[i] = scale * W[ids[i]], from packed weights: embeddings that are tied to the output projection. Every id is at
  /// least 0 and below `outputs`.
  package func gather(
    _ ids: UnsafePointer<Int32>, count: Int, from weights: PackedMatrix, scale: Float = 1, into y: Matrix
  ) throws(Failure) {
    for row in 0..<count { try weights.bring(Int(ids[row])) }
    gather(GatherArguments(ids: ids, source: .packed(weights), scale: scale, to: y), count)
  }

  /// y[i] = scale * W[ids[i]], straight from the checkpoint's memory. Every id is at least 0 and below `rows`.
  package func gather(
    _ ids: UnsafePointer<Int32>, count: Int, from matrix: StoredMatrix, scale: Float = 1, into y: Matrix
  ) { gather(GatherArguments(ids: ids, source: .stored(matrix), scale: scale, to: y), count) }

  private func gather(_ arguments: GatherArguments, _ count: Int) {
    var job = job(arguments, rows: count, numbers: arguments.to.columns)
    run(&job, parts: job.parts) { context, part in
      let job = context.assumingMemoryBound(to: RowJob<GatherArguments>.self)
      let a = job.pointee.arguments, kernels = job.pointee.kernels
      job.pointee.forEachPiece(of: part) { rows in
        for row in rows {
          let id = Int(a.ids[row])
          switch a.source {
          case .packed(let matrix): matrix.read(id, scale: a.scale, into: a.to[row], kernels)
          case .stored(let matrix): matrix.read(id, scale: a.scale, into: a.to[row], kernels)
          }
        }
      }
    }
  }
}
