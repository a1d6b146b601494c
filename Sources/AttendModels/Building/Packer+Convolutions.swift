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
    let (channels, taps) = (kernel.inputs / kernel.groups, kernel.taps)
    let shape = TensorShape(kernel.outputs, channels, taps)
    let name = "\(prefix)\(kernel.name)"
    var (stored, lengths): (AlignedBuffer, AlignedBuffer?)
    if kernel.isWeightNormed {
      let today = "\(name).parametrizations.weight.original"
      let isOld = !tensors.has("\(today)1") && tensors.has("\(name).weight_v")
      stored = try numbers(isOld ? "\(name).weight_v" : "\(today)1", shape)
      lengths = try numbers(isOld ? "\(name).weight_g" : "\(today)0", TensorShape(1, 1, taps))
    } else {
      (stored, lengths) = (try numbers("\(name).weight", shape), nil)
    }
    let rows = kernel.outputs * channels
    let ordered = try AlignedBuffer(rows * taps, of: Float.self, for: "tensor \(name).weight")
    let (from, to) = (stored.pointer(to: Float.self), ordered.pointer(to: Float.self))
    for tap in 0..<taps {
      let factor = lengths.map { $0.pointer(to: Float.self)[tap] / length(from + tap, count: rows, step: taps) }
      for row in 0..<rows {
        let (output, channel) = (row / channels, row % channels)
        to[(output * taps + tap) * channels + channel] = from[row * taps + tap] * (factor ?? 1)
      }
    }
    withExtendedLifetime((stored, lengths)) {}
    return ordered
  }

  /// The length of a vector whose components lie `step` numbers apart.
  private func length(_ vector: UnsafePointer<Float>, count: Int, step: Int) -> Float {
    var sum = 0.0
    for index in 0..<count {
      let component = Double(vector[index * step])
      sum += component * component
    }
    return Float(sum.squareRoot())
  }

  /// The factors of a convolution in which each channel sees only itself, `[taps, width]`, stored `[width, 1, taps]`.
  func depthwise(_ name: String, width: Int, taps: Int) throws(Failure) -> AlignedBuffer {
    let stored = try withoutCounting { () throws(Failure) in try numbers(name, TensorShape(width, 1, taps)) }
    let factors = try AlignedBuffer(width * taps, of: Float.self, for: "tensor \(name)")
    let (from, to) = (stored.pointer(to: Float.self), factors.pointer(to: Float.self))
    for channel in 0..<width { for tap in 0..<taps { to[tap * width + channel] = from[channel * taps + tap] } }
    withExtendedLifetime(stored) {}
    return factors
  }
}
