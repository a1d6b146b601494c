import AttendBase
import AttendKernelInterface

private struct MultiplyJob {
  let arguments: MultiplyArguments
  let kernels: KernelTable
  let multiply: KernelTable.Multiply
  let rows: Int
  let panels: Int
  let unit: Int  // panels that stay together
  let rowParts: Int
  let panelParts: Int
  let scratch: UnsafeMutablePointer<Float>
  let far: FarResults?
  let cancellation: Cancellation?

  /// Steps of a panel, each of 32 outputs, between two looks at the cancellation: some milliseconds of one thread.
  private static let stepsBetweenLooks = 1 << 23
  /// Rows between two looks at most: several of the blocks that the kernels keep in the cache.
  private static let rowsBetweenLooks = 10 * MultiplyArguments.blockRows

  /// The rows and panels of part `part`, at once or, where they are much work, piece by piece, for as long as nobody
  /// cancels.
  func run(_ part: Int) {
    let rows = (0..<self.rows).share(part / panelParts, of: rowParts)
    let share = (0..<(self.panels + unit - 1) / unit).share(part % panelParts, of: panelParts)
    let panels = share.lowerBound * unit..<min(share.upperBound * unit, self.panels)
    let scratch = scratch + part * MultiplyArguments.scratch
    let multiply = multiply
    if let far {
      return far.compute(
        arguments, rows: rows, panels: panels, part: part, kernels, { multiply($0, $1, $2, scratch) }, cancellation)
    }
    guard let cancellation, rows.count * arguments.steps * panels.count > MultiplyJob.stepsBetweenLooks else {
      return withUnsafePointer(to: arguments) { multiply($0, rows, panels, scratch) }
    }
    for some in rows.pieces(of: MultiplyJob.rowsBetweenLooks) {
      // Four panels are what the kernels take at once at most.
      let together = MultiplyJob.stepsBetweenLooks / (some.count * arguments.steps) & ~3
      for piece in panels.pieces(of: max(together, unit)) {
        if cancellation.look() { return }
        withUnsafePointer(to: arguments) { multiply($0, some, piece, scratch) }
      }
    }
  }
}

private struct PrepareJob {
  var arguments: PrepareArguments
  let kernels: KernelTable
  let bfloat16: Bool
  let rows: Int
  let parts: Int
  let scratch: UnsafeMutablePointer<Float>?  // a row for each part, where rows are rotated
}

extension Engine {
  /// y = activation(x Wᵀ + bias) + residual; x `[rows, inputs]`, y `[rows, outputs]`. `residual` may be `y` itself;
  /// otherwise nothing may overlap `y`. With gated weights y = activation(x Gᵀ + bias) * (x Uᵀ + bias') + residual,
  /// `bias` holding those of G and then those of U.
  ///
  /// With a `refinement` R, of the inputs and the type of W, the last outputs gain x Rᵀ; then there is no activation
  /// and no gate.
  ///
  /// Results that are `far` are not gated.
  ///
  /// For a row the result is the same whatever other rows are beside it and however many threads compute.
  package func multiply(
    _ x: Matrix, _ weights: PackedMatrix, refinement: PackedMatrix? = nil, bias: UnsafePointer<Float>? = nil,
    activation: Activation = .none, residual: Matrix? = nil, into y: Matrix, results: ProductResults = .near,
    workspace: Workspace
  ) throws(Failure) {
    let mark = workspace.mark()
    defer { workspace.release(to: mark) }
    let input = try prepare(x, weights, workspace)
    let first = refinement == nil ? results : .near
    try weights.use { () throws(Failure) in
      try multiply(
        input, x.rows, weights, bias: bias, activation: activation, residual: residual, into: y, first, workspace)
    }
    guard let refinement else { return }
    let last = y.columns(y.columns - refinement.outputs, refinement.outputs)
    try refinement.use { () throws(Failure) in
      try multiply(
        input, x.rows, refinement, bias: nil, activation: .none, residual: last, into: last, .near, workspace)
    }
    if case .far(let blocks?) = results { summarize(y, into: blocks) }
  }

