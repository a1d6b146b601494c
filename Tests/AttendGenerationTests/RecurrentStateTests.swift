import AttendBase
import AttendDecoding
import AttendGeneration
import AttendKernelInterface
import AttendLayers
import AttendModels
import Testing

/// States in pages: what holds for keys and values holds for them.
@Suite struct RecurrentStateTests {
  private static let all = RecurrentCases.encoderDecoders + RecurrentCases.decoders
  private static let computes = ComputeType.allCases

  /// Ids that every one of these models knows.
  private func ids(_ count: Int, seed: Int = 0) -> [Int32] { text(count, seed: seed, below: 30) }

  /// A session with sources, or prompts, of these lengths live, of which nothing else is read.
  private func begin(_ model: Model, _ lengths: [Int], threads: Int = 0) throws -> Session {
    let session = try Session(model, threads: threads)
    if model.blueprint.kind == .decoder {
      try session.add(empty: lengths.count)
    } else {
      try session.encode(lengths.enumerated().map { ids($1, seed: $0) })
    }
    return session
  }

  /// The logits of ragged tokens that sequences read in one call, sequence by sequence.
  private func logits(_ session: Session, _ tokens: [[Int32]]) throws -> [[[Float]]] {
    var rows = try session.decode(tokens, tails: tokens.map(\.count)).makeIterator()
    return tokens.map { $0.map { _ in rows.next()! } }
  }

