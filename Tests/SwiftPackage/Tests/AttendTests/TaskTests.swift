import Attend
import Testing

#if canImport(Glibc)
  import Glibc
#endif

private let sentences = ["Ada Lovelace wrote the first program in London", "Paris slept under rain"]

/// Tasks on texts, pictures, sounds and vectors.
@Suite struct TaskTests {
  @Test func textsAreClassified() throws {
    let topics = try session("Tests/Fixtures/tasks/topics")
    let found = try topics.classify(sentences, function: .softmax)
    #expect(found.count == 2 && found[0].count == topics.model.info.labelCount)
    #expect(abs(found[0].reduce(0) { $0 + $1.score } - 1) < 1e-6 && found[0][0].score >= found[0][1].score)
    #expect(topics.model.labels.contains(found[0][0].name))
    #expect(
      failure { () throws(AttendError) in try topics.classify(sentences, pairs: ["one"]) }?.code == .invalidArgument)
    let entailment = try session("Tests/Fixtures/tasks/entailment")
    #expect(try entailment.classify(["paris"], into: ["rain", "london"], template: "paris {}")[0].count == 2)
    let ranked = try session("Tests/Fixtures/tasks/rank").rerank(
      "paris", documents: ["rain", "london", "first"], topK: 2)
    #expect(ranked.count == 2 && ranked[0].score >= ranked[1].score && ranked[0].document.count > 3)
  }

  @Test func spansAreFound() throws {
    let tokens = try session("Tests/Fixtures/tasks/tokens")
    let entities = try tokens.entities(sentences)
    #expect(entities.count == 2 && entities[0].allSatisfy { !$0.word.isEmpty && !$0.offsets.bytes.isEmpty })
    #expect(failure { () throws(AttendError) in try tokens.answer(["Who?"], in: ["Ada"]) }?.code == .unsupported)
    let spans = try session("Tests/Fixtures/tasks/answers").answer(["Who wrote?"], in: [sentences[0]], topK: 3)[0]
    #expect(spans.count == 3 && spans.allSatisfy { sentences[0].contains($0.text) })
    let masked = try session("Tests/Fixtures/tasks/masked")
    let places = try masked.fill("[MASK] slept under [MASK]")
    #expect(places.count == 2 && places[0].count == 5 && places[0][0].score >= places[0][4].score)
    #expect(try masked.fill("under [MASK]", targets: ["rain", "paris"])[0].count == 2)
  }

  @Test func vectorsAreSearched() throws {
    let session = try session("Tests/Fixtures/tasks/masked")
    let vectors = try session.embed(sentences)
    #expect(vectors.count == 2 && vectors.width == session.model.info.embeddingSize)
    #expect(try session.embed(sentences, dimensions: 4).width == 4)
    var index = try SearchIndex(width: vectors.width, normalized: true)
    try index.add(vectors)
    #expect(index.count == 2 && index.bytes > 0)
    let found = try index.search(vectors, topK: 5)
    #expect(found.map { $0[0].number } == [0, 1] && found[0].count == 2 && abs(found[0][0].score - 1) < 1e-5)
    let path = temporary("index")
    try index.save(path)
    defer { unlink(path) }
    let opened = try SearchIndex(path: path)
    #expect(try opened.search(vectors, topK: 5) == found)
    let narrow = try Rows([1, 2], width: 1)
    do throws(AttendError) {
      _ = try opened.search(narrow, topK: 1)
      Issue.record("it did not throw")
    } catch { #expect(error.code == .invalidArgument) }
    #expect(failure { () throws(AttendError) in try Rows([1, 2, 3], width: 2) }?.code == .invalidArgument)
  }

  @Test func picturesAreDescribed() throws {
    let session = try session("models/shapes-en")
    let scene = MediaInput.file(repository("models/shapes-en/scene.png"))
    #expect(try session.describe([scene])[0].text.hasPrefix("a large yellow star"))
    try session.encode([.pixels([UInt8](repeating: 128, count: 30 * 30 * 3), height: 30, width: 30, channels: 3)])
    #expect(try session.count() == 1)
    let misshaped = failure { () throws(AttendError) in
      try session.encode([.pixels([1, 2], height: 1, width: 1, channels: 3)])
    }
    #expect(misshaped?.code == .invalidArgument)
    let drawn = try Attend.Session(Model(path: repository("Tests/Fixtures/features/janus"))).draw("a blue circle")
    #expect(drawn[0].pixels.count == drawn[0].height * drawn[0].width * 3 && drawn[0].score == nil)
  }

  @Test func soundsAreTranscribed() throws {
    let session = try session("models/numbers-en")
    let said = "friday twenty seven november two thousand and twenty six"
    let sound = MediaInput.file(repository("models/numbers-en/date.wav"))
    var words = 0
    let found = try session.transcribe([sound], options: ["return_timestamps": "word"]) {
      words += $0.words.count
      return true
    }
    #expect(found[0].text == said && words == 9 && found[0].srt?.contains("-->") == true)
    #expect(failure { () throws(AttendError) in try session.languages([sound]) }?.code == .unsupported)
    #expect(failure { () throws(AttendError) in try session.transcribe([.file("/nowhere.wav")]) }?.code == .notFound)
    let stream = try SpeechStream(session, rate: 16000)
    let samples = samples(repository("models/numbers-en/date.wav"))
    var text = ""
    for start in stride(from: 0, to: samples.count, by: 4000) {
      text += try stream.feed(Array(samples[start..<min(start + 4000, samples.count)])).text
    }
    text += try stream.finish().text
    #expect(text == said)
    #expect(failure { () throws(AttendError) in try stream.finish() }?.code == .invalidState)
  }

  @Test func picturesAndTextsAreCompared() throws {
    let model = try Model(path: repository("Tests/Fixtures/features/clip"))
    let width = model.info.embeddingSize
    let pictures = try Rows([Float](repeating: 1, count: width), width: width)
    let texts = try Rows([Float](repeating: 0.5, count: 2 * width), width: width)
    #expect(abs(try model.similarity(pictures: pictures, texts: texts).probabilities.values[1] - 0.5) < 1e-5)
    let narrow = try Rows([1], width: 1)
    let refused = failure { () throws(AttendError) in
      let found = try model.similarity(pictures: narrow, texts: texts)
      return found.logits
    }
    #expect(refused?.code == .invalidArgument)
  }
}
