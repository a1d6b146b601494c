import AttendBase
import AttendCheckpoints
import AttendSounds
import Testing

extension TranscriptWriter {
  fileprivate mutating func append(
    _ text: String, start: Double, end: Double, words: [Word] = [], characters: [Word] = []
  ) throws {
    var text = text
    try text.withUTF8 { try append($0, start: start, end: end, words: words, characters: characters) }
  }
}

extension TranscriptWriter.Word {
  /// A word of the test's own, at an address that stays.
  fileprivate init(_ text: StaticString, start: Double, end: Double, probability: Double? = nil) {
    self.init(
      UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), start: start, end: end,
      probability: probability)
  }
}

struct WriterTests {
  private func written(
    _ format: TranscriptWriter.Format, _ cues: TranscriptWriter.Cues = .segments, language: String? = nil,
    _ body: (inout TranscriptWriter) throws -> Void
  ) throws -> String {
    var writer = TranscriptWriter(format, cues: cues, language: language)
    try body(&writer)
    let bytes = try writer.finish()
    return String(decoding: bytes.elements, as: UTF8.self)
  }

  private let words = [
    TranscriptWriter.Word(" Hi", start: 0, end: 0.5, probability: 0.25),
    TranscriptWriter.Word(" there", start: 0.5, end: 1.02),
  ]

  @Test func subRip() throws {
    let text = try written(.srt) {
      try $0.append(" Hello, <b> & all. ", start: 0, end: 2.5)
      try $0.append("a --> b ---> c\r\n\r\n  second line\n\n", start: 3599.9996, end: 360_000.0017)
    }
    #expect(
      text == """
        1
        00:00:00,000 --> 00:00:02,500
        Hello, <b> & all.

        2
        01:00:00,000 --> 100:00:00,002
        a -> b --> c
        second line


        """)
    #expect(try written(.srt) { _ in }.isEmpty)
  }

  @Test func webVTT() throws {
    let text = try written(.webVTT) {
      try $0.append("a < b && c > d", start: 61.0625, end: 3599.9994)
      try $0.append("--> x", start: 3599.9996, end: 3600)
    }
    #expect(
      text == """
        WEBVTT

        01:01.062 --> 59:59.999
        a &lt; b &amp;&amp; c &gt; d

        01:00:00.000 --> 01:00:00.000
        --&gt; x


        """)
    #expect(try written(.webVTT) { _ in } == "WEBVTT\n\n")
  }

  @Test func wordsAsCues() throws {
    let text = try written(.srt, .words) {
      try $0.append(" Hi there", start: 0, end: 1.02, words: words)
      try $0.append("No words", start: 2, end: 3)
    }
    let cues = text.split(separator: "\n\n").map { $0.split(separator: "\n").map(String.init) }
    #expect(cues.map { $0[2] } == ["Hi", "there", "No words"])
    #expect(cues.map { $0[0] } == ["1", "2", "3"] && cues[1][1] == "00:00:00,500 --> 00:00:01,020")
  }

  @Test func json() throws {
    let text = try written(.json, language: "e\"n") {
      try $0.append(" \"Hi\" \\ \u{1}\n\té", start: 0, end: 0.02, words: words)
      let letters = [TranscriptWriter.Word("\"", start: 5, end: 5.5), TranscriptWriter.Word("n", start: 6, end: 6.5)]
      try $0.append(" again", start: 5, end: 6.5, characters: letters)
    }
    let root = try SoundFixtures.configuration(text).json
    #expect(root["text"]!.string == " \"Hi\" \\ \u{1}\n\té again" && root["language"]!.string == "e\"n")
    let segments = Array(root["segments"]!.elements)
    #expect(segments.map { $0["id"]!.int } == [0, 1] && segments[1]["words"] == nil)
    #expect(segments[0]["end"]!.double == 0.02 && segments[0]["text"]!.string == " \"Hi\" \\ \u{1}\n\té")
    let spoken = Array(segments[0]["words"]!.elements)
    #expect(spoken.map { $0["word"]!.string } == [" Hi", " there"] && spoken[1]["end"]!.double == 1.02)
    #expect(spoken[0]["probability"]!.double == 0.25 && spoken[1]["probability"] == nil)
    #expect(segments[0]["characters"] == nil)
    let letters = Array(segments[1]["characters"]!.elements)
    #expect(letters.map { $0["char"]!.string } == ["\"", "n"] && letters.map { $0["end"]!.double } == [5.5, 6.5])
    let empty = try SoundFixtures.configuration(written(.json) { _ in }).json
    #expect(empty["segments"]!.count == 0 && empty["text"]!.string == "")
  }

  @Test func timesThatAreNone() throws {
    for (start, end) in [(-0.1, 1), (2, 1), (Double.nan, 1), (0, .nan), (0, .infinity), (0, 1e11)] {
      for format in [TranscriptWriter.Format.srt, .webVTT, .json] {
        let failure = #expect(throws: Failure.self) {
          _ = try written(format) { try $0.append("", start: start, end: end) }
        }
        #expect(failure?.code == .invalidArgument)
      }
    }
  }
}
