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
  /// What the activation is applied to and multiplied with `inner`; nil: it is applied to `inner` (Shazeer 2020, arXiv:2002.05202).
  package var gate: LinearBlueprint?
  package var inner: LinearBlueprint
  package var outer: LinearBlueprint
  package var activation: Activation
}

/// A router and the networks that it chooses from (Shazeer et al. 2017, arXiv:1701.06538).
package struct MixtureBlueprint: Sendable {
  /// What checkpoints may call router and experts; the first spelling of which the checkpoint has an expert is read.
  package var spellings: [Spelling]
  /// How many experts a token uses.
  package var chosen: Int
  package var weights: Router.Weights
  /// A network that every token uses beside its experts, times the sigmoid of the product `gate`, `[1, width]`.
  package var shared: (network: NetworkBlueprint, gate: LinearBlueprint)?

  package struct Spelling: Sendable {
    package var router: LinearBlueprint
    package var experts: [NetworkBlueprint]
  }
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
      gate: linear(gate, innerWidth, width), inner: linear(inner, innerWidth, width), outer: linear(outer, width, innerWidth),
      activation: activation)
  }
}

/// The sizes of gated experts, and the usual ways to store them.
struct ExpertSizes {
  var count: Int
  var width: Int
  var inner: Int
  var activation: Activation

  func router(_ name: String, bias: LinearBlueprint.Bias = .none) -> LinearBlueprint {
    LinearBlueprint(name: name, outputs: count, inputs: width, bias: bias)
  }

  /// Each product of each expert stored by itself: `name.7.gate.weight`.
  func separate(_ name: String, gate: String, inner innerName: String, outer: String) -> [NetworkBlueprint] {
    (0..<count).map { expert in
      .gated("\(name).\(expert)", gate: gate, inner: innerName, outer: outer, width: width, innerWidth: inner, activation: activation)
    }
  }

  /// One tensor for the gates and inner products of all experts, gates first, and one for the outer products.
  func fused(_ name: String) -> [NetworkBlueprint] {
    fused(name) { (whole, index) in whole.part(index, of: 2) }
  }

  /// The same with biases and transposed, gates and inner products taking turns.
  func fusedInTurns(_ name: String) -> [NetworkBlueprint] {
    fused(name, isTransposed: true, bias: .own) { (whole, index) in whole.everyOther(from: index) }
  }

  private func fused(
    _ name: String, isTransposed: Bool = false, bias: LinearBlueprint.Bias = .none, _ half: (LinearBlueprint, Int) -> LinearBlueprint
  ) -> [NetworkBlueprint] {
    (0..<count).map { expert in
      let slice = LinearBlueprint.Slice(index: expert, count: count)
      let both = LinearBlueprint(
        name: "\(name).gate_up_proj", outputs: 2 * inner, inputs: width, bias: bias, isTransposed: isTransposed, slice: slice)
      let outer = LinearBlueprint(name: "\(name).down_proj", outputs: width, inputs: inner, bias: bias, isTransposed: isTransposed, slice: slice)
      return NetworkBlueprint(gate: half(both, 0), inner: half(both, 1), outer: outer, activation: activation)
    }
  }
}
