import AttendBase
import AttendKernelInterface

private struct CellJob {
  var arguments: CellArguments
  let kernels: KernelTable
  let rows: Int
  let parts: Int
}

private struct AdditiveJob {
  let q: Matrix
  let vector: UnsafePointer<Float>
  let sequences: UnsafeBufferPointer<AttentionSequence>
  let heads: AttentionHeads
  let out: Matrix
  let weights: UnsafeMutablePointer<Float>?
  let kernels: KernelTable
  let scratch: UnsafeMutablePointer<Float>
  let scratchStride: Int
  let parts: Int
  let cancellation: Cancellation?

  /// Every `parts`-th query of all.
  func run(_ part: Int) {
    let scores = scratch + part * scratchStride
    var query = 0
    var written = 0  // floats of weights before this query
    for sequence in sequences {
      for row in sequence.row..<sequence.row + sequence.count {
        if query % parts == part {
          if let cancellation, cancellation.look() { return }
          var arguments = AdditiveArguments(
            q: q[row], vector: vector, inner: q.columns, pages: sequence.pages, keyOffset: heads.keyOffset,
            valueOffset: heads.valueOffset, headDim: heads.headDim, keys: sequence.keys, width: out.columns,
            out: out[row], weights: scores)
          kernels.recurrent.additive(&arguments)
          if let weights { (weights + written).update(from: scores, count: sequence.keys) }
        }
        query += 1
        written += sequence.keys
      }
    }
  }
}

extension Engine {
  /// One step of a recurrent layer: the rows of `state`, `[sequences, vectors * width]`, become the next states, of
  /// which `output` gets a copy, as many columns as it has.
  ///
  /// `input` and `recurrent` are W x + b of the tokens and of the states, `[rows, gates * width]`; of a cell that
  /// `addsProducts`, `input` is their sum and there is no other. A row does not depend on others.
  package func advance(
    _ cell: RecurrentCell, input: Matrix, recurrent: Matrix?, state: Matrix, into output: Matrix
  ) {
    let width = state.columns / cell.vectors
    let arguments = CellArguments(
      cell: cell, width: width, input: input.base, inputStride: input.stride,
      recurrent: recurrent.map { UnsafePointer($0.base) }, recurrentStride: recurrent?.stride ?? 0, state: state.base,
      stateStride: state.stride, output: output.base,
      outputStride: output.stride, copiesCell: cell.vectors > 1 && output.columns > width)
    // Each gate is a quotient of polynomials.
    let parts = parts(input.rows, work: 4 * input.rows * input.columns, grain: .rows)
    var job = CellJob(arguments: arguments, kernels: kernels, rows: input.rows, parts: parts)
    run(&job, parts: parts) { context, part in
      let job = context.assumingMemoryBound(to: CellJob.self)
      let rows = (0..<job.pointee.rows).share(part, of: job.pointee.parts)
      withUnsafePointer(to: &job.pointee.arguments) { job.pointee.kernels.recurrent.cell($0, rows) }
    }
  }

  /// out = softmax(vector · tanh(q + k)) v, row by row: q is `[tokens, inner]`, the first `inner` numbers of a key and
  /// the first `out.columns` of a value are read, and every query of a sequence sees all its keys, at least one.
  ///
  /// `weights`, unless nil, is filled with the probabilities, for each sequence `[count, keys]`, end to end.
  package func additiveAttention(
    _ q: Matrix, vector: UnsafePointer<Float>, _ sequences: UnsafeBufferPointer<AttentionSequence>,
    _ heads: AttentionHeads, into out: Matrix, weights: UnsafeMutablePointer<Float>? = nil, workspace: Workspace
  ) throws(Failure) {
    var (work, queries, longest) = (0, 0, 0)
    for sequence in sequences {
      // A hyperbolic tangent takes about as long as eight multiply-adds.
      work += sequence.count * sequence.keys * (8 * q.columns + out.columns)
      queries += sequence.count
      longest = max(longest, sequence.keys)
    }
    let parts = parts(queries, work: work, grain: .scores)
    let mark = workspace.mark()
    defer { workspace.release(to: mark) }
    let size = (longest + panelWidth - 1) / panelWidth * panelWidth
    var job = AdditiveJob(
      q: q, vector: vector, sequences: sequences, heads: heads, out: out, weights: weights, kernels: kernels,
      scratch: try workspace.take(parts * size, of: Float.self), scratchStride: size, parts: parts,
      cancellation: cancellation)
    run(&job, parts: parts) { context, part in context.assumingMemoryBound(to: AdditiveJob.self).pointee.run(part) }
  }
}
