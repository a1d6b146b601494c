import AttendBase
import AttendCheckpoints

/// The symbols of a model trained with connectionist temporal classification (Graves et al. 2006): characters, a
/// delimiter of words, and the blank. Read as Wav2Vec2CTCTokenizer reads vocab.json and tokenizer_config.json, where
/// the padding token is the blank. Immutable: any number of threads may use it at once.
package final class CTCVocabulary: @unchecked Sendable {
  /// Ids are from 0 to this, exclusive.
  package let count: Int
  /// The id of the blank.
  package let blank: Int
  /// The id of the delimiter of words, nil where the vocabulary has none.
  package let delimiter: Int?
  /// Whether texts lose the space before punctuation marks and English endings.
  let cleansSpaces: Bool

  private let bytes: GrowingList<UInt8>
  private let symbols: AlignedBuffer  // [count] of Symbol

  struct Symbol: BitwiseCopyable {
    /// The text, as bytes `[first, limit)`; the unknown token's where nobody has the id.
    var first: Int32 = 0
    var limit: Int32 = 0
    /// Characters of it.
    var letters: Int32 = 0
    var isKnown = false
    /// Whether this is a token of control, which texts may leave out.
    var isSpecial = false
    /// Whether a word begins with it, where words have no delimiter: its text then begins with a space.
    var beginsWord = false
  }

  /// Ids beyond this are no vocabulary of characters.
  private static let maximalCount = 1 << 20

  /// vocab.json and tokenizer_config.json of a model's folder, for a head of `outputs` symbols where given. Throws
  /// `notFound`, `invalidFile`, `unsupported`, `outOfMemory`.
  package convenience init(_ folder: HuggingFaceFolder, outputs: Int? = nil) throws(Failure) {
    func required<Value>(_ name: String, _ found: Value?) throws(Failure) -> Value {
      guard let found else { throw Failure(.notFound, "\(folder.path(of: name)) does not exist") }
      return found
    }
    try self.init(
      vocabulary: try required("vocab.json", try folder.json("vocab.json")),
      try required("tokenizer_config.json", try folder.configuration("tokenizer_config.json")), outputs: outputs)
  }

  /// A vocabulary of pieces of words, `model.vocab` of tokenizer.json as ParakeetTokenizer reads it: pieces that begin
  /// a word are marked by U+2581, and the token `blank` is the blank. Throws `invalidFile`, `outOfMemory`.
  package init(pieces: JSON, blank: Int, outputs: Int) throws(Failure) {
    var builder = Builder(file: pieces.file, lowers: false)
    guard let vocabulary = pieces["model"]?["vocab"] else { throw pieces.invalid("model.vocab is missing") }
    if vocabulary.kind == .array {
      for (id, entry) in vocabulary.elements.enumerated() {
        guard let token = entry[0], token.kind == .string else { throw pieces.invalid("an entry of vocab is no piece") }
        try builder.add(piece: token, id)
      }
    } else {
      for (token, id) in vocabulary.members { try builder.add(piece: token, id.int) }
    }
    for token in pieces["added_tokens"]?.elements.map({ $0 }) ?? [] {
      guard let content = token["content"] else { throw pieces.invalid("an added token has no content") }
      try builder.add(content, token["id"]?.int)
      if token["special"]?.bool == true, let id = token["id"]?.int { builder.symbols[id].isSpecial = true }
    }
    try builder.resize(to: outputs)
    guard blank >= 0, blank < outputs else {
      throw Failure(.invalidFile, "the blank, pad_token_id, is \(blank); the head has \(outputs) outputs")
    }
    if !builder.symbols[blank].isKnown { try builder.add(text: "<pad>", blank) }
    builder.symbols[blank].isSpecial = true
    (self.blank, delimiter, cleansSpaces) = (blank, nil, false)
    try builder.complete(unknown: "<unk>", delimiter: nil, "")
    count = builder.symbols.count
    symbols = builder.symbols.memory!  // there is a blank
    bytes = builder.takeBytes()
  }

  /// `vocabulary`: an object from symbols to ids, or one of such objects by language, of which `target_lang` names one.
  /// Where a head has other `outputs` than there are ids, those beyond the file are the unknown symbol, and symbols
  /// beyond the head are never heard.
  package init(vocabulary: JSON, _ configuration: Configuration, outputs: Int? = nil) throws(Failure) {
    let table = try CTCVocabulary.language(of: vocabulary, configuration)
    let lowers = try configuration.boolean("do_lower_case", default: false)
    cleansSpaces = try configuration.boolean("clean_up_tokenization_spaces", default: false)
    let blank = try CTCVocabulary.token("pad_token", configuration) ?? "<pad>"
    let unknown = try CTCVocabulary.token("unk_token", configuration) ?? "<unk>"
    let delimiter = try CTCVocabulary.token("word_delimiter_token", configuration) ?? "|"
    let replacement = try configuration.string("replace_word_delimiter_char", default: " ")
    let others = [
      try CTCVocabulary.token("bos_token", configuration) ?? "<s>",
      try CTCVocabulary.token("eos_token", configuration) ?? "</s>",
    ]
    var builder = Builder(file: vocabulary.file, lowers: lowers)
    for (token, id) in table.members { try builder.add(token, id.int) }
    if let added = try configuration.child("added_tokens_decoder")?.json {
      for (id, token) in added.members {
        guard let content = token["content"], content.kind == .string else { throw token.invalid("content is missing") }
        try builder.add(content, id.string.flatMap { Int($0) })
      }
    }
    if let outputs { try builder.resize(to: outputs) }
    guard let blankID = builder.find(blank) else {
      throw Failure(.invalidFile, "\(vocabulary.file): the pad_token \(blank.debugDescription), the blank, is missing")
    }
    self.blank = blankID
    self.delimiter = builder.find(delimiter)
    for token in [blank, unknown] + others { builder.markSpecial(token, unless: delimiter) }
    try builder.complete(unknown: unknown, delimiter: self.delimiter, replacement)
    count = builder.symbols.count
    symbols = builder.symbols.memory!  // there is a blank
    bytes = builder.takeBytes()
  }

  /// A token's text, from a string or an object with `content`; nil where it is not given.
  private static func token(_ key: String, _ configuration: Configuration) throws(Failure) -> String? {
    try configuration.optional([key], "a token") { $0.string ?? $0["content"]?.string }
  }

  private static func language(of vocabulary: JSON, _ configuration: Configuration) throws(Failure) -> JSON {
    guard vocabulary.kind == .object else { throw vocabulary.invalid("a vocabulary is an object") }
    var members = vocabulary.members
    guard let first = members.next(), first.value.kind == .object else { return vocabulary }
    guard let language = try configuration.optionalString("target_lang") else {
      throw Failure(.unsupported, "\(vocabulary.file) has a vocabulary for each language; target_lang names none")
    }
    guard let table = vocabulary[language], table.kind == .object else {
      throw Failure(.invalidFile, "\(vocabulary.file): no vocabulary for the target_lang \(language.debugDescription)")
    }
    return table
  }

  /// What stands for the delimiter of words in texts; nil: there is no delimiter.
  package var delimiterText: String? { delimiter.map { String(decoding: text($0), as: UTF8.self) } }

  /// Whether a symbol is a token of control, which texts may leave out.
  package func isSpecial(_ id: Int) -> Bool { symbol(id).isSpecial }

  /// Whether a word begins with a symbol, where words have no delimiter.
  package func beginsWord(_ id: Int) -> Bool { symbol(id).beginsWord }

  /// What a symbol is in texts, alive as long as this object.
  package func spelling(_ id: Int) -> UnsafeBufferPointer<UInt8> { text(id) }

  func symbol(_ id: Int) -> Symbol {
    precondition(id >= 0 && id < count)
    return symbols.pointer(to: Symbol.self)[id]
  }

  /// The bytes of a symbol, alive as long as this object.
  func text(_ id: Int) -> UnsafeBufferPointer<UInt8> {
    let symbol = symbol(id)
    return UnsafeBufferPointer(rebasing: bytes.elements[Int(symbol.first)..<Int(symbol.limit)])
  }

  /// Gathers the symbols of a file.
  private struct Builder: ~Copyable {
    let file: String
    let lowers: Bool
    var symbols = GrowingList<Symbol>(for: "a vocabulary")
    private var bytes = GrowingList<UInt8>(for: "a vocabulary")

    init(file: String, lowers: Bool) { (self.file, self.lowers) = (file, lowers) }

    consuming func takeBytes() -> GrowingList<UInt8> { bytes }

    /// Gives an id its text; the last one counts.
    mutating func add(_ token: JSON, _ id: Int?) throws(Failure) {
      guard let id, (0..<CTCVocabulary.maximalCount).contains(id) else {
        throw Failure(
          .invalidFile, "\(file): the id of \(token.excerpt) is no number from 0 to \(CTCVocabulary.maximalCount - 1)")
      }
      try add(text: token.string ?? "", id)
    }

    mutating func add(text: String, _ id: Int) throws(Failure) {
      if id >= symbols.count { try resize(to: id + 1) }
      symbols[id] = try appended(text)
    }

    /// Gives an id a piece, whose mark is a space before a word.
    mutating func add(piece token: JSON, _ id: Int?) throws(Failure) {
      try add(token, id)
      guard let id, let text = token.string, text.unicodeScalars.first == "\u{2581}" else { return }
      symbols[id] = try appended(" " + String(text.unicodeScalars.dropFirst()))
      symbols[id].beginsWord = true
    }

    /// Makes ids run from 0 to `count`, exclusive.
    mutating func resize(to count: Int) throws(Failure) {
      try symbols.reserve(max(count - symbols.count, 0))
      symbols.resize(to: count, filling: Symbol())
    }

    private mutating func appended(_ text: String) throws(Failure) -> Symbol {
      let first = bytes.count
      for byte in text.utf8 { try bytes.append(byte) }
      guard bytes.count <= Int(Int32.max) else { throw Failure(.invalidFile, "\(file): the symbols are too long") }
      return Symbol(
        first: Int32(first), limit: Int32(bytes.count), letters: Int32(text.unicodeScalars.count), isKnown: true)
    }

    private func text(_ id: Int) -> String {
      String(decoding: bytes.elements[Int(symbols[id].first)..<Int(symbols[id].limit)], as: UTF8.self)
    }

    func find(_ token: String) -> Int? {
      (0..<symbols.count).first { symbols[$0].isKnown && text($0).utf8.elementsEqual(token.utf8) }
    }

    mutating func markSpecial(_ token: String, unless delimiter: String) {
      if token != delimiter, let id = find(token) { symbols[id].isSpecial = true }
    }

    /// Gives the delimiter what stands for it in texts, ids without a symbol the unknown one, and lowers letters.
    mutating func complete(unknown: String, delimiter: Int?, _ replacement: String) throws(Failure) {
      if lowers {
        for id in 0..<symbols.count where symbols[id].isKnown && !symbols[id].isSpecial {
          symbols[id] = try appended(text(id).lowercased())
        }
      }
      if let delimiter { symbols[delimiter] = try appended(replacement) }
      var filler = if let id = find(unknown) { symbols[id] } else { try appended(unknown) }
      filler.isSpecial = true
      for id in 0..<symbols.count where !symbols[id].isKnown { symbols[id] = filler }
    }
  }
}
