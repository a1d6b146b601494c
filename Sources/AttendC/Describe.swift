import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendLayers
import AttendModels
import AttendTokenizers
import CAttend
import Glibc

@_cdecl("attend_describe") @implementation public func attend_describe(
  _ session: OpaquePointer!, _ pictures: UnsafePointer<attend_input>!, _ count: Int, _ prompt: UnsafePointer<CChar>!,
  _ options: UnsafePointer<attend_generation_options>!, _ generation: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  generating(session, options, generation) { (call) throws(Failure) in
    let given = prompt.map { UnsafeRawBufferPointer(start: $0, count: strlen($0)) }
    let prompt = try call.descriptionPrompt(given)
    let known = try copies(of: try require(pictures, "pictures"), count, "count") { "pictures[\($0)]" }
    let step = known[0].struct_size
    let inputs = try FixedArray(count, for: "the pictures of a call") { (index) throws(Failure) in
      let place = (UnsafeRawPointer(pictures!) + index * step).assumingMemoryBound(to: attend_input.self)
      let arrays = try InputList(place, count: 1, "count", call.session) { _ in "pictures[\(index)]" }
      defer { withExtendedLifetime(arrays) {} }
      return try MediaInput(copying: UnsafeBufferPointer(arrays.elements), for: call.session.model)
    }
    try call.run(count, input: { inputs[$0] }) { _ in UnsafeBufferPointer(prompt.elements) }
  }
}

extension GenerateCall {
  private static let question: StaticString = "Describe this picture."
  private static let caption: StaticString = "caption en"

  /// The prompt behind which a picture is described, of the caller's text or by default; of an encoder-decoder it is
  /// what its decoder begins with, and no tokens are given. Throws `unsupported` for a model that describes none.
  fileprivate func descriptionPrompt(_ given: UnsafeRawBufferPointer?) throws(Failure) -> GrowingList<Int32> {
    let model = session.model
    guard model.arrayReader?.input.reads == "pictures", model.head?.tellsNextToken == true, model.decoder != nil else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(model.blueprint.family) model, which describes no pictures")
    }
    var ids = GrowingList<Int32>(for: "a prompt")
    guard let placeholder = model.blueprint.placeholder else {
      if let given { decoderPrompt = try beginning(given) }
      return ids
    }
    if let given {
      let plain = try tokenizer().encode(given, TokenizeOptions())
      if plain.ids.buffer.contains(placeholder) {
        try ids.append(contentsOf: plain.ids.buffer)
        return ids
      }
    }
    if try hasChatTemplate() {
      let text = try conversation(given ?? bytes(GenerateCall.question))
      defer { withExtendedLifetime(text) {} }
      let encoding = try tokenizer().encodedConversation(
        text.characters, text.length, nil, asksForAnswer: true)
      try ids.append(contentsOf: encoding.ids.buffer)
      return ids
    }
    guard model.blueprint.family == "paligemma" else {
      throw Failure(
        .unsupported,
        "there is no chat template to put a picture into; give a prompt that holds the token \(placeholder) of pictures"
      )
    }
    // The picture stands before the text and its first token, and a line ends the text (Beyer et al. 2024, section 3).
    var line = GrowingList<UInt8>(for: "a prompt")
    for byte in given ?? bytes(GenerateCall.caption) { try line.append(byte) }
    try line.append(UInt8(ascii: "\n"))
    try ids.append(placeholder)
    try ids.append(
      contentsOf: try tokenizer().encode(UnsafeRawBufferPointer(line.elements), TokenizeOptions()).ids.buffer)
    return ids
  }

  private func hasChatTemplate() throws(Failure) -> Bool {
    do throws(Failure) { _ = try tokenizer().chatTemplates.get().template(nil, hasTools: false) } catch {
      guard error.code == .notFound else { throw error }
      return false
    }
    return true
  }

  private func bytes(_ text: StaticString) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }

  /// The tokens of a text that the decoder goes on from, behind its start; Donut's texts are their own start.
  private func beginning(_ text: UnsafeRawBufferPointer) throws(Failure) -> [Int32] {
    var reading = TokenizeOptions()
    reading.addSpecialTokens = false
    var ids = Array(try tokenizer().encode(text, reading).ids.buffer)
    let config = session.model.configText
    let json = try JSON.parse(config.bytes, file: config.path, owner: config)
    let isDonut = json["encoder"]?["model_type"]?.string?.hasPrefix("donut") ?? false
    if !isDonut, let start, ids.first != start { ids.insert(start, at: 0) }
    return ids
  }

  /// A conversation whose only message holds a picture and a text.
  private func conversation(_ text: UnsafeRawBufferPointer) throws(Failure) -> CString {
    var json = GrowingList<UInt8>(for: "a prompt")
    func write(_ part: StaticString) throws(Failure) { for byte in bytes(part) { try json.append(byte) } }
    try write("[{\"role\": \"user\", \"content\": [{\"type\": \"image\"}, {\"type\": \"text\", \"text\": \"")
    for byte in text { try JSON.escape(byte, into: &json) }
    try write("\"}]}]")
    return try CString(UnsafeRawBufferPointer(json.elements))
  }
}
