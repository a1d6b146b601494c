// The folders of min-dalle: encoder.pt and decoder.pt without a configuration.
// https://github.com/kuprel/min-dalle
import AttendBase

/// A half of DALL·E mini as min-dalle stores it, under the names that the model has in Flax.
struct MinDalleFile: TensorSource {
  let file: MappedFile
  let table: TensorTable

  /// `half` is "encoder" or "decoder".
  init(_ folder: HuggingFaceFolder, half: String, copies: Bool = false) throws(Failure) {
    let stored = try PyTorchFile(try folder.mapped("\(half).pt", copies: copies))
    file = stored.file
    table = try TensorTable(stored.table.count, named: stored.file.path) { index in
      switch stored.table.member(index) {
      case .known(let tensor): .known(tensor.renamed(MinDalleFile.name(tensor.name, half)))
      case .unknown(let tensor):
        .unknown(
          UnknownTensor(name: MinDalleFile.name(tensor.name, half), type: tensor.type, file: tensor.file))
      }
    }
  }

  /// The file of the VQGAN, in a folder of its own.
  static let painter = "detoker.pt"

  private static let parts: [Substring: String] = [
    "self_attn": "FlaxBartAttention_0", "encoder_attn": "FlaxBartAttention_1", "glu": "GLU_0",
    "fc0": "Dense_0", "fc1": "Dense_1", "fc2": "Dense_2", "ln0": "LayerNorm_0", "ln1": "LayerNorm_1",
    "pre_self_attn_layer_norm": "LayerNorm_0", "self_attn_layer_norm": "LayerNorm_1",
    "pre_encoder_attn_layer_norm": "LayerNorm_2", "encoder_attn_layer_norm": "LayerNorm_3",
  ]

  /// The name that a tensor has in Flax, but for its last part.
  static func name(_ name: String, _ half: String) -> String {
    if name.hasPrefix("lm_head.") { return name }
    var result = "model.\(half)", isLayer = false
    let layer = half == "encoder" ? "FlaxBartEncoderLayer" : "FlaxBartDecoderLayer"
    for part in name.split(separator: ".", omittingEmptySubsequences: false) {
      result += isLayer ? ".\(layer)_\(part)" : ".\(parts[part] ?? String(part))"
      isLayer = part == "layers"
    }
    return result
  }
}

/// A folder of min-dalle's.
struct MinDalleModel: ModelLayout {
  private let place: FolderPlace

  /// nil for a folder of another kind.
  init?(_ folder: HuggingFaceFolder) {
    guard folder.place.file == nil, folder.holds("encoder.pt"), folder.holds("decoder.pt") else { return nil }
    place = folder.place
  }

  func provides(_ name: String) -> Bool { name == "config.json" }

  func text(_ name: String) throws(Failure) -> LoadedFile? {
    guard provides(name) else { return nil }
    let folder = HuggingFaceFolder(unchecked: place)
    return try LoadedFile(place.path(of: name), holding: try MinDalleConfiguration(folder).text())
  }

  func sources(copies: Bool) throws(Failure) -> FixedArray<any TensorSource> {
    let folder = HuggingFaceFolder(unchecked: place)
    return try FixedArray(2, for: Checkpoint.purpose) { (index) throws(Failure) in
      try MinDalleFile(folder, half: index == 0 ? "encoder" : "decoder", copies: copies)
    }
  }
}

/// The configuration of a folder of min-dalle's, whose sizes are those of its tensors. Heads have 64 components, as in
/// both models of DALL·E mini, unless a config.json says how many there are.
struct MinDalleConfiguration {
  private let folder: HuggingFaceFolder
  private let encoder: MinDalleFile
  private let decoder: MinDalleFile

  init(_ folder: HuggingFaceFolder) throws(Failure) {
    self.folder = folder
    encoder = try MinDalleFile(folder, half: "encoder")
    decoder = try MinDalleFile(folder, half: "decoder")
  }

  /// The text of config.json. The decoder starts from the last token of the 16384 of its pictures, and knows others
  /// that it never writes.
  func text() throws(Failure) -> String {
    let words = try shape(encoder, "model.encoder.embed_tokens.weight")
    let places = try shape(encoder, "model.encoder.embed_positions.weight")
    let codes = try shape(decoder, "model.decoder.embed_tokens.weight")
    let pixels = try shape(decoder, "model.decoder.embed_positions.weight")
    let heads = try heads(width: words[1])
    return """
      {"model_type": "dallebart", "d_model": \(words[1]), "encoder_vocab_size": \(words[0]),
      "max_text_length": \(places[0]), "image_length": \(pixels[0]), "image_vocab_size": \(codes[0] - 1),
      "encoder_layers": \(layers(encoder, "Encoder")), "decoder_layers": \(layers(decoder, "Decoder")),
      "encoder_ffn_dim": \(try width(encoder, "Encoder")), "decoder_ffn_dim": \(try width(decoder, "Decoder")),
      "encoder_attention_heads": \(heads), "decoder_attention_heads": \(heads), "ln_positions": "normformer",
      "use_glu": true, "decoder_start_token_id": \(min(codes[0], 16384) - 1), "text_preparation": "min-dalle",
      "default_condition_scale": 16}
      """
  }

  private func shape(_ half: MinDalleFile, _ name: String) throws(Failure) -> TensorShape {
    guard let tensor = half.table[name], tensor.shape.count == 2,
      tensor.shape.allSatisfy({ (1...1 << 30).contains($0) })
    else {
      throw Failure(
        .invalidFile, "\(half.file.path): \(name), from which sizes of the model are read, is no matrix here")
    }
    return tensor.shape
  }

  /// The layers that are there.
  private func layers(_ half: MinDalleFile, _ kind: String) -> Int {
    var count = 0
    while half.table[network(kind, count)] != nil { count += 1 }
    return count
  }

  private func network(_ kind: String, _ layer: Int) -> String {
    "model.\(kind.lowercased()).layers.FlaxBart\(kind)Layer_\(layer).GLU_0.Dense_0.weight"
  }

  /// The width of the feed-forward networks.
  private func width(_ half: MinDalleFile, _ kind: String) throws(Failure) -> Int {
    try shape(half, network(kind, 0))[0]
  }

  private func heads(width: Int) throws(Failure) -> Int {
    if let config = try folder.configuration("config.json") { return try config.size("encoder_attention_heads") }
    guard width.isMultiple(of: 64) else {
      throw Failure(
        .unsupported,
        "\(folder.path): the model is \(width) wide, not a multiple of 64, and no config.json says "
          + "encoder_attention_heads")
    }
    return width / 64
  }
}
