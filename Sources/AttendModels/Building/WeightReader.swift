import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers
import Glibc

/// Reads the tensors of a checkpoint by name, checks their shapes, lays them out for the kernels, and knows in the end
/// what was not read.
final class WeightReader {
  private let checkpoint: Checkpoint
  let engine: Engine
  let compute: ComputeType
  private let progress: (Double) -> Bool
  private let totalBytes: Int
  private var readBytes = 0
  private var read: Set<String> = []
  private var relativeBiases: [String: AlignedBuffer] = [:]  // by the name of their table
  private var packedTables: [String: PackedMatrix] = [:]  // whole matrices that two users share, by name
  private var expanded: [String: AlignedBuffer] = [:]  // matrices made of smaller types, until they are packed
  private var narrowed: [String: StoredTensor] = [:]  // float32 of what is stored in float64, until it is packed
  private var tables: Set<String> = []  // tensors that are read in the file as long as the model lives

  /// Elements of the weights that were read, each counted once.
  private(set) var parameters = 0
  /// Bytes of memory that they take as the kernels read them; tables that stay in the mapped file are not among them.
  private(set) var weightBytes = 0

  /// `progress` hears the share of the bytes that were read, below 1; false stops the reading.
  init(_ checkpoint: Checkpoint, engine: Engine, compute: ComputeType, progress: @escaping (Double) -> Bool) {
    self.checkpoint = checkpoint
    self.engine = engine
    self.compute = compute
    self.progress = progress
    self.totalBytes = max(checkpoint.tensors.reduce(0) { $0 + $1.bytes.count }, 1)
  }

  func has(_ name: String) -> Bool { checkpoint[name] != nil }

  /// Whether the checkpoint holds the weights of a product.
  func has(_ linear: LinearBlueprint, prefix: String) -> Bool {
    has(prefix + linear.weightName) || has(prefix + linear.blocksName)
  }

  /// Whether two tensors hold the same.
  func areEqual(_ one: String, _ other: String) -> Bool {
    guard let one = checkpoint[one], let other = checkpoint[other], one.type == other.type, one.shape == other.shape
    else { return false }
    guard let first = one.bytes.baseAddress, let second = other.bytes.baseAddress else {
      return one.bytes.count == other.bytes.count
    }
    return memcmp(first, second, one.bytes.count) == 0
  }

  /// The first of several spellings whose tensor exists; the first of all where none does, so that its absence is
  /// reported.
  func first(of names: [String], _ name: (String) -> String) -> String {
    names.first { has(name($0)) } ?? names[0]
  }

  /// A vector of `count` numbers as float32; stored as `[count]` or `[1, count]`.
  func vector(_ name: String, _ count: Int) throws(Failure) -> AlignedBuffer {
    let vector = try AlignedBuffer(count, of: Float.self, for: "tensor \(name)")
    try read(name, count, to: vector.pointer())
    return vector
  }

  /// Vectors of `count` numbers one after another.
  func vectors(_ names: [String], _ count: Int) throws(Failure) -> AlignedBuffer {
    let vectors = try AlignedBuffer(names.count * count, of: Float.self, for: "tensors like \(names.first ?? "")")
    for (index, name) in names.enumerated() {
      try read(name, count, to: vectors.pointer(to: Float.self) + index * count)
    }
    return vectors
  }

  /// The biases of distances that the table `name`, `[buckets, heads]`, stands for. Layers that share a table share the
  /// result.
  func relativeBias(_ name: String, _ buckets: RelativeBuckets, heads: Int) throws(Failure) -> AlignedBuffer {
    if let bias = relativeBiases[name] { return bias }
    let table = try table(name, rows: buckets.count, width: heads)
    let bias = try buckets.spelledOut(table.pointer(), heads: heads)
    withExtendedLifetime(table) {}
    relativeBiases[name] = bias
    return bias
  }

