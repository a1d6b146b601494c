import AttendBase
import AttendCheckpoints

/// The processors of transformers that are known, with what each does where its file does not say otherwise.
enum ProcessorClass: String, CaseIterable {
  case vit = "ViTImageProcessor"
  case deit = "DeiTImageProcessor"
  case beit = "BeitImageProcessor"
  case bit = "BitImageProcessor"
  case clip = "CLIPImageProcessor"
  case chineseClip = "ChineseCLIPImageProcessor"
  case siglip = "SiglipImageProcessor"
  case siglip2 = "Siglip2ImageProcessor"
  case dinoV3 = "DINOv3ViTImageProcessor"
  case convNext = "ConvNextImageProcessor"
  case blip = "BlipImageProcessor"
  case llava = "LlavaImageProcessor"
  case idefics = "IdeficsImageProcessor"
  case donut = "DonutImageProcessor"
  case chameleon = "ChameleonImageProcessor"
  case llavaNext = "LlavaNextImageProcessor"
  case idefics2 = "Idefics2ImageProcessor"
  case idefics3 = "Idefics3ImageProcessor"
  case smolVLM = "SmolVLMImageProcessor"
  case mllama = "MllamaImageProcessor"
  case qwen2VL = "Qwen2VLImageProcessor"
  case gemma3 = "Gemma3ImageProcessor"
  case janus = "JanusImageProcessor"

  /// The class that a file names: with or without "Fast" or "Pil" at its end, or as it was called when it was a
  /// "FeatureExtractor".
  init?(named name: String) {
    var name = name
    for ending in ["Fast", "Pil"] where name.hasSuffix(ending) { name.removeLast(ending.count) }
    let old = "FeatureExtractor"
    if name.hasSuffix(old) { name = name.dropLast(old.count) + "ImageProcessor" }
    self.init(rawValue: name)
  }

  /// The defaults, as of transformers 5.24.
  struct Defaults {
    var size = SizeRule.exact(PictureSize(height: 224, width: 224))
    var filter = ResamplingFilter.bicubic
    /// A single number as `size` is both sides, not the shortest.
    var numberIsSquare = true
    var cropSize = PictureSize(height: 224, width: 224)
    var crops = false
    var pads = false
    var factor = 1.0 / 255
    var mean = Defaults.half
    var deviation = Defaults.half

    static let half = [0.5, 0.5, 0.5]
    static let imageNetMean = [0.485, 0.456, 0.406]
    static let imageNetDeviation = [0.229, 0.224, 0.225]
    static let clipMean = [0.48145466, 0.4578275, 0.40821073]
    static let clipDeviation = [0.26862954, 0.26130258, 0.27577711]

    /// CLIP's, which many took over.
    static let clip = Defaults(
      size: .shortest(224), numberIsSquare: false, crops: true, mean: clipMean, deviation: clipDeviation)
  }

  var defaults: Defaults {
    switch self {
    case .vit, .mllama, .gemma3: return Defaults(filter: .bilinear)
    case .idefics2: return Defaults(size: .between(378, 980), filter: .bilinear)
    case .idefics3, .smolVLM: return Defaults(size: .evenly(longest: 4 * 364), filter: .lanczos)
    case .qwen2VL: return Defaults(mean: Defaults.clipMean, deviation: Defaults.clipDeviation)
    case .deit: return Defaults(size: .exact(PictureSize(height: 256, width: 256)), crops: true)
    case .beit, .siglip: return Defaults()
    case .janus:
      return Defaults(
        size: .exact(PictureSize(height: 384, width: 384)), pads: true, mean: Defaults.clipMean,
        deviation: Defaults.clipDeviation)
    case .siglip2: return Defaults(filter: .bilinear)
    case .dinoV3:
      return Defaults(filter: .bilinear, mean: Defaults.imageNetMean, deviation: Defaults.imageNetDeviation)
    case .bit, .clip, .chineseClip, .llava, .llavaNext: return Defaults.clip
    case .convNext: return Defaults(size: .shortest(384), numberIsSquare: false)
    case .blip:
      return Defaults(
        size: .exact(PictureSize(height: 384, width: 384)), mean: Defaults.clipMean, deviation: Defaults.clipDeviation)
    case .idefics: return Defaults(mean: Defaults.clipMean, deviation: Defaults.clipDeviation)
    case .donut:
      return Defaults(size: .exact(PictureSize(height: 2560, width: 1920)), filter: .bilinear, pads: true)
    case .chameleon:
      return Defaults(
        size: .shortest(512), filter: .lanczos, numberIsSquare: false, cropSize: PictureSize(height: 512, width: 512),
        crops: true, factor: 0.0078, mean: [1, 1, 1], deviation: [1, 1, 1])
    }
  }

  /// The processor of a family that its checkpoint does not name, by `model_type`.
  static func usual(for modelType: String) -> ProcessorClass? {
    switch modelType {
    case "vit", "swin", "swinv2", "trocr", "ijepa": .vit
    case "deit": .deit
    case "beit", "data2vec-vision": .beit
    case "bit", "dinov2", "dinov2_with_registers", "hiera": .bit
    case "clip", "altclip", "git", "metaclip_2", "florence2": .clip
    case "chinese_clip": .chineseClip
    case "siglip", "paligemma": .siglip
    case "siglip2": .siglip2
    case "dinov3_vit": .dinoV3
    case "convnext", "convnextv2", "resnet": .convNext
    case "blip", "blip-2", "instructblip": .blip
    case "llava": .llava
    case "idefics": .idefics
    case "donut-swin", "donut": .donut
    case "chameleon": .chameleon
    case "llava_next", "granite4_vision": .llavaNext
    case "idefics2": .idefics2
    case "idefics3": .idefics3
    case "smolvlm": .smolVLM
    case "mllama": .mllama
    case "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe": .qwen2VL
    case "gemma3": .gemma3
    case "janus": .janus
    default: nil
    }
  }
}
