import AttendKernelInterface
import AttendLayers

/// A recurrent network in the place of a stack's layers, with the names that PyTorch gives its tensors.
package struct RecurrentBlueprint: Sendable {
  /// Before the names of its tensors: `NAME.weight_ih_l0`.
  package var name: String
  package var cell: RecurrentCell
  package var layers: Int
  /// The width of tokens' vectors.
  package var inputs: Int
  /// The width of a state of one direction.
  package var width: Int
  package var hasBias: Bool
  package var isBidirectional = false
  /// nil: it is an encoder.
  package var decoding: RecurrentDecodingBlueprint?

  /// Numbers of a state of one direction.
  var stateWidth: Int { cell.vectors * width }
}

/// The parts of a recurrent decoder beside its layers.
package struct RecurrentDecodingBlueprint: Sendable {
  package var attention: SourceAttentionBlueprint?
  package var looks = RecurrentDecoder.Looks.after
  package var readout = Readout.state
  package var feedsReadout = false
  package var bridge: BridgeBlueprint?

  package enum Readout: Sendable {
    case state
    case attentional(LinearBlueprint)
    case joined
  }

  package init() {}
}

/// The parts of a `Transducer`.
package struct TransducerBlueprint: Sendable {
  /// The tensor of the vectors of tokens, `[tokens, width]`.
  package var table: String
  package var tokens: Int
  package var network: Boxed<RecurrentBlueprint>
  package var prediction: LinearBlueprint
  package var frame: LinearBlueprint
  package var activation: Activation
  package var joint: LinearBlueprint
  package var durations: [Int]?
  /// The token that says that there is none.
  package var blank: Int
  /// The token that texts leave out; nil: there is none.
  package var padding: Int?
  /// Tokens that are written at a frame, at most, or of durations for each frame on average.
  package var mostSymbols: Int
}

/// The attention of a recurrent decoder.
package struct SourceAttentionBlueprint: Sendable {
  /// The width of the source's states.
  package var width: Int
  package var score: Score

  package enum Score: Sendable {
    case dot
    /// The product that leads from queries to keys.
    case general(LinearBlueprint)
    /// `vector` is the name of a tensor, `[outputs]`.
    case additive(query: LinearBlueprint, key: LinearBlueprint, vector: String)
    /// The same of one product of query and key, one behind the other.
    case concat(LinearBlueprint, vector: String)
  }
}

/// The products from the last states of the encoder's layers to the first ones of the decoder's.
package struct BridgeBlueprint: Sendable {
  /// Before the names of the products of h and c, which the layer's number follows: `NAME.h.0`; nil: there are none.
  package var name: String?
  package var activation: Activation
  /// The width of h, and of c, of a layer of the encoder, its directions side by side.
  package var inputs: Int
}

extension StackBlueprint {
  /// In the place of layers; nil: it is a Transformer.
  package var recurrent: RecurrentBlueprint? {
    get { network?.value }
    set { network = newValue.map { .of($0) } }
  }

  /// How many layers it has, of whatever kind.
  var depth: Int { recurrent?.layers ?? layers.count }
  /// The width of what the layers read.
  var inputWidth: Int { recurrent?.inputs ?? width }
}
