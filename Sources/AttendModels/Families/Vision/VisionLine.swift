import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// The sizes of an encoder of pictures and the differences between them: all are encoders with norms before the
/// sub-layers over patches (Dosovitskiy et al. 2020, arXiv:2010.11929).
struct VisionChoices {
  var layers: PreNormLayers
  var depth: Int
  var image: (height: Int, width: Int)
  var patch: (height: Int, width: Int)
  var channels: Int
  var names: Names

  /// The names of tensors before and behind the layers.
  struct Names {
    var projection: String
    var hasProjectionBias = true
    var classTokens: [String] = []
    var registers: (name: String, count: Int)?
    var positions: String?
    var embeddingNorm: String?
    var finalNorm: String?
  }

  /// The keys that all share.
  init(
    _ config: Configuration, names: Names, layers: PreNormLayers.Names, epsilon: Double, activation: String = "gelu",
    patch: Int = 16
  ) throws(Failure) {
    self.layers = try PreNormLayers(config, names: layers, width: 768, epsilon: epsilon, activation: activation)
    depth = try config.layers("num_hidden_layers", default: 12)
    image = try config.sides("image_size", default: 224)
    self.patch = try config.sides("patch_size", default: patch)
    channels = try config.size("num_channels", default: 3)
    self.names = names
    guard image.height >= self.patch.height, image.width >= self.patch.width else {
      throw config.invalid("patch_size", "is larger than image_size")
    }
    let numbers = channels.multipliedReportingOverflow(by: self.patch.height * self.patch.width)
    guard !numbers.overflow, numbers.partialValue <= VisionChoices.mostPixels else {
      throw config.invalid("patch_size", "makes patches of more than \(VisionChoices.mostPixels) numbers")
    }
  }

  /// Of a patch; far more than any model has.
  private static let mostPixels = 1 << 20

  var width: Int { layers.width }

  /// The stack of these choices.
  func stack() throws(Failure) -> StackBlueprint {
    StackBlueprint(
      width: width, input: .patches(patches),
      layers: try FixedArray(depth, for: LayerBlueprint.purpose) { layers.layer($0) },
      finalNorm: names.finalNorm.map { layers.norm($0) })
  }

  private var patches: PatchBlueprint {
    let inputs = channels * patch.height * patch.width
    var projection = LinearBlueprint(
      name: names.projection, outputs: width, inputs: inputs, bias: names.hasProjectionBias ? .own : .none)
    projection.kernel = patch
    return PatchBlueprint(
      projection: projection, channels: channels, patchHeight: patch.height, patchWidth: patch.width,
      classTokens: names.classTokens, registers: names.registers,
      positions: names.positions.map { ($0, image.height / patch.height, image.width / patch.width) },
      norm: names.embeddingNorm.map { layers.norm($0) })
  }
}

extension VisionChoices.Names {
  /// Those of ViT and what keeps its names.
  static let vit = VisionChoices.Names(
    projection: "embeddings.patch_embeddings.projection", classTokens: ["embeddings.cls_token"],
    positions: "embeddings.position_embeddings", finalNorm: "layernorm")

  /// Those of CLIP and SigLIP.
  static let clip = VisionChoices.Names(
    projection: "embeddings.patch_embedding", positions: "embeddings.position_embedding.weight")
}

extension Configuration {
  /// Height and width under a key that is one number or a list of two.
  func sides(_ key: String, default standard: Int) throws(Failure) -> (height: Int, width: Int) {
    if let value = json[key], value.kind == .array {
      understand(key)
      let sides = value.elements.compactMap { $0.int }
      guard sides.count == 2, value.count == 2, sides.allSatisfy({ (1...65536).contains($0) }) else {
        throw invalid(key, "is \(value.excerpt), expected a number or two from 1 to 65536")
      }
      return (sides[0], sides[1])
    }
    let side = try size(key, default: standard)
    guard side <= 65536 else { throw invalid(key, "is \(side); more than 65536 pixels are not plausible") }
    return (side, side)
  }
}
