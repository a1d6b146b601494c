import AttendBase
import AttendCheckpoints

/// Reads tokenizer.json of Hugging Face's tokenizers: a model, and the components around it, each an object with its
/// `type`.
struct TokenizerJSON {
  let root: JSON
  var file: String { root.file }

  func parts() throws(Failure) -> TokenizerParts {
    guard root.kind == .object, let model = root["model"], model.kind == .object else {
      throw root.invalid("a tokenizer is an object with a model")
    }
    var parts = TokenizerParts(model: try self.model(model), source: file)
    parts.normalizer = try component("normalizer").map { json throws(Failure) in try normalizer(json) }
    parts.preTokenizer = try component("pre_tokenizer").map { json throws(Failure) in try preTokenizer(json) }
    parts.decoder = try component("decoder").map { json throws(Failure) in try decoder(json) }
    parts.addedTokens = try addedTokens(parts.model)
    if let json = component("post_processor") { try readPostProcessor(json, into: &parts.postProcessor) }
    // Of truncation and padding only what the caller's options leave open.
    if component("truncation")?["direction"]?.string == "Left" { parts.truncationSide = .left }
    parts.padToken = component("padding")?["pad_token"]?.withUTF8 { Array($0) }
    return parts
  }

  private func component(_ name: String) -> JSON? { root[name].flatMap { $0.isNull ? nil : $0 } }

  func unsupported(_ kind: String, _ type: String) -> Failure {
    Failure(.unsupported, "\(file): the \(kind) \(type) is not supported")
  }

  // MARK: Members of an object

  func string(_ json: JSON, _ key: String) throws(Failure) -> String {
    guard let value = json[key]?.string else { throw json.invalid("\(key) should be a string") }
    return value
  }

  func bytes(_ json: JSON, _ key: String) throws(Failure) -> [UInt8] {
    guard let value = json[key]?.withUTF8({ Array($0) }) else { throw json.invalid("\(key) should be a string") }
    return value
  }

  func bool(_ json: JSON, _ key: String, default value: Bool) throws(Failure) -> Bool {
    guard let found = json[key], !found.isNull else { return value }
    guard let bool = found.bool else { throw found.invalid("\(key) should be true or false") }
    return bool
  }

  /// The string of an optional member; nil where it is null or not there.
  func optionalBytes(_ json: JSON, _ key: String) throws(Failure) -> [UInt8]? {
    guard let found = json[key], !found.isNull else { return nil }
    return try bytes(json, key)
  }

  func elements(_ json: JSON, _ key: String) throws(Failure) -> [JSON] {
    guard let list = json[key], list.kind == .array else { throw json.invalid("\(key) should be a list") }
    return Array(list.elements)
  }

  /// An id of a token.
  func id(_ json: JSON?, in owner: JSON) throws(Failure) -> Int32 {
    guard let value = json?.int, value >= 0, value < Vocabulary.limit else {
      throw owner.invalid("a token id should be a number from 0 to \(Vocabulary.limit - 1)")
    }
    return Int32(value)
  }

  // MARK: Added tokens

  /// The added tokens. As in Hugging Face's tokenizers their ids follow from their order: a content that the vocabulary
  /// or an earlier one has keeps its id, and a new one gets the next id beyond both; the file's `id` does not count.
  private func addedTokens(_ model: any TokenizerModel) throws(Failure) -> AddedTokenList {
    let tokens = AddedTokenList()
    guard let list = component("added_tokens") else { return tokens }
    guard list.kind == .array else { throw list.invalid("added_tokens should be a list") }
    let known = try Vocabulary(capacity: list.count), vocabulary = model.vocabulary
    // A list of pieces counts one that stands there twice as two.
    var next = Int32(model is Unigram ? vocabulary.size : vocabulary.count)
    for json in list.elements {
      _ = try id(json["id"], in: json)
      let special = try bool(json, "special", default: false)
      let content = try bytes(json, "content")
      guard !content.isEmpty else { continue }
      let listed = known.id(content), own = listed >= 0 ? listed : vocabulary.id(content)
      let id = own >= 0 ? own : next
      next = max(next, id + 1)
      try known.insert(content, id: Int(id), source: file)
      try tokens.append(
        content,
        AddedToken(
          id: id, singleWord: try bool(json, "single_word", default: false),
          stripsLeft: try bool(json, "lstrip", default: false), stripsRight: try bool(json, "rstrip", default: false),
          isNormalized: try bool(json, "normalized", default: !special), isSpecial: special))
    }
    return tokens
  }
}
