import AttendBase

/// One stored weight matrix in memory that the checkpoint owns: [rows, columns], rows being outputs; or `transposed`, stored [columns, rows].
package struct StoredMatrix: @unchecked Sendable {
  package let base: UnsafeRawPointer
  /// float32, float16 or bfloat16.
  package let type: ElementType
  /// Outputs.
  package let rows: Int
  /// Inputs.
  package let columns: Int
  package let transposed: Bool
  /// Elements from one stored row to the next: more than a row holds where the matrix is a part of a wider one.
  package let stride: Int

  package init(base: UnsafeRawPointer, type: ElementType, rows: Int, columns: Int, transposed: Bool = false, stride: Int? = nil) {
    self.base = base
    self.type = type
    self.rows = rows
    self.columns = columns
    self.transposed = transposed
    self.stride = stride ?? (transposed ? rows : columns)
  }

  /// Elements from one output to the next, and from one input to the next.
  var outputStep: Int { transposed ? 1 : stride }
  var inputStep: Int { transposed ? stride : 1 }
}

/// Weights as the kernels read them: panels of 32 outputs, `[outputs / 32][inputs][32]`, the last filled up with zeros. Immutable.
package final class PackedMatrix: Sendable {
  package let outputs: Int
  package let inputs: Int
  package let compute: ComputeType
  private let buffer: AlignedBuffer

  /// Memory that the weights take.
  package var bytes: Int { buffer.bytes }

  /// The panels.
  var base: UnsafeRawPointer { UnsafeRawPointer(buffer.base) }

  var panels: Int { (outputs + panelWidth - 1) / panelWidth }

  /// Packs matrices one below the other along their outputs, as one: queries, keys and values of a layer are one product. All have equally
  /// many columns, and there is at least one. The sources are not needed afterwards.
  package init(_ sources: [StoredMatrix], compute: ComputeType, engine: Engine) throws(Failure) {
    for source in sources {
      guard [.float32, .float16, .bfloat16].contains(source.type) else {
        throw Failure(.unsupported, "weights of type \(source.type) cannot be packed; only float32, float16 and bfloat16 can")
      }
      guard source.columns == sources[0].columns else {
        throw Failure(.internalError, "matrices of \(sources[0].columns) and \(source.columns) columns cannot be packed as one")
      }
    }
    outputs = sources.reduce(0) { $0 + $1.rows }
    inputs = sources.first?.columns ?? 0
    self.compute = compute
    let count = (outputs + panelWidth - 1) / panelWidth * panelWidth
    let (elements, overflow) = count.multipliedReportingOverflow(by: inputs)
    guard !overflow else { throw .outOfMemory(Int.max, for: "weights") }
    buffer = try AlignedBuffer(elements, of: Float.self, for: "weights")
    pack(sources, engine)
  }

  private struct PackJob {
    let sources: UnsafeBufferPointer<StoredMatrix>
    let kernels: KernelTable
    let to: UnsafeMutablePointer<Float>
    let panels: Int
    let inputs: Int
    let parts: Int
  }

  private func pack(_ sources: [StoredMatrix], _ engine: Engine) {
    let parts = engine.parts(panels, work: outputs * inputs, grain: 1 << 15)
    sources.withUnsafeBufferPointer { sources in
      var job = PackJob(sources: sources, kernels: engine.kernels, to: buffer.pointer(), panels: panels, inputs: inputs, parts: parts)
      engine.run(&job, parts: parts) { context, part in
        let job = context.assumingMemoryBound(to: PackJob.self).pointee
        for panel in (0..<job.panels).share(part, of: job.parts) { PackedMatrix.packPanel(panel, job) }
      }
    }
  }

  private static func packPanel(_ panel: Int, _ job: PackJob) {
    let to = job.to + panel * panelWidth * job.inputs
    var lane = 0  // lanes filled
    var first = panel * panelWidth  // output of the next lane, counted from the source at hand
    for source in job.sources {
      let lanes = min(panelWidth - lane, source.rows - first)
      if lanes > 0 {
        var arguments = PackArguments(
          source: source.base, type: source.type, inputs: job.inputs, outputStep: source.outputStep, inputStep: source.inputStep, destination: to)
        job.kernels.pack(&arguments, first, lane, lanes)
        lane += lanes
        first += lanes
      }
      first -= source.rows
    }
    guard lane < panelWidth else { return }
    for k in 0..<job.inputs {
      for empty in lane..<panelWidth { to[k * panelWidth + empty] = 0 }
    }
  }
}
