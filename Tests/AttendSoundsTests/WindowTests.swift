import AttendBase
import AttendCheckpoints
import AttendSounds
import AttendTestSupport
import Foundation
import Testing

/// A source that does not tell its length, and counts how often it was started.
private final class Unmeasured: SampleSource {
  private let inner: any SampleSource
  private(set) var starts = 0
  init(_ inner: any SampleSource) { self.inner = inner }
  var name: String { inner.name }
  var rate: Int { inner.rate }
  var count: Int? { nil }
  func read(_ count: Int, into target: UnsafeMutablePointer<Float>) throws(Failure) -> Int {
    try inner.read(count, into: target)
  }
  func rewind() throws(Failure) {
    starts += 1
    try inner.rewind()
  }
}

struct WindowTests {
  /// A front end of Whisper's shape with a window of 2 s, so that a test's sound has many.
  static func logMel(normalizes: Bool = false) throws -> LogMel {
    let text = """
      {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80, "chunk_length": 2,
       "do_normalize": \(normalizes)}
      """
    let frontEnd = try Array(text.utf8).withUnsafeBytes { bytes in
      try FrontEnd(Configuration(JSON.parse(bytes, file: "preprocessor_config.json")))
    }
    guard case .logMel(let logMel) = frontEnd else { throw CancellationError() }
    return logMel
  }

  /// A sound whose loudest part is far from its start.
  static func recording(_ count: Int) -> [Float] {
    var random = SplitMix(seed: UInt64(count))
    let noise = random.floats(count), tones = sines(count, rate: 16000)
    return (0..<count).map { index in
      let loudness = Float(0.01 + (abs(Double(index) / Double(max(count, 1)) - 0.7) < 0.05 ? 1 : 0))
      return loudness * (tones[index] * 0.5 + noise[index] * 0.2)
    }
  }

  private func rows(_ count: Int, _ bands: Int, _ body: (UnsafeMutablePointer<Float>) throws -> Void) throws -> [Float]
  {
    var values = [Float](repeating: .nan, count: count * bands)
    try values.withUnsafeMutableBufferPointer { try body($0.baseAddress!) }
    return values
  }

  @Test(arguments: [
    (0, false), (1, false), (200, false), (201, true), (31_999, false), (32_001, false), (40_077, true),
    (50_077, false),
  ]) func windowsAreCutOutOfTheWhole(count: Int, normalizes: Bool) throws {
    let logMel = try Self.logMel(normalizes: normalizes)
    let samples = Self.recording(count)
    let whole = try logMel.features(Sound(source(samples)))
    let sources: [any SampleSource] = [try source(samples), Unmeasured(try source(samples))]
    for source in sources {
      let windows = try LogMelWindows(logMel, source, threads: 2)
      #expect(windows.frames == whole.rows && windows.realFrames == whole.realRows)
      var random = SplitMix(seed: 7)
      var places = [(0, whole.rows), (whole.rows, 0), (whole.rows - 1, 1), (0, 1)]
      places += (0..<4).map { _ in
        let first = random.below(whole.rows)
        return (first, random.below(whole.rows - first + 1))
      }
      for (first, count) in places {
        let part = try rows(max(count, 1), 80) { try windows.window(at: first, count: count, into: $0) }
        #expect(Array(whole.values[first * 80..<(first + count) * 80]) == Array(part[..<(count * 80)]))
      }
    }
  }

  @Test func theLayoutOfTheModel() throws {
    let logMel = try Self.logMel(), samples = Self.recording(50_000)
    let whole = try logMel.features(Sound(source(samples)))
    let windows = try LogMelWindows(logMel, source(samples, rate: 16000))
    for first in [0, 112, 113, 300, 312] {
      let values = try rows(200, 80) { try windows.modelWindow(at: first, into: $0) }
      for band in 0..<80 {
        for frame in 0..<200 {
          let expected = first + frame < whole.rows ? whole.values[(first + frame) * 80 + band] : 0
          #expect(values[band * 200 + frame] == expected)
        }
      }
    }
    var place: Float = 0
    for (first, count) in [(-1, 1), (313, 0), (0, 313), (5, .max), (.max, 1), (3, -1)] {
      let failure = #expect(throws: Failure.self) { try windows.window(at: first, count: count, into: &place) }
      #expect(failure?.message.contains("312") == true)
    }
    #expect(throws: Failure.self) { try windows.modelWindow(at: .min, into: &place) }
    #expect(throws: Failure.self) { try windows.modelWindow(at: 313, into: &place) }
  }

  /// Windows that go forward read the source once after the peak was found; resampled sounds too.
  @Test func readingForwardReadsOnce() throws {
    let logMel = try Self.logMel(), samples = Self.recording(150_000)
    let unmeasured = Unmeasured(try source(samples, rate: 44_100))
    let windows = try LogMelWindows(logMel, unmeasured)
    let starts = unmeasured.starts
    let whole = try logMel.features(Sound(source(samples, rate: 44_100), rate: 16_000))
    var first = 0
    while first < windows.frames {
      let count = min(200, windows.frames - first)
      let part = try rows(count, 80) { try windows.window(at: first, count: count, into: $0) }
      #expect(part == Array(whole.values[first * 80..<(first + count) * 80]))
      first += 133
    }
    #expect(unmeasured.starts == starts + 1)
  }

  @Test(arguments: [[1], [160], [16_384, 3, 777]]) func aStreamEndsAsTheWhole(pieces: [Int]) throws {
    let logMel = try Self.logMel()
    for count in pieces == [1] ? [0, 250, 2_000] : [0, 250, 60_003] {
      let samples = Self.recording(count)
      let whole = try logMel.features(Sound(source(samples)))
      let stream = try LogMelStream(logMel)
      var (place, turn) = (0, 0)
      while place < count {
        let piece = min(pieces[turn % pieces.count], count - place)
        try samples.withUnsafeBufferPointer { try stream.push($0.baseAddress! + place, piece) }
        #expect(stream.limit <= (place + piece) / 160 + 1)
        place += piece
        turn += 1
      }
      try stream.finish()
      #expect(stream.limit == whole.rows)
      #expect(try rows(whole.rows, 80) { try stream.window(at: 0, count: whole.rows, into: $0) } == Array(whole.values))
      stream.discard(before: 150)
      let left = try rows(whole.rows - 150, 80) { try stream.window(at: 150, count: whole.rows - 150, into: $0) }
      #expect(left == Array(whole.values[(150 * 80)...]))
      var none: Float = 0
      #expect(throws: Failure.self) { try stream.window(at: 149, count: 1, into: &none) }
      #expect(throws: Failure.self) { try stream.push(&none, 1) }
    }
    #expect(throws: Failure.self) { try LogMelStream(Self.logMel(normalizes: true)) }
  }
}
