import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendKernelInterface
import AttendLayers

extension Builder {
  /// The first layer of a stack of `width` that reads sounds.
  func sound(_ sound: SoundBlueprint, _ width: Int) throws(Failure) -> SoundEmbedding {
    let features = sound.convolutions.last?.kernel.outputs ?? sound.projection?.inputs ?? width
    return SoundEmbedding(
      form: sound.form, frames: sound.frames,
      convolutions: ConvolutionChain(
        try sound.convolutions.map { (convolution) throws(Failure) in try self.convolution(convolution) },
        timeNorm: try timeNorm(sound)),
      subsampling: try sound.subsampling.map { (subsampling) throws(Failure) in try self.subsampling(subsampling) },
      norm: try norm(sound.norm, features),
      projection: try sound.projection.map { (projection) throws(Failure) in try linear([projection]) },
      scale: sound.scale,
      positions: try sound.positions.map { (positions) throws(Failure) in
        try packer.rows(prefix + positions.name, count: positions.count, width: width)
      }, positional: try sound.positional.map { (convolution) throws(Failure) in try positional(convolution) },
      lastNorm: try norm(sound.lastNorm, width))
  }

  /// Samples stay in float32: a convolution over one channel has too few inputs for errors of rounding to average out.
  private func convolution(_ convolution: TimeConvolutionBlueprint) throws(Failure) -> TimeConvolution {
    let kernel = convolution.kernel
    let products = try packer.convolution(kernel, prefix: prefix, compute: kernel.inputs == 1 ? .float32 : nil)
    return TimeConvolution(
      linear: products[0], taps: kernel.taps, stride: convolution.stride, padding: convolution.padding,
      activation: convolution.activation, norm: try norm(convolution.norm, kernel.outputs),
      lastActivation: convolution.lastActivation)
  }

  private func timeNorm(_ sound: SoundBlueprint) throws(Failure) -> TimeNorm? {
    guard let (norm, groups) = sound.timeNorm, let channels = sound.convolutions.first?.kernel.outputs else {
      return nil
    }
    return TimeNorm(
      groups: groups, gain: try packer.vector("\(prefix)\(norm.name).weight", channels),
      bias: try packer.vector("\(prefix)\(norm.name).bias", channels), epsilon: norm.epsilon)
  }

  private func positional(_ convolution: PositionalConvolutionBlueprint) throws(Failure) -> PositionalConvolution {
    PositionalConvolution(
      groups: try packer.convolution(convolution.kernel, prefix: prefix), taps: convolution.kernel.taps,
      norm: convolution.epsilon.map { Norm(kind: .layer, gain: nil, bias: nil, epsilon: $0) },
      activation: convolution.activation)
  }

  // MARK: Layers

  /// The softmax of `count` numbers.
  func shares(_ name: String, _ count: Int) throws(Failure) -> AlignedBuffer {
    let shares = try packer.vector(name, count)
    let numbers = UnsafeMutableBufferPointer(start: shares.pointer(to: Float.self), count: count)
    let largest = numbers.max() ?? 0
    var sum = 0.0
    for number in numbers { sum += Exponential.exp(Double(number - largest)) }
    for index in numbers.indices { numbers[index] = Float(Exponential.exp(Double(numbers[index] - largest)) / sum) }
    return shares
  }

  /// What a layer of a Conformer has besides.
  func conformer(_ conformer: ConformerBlueprint, _ stack: StackBlueprint) throws(Failure) -> ConformerParts {
    let input = conformer.input, kernel = conformer.kernel
    let factors = try packer.depthwise("\(prefix)\(kernel.name).weight", width: stack.width, taps: kernel.taps)
    var bias = conformer.hasKernelBias ? try packer.vector("\(prefix)\(kernel.name).bias", stack.width) : nil
    if let norm = conformer.batchNorm { bias = try fold(norm, stack.width, into: factors, kernel.taps, bias) }
    return ConformerParts(
      feedForward: try feedForward(conformer.feedForward),
      feedForwardNorms: try norms(conformer.feedForwardNorms, stack),
      convolution: ConvolutionModule(
        input: try packer.gated(input.part(1, of: 2), input.part(0, of: 2), prefix: prefix),
        factors: factors, taps: conformer.kernel.taps, bias: bias,
        lookahead: conformer.isCentred ? (conformer.kernel.taps - 1) / 2 : 0,
        norm: try norm(conformer.norm, stack.width), activation: conformer.activation,
        output: try linear([conformer.output])),
      convolutionNorms: try norms(conformer.convolutionNorms, stack))
  }

  /// The bias of a kernel, `[taps, width]`, whose factors take the statistics of a batch norm in: of each channel
  /// `gain (x - mean) / sqrt(variance + epsilon) + bias`.
  private func fold(
    _ norm: NormBlueprint, _ width: Int, into factors: AlignedBuffer, _ taps: Int, _ bias: AlignedBuffer?
  ) throws(Failure) -> AlignedBuffer {
    let (gain, offset, mean, variance) = try packer.withoutCounting { () throws(Failure) in
      (
        try packer.vector("\(prefix)\(norm.name).weight", width),
        try packer.vector("\(prefix)\(norm.name).bias", width),
        try packer.vector("\(prefix)\(norm.name).running_mean", width),
        try packer.vector("\(prefix)\(norm.name).running_var", width)
      )
    }
    defer { withExtendedLifetime((gain, offset, mean, variance, bias)) {} }
    let folded = try AlignedBuffer(width, of: Float.self, for: "a batch norm")
    for channel in 0..<width {
      let deviation = (Double(variance.pointer(to: Float.self)[channel]) + Double(norm.epsilon)).squareRoot()
      let factor = Double(gain.pointer(to: Float.self)[channel]) / deviation
      for tap in 0..<taps {
        let place = factors.pointer(to: Float.self) + tap * width + channel
        place.pointee = Float(Double(place.pointee) * factor)
      }
      let own = Double(bias?.pointer(to: Float.self)[channel] ?? 0) - Double(mean.pointer(to: Float.self)[channel])
      folded.pointer(to: Float.self)[channel] = Float(own * factor + Double(offset.pointer(to: Float.self)[channel]))
    }
    return folded
  }

