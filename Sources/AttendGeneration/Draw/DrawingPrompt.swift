import AttendBase
import AttendCheckpoints
import AttendLayers
import AttendModels
import AttendTokenizers

/// A text as the model that draws reads it.
struct DrawingPrompt {
  /// What stands before the tokens of the picture in the decoder.
  let prompt: [Int32]
  /// What the encoder reads; nil: there is none.
  let source: [Int32]?
  /// In the place of the source or the prompt, where nothing is asked for.
  let other: [Int32]
}

extension Model {
  /// The text of a picture, prepared and tokenized.
  func drawingPrompt(_ text: UnsafeRawBufferPointer) throws(Failure) -> DrawingPrompt {
    guard let drawing = blueprint.drawing else { throw Failure(.internalError, "a model that draws nothing") }
    let tokenizer = try tokenizer.get()
    guard pictureWriter != nil else {
      guard let start = generation.decoderStart ?? generation.begin else {
        throw Failure(.invalidFile, "\(checkpoint.folder): decoder_start_token_id is missing from the configuration")
      }
      var options = TokenizeOptions(maximalLength: encoder?.positions)
      options.truncation = .longestFirst
      return DrawingPrompt(
        prompt: [Int32(start)], source: try ids(try prepared(text, drawing), tokenizer, options),
        other: try ids(UnsafeRawBufferPointer(start: nil, count: 0), tokenizer, options))
    }
    let begin = try beginOfPicture(tokenizer)
    let prompt = try conversation(text, tokenizer) + [begin]
    guard let padding = try tokenizer.info.get().pad else {
      throw Failure(.unsupported, "\(checkpoint.folder): the tokenizer names no token for padding")
    }
    let first = generation.begin.map { Int32($0) }
    return DrawingPrompt(
      prompt: prompt, source: nil, other: prompt.map { $0 == begin || $0 == first ? $0 : padding })
  }

  /// The token behind which a picture is written. Throws `unsupported` where the checkpoint does not say.
  private func beginOfPicture(_ tokenizer: Tokenizer) throws(Failure) -> Int32 {
    let text = generationText ?? configText
    let json = try JSON.parse(text.bytes, file: text.path, owner: text)
    if let id = json["generation_kwargs"]?["boi_token_id"]?.int, (0..<vocabulary).contains(id) { return Int32(id) }
    var name = "<begin_of_image>"
    guard let id = name.withUTF8({ tokenizer.id(of: UnsafeRawBufferPointer($0)) }) else {
      throw Failure(
        .unsupported,
        "\(text.path): generation_kwargs.boi_token_id, behind which a picture is written, is missing")
    }
    return id
  }

  private func ids(
    _ text: UnsafeRawBufferPointer, _ tokenizer: Tokenizer, _ options: TokenizeOptions
  ) throws(Failure) -> [Int32] { Array(try tokenizer.encode(text, options).ids.buffer) }

  private func ids(
    _ text: consuming GrowingList<UInt8>, _ tokenizer: Tokenizer, _ options: TokenizeOptions
  ) throws(Failure) -> [Int32] {
    let ids = try ids(UnsafeRawBufferPointer(text.elements), tokenizer, options)
    return ids
  }

  /// The text as the model was trained on its like.
  private func prepared(
    _ text: UnsafeRawBufferPointer, _ drawing: DrawingBlueprint
  ) throws(Failure) -> GrowingList<UInt8> {
    switch drawing.preparation {
    case .normalised: return try PromptNormalizer.normalised(text)
    case .plain: return try PromptNormalizer.plain(text)
    case .none:
      var copy = GrowingList<UInt8>(for: "the text of a picture")
      try copy.append(contentsOf: text.bindMemory(to: UInt8.self))
      return copy
    }
  }

  /// The text as a message of the checkpoint's chat template, whose answer is the picture; without a template the text
  /// itself.
  private func conversation(_ text: UnsafeRawBufferPointer, _ tokenizer: Tokenizer) throws(Failure) -> [Int32] {
    let templates = try tokenizer.chatTemplates.get()
    guard !templates.isEmpty else { return try ids(text, tokenizer, TokenizeOptions()) }
    let messages = try Model.messages(text)
    let template = try templates.template(nil, hasTools: false)
    var written = try template.render(messages: messages, addGenerationPrompt: true)
    var failure: Failure?
    let ids = written.withUTF8 { bytes -> [Int32] in
      do throws(Failure) {
        return try self.ids(UnsafeRawBufferPointer(bytes), tokenizer, TokenizeOptions())
      } catch {
        failure = error
        return []
      }
    }
    if let failure { throw failure }
    return ids
  }

  /// A conversation of one message.
  private static func messages(_ text: UnsafeRawBufferPointer) throws(Failure) -> JSON {
    var json = GrowingList<UInt8>(for: "the text of a picture")
    func append(_ text: String) throws(Failure) { for byte in text.utf8 { try json.append(byte) } }
    try append("[{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"")
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        try json.append(UInt8(ascii: "\\"))
        try json.append(byte)
      case 0..<0x20:
        try append("\\u00")
        for digit in [byte >> 4, byte & 15] { try json.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
      default: try json.append(byte)
      }
    }
    try append("\"}]}]")
    let copy = try AlignedBuffer(bytes: json.count, for: "the text of a picture")
    copy.base.copyMemory(from: json.storage, byteCount: json.count)
    do throws(Failure) {
      return try JSON.parse(
        UnsafeRawBufferPointer(start: copy.base, count: json.count), file: "the text", owner: copy)
    } catch { throw Failure(error.code == .invalidFile ? .invalidArgument : error.code, error.message) }
  }
}
