import AttendBase
import AttendCheckpoints

/// The weights of a convolution as Flax stores them: taps, inputs, outputs, where PyTorch has outputs, inputs, taps.
struct FlaxKernel {
  let tensor: StoredTensor

  /// What a checkpoint holds in the place of `name.weight`; nil: no kernel.
  init?(of name: String, in checkpoint: Checkpoint) {
    let ending = "weight"
    guard name.hasSuffix(".\(ending)"), let tensor = checkpoint["\(name.dropLast(ending.utf8.count))kernel"] else {
      return nil
    }
    self.tensor = tensor
  }

  /// The same in PyTorch's order, which must be of this shape, in memory of its own. Throws `invalidFile`,
  /// `outOfMemory`.
  func ordered(_ name: String, _ shape: TensorShape) throws(Failure) -> StoredTensor {
    let taps = TensorShape(shape.dropFirst(2))
    let expected = TensorShape(Array(taps) + [shape[1], shape[0]])
    guard tensor.shape == expected else {
      throw Failure(
        .invalidFile,
        "\(tensor.file): tensor \(tensor.name) has the shape \(tensor.shape); the configuration asks for \(expected)")
    }
    let stored = try tensor.floats(), count = tensor.count
    let buffer = try AlignedBuffer(count, of: Float.self, for: "tensor \(name)")
    let (from, to) = (stored.pointer(to: Float.self), buffer.pointer(to: Float.self))
    let (outputs, inputs) = (shape[0], shape[1])
    let area = taps.reduce(1, *)
    for output in 0..<outputs {
      for input in 0..<inputs {
        for tap in 0..<area {
          to[(output * inputs + input) * area + tap] = from[(tap * inputs + input) * outputs + output]
        }
      }
    }
    withExtendedLifetime(stored) {}
    return StoredTensor(
      name: name, type: .float32, shape: shape,
      bytes: UnsafeRawBufferPointer(start: buffer.base, count: count * MemoryLayout<Float>.size), file: tensor.file,
      owner: buffer)
  }
}
