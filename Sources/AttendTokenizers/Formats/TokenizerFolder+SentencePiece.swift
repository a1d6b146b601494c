import AttendBase
import AttendCheckpoints

extension TokenizerParts {
  /// A SentencePiece model with the special tokens that its class puts around a text.
  static func sentencePiece(
    _ file: SentencePieceFile, _ settings: TokenizerSettings
  ) throws(Failure) -> TokenizerParts {
    var parts = TokenizerParts(model: try file.tokenizerModel(), source: file.file)
    var normalizer = try file.normalizer()
    normalizer.prefixesOnlyStart = settings.optionalBool("legacy") == false
    guard !(normalizer.prefixesOnlyStart && file.spaceIsSuffix) else {
      throw Failure(.unsupported, "\(file.file): treat_whitespace_as_suffix with legacy false is not supported")
    }
    parts.normalizer = normalizer
    parts.decoder = SentencePieceDecoder(dropsPrefix: file.addsPrefix, dropsAllSpaces: file.removesExtraSpaces)
    let vocabulary = parts.model.vocabulary
    var special = try file.texts(of: .control)
    let unknown = try file.texts(of: .unknown)
    for index in 0..<unknown.count { try special.append(unknown[index]) }
    switch settings.tokenizerClass {
    case "T5Tokenizer":
      let end = settings.token("eos_token", default: "</s>")!
      parts.postProcessor.template = .each(end: try vocabulary.required(end, in: file.file), secondType: 0)
      // Sentinels stand behind the pieces, the last one first (Raffel et al. 2019, arXiv:1910.10683).
      let count = settings.int("extra_ids") ?? 100
      guard count >= 0, count < 100_000 else { throw Failure(.invalidFile, "\(file.file): extra_ids is \(count)") }
      for index in 0..<count {
        let text = Array("<extra_id_\(index)>".utf8)
        if vocabulary.id(text) < 0 {
          try parts.addedTokens.append(
            text, AddedToken(id: Int32(file.count + count - 1 - index), isSpecial: true))
        } else {
          try special.append(text)
        }
      }
    case "", "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer":
      let isKnown = !settings.tokenizerClass.isEmpty, isGemma = settings.tokenizerClass == "GemmaTokenizer"
      var (begin, end): (Int32?, Int32?) = (nil, nil)
      if settings.bool("add_bos_token", default: isKnown) {
        let token = settings.token("bos_token", default: isGemma ? "<bos>" : "<s>")!
        begin = try vocabulary.required(token, in: file.file)
      }
      if settings.bool("add_eos_token", default: false) {
        let token = settings.token("eos_token", default: isGemma ? "<eos>" : "</s>")!
        end = try vocabulary.required(token, in: file.file)
      }
      parts.postProcessor.template = .each(begin: begin, end: end, secondType: 1)
    default:
      throw Failure(
        .unsupported,
        "\(file.file): the tokenizer class \(settings.tokenizerClass) without a tokenizer.json is not supported")
    }
    for text in settings.namedSpecials { try special.append(text) }
    try settings.add(to: parts.addedTokens, special: special, vocabulary)
    return parts
  }
}

extension TokenizerFolder {
  /// Marian (Junczys-Dowmunt et al. 2018, arXiv:1804.00344): source.spm splits the source, target.spm the target, and
  /// vocab.json numbers the pieces of both languages.
  func marianParts(_ settings: TokenizerSettings) throws(Failure) -> TokenizerParts {
    var parts = try marianParts(settings, splitting: "source.spm")
    parts.targets = { [place = files.place] () throws(Failure) in
      let folder = TokenizerFolder(try HuggingFaceFolder(place))
      return try folder.marianParts(try TokenizerSettings(folder), splitting: "target.spm")
    }
    return parts
  }

  private func marianParts(_ settings: TokenizerSettings, splitting name: String) throws(Failure) -> TokenizerParts {
    let path = file(name)
    let mapped = try files.mapped(name)
    let source = try SentencePieceFile(mapped.bytes, file: path)
    let json = try vocabularyJSON()
    let vocabulary = try TokenizerJSON.vocabulary(json)
    let unknown = settings.token("unk_token", default: "<unk>")!, end = settings.token("eos_token", default: "</s>")!
    var parts = TokenizerParts(
      model: try RenumberedModel(
        try source.tokenizerModel(), vocabulary, unknown: try vocabulary.required(unknown, in: json.file)), source: path
    )
    parts.normalizer = try source.normalizer()
    let special = [unknown, end, settings.token("pad_token", default: "<pad>")!]
    parts.decoder = MarianDecoder(special: Set(special))
    let last = Template.Item.token(id: try vocabulary.required(end, in: json.file), type: 0)
    parts.postProcessor.template = Template(
      single: [.text(0, type: 0), last], pair: [.text(0, type: 0), .text(1, type: 0), last])
    parts.firstKeepsOddToken = true
    parts.addedTokens = try settings.added(special: special, vocabulary)
    // Target languages, such as >>fra<<, may stand in the text.
    for id in 0..<vocabulary.size {
      guard let token = vocabulary.token(id), token.count > 4, token.starts(with: ">>".utf8),
        token.suffix(2).elementsEqual("<<".utf8)
      else { continue }
      try parts.addedTokens.append(token, AddedToken(id: Int32(id)))
    }
    return parts
  }
}

/// A model whose tokens get the ids of another vocabulary, by their spelling.
final class RenumberedModel: TokenizerModel {
  let vocabulary: Vocabulary
  private let model: any TokenizerModel
  /// By the model's own ids; -1: by the text itself.
  private let ids: TextStorage<Int32>
  private let unknown: Int32

  init(_ model: any TokenizerModel, _ vocabulary: Vocabulary, unknown: Int32) throws(Failure) {
    self.model = model
    self.vocabulary = vocabulary
    self.unknown = unknown
    var ids = GrowingList<Int32>(for: "the vocabulary of a tokenizer")
    for id in 0..<model.vocabulary.size { try ids.append(model.vocabulary.token(id).map { vocabulary.id($0) } ?? -1) }
    self.ids = TextStorage(ids)
  }

  func tokenize(_ text: PreTokenizedText, into tokens: inout TokenList) throws(Failure) {
    // Added tokens have the other vocabulary's ids already: the model sees the text between them.
    try forEachPiece(text, &tokens) { bytes, range, tokens throws(Failure) in
      let piece = try PreTokenizedText(try AlignedText(UnsafeBufferPointer(rebasing: bytes[range]), base: 0))
      var found = TokenList(for: "the tokens of a text")
      try model.tokenize(piece, into: &found)
      for token in found.elements {
        let start = range.lowerBound + Int(token.start), end = range.lowerBound + Int(token.end)
        var id = ids[Int(token.id)]
        if id < 0 || id == unknown { id = vocabulary.id(UnsafeBufferPointer(rebasing: bytes[start..<end])) }
        try tokens.append(
          ModelToken(
            id: id < 0 ? unknown : id, start: Int32(truncatingIfNeeded: start), end: Int32(truncatingIfNeeded: end)))
      }
    }
  }
}
