import AttendBase
import AttendDispatch
import AttendKernelInterface
import AttendLayers

/// A convolution of a model as its layer computes it, with all that belongs to it: copies, bias and activation.
private struct Convolution {
  let name: String
  /// Multiply-adds, counted twice.
  let operations: Double
  let run: () -> Void
}

/// A product of random weights.
private func linear(_ outputs: Int, _ inputs: Int, _ compute: ComputeType) throws(Failure) -> Linear {
  let weights = Product.filled(outputs * inputs, 0.02)
  let stored = StoredMatrix(base: weights.base, type: .float32, rows: outputs, columns: inputs)
  let packed = try PackedMatrix([stored], compute: compute, engine: engine)
  return Linear(weights: packed, bias: Product.filled(outputs, 1))
}

/// One over time, as a chain of itself alone.
private func overTime(
  _ name: String, frames: Int, channels: Int, outputs: Int, taps: Int, stride: Int, padding: Int, _ compute: ComputeType
) throws(Failure) -> Convolution {
  let product = try linear(outputs, taps * channels, compute)
  let convolution = TimeConvolution(
    linear: product, taps: taps, stride: stride, padding: padding, activation: .gelu, norm: nil, lastActivation: .none)
  let chain = ConvolutionChain([convolution], timeNorm: nil)
  let count = convolution.length(of: frames)
  let input = Product.filled(frames * channels, 1), output = Product.filled(count * outputs, 0)
  let pass = Pass(engine: engine, workspace: Workspace())
  return Convolution(name: name, operations: 2 * Double(count * outputs) * Double(taps * channels)) {
    let sound = SoundFrames(input.pointer(), channels: channels, count: frames, isTransposed: false)
    try! chain.apply(
      sound, residual: nil, into: Matrix(output.pointer(), rows: count, columns: outputs), pass)
  }
}

/// The one that tells the frames of a sound their places.
private func positional(
  frames: Int, width: Int, taps: Int, groups: Int, _ compute: ComputeType
) throws(Failure) -> Convolution {
  let channels = width / groups
  var products: [Linear] = []
  for _ in 0..<groups { products.append(try linear(channels, taps * channels, compute)) }
  let convolution = PositionalConvolution(groups: products, taps: taps, norm: nil, activation: .gelu)
  let states = Product.filled(frames * width, 1), output = Product.filled(frames * width, 0)
  let pass = Pass(engine: engine, workspace: Workspace())
  let operations = 2 * Double(frames * width) * Double(taps * channels)
  return Convolution(name: "positions, \(taps) taps, \(groups) groups of \(channels)", operations: operations) {
    let x = Matrix(states.pointer(), rows: frames, columns: width)
    try! convolution.apply(x, residual: x, into: Matrix(output.pointer(), rows: frames, columns: width), pass)
  }
}

/// The one that makes vectors of a picture's patches.
private func patches(
  _ name: String, side: Int, patch: Int, width: Int, _ compute: ComputeType
) throws(Failure) -> Convolution {
  let inputs = 3 * patch * patch, count = (side / patch) * (side / patch)
  let embedding = PatchEmbedding(
    projection: try linear(width, inputs, compute), channels: 3, patchHeight: patch, patchWidth: patch,
    steps: (patch, patch), spectrogram: nil, leading: nil, leadingCount: 0, positions: nil, norm: nil)
  let pixels = Product.filled(3 * side * side, 1), output = Product.filled(count * width, 0)
  let pass = Pass(engine: engine, workspace: Workspace())
  return Convolution(name: name, operations: 2 * Double(count * width) * Double(inputs)) {
    let picture = FeatureArray(pixels.pointer(), channels: 3, height: side, width: side)
    try! embedding.project(picture, into: Matrix(output.pointer(), rows: count, columns: width), pass)
  }
}

/// The convolutions of models that see and hear: of wav2vec 2.0 (10 s), Whisper base (30 s) and towers of ViT and CLIP.
func benchmarkConvolutions() throws(Failure) {
  for compute in [ComputeType.float32, .int8] {
    var convolutions: [Convolution] = []
    var (frames, channels) = (160_000, 1)
    for (taps, stride) in [(10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)] {
      let name = "\(frames) x \(channels) -> 512, \(taps) taps by \(stride)"
      convolutions.append(
        try overTime(
          name, frames: frames, channels: channels, outputs: 512, taps: taps, stride: stride, padding: 0, compute))
      (frames, channels) = ((frames - taps) / stride + 1, 512)
    }
    convolutions.append(try positional(frames: frames, width: 768, taps: 128, groups: 16, compute))
    for (channels, stride) in [(80, 1), (512, 2)] {
      let name = "3000 x \(channels) -> 512, 3 taps by \(stride)"
      convolutions.append(
        try overTime(name, frames: 3000, channels: channels, outputs: 512, taps: 3, stride: stride, padding: 1, compute)
      )
    }
    convolutions.append(try patches("224 x 224, patches of 16 -> 768", side: 224, patch: 16, width: 768, compute))
    convolutions.append(try patches("224 x 224, patches of 32 -> 768", side: 224, patch: 32, width: 768, compute))
    let limit = limits.limit(of: compute)
    for convolution in convolutions {
      let times = race.times([convolution.run, limit.run])
      report(
        "\(compute) \(convolution.name)", convolution.operations / typical(times[0]) / 1e9,
        limit.operations / typical(times[1]) / 1e9)
    }
  }
}
