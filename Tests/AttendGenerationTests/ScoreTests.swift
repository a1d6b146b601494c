import AttendBase
import AttendDispatch
import AttendGeneration
import AttendKernelInterface
import AttendLayers
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Texts are as probable as the reference says, in a batch as alone.
@Suite struct ScoreTests {
  @Test(arguments: kernelSets) func logProbabilitiesAreThoseOfTheReference(kernels: String) throws {
    let cases = try ScoreCase.read("cases")
    #expect(cases.count == 39)
    for name in Set(cases.map(\.model)) {
      let some = cases.filter { $0.model == name }
      guard let folder = some[0].folder else { continue }
      let session = try Session(model: try model(folder, kernels: kernels))
      let contexts = some[0].source == nil ? nil : some.map { $0.source! }
      let together = try session.score(some.map(\.ids), behind: contexts)
      for (index, test) in some.enumerated() {
        let alone = try session.score([test.ids], behind: contexts.map { [$0[index]] })[0]
        if kernels != "portable" { #expect(alone == together[index], "\(name) \(index)") }
        // The file of g2p-en holds its weights in float16; its goldens are of weights that were not rounded.
        #expect(alone.distance(test.logProbabilities) <= (name == "g2p-en" ? 1e-3 : 1e-4), "\(name) \(index)")
        #expect(abs(alone.perplexity / test.perplexity! - 1) <= (name == "g2p-en" ? 1e-3 : 1e-4), "\(name) \(index)")
      }
      #expect(session.count == 0)
    }
  }

  /// What a session keeps of contexts is not read again, by later scores and by prompts, and changes no bit.
  @Test(arguments: ["gpt2", "llama", "mistral", "gemma3"], [KeyValueType.float32, .int8])
  func contextsAreReadOnce(name: String, type: KeyValueType) throws {
    let loaded = try model(root.path + "/Tests/Fixtures/conformance/" + name)
    var options = Session.Options()
    options.keyValueType = type
    let plain = try Session(model: loaded, options: options)
    options.prefixCacheBytes = 64 << 20
    let session = try Session(model: loaded, options: options)
    let context = text(45), other = Array(context[..<40]) + text(5, seed: 3)
    let texts = (0..<5).map { text(3 + 2 * $0, seed: 10 + $0) }
    let contexts = [context, context, other, context, []]
    let expected = try plain.score(texts, behind: contexts, top: 2)
    for round in 0..<3 {
      let before = try #require(session.prefixStatistics).tokens
      #expect(try session.score(texts, behind: contexts, top: 2) == expected)
      let found = try #require(session.prefixStatistics).tokens - before
      if round > 0 { #expect(found >= 40, "\(found)") }
      #expect(try session.score([texts[1]], behind: [context]) == plain.score([texts[1]], behind: [context]))
      #expect(try session.score([context]) == plain.score([context]))
      #expect(session.count == 0)
    }
    let prompt = context + [7]
    let known = try prompt.withUnsafeBufferPointer { try session.add(prompt: $0) }
    #expect(known == 45)
  }

  @Test func longTextsAreReadInWindows() throws {
    for test in try ScoreCase.read("windows") {
      let session = try Session(model: try model(try #require(test.folder)))
      let found = try session.score([test.ids], window: test.window, stride: test.stride)[0]
      #expect(found.ids == Array(test.ids[1...]))
      #expect(found.distance(test.logProbabilities) <= 1e-4, "\(test.model) \(test.window) \(test.stride)")
      // The places of a context are not told of, and change nothing in the others.
      let place = test.ids.count / 2 + 1
      let behind = try session.score(
        [Array(test.ids[place...])], behind: [Array(test.ids[..<place])], window: test.window, stride: test.stride)[0]
      #expect(behind.logProbabilities == Array(found.logProbabilities[(place - 1)...]))
    }
  }

  /// Continuations of one context, texts that begin alike, and others between them: together as one by one.
  @Test(arguments: ["gpt2", "llama", "gemma2", "llama3-rope", "phi3", "mixtral"])
  func neighboursThatBeginAlikeChangeNothing(name: String) throws {
    let session = try Session(model: try model(root.path + "/Tests/Fixtures/conformance/" + name))
    let long = text(40, below: 90), other = text(24, seed: 3, below: 90)
    var contexts = (0..<70).map { _ in long }
    var texts = (0..<70).map { text(1 + $0 % 5, seed: $0, below: 90) }
    contexts += [[], other, other, long, Array(long[..<20]), Array(long[..<20]), [7]]
    texts += [long, [5], [6, 7], [5], text(20, seed: 1, below: 90), Array(long[20...]), [8]]
    let together = try session.score(texts, behind: contexts, top: 3)
    for index in texts.indices where index < 6 || index >= 62 {
      let context = contexts[index].isEmpty ? nil : [contexts[index]]
      let alone = try session.score([texts[index]], behind: context, top: 3)[0]
      #expect(alone == together[index], "\(index)")
      #expect(alone.ids == (contexts[index].isEmpty ? Array(texts[index][1...]) : texts[index]))
    }
    let alike = [Array(long[..<30]), long]
    #expect(try session.score(alike) == alike.map { try session.score([$0])[0] })
    let single = try Session(model: session.model, threads: 1)
    #expect(try single.score(texts, behind: contexts, top: 3) == together)
  }

  /// The source is encoded once, and the start of the decoder is shared.
  @Test(arguments: ["marian", "t5", "bart", "m2m_100"]) func targetsOfOneSource(name: String) throws {
    let session = try Session(model: try model(root.path + "/Tests/Fixtures/conformance/" + name))
    let sources = [text(30), text(30), text(30), text(5, seed: 2), text(30), text(30)]
    let beginning = text(20, seed: 4)
    let targets = [beginning + [9], beginning, beginning + [9, 10, 11], [4], [5, 6], beginning]
    let together = try session.score(targets, behind: sources)
    for index in targets.indices {
      #expect(try session.score([targets[index]], behind: [sources[index]])[0] == together[index], "\(index)")
      #expect(together[index].ids == targets[index])
    }
  }

  /// What greedy search chooses is greedy, has the highest alternatives, and the log-probabilities of the search.
  @Test func whatGreedySearchChooses() throws {
    let session = try Session(model: try model(root.path + "/Tests/Fixtures/conformance/gpt2"))
    let prompt = text(6, below: 90)
    var ids = prompt
    for _ in 0..<10 {
      let logits = try session.read(ids)
      ids.append(Int32(logits.firstIndex(of: logits.max()!)!))
    }
    let chosen = Array(ids[prompt.count...])
    let found = try session.score([chosen], behind: [prompt], top: 2)[0]
    #expect(found.isGreedy && stride(from: 0, to: 20, by: 2).map { found.alternatives[$0] } == chosen)
    let changed = Array(chosen[..<9]) + [chosen[9] == 5 ? 6 : 5]
    #expect(try session.score([changed], behind: [prompt])[0].isGreedy == false)
  }

  /// More places than one tile of logits has, and more tokens than one pass.
  @Test func longTextsTakeManyPasses() throws {
    let session = try Session(try model(root.path + "/Tests/Fixtures/conformance/llama"))
    let ids = text(5000, below: 90)
    let found = try session.score([ids, Array(ids[..<100])])
    #expect(found[0].ids.count == 4999 && found[1].logProbabilities == Array(found[0].logProbabilities[..<99]))
    let logits = try session.read(Array(ids[..<4998]), pieces: 700)
    var scores = logits
    scores.withUnsafeMutableBufferPointer { session.engine.logSoftmax(row: $0.baseAddress!, count: $0.count) }
    #expect(scores[Int(ids[4998])] == found[0].logProbabilities[4997])
  }

  /// Angles that change with the length of a text are those of the whole text, as in the reference.
  @Test(arguments: ["llama-dynamic", "phi3-longrope-beyond"]) func textsThatMustBeReadWhole(name: String) throws {
    let session = try Session(try model(root.path + "/Tests/Fixtures/options/" + name))
    let limit = session.model.vocabulary
    let ids = text(30, below: limit), context = Array(ids[..<20])
    let alone = try session.score([ids])[0]
    let (a, b) = (Array(ids[20...]), [Int32(5), 6, 7])
    let together = try session.score([a, b, a], behind: [context, context, context])
    #expect(together[0] == together[2] && together[0].logProbabilities == Array(alone.logProbabilities[19...]))
    #expect(try session.score([b], behind: [context])[0] == together[1])
    try session.add(empty: 1)
    var logits = try session.decode([ids])
    logits.withUnsafeMutableBufferPointer { all in
      for row in ids.indices { session.engine.logSoftmax(row: all.baseAddress! + row * limit, count: limit) }
    }
    #expect(alone.logProbabilities == (1..<30).map { logits[($0 - 1) * limit + Int(ids[$0])] })
  }

  @Test func choicesAreCompared() throws {
    let session = try Session(model: try model(root.path + "/Tests/Fixtures/conformance/marian"))
    let source = text(9)
    let (scores, _) = try session.tryToScore([[4, 0], [5, 6, 7, 0], [8, 0]], behind: [source, source, source])
    for ofMeans in [false, true] {
      let values = (0..<3).map { ofMeans ? scores[$0]!.mean : scores[$0]!.sum }
      var found = [Double](repeating: 0, count: 3)
      try scores.probabilities(from: 0, count: 3, ofMeans: ofMeans, into: &found)
      #expect(abs(found.reduce(0, +) - 1) < 1e-12)
      for (a, b) in [(0, 1), (1, 2)] {
        #expect(abs(found[a] / found[b] / Exponential.exp(values[a] - values[b]) - 1) < 1e-12)
      }
    }
  }
}
