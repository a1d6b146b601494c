// tokenizer.json from the metadata of a GGUF file: byte pairs and word pieces.
import AttendBase

extension GGUFTokenizer {
  func writeJSON(_ text: inout GGUFTextBuilder) throws(Failure) {
    try text.append("{\"version\": \"1.0\", \"added_tokens\": [")
    try writeAddedTokens(&text)
    try text.append("], ")
    if kind == .wordPiece { try writeWordPiece(&text) } else { try writeBytePairs(&text) }
    try text.append(", \"post_processor\": \(try postProcessor())}")
  }

  /// The tokens that are found in texts before anything is split.
  private func writeAddedTokens(_ text: inout GGUFTextBuilder) throws(Failure) {
    let types = try types()
    var isFirst = true
    try metadata.forEachText(try tokens()) { (id, token) throws(Failure) in
      let type = try type(id, types)
      guard type == .control || type == .userDefined, !token.isEmpty else { return }
      try text.append(isFirst ? "" : ",\n")
      isFirst = false
      try text.append("{\"id\": \(id), \"content\": ")
      try text.quote(token)
      try text.append(
        ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": "
          + "\(type == .control)}")
    }
  }

  /// The tokens and their ids, without those that stand for none; `spell` writes a token.
  private func writeVocabulary(
    _ text: inout GGUFTextBuilder,
    _ spell: (UnsafeRawBufferPointer, TokenType, inout GGUFTextBuilder) throws(Failure) -> Void
  ) throws(Failure) {
    let types = try types()
    var isFirst = true
    try text.append("{")
    try metadata.forEachText(try tokens()) { (id, token) throws(Failure) in
      let type = try type(id, types)
      if type == .unused { return }
      try text.append(isFirst ? "" : ",")
      isFirst = false
      try spell(token, type, &text)
      try text.append(":\(id)")
    }
    try text.append("}")
  }

  private func writeBytePairs(_ text: inout GGUFTextBuilder) throws(Failure) {
    let pre = try GGUFPreTokenizer(try preTokenizer(), metadata)
    try text.append("\"normalizer\": \(pre.normalizer), \"pre_tokenizer\": \(pre.json), ")
    try text.append("\"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"type\": \"BPE\", \"vocab\": ")
    try writeVocabulary(&text) { (token, _, text) throws(Failure) in try text.quote(token) }
    try text.append(", \"ignore_merges\": \(pre.ignoresMerges), \"merges\": [")
    guard let merges = try metadata.array(key("merges"), ofTexts: true) else {
      throw metadata.invalid(key("merges"), "is missing")
    }
    try metadata.forEachText(merges) { (index, merge) throws(Failure) in
      if index > 0 { try text.append(",") }
      try text.quote(merge)
    }
    try text.append("]}")
  }

  /// Tokens that begin a word have a space before them in GGUF, and the others no "##".
  private func writeWordPiece(_ text: inout GGUFTextBuilder) throws(Failure) {
    let lowercases = try metadata.boolean(key("normalizer.lowercase")) ?? true
    let strips = try metadata.boolean(key("normalizer.strip_accents"))
    try text.append(
      """
      "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
      "strip_accents": \(strips.map { "\($0)" } ?? "null"), "lowercase": \(lowercases)},
      "pre_tokenizer": {"type": "BertPreTokenizer"},
      "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
      "model": {"type": "WordPiece", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
      "unk_token": 
      """)
    try text.quote(try special("unknown")?.text ?? "[UNK]")
    try text.append(", \"vocab\": ")
    let space: [UInt8] = [0xE2, 0x96, 0x81]
    try writeVocabulary(&text) { (token, type, text) throws(Failure) in
      if type == .control || type == .unknown { return try text.quote(token) }
      if token.starts(with: space) {
        return try text.quote(UnsafeRawBufferPointer(rebasing: token[space.count...]))
      }
      try text.quote("##" + String(decoding: token, as: UTF8.self))
    }
    try text.append("}")
  }

  /// The template of the tokens around texts.
  private func postProcessor() throws(Failure) -> String {
    let (first, last) = try ends()
    guard first != nil || last != nil else { return "{\"type\": \"ByteLevel\", \"trim_offsets\": false}" }
    let isRoberta = try preTokenizer() == "roberta-bpe"
    func item(_ token: (id: Int, text: String)?, _ type: Int) throws(Failure) -> [String] {
      guard let token else { return [] }
      var spelled = GGUFTextBuilder()
      try spelled.quote(token.text)
      let text = String(decoding: spelled.bytes.elements, as: UTF8.self)
      return ["{\"SpecialToken\": {\"id\": \(text), \"type_id\": \(type)}}"]
    }
    func sequence(_ name: String, _ type: Int) -> String {
      "{\"Sequence\": {\"id\": \"\(name)\", \"type_id\": \(type)}}"
    }
    let single = try item(first, 0) + [sequence("A", 0)] + item(last, 0)
    // RoBERTa puts both ends of a text between two, and counts one type.
    let (second, type) = isRoberta ? (last, 0) : (kind == .wordPiece ? nil : first, 1)
    let pair = try single + item(second, type) + [sequence("B", type)] + item(last, type)
    var tokens: [String] = []
    for token in [first, last] {
      guard let token else { continue }
      var spelled = GGUFTextBuilder()
      try spelled.quote(token.text)
      let text = String(decoding: spelled.bytes.elements, as: UTF8.self)
      tokens.append("\(text): {\"id\": \(text), \"ids\": [\(token.id)], \"tokens\": [\(text)]}")
    }
    return """
      {"type": "TemplateProcessing", "single": [\(single.joined(separator: ", "))],
      "pair": [\(pair.joined(separator: ", "))], "special_tokens": {\(tokens.joined(separator: ", "))}}
      """
  }
}

