// Reading a text, cut short and heard.
import AttendBase
import AttendTestSupport
import AttendTokenizers
import Testing

@Suite struct CancellationTests {
  /// Tokenizers without what splits a text, so that one component after the other reads all of it.
  private static let tokenizers = [
    tokenizerJSON(#"{"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}"#),
    tokenizerJSON(
      #"{"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}"#, preTokenizer: #"{"type": "Whitespace"}"#),
    tokenizerJSON(
      #"{"type": "Unigram", "vocab": [["?", 0], ["a", -1]], "unk_id": 0}"#, normalizer: #"{"type": "NFKC"}"#),
    tokenizerJSON(
      #"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, " ": 3}, "merges": ["a b"]}"#,
      normalizer: #"{"type": "Replace", "pattern": {"Regex": " +"}, "content": " "}"#),
  ]
  private static let text = String(repeating: "ab c\u{301} \u{E9} ", count: 2_000)

  @Test(arguments: tokenizers) func aCallThatIsToEndEnds(json: String) throws {
    let tokenizer = try tokenizer(json)
    var options = TokenizeOptions()
    options.cancellation = Cancellation()
    let heard = try tokenizer.encoding(Self.text, options)
    #expect(heard.ids == Array(try tokenizer.encoding(Self.text).ids))
    options.cancellation?.request()
    let failure = #expect(throws: Failure.self) { try tokenizer.encoding(Self.text, options) }
    #expect(failure?.code == .cancelled)
  }

  /// Not where nothing but a word as long as the text is looked up.
  @Test(arguments: tokenizers.dropFirst()) func aCallEndsInTheMiddle(json: String) throws {
    let tokenizer = try tokenizer(json)
    var options = TokenizeOptions(), heard: [Double] = []
    let text = String(repeating: Self.text, count: 200)
    options.cancellation = Cancellation {
      heard.append($0)
      return heard.count < 3
    }
    let failure = #expect(throws: Failure.self) { try tokenizer.encoding(text, options) }
    #expect(failure?.code == .cancelled && heard.count == 3 && heard == heard.sorted())
  }
}
