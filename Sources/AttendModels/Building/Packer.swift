import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers

/// The maker of what layers hold from stored tensors, packed for the kernels or in float32; counts the memory that it
/// takes.
final class Packer {
  let tensors: TensorLog
  let matrices: MatrixReader
  let engine: Engine
  let compute: ComputeType
  private var relativeBiases: [String: AlignedBuffer] = [:]  // by the name of their table
  private var gridBiases: [String: GridBias] = [:]  // likewise
  private var packedTables: [String: PackedMatrix] = [:]  // whole matrices that two users share, by name

  /// Bytes of memory that the weights take as the kernels read them; tables that stay where they are stored are not
  /// among them.
  private(set) var weightBytes = 0

  init(_ tensors: TensorLog, engine: Engine, compute: ComputeType) {
    self.tensors = tensors
    self.matrices = MatrixReader(tensors, engine: engine)
    self.engine = engine
    self.compute = compute
  }

  // MARK: Products

  /// Over fewer inputs the errors of rounding hardly average out.
  private static let refinedInputs = 512

  /// Products with the same input as one, their outputs one after another, in `compute` or by default in the model's
  /// type.
  ///
  /// `refinesLast` says that the last product bears rounding badly. In 8 bits of fewer than `refinedInputs` inputs its
  /// weights then get as many bits again.
  func linear(
    _ parts: [LinearBlueprint], prefix: String, compute: ComputeType? = nil, refinesLast: Bool = false
  ) throws(Failure) -> Linear {
    let blocks = try matrices.blocks(parts, prefix: prefix)
    let weights = try count(PackedMatrix(blocks, compute: compute ?? self.compute, engine: engine))
    let refines = refinesLast && weights.compute == .int8 && weights.inputs < Packer.refinedInputs
    let refinement = refines ? try count(errors(of: weights, blocks, last: parts[parts.count - 1].outputs)) : nil
    matrices.release()
    return Linear(weights: weights, bias: try bias(parts, prefix: prefix), refinement: refinement)
  }

  /// The rounding errors of the last `rows` outputs of packed weights, which came from the last of `sources`.
  private func errors(
    of weights: PackedMatrix, _ sources: FixedArray<StoredMatrix>, last rows: Int
  ) throws(Failure) -> PackedMatrix {
    let columns = weights.inputs
    let tables = try AlignedBuffer(2 * rows * columns, of: Float.self, for: "the rounding errors of weights")
    let errors = Matrix(tables.pointer(), rows: rows, columns: columns)
    let seen = Matrix(tables.pointer() + rows * columns, rows: rows, columns: columns)
    let indices = try AlignedBuffer(max(rows, weights.outputs), of: Int32.self, for: "the rounding errors of weights")
    let index = indices.pointer(to: Int32.self)
    for output in 0..<weights.outputs { index[output] = Int32(output) }
    try engine.gather(index + (weights.outputs - rows), count: rows, from: weights, into: seen)
    var first = rows - sources.reduce(0) { $0 + $1.rows }
    for source in sources {
      if first >= 0 { engine.gather(index, count: source.rows, from: source, into: errors.rows(first, source.rows)) }
      first += source.rows
    }
    engine.add(seen, to: errors, scale: -1)
    defer { withExtendedLifetime((tables, indices)) {} }
    return try PackedMatrix(
      [StoredMatrix(base: errors.base, type: .float32, rows: rows, columns: columns)], compute: weights.compute,
      engine: engine)
  }

  /// A gated product: `activation(x Gᵀ + b) * (x Uᵀ + b')`.
  func gated(_ gate: LinearBlueprint, _ up: LinearBlueprint, prefix: String) throws(Failure) -> Linear {
    let weights = try count(
      PackedMatrix(
        gate: try matrices.block(gate, prefix: prefix), up: try matrices.block(up, prefix: prefix), compute: compute,
        engine: engine))
    matrices.release()
    return Linear(weights: weights, bias: try bias([gate, up], prefix: prefix))
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

  // MARK: Tables

  /// A whole matrix, packed; asked for twice it is the same object.
  func packed(_ name: String, rows: Int, columns: Int) throws(Failure) -> PackedMatrix {
    if let matrix = packedTables[name] { return matrix }
    let packed = try count(
      PackedMatrix([try matrices.matrix(name, rows: rows, columns: columns)], compute: compute, engine: engine))
    packedTables[name] = packed
    if let index = tensors.index(of: name) { tensors.release(index) }
    return packed
  }

  /// A token table that is read where it is stored.
  func storedTable(_ name: String, rows: Int, columns: Int) throws(Failure) -> TokenTable {
    let (table, owner) = try tensors.keep(name, TensorShape(rows, columns))
    return .stored(MatrixReader.matrix(table, rows: rows, columns: columns), owner: owner)
  }

  /// Runs `body`, whose result is not kept in the model: what it reads counts as read, not as memory.
  func withoutCounting<Result, Problem: Error>(_ body: () throws(Problem) -> Result) throws(Problem) -> Result {
    let before = weightBytes
    defer { weightBytes = before }
    return try body()
  }

  func count(_ packed: PackedMatrix) -> PackedMatrix {
    weightBytes += packed.bytes
    return packed
  }
}

// MARK: - Vectors

extension Packer {
  /// A vector of `count` numbers as float32; stored as `[count]` or `[1, count]`.
  func vector(_ name: String, _ count: Int) throws(Failure) -> AlignedBuffer {
    let vector = try AlignedBuffer(count, of: Float.self, for: "tensor \(name)")
    try read(name, count, to: vector.pointer())
    return vector
  }

