import AttendBase
import AttendCheckpoints

/// A family of models: it turns a config.json into a blueprint.
package protocol Family: Sendable {
  /// The values of `model_type` for this family.
  static var modelTypes: [String] { get }
  /// The kinds and heads that its checkpoints may have, for the table of families.
  static var capabilities: Capabilities { get }
  /// Second names of keys, which configurations of the family may use: `attribute_map` in transformers.
  static var keyAliases: [String: String] { get }
  /// The heads of names in `architectures` whose ends do not tell.
  static var headNames: [String: HeadTask] { get }
  /// Reads the configuration; throws where a key is missing or asks for what is not implemented.
  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint
  /// The part of a blueprint that sentence-transformers loads for the embeddings of texts.
  static func ofEmbeddings(_ blueprint: Blueprint) -> Blueprint
}

/// The kinds of models and heads that the checkpoints of a family may be.
package struct Capabilities: Sendable {
  package let kinds: [ModelKind]
  package let heads: [HeadTask]

  /// A family of decoders, with logits of the next token and perhaps other heads.
  package static func decoder(_ others: [HeadTask] = []) -> Capabilities {
    Capabilities(kinds: [.decoder], heads: [.nextToken] + others)
  }

  /// A family of encoder-decoders, with logits of the next token.
  package static let encoderDecoder = Capabilities(kinds: [.encoderDecoder], heads: [.conditionalGeneration])

  /// A family of encoders with these heads, or without one.
  package static func encoder(_ heads: [HeadTask]) -> Capabilities { Capabilities(kinds: [.encoder], heads: heads) }
}

extension Family {
  package static var keyAliases: [String: String] { [:] }
  package static var headNames: [String: HeadTask] { [:] }
  package static func ofEmbeddings(_ blueprint: Blueprint) -> Blueprint { blueprint }

  /// The head that the checkpoint was saved with, of those that the family has; nil: bare layers. A configuration that
  /// names none is that of a model that generates, or of an encoder without a head.
  static func headTask(_ config: Configuration) throws(Failure) -> HeadTask? {
    try config.headTask(
      capabilities.heads, names: headNames,
      default: capabilities.heads.first { $0 == .nextToken || $0 == .conditionalGeneration })
  }
}

/// All families. A new one is a file beside this one and a line here.
package enum Registry {
  package static let families: [any (Family & Sendable).Type] = [
    Albert.self, AST.self, Bart.self, BEiT.self, Bert.self, BLIP.self, Bloom.self, CLIP.self, CTranslate2.self,
    DalleBart.self,
    DebertaV2.self, DINOv2.self, DINOv3.self, DistilBert.self, Fairseq.self, Falcon.self, Florence2.self, Gemma.self,
    Gemma3.self, GPT2.self, GPTJ.self, GPTNeo.self, GPTNeoX.self, GptOss.self, Granite.self, Idefics.self,
    Idefics2.self, Idefics3.self, Janus.self, Llama.self, Llava.self, Mistral.self, Mixtral.self, Mllama.self,
    ModernBert.self, Moonshine.self, MPNet.self, MPT.self, Olmo2.self, OPT.self, PaliGemma.self, Parakeet.self,
    ParakeetTransducer.self, Phi.self, Phi3.self,
    Qwen.self, Qwen2VL.self, Qwen3VL.self, QwenMixtures.self, Recurrent.self, SigLIP.self,
    SmolLM3.self, StableLM.self, StarCoder2.self, Swin.self, T5.self, Transformer.self, VisionEncoderDecoder.self,
    ViT.self, Wav2Vec2.self, Wav2Vec2Bert.self, Whisper.self,
  ]

  /// Every `model_type` that can be loaded, sorted.
  package static var modelTypes: [String] { families.flatMap { $0.modelTypes }.sorted() }

  /// The blueprint of a checkpoint, or of its part that embeds texts.
  package static func blueprint(_ config: Configuration, embeds: Bool = false) throws(Failure) -> Blueprint {
    var blueprint = try blueprint(of: config)
    blueprint.labels = try LabelNames(config)
    return embeds ? try family(config).ofEmbeddings(blueprint) : blueprint
  }

  /// The blueprint of a part of a model, whose configuration is an object inside of the model's.
  static func part(_ config: Configuration, default modelType: String? = nil) throws(Failure) -> Blueprint {
    config.useStandards(of: try config.string("model_type", default: modelType ?? ""))
    return try blueprint(of: config, default: modelType)
  }

  /// The same of a part that is read as if it named `modelType`.
  static func part(_ config: Configuration, as modelType: String) throws(Failure) -> Blueprint {
    config.settle("model_type")
    config.useStandards(of: modelType)
    return try blueprint(of: config, default: modelType)
  }

  private static func family(
    _ config: Configuration, default standard: String? = nil
  ) throws(Failure) -> any (Family & Sendable).Type {
    let modelType = try config.string("model_type", default: standard)
    guard let family = families.first(where: { $0.modelTypes.contains(modelType) }) else {
      throw Failure(
        .unsupported,
        "\(config.path): model_type \"\(modelType)\" is not known; known are \(modelTypes.joined(separator: ", "))")
    }
    return family
  }

  private static func blueprint(
    of config: Configuration, default standard: String? = nil
  ) throws(Failure) -> Blueprint {
    let family = try family(config, default: standard)
    config.keyAliases = family.keyAliases
    var blueprint = try family.blueprint(config, modelType: try config.string("model_type", default: standard))
    try UnreadKeys(config, blueprint).check()
    for index in blueprint.towers.indices where blueprint.towers[index].stack.embedding != nil {
      if blueprint.towers[index].stack.statedPositions == nil {
        blueprint.towers[index].stack.statedPositions = config.statedPositions
      }
    }
    return blueprint
  }
}
