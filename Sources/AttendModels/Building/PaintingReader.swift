import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendKernelInterface
import AttendLayers

/// The reader of a VQGAN's two halves. How many levels, blocks and attentions there are, and how many channels, is told
/// by the tensors themselves, which every program that stores them names alike but for what stands before numbers.
struct PaintingReader {
  let packer: Packer
  /// Before all names.
  let prefix: String
  /// Between "up", "down", "block" or "attn" and a number.
  private let separator: String
  /// Whether the levels of the decoder are numbered from the smallest picture on.
  private let startsSmall: Bool
  private let epsilon: Float

  /// Norms have 32 groups everywhere.
  private static let groups = 32
  /// Levels and blocks at most, far more than any has.
  private static let most = 64
  /// Channels at most.
  private static let mostChannels = 1 << 16

  init(_ packer: Packer, prefix: String, startsSmall: Bool, epsilon: Float) {
    (self.packer, self.prefix, self.startsSmall, self.epsilon) = (packer, prefix, startsSmall, epsilon)
    separator = packer.tensors.has("\(prefix)decoder.up.0.block.0.norm1.weight") ? "." : "_"
  }

  // MARK: The halves

  /// `hasUnitLength`: vectors are brought to length 1.
  func decoder(hasUnitLength: Bool) throws(Failure) -> PictureDecoder {
    let table = packer.tensors.first(of: ["quantize.embedding.weight", "embedding.weight"]) { prefix + $0 }
    let shape = try shape(of: "\(prefix)\(table)", rank: 2)
    let codes = try packer.table(prefix + table, rows: shape[0], width: shape[1])
    if hasUnitLength { PaintingReader.normalise(codes, count: shape[0], width: shape[1]) }
    let entry = try pointwise("post_quant_conv", inputs: shape[1])
    let first = try convolution("decoder.conv_in", inputs: entry.outputs)
    let middle = try middle("decoder.mid", channels: first.outputs)
    var (levels, channels) = ([PictureLevel](), first.outputs)
    let count = self.count { "decoder.\(level("up", $0)).\(level("block", 0)).norm1" }
    for place in 0..<count {
      let name = "decoder.\(level("up", startsSmall ? place : count - 1 - place))"
      levels.append(try self.level(name, &channels, resampling: place + 1 < count ? "upsample" : nil))
    }
    return PictureDecoder(
      codes: codes, count: shape[0], width: shape[1], entry: entry, first: first, middle: middle, levels: levels,
      lastNorm: try norm("decoder.norm_out", channels), last: try convolution("decoder.conv_out", inputs: channels))
  }

  func encoder() throws(Failure) -> PictureEncoder {
    let first = try convolution("encoder.conv_in", inputs: 3)
    var (levels, channels) = ([PictureLevel](), first.outputs)
    let count = self.count { "encoder.\(level("down", $0)).\(level("block", 0)).norm1" }
    for place in 0..<count {
      let name = "encoder.\(level("down", place))"
      levels.append(try self.level(name, &channels, resampling: place + 1 < count ? "downsample" : nil))
    }
    let middle = try middle("encoder.mid", channels: channels)
    let lastNorm = try norm("encoder.norm_out", channels)
    let last = try convolution("encoder.conv_out", inputs: channels)
    return PictureEncoder(
      first: first, levels: levels, middle: middle, lastNorm: lastNorm, last: last,
      exit: try pointwise("quant_conv", inputs: last.outputs))
  }

  private static func normalise(_ codes: AlignedBuffer, count: Int, width: Int) {
    for code in 0..<count {
      let vector = codes.pointer(to: Float.self) + code * width
      var squares = 0.0
      for component in 0..<width { squares += Double(vector[component]) * Double(vector[component]) }
      let factor = Float(1 / max(squares.squareRoot(), 1e-12))
      for component in 0..<width { vector[component] *= factor }
    }
  }

  // MARK: Parts

  private func level(_ part: String, _ number: Int) -> String { "\(part)\(separator)\(number)" }

  /// How many norms of these names there are, from 0 on.
  private func count(_ norm: (Int) -> String) -> Int {
    var count = 0
    while count < PaintingReader.most, packer.tensors.has("\(prefix)\(norm(count)).weight") { count += 1 }
    return count
  }

  private func level(
    _ name: String, _ channels: inout Int, resampling: String?
  ) throws(Failure) -> PictureLevel {
    var blocks: [(PictureBlock, PictureAttention?)] = []
    for place in 0..<count({ "\(name).\(level("block", $0)).norm1" }) {
      let block = try block("\(name).\(level("block", place))", channels: channels)
      channels = block.convolutions.1.outputs
      let attention = "\(name).\(level("attn", place))"
      let hasAttention = packer.tensors.has("\(prefix)\(attention).norm.weight")
      blocks.append((block, hasAttention ? try self.attention(attention, channels: channels) : nil))
    }
    let way = try resampling.map { (part) throws(Failure) in
      try convolution("\(name).\(part).conv", inputs: channels)
    }
    if let way { channels = way.outputs }
    return PictureLevel(blocks: blocks, resampling: way)
  }

  private func middle(_ name: String, channels: Int) throws(Failure) -> PictureMiddle {
    PictureMiddle(
      first: try block("\(name).block_1", channels: channels),
      attention: try attention("\(name).attn_1", channels: channels),
      last: try block("\(name).block_2", channels: channels))
  }

