import AttendBase
import AttendDecoding
import AttendGeneration
import AttendTestSupport
import Foundation
import Testing

/// CTranslate2's own search gives what CTranslate2 gives, in a batch as alone.
@Suite(.enabled(if: Shared.isThere, "needs ../shared")) struct CTranslate2GoldenTests {
  private struct Output {
    let ids: [Int32]
    let score: Double
    let attention: [[Double]]?

    init(_ json: [String: Any]) {
      ids = (json["ids"] as! [Int]).map(Int32.init)
      score = (json["score"] as! NSNumber).doubleValue
      attention = (json["attention"] as? [[NSNumber]])?.map { $0.map(\.doubleValue) }
    }
  }

  @Test(arguments: ["bart", "marian"]) func goldens(_ name: String) throws {
    let shared = Shared.path!
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(shared)/generation/ct2/\(name).json"))
    let file = try JSONSerialization.jsonObject(with: data) as! [String: Any]
    let session = try Session(model: try model("\(shared)/conformance/\(name)"))
    let start = Int32(file["decoder_start_token_id"] as! Int), end = Int32(file["eos_token_id"] as! Int)
    for test in file["cases"] as! [[String: Any]] {
      let name = test["name"] as! String
      let inputs = (test["inputs"] as! [[Int]]).map { $0.map(Int32.init) }
      let options = test["options"] as! [String: Any]
      let outputs = (test["outputs"] as! [[[String: Any]]]).map { $0.map(Output.init) }
      let together = try run(inputs, options, start: start, end: end, session)
      for (index, input) in inputs.enumerated() {
        let alone = try run([input], options, start: start, end: end, session)
        compare(alone[0], outputs[index], source: input.count, "\(name) alone \(index)")
        compare(together[index], outputs[index], source: input.count, "\(name) in a batch \(index)")
      }
    }
  }

  private func run(
    _ inputs: [[Int32]], _ options: [String: Any], start: Int32, end: Int32, _ session: Session
  ) throws -> [[Hypothesis]] {
    let loop = try DecodingLoop(session)
    let prefix = (options["target_prefix"] as? [Int] ?? []).map(Int32.init)
    let isForced = options["prefix_bias_beta"] == nil
    let jobs = try inputs.enumerated().map { index, input in
      let prompt = isForced ? [start] + prefix : [start]
      let context = try SearchContext(
        try translate(options, end: end, prefix: prefix, isForced: isForced), prompt: try tokens(prompt),
        source: try tokens(input), model: session)
      return DecodingJob(number: index, context: context, search: try context.makeSearch())
    }
    try loop.add(jobs)
    while !loop.jobs.isEmpty { for job in try loop.step() { if let failure = job.failure { throw failure } } }
    return try jobs.map { try $0.search.hypotheses() }
  }

  private func tokens(_ ids: [Int32]) throws -> TokenList { try ids.withUnsafeBufferPointer { try TokenList($0) } }

  private func translate(
    _ json: [String: Any], end: Int32, prefix: [Int32], isForced: Bool
  ) throws -> SearchOptions {
    func number(_ key: String) -> Double? { (json[key] as? NSNumber)?.doubleValue }
    var options = SearchOptions()
    options.rules = .ctranslate2
    options.beams = json["beam_size"] as? Int ?? 2
    options.sequences = json["num_hypotheses"] as? Int ?? 1
    options.lengthPenalty = number("length_penalty") ?? 1
    options.ctranslate2.patience = number("patience") ?? 1
    options.ctranslate2.coveragePenalty = number("coverage_penalty") ?? 0
    options.ctranslate2.prefixBias = number("prefix_bias_beta") ?? 0
    options.ctranslate2.alternatives = json["return_alternatives"] as? Bool ?? false
    options.ctranslate2.minimalAlternativeProbability = number("min_alternative_expansion_prob") ?? 0
    options.ctranslate2.prefixCount = isForced ? prefix.count : 0
    options.ctranslate2.biasedPrefix = isForced ? [] : prefix
    options.maximalNewTokens = (json["max_decoding_length"] as? Int ?? 256) - (isForced ? prefix.count : 0)
    options.attention = json["return_attention"] as? Bool ?? false
    options.logits.endTokens = try FixedArray(1, for: "a test") { _ in end }
    options.logits.minimalLength = json["min_decoding_length"] as? Int ?? 1
    options.logits.repetitionPenalty = Float(number("repetition_penalty") ?? 1)
    options.logits.noRepeatSize = json["no_repeat_ngram_size"] as? Int ?? 0
    if let words = json["suppress_sequences"] as? [[Int]] {
      options.logits.badWords = try FixedArray(words.count, for: "a test") { (place) throws(Failure) in
        try FixedArray(words[place].count, for: "a test") { Int32(words[place][$0]) }
      }
    }
    return options
  }

  private func compare(_ found: [Hypothesis], _ expected: [Output], source: Int, _ name: String) {
    #expect(found.count == expected.count, "\(name)")
    for (found, expected) in zip(found, expected) {
      let ids = found.tokens.elements.dropFirst().dropLast(found.reason == .end ? 1 : 0)
      #expect(Array(ids) == expected.ids, "\(name)")
      let score = found.score ?? .nan
      #expect(abs(score - expected.score) <= 1e-4 * max(1, abs(expected.score)), "\(name): \(score) \(expected.score)")
      #expect(found.attention.isEmpty == (expected.attention == nil), "\(name)")
      guard let attention = expected.attention else { continue }
      #expect(found.attention.count == (found.tokens.count - 1) * source, "\(name)")
      guard found.attention.count >= attention.count * source else { continue }
      for (row, weights) in attention.enumerated() {
        for (column, weight) in weights.enumerated() {
          let own = Double(found.attention[row * source + column])
          #expect(abs(own - weight) <= 1e-4, "\(name) token \(row) source \(column): \(own) \(weight)")
        }
      }
    }
  }
}
