// Folders that CTranslate2 reads: model.bin, its vocabularies, and since version 6 a config.json of its own.
// https://github.com/OpenNMT/CTranslate2
import AttendBase

/// A folder of CTranslate2's. Its configuration is written out of what model.bin says of itself, for the family that
/// builds such models; a vocabulary becomes a tokenizer of tokens with spaces between, which is how CTranslate2 takes
/// texts, unless the folder has a tokenizer beside it.
struct CTranslate2Model: ModelLayout {
  private let place: FolderPlace
  private static let weights = "model.bin"

  /// nil for a folder of another kind, and for one that has weights in Hugging Face's layout as well.
  init?(_ folder: HuggingFaceFolder) throws(Failure) {
    if let file = folder.place.file {
      guard file == CTranslate2Model.weights else { return nil }
    } else {
      guard folder.holds(CTranslate2Model.weights) else { return nil }
      let others = WeightFormat.allCases.flatMap { [$0.rawValue, $0.index] }
      guard !others.contains(where: folder.holds) else { return nil }
    }
    guard CTranslate2File.isSuch(try folder.mapped(CTranslate2Model.weights)) else { return nil }
    place = folder.place
  }

  private var folder: HuggingFaceFolder { HuggingFaceFolder(unchecked: place) }

  func provides(_ name: String) -> Bool {
    switch name {
    case "config.json", "generation_config.json": true
    case "tokenizer.json": !folder.holds(name) && !folder.holds("source.spm") && hasVocabulary
    case "target_tokenizer.json": !folder.holds("tokenizer.json") && folder.names { $0.hasPrefix("target_") }.count > 0
    default: false
    }
  }

  private var hasVocabulary: Bool {
    folder.firstName { $0.hasSuffix("vocabulary.json") || $0.hasSuffix("vocabulary.txt") } != nil
  }

  func text(_ name: String) throws(Failure) -> LoadedFile? {
    guard provides(name) else { return nil }
    let settings = try CTranslate2Settings(folder)
    switch name {
    case "config.json": return try settings.configuration(try opened(copies: false)).file(place.path(of: name))
    case "generation_config.json": return try settings.generation(try opened(copies: false)).file(place.path(of: name))
    default:
      let side = name == "tokenizer.json" ? CTranslate2Settings.source : CTranslate2Settings.target
      return try settings.tokenizer(side)?.file(place.path(of: name))
    }
  }

  private func opened(copies: Bool) throws(Failure) -> CTranslate2File {
    try CTranslate2File(try folder.mapped(CTranslate2Model.weights, copies: copies))
  }

  func sources(copies: Bool) throws(Failure) -> FixedArray<any TensorSource> {
    try FixedArray(1, for: Checkpoint.purpose) { (_) throws(Failure) in
      try CTranslate2Tensors(try opened(copies: copies))
    }
  }
}

/// What stands beside model.bin, with the defaults of CTranslate2 for what is left out.
struct CTranslate2Settings {
  private let folder: HuggingFaceFolder
  private let config: Configuration?
  private let begin: String
  private let end: String
  private let unknown: String
  /// nil: the caller gives it.
  private let start: String?
  private let adds: (begin: Bool, end: Bool)

  /// The names of the lists of a side, the first that is there.
  static let source = ["source_vocabulary", "shared_vocabulary", "vocabulary"]
  static let target = ["target_vocabulary", "shared_vocabulary", "vocabulary"]

