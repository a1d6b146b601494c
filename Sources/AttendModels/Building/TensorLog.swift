import AttendBase
import AttendCheckpoints

/// The tensors of a checkpoint, and which of them were read: what there is, the progress of loading, and in the end
/// what nobody asked for.
final class TensorLog {
  private let checkpoint: Checkpoint
  private let progress: (Double) -> Bool
  private let totalBytes: Int
  private var readBytes = 0
  private let marks: AlignedBuffer  // [tensors] Mark
  private var narrowed: [String: StoredTensor] = [:]

  /// The fate of a tensor.
  private struct Mark: OptionSet {
    let rawValue: UInt8
    static let read = Mark(rawValue: 1)
    static let kept = Mark(rawValue: 2)
  }

  /// Elements of the weights that were read, each counted once.
  private(set) var parameters = 0

  /// The sum of the checksums of the tensors that were read, each taken once, in whatever order.
  private(set) var fingerprint: UInt64 = 0

  /// `progress` hears the share of the bytes that were read, below 1; false stops the reading.
  init(_ checkpoint: Checkpoint, progress: @escaping (Double) -> Bool = { _ in true }) throws(Failure) {
    self.checkpoint = checkpoint
    marks = try AlignedBuffer(checkpoint.tensors.count, of: Mark.self, for: "the list of tensors that were read")
    marks.pointer(to: Mark.self).update(repeating: [], count: checkpoint.tensors.count)
    self.progress = progress
    self.totalBytes = max(checkpoint.tensors.reduce(0) { $0 + $1.bytes.count }, 1)
  }

  /// The folder, for messages.
  var folder: String { checkpoint.folder }

  // MARK: What there is

  func has(_ name: String) -> Bool { checkpoint[name] != nil }

  /// Whether the checkpoint holds a tensor, or what Flax has in the place of weights.
  func hasWeights(_ name: String) -> Bool { has(name) || FlaxKernel(of: name, in: checkpoint) != nil }

  /// Whether the checkpoint holds the weights of a product.
  func has(_ linear: LinearBlueprint, prefix: String) -> Bool {
    hasWeights(linear.weightName(prefix)) || has(prefix + linear.blocksName)
  }

  /// Whether the checkpoint holds a tensor of this shape.
  func has(_ name: String, _ shape: TensorShape) -> Bool { checkpoint[name]?.shape == shape }

  /// The number of a tensor, nil where there is none.
  func index(of name: String) -> Int? { checkpoint.index(of: name) }

  /// The number of rows of a tensor, nil where there is none.
  func rows(_ name: String) -> Int? { checkpoint[name]?.shape.first }

  /// The shape of a tensor, nil where there is none.
  func shape(_ name: String) -> TensorShape? { checkpoint[name]?.shape }

  /// The number of dimensions of a tensor, nil where there is none.
  func rank(_ name: String) -> Int? { checkpoint[name]?.shape.count }

  /// Whether two tensors hold the same.
  func areEqual(_ one: String, _ other: String) -> Bool {
    guard let one = checkpoint[one], let other = checkpoint[other] else { return false }
    return one.isEqual(to: other)
  }

  /// The first of several spellings whose tensor exists; the first of all where none does, so that its absence is
  /// reported.
  func first(of names: [String], _ name: (String) -> String) -> String {
    names.first { hasWeights(name($0)) } ?? names[0]
  }

  // MARK: Reading

  /// Weights of one of two shapes, in a type that the kernels read: float64 becomes float32, and so does what is stored
  /// in blocks.
  func weights(
    _ name: String, _ shape: TensorShape, or other: TensorShape? = nil
  ) throws(Failure) -> StoredTensor {
    if shape.count > 2, !has(name), let kernel = FlaxKernel(of: name, in: checkpoint) {
      return try weights(of: kernel, name, shape)
    }
    let tensor = try stored(name, shape, or: other)
    guard tensor.type == .float64 || tensor.rows != nil else { return tensor }
    if let single = narrowed[name] { return single }
    let single = try tensor.narrowed()
    narrowed[name] = single
    return single
  }

  /// The same of a matrix whose rows may be read one after another: they stay as they are stored, but for float64.
  func matrix(
    _ name: String, _ shape: TensorShape, or other: TensorShape? = nil
  ) throws(Failure) -> StoredTensor {
    guard checkpoint[name]?.rows != nil else { return try weights(name, shape, or: other) }
    return try stored(name, shape, or: other)
  }

  private func stored(
    _ name: String, _ shape: TensorShape, or other: TensorShape?
  ) throws(Failure) -> StoredTensor {
    let tensor = try checkpoint.tensor(name, shape: shape, or: other)
    guard [.float32, .float16, .bfloat16, .float64].contains(tensor.type) else {
      throw Failure(
        .unsupported,
        "\(tensor.file): tensor \"\(name)\" holds \(tensor.type); weights must be float32, float16, bfloat16 or float64"
      )
    }
    try note(tensor, parameters: tensor.count)
    return tensor
  }