  /// Numbers `range`, or all, of a tensor of this shape as float32.
  func numbers(_ name: String, _ shape: TensorShape, range: Range<Int>? = nil) throws(Failure) -> AlignedBuffer {
    let tensor = try tensors.weights(name, shape)
    let range = range ?? 0..<tensor.count
    let numbers = try AlignedBuffer(range.count, of: Float.self, for: "tensor \(name)")
    convert(tensor, from: range.lowerBound, range.count, to: numbers.pointer())
    return numbers
  }

  /// A tensor of one number, of whatever rank.
  func scalar(_ name: String) throws(Failure) -> Float {
    let tensor = try tensors.weights(name, TensorShape(), or: TensorShape(1))
    var number: Float = 0
    convert(tensor, 1, to: &number)
    return number
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

  /// The biases of rows and columns that the sum of tables, `[(2 side - 1)^2 + 3, heads]`, stands for. Layers that have
  /// the same one table share the result.
  func gridBias(_ names: [String], side: Int, heads: Int) throws(Failure) -> GridBias {
    if names.count == 1, let bias = gridBiases[names[0]] { return bias }
    let count = (2 * side - 1) * (2 * side - 1) + 3
    let sum = try AlignedBuffer(count * heads, of: Float.self, for: "relative positions")
    sum.pointer(to: Float.self).update(repeating: 0, count: count * heads)
    for name in names {
      let table = try rows(name, count: count, width: heads)
      let numbers = table.pointer(to: Float.self)
      for index in 0..<count * heads { sum.pointer(to: Float.self)[index] += numbers[index] }
      withExtendedLifetime(table) {}
    }
    let bias = try GridBias(heads: heads, side: side, stored: sum.pointer())
    withExtendedLifetime(sum) {}
    if names.count == 1 { gridBiases[names[0]] = bias }
    return bias
  }

  /// A table of `rows` vectors of `width` numbers as float32. More rows than needed may be stored.
  func table(_ name: String, rows: Int, width: Int) throws(Failure) -> AlignedBuffer {
    let stored = max(tensors.rows(name) ?? 0, rows)
    let tensor = try tensors.weights(name, TensorShape(stored, width))
    let table = try AlignedBuffer(stored * width, of: Float.self, for: "tensor \(name)")
    convert(tensor, stored * width, to: table.pointer())
    return table
  }

  /// `count` vectors of `width` numbers as float32, stored as a matrix, or as one behind dimensions of size 1.
  func rows(_ name: String, count: Int, width: Int) throws(Failure) -> AlignedBuffer {
    let rank = tensors.rank(name) ?? 0
    let flat = count == 1 && rank == 1 ? TensorShape(width) : TensorShape(count, width)
    let tensor = try tensors.weights(name, flat, or: TensorShape(1, count, width))
    let table = try AlignedBuffer(count * width, of: Float.self, for: "tensor \(name)")
    convert(tensor, count * width, to: table.pointer())
    return table
  }

  /// The biases of products one after another, zeros where one has none; nil where none has one.
  private func bias(_ parts: [LinearBlueprint], prefix: String) throws(Failure) -> AlignedBuffer? {
    guard parts.contains(where: { biasName($0, prefix: prefix) != nil }) else { return nil }
    let bias = try AlignedBuffer(
      parts.reduce(0) { $0 + $1.outputs }, of: Float.self, for: "the bias of \(prefix)\(parts[0].name)")
    var next: UnsafeMutablePointer<Float> = bias.pointer()
    for part in parts {
      if let name = biasName(part, prefix: prefix) {
        try readBias(name, part, to: next)
        if part.outputScale != nil || part.outputGate != nil { try multiply(next, by: part, prefix: prefix) }
      } else {
        next.update(repeating: 0, count: part.outputs)
      }
      next += part.outputs
    }
    return bias
  }

  private func biasName(_ linear: LinearBlueprint, prefix: String) -> String? {
    switch linear.bias {
    case .none: nil
    case .own: linear.biasName(prefix)
    case .optional(let name): tensors.has(name) ? name : nil
    }
  }

  /// The numbers of the bias `name` that belong to a product.
  private func readBias(
    _ name: String, _ linear: LinearBlueprint, to target: UnsafeMutablePointer<Float>
  ) throws(Failure) {
    let rows = linear.storedRows
    let tensor = try tensors.weights(
      name, TensorShape(rows).sliced(linear.slice?.count), or: TensorShape(1, rows))
    let first = (linear.slice?.index ?? 0) * rows
    guard let part = linear.part else { return convert(tensor, from: first, rows, to: target) }
    for block in 0..<part.blocks {
      let start = first + part.start(block)
      convert(tensor, from: start, step: part.step, part.blockRows, to: target + block * part.blockRows)
    }
  }

  /// Multiplies the bias of a product by the factors on its outputs.
  private func multiply(
    _ numbers: UnsafeMutablePointer<Float>, by linear: LinearBlueprint, prefix: String
  ) throws(Failure) {
    let factors = try matrices.factors(linear, prefix: prefix)
    for index in 0..<linear.outputs { numbers[index] *= factors.pointer(to: Float.self)[index] }
    withExtendedLifetime(factors) {}
  }

  /// A vector of `count` numbers, stored as `[count]` or `[1, count]`, to memory of the caller's.
  private func read(_ name: String, _ count: Int, to target: UnsafeMutablePointer<Float>) throws(Failure) {
    convert(try tensors.weights(name, TensorShape(count), or: TensorShape(1, count)), count, to: target)
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
