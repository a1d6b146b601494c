// Decoding against the reference's greedy texts and offsets, and against the exact prefix search of the shared folder.
import AttendBase
import AttendCheckpoints
import AttendSounds
import AttendTestSupport
import Foundation
import Testing

@Suite(.enabled(if: Goldens16k.isThere, "the goldens of sounds are not there"))
struct CTCGoldenTests {
  private static let folder = (Goldens16k.folder ?? "") + "/../ctc"

  private func vocabulary() throws -> CTCVocabulary { try CTCVocabulary(HuggingFaceFolder(Self.folder + "/wav2vec2")) }

  private func cases() throws -> [JSON] { Array(try JSON.file(Self.folder + "/cases.json").elements) }

  private func compare(_ transcript: CTCTranscript, _ entry: JSON, _ textKey: String) {
    #expect(transcript.text == entry[textKey]!.string!)
    for (pieces, key, name) in [
      (transcript.characters, "char_offsets", "char"), (transcript.words, "word_offsets", "word"),
    ] {
      let expected = Array(entry[key]!.elements)
      #expect(pieces.count == expected.count)
      for (piece, other) in zip(pieces, expected) {
        #expect(transcript.text(of: piece) == other[name]!.string!)
        #expect(piece.start == other["start_offset"]!.int! && piece.end == other["end_offset"]!.int!)
      }
    }
  }

  private func withLogits(_ name: String, _ body: (CTCLogits) throws -> Void) throws {
    let goldens = try Goldens("seeing-hearing/ctc/tensors.safetensors")!
    let shape = goldens.shape(name), numbers: [Float] = goldens.numbers(name)
    try numbers.withUnsafeBufferPointer {
      try body(CTCLogits($0.baseAddress!, frames: shape[0], vocabulary: shape[1]))
    }
  }

  @Test func greedyTextsAndOffsets() throws {
    let vocabulary = try vocabulary()
    var compared = 0
    for entry in try cases() where entry["greedy_text"] != nil {
      try withLogits("\(entry["case"]!.string!)/logits") {
        compare(try $0.greedy(vocabulary), entry, "greedy_text")
        compared += 1
      }
    }
    #expect(compared == 4)
  }

  @Test func textsOfBeams() throws {
    let vocabulary = try vocabulary()
    var compared = 0
    for entry in try cases() where entry["beams"] != nil {
      try withLogits("\(entry["case"]!.string!)/logits") { logits in
        for (width, expected) in entry["beams"]!.members {
          var options = CTCSearchOptions()
          options.beamWidth = Int(width.string!)!
          options.best = expected.count
          let found = try logits.search(vocabulary, options)
          #expect(found.count == expected.count)
          for (hypothesis, other) in zip(found, expected.elements) {
            #expect(hypothesis.ids.map(Int.init) == other["ids"]!.elements.map { $0.int! })
            #expect(abs(hypothesis.logProbability - other["log_probability"]!.double!) < 1e-4)
            #expect(hypothesis.score == hypothesis.logProbability)
            #expect(hypothesis.transcript.text == other["text"]!.string!)
            compared += 1
          }
        }
      }
    }
    #expect(compared == 4 * 10)
  }

  /// Each of the prefixes that an enumeration of all paths gives, with its probability.
  @Test func sumsOverAllPaths() throws {
    let entry = try cases().first { $0["case"]!.equals("exhaustive") }!
    let vocabulary = try CTCTests.vocabulary(["<pad>", "A", "B", "C"])
    var options = CTCSearchOptions()
    (options.beamWidth, options.best) = (4096, 4096)
    try withLogits("exhaustive/log_probs") {
      let found = try $0.search(vocabulary, options)
      #expect(found.count == entry["number_of_prefixes"]!.int!)
      #expect(abs(found.reduce(0) { $0 + exp($1.logProbability) } - 1) < 1e-9)
      for (hypothesis, other) in zip(found, entry["all_prefixes"]!.elements) {
        #expect(hypothesis.ids.map(Int.init) == other[0]!.elements.map { $0.int! })
        #expect(abs(hypothesis.logProbability - other[1]!.double!) < 1e-4)
      }
    }
  }
}
