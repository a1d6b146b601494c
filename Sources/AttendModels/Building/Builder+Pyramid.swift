import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendKernelInterface
import AttendLayers
import Glibc

extension Builder {
  /// The tower that `pyramid` describes.
  func pyramid(_ pyramid: PyramidBlueprint) throws(Failure) -> Pyramid {
    Pyramid(
      channels: pyramid.channels,
      stages: try FixedArray(pyramid.stages.count, for: "the stages") { (index) throws(Failure) in
        let stage = pyramid.stages[index]
        return PyramidStage(
          entry: try entry(stage.entry),
          blocks: try FixedArray(stage.blocks.count, for: "the layers") { (index) throws(Failure) in
            try block(stage.blocks[index])
          })
      })
  }

  private func entry(_ entry: MapEntryBlueprint) throws(Failure) -> MapEntry {
    let part = entry.part, width = entry.projection.outputs
    let positions = try entry.positions.map { (places) throws(Failure) in
      GridPositions(
        table: try packer.rows(prefix + places.name, count: places.rows * places.columns, width: width),
        rows: places.rows, columns: places.columns, width: width)
    }
    return MapEntry(
      part: part, projection: try linear([entry.projection]),
      norms: MapEntry.Norms(
        map: try norm(entry.mapNorm, entry.projection.inputs / (part.height * part.width)),
        part: try norm(entry.partNorm, entry.projection.inputs), states: try norm(entry.stateNorm, width)),
      positions: positions)
  }

  private func block(_ block: PyramidBlockBlueprint) throws(Failure) -> PyramidBlock {
    let width = block.output.outputs
    let input = try linear([block.query, block.key, block.value], refinesLast: true)
    let output = try linear([block.output])
    let mixer: PyramidBlock.Mixer =
      switch block.mixer {
      case .window(let window): .window(try self.window(window, input, output))
      case .channels(let groups): .channels(ChannelAttention(groups: groups, input: input, output: output))
      }
    return PyramidBlock(
      mixer: mixer, mixerNorms: try norms(block.mixerNorms, width), network: try network(block.network),
      networkNorms: try norms(block.networkNorms, width),
      convolutions: try block.convolutions.map { (names) throws(Failure) in
        (try mapConvolution(names.first, width), try mapConvolution(names.second, width))
      })
  }

  private func mapConvolution(_ name: String, _ width: Int) throws(Failure) -> MapConvolution {
    MapConvolution(
      factors: try packer.depthwise(
        "\(prefix)\(name).weight", width: width, taps: 9, shape: TensorShape(width, 1, 3, 3)),
      bias: try packer.vector("\(prefix)\(name).bias", width))
  }

  // MARK: Windows

  private func window(_ window: WindowBlueprint, _ input: Linear, _ output: Linear) throws(Failure) -> WindowAttention {
    for name in window.skipped { packer.tensors.skip(prefix + name) }
    let heads = window.heads, headDim = output.inputs / heads
    var scale = 1 / Float(headDim).squareRoot(), norms: (query: Norm, key: Norm)?
    if let name = window.cosines {
      // Heads of unit length, whose numbers have the mean square 1 / headDim.
      scale = 1 / Float(headDim)
      norms = (try cosineNorm(factors: prefix + name, heads, headDim), try cosineNorm(factors: nil, heads, headDim))
    }
    return WindowAttention(
      heads: heads, side: window.side, shift: window.shift, scale: scale, input: input, output: output,
      queryNorm: norms?.query, keyNorm: norms?.key, bias: try bias(window),
      type: packer.compute == .float32 ? .float32 : .bfloat16, fillsSmallMaps: window.fillsSmallMaps)
  }