  init(_ folder: HuggingFaceFolder) throws(Failure) {
    self.folder = folder
    let config = try folder.configuration("config.json")
    func token(_ key: String, _ standard: String) throws(Failure) -> String {
      try config?.string(key, default: standard) ?? standard
    }
    begin = try token("bos_token", "<s>")
    end = try token("eos_token", "</s>")
    unknown = try token("unk_token", "<unk>")
    start = config?.json["decoder_start_token"]?.isNull == true ? nil : try token("decoder_start_token", "<s>")
    adds = (
      try config?.boolean("add_source_bos", default: false) ?? false,
      try config?.boolean("add_source_eos", default: false) ?? false
    )
    self.config = config
    for key in ["quantization_type", "quantization_bits", "quantization_group_size"] {
      guard let value = config?.json[key], !value.isNull, value.int != 0 else { continue }
      throw Failure(
        .unsupported,
        "\(folder.path(of: "config.json")): \(key) = \(value.excerpt), weights in AWQ's 4 bits, is not implemented in "
          + "this format")
    }
  }

  private func vocabulary(_ names: [String]) throws(Failure) -> CTranslate2Vocabulary? {
    try CTranslate2Vocabulary(folder, names: names, unknown: unknown)
  }

  // MARK: config.json

  /// The configuration of the family `ctranslate2`: the numbers and the shapes in model.bin under their names.
  func configuration(_ file: CTranslate2File) throws(Failure) -> JSONText {
    var text = try JSONText()
    try text.add("model_type", "ctranslate2")
    try text.add("specification", file.specification)
    try text.add("revision", file.revision)
    if let epsilon = config?.json["layer_norm_epsilon"], !epsilon.isNull {
      try text.add("layer_norm_epsilon", json: epsilon)
    }
    func name(_ variable: CTranslate2File.Variable) -> String {
      CTranslate2Names.current(file.text(variable.name), isFirst: file.isFirst)
    }
    try text.add("attributes") { (object) throws(Failure) in
      for variable in file.variables where variable.shape.count == 0 {
        guard let number = file.number(variable), number.isFinite else { continue }
        let name = name(variable)
        if name.hasSuffix(".weight_scale") { continue }  // of a tensor in 16 bits
        let isTruth = variable.type == .int8 && (name.hasSuffix("scale_embeddings") || name.hasSuffix("sqrt_depth"))
        try object.add(name, json: isTruth ? "\(number != 0)" : "\(number)")
      }
    }
    try text.add("shapes") { (object) throws(Failure) in
      for variable in file.variables where variable.shape.count > 0 {
        try object.add(name(variable), json: file.shape(variable).description)
      }
      for alias in file.aliases {
        guard let variable = file.find(alias.target), variable.shape.count > 0 else { continue }
        let name = CTranslate2Names.current(file.text(alias.name), isFirst: file.isFirst)
        try object.add(name, json: file.shape(variable).description)
      }
    }
    if file.specification == "WhisperSpec", let weights = file.find("encoder/conv1/weight"), weights.shape.count > 1 {
      try text.add("num_mel_bins", file.shape(weights)[1])
    }
    return text
  }

  // MARK: generation_config.json

  func generation(_ file: CTranslate2File) throws(Failure) -> JSONText {
    var text = try JSONText()
    guard let vocabulary = try vocabulary(CTranslate2Settings.target) else { return text }
    if file.specification == "WhisperSpec" {
      try speech(vocabulary, &text)
      return text
    }
    let ids = try vocabulary.ids([begin, end, unknown, start ?? ""])
    try text.add("bos_token_id", ids[0])
    try text.add("eos_token_id", ids[1])
    try text.add("unk_token_id", ids[2])
    let startsAtZero = file.find("decoder/start_from_zero_embedding").flatMap(file.number) ?? 0
    if startsAtZero != 0, let table = file.find("decoder/embeddings/weight"), table.shape.count == 2 {
      try text.add("decoder_start_token_id", file.shape(table)[0])  // the row of zeros behind the others
    } else if start != nil {
      try text.add("decoder_start_token_id", ids[3])
    }
    return text
  }

