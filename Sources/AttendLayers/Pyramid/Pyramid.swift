import AttendBase
import AttendDispatch
import AttendKernelInterface

/// A tower of stages, each of which reads a coarser map of the picture, with wider states, than the one before it: Swin
/// (Liu et al. 2021, arXiv:2103.14030) and DaViT (Ding et al. 2022, arXiv:2204.03645). The states of a map lie row by
/// row.
package struct Pyramid: Sendable {
  package let channels: Int
  package let stages: FixedArray<PyramidStage>

  package init(channels: Int, stages: FixedArray<PyramidStage>) {
    self.channels = channels
    self.stages = stages
  }

  /// The layers of all stages.
  package var depth: Int { stages.reduce(0) { $0 + $1.blocks.count } }

  /// More than any picture of use has; so that no product with a width of a model overflows.
  private static let mostPatches = 1 << 24

  /// The rows and columns of the last map. Throws `invalidArgument` for a picture that it cannot read.
  func grid(of array: FeatureArray) throws(Failure) -> PatchGrid {
    guard array.channels == channels else {
      throw Failure(
        .invalidArgument, "a picture of \(array.shape) has \(array.channels) channels; the model reads \(channels)")
    }
    var grid = PatchGrid(rows: array.height, columns: array.width)
    for (index, stage) in stages.enumerated() {
      grid = stage.entry.grid(of: grid)
      let (count, overflow) = grid.rows.multipliedReportingOverflow(by: grid.columns)
      guard grid.rows >= stage.leastSide, grid.columns >= stage.leastSide, !overflow, count <= Pyramid.mostPatches
      else {
        throw Failure(
          .invalidArgument,
          "a picture of \(array.shape) has \(grid.rows) x \(grid.columns) states in stage \(index + 1); from "
            + "\(stage.leastSide) x \(stage.leastSide) to \(Pyramid.mostPatches) in all can be read")
      }
      try stage.entry.check(grid, of: array)
    }
    return grid
  }

  /// Fills x, `[tokens, width]`, with the states of the last map of a picture for each sequence.
  func apply(
    _ arrays: UnsafeBufferPointer<FeatureArray>, _ sequences: UnsafeBufferPointer<AttentionSequence>, into x: Matrix,
    _ pass: Pass
  ) throws(Failure) {
    try reserveMaps(arrays, pass)
    for (picture, (array, sequence)) in zip(arrays, sequences).enumerated() {
      try pass.scoped { () throws(Failure) in
        var (map, layer) = (PixelMap(array), 0)
        for (index, stage) in stages.enumerated() {
          let grid = stage.entry.grid(of: map.grid)
          let states =
            index == stages.count - 1
            ? x.rows(sequence.row, sequence.count)
            : try pass.workspace.matrix(grid.count, stage.entry.projection.outputs)
          try stage.entry.apply(map, grid, into: states, pass)
          for block in stage.blocks {
            try block.apply(states, grid, pass.recorder?.pictureMap(layer: layer, picture: picture), pass)
            try pass.checkCancellation()
            layer += 1
          }
          map = PixelMap(states, grid)
        }
      }
    }
  }
}

extension Pyramid {
  /// Makes room for the attention maps of all pictures, where they are recorded.
  private func reserveMaps(_ arrays: UnsafeBufferPointer<FeatureArray>, _ pass: Pass) throws(Failure) {
    try pass.recorder?.reserve(layers: depth, pictures: arrays.count) { (layer, picture) in
      var (rest, grid) = (layer, PatchGrid(rows: arrays[picture].height, columns: arrays[picture].width))
      for stage in stages {
        grid = stage.entry.grid(of: grid)
        if rest < stage.blocks.count {
          let width = stage.entry.projection.outputs
          return switch stage.blocks[rest].mixer {
          case .window(let window): window.part(of: grid)
          case .channels(let channels):
            AttentionRecorder.Part(windows: 0, heads: channels.groups, tokens: width / channels.groups)
          }
        }
        rest -= stage.blocks.count
      }
      return AttentionRecorder.Part(windows: 0, heads: 0, tokens: 0)
    }
  }
}

/// The layers that read one map.
package struct PyramidStage: Sendable {
  package let entry: MapEntry
  package let blocks: FixedArray<PyramidBlock>

  package init(entry: MapEntry, blocks: FixedArray<PyramidBlock>) {
    self.entry = entry
    self.blocks = blocks
  }

  /// Rows and columns that its map has at least.
  var leastSide: Int {
    blocks.reduce(1) { (least, block) in
      if case .window(let window) = block.mixer { max(least, window.leastSide) } else { least }
    }
  }
}

/// A layer of a stage: states are mixed, then go through a network each, and before either perhaps a convolution.
package struct PyramidBlock: Sendable {
  package enum Mixer: Sendable {
    case window(WindowAttention)
    case channels(ChannelAttention)
  }

  package let mixer: Mixer
  package let mixerNorms: SublayerNorms
  package let network: FeedForwardNetwork
  package let networkNorms: SublayerNorms
  /// Added before the mixer and before the network.
  package let convolutions: (first: MapConvolution, second: MapConvolution)?

  package init(
    mixer: Mixer, mixerNorms: SublayerNorms, network: FeedForwardNetwork, networkNorms: SublayerNorms,
    convolutions: (first: MapConvolution, second: MapConvolution)? = nil
  ) {
    self.mixer = mixer
    self.mixerNorms = mixerNorms
    self.network = network
    self.networkNorms = networkNorms
    self.convolutions = convolutions
  }

  /// Rows that the network takes at once.
  private static let sliceRows = 1024

  /// x, `[grid.count, width]`, becomes the layer's output; its attention maps go to `weights`, where they are wanted.
  func apply(
    _ x: Matrix, _ grid: PatchGrid, _ weights: UnsafeMutablePointer<Float>?, _ pass: Pass
  ) throws(Failure) {
    try convolutions?.first.add(to: x, grid, pass)
    switch mixer {
    case .window(let window): try window.add(to: x, grid, mixerNorms, weights, pass)
    case .channels(let channels): try channels.add(to: x, mixerNorms, weights, pass)
    }
    try convolutions?.second.add(to: x, grid, pass)
    for first in stride(from: 0, to: x.rows, by: PyramidBlock.sliceRows) {
      let slice = x.rows(first, min(PyramidBlock.sliceRows, x.rows - first))
      try ResidualStream(slice, pass).add(networkNorms) { (sum) throws(Failure) in
        try network.apply(sum.input, residual: sum.residual, into: sum.output, pass)
      }
    }
  }
}
