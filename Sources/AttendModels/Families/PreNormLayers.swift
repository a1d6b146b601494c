import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// The layers of encoders with a norm before each sub-layer (Xiong et al. 2020, arXiv:2002.04745), of pictures and of
/// the texts beside them, and what differs between them.
struct PreNormLayers {
  var width: Int
  var heads: Int
  var feedForwardWidth: Int
  var activation: Activation
  var epsilon: Float
  var names: Names
  var causal = false
  /// The products that have a bias.
  var biases = Biases()
  /// Gates on the outputs of attention and network of layer `#`.
  var gates: (attention: String, feedForward: String)?
  /// That of the scores of layer i.
  var scoreBias: (Int) -> AttentionBlueprint.BiasBlueprint = { _ in .none }
  /// Tensors of factors on the outputs of attention and network of layer `#`.
  var layerScales: (attention: String, feedForward: String)?
  var normKind = Norm.Kind.layer
  /// By which queries and keys turn.
  var rotary: Rotary?
  /// Whether the tokens of layer i see those of their own block only (`TokenPlaces`).
  var staysInBlocks: (Int) -> Bool = { _ in false }
  /// Of layer `#` the product whose first half goes through the activation and is multiplied with the second.
  var gated: String?

  /// Whether products have a bias.
  struct Biases {
    var query = true, key = true, value = true, output = true, network = true

    /// Of queries, keys and values.
    var input: Bool {
      get { query && key && value }
      set { (query, key, value) = (newValue, newValue, newValue) }
    }
  }

  /// The names of tensors; `#` is the number of a layer.
  struct Names {
    var query, key, value, output, attentionNorm, up, down, feedForwardNorm: String
    /// Queries, keys and values as one matrix; nil: each has its own.
    var input: String?
    /// The product that the activation is applied to; nil: there is none beside `up`.
    var gate: String?
  }

  /// The keys that all share, with the defaults of a family.
  init(
    _ config: Configuration, names: Names, width standard: Int, heads: Int = 12, epsilon: Double, activation: String
  ) throws(Failure) {
    width = try config.size("hidden_size", default: standard)
    self.heads = try config.divisor("num_attention_heads", of: width, "hidden_size", default: heads)
    feedForwardWidth = try config.size("intermediate_size", default: 4 * standard)
    self.activation = try config.activation("hidden_act", default: activation)
    self.epsilon = Float(try config.number("layer_norm_eps", default: epsilon))
    self.names = names
  }

  /// Layers of these sizes.
  init(
    width: Int, heads: Int, feedForwardWidth: Int, activation: Activation, epsilon: Float, names: Names
  ) {
    (self.width, self.heads, self.feedForwardWidth) = (width, heads, feedForwardWidth)
    (self.activation, self.epsilon, self.names) = (activation, epsilon, names)
  }

  func norm(_ name: String) -> NormBlueprint {
    NormBlueprint(name: name, kind: normKind, epsilon: epsilon, hasBias: normKind == .layer)
  }

  func layer(_ index: Int) -> LayerBlueprint {
    func name(_ pattern: String) -> String {
      pattern.split(separator: "#", omittingEmptySubsequences: false).joined(separator: "\(index)")
    }
    func linear(_ pattern: String, _ outputs: Int, _ inputs: Int, _ hasBias: Bool = true) -> LinearBlueprint {
      LinearBlueprint(name: name(pattern), outputs: outputs, inputs: inputs, bias: hasBias ? .own : .none)
    }
    let hasBias = biases.network
    var output = linear(names.output, width, width, biases.output)
    var down = linear(names.down, width, feedForwardWidth, hasBias)
    output.outputScale = layerScales.map { name($0.attention) }
    down.outputScale = layerScales.map { name($0.feedForward) }
    output.outputGate = gates.map { name($0.attention) }
    down.outputGate = gates.map { name($0.feedForward) }
    let both = gated.map { linear($0, 2 * feedForwardWidth, width, hasBias) }
    let gate = names.gate.map { linear($0, feedForwardWidth, width, hasBias) }
    var query = linear(names.query, width, width, biases.query), key = linear(names.key, width, width, biases.key)
    var value = linear(names.value, width, width, biases.value)
    if let input = names.input { (query, key, value) = linear(input, 3 * width, width, biases.input).inThirds() }
    return LayerBlueprint(
      attention: AttentionBlueprint(
        options: AttentionOptions(
          heads: heads, headDim: width / heads, causal: causal, staysInBlocks: staysInBlocks(index)),
        query: query, key: key, value: value, output: output, rotary: rotary, bias: scoreBias(index)),
      attentionNorms: ResidualNorms(pre: norm(name(names.attentionNorm))),
      feedForward: FeedForwardBlueprint(
        gate: both?.part(0, of: 2) ?? gate,
        up: both?.part(1, of: 2) ?? linear(names.up, feedForwardWidth, width, hasBias),
        down: down,
        activation: activation), feedForwardNorms: ResidualNorms(pre: norm(name(names.feedForwardNorm))))
  }
}

extension PreNormLayers.Names {
  /// Those of ViT and what keeps its names.
  static let vit = PreNormLayers.Names(
    query: "encoder.layer.#.attention.attention.query", key: "encoder.layer.#.attention.attention.key",
    value: "encoder.layer.#.attention.attention.value", output: "encoder.layer.#.attention.output.dense",
    attentionNorm: "encoder.layer.#.layernorm_before", up: "encoder.layer.#.intermediate.dense",
    down: "encoder.layer.#.output.dense", feedForwardNorm: "encoder.layer.#.layernorm_after")

  /// Those of CLIP and SigLIP, for pictures and texts.
  static let clip = PreNormLayers.Names(
    query: "encoder.layers.#.self_attn.q_proj", key: "encoder.layers.#.self_attn.k_proj",
    value: "encoder.layers.#.self_attn.v_proj", output: "encoder.layers.#.self_attn.out_proj",
    attentionNorm: "encoder.layers.#.layer_norm1", up: "encoder.layers.#.mlp.fc1", down: "encoder.layers.#.mlp.fc2",
    feedForwardNorm: "encoder.layers.#.layer_norm2")
}
