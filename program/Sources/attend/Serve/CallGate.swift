import CAttend

/// Lets the text of an answer pass until something begins that may be a call of a function, which is told whole at the
/// end. What is told too early cannot be taken back, and so a text that merely looks like a call waits too.
struct CallGate {
  /// What calls begin with, in the formats that the library reads (docs/generation.md).
  private static let marks = [
    "<tool_call>", "<|python_tag|>", "[TOOL_CALLS]", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<function=",
    "<|tool_call|>", "Action:", "<|START_ACTION|>", "<|channel|>", "<|start|>",
  ]

  private var cutter = StopCutter(CallGate.marks)
  private let tokens: Set<Int32>
  private var isShut: Bool
  private var isAtBeginning = true

  /// Marks may be tokens of their own, which have no text. `isShut`: nothing but calls is expected.
  init(_ tokenizer: OpaquePointer, isShut: Bool) {
    tokens = Set(
      CallGate.marks.map { attend_tokenizer_id(tokenizer, $0, $0.utf8.count) }.filter { $0 >= 0 })
    self.isShut = isShut
  }

  mutating func feed(_ piece: String, token: Int32) -> String {
    if tokens.contains(token) { isShut = true }
    guard !isShut else { return "" }
    if isAtBeginning, let first = piece.first(where: { !$0.isWhitespace }) {
      isAtBeginning = false
      // An object or a list alone is how some models call.
      if first == "{" || first == "[" {
        isShut = true
        return ""
      }
    }
    let text = cutter.feed(piece)
    isShut = cutter.isStopped
    return text
  }
}
