import AttendBase
import AttendKernelInterface
import AttendLayers

/// A tower of stages (`Pyramid`).
package struct PyramidBlueprint: Sendable {
  package var channels: Int
  package var stages: FixedArray<PyramidStageBlueprint>
}

/// The layers that read one map.
package struct PyramidStageBlueprint: Sendable {
  package var entry: MapEntryBlueprint
  package var blocks: FixedArray<PyramidBlockBlueprint>
}

/// From a picture or a map to the first states of a stage (`MapEntry`).
package struct MapEntryBlueprint: Sendable {
  package var part: MapEntry.Part
  package var projection: LinearBlueprint
  package var mapNorm: NormBlueprint?
  package var partNorm: NormBlueprint?
  package var stateNorm: NormBlueprint?
  /// The table of places, `[rows * columns, width]`.
  package var positions: (name: String, rows: Int, columns: Int)?
}

/// A layer of a stage (`PyramidBlock`).
package struct PyramidBlockBlueprint: Sendable {
  package enum Mixer: Sendable {
    case window(WindowBlueprint)
    case channels(groups: Int)
  }

  package var mixer: Mixer
  /// Of the mixer.
  package var query: LinearBlueprint
  package var key: LinearBlueprint
  package var value: LinearBlueprint
  package var output: LinearBlueprint
  package var mixerNorms: ResidualNorms
  package var network: FeedForwardNetworkBlueprint
  package var networkNorms: ResidualNorms
  /// The names of the convolutions before the mixer and before the network.
  package var convolutions: (first: String, second: String)?
}

/// Attention within windows (`WindowAttention`).
package struct WindowBlueprint: Sendable {
  package enum Bias: Sendable {
    case none
    /// The table `name`, `[(2 side - 1)^2, heads]`.
    case table(String)
    /// A network, `name.0` and `name.2`, of the rows and columns between two states, whose distances are told by their
    /// logarithms, over those of windows of the side `trained` (Liu et al. 2021, arXiv:2111.09883, section 3.3).
    case network(name: String, trained: Int)
  }

  package var heads: Int
  package var side: Int
  package var shift: Int
  package var bias: Bias
  /// The tensor of logarithms of the factors on cosines that are the scores of each head, `[heads, 1, 1]`; nil: scores
  /// are products (section 3.2 of the same).
  package var cosines: String?
  /// Tensors that a checkpoint may hold and that are computed.
  package var skipped: [String] = []
  /// As `WindowAttention` has it.
  package var fillsSmallMaps = false
}

extension StackBlueprint {
  /// A stack that is a pyramid, and perhaps a norm behind it.
  init(width: Int, pyramid: PyramidBlueprint, finalNorm: NormBlueprint? = nil) throws(Failure) {
    let none = try FixedArray<LayerBlueprint>(0, for: LayerBlueprint.purpose) { (_) throws(Failure) in
      throw Failure(.internalError, "a layer of a stack without layers")
    }
    self.init(width: width, input: .pyramid(pyramid), layers: none, finalNorm: finalNorm)
  }
}
