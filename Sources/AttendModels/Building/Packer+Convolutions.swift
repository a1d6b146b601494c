import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers

extension Packer {
  /// A convolution over time as products of runs of frames, one for each group, in `compute` or by default in the
  /// model's type.
  func convolution(
    _ kernel: KernelBlueprint, prefix: String, compute: ComputeType? = nil
  ) throws(Failure) -> [Linear] {
    let (outputs, columns) = (kernel.outputs / kernel.groups, kernel.taps * (kernel.inputs / kernel.groups))
    let weights = try withoutCounting { () throws(Failure) in try self.weights(kernel, prefix: prefix) }
    defer { withExtendedLifetime(weights) {} }
    var products: [Linear] = []
    for group in 0..<kernel.groups {
      let matrix = StoredMatrix(
        base: UnsafeRawPointer(weights.pointer(to: Float.self) + group * outputs * columns), type: .float32,
        rows: outputs, columns: columns)
      let packed = count(try PackedMatrix([matrix], compute: compute ?? self.compute, engine: engine))
      let name = "\(prefix)\(kernel.name).bias"
      let bias =
        kernel.hasBias
        ? try numbers(name, TensorShape(kernel.outputs), range: group * outputs..<(group + 1) * outputs) : nil
      products.append(Linear(weights: packed, bias: bias))
    }
    return products
  }

  /// The weights of a convolution, `[outputs, taps, inputs / groups]`: the channels of one tap together.
  private func weights(_ kernel: KernelBlueprint, prefix: String) throws(Failure) -> AlignedBuffer {
    let (channels, taps, name) = (kernel.inputs / kernel.groups, kernel.taps, "\(prefix)\(kernel.name).weight")
    let stored = try numbers(name, TensorShape(kernel.outputs, channels, taps))
    let ordered = try AlignedBuffer(kernel.outputs * channels * taps, of: Float.self, for: "tensor \(name)")
    let (from, to) = (stored.pointer(to: Float.self), ordered.pointer(to: Float.self))
    for row in 0..<kernel.outputs * channels {
      let (output, channel) = (row / channels, row % channels)
      for tap in 0..<taps { to[(output * taps + tap) * channels + channel] = from[row * taps + tap] }
    }
    withExtendedLifetime(stored) {}
    return ordered
  }

  /// The factors of a convolution over a plane in which each channel sees only itself, `[taps, taps, channels]`, stored
  /// `[channels, 1, taps, taps]`.
  func plane(_ name: String, channels: Int, taps: Int) throws(Failure) -> AlignedBuffer {
    let stored = try withoutCounting { () throws(Failure) in
      try numbers(name, TensorShape([channels, 1, taps, taps]))
    }
    let area = taps * taps
    let factors = try AlignedBuffer(channels * area, of: Float.self, for: "tensor \(name)")
    let (from, to) = (stored.pointer(to: Float.self), factors.pointer(to: Float.self))
    for channel in 0..<channels { for tap in 0..<area { to[tap * channels + channel] = from[channel * area + tap] } }
    withExtendedLifetime(stored) {}
    return factors
  }

  /// The factors of a convolution in which each channel sees only itself, `[taps, width]`, stored `[width, 1, taps]` or
  /// in another shape with the taps behind each other.
  func depthwise(
    _ name: String, width: Int, taps: Int, shape: TensorShape? = nil
  ) throws(Failure) -> AlignedBuffer {
    let stored = try withoutCounting { () throws(Failure) in try numbers(name, shape ?? TensorShape(width, 1, taps)) }
    let factors = try AlignedBuffer(width * taps, of: Float.self, for: "tensor \(name)")
    let (from, to) = (stored.pointer(to: Float.self), factors.pointer(to: Float.self))
    for channel in 0..<width { for tap in 0..<taps { to[tap * width + channel] = from[channel * taps + tap] } }
    withExtendedLifetime(stored) {}
    return factors
  }
}
