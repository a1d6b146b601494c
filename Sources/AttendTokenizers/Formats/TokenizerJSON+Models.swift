import AttendBase
import AttendCheckpoints

extension TokenizerJSON {
  func model(_ json: JSON) throws(Failure) -> any TokenizerModel {
    let type = json["type"]?.string ?? guessedType(json)
    switch type {
    case "WordLevel": return WordLevel(try vocabulary(json), unknown: try bytes(json, "unk_token"), source: file)
    case "WordPiece":
      return try WordPiece(
        try vocabulary(json), unknown: try optionalBytes(json, "unk_token") ?? Array("[UNK]".utf8),
        prefix: try optionalBytes(json, "continuing_subword_prefix") ?? Array("##".utf8),
        maximalLength: json["max_input_chars_per_word"]?.int ?? 100, source: file)
    case "BPE": return try bytePairEncoding(json)
    case "Unigram": return try unigram(json)
    default: throw unsupported("model", type)
    }
  }

  // MARK: BPE

  private func bytePairEncoding(_ json: JSON) throws(Failure) -> BytePairEncoding {
    if let dropout = json["dropout"]?.double, dropout != 0 { throw unsupported("dropout", "\(dropout)") }
    let vocabulary = try vocabulary(json)
    var options = BytePairEncoding.Options()
    options.continuingPrefix = try optionalBytes(json, "continuing_subword_prefix") ?? []
    options.endSuffix = try optionalBytes(json, "end_of_word_suffix") ?? []
    options.fusesUnknown = try bool(json, "fuse_unk", default: false)
    options.byteFallback = try bool(json, "byte_fallback", default: false)
    options.ignoresMerges = try bool(json, "ignore_merges", default: false)
    options.isByteLevel = keepsBytes
    if let unknown = try optionalBytes(json, "unk_token") {
      let id = vocabulary.id(unknown)
      if id >= 0 { options.unknown = id }
    }
    guard let merges = json["merges"], merges.kind == .array else { throw json.invalid("merges should be a list") }
    return try BytePairEncoding(vocabulary, merges: try self.merges(merges, vocabulary, options), options)
  }

  /// Merges as "a b" or ["a", "b"], in the order of their ranks.
  private func merges(
    _ list: JSON, _ vocabulary: Vocabulary, _ options: BytePairEncoding.Options
  ) throws(Failure) -> MergeTable {
    var builder = try MergeBuilder(vocabulary, prefix: options.continuingPrefix, capacity: list.count, source: file)
    for merge in list.elements {
      if merge.kind == .array {
        var parts = merge.elements
        guard let left = parts.next()?.utf8, let right = parts.next()?.utf8, parts.next() == nil else {
          throw merge.invalid("a merge should be two strings")
        }
        try withExtendedLifetime(merge) { () throws(Failure) in try builder.add(left, right) }
      } else {
        let isPair = try merge.withUTF8 { text throws(Failure) in try builder.add(line: text) } ?? false
        guard isPair else { throw merge.invalid("a merge should be two strings with a space between them") }
      }
    }
    return builder.table
  }

  /// The model may take plain bytes: byte-level letters are the last thing that is done to the text, and nothing in the
  /// model needs their spelling.
  var keepsBytes: Bool {
    guard let model = root["model"], model["byte_fallback"]?.bool != true,
      (model["continuing_subword_prefix"]?.string ?? "").isEmpty,
      (model["type"]?.string ?? guessedType(model)) == "BPE", let json = root["pre_tokenizer"]
    else { return false }
    if json["type"]?.string == "ByteLevel" { return true }
    guard json["type"]?.string == "Sequence", let parts = json["pretokenizers"] else { return false }
    let types = parts.elements.map { $0["type"]?.string }
    return types.last == "ByteLevel" && types.count { $0 == "ByteLevel" } == 1
  }

  // MARK: Unigram

  private func unigram(_ json: JSON) throws(Failure) -> Unigram {
    guard let list = json["vocab"], list.kind == .array else { throw json.invalid("vocab should be a list") }
    let vocabulary = try Vocabulary(capacity: list.count)
    var scores = GrowingList<Double>(for: "the scores of a tokenizer")
    for piece in list.elements {
      var parts = piece.elements
      guard let token = parts.next(), token.kind == .string, let score = parts.next()?.double else {
        throw piece.invalid("a piece should be a token and its score")
      }
      let id = scores.count
      try token.withUTF8 { bytes throws(Failure) in try vocabulary.insert(bytes, id: id, source: file) }
      try scores.append(score)
    }
    var options = Unigram.Options()
    if let unknown = json["unk_id"], !unknown.isNull {
      let id = try id(unknown, in: json)
      guard Int(id) < scores.count else {
        throw unknown.invalid("unk_id \(id) is not below the number of tokens, \(scores.count)")
      }
      options.unknown = id
    }
    options.byteFallback = try bool(json, "byte_fallback", default: false)
    let worst = scores.elements.min() ?? 0
    return try Unigram(vocabulary, scores: scores, worst: worst, options, source: file)
  }

  /// Old files name no type.
  private func guessedType(_ json: JSON) -> String {
    if json["merges"] != nil { return "BPE" }
    if json["unk_id"] != nil { return "Unigram" }
    if json["continuing_subword_prefix"] != nil { return "WordPiece" }
    return "WordLevel"
  }

  /// `vocab` as an object of ids by token.
  func vocabulary(_ json: JSON) throws(Failure) -> Vocabulary {
    guard let list = json["vocab"], list.kind == .object else { throw json.invalid("vocab should be an object") }
    return try TokenizerJSON.vocabulary(list)
  }

  static func vocabulary(_ list: JSON) throws(Failure) -> Vocabulary {
    let vocabulary = try Vocabulary(capacity: list.count)
    for (key, value) in list.members {
      guard let id = value.int else { throw value.invalid("a token id should be a number") }
      try key.withUTF8 { bytes throws(Failure) in try vocabulary.insert(bytes, id: id, source: list.file) }
    }
    return vocabulary
  }
}