  @Test(arguments: all, computes) func batchesThreadsPiecesAndKernelsChangeNoBit(
    name: String, compute: ComputeType
  ) throws {
    let path = try RecurrentCases.reference(name).path
    let sources = [5, 40, 1, 33, 5], targets = [7, 70, 3, 1, 33].enumerated().map { ids($1, seed: 9 + $0) }
    let first = try model(path, kernels: RecurrentCases.exact.first, threads: 1, compute: compute)
    let expected = try targets.indices.map { index in
      let session = try begin(first, [Int](repeating: 1, count: index) + [sources[index]], threads: 1)
      try session.select([index])
      return try logits(session, [targets[index]])[0]
    }
    for kernels in RecurrentCases.exact {
      for threads in 1...3 {
        let loaded = try model(path, kernels: kernels, threads: threads, compute: compute)
        #expect(try logits(try begin(loaded, sources), targets) == expected, "\(kernels), \(threads) threads")
        for piece in [1, 13] where threads == 2 {
          #expect(
            try inPieces(try begin(loaded, sources), targets, piece) == expected, "\(kernels), pieces of \(piece)")
        }
      }
    }
  }

  private func inPieces(_ session: Session, _ targets: [[Int32]], _ piece: Int) throws -> [[[Float]]] {
    var found: [[[Float]]] = Array(repeating: [], count: targets.count)
    for start in stride(from: 0, to: targets.map(\.count).max()!, by: piece) {
      let parts = targets.map { Array($0[min(start, $0.count)..<min(start + piece, $0.count)]) }
      for (index, rows) in try logits(session, parts).enumerated() { found[index] += rows }
    }
    return found
  }

  /// A sequence takes two pages at most, however long it gets.
  @Test(arguments: all) func memoryDoesNotGrowWithTheLength(name: String) throws {
    let session = try begin(try model(try RecurrentCases.reference(name).path), [4, 4])
    var bytes: [Int] = []
    for (step, token) in ids(200).enumerated() {
      _ = try session.step([token, token])
      if step == 99 || step == 199 { bytes.append(session.bytes) }
    }
    #expect(bytes[0] == bytes[1])
  }

  @Test(arguments: all) func whatTheLastCallReadCanBeCut(name: String) throws {
    let loaded = try model(try RecurrentCases.reference(name).path)
    let text = ids(90), expected = try begin(loaded, [6]).decode([text], tails: [50])
    func read() throws -> Session {
      let session = try begin(loaded, [6])
      try session.decodeStates([Array(text[..<45])])
      try session.decodeStates([Array(text[45...])])
      return session
    }
    for length in [80, 64, 45] {
      let session = try read()
      try session.truncate(0, to: length)
      #expect(try session.decode([Array(text[length...])], tails: [1])[0] == expected[49], "\(length)")
    }
    let session = try read()
    let failure = refusal { () throws(Failure) in try session.truncate(0, to: 20) }
    #expect(failure?.code == .invalidState && failure?.message.contains("it can be cut to 33 tokens or more") == true)
    try session.truncate(0, to: 0)
    #expect(try session.decode([text], tails: [50]) == expected)
  }

  @Test(arguments: all) func sequencesThatAreSelectedGoTheirOwnWays(name: String) throws {
    let loaded = try model(try RecurrentCases.reference(name).path)
    let session = try begin(loaded, [6, 35])
    try session.decodeStates([ids(40, seed: 1), ids(31, seed: 2)])
    try session.select([1, 0, 1, 1])
    let tails: [[Int32]] = [ids(3, seed: 3), ids(2, seed: 4), ids(3, seed: 5), ids(1, seed: 6)]
    let found = try logits(session, tails)
    for (place, parent) in [1, 0, 1, 1].enumerated() {
      let alone = try begin(loaded, [6, 35])
      try alone.select([parent])
      try alone.decodeStates([parent == 0 ? ids(40, seed: 1) : ids(31, seed: 2)])
      #expect(try logits(alone, [tails[place]])[0] == found[place])
    }
  }

  @Test(arguments: all) func aRestoredSessionGoesOnWithTheSameBits(name: String) throws {
    let loaded = try model(try RecurrentCases.reference(name).path)
    let session = try begin(loaded, [6, 35])
    try session.decodeStates([ids(40, seed: 1), ids(31, seed: 2)])
    try session.select([0, 1, 1])
    let bytes = try session.saved([0, 1, 2])
    let other = try Session(loaded)
    try other.restore(bytes)
    #expect(try other.saved([0, 1, 2]) == bytes)
    for tokens in [[5, 6, 7], [9, 3, 4]] as [[Int32]] { #expect(try other.step(tokens) == session.step(tokens)) }
  }

  @Test(arguments: RecurrentCases.decoders) func beginningsAreShared(name: String) throws {
    let loaded = try model(try RecurrentCases.reference(name).path)
    let session = try Session(loaded, prefixCacheBytes: 64 << 20), plain = try Session(loaded)
    let first = ids(63), other = Array(first[..<45]) + ids(15, seed: 1), long = first + ids(80, seed: 2)
    for prompt in [first, other, long, other, Array(long[..<100])] {
      #expect(try session.read(prompt) == plain.read(prompt))
      try session.keepPrefix(of: 0, prompt)
      #expect(try session.step([4]) == plain.step([4]))
    }
    #expect(session.prefixStatistics!.hits >= 3)
  }

  /// Sampling, beams and speculation find in a batch what they find alone, and with drafts what they find without.
  @Test(arguments: all) func searchesFindTheSameInABatchAndWithDrafts(name: String) throws {
    let loaded = try model(try RecurrentCases.reference(name).path)
    let session = try Session(loaded)
    let texts = [5, 33, 2].enumerated().map { ids($1, seed: $0) }
    func contexts(_ change: (inout SearchOptions) -> Void) throws -> [SearchContext] {
      var options = SearchOptions()
      (options.maximalNewTokens, options.logProbabilities) = (40, true)
      change(&options)
      return try texts.map {
        let isSource = session.readsSources
        return try SearchContext(
          options, prompt: try tokenList(isSource ? [1] : $0), source: isSource ? try tokenList($0) : nil,
          model: session)
      }
    }
    let sampled: (inout SearchOptions) -> Void = {
      ($0.samples, $0.sequences, $0.sampling.seed) = (true, 3, 11)
    }
    for change in [{ _ in }, sampled, { ($0.beams, $0.sequences) = (4, 2) }] as [(inout SearchOptions) -> Void] {
      let expected = try contexts(change).map { try decode([$0], session)[0] }
      #expect(try decode(try contexts(change), session) == expected)
    }
    for change in [{ _ in }, sampled] {
      let expected = try decode(try contexts(change), session)
      let drafted = try contexts {
        change(&$0)
        $0.speculation.promptLookupTokens = 8
      }
      var free = DraftPrice()
      free.token = 0
      #expect(try decode(drafted, session, price: free) == expected)
    }
  }
}