  /// A table of `rows` vectors of `width` numbers as float32. More rows than needed may be stored.
  func table(_ name: String, rows: Int, width: Int) throws(Failure) -> AlignedBuffer {
    let stored = max(checkpoint[name]?.shape.first ?? 0, rows)
    let tensor = try tensor(name, [stored, width])
    let table = try AlignedBuffer(stored * width, of: Float.self, for: "tensor \(name)")
    convert(tensor, stored * width, to: table.pointer())
    return table
  }

  /// Products with the same input as one, their outputs one after another, in `compute` or by default in the model's
  /// type.
  ///
  /// `refinesLast` says that the last product bears rounding badly. In 8 bits of fewer than 512 inputs, over which
  /// errors hardly average out, its weights then get as many bits again.
  func linear(
    _ parts: [LinearBlueprint], prefix: String, compute: ComputeType? = nil, refinesLast: Bool = false
  ) throws(Failure) -> Linear {
    let blocks = try parts.map { (part) throws(Failure) in try matrices(part, prefix: prefix) }
    let weights = try count(PackedMatrix(Array(blocks.joined()), compute: compute ?? self.compute, engine: engine))
    let refines = refinesLast && weights.compute == .int8 && weights.inputs < 512
    let refinement = refines ? try count(errors(of: weights, blocks[blocks.count - 1])) : nil
    release(parts, prefix)
    return Linear(weights: weights, bias: try bias(parts, prefix: prefix), refinement: refinement)
  }

  /// What rounding took from the last outputs of packed weights, which came from `sources`.
  private func errors(of weights: PackedMatrix, _ sources: [StoredMatrix]) throws(Failure) -> PackedMatrix {
    let rows = sources.reduce(0) { $0 + $1.rows }, columns = weights.inputs
    let tables = try AlignedBuffer(2 * rows * columns, of: Float.self, for: "the rounding errors of weights")
    let errors = Matrix(tables.pointer(), rows: rows, columns: columns)
    let seen = Matrix(tables.pointer() + rows * columns, rows: rows, columns: columns)
    engine.gather((0..<rows).map { Int32(weights.outputs - rows + $0) }, count: rows, from: weights, into: seen)
    var first = 0
    for source in sources {
      engine.gather(
        (0..<source.rows).map { Int32($0) }, count: source.rows, from: source, into: errors.rows(first, source.rows))
      first += source.rows
    }
    engine.add(seen, to: errors, scale: -1)
    defer { withExtendedLifetime(tables) {} }
    return try PackedMatrix(
      [StoredMatrix(base: errors.base, type: .float32, rows: rows, columns: columns)], compute: weights.compute,
      engine: engine)
  }

  /// A gated product: `activation(x Gᵀ + b) * (x Uᵀ + b')`.
  func gated(_ gate: LinearBlueprint, _ up: LinearBlueprint, prefix: String) throws(Failure) -> Linear {
    let weights = try count(
      PackedMatrix(
        gate: try matrix(gate, prefix: prefix), up: try matrix(up, prefix: prefix), compute: compute, engine: engine))
    release([gate, up], prefix)
    return Linear(weights: weights, bias: try bias([gate, up], prefix: prefix))
  }

  /// What is packed need not stand in memory twice: the peak of loading stays near the packed weights. Panels have
  /// released most of it already; a tensor of several matrices goes with the last.
  private func release(_ parts: [LinearBlueprint], _ prefix: String) {
    (expanded, narrowed) = ([:], [:])
    for part in parts where part.slice.map({ $0.index == $0.count - 1 }) ?? true {
      for name in [part.weightName, part.blocksName, part.scalesName] { checkpoint[prefix + name]?.dontNeed() }
    }
  }