/// The way in which texts are split before byte pairs are merged, by the names that llama.cpp gives to the tokenizers
/// of models.
struct GGUFPreTokenizer {
  /// As tokenizer.json says it.
  let json: String
  let normalizer: String
  /// Whether a word that is a token is not merged from smaller ones.
  let ignoresMerges: Bool

  private static let byteLevel =
    #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": "#
  /// The split of GPT-2 (Radford et al. 2019).
  private static let gpt2 = byteLevel + "true}"
  private static let digits = #"{"type": "Digits", "individual_digits": true}"#
  /// The split of cl100k, with so many digits at a time and what follows its last part.
  private static func cl100k(digits: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"# + digits
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }
  /// The split of o200k, with so many digits at a time, and with or without contractions.
  private static func o200k(digits: String, contractions: String) -> String {
    let (lower, upper) = (#"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#, #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#)
    return #"[^\r\n\p{L}\p{N}]?\#(upper)*\#(lower)+\#(contractions)|[^\r\n\p{L}\p{N}]?\#(upper)+\#(lower)*"#
      + #"\#(contractions)|\p{N}\#(digits)| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// Whether the tokenizer of a name puts a token before every text where the file does not say.
  static func startsTexts(_ name: String) -> Bool { ["llama3", "llama-v3", "llama-bpe"].contains(name) }

  /// Throws `unsupported`, listing those that are known, for another name.
  init(_ name: String, _ metadata: GGUFMetadata) throws(Failure) {
    var (steps, normalizer, ignoresMerges) = ([String](), "null", false)
    switch name {
    case "default", "": steps = [GGUFPreTokenizer.falconPunctuation, GGUFPreTokenizer.gpt2, GGUFPreTokenizer.threes]
    case "gpt-2", "mpt", "olmo", "phi-2", "roberta-bpe", "modern-bert", "jais", "trillion", "exaone4", "gigachat":
      steps = [GGUFPreTokenizer.gpt2]
    case "llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral", "lfm2", "dbrx", "smaug-bpe", "glm4", "chatglm-bpe":
      steps = GGUFPreTokenizer.split(GGUFPreTokenizer.cl100k(digits: "{1,3}"))
      ignoresMerges = !["dbrx", "smaug-bpe", "chatglm-bpe"].contains(name)
    case "qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan":
      steps = GGUFPreTokenizer.split(GGUFPreTokenizer.cl100k(digits: ""))
      normalizer = #"{"type": "NFC"}"#
    case "gpt-4o", "llama4":
      steps = GGUFPreTokenizer.split(
        GGUFPreTokenizer.o200k(digits: "{1,3}", contractions: "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"))
    case "tekken":
      steps = GGUFPreTokenizer.split(GGUFPreTokenizer.o200k(digits: "", contractions: ""))
      ignoresMerges = true
    case "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b":
      steps = [GGUFPreTokenizer.digits, GGUFPreTokenizer.gpt2]
    case "falcon": steps = [GGUFPreTokenizer.falconPunctuation, GGUFPreTokenizer.gpt2, GGUFPreTokenizer.threes]
    case "deepseek-coder":
      steps =
        [#"[\r\n]"#, #"\s?\p{L}+"#, #"\s?\p{P}+"#, "[一-龥ࠀ-一가-퟿]+"].map(GGUFPreTokenizer.isolated)
        + [GGUFPreTokenizer.digits, GGUFPreTokenizer.byteLevel + "false}"]
    case "bloom", "poro-chat", "gpt3-finnish":
      steps = GGUFPreTokenizer.split(#" ?[^(\s|[.,!?…。，、।۔،])]+"#)
    case "viking": steps = [GGUFPreTokenizer.digits] + GGUFPreTokenizer.split(#" ?[^(\s|[.,!?…。，、।۔،])]+"#)
    default:
      throw Failure(
        .unsupported,
        "\(metadata.file.path): metadata tokenizer.ggml.pre is \"\(name)\", which is not known; known are "
          + GGUFPreTokenizer.names)
    }
    json =
      steps.count == 1
      ? steps[0] : "{\"type\": \"Sequence\", \"pretokenizers\": [\(steps.joined(separator: ", "))]}"
    (self.normalizer, self.ignoresMerges) = (normalizer, ignoresMerges)
  }

  private static let names =
    "default, gpt-2, mpt, olmo, phi-2, roberta-bpe, modern-bert, jais, trillion, exaone4, gigachat, llama-bpe, "
    + "falcon3, pixtral, lfm2, dbrx, smaug-bpe, glm4, chatglm-bpe, qwen2, deepseek-r1-qwen, megrez, stablelm2, "
    + "hunyuan, gpt-4o, llama4, tekken, starcoder, refact, command-r, smollm, codeshell, exaone, minerva-7b, falcon, "
    + "deepseek-coder, bloom, poro-chat, gpt3-finnish, viking"

  private static let falconPunctuation = isolated(#"[\p{P}\$\+<=>\^~\|`]+"#)
  private static let threes = isolated("[0-9][0-9][0-9]")

  /// What matches is split off, and then bytes become letters.
  private static func split(_ pattern: String) -> [String] { [isolated(pattern), byteLevel + "false}"] }

  private static func isolated(_ pattern: String) -> String {
    let escaped = pattern.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    return #"{"type": "Split", "pattern": {"Regex": "\#(escaped)"}, "behavior": "Isolated", "invert": false}"#
  }
}
