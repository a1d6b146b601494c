// Sounds for tests: those of the shared folder, and files that the tests make themselves.
import AttendBase
import AttendCheckpoints
import AttendSounds
import AttendTestSupport
import Foundation

/// The goldens of sounds in the shared folder.
enum Goldens16k {
  static let folder = Shared.path.map { $0 + "/seeing-hearing/audio" }.flatMap {
    FileManager.default.fileExists(atPath: $0 + "/decoded.json") ? $0 : nil
  }
  static var isThere: Bool { folder != nil }

  /// The tensors of a file of the folder.
  static func tensors(_ name: String) throws -> Goldens { try Goldens("seeing-hearing/audio/\(name).safetensors")! }

  /// The members of decoded.json.
  static func files() throws -> [JSON] { Array(try JSON.file(folder! + "/decoded.json").elements) }
}

/// The samples of a source, read in pieces of these sizes in turn.
func readAll(_ source: any SampleSource, pieces: [Int] = [4096]) throws -> [Float] {
  var (all, turn) = ([Float](), 0)
  while true {
    let wanted = pieces[turn % pieces.count]
    var piece = [Float](repeating: 0, count: wanted)
    let got = try piece.withUnsafeMutableBufferPointer { try source.read(wanted, into: $0.baseAddress!) }
    all += piece[..<got]
    turn += 1
    if got < wanted { return all }
  }
}

/// A source over an array.
func source(_ samples: [Float], channels: Int = 1, rate: Int = 16000) throws -> CallerSamples {
  let memory = try AlignedBuffer(max(samples.count, 1), of: Float.self, for: "a test")
  let start: UnsafeMutablePointer<Float> = memory.pointer()
  start.update(from: samples, count: samples.count)
  return try CallerSamples(
    .float32(start), frames: samples.count / channels, channels: channels, rate: rate, owner: memory)
}

/// A sum of three sines that no rate of the tests divides, with its peak below 1.
func sines(_ count: Int, rate: Int) -> [Float] {
  (0..<count).map { index in
    let t = Double(index) / Double(rate)
    return Float(0.4 * sin(2 * .pi * 311.1 * t) + 0.3 * sin(2 * .pi * 1234.5 * t) + 0.2 * sin(2 * .pi * 2999.9 * t))
  }
}

/// A file in memory as a reader takes it.
func reader(_ bytes: [UInt8], name: String = "test.wav") throws -> any SampleSource {
  let memory = try AlignedBuffer(bytes: bytes.count, for: "a test")
  memory.base.copyMemory(from: bytes, byteCount: bytes.count)
  return try Sound.reader(
    SoundBytes(UnsafeRawBufferPointer(start: memory.base, count: bytes.count), name: name, owner: memory))
}

/// Pieces of a WAV file.
enum Wave {
  static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian, Array.init)
  }

  static func chunk(_ name: String, _ content: [UInt8], size: UInt32? = nil) -> [UInt8] {
    Array(name.utf8) + little(size ?? UInt32(content.count)) + content
      + (content.count % 2 == 1 ? [0] : [])
  }

  static func format(tag: UInt16, channels: UInt16, rate: UInt32, bits: UInt16) -> [UInt8] {
    let frame = channels &* (bits / 8)
    return chunk(
      "fmt ",
      little(tag) + little(channels) + little(rate) + little(rate &* UInt32(frame)) + little(frame) + little(bits))
  }

  static func file(_ chunks: [UInt8]...) -> [UInt8] {
    let content = Array("WAVE".utf8) + chunks.joined()
    return Array("RIFF".utf8) + little(UInt32(content.count)) + content
  }

  /// Samples of 16 bits.
  static func pcm16(_ samples: [Int16], channels: UInt16 = 1, rate: UInt32 = 16000) -> [UInt8] {
    file(format(tag: 1, channels: channels, rate: rate, bits: 16), chunk("data", samples.flatMap { little($0) }))
  }
}
