internal import CAttend

/// A text as tokens.
public struct Encoding: Sendable {
  public let ids: [Int32]
  /// Where each token stands in its text.
  public let offsets: [Offsets]
  /// Whether the template added a token.
  public let isSpecial: [Bool]
  public let tokenTypes: [Int32]

  init(taking handle: OpaquePointer) {
    defer { attend_encoding_free(handle) }
    var count = 0
    let first = attend_encoding_ids(handle, &count)
    ids = array(first, count)
    offsets = array(attend_encoding_offsets(handle), count).map(Offsets.init)
    isSpecial = array(attend_encoding_special(handle), count).map { $0 != 0 }
    tokenTypes = array(attend_encoding_token_types(handle), count)
  }
}

/// Turns text into token ids and back. Immutable: any number of threads may use it at once.
public final class Tokenizer: @unchecked Sendable {
  let handle: OpaquePointer
  /// The model that it belongs to; nil where it has itself.
  private let model: Model?

  init(_ handle: OpaquePointer, of model: Model) {
    self.handle = handle
    self.model = model
  }

  /// Loads the tokenizer of a checkpoint folder, without the model. Errors: notFound, io, invalidFile, unsupported.
  public init(path: String) throws(AttendError) {
    var made: OpaquePointer?
    try attempt(attend_tokenizer_create(path, &made))
    handle = made!
    model = nil
  }

  deinit { if model == nil { attend_tokenizer_free(handle) } }

  /// One more than the largest id.
  public var count: Int { attend_tokenizer_size(handle) }

  /// Tokenizes a text, or two as one sequence. More than `maxLength` tokens are cut; 0: there is no limit.
  public func encode(
    _ first: String, pair: String? = nil, addingSpecialTokens: Bool = true, maxLength: Int = 0
  ) throws(AttendError) -> Encoding {
    var options = initial(attend_tokenize_options.self)
    options.no_special_tokens = !addingSpecialTokens
    options.max_length = max(maxLength, 0)
    var made: OpaquePointer?
    if let pair {
      try attempt(
        attend_tokenizer_encode_pair(handle, first, first.utf8.count, pair, pair.utf8.count, &options, &made))
    } else {
      try attempt(attend_tokenizer_encode(handle, first, first.utf8.count, &options, &made))
    }
    return Encoding(taking: made!)
  }

  /// Turns ids into text. Errors: invalidArgument, for an id that there is none of.
  public func decode(_ ids: [Int32], keepingSpecialTokens: Bool = false) throws(AttendError) -> String {
    var options = initial(attend_detokenize_options.self)
    options.keep_special_tokens = keepingSpecialTokens
    var made: OpaquePointer?
    try attempt(attend_tokenizer_decode(handle, ids, ids.count, &options, &made))
    return take(made)
  }

  /// A conversation as the text that the model was trained on. Errors: notFound, where there is no template.
  public func chat(_ messages: [Message], addingGenerationPrompt: Bool = true) throws(AttendError) -> String {
    var options = initial(attend_chat_options.self)
    options.generation_prompt = addingGenerationPrompt
    let json = Message.text(messages)
    var made: OpaquePointer?
    try attempt(attend_tokenizer_chat(handle, json, json.utf8.count, &options, &made))
    return take(made)
  }

  /// The token with an id, as the file spells it.
  public func token(_ id: Int32) -> String? {
    var length = 0
    guard let bytes = attend_tokenizer_token(handle, id, &length) else { return nil }
    return text(bytes, length)
  }

  /// The id of a token spelled as in the file.
  public func id(of token: String) -> Int32? {
    let found = attend_tokenizer_id(handle, token, token.utf8.count)
    return found < 0 ? nil : found
  }
}
