import AttendBase
import AttendDispatch
import AttendKernelInterface
import AttendLayers
import AttendTestSupport
import Testing

/// Convolutions and norms over time against sums in double precision.
@Suite struct TimeConvolutionTests {
  struct Sizes: Sendable { let frames: Int, channels: Int, outputs: Int, taps: Int, stride: Int, padding: Int }

  private let engine: Engine

  init() throws { engine = try Engine(kernels: nil, threads: 2) }

  /// A product of random weights, `[outputs, inputs]`, and these.
  private func product(_ outputs: Int, _ inputs: Int, seed: UInt64) throws -> (Linear, [Float]) {
    var numbers = SplitMix(seed: seed)
    let weights = numbers.floats(outputs * inputs)
    let packed = try weights.withUnsafeBytes {
      let stored = StoredMatrix(base: $0.baseAddress!, type: .float32, rows: outputs, columns: inputs)
      return try PackedMatrix([stored], compute: .float32, engine: engine)
    }
    return (Linear(weights: packed, bias: nil), weights)
  }

  @Test(arguments: [
    Sizes(frames: 60, channels: 5, outputs: 7, taps: 3, stride: 1, padding: 1),
    Sizes(frames: 61, channels: 40, outputs: 33, taps: 3, stride: 2, padding: 1),
    Sizes(frames: 1000, channels: 1, outputs: 20, taps: 10, stride: 5, padding: 0),
    Sizes(frames: 4, channels: 3, outputs: 2, taps: 4, stride: 9, padding: 0),
  ]) func overlappingRowsAreAConvolution(sizes: Sizes) throws {
    let (linear, weights) = try product(sizes.outputs, sizes.taps * sizes.channels, seed: 1)
    let convolution = TimeConvolution(
      linear: linear, taps: sizes.taps, stride: sizes.stride, padding: sizes.padding, activation: .none, norm: nil,
      lastActivation: .none)
    var numbers = SplitMix(seed: 2)
    let zeros = [Float](repeating: 0, count: sizes.padding * sizes.channels)
    let x = zeros + numbers.floats(sizes.frames * sizes.channels) + zeros
    let count = convolution.length(of: sizes.frames)
    #expect(count == (sizes.frames + 2 * sizes.padding - sizes.taps) / sizes.stride + 1)
    var y = [Float](repeating: .nan, count: count * sizes.outputs)
    try y.withUnsafeMutableBufferPointer {
      try convolution.multiply(
        x, into: Matrix($0.baseAddress!, rows: count, columns: sizes.outputs),
        Pass(engine: engine, workspace: Workspace()))
    }
    for frame in 0..<count {
      for output in 0..<sizes.outputs {
        var sum = 0.0
        for index in 0..<sizes.taps * sizes.channels {
          sum +=
            Double(x[frame * sizes.stride * sizes.channels + index])
            * Double(weights[output * sizes.taps * sizes.channels + index])
        }
        #expect(abs(Double(y[frame * sizes.outputs + output]) - sum) < 1e-4)
      }
    }
  }

  @Test func tooFewFramesMakeNone() throws {
    let (linear, _) = try product(2, 8, seed: 3)
    let convolution = TimeConvolution(
      linear: linear, taps: 4, stride: 2, padding: 1, activation: .none, norm: nil, lastActivation: .none)
    #expect((0...5).map { convolution.length(of: $0) } == [0, 0, 1, 1, 2, 2])
  }

  @Test(arguments: [4, 5]) func positionalConvolutionsLookToBothSides(taps: Int) throws {
    let (frames, channels, groups) = (9, 3, 2)
    let products = try (0..<groups).map { try product(channels, taps * channels, seed: UInt64(10 + $0)) }
    let convolution = PositionalConvolution(
      groups: products.map(\.0), taps: taps, norm: nil, activation: .none)
    var numbers = SplitMix(seed: 4)
    let x = numbers.floats(frames * groups * channels)
    var y = x
    try y.withUnsafeMutableBufferPointer {
      let states = Matrix($0.baseAddress!, rows: frames, columns: groups * channels)
      try convolution.apply(states, residual: states, into: states, Pass(engine: engine, workspace: Workspace()))
    }
    for frame in 0..<frames {
      for column in 0..<groups * channels {
        let (group, output) = (column / channels, column % channels)
        var sum = Double(x[frame * groups * channels + column])
        for tap in 0..<taps where (0..<frames).contains(frame + tap - taps / 2) {
          for channel in 0..<channels {
            let row = (frame + tap - taps / 2) * groups * channels + group * channels
            sum += Double(x[row + channel]) * Double(products[group].1[(output * taps + tap) * channels + channel])
          }
        }
        #expect(abs(Double(y[frame * groups * channels + column]) - sum) < 1e-5)
      }
    }
  }

