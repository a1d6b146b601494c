import AttendBase
import AttendCheckpoints
import AttendDispatch

/// The matrices that products are made of, as views of stored tensors: whole ones, blocks of their rows, slices of
/// tensors that hold many, and those stored in 4 bits.
final class MatrixReader {
  let tensors: TensorLog
  let engine: Engine
  private var expanded: [String: AlignedBuffer] = [:]  // slices that were stored in 4 bits, until they are packed
  private var lent = GrowingList<Int>(for: "the tensors that are being packed")  // the log's numbers of tensors

  init(_ tensors: TensorLog, engine: Engine) {
    self.tensors = tensors
    self.engine = engine
  }

  /// The blocks of rows of stored matrices that products are made of, one after another. To be packed before they are
  /// released.
  func blocks(_ parts: [LinearBlueprint], prefix: String) throws(Failure) -> FixedArray<StoredMatrix> {
    let count = parts.reduce(0) { $0 + $1.blocks }
    var (part, block, whole) = (0, 0, nil as StoredMatrix?)
    return try FixedArray(count, for: PackedMatrix.purpose) { (_) throws(Failure) in
      if block == parts[part].blocks { (part, block, whole) = (part + 1, 0, nil) }
      let matrix: StoredMatrix
      if let whole { matrix = whole } else { matrix = try self.whole(parts[part], prefix: prefix) }
      whole = matrix
      defer { block += 1 }
      return parts[part].block(block, of: matrix)
    }
  }

  /// The one block of rows of a stored matrix that a product is made of.
  func block(_ linear: LinearBlueprint, prefix: String) throws(Failure) -> StoredMatrix {
    guard linear.blocks == 1 else {
      throw Failure(.internalError, "\(linear.name): a gate is one block of rows, not \(linear.blocks)")
    }
    return linear.block(0, of: try whole(linear, prefix: prefix))
  }

  /// Whether the checkpoint holds the weights of a product, those of a slice in the shape that is meant.
  func holds(_ linear: LinearBlueprint, prefix: String) -> Bool {
    guard tensors.has(linear, prefix: prefix) else { return false }
    let name = linear.weightName(prefix)
    guard let slice = linear.slice, tensors.has(name) else { return true }
    return tensors.has(name, linear.storedShape.sliced(slice.count))
  }

  /// A tensor that is one matrix.
  func matrix(_ name: String, rows: Int, columns: Int) throws(Failure) -> StoredMatrix {
    MatrixReader.matrix(try tensors.matrix(name, TensorShape(rows, columns)), rows: rows, columns: columns)
  }

  /// The view of a tensor of this shape as a matrix, whose memory goes as its rows are packed.
  static func matrix(_ tensor: StoredTensor, rows: Int, columns: Int) -> StoredMatrix {
    if let source = tensor.rows { return expanded(tensor, source, from: 0, rows: rows) }
    let step = columns * tensor.type.size
    return StoredMatrix(
      base: tensor.bytes.baseAddress!, type: tensor.type, rows: rows, columns: columns,
      release: { tensor.dontNeed($0.lowerBound * step..<$0.upperBound * step) })
  }

  /// Rows `[first, first + rows)` of a tensor that are expanded as they are packed.
  private static func expanded(
    _ tensor: StoredTensor, _ source: StoredRows, from first: Int, rows: Int
  ) -> StoredMatrix {
    var release: (@Sendable (Range<Int>) -> Void)?
    if let step = source.rowBytes {
      release = { tensor.dontNeed((first + $0.lowerBound) * step..<(first + $0.upperBound) * step) }
    }
    return StoredMatrix(
      from: first, rows: rows, columns: source.columns, release: release,
      readRow: { (row, numbers) in source.read(row, into: numbers) })
  }

