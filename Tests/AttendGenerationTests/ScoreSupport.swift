import AttendBase
import AttendDecoding
import AttendGeneration
import AttendTestSupport
import Foundation

/// What is told of a text, so that two of them can be compared to the bit.
struct TextScore: Equatable {
  let ids: [Int32]
  let logProbabilities: [Float]
  let alternatives: [Int32]
  let sum: Double
  let perplexity: Double
  let isGreedy: Bool

  init(_ score: Scores.Score) {
    ids = Array(score.ids)
    logProbabilities = Array(score.logProbabilities)
    alternatives = score.alternatives.map(\.token)
    (sum, perplexity, isGreedy) = (score.sum, score.perplexity, score.isGreedy)
  }

  /// The largest difference to numbers of a reference, of each in proportion to its size where that is above 1.
  func distance(_ reference: [Double]) -> Double {
    guard reference.count == logProbabilities.count else { return .infinity }
    return zip(logProbabilities, reference).map { abs(Double($0) - $1) / max(1, abs($1)) }.max() ?? 0
  }
}

extension Session {
  /// Scores texts behind contexts, or by themselves. A failure that leaves scores behind is thrown too.
  func score(
    _ texts: [[Int32]], behind contexts: [[Int32]]? = nil, window: Int = 0, stride: Int = 0, top: Int = 0
  ) throws(Failure) -> [TextScore] {
    let (scores, failure) = try tryToScore(texts, behind: contexts, window: window, stride: stride, top: top)
    if let failure { throw failure }
    return (0..<scores.count).map { TextScore(scores[$0]!) }
  }

  func tryToScore(
    _ texts: [[Int32]], behind contexts: [[Int32]]? = nil, window: Int = 0, stride: Int = 0, top: Int = 0
  ) throws(Failure) -> (scores: Scores, failure: Failure?) {
    var options = ScoreOptions()
    (options.window, options.stride, options.topLogProbabilities) = (window, stride, top)
    let scorer = try Scorer(self, options)
    return try withBatch(texts) { (texts) throws(Failure) in
      guard let contexts else { return try scorer.score(texts, contexts: nil) }
      return try withBatch(contexts, allowsEmpty: true) { (contexts) throws(Failure) in
        try scorer.score(texts, contexts: contexts)
      }
    }
  }
}

/// A case of Tests/Fixtures/score: a text, or what is made of a source, with the log-probabilities of a reference.
struct ScoreCase {
  let model: String
  let source: [Int32]?
  let ids: [Int32]
  let logProbabilities: [Double]
  let perplexity: Double?
  let window: Int
  let stride: Int

  private init(_ json: [String: Any]) {
    func ids(_ key: String) -> [Int32]? { (json[key] as? [Int])?.map(Int32.init) }
    model = json["model"] as! String
    source = ids("source")
    self.ids = ids("ids") ?? ids("target")!
    logProbabilities = (json["token_logprobs"] as! [NSNumber]).map(\.doubleValue)
    perplexity = (json["perplexity"] as? NSNumber)?.doubleValue
    (window, stride) = (json["window"] as? Int ?? 0, json["stride"] as? Int ?? 0)
  }

  static func read(_ file: String) throws -> [ScoreCase] {
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(root.path)/Tests/Fixtures/score/\(file).json"))
    let json = try JSONSerialization.jsonObject(with: data)
    let cases = (json as? [String: Any])?["cases"] ?? json
    return (cases as! [[String: Any]]).map(ScoreCase.init)
  }

  /// The folder of its model; nil where that is one of ../shared, and ../shared is not there.
  var folder: String? {
    let own = [root.path + "/Tests/Fixtures/conformance/" + model, root.path + "/models/" + model]
    let shared = Shared.path.map { [$0 + "/models/" + model] } ?? []
    return (own + shared).first { FileManager.default.fileExists(atPath: $0 + "/config.json") }
  }
}
