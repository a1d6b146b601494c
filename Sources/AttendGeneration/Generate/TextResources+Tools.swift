import AttendBase
import AttendDecoding
import AttendGrammars
import AttendTokenizers
import Synchronization

extension TextResources {
  /// The language that the answers of a call must be of; nil: any text.
  func constraint(_ options: GenerationOptions) throws(Failure) -> GenerationOptions.Constraint? {
    guard let tools = options.tools, let found = try tools.constraint(taught: taughtFormat) else {
      return options.constraint
    }
    if let other = options.constraint {
      throw Failure(.invalidArgument, "tool_choice and \(other.option) are both set; a text has one language")
    }
    return found
  }

  /// The format of calls that the model's chat template teaches; nil: none that is known.
  var taughtFormat: ToolCallFormat? {
    guard let tokenizer = try? tokenizer.get(), let templates = try? tokenizer.chatTemplates.get(),
      let template = try? templates.template(nil, hasTools: true)
    else { return nil }
    return ToolCallFormat.taught(by: template.text)
  }

  /// The special tokens in the marks of calls, of one format or, nil, all that tell a reader of calls.
  func marks(of format: ToolCallFormat?) throws(Failure) -> Set<Int32> {
    let tokenizer = try tokenizer.get()
    var marks: Set<Int32> = []
    for id in 0..<Int32(clamping: tokenizer.size) where tokenizer.isSpecial(id) && !ends.contains(id) {
      guard let bytes = tokenizer.token(id) else { continue }
      let spelling = String(decoding: bytes, as: UTF8.self)
      if format?.marks(with: spelling) ?? ToolCallFormat.isRead(spelling) { marks.insert(id) }
    }
    return marks
  }

  /// The special tokens that tell a reader of calls, looked for once.
  private func readMarks() throws(Failure) -> Set<Int32> {
    if let known = made.withLock({ $0.readMarks }) { return known }
    let marks = try marks(of: nil)
    made.withLock { $0.readMarks = marks }
    return marks
  }

  /// A generated answer as the JSON of a message: its text, and its calls in a format, or nil in that of the chat
  /// template, or else in the one whose marks are in it.
  package func message(_ hypothesis: Hypothesis, _ format: ToolCallFormat?) throws(Failure) -> String {
    let tokenizer = try tokenizer.get()
    let marks = try readMarks()
    var ids = GrowingList<Int32>(for: "the tokens of a message")
    for id in hypothesis.generated where marks.contains(id) || !tokenizer.isSpecial(id) { try ids.append(id) }
    if hypothesis.reason == .end, let last = ids.elements.last, ends.contains(last) {
      ids.removeAll(from: ids.count - 1)
    }
    let bytes = try tokenizer.decode(UnsafeBufferPointer(ids.elements), skipSpecialTokens: false)
    return try ToolCallReader.read(String(decoding: bytes, as: UTF8.self), format ?? taughtFormat).message
  }
}