  /// The stored matrix that a product has a part in.
  private func whole(_ linear: LinearBlueprint, prefix: String) throws(Failure) -> StoredMatrix {
    if let slice = linear.slice, tensors.has(prefix + linear.blocksName) {
      return try microscaled(linear, slice, prefix: prefix)
    }
    let name = linear.weightName(prefix)
    if linear.slice == nil, linear.kernel == nil, !linear.isPointwise, !tensors.has(name),
      tensors.has(linear.kernelName(prefix))
    {
      return try kernel(linear, prefix: prefix)
    }
    let rows = linear.storedRows
    let tensor = try tensors.matrix(name, linear.storedShape.sliced(linear.slice?.count))
    try lend(tensor.name, linear)
    if linear.outputScale != nil || linear.outputGate != nil {
      let matrix = MatrixReader.matrix(tensor, rows: rows, columns: linear.inputs)
      return try scaled(linear, tensor, matrix, prefix: prefix)
    }
    if let source = tensor.rows {
      return MatrixReader.expanded(tensor, source, from: (linear.slice?.index ?? 0) * rows, rows: rows)
    }
    let row = linear.inputs * tensor.type.size  // bytes
    let start = (linear.slice?.index ?? 0) * rows * row
    return StoredMatrix(
      base: tensor.bytes.baseAddress! + start, type: tensor.type, rows: rows, columns: linear.inputs,
      transposed: linear.isTransposed,
      release: { tensor.dontNeed(start + $0.lowerBound * row..<start + $0.upperBound * row) })
  }

  /// The matrix of a product as Flax stores it: turned round, whichever way PyTorch stores it.
  private func kernel(_ linear: LinearBlueprint, prefix: String) throws(Failure) -> StoredMatrix {
    let (rows, inputs, isTurned) = (linear.storedRows, linear.inputs, !linear.isTransposed)
    let tensor = try tensors.weights(
      linear.kernelName(prefix), isTurned ? TensorShape(inputs, rows) : TensorShape(rows, inputs))
    try lend(tensor.name, linear)
    let matrix = StoredMatrix(
      base: tensor.bytes.baseAddress!, type: tensor.type, rows: rows, columns: inputs, transposed: isTurned)
    guard linear.outputScale != nil || linear.outputGate != nil else { return matrix }
    return try scaled(linear, tensor, matrix, prefix: prefix)
  }

  /// A matrix whose rows take a factor each, as float32 until it is packed.
  private func scaled(
    _ linear: LinearBlueprint, _ tensor: StoredTensor, _ stored: StoredMatrix, prefix: String
  ) throws(Failure) -> StoredMatrix {
    guard linear.part == nil, linear.slice == nil, !linear.isTransposed, linear.kernel == nil else {
      throw Failure(.internalError, "\(linear.name): factors on the outputs of a part are not implemented")
    }
    let (rows, columns) = (linear.outputs, linear.inputs)
    let factors = try self.factors(linear, prefix: prefix)
    let memory = try AlignedBuffer(rows * columns, of: Float.self, for: "tensor \(tensor.name)")
    let scaled = Matrix(memory.pointer(), rows: rows, columns: columns)
    let scale = factors.pointer(to: Float.self)
    let indices = try AlignedBuffer(rows, of: Int32.self, for: "tensor \(tensor.name)")
    for row in 0..<rows { indices.pointer(to: Int32.self)[row] = Int32(row) }
    engine.gather(
      indices.pointer(), count: rows, from: stored, into: scaled)
    for row in 0..<rows { for column in 0..<columns { scaled[row][column] *= scale[row] } }
    withExtendedLifetime((indices, factors)) {}
    expanded[tensor.name] = memory
    return StoredMatrix(base: memory.base, type: .float32, rows: rows, columns: columns)
  }

  /// The factors on the outputs of a product, `[outputs]`.
  func factors(_ linear: LinearBlueprint, prefix: String) throws(Failure) -> AlignedBuffer {
    let outputs = linear.outputs
    let factors = try AlignedBuffer(outputs, of: Float.self, for: "factors on the outputs of \(linear.name)")
    let numbers = factors.pointer(to: Float.self)
    numbers.update(repeating: 1, count: outputs)
    if let name = linear.outputScale {
      try read(try tensors.weights(prefix + name, TensorShape(outputs)), outputs, to: numbers)
    }
    if let name = linear.outputGate {
      let gate = try tensors.weights(prefix + name, TensorShape(1), or: TensorShape(1, 1, outputs))
      let gates = try AlignedBuffer(outputs, of: Float.self, for: "tensor \(gate.name)")
      let gateNumbers = gates.pointer(to: Float.self)
      try read(gate, gate.count, to: gateNumbers)
      for output in 0..<outputs {
        numbers[output] *= Float(Exponential.tanh(Double(gateNumbers[gate.count == 1 ? 0 : output])))
      }
      withExtendedLifetime(gates) {}
    }
    return factors
  }