  /// Weights of a convolution that the checkpoint holds as Flax's, in the order of PyTorch.
  private func weights(of kernel: FlaxKernel, _ name: String, _ shape: TensorShape) throws(Failure) -> StoredTensor {
    try note(kernel.tensor, parameters: kernel.tensor.count)
    if let ordered = narrowed[name] { return ordered }
    let ordered = try kernel.ordered(name, shape)
    narrowed[name] = ordered
    return ordered
  }

  /// A tensor of bytes, each of which stands for so many weights.
  func bytes(
    _ name: String, _ shape: TensorShape, numbersPerByte: Int
  ) throws(Failure) -> UnsafePointer<UInt8> {
    let tensor = try checkpoint.tensor(name, shape: shape)
    guard tensor.type == .uint8, let base = tensor.bytes.baseAddress else {
      throw Failure(
        .unsupported, "\(tensor.file): tensor \"\(name)\" of shape \(shape) holds \(tensor.type); it must be uint8")
    }
    try note(tensor, parameters: numbersPerByte * tensor.count)
    return base.assumingMemoryBound(to: UInt8.self)
  }

  /// Counts a tensor as read, if it is there, that nothing needs: a table that is computed.
  func skip(_ name: String) { if let tensor = checkpoint[name] { _ = mark(tensor.name, .read) } }

  /// Counts a tensor the first time that it is read.
  private func note(_ tensor: StoredTensor, parameters count: Int) throws(Failure) {
    guard mark(tensor.name, .read) else { return }
    parameters += count
    readBytes += tensor.bytes.count
    fingerprint &+= TensorLog.checksum(of: tensor)
    if let rows = tensor.rows { for part in rows.parts { fingerprint &+= TensorLog.checksum(of: part) } }
    guard progress(min(Double(readBytes) / Double(totalBytes), 0.999)) else {
      throw Failure(.cancelled, "loading \(folder) was cancelled by the progress callback")
    }
  }

  /// Of a tensor's name, type, shape and numbers: of a large one, runs here and there, since reading all would take as
  /// long as loading it.
  private static func checksum(of tensor: StoredTensor) -> UInt64 {
    var checksum = Checksum()
    var name = tensor.name
    name.withUTF8 { checksum.add(UnsafeRawBufferPointer($0)) }
    checksum.add(UInt64(tensor.type.size))
    for size in tensor.shape { checksum.add(UInt64(size)) }
    let runs = 32, run = 128
    guard tensor.bytes.count > runs * run else {
      checksum.add(tensor.bytes)
      return checksum.value
    }
    for index in 0..<runs {
      let first = (tensor.bytes.count - run) / (runs - 1) * index
      checksum.add(UnsafeRawBufferPointer(rebasing: tensor.bytes[first..<first + run]))
    }
    return checksum.value
  }

  /// Marks a tensor that there is; false where it had the mark.
  private func mark(_ name: String, _ mark: Mark) -> Bool {
    guard let index = checkpoint.index(of: name) else { return false }
    return marks.pointer(to: Mark.self)[index].insert(mark).inserted
  }

  private func has(_ name: String, _ mark: Mark) -> Bool {
    checkpoint.index(of: name).map { marks.pointer(to: Mark.self)[$0].contains(mark) } ?? false
  }

  // MARK: Letting go

  /// Weights that are read where they are stored as long as the model lives, and what keeps them there.
  func keep(
    _ name: String, _ shape: TensorShape
  ) throws(Failure) -> (tensor: StoredTensor, owner: any AnyObject & Sendable) {
    let tensor = try matrix(name, shape)
    _ = mark(name, .kept)
    return (tensor, tensor.owner ?? checkpoint)
  }

  /// Says that a tensor is packed: what is packed need not stand in memory twice, and the peak of loading stays near
  /// the packed weights.
  func release(_ index: Int) {
    let tensor = checkpoint.tensors[index]
    tensor.dontNeed()
    if !narrowed.isEmpty { narrowed[tensor.name] = nil }
  }

  /// Throws if the checkpoint holds a tensor that was neither read nor is to be ignored. To be called last: of a copied
  /// checkpoint only what is kept stays in memory.
  func finish(family: String, ignores: (String) -> Bool) throws(Failure) {
    try checkpoint.forEachName { (name) throws(Failure) in
      guard !has(name, .read), !ignores(name), !checkpoint.isIdleBias(name) else { return }
      let shape = checkpoint[name].map { "\($0.shape) " } ?? ""
      throw Failure(
        .invalidFile,
        "\(checkpoint[name]?.file ?? folder): tensor \(name) \(shape)is not part of this \(family) model")
    }
    try checkpoint.forget { has($0, .kept) }
  }
}