  /// The same for `rows` rows of inputs that are prepared.
  private func multiply(
    _ input: Input, _ rows: Int, _ weights: PackedMatrix, bias: UnsafePointer<Float>?, activation: Activation,
    residual: Matrix?, into y: Matrix, _ results: ProductResults, _ workspace: Workspace
  ) throws(Failure) {
    var unit = weights.gated ? 2 : 1
    if case .far = results { unit = FarResults.panelsOfBlock }
    let (rowParts, panelParts) = split(rows, weights, unit: unit)
    var far: FarResults?
    if case .far(let blocks) = results {
      let memory = try workspace.take(rowParts * panelParts * FarResults.numbers, of: Float.self)
      far = FarResults(y: y, blocks: blocks, memory: memory)
    }
    let scratch = try workspace.take(rowParts * panelParts * MultiplyArguments.scratch, of: Float.self)
    let arguments = MultiplyArguments(
      x: input.base, xStride: input.stride, xScales: input.scales, xSums: input.sums, weights: weights.base,
      weightScales: weights.scales, weightOffsets: weights.offsets, steps: weights.steps, outputs: weights.outputs,
      gated: weights.gated, bias: bias, activation: activation, residual: residual.map { UnsafePointer($0.base) },
      residualStride: residual?.stride ?? 0, y: y.base, yStride: y.stride)
    var job = MultiplyJob(
      arguments: arguments, kernels: kernels,
      multiply: kernels.products(weights.compute, paired: weights.paired), rows: rows, panels: weights.panels,
      unit: unit, rowParts: rowParts, panelParts: panelParts, scratch: scratch, far: far, cancellation: cancellation)
    run(&job, parts: rowParts * panelParts) { context, part in
      context.assumingMemoryBound(to: MultiplyJob.self).pointee.run(part)
    }
  }

  /// The division of rows and panels among the threads: the one whose largest part is smallest, by panels rather
  /// than by rows where two are equal, for then each thread reads only its own weights. `unit` panels stay together.
  private func split(_ rows: Int, _ weights: PackedMatrix, unit: Int) -> (rows: Int, panels: Int) {
    let panels = (weights.panels + unit - 1) / unit
    let parts = parts(.max, work: rows * weights.panels * weights.inputs, grain: .product)
    guard parts > 1, rows > 0, panels > 0 else { return (1, 1) }
    let tiles = (rows + 11) / 12
    var best = (rows: 1, panels: 1)
    var bestCost = Int.max
    for panelParts in stride(from: min(parts, panels), through: 1, by: -1) {
      let rowParts = min(parts / panelParts, tiles)
      let cost = ((tiles + rowParts - 1) / rowParts) * ((panels + panelParts - 1) / panelParts)
      if cost < bestCost {
        bestCost = cost
        best = (rowParts, panelParts)
      }
    }
    return best
  }

  private struct Input {
    let base: UnsafePointer<Float>
    let stride: Int
    var scales: UnsafePointer<Float>?
    var sums: UnsafePointer<Int32>?
  }

  /// The inputs as the product of these weights reads them: x itself in float32, otherwise rounded, in the workspace.
  private func prepare(_ x: Matrix, _ weights: PackedMatrix, _ workspace: Workspace) throws(Failure) -> Input {
    guard weights.compute != .float32 else { return Input(base: x.base, stride: x.stride) }
    let isInt4 = weights.compute == .int4
    let widened = kernels.products.widensInputs(weights.compute, paired: weights.paired)
    // A group of 32 inputs is 8 units. An odd number of cache lines to a row: a power of two would put the rows of a
    // tile into few sets of the cache.
    let steps = ((weights.steps * (isInt4 ? 8 : widened ? 2 : 1) + 15) & ~15) | 16
    let units = try workspace.take(x.rows * steps, of: Float.self)
    let scales = try workspace.take(x.rows, of: Float.self)
    let sums = isInt4 ? try workspace.take(x.rows * weights.steps, of: Int32.self) : nil
    let arguments = PrepareArguments(
      x: x.base, xStride: x.stride, columns: weights.inputs, to: units, steps: steps, widened: widened,
      scales: scales, block: weights.block, sums: sums)
    let parts = parts(x.rows, work: x.rows * weights.inputs, grain: .conversion)
    let scratch = weights.block > 1 ? try workspace.take(parts * weights.inputs, of: Float.self) : nil
    var job = PrepareJob(
      arguments: arguments, kernels: kernels, bfloat16: weights.compute == .bfloat16, rows: x.rows, parts: parts,
      scratch: scratch)
    run(&job, parts: parts) { context, part in
      let job = context.assumingMemoryBound(to: PrepareJob.self)
      let rows = (0..<job.pointee.rows).share(part, of: job.pointee.parts)
      let kernels = job.pointee.kernels.conversions
      let scratch = job.pointee.scratch.map { $0 + part * job.pointee.arguments.columns }
      withUnsafePointer(to: &job.pointee.arguments) {
        job.pointee.bfloat16 ? kernels.prepareBFloat16($0, rows, scratch) : kernels.prepareInt8($0, rows, scratch)
      }
    }
    return Input(base: units, stride: steps, scales: scales, sums: sums)
  }
}