  /// Channels far from zero, more frames than a block has, and more channels than a thread takes at once.
  @Test(arguments: [1, 3, 150]) func groupsBecomeOfMeanZeroAndVarianceOne(groups: Int) throws {
    let (frames, channels) = (200, 150)
    var numbers = SplitMix(seed: 5)
    let x = numbers.floats(frames * channels).enumerated().map { $1 + Float($0 % channels) }
    let (gains, biases) = (numbers.floats(channels), numbers.floats(channels))
    let norm = TimeNorm(groups: groups, gain: try buffer(gains), bias: try buffer(biases), epsilon: 1e-5)
    var results: [[Float]] = []
    for threads in [1, 2] {
      var y = x
      try y.withUnsafeMutableBufferPointer {
        let pass = Pass(engine: engine.with(threads: threads), workspace: Workspace())
        let states = Matrix($0.baseAddress!, rows: frames, columns: channels)
        let moments = try TimeMoments(norm, channels: channels, pass)
        // In two pieces, the first of whole blocks.
        moments.add(states.rows(0, 2 * TimeMoments.blockFrames), pass.engine)
        moments.add(states.rows(2 * TimeMoments.blockFrames, frames - 2 * TimeMoments.blockFrames), pass.engine)
        moments.finish()
        moments.normalise(states, pass.engine)
      }
      results.append(y)
    }
    #expect(results[0] == results[1])
    let own = channels / groups
    for channel in stride(from: 0, to: channels, by: 7) {
      let group = channel / own * own..<(channel / own + 1) * own
      let all = (0..<frames).flatMap { frame in group.map { Double(x[frame * channels + $0]) } }
      let mean = all.reduce(0, +) / Double(all.count)
      let variance = all.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(all.count)
      for frame in stride(from: 0, to: frames, by: 13) {
        let scaled = (Double(x[frame * channels + channel]) - mean) / (variance + 1e-5).squareRoot()
        let expected = scaled * Double(gains[channel]) + Double(biases[channel])
        #expect(abs(Double(results[0][frame * channels + channel]) - expected) < 1e-4)
      }
    }
  }

  /// What a frame is made of does not depend on where a piece begins, nor on the threads.
  @Test(arguments: [false, true]) func piecesOfASoundHaveTheBitsOfTheWhole(isTransposed: Bool) throws {
    let (count, channels, width) = (500, 6, 20)
    var numbers = SplitMix(seed: 6)
    let sound = numbers.floats(count * channels)
    let norm = TimeNorm(
      groups: 1, gain: try buffer(numbers.floats(width)), bias: try buffer(numbers.floats(width)), epsilon: 1e-5)
    func convolution(_ inputs: Int, taps: Int, stride: Int, padding: Int) throws -> TimeConvolution {
      TimeConvolution(
        linear: try product(width, taps * inputs, seed: UInt64(20 + taps)).0, taps: taps, stride: stride,
        padding: padding, activation: .none, norm: nil, lastActivation: .gelu)
    }
    let convolutions = [
      try convolution(channels, taps: 5, stride: 2, padding: 3), try convolution(width, taps: 3, stride: 1, padding: 1),
      try convolution(width, taps: 4, stride: 3, padding: 0),
    ]
    func frames(numbersAtOnce: Int, threads: Int) throws -> [Float] {
      let chain = ConvolutionChain(convolutions, timeNorm: norm, numbersAtOnce: numbersAtOnce)
      let rows = chain.length(of: count)
      var y = [Float](repeating: .nan, count: rows * width)
      try sound.withUnsafeBufferPointer { sound in
        try y.withUnsafeMutableBufferPointer {
          try chain.apply(
            SoundFrames(sound.baseAddress!, channels: channels, count: count, isTransposed: isTransposed),
            residual: nil, into: Matrix($0.baseAddress!, rows: rows, columns: width),
            Pass(engine: engine.with(threads: threads), workspace: Workspace()))
        }
      }
      return y
    }
    let whole = try frames(numbersAtOnce: .max, threads: 2)
    #expect(whole.allSatisfy { $0.isFinite })
    for most in [1, 300, 1000] { #expect(try frames(numbersAtOnce: most, threads: 1) == whole) }
  }

  private func buffer(_ numbers: [Float]) throws -> AlignedBuffer {
    let buffer = try AlignedBuffer(numbers.count, of: Float.self, for: "a test")
    for (index, number) in numbers.enumerated() { buffer.pointer(to: Float.self)[index] = number }
    return buffer
  }
}
