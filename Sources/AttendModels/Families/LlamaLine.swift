import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// The differences between the decoders that came after Llama. They share the keys of their configuration, the names of
/// their tensors, rotary positions and a layer of attention and feed-forward network.
struct LlamaChoices {
  var norm = Norm.Kind.rms(offset: 0)
  var epsilonKey = "rms_norm_eps"
  var epsilon: Double = 1e-6
  var normsHaveBias = false
  var names = Names()
  var rotary = RotaryDefaults()
  /// Whether the logits come from the token table where the configuration does not say.
  var isTied = false
  /// Biases of the products of attention (queries, keys, values), of its output, and of the feed-forward network.
  var inputBias = false
  var outputBias = false
  var upBias = false
  var activationKey = "hidden_act"
  var activation = "silu"
  /// "gelu" means its approximation through tanh.
  var readsGeluAsTanh = false
  /// Components of a head where the configuration does not say; nil: hidden_size over the number of heads.
  var headDim: Int?
  /// nil: 1 / √head_dim.
  var attentionScale: Float?
  var attentionCap: Float = 0
  var queryKeyNorm: HeadNormBlueprint.Span?
  var queryKeyNormHasBias = false
  var embeddingScale: Float = 1
  var residualScale: Float = 1
  var logitScale: Float = 1
  var logitCap: Float = 0
  var logitBias = false
  var isParallel = false
  /// Whether a token sees only those before it.
  var isCausal = true
  /// The id of padding where the configuration does not say.
  var padding: Int?
  /// The number of positions that layer i sees back; 0: all.
  var window: (Int) -> Int = { _ in 0 }
  /// The rotary embedding of layer i with heads of so many components, where it is not the same for all; nil: none.
  var rotaryOfLayer: ((_ layer: Int, _ headDim: Int) throws(Failure) -> Rotary?)?
  /// The feed-forward network of layer i with this name, where it is not the usual one; nil: it is.
  var feedForward: ((_ layer: Int, _ name: String) throws(Failure) -> FeedForwardBlueprint?)?
  /// The names of sinks in a layer.
  var sinks: String?

  /// The parts of a layer, behind its name.
  struct Names {
    var finalNorm = "norm"
    var output = "self_attn.o_proj"
    /// Queries, keys and values as one matrix.
    var fusedInput: String?
    /// nil: the network is not gated.
    var gate: String? = "mlp.gate_proj"
    var up = "mlp.up_proj"
    /// Gate and up product as one matrix.
    var fusedGateUp: String?
    var down = "mlp.down_proj"
    var attentionBefore: String? = "input_layernorm"
    var attentionWithin: String?
    var feedForwardBefore: String? = "post_attention_layernorm"
    var feedForwardWithin: String?
    var queryNorm = "self_attn.q_norm"
    var keyNorm = "self_attn.k_norm"
  }
}

extension LlamaChoices {
  /// The norms of GPT-2, with biases and an epsilon of 1e-5, which is found under `epsilonKey`.
  mutating func useLayerNorms(epsilonKey: String) {
    norm = .layer
    normsHaveBias = true
    epsilon = 1e-5
    self.epsilonKey = epsilonKey
  }

  /// `attention_bias`: whether all four products of attention have biases.
  mutating func readAttentionBias(_ config: Configuration) throws(Failure) {
    inputBias = try config.boolean("attention_bias", default: false)
    outputBias = inputBias
  }
}

extension Blueprint {
  /// A decoder of that line, from its configuration and the choices of its family.
  static func llamaLine(
    _ config: Configuration, modelType: String, _ choices: LlamaChoices, task: HeadTask?
  ) throws(Failure) -> Blueprint {
    let line = try LlamaLine(config, choices)
    let (width, vocabulary) = (line.width, try config.size("vocab_size"))
    let count = try config.layers("num_hidden_layers")
    let layers = try FixedArray(count, for: LayerBlueprint.purpose) { (index) throws(Failure) in try line.layer(index) }
    let head = LinearBlueprint(
      name: "lm_head", outputs: vocabulary, inputs: width, bias: choices.logitBias ? .own : .none)
    let tied = try config.boolean("tie_word_embeddings", default: choices.isTied)
    let nextToken = HeadBlueprint(
      pooling: .nextToken, output: tied ? .ownOrTied(head) : .linear(head), scale: choices.logitScale,
      softCap: choices.logitCap)
    let stack = StackBlueprint(
      width: width, vocabulary: vocabulary, causal: choices.isCausal,
      embedding: EmbeddingBlueprint(tokens: ["embed_tokens.weight"], scale: choices.embeddingScale), layers: layers,
      finalNorm: line.norm(choices.names.finalNorm))
    var blueprint = Blueprint(
      family: modelType, prefixes: ["model.", "", "transformer."],
      towers: [choices.isCausal ? .decoder(stack) : .encoder(stack)],
      head: try nextToken.ofDecoder(task, config, width: width, padding: choices.padding, tokenClassifier: "score"),
      ignored: ["layers.#.self_attn.rotary_emb.inv_freq", "rotary_emb.inv_freq"])
    // Of an encoder, every token's logits are asked for.
    if !choices.isCausal, task == nil || task == .nextToken { blueprint.head?.pooling = .everyToken }
    return blueprint
  }
}

/// The sizes of such a decoder, and its layers.
private struct LlamaLine {
  let config: Configuration
  let choices: LlamaChoices
  let width: Int
  let heads: Int
  let keyValueHeads: Int
  let headDim: Int
  let feedForwardWidth: Int
  let activation: Activation
  let epsilon: Float

