import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// The differences between the encoders that came after BERT. They share the layer, post-norm with biases everywhere,
/// and the kinds of heads.
struct BertChoices {
  /// The prefix of the encoder's names in a checkpoint with a head: "bert."
  var prefix: String
  var width: Int
  var layers: Int
  var heads: Int
  var feedForwardWidth: Int
  var activation: Activation
  var epsilon: Float
  var embedding: EmbeddingBlueprint
  /// Names of layer `#`'s parts.
  var names: LayerNames
  /// The bias of the scores of layer i.
  var bias: @Sendable (Int) -> AttentionBlueprint.BiasBlueprint = { _ in .none }
  /// The factor on scores; nil: 1 / √headDim.
  var scale: Float?
  /// The number for `#` in the names of a layer: its own, or that of the group whose weights it shares.
  var number: @Sendable (Int) -> Int = { $0 }
  /// The product of the pooler, without the prefix.
  var pooler: String?
  var vocabulary: Int

  /// Whether a token sees only those before it.
  var causal = false
  /// The source of the cross-attention behind the attention; nil: there is none.
  var source: Source?

  struct LayerNames {
    var query, key, value, output, attentionNorm, up, down, feedForwardNorm: String

    /// Those of BERT itself, behind the name of a layer.
    static func bert(_ layer: String) -> LayerNames {
      LayerNames(
        query: "\(layer).attention.self.query", key: "\(layer).attention.self.key",
        value: "\(layer).attention.self.value", output: "\(layer).attention.output.dense",
        attentionNorm: "\(layer).attention.output.LayerNorm", up: "\(layer).intermediate.dense",
        down: "\(layer).output.dense", feedForwardNorm: "\(layer).output.LayerNorm")
    }
  }

  /// What cross-attention looks at, and its name in layer `#`.
  struct Source {
    var width: Int
    var name: String
  }
}

extension StackBlueprint {
  /// The layers of that line behind their embedding.
  static func bertLine(_ choices: BertChoices) throws(Failure) -> StackBlueprint {
    StackBlueprint(
      width: choices.width, vocabulary: choices.vocabulary, causal: choices.causal, embedding: choices.embedding,
      layers: try FixedArray(choices.layers, for: LayerBlueprint.purpose) { .bertLine(choices, $0) })
  }
}

extension Blueprint {
  /// An encoder of that line.
  static func bertLine(
    modelType: String, _ choices: BertChoices, head: HeadBlueprint?, ignored: [String]
  ) throws(Failure) -> Blueprint {
    Blueprint(
      family: modelType, prefixes: [choices.prefix, ""], towers: [.encoder(try .bertLine(choices))], head: head,
      pooler: choices.pooler.map { (name) in
        HeadBlueprint(
          pooling: .firstToken,
          layers: [(LinearBlueprint(name: name, outputs: choices.width, inputs: choices.width), .tanh, nil)],
          output: .none)
      }, ignored: ignored)
  }
}

extension LayerBlueprint {
  fileprivate static func bertLine(_ choices: BertChoices, _ index: Int) -> LayerBlueprint {
    func name(_ pattern: String) -> String {
      pattern.split(separator: "#", omittingEmptySubsequences: false).joined(separator: "\(choices.number(index))")
    }
    func linear(_ pattern: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name(pattern), outputs: outputs, inputs: inputs)
    }
    func norms(_ pattern: String) -> ResidualNorms {
      ResidualNorms(post: NormBlueprint(name: name(pattern), epsilon: choices.epsilon))
    }
    let (names, width) = (choices.names, choices.width)
    return LayerBlueprint(
      attention: AttentionBlueprint(
        options: AttentionOptions(
          heads: choices.heads, headDim: width / choices.heads, scale: choices.scale, causal: choices.causal),
        query: linear(names.query, width, width), key: linear(names.key, width, width),
        value: linear(names.value, width, width), output: linear(names.output, width, width),
        bias: choices.bias(index)),
      attentionNorms: norms(names.attentionNorm),
      crossAttention: choices.source.map { (source) in
        AttentionBlueprint(
          options: AttentionOptions(heads: choices.heads, headDim: width / choices.heads, causal: false),
          query: linear("\(source.name).self.query", width, width),
          key: linear("\(source.name).self.key", width, source.width),
          value: linear("\(source.name).self.value", width, source.width),
          output: linear("\(source.name).output.dense", width, width))
      }, crossAttentionNorms: choices.source.map { norms("\($0.name).output.LayerNorm") } ?? ResidualNorms(),
      feedForward: FeedForwardBlueprint(
        up: linear(names.up, choices.feedForwardWidth, width),
        down: linear(names.down, width, choices.feedForwardWidth),
        activation: choices.activation), feedForwardNorms: norms(names.feedForwardNorm))
  }
}

extension HeadBlueprint {
  /// The head that `architectures` names, nil: none. What tells masked words and classes of sequences is each family's
  /// own; what tells classes of tokens, and where an answer begins and ends, has the same names in all of them.
  static func bertLine(
    _ config: Configuration, width: Int, words: () throws(Failure) -> HeadBlueprint,
    sequences: (_ labels: Int) throws(Failure) -> HeadBlueprint
  ) throws(Failure) -> HeadBlueprint? {
    func tokens(_ name: String, _ outputs: Int) -> HeadBlueprint {
      HeadBlueprint(output: .linear(LinearBlueprint(name: name, outputs: outputs, inputs: width)))
    }
    switch try config.headTask(HeadTask.ofEncoders) {
    case nil: return nil
    case .maskedLanguageModel, .preTraining, .nextToken, .conditionalGeneration:
      try config.require("tie_word_embeddings", true)
      return try words()
    case .sequenceClassification: return try sequences(try config.labels())
    case .tokenClassification: return tokens("classifier", try config.labels())
    case .questionAnswering: return tokens("qa_outputs", 2)
    default: throw Failure(.internalError, "an encoder of texts with another head")
    }
  }
}
