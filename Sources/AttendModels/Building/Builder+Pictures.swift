import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers

extension Builder {
  /// The connector behind a stack of `width`.
  func connector(_ connector: ConnectorBlueprint, behind stack: Stack) throws(Failure) -> Connector {
    let width = stack.width
    var probe = ""
    for case .linear(let linear, _) in connector.steps.prefix(3) where probe.isEmpty { probe = linear.weightName() }
    let prefix = packer.tensors.first(of: connector.prefixes) { $0 + probe }
    var (steps, columns): ([Connector.Step], Int) = ([], width)
    for step in connector.steps {
      switch step {
      case .linear(let linear, let activation):
        steps.append(.linear(try packer.linear([linear], prefix: prefix), activation))
        columns = linear.outputs
      case .norm(let norm):
        if let norm = try self.norm(norm, columns, prefix: prefix) { steps.append(.norm(norm)) }
      case .group(let grouping):
        if case .join(let side) = grouping { columns *= side * side }
        steps.append(.group(grouping))
      case .network(let network):
        steps.append(.network(try self.network(network, prefix: prefix)))
        columns = network.down.outputs
      case .resample(let resampler):
        steps.append(.resample(try self.resampler(resampler, prefix: prefix)))
        columns = resampler.width
      }
    }
    return Connector(skipped: connector.skipped, order: stack.input.order, steps: steps, width: width)
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
}
