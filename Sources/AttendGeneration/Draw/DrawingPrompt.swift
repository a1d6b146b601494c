import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendLayers
import AttendModels
import AttendTokenizers

/// A text as the model that draws reads it.
struct DrawingPrompt {
  /// What stands before the tokens of the picture in the decoder.
  let prompt: TokenList
  /// What the encoder reads; nil: there is none.
  let source: TokenList?
  /// In the place of the source or the prompt, where nothing is asked for.
  let other: TokenList
}

extension Model {
  /// The text of a picture, prepared and tokenized.
  func drawingPrompt(_ text: UnsafeRawBufferPointer) throws(Failure) -> DrawingPrompt {
    guard let drawing = blueprint.drawing else { throw Failure(.internalError, "a model that draws nothing") }
    let tokenizer = try tokenizer.get()
    if pictureWriter != nil { return try promptOfDecoder(text, tokenizer) }
    guard let start = generation.decoderStart ?? generation.begin else {
      throw Failure(.invalidFile, "\(checkpoint.folder): decoder_start_token_id is missing from the configuration")
    }
    let options = TokenizeOptions(maximalLength: encoder?.positions)
    let prepared = try prepared(text, drawing)
    defer { withExtendedLifetime(prepared) {} }
    let source = try tokenizer.encode(UnsafeRawBufferPointer(prepared.elements), options)
    let empty = try tokenizer.encode(UnsafeRawBufferPointer(start: nil, count: 0), options)
    return DrawingPrompt(
      prompt: try TokenList([Int32(start)]), source: try TokenList(source.ids.buffer),
      other: try TokenList(empty.ids.buffer))
  }

  /// The prompt of a decoder without an encoder, and the same with padding for all but its first token and that behind
  /// which a picture is written.
  private func promptOfDecoder(
    _ text: UnsafeRawBufferPointer, _ tokenizer: Tokenizer
  ) throws(Failure) -> DrawingPrompt {
    let begin = try beginOfPicture(tokenizer), first = generation.begin.map { Int32($0) }
    guard let padding = try tokenizer.info.get().pad else {
      throw Failure(.unsupported, "\(checkpoint.folder): the tokenizer names no token for padding")
    }
    var prompt = GrowingList<Int32>(for: "the prompt of a picture"), other = GrowingList<Int32>(for: "its opposite")
    let encoding = try conversation(text, tokenizer)
    try prompt.append(contentsOf: encoding.ids.buffer)
    try prompt.append(begin)
    for token in prompt.elements { try other.append(token == begin || token == first ? token : padding) }
    return DrawingPrompt(
      prompt: try TokenList(UnsafeBufferPointer(prompt.elements)), source: nil,
      other: try TokenList(UnsafeBufferPointer(other.elements)))
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
  private func conversation(_ text: UnsafeRawBufferPointer, _ tokenizer: Tokenizer) throws(Failure) -> Encoding {
    let templates = try tokenizer.chatTemplates.get()
    guard !templates.isEmpty else { return try tokenizer.encode(text) }
    let template = try templates.template(nil, hasTools: false)
    var written = try template.render(messages: try Model.messages(text), addGenerationPrompt: true)
    let result = written.withUTF8 { bytes in
      Result { () throws(Failure) in try tokenizer.encode(UnsafeRawBufferPointer(bytes)) }
    }
    return try result.get()
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
