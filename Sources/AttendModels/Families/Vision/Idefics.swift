import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Idefics (Laurençon et al. 2023, arXiv:2306.16527), an open Flamingo (Alayrac et al. 2022, arXiv:2204.14198): the
/// states of CLIP, resampled to a few, at which gated layers between those of a Llama look by cross-attention. Tokens
/// see the last picture before them.
enum Idefics: Family {
  static let modelTypes = ["idefics"]
  static let capabilities = Capabilities(kinds: [.decoder], heads: [.conditionalGeneration])
  static let headNames = ["IdeficsForVisionText2Text": HeadTask.conditionalGeneration]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let vocabulary = try config.size("vocab_size", default: 32000)
    let more = try config.integer("additional_vocab_size", default: 0)
    guard (0...Idefics.mostIds).contains(more) else {
      throw config.invalid("additional_vocab_size", "is \(more), expected 0 to \(Idefics.mostIds)")
    }
    // Of the ids behind the vocabulary the first stands around pictures and the second for them.
    let placeholder = try config.integer("image_token_id", default: vocabulary + max(min(more - 1, 1), 0))
    var text = try Blueprint.llamaLine(config, modelType: modelType, LlamaChoices(), task: .nextToken)
    let (eyes, stateWidth) = try eyes(config)
    guard var writer = text.decoder, var embedding = writer.embedding else {
      throw Failure(.internalError, "a Llama without a decoder")
    }
    if more > 0 { embedding.additional = ("embed_tokens.additional_embedding.weight", more) }
    (writer.input, writer.vocabulary) = (.tokens(embedding), vocabulary + more)
    writer.layers = try layers(config, writer, sourceWidth: stateWidth)
    text.head = try head(config, vocabulary: vocabulary, more: more, width: writer.width)
    config.understand(
      "alpha_initializer", "alphas_initializer_range", "alpha_type", "freeze_lm_head", "freeze_text_layers",
      "freeze_text_module_exceptions", "freeze_vision_layers", "freeze_vision_module_exceptions", "pad_token_id")
    let end = try config.optionalIntegers("eos_token_id")?.first ?? 2
    return Blueprint(
      family: modelType, prefixes: [""],
      towers: [eyes, TowerBlueprint(role: .decoder, stack: writer, prefixes: ["model.", ""])], head: text.head,
      placeholder: Int32(clamping: placeholder), sight: .last(end: Int32(exactly: end)),
      markup: more > 1 ? .fenced(Int32(clamping: vocabulary)) : nil,
      ignored: text.ignored.map { "model.\($0)" } + [
        "lm_head.weight", "lm_head.additional_fc.weight", "model.vision_model.embeddings.position_ids",
        "model.vision_model.post_layernorm.*", "model.gated_cross_attn_layers.#.cross_attn.rotary_emb.inv_freq",
        "model.layers.#.self_attn.rotary_emb.inv_freq",
      ])
  }

  /// Ids behind the vocabulary; far more than any checkpoint has.
  private static let mostIds = 1 << 20

  // MARK: Pictures

  private static func eyes(_ config: Configuration) throws(Failure) -> (TowerBlueprint, width: Int) {
    let vision = try config.tower("vision_config")
    vision.keyAliases = ["hidden_size": "embed_dim"]
    var names = VisionChoices.Names.clip
    (names.classTokens, names.hasProjectionBias) = (["embeddings.class_embedding"], false)
    names.embeddingNorm = "pre_layrnorm"
    let choices = try VisionChoices(vision, names: names, layers: .clip, epsilon: 1e-5, patch: 14)
    var stack = try choices.stack()
    if case .patches(var patches) = stack.input {
      patches.interpolates = false
      stack.input = .patches(patches)
    }
    vision.understand("initializer_factor", "initializer_range", "attention_dropout")
    let steps = try config.boolean("use_resampler", default: false) ? [try resampler(config, width: choices.width)] : []
    try config.child("perceiver_config")?.understand("use_resampler")
    return (
      TowerBlueprint(
        role: .vision, stack: stack, prefixes: ["model.vision_model.", "vision_model."],
        connector: ConnectorBlueprint(prefixes: ["model.perceiver_resampler.", "perceiver_resampler."], steps: steps)),
      choices.width
    )
  }

  private static func resampler(
    _ config: Configuration, width: Int
  ) throws(Failure) -> ConnectorBlueprint.Step {
    let options = try config.tower("perceiver_config")
    let count = try options.size("resampler_n_latents", default: 64)
    let heads = try options.heads("resampler_n_heads", default: 16)
    let headDim = try options.size("resampler_head_dim", default: 96)
    let normsHeads = try options.boolean("qk_layer_norms_perceiver", default: false)
    guard count <= 1 << 20, headDim <= 1 << 16 else {
      throw options.invalid("resampler_n_latents", "and resampler_head_dim are not plausible")
    }
    func norm(_ name: String) -> NormBlueprint { NormBlueprint(name: name, epsilon: 1e-5) }
    func linear(_ name: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: outputs, inputs: inputs, bias: .none)
    }
    let attention = AttentionOptions(heads: heads, headDim: headDim, causal: false)
    let depth = try options.layers("resampler_depth", default: 6)
    let layers = try FixedArray(depth, for: LayerBlueprint.purpose) { (index) -> ResamplerBlueprint.Layer in
      let own = "blocks.\(index).0", network = "blocks.\(index).1"
      func headNorm(_ name: String) -> HeadNormBlueprint? {
        normsHeads ? HeadNormBlueprint(norm: norm("\(own).\(name)"), span: .eachHead) : nil
      }
      return ResamplerBlueprint.Layer(
        contextNorm: norm("\(own).context_layer_norm"), latentsNorm: norm("\(own).latents_layer_norm"),
        attention: AttentionBlueprint(
          options: attention, query: linear("\(own).q_proj", attention.queryWidth, width),
          key: linear("\(own).k_proj", attention.queryWidth, width),
          value: linear("\(own).v_proj", attention.queryWidth, width),
          output: linear("\(own).output_proj", width, attention.queryWidth), queryNorm: headNorm("q_layer_norm"),
          keyNorm: headNorm("k_layer_norm")),
        networkNorm: norm("\(network).ln"),
        network: FeedForwardNetworkBlueprint(
          up: linear("\(network).fc", 4 * width, width), down: linear("\(network).c_proj", width, 4 * width),
          activation: .relu))
    }
    return .resample(
      ResamplerBlueprint(
        latents: ("latents", count), width: width, options: attention, layers: layers, norm: norm("layer_norm")))
  }

  // MARK: Texts

  /// The layers of the Llama, with a gated one before every `cross_layer_interval`-th.
  private static func layers(
    _ config: Configuration, _ writer: StackBlueprint, sourceWidth: Int
  ) throws(Failure) -> FixedArray<LayerBlueprint> {
    let interval = try config.size("cross_layer_interval", default: 1), count = writer.layers.count
    let normsHeads = try config.boolean("qk_layer_norms", default: false)
    guard count % interval == 0 else {
      throw config.invalid("cross_layer_interval", "is \(interval), which does not divide \(count) layers")
    }
    guard let plain = writer.firstAttention, case .dense(let network) = writer.layers[0].feedForward,
      let norm = writer.layers[0].attentionNorms.pre
    else { throw Failure(.internalError, "a Llama without layers") }
    let gated = GatedCrossAttention(
      width: writer.width, sourceWidth: sourceWidth, options: plain.options,
      feedForwardWidth: network.up.outputs, activation: network.activation, norm: norm,
      names: GatedCrossAttention.Names(
        queryNorm: normsHeads ? "cross_attn.q_layer_norm" : nil, keyNorm: normsHeads ? "cross_attn.k_layer_norm" : nil,
        attentionGate: "alpha_cross_attn", networkGate: "alpha_dense"))
    return try FixedArray(count + count / interval, for: LayerBlueprint.purpose) { (index) in
      let (group, place) = index.quotientAndRemainder(dividingBy: interval + 1)
      return place == 0
        ? gated.layer("gated_cross_attn_layers.\(group)") : writer.layers[group * interval + place - 1]
    }
  }

  private static func head(
    _ config: Configuration, vocabulary: Int, more: Int, width: Int
  ) throws(Failure) -> HeadBlueprint {
    let isTied = try config.boolean("tie_word_embeddings", default: false)
    func linear(_ name: String, _ outputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: outputs, inputs: width, bias: .none)
    }
    let table = linear(isTied ? "model.embed_tokens" : "lm_head", vocabulary)
    let additional = linear(isTied ? "model.embed_tokens.additional_embedding" : "lm_head.additional_fc", more)
    return HeadBlueprint(pooling: .nextToken, output: .joined([table] + (more > 0 ? [additional] : [])))
  }
}
