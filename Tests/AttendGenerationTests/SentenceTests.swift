import AttendBase
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Folders of sentence-transformers: what their modules make of the hidden states, written out plainly.
@Suite struct SentenceTests {
  private static let sequences: [[Int32]] = [[1, 7, 9, 30, 2], [1, 2], [1, 50, 50, 3, 4, 5, 6, 70, 2]]
  private static let texts = ["w7 w9 w30", "", "w50 w50 w3 w4 w5 w6 w70"]

  /// The hidden states of each sequence: [sequence][token][component].
  private func states(_ session: Session) -> [[[Double]]] {
    let all = session.hiddenStates!
    var row = 0
    return SentenceTests.sequences.map { sequence in
      sequence.map { _ in
        defer { row += 1 }
        return (0..<all.columns).map { Double(all[row][$0]) }
      }
    }
  }

  private func sum(_ rows: [[Double]], _ weight: (Int) -> Double = { _ in 1 }) -> [Double] {
    rows[0].indices.map { column in rows.indices.reduce(0) { $0 + weight($1) * rows[$1][column] } }
  }

  private func pooled(_ mode: String, _ rows: [[Double]]) -> [Double] {
    let count = Double(rows.count)
    switch mode {
    case "cls": return rows[0]
    case "lasttoken": return rows[rows.count - 1]
    case "max": return rows[0].indices.map { column in rows.map { $0[column] }.max()! }
    case "mean": return sum(rows).map { $0 / count }
    case "mean_sqrt_len_tokens": return sum(rows).map { $0 / count.squareRoot() }
    default: return sum(rows) { Double($0 + 1) }.map { $0 / (count * (count + 1) / 2) }
    }
  }

  /// W x, of weights `[outputs, x.count]`.
  private func product(_ x: [Double], _ weights: [Float], outputs: Int) -> [Double] {
    (0..<outputs).map { output in
      var sum = 0.0
      for (index, value) in x.enumerated() { sum += value * Double(weights[output * x.count + index]) }
      return sum
    }
  }

  private func unit(_ x: [Double]) -> [Double] {
    let length = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return x.map { $0 / length }
  }

  /// Encodes the sequences and gives what the modules make of them, row after row, and the hidden states.
  private func run(
    _ folder: SentenceFolderMaker, _ kernels: String? = nil
  ) throws -> (got: [Float], states: [[[Double]]]) {
    let session = try Session(model: try model(folder.path, kernels: kernels), threads: 0)
    try session.encode(SentenceTests.sequences)
    let states = states(session)
    return (numbers(try session.pooledStates()), states)
  }

  private func embed(_ session: Session, _ texts: [String], prompt: String = "") throws -> [[Float]] {
    let bytes = texts.map { Array($0.utf8) }
    let copies = bytes.map { UnsafeMutableRawBufferPointer.allocate(byteCount: max($0.count, 1), alignment: 1) }
    defer { for copy in copies { copy.deallocate() } }
    for (copy, text) in zip(copies, bytes) { copy.copyBytes(from: text) }
    let views = zip(copies, bytes).map { UnsafeRawBufferPointer(rebasing: $0[..<$1.count]) }
    let y = try session.embed(views.count, prompt: prompt) { views[$0] }
    return (0..<y.rows).map { Array(UnsafeBufferPointer(start: y[$0], count: y.columns)) }
  }

