import AttendBase

private struct MultiplyJob {
  var arguments: MultiplyArguments
  let kernels: KernelTable
  let rows: Int
  let panels: Int
  let rowParts: Int
  let panelParts: Int
}

extension Engine {
  /// y = activation(x Wᵀ + bias) + residual; x `[rows, inputs]`, y `[rows, outputs]`. `residual` may be `y` itself; otherwise nothing may overlap `y`.
  ///
  /// For a row the result is the same whatever other rows are beside it and however many threads compute.
  package func multiply(
    _ x: Matrix, _ weights: PackedMatrix, bias: UnsafePointer<Float>? = nil, activation: Activation = .none, residual: Matrix? = nil, into y: Matrix,
    workspace: Workspace
  ) throws(Failure) {
    let arguments = MultiplyArguments(
      x: x.base, xStride: x.stride, weights: weights.base, inputs: weights.inputs, outputs: weights.outputs, bias: bias, activation: activation,
      residual: residual.map { UnsafePointer($0.base) }, residualStride: residual?.stride ?? 0, y: y.base, yStride: y.stride)
    let (rowParts, panelParts) = split(x.rows, weights)
    var job = MultiplyJob(
      arguments: arguments, kernels: kernels, rows: x.rows, panels: weights.panels, rowParts: rowParts, panelParts: panelParts)
    run(&job, parts: rowParts * panelParts) { context, part in
      let job = context.assumingMemoryBound(to: MultiplyJob.self)
      let rows = (0..<job.pointee.rows).share(part / job.pointee.panelParts, of: job.pointee.rowParts)
      let panels = (0..<job.pointee.panels).share(part % job.pointee.panelParts, of: job.pointee.panelParts)
      withUnsafePointer(to: &job.pointee.arguments) { job.pointee.kernels.multiply($0, rows, panels) }
    }
  }

  /// How rows and panels are divided among the threads: the division whose largest part is smallest, by panels rather than by rows where
  /// two are equal, for then each thread reads only its own weights.
  private func split(_ rows: Int, _ weights: PackedMatrix) -> (rows: Int, panels: Int) {
    let parts = parts(.max, work: rows * weights.panels * weights.inputs, grain: 1 << 11)
    guard parts > 1, rows > 0 else { return (1, 1) }
    let tiles = (rows + 11) / 12
    var best = (rows: 1, panels: 1)
    var bestCost = Int.max
    for panelParts in stride(from: min(parts, weights.panels), through: 1, by: -1) {
      let rowParts = min(parts / panelParts, tiles)
      let cost = ((tiles + rowParts - 1) / rowParts) * ((weights.panels + panelParts - 1) / panelParts)
      if cost < bestCost {
        bestCost = cost
        best = (rowParts, panelParts)
      }
    }
    return best
  }
}
