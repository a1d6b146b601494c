import AttendBase
import AttendGeneration
import Testing

/// Timestamps from 100 on, a fiftieth of a second and two frames each.
@Suite struct SegmentCutTests {
  private func cuts(
    _ tokens: [Int32], frames: Int = 3000
  ) throws -> (cuts: [SegmentCuts.Cut], advance: Int) {
    let clock = SegmentCuts.Clock(step: 0.02, frames: 2, firstTimestamp: 100)
    let list = try FixedArray(tokens.count, for: "a test") { tokens[$0] }
    return try list.withUnsafeBufferPointer { tokens in
      Result { () throws(Failure) in
        let found = try SegmentCuts(tokens, offset: 30, frames: frames, clock)
        return ((0..<found.cuts.count).map { found.cuts[$0] }, found.advance)
      }
    }.get()
  }

  @Test func aPairCutsAndTheRestIsHeardAgain() throws {
    let (found, advance) = try cuts([100, 1, 150, 150, 2, 200, 210, 3])
    #expect(found.map(\.first) == [0, 3] && found.map(\.limit) == [3, 7])
    #expect(found.map(\.start) == [30, 31] && found.map(\.end) == [31, 32])
    #expect(advance == 200)
  }

  @Test func aSingleTimestampAtTheEndEndsTheWindow() throws {
    let (found, advance) = try cuts([100, 1, 150, 150, 2, 200])
    #expect(found.map(\.first) == [0, 3] && found.map(\.limit) == [3, 6] && found.map(\.end) == [31, 32])
    #expect(advance == 3000)
  }

  @Test func withoutAPairThereIsOneSegment() throws {
    #expect(try cuts([100, 1, 2, 150]).cuts.map(\.end) == [31])
    #expect(try cuts([100, 1, 2], frames: 1000).cuts.map(\.end) == [40])
    #expect(try cuts([]).cuts.map(\.limit) == [0])
    #expect(try cuts([1, 2], frames: 1000).advance == 1000)
  }

  @Test func aPairAtTheBeginningDoesNotStandStill() throws {
    #expect(try cuts([100, 100, 1]).advance == 3000)
  }
}
