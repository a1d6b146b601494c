import Attend
import Testing

/// Models, tokenizers and the step API: what they say, and the errors that they throw.
@Suite struct ModelTests {
  @Test func modelTellsWhatItIs() throws {
    var heard: [Double] = []
    let model = try Model(path: spelling, options: ModelOptions(compute: .int8, threads: 1)) {
      heard.append($0)
      return true
    }
    #expect(heard.last == 1)
    #expect(model.info.kind == .encoderDecoder && model.info.threads == 1 && model.family == "marian")
    #expect(model.info.decoderStartToken != nil && model.config.contains("\"model_type\""))
    #expect(["avx512", "avx2", "portable"].contains(model.kernels) && model.labels.isEmpty)
  }

  @Test func errorsAreTyped() {
    let missing = failure { () throws(AttendError) in try Model(path: "/nowhere") }
    #expect(missing?.code == .notFound && missing?.message.contains("/nowhere") == true)
    let stopped = failure { () throws(AttendError) in try Model(path: spelling) { _ in false } }
    #expect(stopped?.code == .cancelled)
    let kernels = failure { () throws(AttendError) in
      try Model(path: spelling, options: ModelOptions(kernels: "abacus"))
    }
    #expect(kernels?.code == .unsupported)
  }

  @Test func tokenizerGoesBothWays() throws {
    let tokenizer = try Model(path: spelling).tokenizer()  // which outlives the model
    let word = try tokenizer.encode("hello")
    #expect(word.ids.count == 6 && word.isSpecial.last == true && word.offsets[1].bytes == 1..<2)
    #expect(tokenizer.token(word.ids[0]) == "h" && tokenizer.id(of: "h") == word.ids[0])
    #expect(tokenizer.id(of: "no such token") == nil && tokenizer.token(-1) == nil)
    #expect(try tokenizer.encode("hello", addingSpecialTokens: false, maxLength: 3).ids.count == 3)
    #expect(failure { () throws(AttendError) in try tokenizer.decode([100_000]) }?.code == .invalidArgument)
    #expect(failure { () throws(AttendError) in try tokenizer.chat([.user("hello")]) }?.code == .notFound)
    let alone = try Tokenizer(path: repository("Tests/Fixtures/tasks/entailment"))
    #expect(try alone.encode("paris", pair: "rain").ids.count > 3)
  }

  @Test func stepsSpellWords() throws {
    let session = try session("models/g2p-en")
    let tokenizer = try session.model.tokenizer(), info = session.model.info
    try session.recordAttentions()
    try session.encode([tokenizer.encode("hello").ids])
    #expect(try session.count() == 1 && session.hiddenStates().count == 6)
    #expect(try session.attentions(.encoder, layer: 0).shape.count == 3)
    var written: [Int32] = []
    var token = info.decoderStartToken!
    while token != info.endToken {
      token = try session.step([token]) { logits, width in
        Int32((0..<width).max { logits[$0] < logits[$1] } ?? 0)
      }
      written.append(token)
    }
    #expect(try tokenizer.decode(written) == "HH EH1 L OW0")
    #expect(try session.length(of: 0) == written.count && session.memory() > 0)
    let saved = try session.save()
    try session.restore(saved)
    #expect(try session.count() == 2)
    try session.select([1])
    try session.truncate(0, to: 0)
    #expect(try session.decode([[info.decoderStartToken!, written[0]]]).count == 2)
    try session.add([[5, 6]])
    #expect(try session.step([written[1], info.decoderStartToken!]).width == info.vocabularySize)
    #expect(failure { () throws(AttendError) in try session.length(of: -1) }?.code == .invalidArgument)
    #expect(failure { () throws(AttendError) in try session.select([7]) }?.code == .invalidArgument)
    #expect(failure { () throws(AttendError) in try session.restore([1, 2, 3]) }?.code == .invalidFile)
    #expect(failure { () throws(AttendError) in try session.logits() }?.code == .unsupported)
    #expect(failure { () throws(AttendError) in try session.pooled() }?.code == .unsupported)
  }

  @Test func cancellerEndsCalls() async throws {
    let session = try session("models/g2p-en")
    let canceller = session.canceller
    await Task.detached { canceller.cancel() }.value
    #expect(failure { () throws(AttendError) in try session.encode([[5, 6]]) }?.code == .cancelled)
    try session.encode([[5, 6]])
  }

  @Test func settingsAreJSON() {
    let setting: Setting = ["b": [1, 2.5, true, nil], "a": "x\"\\\n\u{1}é"]
    #expect(setting.text == #"{"a": "x\"\\\n\u0001é", "b": [1, 2.5, true, null]}"#)
    #expect(Setting.number(.infinity).text == "null" && Setting.json("[1]").text == "[1]")
  }
}