  /// Convolutions over time and frequency.
  private func subsampling(_ blueprint: SubsamplingBlueprint) throws(Failure) -> Subsampling {
    let (channels, taps) = (blueprint.channels, blueprint.taps)
    func kernel(_ index: Int, _ inputs: Int, _ taps: Int) -> LinearBlueprint {
      var linear = LinearBlueprint(
        name: "\(blueprint.name).\(index)", outputs: channels, inputs: inputs * taps * taps)
      linear.kernel = (height: taps, width: taps)
      return linear
    }
    var stages: [Subsampling.Stage] = []
    for stage in 0..<blueprint.stages {
      let index = 3 * stage + 2, name = "\(prefix)\(blueprint.name).\(index)"
      stages.append(
        Subsampling.Stage(
          factors: try packer.plane("\(name).weight", channels: channels, taps: taps),
          bias: try packer.vector("\(name).bias", channels), product: try linear([kernel(index + 1, channels, 1)])))
    }
    return Subsampling(
      first: try packer.linear([kernel(0, 1, taps)], prefix: prefix, compute: .float32), stages: stages, taps: taps,
      stride: blueprint.stride, bins: blueprint.bins)
  }

  /// Scores that gain products of queries with keys of distances, which only the pass knows.
  func projected(
    _ blueprint: RelativeProjectionBlueprint, _ options: AttentionOptions, _ bias: inout ScoreBias
  ) throws(Failure) {
    let shape = TensorShape(options.heads, options.headDim), count = options.queryWidth
    let content = try packer.numbers(prefix + blueprint.contentOffset, shape)
    let position = try packer.numbers(prefix + blueprint.positionOffset, shape)
    // Queries have the offset of contents when they come to positions.
    for index in 0..<count {
      position.pointer(to: Float.self)[index] -= content.pointer(to: Float.self)[index]
    }
    bias.queryOffset = content
    bias.disentangled = try Disentangled(
      RelativeProjection(
        heads: options.heads, projection: try linear([blueprint.projection]), offset: position))
  }

  /// Scores that gain products of queries with vectors of distances.
  func relativeKeys(_ blueprint: RelativeKeysBlueprint, _ options: AttentionOptions) throws(Failure) -> Disentangled {
    let (left, right, count) = (blueprint.left, blueprint.right, blueprint.left + blueprint.right + 1)
    let table = try packer.withoutCounting { () throws(Failure) in
      try packer.table(prefix + blueprint.table, rows: count, width: options.headDim)
    }
    defer { withExtendedLifetime(table) {} }
    let vectors = try packer.heads(
      Matrix(table.pointer(), rows: count, columns: options.headDim), headDim: options.headDim)
    let keys = [PackedMatrix](repeating: vectors[0], count: options.heads)
    return try Disentangled(radius: max(left, right), columns: count, .products(keys: keys, queries: [])) {
      min(max(-$0, -left), right) + left
    }
  }

  /// The gates of WavLM's positions. Of the eight outputs of their product each half is only ever summed, so that two
  /// are kept.
  func gates(_ gated: GatedDistancesBlueprint, _ options: AttentionOptions) throws(Failure) -> GatedDistances {
    let (headDim, heads, halves, half) = (options.headDim, options.heads, 2, 4)
    let (weights, bias, table) = try packer.withoutCounting { () throws(Failure) in
      (
        try packer.table("\(prefix)\(gated.gate).weight", rows: halves * half, width: headDim),
        try packer.vector("\(prefix)\(gated.gate).bias", halves * half),
        try packer.numbers(prefix + gated.table, TensorShape(gated.buckets.count, heads))
      )
    }
    defer { withExtendedLifetime((weights, bias, table)) {} }
    let product = try AlignedBuffer(halves * headDim, of: Float.self, for: "tensor \(gated.gate)")
    let offsets = try AlignedBuffer(halves, of: Float.self, for: "tensor \(gated.gate)")
    product.pointer(to: Float.self).update(repeating: 0, count: halves * headDim)
    offsets.pointer(to: Float.self).update(repeating: 0, count: halves)
    let sums = Matrix(product.pointer(), rows: halves, columns: headDim)
    for row in 0..<halves * half {
      offsets.pointer(to: Float.self)[row / half] += bias.pointer(to: Float.self)[row]
      let weights = weights.pointer(to: Float.self) + row * headDim
      for column in 0..<headDim { sums[row / half][column] += weights[column] }
    }
    defer { withExtendedLifetime(product) {} }
    let gate = Linear(weights: try packer.heads(sums, headDim: headDim)[0], bias: offsets)
    return try GatedDistances(
      heads: heads, buckets: gated.buckets.count, table: table.pointer(), scale: options.scale, gate: gate,
      factors: try packer.numbers(prefix + gated.factors, TensorShape(1, heads, 1, 1)))
  }
}
