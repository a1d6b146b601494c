import AttendBase
import AttendLayers

/// What stands after the attention of a layer: one network, or several of which each token uses some.
package enum FeedForwardBlueprint: Sendable {
  case dense(NetworkBlueprint)
  case mixture(MixtureBlueprint)

  /// One network.
  package init(gate: LinearBlueprint? = nil, inner: LinearBlueprint, outer: LinearBlueprint, activation: Activation) {
    self = .dense(NetworkBlueprint(gate: gate, inner: inner, outer: outer, activation: activation))
  }
}

/// The products of a feed-forward network.
package struct NetworkBlueprint: Sendable {
  /// What the activation is applied to and multiplied with `inner`; nil: it is applied to `inner` (Shazeer 2020,
  /// arXiv:2002.05202).
  package var gate: LinearBlueprint?
  package var inner: LinearBlueprint
  package var outer: LinearBlueprint
  package var activation: Activation
}

/// A router and the networks that it chooses from (Shazeer et al. 2017, arXiv:1701.06538).
package struct MixtureBlueprint: Sendable {
  package var sizes: ExpertSizes
  /// What checkpoints may call router and experts; the first spelling of which the checkpoint has an expert is read.
  package var spellings: [Spelling]
  /// How many experts a token uses.
  package var chosen: Int
  package var weights: Router.Weights
  /// A network that every token uses beside its experts, times the sigmoid of the product `gate`, `[1, width]`.
  package var shared: (network: NetworkBlueprint, gate: LinearBlueprint)?

  package struct Spelling: Sendable {
    package var router: LinearBlueprint
    /// Before the names of the experts' tensors.
    package var experts: String
    package var storage: ExpertStorage
  }

  /// The products of one expert.
  func expert(_ index: Int, _ spelling: Spelling) -> NetworkBlueprint {
    let (name, width, inner) = (spelling.experts, sizes.width, sizes.inner)
    switch spelling.storage {
    case .separate(let gate, let up, let outer):
      return .gated(
        "\(name).\(index)", gate: gate, inner: up, outer: outer, width: width, innerWidth: inner,
        activation: sizes.activation)
    case .fused:
      let both = slice("\(name).gate_up_proj", index, outputs: 2 * inner, inputs: width)
      return NetworkBlueprint(
        gate: both.part(0, of: 2), inner: both.part(1, of: 2),
        outer: slice("\(name).down_proj", index, outputs: width, inputs: inner), activation: sizes.activation)
    case .fusedInTurns:
      var both = slice("\(name).gate_up_proj", index, outputs: 2 * inner, inputs: width)
      var outer = slice("\(name).down_proj", index, outputs: width, inputs: inner)
      (both.isTransposed, both.bias, outer.isTransposed, outer.bias) = (true, .own, true, .own)
      return NetworkBlueprint(
        gate: both.everyOther(from: 0), inner: both.everyOther(from: 1), outer: outer, activation: sizes.activation)
    }
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
  package var inner: Int
  package var activation: Activation

  func router(_ name: String, bias: LinearBlueprint.Bias = .none) -> LinearBlueprint {
    LinearBlueprint(name: name, outputs: count, inputs: width, bias: bias)
  }
}

/// How the tensors of experts are stored.
package enum ExpertStorage: Sendable {
  /// Each product of each expert by itself: `7.gate.weight`. Without biases.
  case separate(gate: String, inner: String, outer: String)
  /// `gate_up_proj` for the gates and inner products of all experts, gates first, and `down_proj` for the outer ones.
  /// Without biases.
  case fused
  /// The same with biases and transposed, gates and inner products taking turns.
  case fusedInTurns
}

extension NetworkBlueprint {
  /// A gated network without biases, its products named `name.gate` and so on.
  static func gated(
    _ name: String, gate: String, inner: String, outer: String, width: Int, innerWidth: Int, activation: Activation
  ) -> NetworkBlueprint {
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: .none)
    }
    return NetworkBlueprint(
      gate: linear(gate, innerWidth, width), inner: linear(inner, innerWidth, width),
      outer: linear(outer, width, innerWidth), activation: activation)
  }
}
