import AttendBase
import AttendDecoding
import Testing

/// A vocabulary of ten: four ids of text, the end, two others of which the second is the no-timestamps token, and
/// timestamps from 7 on.
@Suite struct TimestampRuleTests {
  private func processed(
    _ logits: [Float], after generated: [Int32], latestInitial: Int? = 1
  ) throws -> [Int] {
    var options = LogitsOptions()
    options.endTokens = fixed([4])
    options.timestamps = TimestampRules(first: 7, end: 4, latestInitial: latestInitial)
    let row = try AttendDecodingTests.processed(options, logits, Written([5, 0] + generated, prompt: 2))
    return row.indices.filter { row[$0] > -.infinity }
  }

  /// Where no timestamp is probable.
  private let flat: [Float] = [9, 9, 9, 9, 9, 9, 9, 0, 0, 0]

  @Test func aTextBeginsWithAnEarlyTimestamp() throws {
    #expect(try processed(flat, after: []) == [7, 8])
    #expect(try processed(flat, after: [], latestInitial: nil) == [7, 8, 9])
  }

  @Test func afterATimestampComesText() throws {
    #expect(try processed(flat, after: [7]) == [0, 1, 2, 3, 4, 5])
    #expect(try processed(flat, after: [7, 1, 8, 8]) == [0, 1, 2, 3, 4, 5])
  }

  @Test func timestampsComeInPairsAndDoNotGoBack() throws {
    // Behind a timestamp that follows text: the same again, a later one, or the end.
    #expect(try processed(flat, after: [7, 1, 8]) == [4, 5, 8, 9])
    // Behind text: a later one than the last.
    #expect(try processed(flat, after: [7, 1]) == [0, 1, 2, 3, 4, 5, 8, 9])
    #expect(try processed(flat, after: [7, 1, 8, 8, 2]) == [0, 1, 2, 3, 4, 5, 9])
  }

  @Test func timestampsThatAreTogetherMoreProbableLeaveNothingElse() throws {
    // Two of 1 are together log 2 above 1, and 1.5 is less.
    #expect(try processed([0, 1.5, 0, 0, 0, 0, 0, 0, 1, 1], after: [7, 1]) == [8, 9])
    #expect(try processed([0, 1.75, 0, 0, 0, 0, 0, 0, 1, 1], after: [7, 1]) == [0, 1, 2, 3, 4, 5, 8, 9])
  }

  @Test func tokensInAnotherOrderAreRefused() {
    var options = LogitsOptions()
    options.timestamps = TimestampRules(first: 7, end: 8, latestInitial: nil)
    expectFailure(.invalidArgument, options, "end token below the timestamps")
  }

  private func expectFailure(_ code: Failure.Code, _ options: LogitsOptions, _ words: String) {
    do throws(Failure) {
      _ = try LogitsProcessors(options, vocabulary: 10, rows: rows)
      Issue.record("no failure")
    } catch { #expect(error.code == code && error.message.contains(words)) }
  }
}