  /// The biases of products one after another, zeros where one has none; nil where none has one.
  private func bias(_ parts: [LinearBlueprint], prefix: String) throws(Failure) -> AlignedBuffer? {
    let names = parts.map { biasName($0, prefix: prefix) }
    guard names.contains(where: { $0 != nil }) else { return nil }
    let bias = try AlignedBuffer(
      parts.reduce(0) { $0 + $1.outputs }, of: Float.self, for: "the bias of \(prefix)\(parts[0].name)")
    var next: UnsafeMutablePointer<Float> = bias.pointer()
    for (part, name) in zip(parts, names) {
      if let name { try readBias(name, part, to: next) } else { next.update(repeating: 0, count: part.outputs) }
      next += part.outputs
    }
    return bias
  }

  private func biasName(_ linear: LinearBlueprint, prefix: String) -> String? {
    switch linear.bias {
    case .none: nil
    case .own: prefix + linear.biasName
    case .optional(let name): has(name) ? name : nil
    }
  }

  /// The one block of rows of a stored matrix that a product is made of.
  private func matrix(_ linear: LinearBlueprint, prefix: String) throws(Failure) -> StoredMatrix {
    let blocks = try matrices(linear, prefix: prefix)
    guard blocks.count == 1 else {
      throw Failure(.internalError, "\(linear.name): a gate is one block of rows, not \(blocks.count)")
    }
    return blocks[0]
  }

  /// The blocks of rows of a stored matrix that a product is made of.
  private func matrices(_ linear: LinearBlueprint, prefix: String) throws(Failure) -> [StoredMatrix] {
    let whole = try wholeMatrix(linear, prefix: prefix)
    guard let part = linear.part else { return [whole] }
    return part.starts.map { whole.outputs(from: $0, count: part.blockRows, step: part.step) }
  }

  /// The stored matrix that a product has a part in.
  private func wholeMatrix(_ linear: LinearBlueprint, prefix: String) throws(Failure) -> StoredMatrix {
    if let expanded = try expandedMatrix(linear, prefix: prefix) { return expanded }
    let rows = linear.storedRows
    let shape = linear.isTransposed ? [linear.inputs, rows] : [rows, linear.inputs]
    let tensor = try tensor(prefix + linear.weightName, (linear.slice.map { [$0.count] } ?? []) + shape)
    let row = linear.inputs * tensor.type.size  // bytes
    let start = (linear.slice?.index ?? 0) * rows * row
    return StoredMatrix(
      base: tensor.bytes.baseAddress! + start, type: tensor.type, rows: rows, columns: linear.inputs,
      transposed: linear.isTransposed,
      release: { tensor.dontNeed(start + $0.lowerBound * row..<start + $0.upperBound * row) })
  }

  /// The stored matrix of a slice whose tensor is kept in 4 bits (`Microscaled`), as bfloat16 until it is packed; nil
  /// for any other.
  private func expandedMatrix(_ linear: LinearBlueprint, prefix: String) throws(Failure) -> StoredMatrix? {
    guard let slice = linear.slice, has(prefix + linear.blocksName) else { return nil }
    let (rows, groups) = (linear.storedRows, linear.inputs / Microscaled.group)
    guard linear.inputs.isMultiple(of: Microscaled.group) else {
      throw Failure(
        .unsupported,
        "\(checkpoint.folder): tensor \(prefix)\(linear.blocksName) has rows of \(linear.inputs) numbers, not a multiple of \(Microscaled.group)"
      )
    }
    let blocks = try bytes(
      prefix + linear.blocksName, [slice.count, rows, groups, Microscaled.blockBytes], numbersPerByte: 2)
    let scales = try bytes(prefix + linear.scalesName, [slice.count, rows, groups], numbersPerByte: 0)
    let key = "\(prefix)\(linear.name) \(slice.index)"
    if expanded[key] == nil {
      let first = slice.index * rows * groups
      let stored = Microscaled(
        blocks: blocks + first * Microscaled.blockBytes, scales: scales + first, rows: rows, groups: groups)
      expanded[key] = try engine.expand(stored)
    }
    return expanded[key].map { StoredMatrix(base: $0.base, type: .bfloat16, rows: rows, columns: linear.inputs) }
  }

