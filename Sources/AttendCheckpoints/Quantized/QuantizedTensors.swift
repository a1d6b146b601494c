// The tensors of one quantised matrix, by the parts of their names.
import AttendBase

/// The tensors whose names begin with the same stem: what a quantised matrix is made of. They are checked as they are
/// asked for, and errors name them.
struct QuantizedTensors {
  let table: TensorTable
  /// What the names of all tensors begin with, before `separator`.
  let stem: String
  let folder: String
  var separator = "."
  /// The metadata of the file that tell of this matrix.
  var note: JSON?

  func name(_ part: String) -> String { "\(stem)\(separator)\(part)" }

  /// Whether there is such a tensor, of a known type.
  func holds(_ part: String) -> Bool { table[name(part)] != nil }

  /// Scales of a type with a point, and of this shape.
  func scales(_ part: String, _ shape: TensorShape?) throws(Failure) -> StoredTensor {
    let name = name(part)
    guard let tensor = table[name] else {
      throw table.unknown.first { $0.name == name }?.refusal ?? missing(name)
    }
    guard [.float16, .bfloat16, .float32].contains(tensor.type) else {
      throw Failure(
        .unsupported, "\(tensor.file): tensor \(name) holds \(tensor.type); scales must be float16, bfloat16 or float32"
      )
    }
    if let shape { try check(tensor, shape) }
    guard tensor.bytes.baseAddress != nil, tensor.count > 0 else { throw misfit(tensor, "has no numbers") }
    return tensor
  }

  /// A part with this type and shape, which is not empty.
  func part(_ part: String, _ type: ElementType, _ shape: TensorShape) throws(Failure) -> StoredTensor {
    let name = name(part)
    guard let tensor = table[name] else { throw missing(name) }
    try check(tensor, type)
    try check(tensor, shape)
    return tensor
  }

  /// The groups of inputs, int32 in a tensor, each in `[0, limit)`.
  func checked(_ list: StoredTensor, below limit: Int) throws(Failure) -> UnsafeRawPointer {
    for index in 0..<list.count {
      let group = Int(list.bytes.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
      guard (0..<limit).contains(group) else {
        throw misfit(list, "puts input \(index) into group \(group), and there are \(limit)")
      }
    }
    return list.bytes.baseAddress!
  }

  func check(_ tensor: StoredTensor, _ type: ElementType) throws(Failure) {
    guard tensor.type == type else {
      throw Failure(.unsupported, "\(tensor.file): tensor \(tensor.name) holds \(tensor.type); it must be \(type)")
    }
  }

  func check(_ tensor: StoredTensor, _ shape: TensorShape) throws(Failure) {
    guard tensor.shape == shape else { throw misfit(tensor, "does not fit the codes, which ask for \(shape)") }
  }

  func missing(_ name: String) -> Failure {
    Failure(.invalidFile, "\(folder): tensor \(name) is missing beside the codes of \(stem)")
  }

  func misfit(_ tensor: StoredTensor, _ reason: String) -> Failure {
    Failure(.invalidFile, "\(tensor.file): tensor \(tensor.name) of shape \(tensor.shape) \(reason)")
  }

  /// The two or fewer whole numbers of a small tensor; nil where it holds others, or more.
  func wholes(_ tensor: StoredTensor) -> [Int]? {
    guard tensor.count <= 2 else { return nil }
    func each<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type) -> [Int] {
      (0..<tensor.count).map { Int(tensor.bytes.loadUnaligned(fromByteOffset: $0 * type.bitWidth / 8, as: type)) }
    }
    switch tensor.type {
    case .uint8: return each(UInt8.self)
    case .int32: return each(Int32.self)
    case .int64: return each(Int64.self)
    default: return nil
    }
  }
}
