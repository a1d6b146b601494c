import AttendBase
import AttendCheckpoints

/// A family of models: it turns a config.json into a blueprint.
package protocol Family: Sendable {
  /// What `model_type` says for this family.
  static var modelTypes: [String] { get }
  /// What its checkpoints may be, for the table of families.
  static var capabilities: Capabilities { get }
  /// Second names of keys, which configurations of the family may use: `attribute_map` in transformers.
  static var keyAliases: [String: String] { get }
  /// Reads the configuration; throws where a key is missing or asks for what is not implemented.
  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint
}

/// What the checkpoints of a family may be.
package struct Capabilities: Sendable {
  package let kinds: [ModelKind]
  /// The heads of its encoders.
  package let heads: [EncoderTask]

  /// A family of decoders, with logits of the next token.
  package static let nextToken = Capabilities(kinds: [.decoder], heads: [])
  /// A family of encoder-decoders, with logits of the next token.
  package static let encoderDecoder = Capabilities(kinds: [.encoderDecoder], heads: [])

  /// A family of encoders with these heads, or without one.
  package static func encoder(_ heads: [EncoderTask]) -> Capabilities { Capabilities(kinds: [.encoder], heads: heads) }
}

extension Family {
  package static var capabilities: Capabilities { .nextToken }
  package static var keyAliases: [String: String] { [:] }
}

/// All families. A new one is a file beside this one and a line here.
package enum Registry {
  package static let families: [any (Family & Sendable).Type] = [
    Albert.self, Bart.self, Bert.self, Bloom.self, DebertaV2.self, DistilBert.self, Falcon.self, FSMT.self, Gemma.self,
    GPT2.self, GPTJ.self, GPTNeo.self, GPTNeoX.self, GptOss.self, Granite.self, Llama.self, M2M100.self, Marian.self,
    MBart.self, Mistral.self, Mixtral.self, ModernBert.self, MPNet.self, MPT.self, Olmo2.self, OPT.self, Pegasus.self,
    Phi.self, Phi3.self, Qwen.self, QwenMixtures.self, SmolLM3.self, StableLM.self, StarCoder2.self, T5.self,
    Transformer.self,
  ]

  /// Every `model_type` that can be loaded, sorted.
  package static var modelTypes: [String] { families.flatMap { $0.modelTypes }.sorted() }

  /// The blueprint of a checkpoint.
  package static func blueprint(_ config: Configuration) throws(Failure) -> Blueprint {
    let modelType = try config.string("model_type")
    guard let family = families.first(where: { $0.modelTypes.contains(modelType) }) else {
      throw Failure(
        .unsupported,
        "\(config.path): model_type \"\(modelType)\" is not known; known are \(modelTypes.joined(separator: ", "))")
    }
    config.keyAliases = family.keyAliases
    var blueprint = try family.blueprint(config, modelType: modelType)
    try UnreadKeys(config, blueprint).check()
    blueprint.encoder?.statedPositions = config.statedPositions
    blueprint.decoder?.statedPositions = config.statedPositions
    if blueprint.kind != .encoder, try !config.hasNextTokenHead(), case .linear = blueprint.head?.output {
      blueprint.head = nil
    }
    return blueprint
  }
}

extension Configuration {
  /// Whether `architectures` names a model that tells the next token, as is assumed where it names none; false: the
  /// bare layers, such as `LlamaModel`, saved without the product that makes logits. Throws `unsupported` for any other
  /// head.
  fileprivate func hasNextTokenHead() throws(Failure) -> Bool {
    guard let architecture = try optionalStrings("architectures")?.first else { return true }
    let others = ["ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "DoubleHeadsModel"]
    guard !others.contains(where: { architecture.hasSuffix($0) }) else {
      throw Failure(.unsupported, "\(path): the head of \(architecture) is not implemented for this model_type")
    }
    return !architecture.hasSuffix("Model") || architecture.hasSuffix("LMHeadModel")
      || architecture.hasSuffix("MarianMTModel")
  }
}
