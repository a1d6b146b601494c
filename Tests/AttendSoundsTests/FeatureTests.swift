import AttendBase
import AttendCheckpoints
import AttendSounds
import AttendTestSupport
import Foundation
import Testing

@Suite(.enabled(if: Goldens16k.isThere, "the goldens of sounds are not there"))
struct FeatureGoldenTests {
  private static let clips = [
    "speech": "speech-22k", "chirp": "pcm32-48k", "stereo": "pcm24-44k-stereo", "short": "pcm16-16k",
    "loud": "float32-48k-above-one",
  ]

  /// The samples that the reference's features were made of.
  private static func clip(_ name: String) throws -> [Float] {
    guard let stem = clips[name] else { return [Float](repeating: 0, count: 4000) }
    let samples: [Float] = try Goldens16k.tensors("decoded").numbers("mono_16k/\(stem)")
    return name == "short" ? Array(samples[..<1600]) : samples
  }

  private func total(_ features: Features) -> Double { features.values.reduce(0.0) { $0 + Double($1) } }

  private static func frontEnd(_ folder: String) throws -> FrontEnd {
    try FrontEnd(Configuration(file: Goldens16k.folder! + "/\(folder)/preprocessor_config.json"))
  }

  @Test(arguments: ["whisper80", "whisper128"]) func logMel(folder: String) throws {
    let goldens = try Goldens16k.tensors("features")
    let frontEnd = try Self.frontEnd(folder)
    var compared = 0
    for entry in try JSON.file(Goldens16k.folder! + "/features.json").elements
    where entry["features"]!.equals(folder) && entry["rest_value"] != nil {
      let name = entry["clip"]!.string!, stored = entry["frames_stored"]!.int!
      let features = try frontEnd.features(Sound(source(Self.clip(name))))
      let bands = features.width
      #expect(features.rows == 3000 && features.realRows == (entry["samples"]!.int! + 159) / 160)
      let expected = goldens.numbers("\(folder)/\(name)")  // [bands, frames]
      let rest = Float(entry["rest_value"]!.double!)
      var (worst, sum) = (Float(0), 0.0)
      for (index, value) in features.values.enumerated() {
        let (frame, band) = (index / bands, index % bands)
        worst = max(worst, abs(value - (frame < stored ? expected[band * stored + frame] : rest)))
        sum += Double(value)
      }
      #expect(worst < 1e-4, "\(folder) \(name)")
      #expect(abs(sum - entry["sum"]!.double!) < 1e-4 * Double(features.values.count))
      compared += 1
    }
    #expect(compared == 6)
  }

  @Test func logMelOfLongAndNormalizedSounds() throws {
    let speech = try Self.clip("speech"), stereo = try Self.clip("stereo")
    let samples = Array(((0..<16).flatMap { _ in speech } + stereo)[..<656_123])
    let sound = try Sound(source(samples))
    guard case .logMel(let logMel) = try Self.frontEnd("whisper80") else { throw CancellationError() }
    let features = try logMel.features(sound, threads: 2)
    #expect(features.rows == 4100)
    let expected = try Goldens16k.tensors("features").numbers("whisper80/long_every_50th_frame")  // [80, 82]
    var worst: Float = 0
    for band in 0..<80 {
      for step in 0..<82 {
        worst = max(worst, abs(expected[band * 82 + step] - features.values[step * 50 * 80 + band]))
      }
    }
    #expect(worst < 1e-4)
    #expect(abs(total(features) + 6468.114507496357) < 10)
    let cut = try logMel.features(sound, truncates: true)
    #expect(cut.rows == 3000)
    #expect(abs(total(cut) + 4352.915968716145) < 10)
  }

  @Test func normalizedSamples() throws {
    let goldens = try Goldens16k.tensors("features")
    let frontEnd = try FrontEnd(
      Configuration(file: Goldens16k.folder! + "/../ctc/wav2vec2/preprocessor_config.json"))
    for name in ["speech", "chirp", "short", "silence", "loud"] {
      let features = try frontEnd.features(Sound(source(Self.clip(name))))
      let expected = goldens.numbers("wav2vec2/\(name)")
      let worst = zip(features.values, expected).map { abs($0 - $1) }.max()!
      #expect(worst < 1e-5, "\(name)")
    }
    guard case .waveform(let waveform) = frontEnd else { throw CancellationError() }
    let batch = try waveform.features(batch: ["short", "loud"].map { try Sound(source(Self.clip($0))) })
    let expected = goldens.numbers("wav2vec2/batch_of_short_and_loud")
    #expect(zip(batch.flatMap { Array($0.values) }, expected).allSatisfy { abs($0 - $1) < 1e-5 })
    let lengths: [Int32] = goldens.numbers("wav2vec2/batch_attention_mask_sums", of: Int32.self)
    #expect(batch.map(\.realRows) == lengths.map(Int.init))
  }

  @Test func spectrogramOfTheTransformer() throws {
    let goldens = try Goldens16k.tensors("features")
    let frontEnd = try Self.frontEnd("ast")
    for name in ["speech", "chirp", "short"] {
      let features = try frontEnd.features(Sound(source(Self.clip(name))))
      let expected = goldens.numbers("ast/\(name)")
      #expect(features.rows == 128 && features.width == 128)
      let worst = zip(features.values, expected).map { abs($0 - $1) }.max()!
      #expect(worst < 1e-4, "\(name)")
    }
  }
}
