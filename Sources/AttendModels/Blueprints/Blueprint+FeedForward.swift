import AttendBase
import AttendKernelInterface
import AttendLayers

/// The networks after the attention of a layer: one, or several of which each token uses some.
package enum FeedForwardBlueprint: Sendable {
  case dense(FeedForwardNetworkBlueprint)
  case mixture(MixtureBlueprint)

  /// One network.
  package init(
    gate: LinearBlueprint? = nil, up: LinearBlueprint, down: LinearBlueprint, activation: Activation,
    innerNorm: NormBlueprint? = nil
  ) {
    self = .dense(
      FeedForwardNetworkBlueprint(gate: gate, up: up, down: down, activation: activation, innerNorm: innerNorm))
  }
}

/// The products of a feed-forward network.
package struct FeedForwardNetworkBlueprint: Sendable {
  /// The product that the activation is applied to and `up` multiplied with; nil: it is applied to `up` (Shazeer 2020,
  /// arXiv:2002.05202).
  package var gate: LinearBlueprint?
  package var up: LinearBlueprint
  package var down: LinearBlueprint
  package var activation: Activation
  /// Between the two products.
  package var innerNorm: NormBlueprint?
}

/// A router and the networks that it chooses from (Shazeer et al. 2017, arXiv:1701.06538).
package struct MixtureBlueprint: Sendable {
  package var sizes: ExpertSizes
  /// The names of router and experts in checkpoints; the first layout of which the checkpoint has an expert is read.
  package var layouts: [Layout]
  /// The number of experts of a token.
  package var topK: Int
  package var weights: Router.Weights
  /// A network that every token uses beside its experts, times the sigmoid of the product `gate`, `[1, width]`.
  package var shared: (network: FeedForwardNetworkBlueprint, gate: LinearBlueprint)?

  package struct Layout: Sendable {
    package var router: LinearBlueprint
    /// Before the names of the experts' tensors.
    package var experts: String
    package var storage: ExpertStorage
  }

  /// The products of one expert.
  func expert(_ index: Int, _ layout: Layout) -> FeedForwardNetworkBlueprint {
    let (name, width, expertWidth) = (layout.experts, sizes.width, sizes.expertWidth)
    switch layout.storage {
    case .separate(let gate, let up, let down):
      return .gated(
        "\(name).\(index)", gate: gate, up: up, down: down, width: width, feedForwardWidth: expertWidth,
        activation: sizes.activation)
    case .fused:
      let both = slice("\(name).gate_up_proj", index, outputs: 2 * expertWidth, inputs: width)
      return FeedForwardNetworkBlueprint(
        gate: both.part(0, of: 2), up: both.part(1, of: 2),
        down: slice("\(name).down_proj", index, outputs: width, inputs: expertWidth), activation: sizes.activation)
    case .fusedTransposed:
      var both = slice("\(name).gate_up_proj", index, outputs: 2 * expertWidth, inputs: width)
      var down = slice("\(name).down_proj", index, outputs: width, inputs: expertWidth)
      (both.isTransposed, down.isTransposed) = (true, true)
      return FeedForwardNetworkBlueprint(
        gate: both.part(0, of: 2), up: both.part(1, of: 2), down: down, activation: sizes.activation)
    case .fusedInTurns:
      var both = slice("\(name).gate_up_proj", index, outputs: 2 * expertWidth, inputs: width)
      var down = slice("\(name).down_proj", index, outputs: width, inputs: expertWidth)
      (both.isTransposed, both.bias, down.isTransposed, down.bias) = (true, .own, true, .own)
      return FeedForwardNetworkBlueprint(
        gate: both.everyOther(from: 0), up: both.everyOther(from: 1), down: down, activation: sizes.activation)
    case .stacked:
      return FeedForwardNetworkBlueprint(
        gate: biasedSlice("\(name).gate_proj", index, outputs: expertWidth, inputs: width),
        up: biasedSlice("\(name).up_proj", index, outputs: expertWidth, inputs: width),
        down: biasedSlice("\(name).down_proj", index, outputs: width, inputs: expertWidth),
        activation: sizes.activation)
    }
  }

  /// A slice of a tensor of all experts, with a slice of their biases.
  private func biasedSlice(_ name: String, _ index: Int, outputs: Int, inputs: Int) -> LinearBlueprint {
    var slice = slice(name, index, outputs: outputs, inputs: inputs)
    slice.bias = .own
    return slice
  }

  private func slice(_ name: String, _ index: Int, outputs: Int, inputs: Int) -> LinearBlueprint {
    LinearBlueprint(
      name: name, outputs: outputs, inputs: inputs, bias: .none,
      slice: LinearBlueprint.Slice(index: index, count: sizes.count))
  }
}

/// The sizes of gated experts, which are the same for all.
package struct ExpertSizes: Sendable {
  package var count: Int
  package var width: Int
  package var expertWidth: Int
  package var activation: Activation

  func router(_ name: String, bias: LinearBlueprint.Bias = .none) -> LinearBlueprint {
    LinearBlueprint(name: name, outputs: count, inputs: width, bias: bias)
  }
}

/// The storage of the tensors of experts.
package enum ExpertStorage: Sendable {
  /// Each product of each expert by itself: `7.gate.weight`. Without biases.
  case separate(gate: String, up: String, down: String)
  /// `gate_up_proj` for the gates and up products of all experts, gates first, and `down_proj` for the down ones.
  /// Without biases.
  case fused
  /// The same, each matrix transposed.
  case fusedTransposed
  /// The same with biases and transposed, gates and up products taking turns.
  case fusedInTurns
  /// `gate_proj`, `up_proj` and `down_proj`, each of all experts, `[experts, outputs, inputs]`, with biases.
  case stacked
}

extension FeedForwardNetworkBlueprint {
  /// A gated network without biases, its products named `name.gate` and so on; `outputs` are by default the inputs.
  static func gated(
    _ name: String, gate: String, up: String, down: String, width: Int, outputs: Int? = nil, feedForwardWidth: Int,
    activation: Activation
  ) -> FeedForwardNetworkBlueprint {
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: .none)
    }
    return FeedForwardNetworkBlueprint(
      gate: linear(gate, feedForwardWidth, width), up: linear(up, feedForwardWidth, width),
      down: linear(down, outputs ?? width, feedForwardWidth), activation: activation)
  }
}
