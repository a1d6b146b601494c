import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers

extension Builder {
  /// The connector behind a stack.
  func connector(_ connector: ConnectorBlueprint, behind stack: Stack) throws(Failure) -> Connector {
    let probe = connector.steps.lazy.compactMap { $0.probe }.first ?? ""
    let prefix = packer.tensors.first(of: connector.prefixes) { $0 + probe }
    var branches: [[Connector.Step]] = []
    for branch in connector.branches { branches.append(try steps(branch, stack.width, prefix)) }
    let width = branches.isEmpty ? stack.outputWidth : stack.width
    let steps = try self.steps(connector.steps, width, prefix)
    let line = try connector.lineEnd.map { (name) throws(Failure) in
      try packer.vector(packer.tensors.first(of: ["model.", ""]) { $0 + name } + name, connector.lineWidth)
    }
    return Connector(
      skipped: connector.skipped, skippedAtEnd: connector.skippedAtEnd, order: stack.input.order, steps: steps,
      branches: branches, lineEnd: line, width: stack.outputWidth)
  }

  private func places(
    _ count: Int, rows: String, columns: String, all: String, _ width: Int
  ) throws(Failure) -> MapPlaces {
    MapPlaces(
      count: count, columns: try packer.rows(columns, count: count, width: width - width / 2),
      rows: try packer.rows(rows, count: count, width: width / 2), all: try packer.table(all, rows: 1, width: width),
      columnWidth: width - width / 2)
  }

  private func steps(
    _ blueprints: [ConnectorBlueprint.Step], _ width: Int, _ prefix: String
  ) throws(Failure) -> [Connector.Step] {
    var (steps, columns): ([Connector.Step], Int) = ([], width)
    for step in blueprints {
      switch step {
      case .linear(let linear, let activation):
        steps.append(.linear(try packer.linear([linear], prefix: prefix), activation))
        columns = linear.outputs
      case .norm(let norm):
        if let norm = try self.norm(norm, columns, prefix: prefix) { steps.append(.norm(norm)) }
      case .group(let grouping):
        if case .join(let side) = grouping { columns *= side * side }
        steps.append(.group(grouping))
      case .places(let count, let rows, let columns, let all):
        steps.append(
          .places(try places(count, rows: prefix + rows, columns: prefix + columns, all: prefix + all, width)))
      case .mean: steps.append(.mean)
      case .network(let network):
        steps.append(.network(try self.network(network, prefix: prefix)))
        columns = network.down.outputs
      case .resample(let resampler):
        steps.append(.resample(try self.resampler(resampler, prefix: prefix)))
        columns = resampler.width
      }
    }
    return steps
  }

  private func resampler(_ resampler: ResamplerBlueprint, prefix: String) throws(Failure) -> Resampler {
    let (width, options) = (resampler.width, resampler.options)
    let layout = try KeyValueLayout(resampler.layers.count, use: .ownLayer) { _ in
      (options.keyValueHeads, options.headDim, 0)
    }
    return Resampler(
      latents: try packer.rows(prefix + resampler.latents.name, count: resampler.latents.count, width: width),
      count: resampler.latents.count, width: width,
      layers: try FixedArray(resampler.layers.count, for: "the layers of a resampler") { (index) throws(Failure) in
        let layer = resampler.layers[index]
        return Resampler.Layer(
          contextNorm: try norm(layer.contextNorm, width, prefix: prefix),
          latentsNorm: try norm(layer.latentsNorm, width, prefix: prefix),
          attention: try crossAttention(layer.attention, prefix: prefix),
          networkNorm: try norm(layer.networkNorm, width, prefix: prefix),
          network: try network(layer.network, prefix: prefix))
      }, norm: try norm(resampler.norm, width, prefix: prefix), layout: layout)
  }

  // MARK: Towers

  func taps(_ taps: TapsBlueprint, _ width: Int) throws(Failure) -> Taps {
    var middle: (layer: Int, norm: Norm)?
    if let own = taps.middle, let norm = try norm(own.norm, width) { middle = (own.layer, norm) }
    return Taps(layers: taps.layers, takesTurns: taps.takesTurns, middle: middle)
  }

  func tiles(_ tiles: TilesBlueprint, _ width: Int) throws(Failure) -> TileEmbedding {
    let sizes = tiles.sizes, gate = try self.gate(tiles.positionGate)
    let positions = try packer.rows(prefix + tiles.positions, count: sizes.statesOfTile, width: width)
    scale(positions, sizes.statesOfTile * width, by: 1 - gate)
    func vectors(_ part: (table: String, gate: String)) throws(Failure) -> AlignedBuffer {
      let (rows, columns) = (sizes.arrangements.count + 1, sizes.tiles * width)
      let table = try packer.rows(prefix + part.table, count: rows, width: columns)
      scale(table, rows * columns, by: try self.gate(part.gate))
      return table
    }
    return TileEmbedding(
      projection: try linear([tiles.projection]), sizes: sizes,
      classVector: try packer.rows(prefix + tiles.classVector, count: 1, width: width), positions: positions,
      tilePositions: try packer.storedTable(
        prefix + tiles.tilePositions, rows: sizes.arrangements.count + 1, columns: sizes.states * width),
      tilePositionFactor: gate, before: try vectors(tiles.before), behind: try vectors(tiles.behind),
      norm: try norm(tiles.norm, width))
  }

  /// The tanh of a tensor of one number.
  private func gate(_ name: String) throws(Failure) -> Float {
    Float(Exponential.tanh(Double(try packer.scalar(prefix + name))))
  }

  private func scale(_ numbers: AlignedBuffer, _ count: Int, by factor: Float) {
    let pointer = numbers.pointer(to: Float.self)
    for index in 0..<count { pointer[index] *= factor }
    withExtendedLifetime(numbers) {}
  }
}

extension ConnectorBlueprint {
  /// The width of what the last step gives.
  fileprivate var lineWidth: Int { if case .linear(let linear, _) = steps.last { linear.outputs } else { 0 } }
}

extension ConnectorBlueprint.Step {
  /// A tensor whose prefix tells that of all.
  fileprivate var probe: String? {
    switch self {
    case .linear(let linear, _): linear.weightName()
    case .network(let network): network.up.weightName()
    case .resample(let resampler): resampler.latents.name
    case .norm, .group, .places, .mean: nil
    }
  }
}
