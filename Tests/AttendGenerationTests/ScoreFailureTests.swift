import AttendBase
import AttendGeneration
import AttendModels
import Foundation
import Testing

/// What scoring refuses, and what is kept of a call that ends early.
@Suite struct ScoreFailureTests {
  private func session(_ name: String) throws -> Session {
    try Session(model: try model(root.path + "/Tests/Fixtures/conformance/" + name))
  }

  @Test func whatCannotBeScoredIsNamed() throws {
    let decoder = try session("gpt2"), writer = try session("marian"), encoder = try session("bert")
    let long = Array(repeating: Int32(5), count: 65)
    func message(_ body: () throws(Failure) -> [TextScore]) -> String {
      refusal { () throws(Failure) in _ = try body() }?.message ?? "nothing"
    }
    func expect(_ found: String, _ part: String) { #expect(found.contains(part)) }
    expect(message { () throws(Failure) in try encoder.score([[1]]) }, "bert")
    expect(message { () throws(Failure) in try writer.score([[1]]) }, "no contexts")
    expect(message { () throws(Failure) in try writer.score([[1]], behind: [[1], [2]]) }, "contexts has 2")
    expect(message { () throws(Failure) in try writer.score([[1], [2]], behind: [[1], []]) }, "context 1 is empty")
    expect(message { () throws(Failure) in try writer.score([[1], [2, 99]], behind: [[1], [2]]) }, "texts: token 99")
    expect(message { () throws(Failure) in try writer.score([[1], [2]], behind: [[1], [99]]) }, "contexts: token 99")
    expect(message { () throws(Failure) in try writer.score([long], behind: [[1]]) }, "text 0 has 65 tokens")
    expect(message { () throws(Failure) in try writer.score([[1]], behind: [long]) }, "source of text 0 has 65")
    expect(message { () throws(Failure) in try writer.score([[1]], behind: [[1]], stride: 3) }, "stride 3")
    expect(message { () throws(Failure) in try decoder.score([[1], long]) }, "text 1 has 65 tokens, and 64")
    expect(message { () throws(Failure) in try decoder.score([[1]], behind: [long]) }, "text 0 and its context have 66")
    expect(message { () throws(Failure) in try decoder.score([[1]], window: 1) }, "window is 1")
    expect(message { () throws(Failure) in try decoder.score([[1]], window: 65) }, "window is 65")
    expect(message { () throws(Failure) in try decoder.score([[1]], window: -1) }, "window is 18446744073709551615")
    expect(message { () throws(Failure) in try decoder.score([[1]], window: 8, stride: 8) }, "stride is 8")
    expect(message { () throws(Failure) in try decoder.score([[1]], top: 100) }, "top_logprobs is 100")
    expect(message { () throws(Failure) in try decoder.score([[1]], top: -1) }, "top_logprobs")
    #expect(try writer.score([Array(long[1...])], behind: [Array(long[1...])])[0].ids.count == 64)
    #expect(try decoder.score([Array(long[1...])])[0].ids.count == 63)
    #expect(try decoder.score([[3, 4]])[0].ids == [4] && writer.score([[3]], behind: [[4]])[0].ids == [3])
  }

  @Test func aTextOfOneTokenHasNothingToScore() throws {
    let found = try session("gpt2").score([[5], [5, 6]])
    #expect(found[0].ids.isEmpty && found[0].sum == 0 && found[0].perplexity.isNaN && found[1].ids == [6])
  }

  /// A cancel after each report of progress: what was scored before is kept, and right.
  @Test func aCancelKeepsWhatIsScored() throws {
    let model = try model(root.path + "/Tests/Fixtures/conformance/llama")
    let texts = (0..<12).map { text(1500, seed: $0, below: 90) }
    var options = Session.Options()
    options.allowsBeyondPositions = true
    let whole = try Session(model: model, options: options).score(texts)
    var kept: [Int] = []
    for share in [0.0, 0.2, 0.5, 0.8] {
      options.progress = { $0 <= share }
      let session = try Session(model: model, options: options)
      let (scores, failure) = try session.tryToScore(texts)
      #expect(failure?.code == .cancelled && session.count == 0)
      let found = texts.indices.filter { scores[$0] != nil }
      for index in found { #expect(TextScore(scores[index]!) == whole[index]) }
      kept.append(found.count)
    }
    #expect(kept == kept.sorted() && kept[0] < 12 && kept[3] >= 8)
  }

  @Test func aCancelBeforeTheCallEndsIt() throws {
    let session = try session("gpt2")
    session.cancellation.request()
    let (scores, failure) = try session.tryToScore([[3, 4], [5, 6]])
    #expect(failure?.code == .cancelled && scores[0] == nil && scores[1] == nil)
    #expect(refusal { () throws(Failure) in try scores.probabilities(from: 0, count: 2) }?.code == .invalidState)
    #expect(try session.score([[3, 4]])[0].ids == [4])
  }
}

extension Scores {
  fileprivate func probabilities(from first: Int, count: Int) throws(Failure) {
    let found = UnsafeMutablePointer<Double>.allocate(capacity: count)
    defer { found.deallocate() }
    try probabilities(from: first, count: count, ofMeans: false, into: found)
  }
}