  /// A tensor of bytes, each of which stands for so many weights.
  private func bytes(_ name: String, _ shape: [Int], numbersPerByte: Int) throws(Failure) -> UnsafePointer<UInt8> {
    let tensor = try checkpoint.tensor(name, shape: shape)
    guard tensor.type == .uint8 else {
      throw Failure(.unsupported, "\(tensor.file): tensor \"\(name)\" holds \(tensor.type); it must be uint8")
    }
    try note(tensor, parameters: numbersPerByte * tensor.count)
    return tensor.bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
  }

  /// The numbers of the bias `name` that belong to a product.
  private func readBias(
    _ name: String, _ linear: LinearBlueprint, to target: UnsafeMutablePointer<Float>
  ) throws(Failure) {
    let rows = linear.storedRows
    let part = linear.part ?? LinearBlueprint.Part(rows: rows, starts: [0], blockRows: rows)
    let tensor = try tensor(name, (linear.slice.map { [$0.count] } ?? []) + [rows], or: [1, rows])
    let first = (linear.slice?.index ?? 0) * rows
    for (index, start) in part.starts.enumerated() {
      convert(tensor, from: first + start, step: part.step, part.blockRows, to: target + index * part.blockRows)
    }
  }

  /// A whole matrix, packed; asked for twice it is the same object.
  func packed(_ name: String, rows: Int, columns: Int) throws(Failure) -> PackedMatrix {
    if let matrix = packedTables[name] { return matrix }
    let packed = try count(
      PackedMatrix([try matrix(name, rows: rows, columns: columns)], compute: compute, engine: engine))
    packedTables[name] = packed
    checkpoint[name]?.dontNeed()
    return packed
  }

  /// A matrix `[rows, heads * headDim]` that was computed, packed head by head in float32.
  func heads(_ x: Matrix, headDim: Int) throws(Failure) -> [PackedMatrix] {
    var heads: [PackedMatrix] = []
    for first in stride(from: 0, to: x.columns, by: headDim) {
      let head = StoredMatrix(
        base: UnsafeRawPointer(x.base + first), type: .float32, rows: x.rows, columns: headDim, stride: x.stride)
      heads.append(count(try PackedMatrix([head], compute: .float32, engine: engine)))
    }
    return heads
  }

  /// The product of `taps` neighbours, `[taps * width]`, with `name.weight`, stored `[width, width, taps]`, and
  /// `name.bias`.
  func convolution(_ name: String, width: Int, taps: Int) throws(Failure) -> Linear {
    let tensor = try tensor("\(name).weight", [width, width, taps])
    let numbers = width * width * taps
    let stored = try AlignedBuffer(numbers, of: Float.self, for: "tensor \(name).weight")
    let ordered = try AlignedBuffer(numbers, of: Float.self, for: "tensor \(name).weight")
    passing { convert(tensor, numbers, to: stored.pointer()) }
    let (from, to) = (stored.pointer(to: Float.self), ordered.pointer(to: Float.self))
    for row in 0..<width * width {
      let (output, input) = (row / width, row % width)
      for tap in 0..<taps { to[(output * taps + tap) * width + input] = from[row * taps + tap] }
    }
    let matrix = StoredMatrix(base: ordered.base, type: .float32, rows: width, columns: taps * width)
    return Linear(
      weights: count(try PackedMatrix([matrix], compute: compute, engine: engine)),
      bias: try vector("\(name).bias", width))
  }

  /// Runs `body`, whose result is not kept in the model: what it reads counts as read, not as memory.
  func passing<Result, Problem: Error>(_ body: () throws(Problem) -> Result) throws(Problem) -> Result {
    let before = weightBytes
    defer { weightBytes = before }
    return try body()
  }

