import AttendBase
import AttendGeneration
import AttendModels
import Testing

/// Prompts that `decode` reads piece by piece, and logits of some tokens of a call only.
@Suite struct ChunkTests {
  private static let computes: [ComputeType] = [.float32, .int8]

  /// Sequences of unequal lengths, in calls where some read nothing.
  @Test(arguments: decoders, computes) func promptsInPiecesAreThePromptsOfOneCall(
    name: String, compute: ComputeType
  ) throws {
    let reference = try ConformanceCase(name)
    let session = try Session(model: try model(reference.path, compute: compute), threads: 0)
    let prompts = reference.sources.map { $0 + $0 + $0 }
    try session.encode(prompts)
    let expected = numbers(try session.encodedLogits())
    let after = try session.step(prompts.map { $0[0] })
    for piece in [1, 4, 7] {
      try session.select([])
      try session.add(empty: prompts.count)
      var last: [[Float]] = Array(repeating: [], count: prompts.count)
      for start in stride(from: 0, to: prompts.map(\.count).max()!, by: piece) {
        let parts = prompts.map { Array($0[min(start, $0.count)..<min(start + piece, $0.count)]) }
        let rows = try session.decode(parts, tails: parts.map { min($0.count, 1) })
        var next = rows.makeIterator()
        for index in parts.indices where !parts[index].isEmpty { last[index] = next.next()! }
      }
      #expect(last.flatMap { $0 } == expected)
      #expect(try session.step(prompts.map { $0[0] }) == after)
    }
  }

  @Test func emptySequencesJoinThoseThatLive() throws {
    let reference = try ConformanceCase("gpt2")
    let session = try Session(model: try model(reference.path), threads: 0)
    let (one, other) = (reference.sources[0], reference.sources[1])
    try session.encode([one, other])
    let expected = try session.step([3, 4])
    try session.encode([one])
    try session.add(empty: 1)
    #expect(session.count == 2 && session.length(1) == 0)
    _ = try session.decode([[], other], tails: [0, 0])
    #expect(try session.step([3, 4]) == expected)
  }

  @Test func tailsAreTheLastRowsOfAll() throws {
    let reference = try ConformanceCase("marian")
    let session = try Session(model: try model(reference.path), threads: 0)
    let target = reference.targets[0]
    try session.encode(reference.sources)
    let length = target.count
    let all = try session.decode([target, target, target], tails: [length, length, length])
    for tails in [[1, 0, 2], [0, length, 0], [0, 0, 0]] {
      try session.encode(reference.sources)
      let rows = try session.decode([target, target, target], tails: tails)
      let ends = (1...3).map { $0 * length }
      let expected = zip(ends, tails).flatMap { (end, tail) in all[end - tail..<end] }
      #expect(rows == expected)
      #expect(session.hiddenStates?.rows == 3 * length)
    }
  }

  @Test func whatCannotBeIsNamed() throws {
    let reference = try ConformanceCase("gpt2")
    let session = try Session(model: try model(reference.path), threads: 0)
    for count in [0, -1, Session.mostSequences + 1] {
      #expect(refusal { () throws(Failure) in try session.add(empty: count) }?.code == .invalidArgument)
    }
    #expect(session.count == 0)
    try session.add(empty: 2)
    for tails in [[1], [2, 0], [-1, 1], [0, 1, 0]] {
      let failure = refusal { () throws(Failure) in _ = try session.decode([[1], [2, 3]], tails: tails) }
      #expect(failure?.code == .invalidArgument && failure?.message.hasPrefix("tails") == true)
    }
    #expect(session.length(0) == 0 && session.length(1) == 0)
    let translator = try Session(model: try model(ConformanceCase("marian").path), threads: 0)
    #expect(refusal { () throws(Failure) in try translator.add(empty: 1) }?.code == .unsupported)
  }
}
