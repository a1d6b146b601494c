// The numbers of stored tensors, for who computes with them before the kernels do.
import AttendBase

extension StoredTensor {
  /// The numbers as float32, rounded to nearest. Throws `unsupported` where they are no floating-point numbers,
  /// `outOfMemory`.
  package func floats() throws(Failure) -> AlignedBuffer {
    let count = count
    let result = try AlignedBuffer(count, of: Float.self, for: "tensor \(name)")
    let floats: UnsafeMutablePointer<Float> = result.pointer()
    if let rows {
      for row in 0..<rows.rows { rows.read(row, into: floats + row * rows.columns) }
      return result
    }
    switch type {
    case .float32: UnsafeMutableRawBufferPointer(start: result.base, count: bytes.count).copyMemory(from: bytes)
    case .float64: for index in 0..<count { floats[index] = Float(number(index, Double.self)) }
    case .bfloat16:
      for index in 0..<count { floats[index] = Float(bitPattern: UInt32(number(index, UInt16.self)) << 16) }
    case .float16: for index in 0..<count { floats[index] = Float(half: number(index, UInt16.self)) }
    default: throw Failure(.unsupported, "\(file): tensor \(name) holds \(type), and numbers with a point are needed")
    }
    return result
  }

  /// The same tensor in float32, in memory of its own.
  package func narrowed() throws(Failure) -> StoredTensor {
    let floats = try floats()
    return StoredTensor(
      name: name, type: .float32, shape: shape, bytes: UnsafeRawBufferPointer(start: floats.base, count: floats.bytes),
      file: file, owner: floats)
  }

  private func number<Value: BitwiseCopyable>(_ index: Int, _ type: Value.Type) -> Value {
    bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Value>.size, as: type)
  }
}

extension Float {
  /// The number with these bits of IEEE 754's binary16.
  init(half bits: UInt16) {
    // Exponent and fraction in the places of binary32, where the exponent's bias is larger by 112.
    let magnitude = UInt32(bits & 0x7FFF) << 13
    let value =
      bits & 0x7C00 == 0x7C00 ? Float(bitPattern: magnitude | 0x7F80_0000) : Float(bitPattern: magnitude) * 0x1p112
    self = bits & 0x8000 == 0 ? value : -value
  }
}