  /// The decoder, and the head behind it, may stay in the file, whatever `architectures` says of it.
  @Test(arguments: ["t5", "t5-v1.1"], ["T5ForConditionalGeneration", "T5EncoderModel"])
  func ofT5TheEncoderAloneIsLoaded(name: String, architecture: String) throws {
    let whole = try Session(model: try model(ConformanceCase(name).path), threads: 0)
    try whole.encode(SentenceTests.sequences)
    let folder = try SentenceFolderMaker(name, change: ["architectures": [architecture]])
    try folder.addPooling(#"{"pooling_mode": "mean"}"#)
    let session = try Session(model: try model(folder.path), threads: 0)
    #expect(session.model.blueprint.kind == .encoder)
    try session.encode(SentenceTests.sequences)
    #expect(numbers(session.hiddenStates!) == numbers(whole.hiddenStates!))
    let means = states(whole).flatMap { pooled("mean", $0) }
    #expect(distance(numbers(try session.pooledStates()), means.map { Float($0) }) < 1e-5)
  }

  @Test(arguments: ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"], kernelSets)
  func everyModeIsWhatItsNameSays(mode: String, kernels: String) throws {
    let oldKeys = [
      "cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "weightedmean": "weightedmean_tokens",
    ]
    for config in [
      #"{"pooling_mode": "\#(mode)"}"#,
      #"{"word_embedding_dimension": 32, "pooling_mode_\#(oldKeys[mode] ?? mode)": true}"#,
    ] {
      let folder = try SentenceFolderMaker("bert")
      try folder.addPooling(config)
      let (got, states) = try run(folder, kernels)
      #expect(distance(got, states.flatMap { pooled(mode, $0) }.map { Float($0) }) < 1e-5)
    }
  }

  @Test func severalModesStandInTheOrderOfSentenceTransformers() throws {
    let folder = try SentenceFolderMaker("bert")
    try folder.addPooling(
      #"{"pooling_mode_mean_tokens": true, "pooling_mode_lasttoken": true, "pooling_mode_cls_token": true}"#)
    let (got, states) = try run(folder)
    #expect(
      distance(
        got, states.flatMap { pooled("cls", $0) + pooled("mean", $0) + pooled("lasttoken", $0) }.map { Float($0) })
        < 1e-5)
    let listed = try SentenceFolderMaker("bert")
    try listed.addPooling(#"{"pooling_mode": ["mean", "cls"]}"#)
    let (other, _) = try run(listed)
    #expect(distance(other, states.flatMap { pooled("mean", $0) + pooled("cls", $0) }.map { Float($0) }) < 1e-5)
  }

  @Test(arguments: kernelSets) func densesNormsAndUnitLengthFollow(kernels: String) throws {
    let folder = try SentenceFolderMaker("bert")
    var random = SplitMix(seed: 3)
    let (weights, bias, second) = (random.floats(20 * 32), random.floats(20), random.floats(7 * 20))
    let (gain, shift) = (random.floats(20), random.floats(20))
    try folder.addPooling(#"{"pooling_mode_mean_tokens": true}"#)
    try folder.add(
      "sentence_transformers.models.Dense", "2_Dense",
      #"{"in_features": 32, "out_features": 20, "bias": true, "activation_function": "#
        + #""torch.nn.modules.activation.Tanh"}"#,
      [WrittenTensor("linear.weight", [20, 32], weights), WrittenTensor("linear.bias", [20], bias)])
    try folder.add(
      "sentence_transformers.models.LayerNorm", "3_LayerNorm", #"{"dimension": 20}"#,
      [WrittenTensor("norm.weight", [20], gain), WrittenTensor("norm.bias", [20], shift)])
    try folder.add("sentence_transformers.models.Dropout", "4_Dropout", #"{"dropout": 0.1}"#)
    try folder.add(
      "sentence_transformers.base.modules.dense.Dense", "5_Dense",
      #"{"in_features": 20, "out_features": 7, "bias": false, "activation_function": "#
        + #""torch.nn.modules.linear.Identity"}"#,
      [WrittenTensor("linear.weight", [7, 20], second)])
    try folder.add("sentence_transformers.models.Normalize", "6_Normalize")
    let (got, states) = try run(folder, kernels)
    let expected = states.flatMap { rows -> [Double] in
      let mean = pooled("mean", rows)
      let dense = product(mean, weights, outputs: 20).enumerated().map { tanh($1 + Double(bias[$0])) }
      let average = dense.reduce(0, +) / 20
      let squares: [Double] = dense.map { ($0 - average) * ($0 - average) }
      let deviation = (squares.reduce(0, +) / 20 + 1e-5).squareRoot()
      let norm: [Double] = dense.indices.map {
        (dense[$0] - average) / deviation * Double(gain[$0]) + Double(shift[$0])
      }
      return unit(product(norm, second, outputs: 7))
    }
    #expect(distance(got, expected.map { Float($0) }) < 1e-5)
  }

  @Test func aDecoderGivesTheStateOfItsLastToken() throws {
    let folder = try SentenceFolderMaker("llama")
    try folder.addPooling(#"{"pooling_mode": "lasttoken"}"#)
    let (got, states) = try run(folder)
    #expect(got == states.flatMap { $0[$0.count - 1] }.map { Float($0) })
    let session = try Session(model: try model(folder.path), threads: 0)
    #expect(try embed(session, SentenceTests.texts).flatMap { $0 } == got)
  }

  @Test func textsGiveWhatTheirSequencesGiveAloneOrTogether() throws {
    let folder = try SentenceFolderMaker("bert")
    try folder.addPooling(#"{"pooling_mode_mean_tokens": true}"#)
    let (got, _) = try run(folder)
    for threads in 1...2 {
      let session = try Session(model: try model(folder.path, threads: threads), threads: 0)
      #expect(try embed(session, SentenceTests.texts).flatMap { $0 } == got)
      #expect(session.count == 0 && session.hiddenStates == nil)
      for (index, text) in SentenceTests.texts.enumerated() {
        #expect(try embed(session, [text])[0] == Array(got[index * 32..<(index + 1) * 32]))
      }
      // More texts than run at once.
      let many = try embed(session, (0..<200).map { SentenceTests.texts[$0 % 3] })
      for (index, vector) in many.enumerated() { #expect(vector == Array(got[index % 3 * 32..<(index % 3 + 1) * 32])) }
    }
  }

  @Test func aLongTextIsCutBetweenItsSpecialTokens() throws {
    let words = (3..<60).map { "w\($0)" }
    // The folder's own limit, the tokenizer's, and the model's positions.
    for (settings, limit) in [(#"{"max_seq_length": 12}"#, 12), ("{}", 9), (#"{"max_seq_length": 600}"#, 40)] {
      for (side, kept) in [("right", words[..<(limit - 2)]), ("left", words.suffix(limit - 2))] {
        let folder = try SentenceFolderMaker("bert", settings: settings)
        try folder.addPooling(#"{"pooling_mode_mean_tokens": true}"#)
        try folder.write("tokenizer_config.json", #"{"model_max_length": 9, "truncation_side": "\#(side)"}"#)
        let session = try Session(model: try model(folder.path), threads: 0)
        #expect(try embed(session, [words.joined(separator: " ")]) == embed(session, [kept.joined(separator: " ")]))
      }
    }
  }

  @Test func aPromptIsReadAndWhereTheFolderSaysSoNotPooled() throws {
    for includes in [true, false] {
      let folder = try SentenceFolderMaker("bert")
      try folder.addPooling(#"{"pooling_mode": ["mean", "weightedmean", "cls"], "include_prompt": \#(includes)}"#)
      try folder.write(
        "config_sentence_transformers.json",
        ##"{"prompts": {"q": "w40 w41 ", "document": ""}, "default_prompt_name": "q"}"##)
      let session = try Session(model: try model(folder.path), threads: 0)
      let rules = try session.model.textRules.get()
      #expect(try rules.prompt(named: nil) == "w40 w41 ")
      #expect(try rules.prompt(named: "document") == "" && rules.prompt(named: "query") == "")
      let unknown = #expect(throws: Failure.self) { try rules.prompt(named: "p") }
      #expect(unknown?.message == "there is no prompt named \"p\"; known are document, q")
      try session.encode([[1, 40, 41, 7, 9, 2]])
      let all = session.hiddenStates!
      let rows = (0..<6).map { row in (0..<32).map { Double(all[row][$0]) } }
      let kept = Array(rows[(includes ? 0 : 3)...])
      let weights = (includes ? 1 : 4)...6
      let weighted = sum(kept) { Double(weights.lowerBound + $0) }.map { $0 / Double(weights.reduce(0, +)) }
      let expected = pooled("mean", kept) + weighted + kept[0]
      #expect(distance(try embed(session, ["w7 w9"], prompt: "w40 w41 ")[0], expected.map { Float($0) }) < 1e-5)
    }
  }

  @Test func aBareCheckpointGivesWhatSentenceTransformersMakesOfIt() throws {
    let bare = try SentenceFolderMaker("bert")
    try FileManager.default.removeItem(atPath: bare.path + "/modules.json")
    let session = try Session(model: try model(bare.path), threads: 0)
    #expect(session.model.sentenceHead == nil && session.model.pooler != nil)
    try session.encode(SentenceTests.sequences)
    let expected = states(session).flatMap { pooled("mean", $0) }.map { Float($0) }
    #expect(distance(try embed(session, SentenceTests.texts).flatMap { $0 }, expected) < 1e-5)
  }
}
