// Language models and hot words in a search, against kenlm and pyctcdecode (Tests/Fixtures/sounds/make.py).
import AttendBase
import AttendCheckpoints
import AttendSounds
import AttendTestSupport
import Foundation
import Testing

struct LanguageTests {
  private static let path = SoundFixtures.folder + "/words.arpa"

  private func options(_ json: JSON) -> CTCSearchOptions {
    var options = CTCSearchOptions()
    (options.beamWidth, options.best) = (3000, 3000)
    options.alpha = json["alpha"]?.double ?? options.alpha
    options.beta = json["beta"]?.double ?? options.beta
    options.unknownScoreOffset = json["unk_score_offset"]?.double ?? options.unknownScoreOffset
    options.scoresBoundaries = json["lm_score_boundary"]?.bool ?? options.scoresBoundaries
    options.hotWords = json["hotwords"]?.elements.map { $0.string! } ?? []
    options.hotWordWeight = json["hotword_weight"]?.double ?? options.hotWordWeight
    return options
  }

  /// What words add to the score of a text is what the reference adds, for each of its best texts.
  @Test func scoresOfTheReference() throws {
    let language = try NGramModel(Self.path)
    #expect(language.order == 3)
    let vocabulary = try CTCTests.vocabulary(["<pad>", "A", "B", "C", "|"])
    var compared = 0
    for entry in try JSON.file(SoundFixtures.folder + "/words.json").elements {
      let rows = entry["logits"]!.elements.flatMap { $0.elements.map { Float($0.double!) } }
      try rows.withUnsafeBufferPointer {
        let logits = CTCLogits($0.baseAddress!, frames: rows.count / 5, vocabulary: 5)
        let found = try logits.search(
          vocabulary, options(entry["options"]!), language: entry["language"]!.bool! ? language : nil)
        var added: [String: Double] = [:]
        for hypothesis in found {
          added[hypothesis.transcript.text, default: hypothesis.score - hypothesis.logProbability] += 0
        }
        for expected in entry["added"]!.elements {
          guard let own = added[expected[0]!.string!] else { continue }
          #expect(abs(own - expected[1]!.double!) < 1e-5, "\(entry["name"]!.string!): \(expected[0]!.string!)")
          compared += 1
        }
      }
    }
    #expect(compared == 28)  // of 36; the others are not among these beams
  }

  private static let small = """
    \\data\\
    ngram 1=3
    ngram 2=1

    \\1-grams:
    -1\t<s>\t-0.5
    -1 </s>
    -0.5\tA\t-0.25

    \\2-grams:
    -0.2\t<s> A

    \\end\\

    """

  private func model(_ text: String) throws -> NGramModel {
    try Array(text.utf8).withUnsafeBytes { try NGramModel($0, name: "small.arpa") }
  }

  @Test func aSmallModel() throws {
    let language = try model(Self.small)
    let vocabulary = try CTCTests.vocabulary(["<pad>", "A", "|", "B"])
    let rows: [Float] = [0, 9, 0, 0, 0, 0, 9, 0, 0, 9, 0, 0]
    var options = CTCSearchOptions()
    (options.alpha, options.beta) = (1, 2)
    try rows.withUnsafeBufferPointer {
      let best = try CTCLogits($0.baseAddress!, frames: 3, vocabulary: 4)
        .search(vocabulary, options, language: language)[0]
      // <s> A is there; A A and A </s> are not: backoff of A, and the words alone.
      let expected = (-0.2 + (-0.25 - 0.5) + (-0.25 - 1)) * log(10) + 4
      #expect(best.transcript.text == "A A")
      #expect(abs(best.score - best.logProbability - expected) < 1e-6)
    }
  }

  /// Cut files and wrong lines are errors that name the file and the line.
  @Test func brokenModels() throws {
    let bytes = Array(Self.small.utf8)
    for length in 0..<bytes.count - 2 {
      let failure = #expect(throws: Failure.self) { try model(String(decoding: bytes[..<length], as: UTF8.self)) }
      #expect(failure?.message.contains("small.arpa, line") == true)
    }
    for (old, new) in [
      ("1=3", "1=4"), ("1=3", "1=2"), ("1=3", "1=99999999999"), ("1=3", "1=-1"), ("2=1", "3=1"), ("-0.2", "0.2"),
      ("-0.2", "nan"), ("<s> A\n", "<s> B\n"), ("<s> A\n", "<s>\n"), ("<s> A\n", "<s> A -1\n"), ("-1 </s>", "-1 A"),
      ("\\end\\", "\\ende\\"), ("\\2-grams", "\\3-grams"), ("-0.25", "x"),
    ] {
      let text = Self.small.replacingOccurrences(of: old, with: new)
      let failure = #expect(throws: Failure.self, "\(old) \(new)") { try model(text) }
      #expect(failure?.code == .invalidFile)
    }
  }
}
