// Windows of a recording that comes in pieces, against rules that are spelled out here.
import AttendBase
import AttendCheckpoints
import AttendSounds
import AttendTestSupport
import Foundation
import Testing

struct SampleWindowTests {
  private struct Found: Equatable {
    let first: Int
    let count: Int
    let left: Int
    let right: Int
    let samples: [Float]
  }

  /// The windows of `samples` that are pushed in pieces of these sizes in turn.
  private func windows(_ plan: SampleWindows.Plan, of samples: [Float], pieces: [Int]) throws -> [Found] {
    let windows = try SampleWindows(plan, rate: 1000)
    var (found, place, turn) = ([Found](), 0, 0)
    func take() throws {
      while windows.isReady {
        guard let window = try windows.next() else { break }
        found.append(
          Found(
            first: window.first, count: window.sound.count, left: window.left, right: window.right,
            samples: Array(window.sound.samples)))
      }
    }
    while place < samples.count {
      let count = min(pieces[turn % pieces.count], samples.count - place)
      try samples[place..<place + count].withUnsafeBufferPointer { try windows.push($0.baseAddress!, count) }
      (place, turn) = (place + count, turn + 1)
      try take()
    }
    windows.finish()
    try take()
    #expect(windows.isOver)
    #expect(throws: Failure.self) { try windows.push(samples, 1) }
    return found
  }

  private static let sizes = [[1], [7, 100], [499], [500], [501, 3], [10_000]]

  @Test(arguments: [0, 1, 499, 500, 501, 900, 901, 2345])
  func overlapping(count: Int) throws {
    let samples = (0..<count).map { Float($0) }
    let (length, left, right) = (500, 70, 30)
    var expected: [Found] = []
    for start in stride(from: 0, to: count, by: length - left - right) {
      let end = min(start + length, count), isLast = start + length >= count
      let own = start == 0 ? 0 : left
      if end - start > own {
        expected.append(
          Found(
            first: start, count: end - start, left: own, right: isLast ? 0 : right,
            samples: Array(samples[start..<end])))
      }
      if isLast { break }
    }
    for pieces in Self.sizes {
      let found = try windows(.overlapping(length: length, left: left, right: right), of: samples, pieces: pieces)
      #expect(found == expected)
    }
  }

  /// Windows end in the middle of the quietest 100 samples of their second half, in steps of 10.
  @Test(arguments: [0, 1, 500, 501, 3000])
  func quiet(count: Int) throws {
    var random = SplitMix(seed: 5)
    let samples = random.floats(count).enumerated().map { $1 * Float(1 + sin(Double($0) / 40)) }
    var (expected, start) = ([Found](), 0)
    while start < count {
      var end = count
      if count - start > 500 {
        func energy(_ from: Int) -> Double {
          stride(from: from, to: from + 100, by: 10).reduce(0.0) { sum, block in
            sum + samples[start + block..<start + block + 10].reduce(0.0) { $0 + Double($1) * Double($1) }
          }
        }
        let places = Array(stride(from: 250, through: 400, by: 10))
        let best = places.min { energy($0) < energy($1) }!
        end = start + best + 50
      }
      expected.append(
        Found(first: start, count: end - start, left: 0, right: 0, samples: Array(samples[start..<end])))
      start = end
    }
    for pieces in Self.sizes {
      #expect(try windows(.quiet(length: 500), of: samples, pieces: pieces) == expected)
    }
  }

  @Test func plansThatDoNotGoForward() {
    for (length, left, right) in [(0, 0, 0), (10, 5, 5), (10, -1, 0), (10, .max, 1)] {
      #expect(throws: Failure.self) {
        try SampleWindows(.overlapping(length: length, left: left, right: right), rate: 1000)
      }
    }
  }

  /// What a window has behind the samples that have come is what silence would be.
  @Test func windowsOfWhatIsStillSaid() throws {
    let logMel = try WindowTests.logMel(), bands = logMel.bands
    let samples = WindowTests.recording(8000)
    let live = try LogMelStream(logMel)
    try live.push(samples, samples.count)
    #expect(live.samples == samples.count && live.realFrames == live.limit)
    var rows = [Float](repeating: 0, count: logMel.windowFrames * bands)
    let count = live.limit
    #expect(try live.fill(from: 0, count: count, into: &rows) == logMel.windowFrames)
    // The whole sound with zeros behind it has the same peak, and the same frames but those at the border.
    let whole = try logMel.features(try Sound(try source(samples)))
    let border = 3
    let wrong = (0..<rows.count).filter { index in
      let isBorder = abs(index / bands - count) < border
      return !isBorder && abs(rows[index] - whole.values[index]) > 1e-6
    }
    #expect(wrong.isEmpty)
  }
}
