import AttendBase
import AttendKernelInterface

/// Weights as the kernels read them: panels of 32 outputs, all inputs of a panel together, the last panel filled up
/// with zeros. Immutable.
package final class PackedMatrix: Sendable {
  /// Columns of a product's result.
  package let outputs: Int
  package let inputs: Int
  package let compute: ComputeType
  /// Two matrices of `outputs` each whose panels take turns: the gate, and what it opens for.
  package let gated: Bool
  let panels: Int
  /// Units of 32 bits along the inputs of a panel; in 4 bits groups of 32 inputs.
  let steps: Int
  /// Inputs and outputs from which on weights of 8 bits are rounded so that two neighbours' products fit 16 bits, which
  /// CPUs without dot products of bytes multiply faster. In narrower models the coarser steps hardly average out.
  private static let pairedWidth = 512
  /// Whether they are.
  let paired: Bool
  /// Inputs that are rotated together before they are rounded, see `KernelTable.Conversions.rotate`; 1: they are not.
  let block: Int
  private let weights: WeightMemory
  private let scaling: AlignedBuffer?  // 8-bit: [panels * 32] scales, then as many offsets

  /// Memory that the weights take, or where they are mapped would take.
  package var bytes: Int { weights.bytes + (scaling?.bytes ?? 0) }

  var base: UnsafeMutablePointer<Float> { weights.base.assumingMemoryBound(to: Float.self) }
  var scales: UnsafeMutablePointer<Float>? { scaling?.pointer() }
  var offsets: UnsafeMutablePointer<Int32>? {
    scaling.map {
      ($0.base + panels * panelWidth * MemoryLayout<Float>.stride).assumingMemoryBound(to: Int32.self)
    }
  }

  /// Packs matrices one below the other along their outputs, as one: queries, keys and values of a layer are one
  /// product. All have equally many columns, and there is at least one. The sources are not needed afterwards. Weights
  /// in fewer bits are rounded to nearest.
  package convenience init(
    _ sources: FixedArray<StoredMatrix>, compute: ComputeType, engine: Engine
  ) throws(Failure) {
    try self.init(sources, gated: false, compute, engine)
  }

  /// The same for few of them.
  package convenience init(_ sources: [StoredMatrix], compute: ComputeType, engine: Engine) throws(Failure) {
    try self.init(
      try FixedArray(sources.count, for: PackedMatrix.purpose) { sources[$0] }, gated: false, compute, engine)
  }

  /// The purpose of memory that is named where the system gives none.
  package static let purpose = "the parts of a matrix"

  /// Packs the two matrices of a gated layer, of equal shape: products become `activation(x Gᵀ) * (x Uᵀ)` (Shazeer
  /// 2020, arXiv:2002.05202).
  package convenience init(gate: StoredMatrix, up: StoredMatrix, compute: ComputeType, engine: Engine) throws(Failure) {
    guard gate.rows == up.rows else {
      throw Failure(.internalError, "a gate of \(gate.rows) outputs does not fit one of \(up.rows)")
    }
    let sources = try FixedArray(2, for: PackedMatrix.purpose) { $0 == 0 ? gate : up }
    try self.init(sources, gated: true, compute, engine)
  }

  private init(
    _ sources: FixedArray<StoredMatrix>, gated: Bool, _ compute: ComputeType, _ engine: Engine
  ) throws(Failure) {
    for source in sources {
      guard StoredMatrix.types.contains(source.type) else {
        throw Failure(
          .unsupported, "weights of type \(source.type) cannot be packed; only float32, float16 and bfloat16 can")
      }
      guard source.columns == sources[0].columns else {
        throw Failure(
          .internalError, "matrices of \(sources[0].columns) and \(source.columns) columns cannot be packed as one")
      }
    }
    self.compute = compute
    self.gated = gated
    inputs = sources.isEmpty ? 0 : sources[0].columns
    outputs = gated ? sources[0].rows : sources.reduce(0) { $0 + $1.rows }
    panels = (outputs + panelWidth - 1) / panelWidth * (gated ? 2 : 1)
    steps = (inputs + compute.inputsPerStep - 1) / compute.inputsPerStep
    paired = PackedMatrix.pairs(compute, inputs, outputs)
    block = compute == .int8 || compute == .int4 ? PackedMatrix.rotationBlock(inputs) : 1
    weights = try WeightMemory(
      floats: try PackedMatrix.product(panels, steps * compute.floatsPerStep), in: engine.store,
      interleaved: engine.spreadsWeights)
    scaling =
      compute == .int8 ? try AlignedBuffer(2 * panels * panelWidth, of: Float.self, for: "the scales of weights") : nil
    try pack(sources, engine)
    weights.settle()
  }

  /// Inputs that are rotated together: the largest power of two that divides their number, up to the largest block that
  /// the kernels turn in registers.
  static func rotationBlock(_ inputs: Int) -> Int { min(128, inputs & -inputs) }

  private static func pairs(_ compute: ComputeType, _ inputs: Int, _ outputs: Int) -> Bool {
    compute == .int8 && min(inputs, outputs) >= pairedWidth
  }

  /// A matrix in 8 bits from the bytes that `write` gave of one.
  init(saved: UnsafeRawBufferPointer, outputs: Int, inputs: Int) throws(Failure) {
    (compute, gated) = (.int8, false)
    (self.outputs, self.inputs) = (outputs, inputs)
    panels = (outputs + panelWidth - 1) / panelWidth
    steps = (inputs + compute.inputsPerStep - 1) / compute.inputsPerStep
    paired = PackedMatrix.pairs(compute, inputs, outputs)
    block = PackedMatrix.rotationBlock(inputs)
    weights = try WeightMemory(
      floats: try PackedMatrix.product(panels, steps * compute.floatsPerStep), in: nil, interleaved: false)
    let scaling = try AlignedBuffer(2 * panels * panelWidth, of: Float.self, for: "the scales of weights")
    self.scaling = scaling
    guard let start = saved.baseAddress, saved.count == bytes else {
      throw Failure(.internalError, "a matrix of \(saved.count) bytes, and \(bytes) are its own")
    }
    weights.base.copyMemory(from: start, byteCount: weights.bytes)
    scaling.base.copyMemory(from: start + weights.bytes, byteCount: scaling.bytes)
  }

  /// Gives the weights and their scales as bytes.
  func write(_ sink: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
    try sink(UnsafeRawBufferPointer(start: weights.base, count: weights.bytes))
    if let scaling { try sink(UnsafeRawBufferPointer(start: scaling.base, count: scaling.bytes)) }
  }

  /// Runs a product with the weights in memory, where they are kept until it is over.
  func use(_ body: () throws(Failure) -> Void) throws(Failure) { try weights.use(body) }

  /// Says that products will come soon, for weights that are read when a router asks for them.
  package func expect() { weights.expect() }

  /// Has the weights of one output in memory.
  func bring(_ output: Int) throws(Failure) {
    let panel = steps * compute.floatsPerStep * MemoryLayout<Float>.stride, first = output / panelWidth * panel
    try weights.bring(first..<first + panel)
  }

  /// Floats of `panels` panels of `each` floats.
  private static func product(_ panels: Int, _ each: Int) throws(Failure) -> Int {
    let (floats, overflow) = panels.multipliedReportingOverflow(by: each)
    guard !overflow else { throw .outOfMemory(Int.max, for: "weights") }
    return floats
  }

  private struct PackJob {
    let matrix: PackedMatrix
    let sources: UnsafeBufferPointer<StoredMatrix>
    let kernels: KernelTable
    let scratch: UnsafeMutablePointer<Float>?  // a float32 panel for each part, unless weights stay float32
    let expanded: UnsafeMutablePointer<Float>?  // the same for the outputs of a panel, where any are expanded
    let parts: Int
  }

  private func pack(_ sources: FixedArray<StoredMatrix>, _ engine: Engine) throws(Failure) {
    let parts = engine.parts(panels, work: panels * panelWidth * inputs, grain: .packing)
    let scratch =
      compute == .float32 ? nil : try AlignedBuffer(parts * inputs * panelWidth, of: Float.self, for: "packing weights")
    let expanded =
      sources.contains { $0.expansion != nil }
      ? try AlignedBuffer(parts * inputs * panelWidth, of: Float.self, for: "expanding weights") : nil
    sources.withUnsafeBufferPointer { sources in
      var job = PackJob(
        matrix: self, sources: sources, kernels: engine.kernels, scratch: scratch?.pointer(),
        expanded: expanded?.pointer(), parts: parts)
      engine.run(&job, parts: parts) { context, part in
        let job = context.assumingMemoryBound(to: PackJob.self).pointee
        for panel in (0..<job.matrix.panels).share(part, of: job.parts) { job.matrix.packPanel(panel, job, part) }
      }
    }
    withExtendedLifetime((scratch, expanded)) {}  // the job holds no more than their addresses
  }

  private func packPanel(_ panel: Int, _ job: PackJob, _ part: Int) {
    let to = base + panel * steps * compute.floatsPerStep
    guard let scratch = job.scratch else { return gatherPanel(panel, job, part, to) }
    let wide = scratch + part * inputs * panelWidth
    gatherPanel(panel, job, part, wide)
    if block > 1 { job.kernels.conversions.rotatePanel(wide, inputs, block) }
    var arguments = CompressArguments(
      panel: wide, inputs: inputs, to: to, scales: scales.map { $0 + panel * panelWidth },
      offsets: offsets.map { $0 + panel * panelWidth }, paired: paired)
    switch compute {
    case .float32: break
    case .bfloat16: job.kernels.conversions.compressBFloat16(&arguments)
    case .int8: job.kernels.conversions.compressInt8(&arguments)
    case .int4: job.kernels.conversions.compressInt4(&arguments)
    }
  }

  /// Fills a float32 panel, [inputs][32], from the sources.
  private func gatherPanel(_ panel: Int, _ job: PackJob, _ part: Int, _ to: UnsafeMutablePointer<Float>) {
    var lane = 0  // lanes filled
    var first = (gated ? panel / 2 : panel) * panelWidth  // output of the next lane, counted from the source at hand
    for (index, source) in job.sources.enumerated() where !gated || index == panel % 2 {
      let lanes = min(panelWidth - lane, source.rows - first)
      if lanes > 0 {
        var arguments = PackArguments(
          source: source.base, type: source.type, inputs: inputs, outputStep: source.outputStep,
          inputStep: source.inputStep, destination: to)
        var output = first
        if let expansion = source.expansion, let expanded = job.expanded {
          let rows = expanded + part * inputs * panelWidth
          for row in 0..<lanes { expansion.read(first + row, into: rows + row * inputs) }
          (arguments.source, arguments.outputStep, output) = (UnsafeRawPointer(rows), inputs, 0)
        }
        job.kernels.conversions.pack(&arguments, output, lane, lanes)
        source.release?(first..<first + lanes)
        lane += lanes
        first += lanes
      }
      first -= source.rows
    }
    guard lane < panelWidth else { return }
    for k in 0..<inputs { for empty in lane..<panelWidth { to[k * panelWidth + empty] = 0 } }
  }

  /// Writes the weights of one output, times `scale`: what products with the packed weights see. Not gated.
  func read(_ output: Int, scale: Float, into row: UnsafeMutablePointer<Float>, _ kernels: KernelTable) {
    let lane = output % panelWidth
    let panel = base + output / panelWidth * steps * compute.floatsPerStep
    let units = UnsafeRawPointer(panel).assumingMemoryBound(to: UInt32.self) + lane
    switch compute {
    case .float32: kernels.conversions.convert(panel + lane, .float32, panelWidth, scale, inputs, row)
    case .bfloat16:
      for k in 0..<inputs {
        let unit = units[k / 2 * panelWidth]
        row[k] = Float(bitPattern: k % 2 == 0 ? unit << 16 : unit & 0xffff_0000) * scale
      }
    case .int8:
      let factor = scales![output]
      for k in 0..<inputs {
        row[k] = Float(Int8(truncatingIfNeeded: units[k / 4 * panelWidth] >> UInt32(k % 4 * 8))) * factor * scale
      }
    case .int4:
      for k in 0..<inputs {
        let group = k / quantizedGroup * compute.floatsPerStep, within = k % quantizedGroup
        let unit =
          units[group + panelWidth / 2 + within / 8 * panelWidth] >> UInt32(within % 4 * 8 + within / 4 % 2 * 4)
        // Two scales to a unit: of an output of the first half of the panel, and of one of the second.
        let scales = UnsafeRawPointer(panel + group + lane % 16).load(as: UInt32.self)
        row[k] = Float(Int(unit & 15) - 8) * Float(bitPattern: lane < 16 ? scales << 16 : scales & 0xffff_0000) * scale
      }
    }
    if block > 1 { kernels.conversions.rotate(row, row, inputs, block) }
  }
}

extension ComputeType {
  /// Inputs of a step of the kernels.
  fileprivate var inputsPerStep: Int {
    switch self {
    case .float32: 1
    case .bfloat16: 2
    case .int8: 4
    case .int4: quantizedGroup
    }
  }

  /// Floats, or units of 32 bits, that a step takes in a panel: in 4 bits 16 of scales and four times 32.
  fileprivate var floatsPerStep: Int { self == .int4 ? panelWidth / 2 + 4 * panelWidth : panelWidth }
}