  /// A token table that is read where the file is mapped.
  func storedTable(_ name: String, rows: Int, columns: Int) throws(Failure) -> TokenTable {
    tables.insert(name)
    let table = try tensor(name, [rows, columns])
    return .stored(WeightReader.matrix(table, rows: rows, columns: columns), owner: table.owner ?? checkpoint)
  }

  /// Throws if the checkpoint holds a tensor that was neither read nor is in `ignored`. To be called last: of a copied
  /// checkpoint only what is still read stays in memory.
  func finish(family: String, ignored: Set<String>) throws(Failure) {
    for name in checkpoint.names where !read.contains(name) && !ignored.contains(name) {
      let shape = checkpoint[name].map { "\($0.shape) " } ?? ""
      throw Failure(
        .invalidFile,
        "\(checkpoint[name]?.file ?? checkpoint.folder): tensor \(name) \(shape)is not part of this \(family) model")
    }
    checkpoint.forget(but: tables)
  }

  private func count(_ packed: PackedMatrix) -> PackedMatrix {
    weightBytes += packed.bytes
    return packed
  }

  private func matrix(_ name: String, rows: Int, columns: Int) throws(Failure) -> StoredMatrix {
    WeightReader.matrix(try tensor(name, [rows, columns]), rows: rows, columns: columns)
  }

  private static func matrix(_ tensor: StoredTensor, rows: Int, columns: Int) -> StoredMatrix {
    let step = columns * tensor.type.size
    return StoredMatrix(
      base: tensor.bytes.baseAddress!, type: tensor.type, rows: rows, columns: columns,
      release: { tensor.dontNeed($0.lowerBound * step..<$0.upperBound * step) })
  }

  /// A tensor of one of two shapes, and of a type of floating-point numbers that weights come in.
  private func tensor(_ name: String, _ shape: [Int], or other: [Int]? = nil) throws(Failure) -> StoredTensor {
    if let tensor = narrowed[name], tensor.shape == shape || tensor.shape == other { return tensor }
    let tensor = try checkpoint.tensor(name, shape: shape, or: other)
    guard [.float32, .float16, .bfloat16, .float64].contains(tensor.type) else {
      throw Failure(
        .unsupported,
        "\(tensor.file): tensor \"\(name)\" holds \(tensor.type); weights must be float32, float16, bfloat16 or float64"
      )
    }
    try note(tensor, parameters: tensor.count)
    guard tensor.type == .float64 else { return tensor }
    let single = try tensor.narrowed()
    narrowed[name] = single
    return single
  }

  /// Counts a tensor the first time that it is read.
  private func note(_ tensor: StoredTensor, parameters count: Int) throws(Failure) {
    guard read.insert(tensor.name).inserted else { return }
    parameters += count
    readBytes += tensor.bytes.count
    guard progress(min(Double(readBytes) / Double(totalBytes), 0.999)) else {
      throw Failure(.cancelled, "loading \(checkpoint.folder) was cancelled by the progress callback")
    }
  }

  /// A vector of `count` numbers, stored as `[count]` or `[1, count]`, to memory of the caller's.
  private func read(_ name: String, _ count: Int, to target: UnsafeMutablePointer<Float>) throws(Failure) {
    convert(try tensor(name, [count], or: [1, count]), count, to: target)
  }

  /// `count` numbers of a tensor, every `step`-th from number `start` on, as float32. What converts token tables does
  /// this: the tensor is a table of a single row.
  private func convert(
    _ tensor: StoredTensor, from start: Int = 0, step: Int = 1, _ count: Int, to target: UnsafeMutablePointer<Float>
  ) {
    var first: Int32 = 0
    let base = tensor.bytes.baseAddress! + start * tensor.type.size
    let row = StoredMatrix(base: base, type: tensor.type, rows: 1, columns: count, transposed: true, stride: step)
    engine.gather(&first, count: 1, from: row, scale: 1, into: Matrix(target, rows: 1, columns: count))
    weightBytes += count * MemoryLayout<Float>.size
  }
}
