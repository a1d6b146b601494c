import AttendBase
import AttendGeneration
import AttendModels
import Testing

/// What a session refuses, and that a refusal changes nothing.
@Suite struct SessionTests {
  private let reference: ConformanceCase
  private let session: Session

  init() throws {
    reference = try ConformanceCase("marian")
    session = try Session(model: try model(reference.path), threads: 0)
  }

  @Test func aStepBeforeEncodingIsRefused() {
    #expect(refusal { () throws(Failure) in _ = try session.step([1]) }?.code == .invalidState)
    #expect(refusal { () throws(Failure) in try session.select([0]) }?.code == .invalidState)
  }

  @Test func aBadTokenIsNamedAndChangesNothing() throws {
    try session.encode(reference.sources)
    let before = try session.step([1, 2, 3])
    let failure = refusal { () throws(Failure) in try session.encode([[1, 2], [3, 99]]) }
    #expect(failure?.code == .invalidArgument)
    #expect(failure?.message == "token 99 at position 1 of sequence 1 is outside the vocabulary of 99")
    #expect(refusal { () throws(Failure) in _ = try session.step([1, -1, 3]) }?.code == .invalidArgument)
    #expect(refusal { () throws(Failure) in _ = try session.step([1, 2]) }?.code == .invalidArgument)
    #expect(refusal { () throws(Failure) in try session.select([0, 3]) }?.code == .invalidArgument)
    #expect(session.count == 3 && session.length(2) == 1)
    let after = try session.step([4, 5, 6])
    try session.encode(reference.sources)
    #expect(try session.step([1, 2, 3]) == before)
    #expect(try session.step([4, 5, 6]) == after)
  }

  @Test func positionsEnd() throws {
    #expect(
      refusal { () throws(Failure) in try session.encode([Array(repeating: 1, count: 65)]) }?.code == .invalidArgument)
    try session.encode([Array(repeating: 1, count: 64)])
    _ = try session.decode([Array(repeating: 1, count: 63)])
    _ = try session.step([1])
    let failure = refusal { () throws(Failure) in _ = try session.step([1]) }
    #expect(failure?.code == .invalidState)
    #expect(failure?.message == "live sequence 0 has read 64 tokens; 1 more exceed the 64 positions of the decoder")
  }

  @Test func nothingIsLeftAfterTheLastSequence() throws {
    try session.encode(reference.sources)
    try session.select([])
    #expect(session.count == 0)
    #expect(refusal { () throws(Failure) in _ = try session.step([1]) }?.code == .invalidState)
    #expect(session.hiddenStates == nil)
  }

  @Test func moreThreadsThanTheModelIsRefused() throws {
    let shared = try model(reference.path, threads: 1)
    #expect(refusal { () throws(Failure) in _ = try Session(model: shared, threads: 2) }?.code == .invalidArgument)
  }
}
