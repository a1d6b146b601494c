import AttendBase
import AttendCheckpoints

extension TokenizerJSON {
  func model(_ json: JSON) throws(Failure) -> any TokenizerModel {
    let type = json["type"]?.string ?? guessedType(json)
    switch type {
    case "WordLevel": return WordLevel(try vocabulary(json), unknown: try bytes(json, "unk_token"), source: file)
    default: throw unsupported("model", type)
    }
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
    let vocabulary = Vocabulary(capacity: list.count)
    for (key, value) in list.members {
      guard let id = value.int else { throw value.invalid("a token id should be a number") }
      try key.withUTF8 { bytes throws(Failure) in try vocabulary.insert(bytes, id: id, source: list.file) }
    }
    return vocabulary
  }
}
