import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// ViT (Dosovitskiy et al. 2020, arXiv:2010.11929), and DeiT (Touvron et al. 2020, arXiv:2012.12877), which has a
/// second token beside that of the class: its state was trained to tell what a teacher said.
enum ViT: Family {
  static let modelTypes = ["vit", "deit"]
  static let capabilities = Capabilities.encoder([.imageClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var names = VisionChoices.Names.vit
    if modelType == "deit" { names.classTokens.append("embeddings.distillation_token") }
    var choices = try VisionChoices(config, names: names, layers: .vit, epsilon: 1e-12)
    choices.layers.biases.input = try config.boolean("qkv_bias", default: true)
    let pooled = try config.size("pooler_output_size", default: choices.width)
    let pooler = LinearBlueprint(name: "pooler.dense", outputs: pooled, inputs: choices.width)
    return Blueprint(
      family: modelType, prefixes: ["\(modelType).", ""], towers: [.encoder(try choices.stack())],
      head: try head(config, choices.width),
      pooler: HeadBlueprint(
        pooling: .firstToken, layers: [(pooler, try config.activation("pooler_act", default: "tanh"), nil)],
        output: .none), ignored: ["embeddings.mask_token"])
  }

  private static func head(_ config: Configuration, _ width: Int) throws(Failure) -> HeadBlueprint? {
    guard try headTask(config) == .imageClassification else { return nil }
    func classes(_ name: String) throws(Failure) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: try config.labels(), inputs: width)
    }
    guard try config.optionalStrings("architectures")?.first?.hasSuffix("WithTeacher") == true else {
      return HeadBlueprint(pooling: .firstToken, output: .linear(try classes("classifier")))
    }
    return HeadBlueprint(
      pooling: .joined(Pooling([.firstToken, .token(1)])),
      output: .mean([try classes("cls_classifier"), try classes("distillation_classifier")]))
  }
}

/// DINOv2 (Oquab et al. 2023, arXiv:2304.07193), also with registers (Darcet et al. 2023, arXiv:2309.16588).
enum DINOv2: Family {
  static let modelTypes = ["dinov2", "dinov2_with_registers"]
  static let capabilities = Capabilities.encoder([.imageClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var names = VisionChoices.Names.vit
    if modelType == "dinov2_with_registers" {
      names.registers = ("embeddings.register_tokens", try config.size("num_register_tokens", default: 4))
    }
    let layer = "encoder.layer.#"
    var layers = PreNormLayers.Names.vit
    (layers.attentionNorm, layers.feedForwardNorm) = ("\(layer).norm1", "\(layer).norm2")
    (layers.up, layers.down) = ("\(layer).mlp.fc1", "\(layer).mlp.fc2")
    var choices = try VisionChoices(config, names: names, layers: layers, epsilon: 1e-6, patch: 14)
    let ratio = try config.size("mlp_ratio", default: 4)
    guard ratio <= 1024 else { throw config.invalid("mlp_ratio", "is \(ratio); more than 1024 is not plausible") }
    choices.layers.feedForwardWidth = ratio * choices.width
    choices.layers.layerScales = ("\(layer).layer_scale1.lambda1", "\(layer).layer_scale2.lambda1")
    choices.layers.biases.input = try config.boolean("qkv_bias", default: true)
    if try config.boolean("use_swiglu_ffn", default: false) {
      (choices.layers.gated, choices.layers.names.down) = ("\(layer).mlp.weights_in", "\(layer).mlp.weights_out")
      choices.layers.activation = .silu
      // Two thirds, so that there are as many weights as without a gate, in eights.
      choices.layers.feedForwardWidth = (choices.layers.feedForwardWidth * 2 / 3 + 7) / 8 * 8
    }
    let classes = try headTask(config) == .imageClassification ? try config.labels() : nil
    return Blueprint(
      family: modelType, prefixes: ["\(modelType).", ""], towers: [.encoder(try choices.stack())],
      head: classes.map { (classes) in
        HeadBlueprint(
          pooling: .joined(Pooling([.firstToken, .meanFrom(1 + (names.registers?.count ?? 0))])),
          output: .linear(LinearBlueprint(name: "classifier", outputs: classes, inputs: 2 * choices.width)))
      }, pooler: HeadBlueprint(pooling: .firstToken, output: .none), ignored: ["embeddings.mask_token"])
  }
}
