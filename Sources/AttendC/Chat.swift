import AttendBase
import AttendCheckpoints
import AttendTokenizers
import CAttend
import Glibc

@_cdecl("attend_tokenizer_chat") @implementation public func attend_tokenizer_chat(
  _ tokenizer: OpaquePointer!, _ messages: UnsafePointer<CChar>!, _ length: Int,
  _ options: UnsafePointer<attend_chat_options>!, _ text: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  give(text, "text", by: tokenizer) { (tokenizer) throws(Failure) -> CString in
    try CString(try tokenizer.written(messages, length, options))
  }
}

@_cdecl("attend_tokenizer_encode_chat") @implementation public func attend_tokenizer_encode_chat(
  _ tokenizer: OpaquePointer!, _ messages: UnsafePointer<CChar>!, _ length: Int,
  _ options: UnsafePointer<attend_chat_options>!, _ encoding: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  give(encoding, "encoding", by: tokenizer) { (tokenizer) throws(Failure) -> Encoding in
    try tokenizer.encodedConversation(messages, length, options)
  }
}

extension Tokenizer {
  /// The ids of a conversation; with `asksForAnswer` the template asks for one, whatever the options say. `tools` are
  /// those of the call that generates.
  func encodedConversation(
    _ messages: UnsafePointer<CChar>?, _ length: Int, _ options: UnsafePointer<attend_chat_options>?,
    asksForAnswer: Bool = false, tools: JSON? = nil
  ) throws(Failure) -> Encoding {
    // The template has written the special tokens that the text begins and ends with.
    let text = try CString(try written(messages, length, options, asksForAnswer: asksForAnswer, tools: tools))
    var options = TokenizeOptions()
    options.addSpecialTokens = false
    return try encode(text.bytes, options)
  }

  /// A conversation as text, as the arguments of C describe it.
  fileprivate func written(
    _ messages: UnsafePointer<CChar>?, _ length: Int, _ options: UnsafePointer<attend_chat_options>?,
    asksForAnswer: Bool = false, tools: JSON? = nil
  ) throws(Failure) -> String {
    let known = try copy(options, "options")
    let variables = try known.variables.map { (text) throws(Failure) in
      try parse(UnsafeRawBufferPointer(start: text, count: strlen(text)), "options.variables")
    }
    guard variables.map({ $0.kind == .object }) ?? true else {
      throw Failure(.invalidArgument, "options.variables should be a JSON object")
    }
    let hasOwn = variables?["tools"].map { !$0.isNull } ?? false
    guard !hasOwn || tools == nil else {
      throw Failure(.invalidArgument, "tools are given twice: as an option of generation and in chat.variables")
    }
    let template = try chatTemplates.get().template(
      known.template_name.map { String(cString: $0) }, hasTools: hasOwn || tools != nil)
    return try template.render(
      messages: try parse(try buffer(messages, length, "messages"), "messages"),
      addGenerationPrompt: asksForAnswer || known.generation_prompt, variables: variables, tools: tools)
  }

  /// JSON that an argument holds, copied, so that it lives as long as what is made of it. What is wrong with it is
  /// wrong with the argument.
  private func parse(_ bytes: UnsafeRawBufferPointer, _ name: String) throws(Failure) -> JSON {
    let copy = try CString(bytes)
    do throws(Failure) { return try JSON.parse(copy.bytes, file: name, owner: copy) } catch {
      throw Failure(error.code == .invalidFile ? .invalidArgument : error.code, error.message)
    }
  }
}