  /// All numbers of a tensor as float32.
  private func read(
    _ tensor: StoredTensor, _ count: Int, to target: UnsafeMutablePointer<Float>
  ) throws(Failure) {
    var first: Int32 = 0
    engine.gather(
      &first, count: 1, from: MatrixReader.matrix(tensor, rows: 1, columns: count),
      into: Matrix(target, rows: 1, columns: count))
  }

  // MARK: 4 bits

  /// A slice whose tensor is kept in 4 bits (`Microscaled`), as bfloat16 until it is packed.
  private func microscaled(
    _ linear: LinearBlueprint, _ slice: LinearBlueprint.Slice, prefix: String
  ) throws(Failure) -> StoredMatrix {
    let name = "\(prefix)\(linear.name) \(slice.index)"
    let weights: AlignedBuffer
    if let found = expanded[name] {  // by the other half of a gate
      weights = found
    } else {
      weights = try engine.expand(try stored(linear, slice, prefix: prefix))
      expanded[name] = weights
    }
    return StoredMatrix(base: weights.base, type: .bfloat16, rows: linear.storedRows, columns: linear.inputs)
  }

  private func stored(
    _ linear: LinearBlueprint, _ slice: LinearBlueprint.Slice, prefix: String
  ) throws(Failure) -> Microscaled {
    let (rows, groups) = (linear.storedRows, linear.inputs / Microscaled.group)
    guard linear.inputs.isMultiple(of: Microscaled.group) else {
      throw Failure(
        .unsupported,
        "\(tensors.folder): tensor \(prefix)\(linear.blocksName) has rows of \(linear.inputs) numbers, not a multiple "
          + "of \(Microscaled.group)")
    }
    let blocks = try tensors.bytes(
      prefix + linear.blocksName, TensorShape(slice.count, rows, groups, Microscaled.blockBytes), numbersPerByte: 2)
    let scales = try tensors.bytes(
      prefix + linear.scalesName, TensorShape(slice.count, rows, groups), numbersPerByte: 0)
    try lend(prefix + linear.blocksName, linear)
    try lend(prefix + linear.scalesName, linear)
    let first = slice.index * rows * groups
    return Microscaled(
      blocks: blocks + first * Microscaled.blockBytes, scales: scales + first, rows: rows, groups: groups)
  }

  // MARK: Letting go

  /// Notes a tensor that a product reads; one of several matrices goes with the last.
  private func lend(_ name: String, _ linear: LinearBlueprint) throws(Failure) {
    if let slice = linear.slice, slice.index < slice.count - 1 { return }
    if let index = tensors.index(of: name), lent.elements.last != index { try lent.append(index) }
  }

  /// Says that the products read since the last time are packed. Panels have released most of their weights already.
  func release() {
    if !expanded.isEmpty { expanded = [:] }
    for index in lent.elements { tensors.release(index) }
    lent.removeAll()
  }
}

extension LinearBlueprint {
  /// The shape of the tensor that holds it, or of one of its slices.
  fileprivate var storedShape: TensorShape {
    if let kernel, let frames = kernelFrames {
      let area = frames * kernel.height * kernel.width
      return TensorShape([storedRows, inputs / area, frames, kernel.height, kernel.width])
    }
    if let kernel {
      return TensorShape(storedRows, inputs / (kernel.height * kernel.width), kernel.height, kernel.width)
    }
    if isPointwise { return TensorShape(storedRows, inputs, 1) }
    return isTransposed ? TensorShape(inputs, storedRows) : TensorShape(storedRows, inputs)
  }

  /// The number of blocks of rows of the stored matrix that it is.
  fileprivate var blocks: Int { part?.blocks ?? 1 }

  fileprivate func block(_ index: Int, of whole: StoredMatrix) -> StoredMatrix {
    guard let part else { return whole }
    return whole.outputs(from: part.start(index), count: part.blockRows, step: part.step)
  }
}