  init(_ config: Configuration, _ choices: LlamaChoices) throws(Failure) {
    self.config = config
    self.choices = choices
    width = try config.size("hidden_size")
    heads = try config.heads("num_attention_heads")
    keyValueHeads = try config.keyValueHeads(of: heads)
    headDim = try config.headDim(width: width, heads: heads, default: choices.headDim)
    feedForwardWidth = try config.size("intermediate_size")
    let named = try config.activation(choices.activationKey, default: choices.activation)
    activation = named == .gelu && choices.readsGeluAsTanh ? .geluTanh : named
    epsilon = Float(try config.number(choices.epsilonKey, default: choices.epsilon))
  }

  func norm(_ name: String) -> NormBlueprint {
    NormBlueprint(name: name, kind: choices.norm, epsilon: epsilon, hasBias: choices.normsHaveBias)
  }

  func layer(_ index: Int) throws(Failure) -> LayerBlueprint {
    let name = "layers.\(index)", names = choices.names
    func norms(_ before: String?, _ within: String?) -> ResidualNorms {
      ResidualNorms(
        pre: before.map { norm("\(name).\($0)") }, onOutput: within.map { norm("\(name).\($0)") },
        scale: choices.residualScale)
    }
    return LayerBlueprint(
      attention: try attention(index, name), attentionNorms: norms(names.attentionBefore, names.attentionWithin),
      feedForward: try choices.feedForward?(index, name) ?? feedForward(name),
      feedForwardNorms: norms(names.feedForwardBefore, names.feedForwardWithin), isParallel: choices.isParallel)
  }

  private func attention(_ index: Int, _ name: String) throws(Failure) -> AttentionBlueprint {
    let options = AttentionOptions(
      heads: heads, keyValueHeads: keyValueHeads, headDim: headDim, scale: choices.attentionScale,
      causal: choices.isCausal,
      window: choices.window(index), softCap: choices.attentionCap)
    func linear(_ part: String, _ outputs: Int, _ inputs: Int, _ bias: Bool) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: bias ? .own : .none)
    }
    func headNorm(_ part: String) -> HeadNormBlueprint? {
      choices.queryKeyNorm.map { (span) in
        var norm = norm("\(name).\(part)")
        norm.hasBias = choices.queryKeyNormHasBias
        return HeadNormBlueprint(norm: norm, span: span)
      }
    }
    let (queries, others) = (options.queryWidth, options.keyValueWidth)
    var input = [
      linear("self_attn.q_proj", queries, width, choices.inputBias),
      linear("self_attn.k_proj", others, width, choices.inputBias),
      linear("self_attn.v_proj", others, width, choices.inputBias),
    ]
    if let fused = choices.names.fusedInput {
      let whole = linear(fused, queries + 2 * others, width, choices.inputBias)
      input = [whole.rows(0, queries), whole.rows(queries, others), whole.rows(queries + others, others)]
    }
    return AttentionBlueprint(
      options: options, query: input[0], key: input[1], value: input[2],
      output: linear(choices.names.output, width, queries, choices.outputBias),
      queryNorm: headNorm(choices.names.queryNorm), keyNorm: headNorm(choices.names.keyNorm), rotary: try rotary(index),
      sinks: choices.sinks.map { "\(name).\($0)" })
  }

  private func rotary(_ index: Int) throws(Failure) -> Rotary? {
    if let ofLayer = choices.rotaryOfLayer { return try ofLayer(index, headDim) }
    return try config.rotary(headDim: headDim, choices.rotary)
  }

  private func feedForward(_ name: String) -> FeedForwardBlueprint {
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: choices.upBias ? .own : .none)
    }
    let names = choices.names
    let down = linear(names.down, width, feedForwardWidth)
    if let fused = names.fusedGateUp {
      let whole = linear(fused, 2 * feedForwardWidth, width)
      return FeedForwardBlueprint(
        gate: whole.part(0, of: 2), up: whole.part(1, of: 2), down: down, activation: activation)
    }
    return FeedForwardBlueprint(
      gate: names.gate.map { linear($0, feedForwardWidth, width) }, up: linear(names.up, feedForwardWidth, width),
      down: down, activation: activation)
  }
}

extension Configuration {
  /// Heads of keys and values: a divisor of `heads`; without the key as many.
  func keyValueHeads(of heads: Int) throws(Failure) -> Int {
    let count = try size("num_key_value_heads", "num_kv_heads", default: heads)
    guard heads.isMultiple(of: count) else {
      throw invalid("num_key_value_heads", "is \(count), which does not divide num_attention_heads \(heads)")
    }
    return count
  }

  /// Components of a head: `head_dim`, or where it is left to be concluded an equal share of `width`.
  func headDim(width: Int, heads: Int, default standard: Int? = nil) throws(Failure) -> Int {
    if let own = try optionalSize("head_dim") ?? standard { return own }
    guard width.isMultiple(of: heads) else {
      throw invalid("num_attention_heads", "is \(heads), which does not divide hidden_size \(width)")
    }
    return width / heads
  }

  /// The kind of each layer, `full_attention` or `sliding_attention`: `layer_types`, or where it is left to be
  /// concluded what `standard` says.
  func layerTypes(_ layers: Int, standard: (Int) -> String) throws(Failure) -> [String] {
    guard let types = try optionalStrings("layer_types") else { return (0..<layers).map(standard) }
    guard types.count >= layers else { throw invalid("layer_types", "has \(types.count) entries for \(layers) layers") }
    for type in types where type != "full_attention" && type != "sliding_attention" {
      throw Failure(.unsupported, "\(path): layer_types \"\(type)\" is not implemented")
    }
    return types
  }
}
