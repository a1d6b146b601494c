import AttendBase
import AttendCheckpoints

extension TokenizerParts {
  /// The lines of a text file, without the line feed, and without a carriage return before it.
  static func lines(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> GrowingList<UnsafeBufferPointer<UInt8>> {
    let text = bytes.assumingMemoryBound(to: UInt8.self)
    var lines = GrowingList<UnsafeBufferPointer<UInt8>>(for: "the lines of a file")
    var start = 0
    for place in 0...text.count where place == text.count || text[place] == 0x0A {
      if place == text.count, start == place { break }
      let end = place > start && text[place - 1] == 0x0D ? place - 1 : place
      try lines.append(UnsafeBufferPointer(rebasing: text[start..<end]))
      start = place + 1
    }
    return lines
  }

  /// BERT's vocab.txt: a token a line; the id is the number of the line.
  static func bert(_ mapped: MappedFile, _ settings: TokenizerSettings) throws(Failure) -> TokenizerParts {
    let path = mapped.path
    let lines = try lines(mapped.bytes)
    let vocabulary = try Vocabulary(capacity: lines.count)
    var token = TextList(for: "a token")
    for (id, line) in lines.elements.enumerated() {
      token.removeAll()
      try token.append(repairing: UnsafeRawBufferPointer(line))
      try vocabulary.insert(token[0], id: id, source: path)
    }
    let unknown = settings.token("unk_token", default: "[UNK]")!
    let first = settings.token("cls_token", default: "[CLS]")!, last = settings.token("sep_token", default: "[SEP]")!
    var parts = TokenizerParts(
      model: try WordPiece(vocabulary, unknown: unknown, prefix: Array("##".utf8), maximalLength: 100, source: path),
      source: path)
    let lowercases = settings.bool("do_lower_case", default: true)
    parts.normalizer = BertNormalizer(
      cleansText: true, separatesChinese: settings.bool("tokenize_chinese_chars", default: true),
      stripsAccents: settings.optionalBool("strip_accents") ?? lowercases, lowercases: lowercases)
    parts.preTokenizer = BertPreTokenizer()
    parts.decoder = WordPieceDecoder(
      prefix: Array("##".utf8), cleansUp: settings.bool("clean_up_tokenization_spaces", default: true))
    parts.postProcessor.template = .bert(
      first: try vocabulary.required(first, in: path), last: try vocabulary.required(last, in: path))
    let special = [
      unknown, first, last, settings.token("pad_token", default: "[PAD]")!,
      settings.token("mask_token", default: "[MASK]")!,
    ]
    parts.addedTokens = try settings.added(special: special, vocabulary)
    return parts
  }
}

extension TokenizerFolder {
  /// vocab.json and merges.txt, byte-level: GPT-2, RoBERTa and BART, CLIP.
  func bytePairParts(_ settings: TokenizerSettings) throws(Failure) -> TokenizerParts {
    let path = file("vocab.json")
    let isClip = settings.tokenizerClass == "CLIPTokenizer"
    let json = try vocabularyJSON()
    let vocabulary = try TokenizerJSON.vocabulary(json)
    var options = BytePairEncoding.Options()
    options.isByteLevel = true
    if isClip { options.endSuffix = Array("</w>".utf8) }
    let isRoberta = ["RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer"].contains(
      settings.tokenizerClass)
    let end = settings.token("eos_token", default: isRoberta ? "</s>" : "<|endoftext|>")!
    let unknown = vocabulary.id(settings.token("unk_token", default: isRoberta ? "<unk>" : "<|endoftext|>")!)
    if unknown >= 0 { options.unknown = unknown }
    var parts = TokenizerParts(
      model: try BytePairEncoding(vocabulary, merges: try merges(vocabulary), options), source: path)
    let prefixSpace = settings.bool("add_prefix_space", default: false)
    parts.decoder = ByteLevelDecoder()
    if isClip {
      parts.normalizer = NormalizerSequence(parts: [
        UnicodeNormalizer(form: .nfc), Replace(pattern: try Regex(#"\s+"#), content: [0x20]), Lowercase(),
      ])
      let pattern = #"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"#
      parts.preTokenizer = PreTokenizerSequence(parts: [
        Split(pattern: try Regex(pattern), behavior: .removed, invert: true),
        ByteLevel(prefixSpace: false, regex: nil, keepsBytes: true),
      ])
      parts.decoder = DecoderSequence(parts: [ByteLevelDecoder(), BytePairDecoder(suffix: Array("</w>".utf8))])
    } else {
      parts.preTokenizer = ByteLevel(prefixSpace: prefixSpace, regex: try Regex(ByteLevel.pattern), keepsBytes: true)
    }
    if isClip || isRoberta {
      let begin = settings.token(isRoberta ? "cls_token" : "bos_token", default: isRoberta ? "<s>" : "<|startoftext|>")!
      if isRoberta { parts.postProcessor.trims = [prefixSpace] }
      parts.postProcessor.template = .roberta(
        first: try vocabulary.required(begin, in: path), last: try vocabulary.required(end, in: path))
    }
    let usual =
      isRoberta
      ? ["<s>", "</s>", "<unk>", "<pad>", "<mask>"] : isClip ? ["<|startoftext|>", "<|endoftext|>"] : ["<|endoftext|>"]
    parts.addedTokens = try settings.added(special: usual.map { Array($0.utf8) } + settings.namedSpecials, vocabulary)
    return parts
  }

  /// The object of vocab.json.
  func vocabularyJSON() throws(Failure) -> JSON {
    guard let json = try json("vocab.json") else { throw Failure(.notFound, "\(file("vocab.json")) does not exist") }
    guard json.kind == .object else { throw json.invalid("a vocabulary should be an object") }
    return json
  }

  /// merges.txt: two tokens a line; a first line "#version: ..." is passed over.
  private func merges(_ vocabulary: Vocabulary) throws(Failure) -> MergeTable {
    let path = file("merges.txt")
    let mapped = try files.mapped("merges.txt")
    let lines = try TokenizerParts.lines(mapped.bytes)
    var builder = try MergeBuilder(vocabulary, prefix: [], capacity: lines.count, source: path)
    for (number, line) in lines.elements.enumerated()
    where !line.isEmpty && !(number == 0 && line.starts(with: Array("#version".utf8))) {
      guard try builder.add(line: line) else {
        throw Failure(.invalidFile, "\(path): line \(number + 1) should be two tokens with a space between them")
      }
    }
    withExtendedLifetime(mapped) {}
    return builder.table
  }
}