  /// The tokens of Whisper, which CTranslate2 knows by their spelling.
  private func speech(_ vocabulary: CTranslate2Vocabulary, _ text: inout JSONText) throws(Failure) {
    let names = [
      "<|startoftranscript|>", "<|endoftext|>", "<|notimestamps|>", "<|startofprev|>", "<|transcribe|>",
      "<|translate|>",
    ]
    let ids = try vocabulary.ids(names)
    try text.add("decoder_start_token_id", ids[0])
    try text.add("eos_token_id", ids[1])
    try text.add("pad_token_id", ids[1])
    try text.add("no_timestamps_token_id", ids[2])
    try text.add("prev_sot_token_id", ids[3])
    for (key, own) in [
      ("suppress_tokens", "suppress_ids"), ("begin_suppress_tokens", "suppress_ids_begin"),
      ("alignment_heads", "alignment_heads"),
    ] {
      if let value = config?.json[own], !value.isNull { try text.add(key, json: value) }
    }
    let languages = (config?.json["lang_ids"]?.elements.map { $0 } ?? []).compactMap { $0.int }
    try text.add("is_multilingual", json: languages.isEmpty ? "false" : "true")
    guard !languages.isEmpty else { return }
    try text.add("lang_to_id") { (object) throws(Failure) in
      var id = 0
      try vocabulary.forEach { (token) throws(Failure) in
        if languages.contains(id) { try object.add(bytes: token, id) }
        id += 1
      }
    }
    try text.add("task_to_id") { (object) throws(Failure) in
      try object.add("transcribe", ids[4])
      try object.add("translate", ids[5])
    }
  }

  // MARK: tokenizer.json

  /// A tokenizer of whole tokens with spaces between; nil where the side has no vocabulary.
  func tokenizer(_ side: [String]) throws(Failure) -> JSONText? {
    guard let vocabulary = try vocabulary(side) else { return nil }
    let ids = try vocabulary.ids([begin, end])
    var text = try JSONText()
    try text.add("version", "1.0")
    func flags(_ name: String, _ id: Int) -> String {
      "{\"id\":\(id),\"content\":\"\(name)\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
        + "\"normalized\":false,\"special\":true}"
    }
    let special = zip([begin, end], ids).compactMap { name, id in
      id.flatMap { CTranslate2Settings.isPlain(name) ? flags(name, $0) : nil }
    }
    try text.add("added_tokens", json: "[\(special.joined(separator: ","))]")
    try text.add("pre_tokenizer", json: "{\"type\":\"WhitespaceSplit\"}")
    let (first, last) = (adds.begin ? ids[0] : nil, adds.end ? ids[1] : nil)
    if side == CTranslate2Settings.source, first != nil || last != nil {
      try text.add("post_processor", json: template(first, last))
    }
    try text.add("model") { (model) throws(Failure) in
      try model.add("type", "WordLevel")
      try model.add("unk_token", unknown)
      try model.add("vocab") { (object) throws(Failure) in
        var id = 0
        try vocabulary.forEach { (token) throws(Failure) in
          try object.add(bytes: token, id)
          id += 1
        }
      }
    }
    return text
  }

  /// Whether a text stands in JSON as it is.
  private static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
  }

  /// The tokens around a text.
  private func template(_ first: Int?, _ last: Int?) -> String {
    func item(_ name: String) -> String { "{\"SpecialToken\":{\"id\":\"\(name)\",\"type_id\":0}}" }
    func text(_ name: String) -> String { "{\"Sequence\":{\"id\":\"\(name)\",\"type_id\":0}}" }
    func around(_ name: String) -> [String] {
      (first == nil ? [] : [item(begin)]) + [text(name)] + (last == nil ? [] : [item(end)])
    }
    let tokens = [(begin, first), (end, last)].compactMap { name, id in
      id.map { "\"\(name)\":{\"id\":\"\(name)\",\"ids\":[\($0)],\"tokens\":[\"\(name)\"]}" }
    }
    return "{\"type\":\"TemplateProcessing\",\"single\":[\(around("A").joined(separator: ","))],"
      + "\"pair\":[\((around("A") + around("B")).joined(separator: ","))],"
      + "\"special_tokens\":{\(tokens.joined(separator: ","))}}"
  }
}