  private func block(_ name: String, channels: Int) throws(Failure) -> PictureBlock {
    let first = try convolution("\(name).conv1", inputs: channels)
    let second = try convolution("\(name).conv2", inputs: first.outputs)
    let shortcut =
      second.outputs == channels
      ? nil : PictureConvolution(lines: [try pointwise("\(name).nin_shortcut", inputs: channels)])
    if let shortcut, shortcut.outputs != second.outputs {
      throw invalid("\(name).nin_shortcut", "has \(shortcut.outputs) outputs, and conv2 has \(second.outputs)")
    }
    return PictureBlock(
      norms: (try norm("\(name).norm1", channels), try norm("\(name).norm2", first.outputs)),
      convolutions: (first, second), shortcut: shortcut)
  }

  private func attention(_ name: String, channels: Int) throws(Failure) -> PictureAttention {
    func linear(_ part: String) throws(Failure) -> Linear {
      let linear = try pointwise("\(name).\(part)", inputs: channels)
      guard linear.outputs == channels else {
        throw invalid("\(name).\(part)", "has \(linear.outputs) outputs, expected \(channels)")
      }
      return linear
    }
    return PictureAttention(
      norm: try norm("\(name).norm", channels), query: try linear("q"), key: try linear("k"),
      value: try linear("v"), output: try linear("proj_out"))
  }

  private func norm(_ name: String, _ channels: Int) throws(Failure) -> PictureNorm {
    guard channels.isMultiple(of: PaintingReader.groups) else {
      throw invalid(name, "is of \(channels) channels, which are not \(PaintingReader.groups) equal groups")
    }
    return PictureNorm(
      groups: PaintingReader.groups, gain: try packer.vector("\(prefix)\(name).weight", channels),
      bias: try packer.vector("\(prefix)\(name).bias", channels), epsilon: epsilon)
  }

  // MARK: Convolutions

  /// A convolution with a window of 3 x 3 pixels.
  private func convolution(_ name: String, inputs: Int) throws(Failure) -> PictureConvolution {
    let window = 3, weights = try weights(name, inputs: inputs, window: window)
    defer { withExtendedLifetime(weights) {} }
    let columns = window * inputs
    var lines: [Linear] = []
    for line in 0..<window {
      let matrix = StoredMatrix(
        base: UnsafeRawPointer(weights.numbers.pointer(to: Float.self) + line * weights.outputs * columns),
        type: .float32, rows: weights.outputs, columns: columns)
      lines.append(
        Linear(
          weights: packer.count(try PackedMatrix([matrix], compute: packer.compute, engine: packer.engine)),
          bias: line == 0 ? try packer.vector("\(prefix)\(name).bias", weights.outputs) : nil))
    }
    return PictureConvolution(lines: lines)
  }

  /// A convolution of one pixel.
  private func pointwise(_ name: String, inputs: Int) throws(Failure) -> Linear {
    let weights = try weights(name, inputs: inputs, window: 1)
    defer { withExtendedLifetime(weights) {} }
    let matrix = StoredMatrix(
      base: UnsafeRawPointer(weights.numbers.base), type: .float32, rows: weights.outputs, columns: inputs)
    return Linear(
      weights: packer.count(try PackedMatrix([matrix], compute: .float32, engine: packer.engine)),
      bias: try packer.vector("\(prefix)\(name).bias", weights.outputs))
  }

  /// The weights of a convolution, `[window, outputs, window, inputs]`: those of a line of the window together. Stored
  /// `[outputs, inputs, window, window]`, by Flax `[window, window, inputs, outputs]`.
  private func weights(
    _ name: String, inputs: Int, window: Int
  ) throws(Failure) -> (numbers: AlignedBuffer, outputs: Int) {
    let kernel = "\(prefix)\(name).kernel"
    let isFlax = packer.tensors.has(kernel)
    let stored = isFlax ? kernel : "\(prefix)\(name).weight"
    let outputs = try shape(of: stored, rank: 4)[isFlax ? 3 : 0]
    let shape =
      isFlax ? TensorShape(window, window, inputs, outputs) : TensorShape(outputs, inputs, window, window)
    let numbers = try packer.withoutCounting { () throws(Failure) in try packer.numbers(stored, shape) }
    let ordered = try AlignedBuffer(
      window * window * inputs * outputs, of: Float.self, for: "tensor \(stored)")
    let (from, to) = (numbers.pointer(to: Float.self), ordered.pointer(to: Float.self))
    for line in 0..<window {
      for output in 0..<outputs {
        for pixel in 0..<window {
          for input in 0..<inputs {
            let place =
              isFlax
              ? ((line * window + pixel) * inputs + input) * outputs + output
              : ((output * inputs + input) * window + line) * window + pixel
            to[((line * outputs + output) * window + pixel) * inputs + input] = from[place]
          }
        }
      }
    }
    withExtendedLifetime(numbers) {}
    return (ordered, outputs)
  }

  /// The shape of a tensor, whose sizes are plausible numbers of channels or codes.
  private func shape(of name: String, rank: Int) throws(Failure) -> TensorShape {
    guard let shape = packer.tensors.shape(name) else {
      throw Failure(.invalidFile, "\(packer.tensors.folder): tensor \(name) is missing from the checkpoint")
    }
    guard shape.count == rank,
      shape.allSatisfy({ (1...(rank == 2 ? 1 << 30 : PaintingReader.mostChannels)).contains($0) })
    else {
      throw Failure(
        .invalidFile, "\(packer.tensors.folder): tensor \(name) has the shape \(shape), expected \(rank) sizes")
    }
    return shape
  }

  private func invalid(_ name: String, _ reason: String) -> Failure {
    Failure(.invalidFile, "\(packer.tensors.folder): \(prefix)\(name) \(reason)")
  }
}
