import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// DINOv3 (Siméoni et al. 2025, arXiv:2508.10104): patches turn by their rows and columns, as fractions of the picture;
/// before them stand the class token and registers.
enum DINOv3: Family {
  static let modelTypes = ["dinov3_vit"]
  static let capabilities = Capabilities.encoder([])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let layer = "layer.#"
    var layers = PreNormLayers.Names(
      query: "\(layer).attention.q_proj", key: "\(layer).attention.k_proj", value: "\(layer).attention.v_proj",
      output: "\(layer).attention.o_proj", attentionNorm: "\(layer).norm1", up: "\(layer).mlp.up_proj",
      down: "\(layer).mlp.down_proj", feedForwardNorm: "\(layer).norm2")
    if try config.boolean("use_gated_mlp", default: false) { layers.gate = "\(layer).mlp.gate_proj" }
    var names = VisionChoices.Names(
      projection: "embeddings.patch_embeddings", classTokens: ["embeddings.cls_token"], finalNorm: "norm")
    let registers = try config.integer("num_register_tokens", default: 0)
    if registers > 0 {
      guard registers <= 4096 else {
        throw config.invalid("num_register_tokens", "is \(registers); more than 4096 are not plausible")
      }
      names.registers = ("embeddings.register_tokens", registers)
    }
    var choices = try VisionChoices(config, names: names, layers: layers, epsilon: 1e-5)
    choices.layers.layerScales = ("\(layer).layer_scale1.lambda1", "\(layer).layer_scale2.lambda1")
    choices.layers.biases = PreNormLayers.Biases(
      query: try config.boolean("query_bias", default: true), key: try config.boolean("key_bias", default: false),
      value: try config.boolean("value_bias", default: true), output: try config.boolean("proj_bias", default: true),
      network: try config.boolean("mlp_bias", default: true))
    let headDim = choices.width / choices.layers.heads, theta = try config.number("rope_theta", default: 100)
    guard headDim % 4 == 0, theta > 0 else {
      throw config.invalid("num_attention_heads", "makes heads of \(headDim) components, which turn by two axes")
    }
    choices.layers.rotary = Rotary(
      dimensions: headDim, theta: theta, axes: (0..<headDim / 2).map { $0 < headDim / 4 ? 1 : 2 }, parts: 2)
    var stack = try choices.stack()
    if case .patches(var patches) = stack.input {
      patches.turnsAroundCentre = true
      stack.input = .patches(patches)
    }
    return Blueprint(
      family: modelType, prefixes: [""], towers: [.encoder(stack)],
      pooler: HeadBlueprint(pooling: .firstToken, output: .none),
      ignored: ["embeddings.mask_token"] + (registers == 0 ? ["embeddings.register_tokens"] : []))
  }
}