  /// Heads brought to one length, times e^factor, at most 100, where there are factors.
  private func cosineNorm(factors name: String?, _ heads: Int, _ headDim: Int) throws(Failure) -> Norm {
    let gain = try AlignedBuffer(heads * headDim, of: Float.self, for: "the lengths of heads")
    gain.pointer(to: Float.self).update(repeating: 1, count: heads * headDim)
    if let name {
      let factors = try packer.numbers(name, TensorShape(heads, 1, 1))
      for place in 0..<heads * headDim {
        let factor = min(Double(factors.pointer(to: Float.self)[place / headDim]), Builder.largestFactor)
        gain.pointer(to: Float.self)[place] = Float(Exponential.exp(factor))
      }
      withExtendedLifetime(factors) {}
    }
    return Norm(kind: .rms(offset: 0), gain: gain, bias: nil, epsilon: 1e-24, heads: heads, gainPerHead: true)
  }

  private static let largestFactor = log(100.0)

  /// The terms of all pairs of a window, `[heads][side^2][stride]`.
  private func bias(_ window: WindowBlueprint) throws(Failure) -> AlignedBuffer? {
    let (heads, side) = (window.heads, window.side), area = side * side, stride = PairBias.stride(of: area)
    let table: AlignedBuffer  // [(2 side - 1)^2, heads]
    switch window.bias {
    case .none: return nil
    case .table(let name): table = try packer.rows(prefix + name, count: (2 * side - 1) * (2 * side - 1), width: heads)
    case .network(let name, let trained): table = try networkTable(prefix + name, trained: trained, side, heads)
    }
    let (numbers, overflow) = (area * stride).multipliedReportingOverflow(by: heads)
    guard !overflow else { throw .outOfMemory(Int.max, for: "relative positions") }
    let terms = try AlignedBuffer(numbers, of: Float.self, for: "relative positions")
    let (from, to) = (table.pointer(to: Float.self), terms.pointer(to: Float.self))
    to.update(repeating: 0, count: numbers)
    for query in 0..<area {
      for key in 0..<area {
        let (rows, columns) = (query / side - key / side + side - 1, query % side - key % side + side - 1)
        for head in 0..<heads {
          to[(head * area + query) * stride + key] = from[(rows * (2 * side - 1) + columns) * heads + head]
        }
      }
    }
    withExtendedLifetime(table) {}
    return terms
  }

  /// 16 sigmoid(network(rows, columns)) for all rows and columns between two states.
  private func networkTable(_ name: String, trained: Int, _ side: Int, _ heads: Int) throws(Failure) -> AlignedBuffer {
    let hidden = packer.tensors.rows("\(name).0.weight") ?? 0
    let first = try packer.numbers("\(name).0.weight", TensorShape(hidden, 2))
    let bias = try packer.vector("\(name).0.bias", hidden)
    let second = try packer.numbers("\(name).2.weight", TensorShape(heads, hidden))
    let table = try AlignedBuffer((2 * side - 1) * (2 * side - 1) * heads, of: Float.self, for: "relative positions")
    defer { withExtendedLifetime((first, bias, second)) {} }
    func place(_ distance: Int) -> Float {
      let share = Float(distance) / Float(max((trained > 0 ? trained : side) - 1, 1)) * 8
      return (share < 0 ? -1 : 1) * log2(abs(share) + 1) / Float(log2(8.0))
    }
    let (into, out) = (first.pointer(to: Float.self), second.pointer(to: Float.self))
    for index in 0..<(2 * side - 1) * (2 * side - 1) {
      let rows = place(index / (2 * side - 1) - side + 1), columns = place(index % (2 * side - 1) - side + 1)
      for head in 0..<heads {
        var sum: Float = 0
        for unit in 0..<hidden {
          let x = into[2 * unit] * rows + into[2 * unit + 1] * columns + bias.pointer(to: Float.self)[unit]
          sum += out[head * hidden + unit] * max(x, 0)
        }
        table.pointer(to: Float.self)[index * heads + head] = Float(16 / (1 + Exponential.exp(-Double(sum))))
      }
    }
    return table
  }
}
