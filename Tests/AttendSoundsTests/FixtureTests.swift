// Features against small values of transformers that are part of the repository (Tests/Fixtures/sounds/make.py).
import AttendBase
import AttendCheckpoints
import AttendSounds
import AttendTestSupport
import Foundation
import Testing

enum SoundFixtures {
  static let folder = Repository.root.appendingPathComponent("Tests/Fixtures/sounds").path

  static func configuration(_ text: String) throws -> Configuration {
    let memory = try AlignedBuffer(bytes: text.utf8.count, for: "a test")
    memory.base.copyMemory(from: Array(text.utf8), byteCount: text.utf8.count)
    return try Configuration(
      JSON.parse(UnsafeRawBufferPointer(start: memory.base, count: text.utf8.count), file: "test.json", owner: memory))
  }

  /// The sound of make.py: whole numbers by a power of two.
  static func samples(_ count: Int) -> [Float] {
    var state = 12345
    return (0..<count).map { index in
      state = (state * 1_103_515_245 + 12345) & 0x7FFF_FFFF
      let saw = index * 97 % 4001 - 2000, noise = (state >> 16) % 2001 - 1000
      return Float(saw * (1 + index / 1600 % 4) + noise) / 32768
    }
  }
}

struct FixtureTests {
  private func expected(_ name: String) throws -> [Float] {
    let file = try SafetensorsFile(SoundFixtures.folder + "/features.safetensors")
    defer { withExtendedLifetime(file) {} }
    return try #require(file[name]).bytes.withMemoryRebound(to: Float.self) { Array($0) }
  }

  private func features(_ type: String, _ options: String, _ count: Int) throws -> Features {
    let text = "{\"feature_extractor_type\": \"\(type)FeatureExtractor\"\(options)}"
    return try FrontEnd(SoundFixtures.configuration(text)).features(Sound(source(SoundFixtures.samples(count))))
  }

  @Test(arguments: [(560, 1, 1), (720, 2, 1), (4321, 13, 12)]) func seamless(count: Int, rows: Int, real: Int) throws {
    let features = try features("SeamlessM4T", ", \"num_mel_bins\": 80, \"stride\": 2, \"padding_value\": 0.0", count)
    let expected = try expected("seamless/\(count)")
    #expect(features.rows == rows && features.width == 160 && features.realRows == real)
    #expect(features.values.count == expected.count)
    let worst = zip(features.values, expected).map { abs($0 - $1) }.max()!
    #expect(worst < 1e-4, "\(worst)")
  }

  /// A single frame has no deviation: the reference makes it NaN, and here it is 0.
  @Test func aSingleFrame() throws {
    let features = try features("SeamlessM4T", "", 400)
    #expect(features.rows == 1 && features.values.allSatisfy { $0 == 0 })
    #expect(throws: Failure.self) { try self.features("SeamlessM4T", "", 399) }
  }

  @Test func whisper() throws {
    let features = try features("Whisper", ", \"chunk_length\": 1, \"feature_size\": 80", 9000)
    let expected = try expected("whisper/9000/every 4th frame")  // [80, 25]
    #expect(features.rows == 100 && features.realRows == 57)
    for band in 0..<80 {
      for step in 0..<25 { #expect(abs(features.values[step * 4 * 80 + band] - expected[band * 25 + step]) < 1e-4) }
    }
  }

  @Test func spectrogramOfTheTransformer() throws {
    let features = try features("AST", ", \"max_length\": 64", 9000)
    let expected = try expected("ast/9000/every 4th frame")  // [16, 128]
    #expect(features.rows == 64 && features.realRows == 54)
    for step in 0..<16 {
      for band in 0..<128 {
        #expect(abs(features.values[step * 4 * 128 + band] - expected[step * 128 + band]) < 1e-4)
      }
    }
  }

  /// Options that would change the features and are not known are errors that name them.
  @Test func unknownOptions() throws {
    let failure = #expect(throws: Failure.self) { try features("Whisper", ", \"window\": \"flat\"", 400) }
    #expect(failure?.message.contains("window") == true)
    #expect(throws: Failure.self) { try features("Whisper", ", \"dither\": 0.1", 400) }
    #expect(throws: Failure.self) { try features("EnCodec", "", 400) }
  }
}
