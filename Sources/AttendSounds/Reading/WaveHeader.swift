// The RIFF file of a sound: "WAVE" and chunks, each with a name and a size. Multimedia Programming Interface and Data
// Specifications 1.0 (1991); WAVE_FORMAT_EXTENSIBLE; RF64 by EBU Tech 3306 for more than 4 GB.
import AttendBase

/// What the header of a WAV file says, checked.
struct WaveHeader {
  /// How a sample is written.
  enum Encoding: Equatable {
    case unsigned8, signed16, signed24, signed32, float32, float64, muLaw, aLaw

    /// Bytes of a sample.
    var bytes: Int {
      switch self {
      case .unsigned8, .muLaw, .aLaw: 1
      case .signed16: 2
      case .signed24: 3
      case .signed32, .float32: 4
      case .float64: 8
      }
    }
  }

  let encoding: Encoding
  let channels: Int
  let rate: Int
  /// Where the samples begin in the file.
  let start: Int
  /// The whole frames that are there.
  let frames: Int

  var frameBytes: Int { channels * encoding.bytes }

  /// Chunks that are looked at before the samples: a file of empty chunks must not take long.
  private static let maximalChunks = 10_000

  /// Whether a file that begins so is one of those that are read here.
  static func matches(_ signature: [UInt8]) -> Bool {
    ["RIFF", "RF64", "BW64"].contains { signature.starts(with: $0.utf8) }
  }

  /// Throws `invalidFile` with what is wrong, `unsupported` for a codec that is not read here.
  init(_ bytes: SoundBytes) throws(Failure) {
    let name = bytes.name
    func read(_ offset: Int, _ count: Int, _ part: String) throws(Failure) -> WaveFields {
      let fields = try WaveFields(bytes, offset, count)
      guard fields.count == count else {
        throw Failure(.invalidFile, "\(name) ends at byte \(bytes.count), within \(part)")
      }
      return fields
    }
    let form = try read(0, 12, "the header of a WAV file")
    guard form.text(8) == "WAVE" else {
      throw Failure(.invalidFile, "\(name) is a RIFF file of the kind \(form.text(8).debugDescription), not WAVE")
    }
    var format: WaveFields?
    var wideSize: Int?  // of the samples, where 32 bits are too few
    var offset = 12
    for _ in 0..<WaveHeader.maximalChunks {
      guard offset < bytes.count else { break }
      let chunk = try read(offset, 8, "the header of a chunk at byte \(offset)")
      let size = Int(chunk.uint32(4))
      offset += 8
      switch chunk.text(0) {
      case "ds64": wideSize = Int(exactly: try read(offset, 16, "its ds64 chunk").uint64(8))
      case "fmt ":
        guard size >= 16 else { throw Failure(.invalidFile, "\(name): a fmt chunk of \(size) bytes; at least 16") }
        format = try read(offset, min(size, WaveFields.capacity), "its fmt chunk")
      case "data":
        guard let format else { throw Failure(.invalidFile, "\(name) has no fmt chunk before its samples") }
        let isUnknown = size == Int(UInt32.max)
        let claimed = isUnknown ? wideSize ?? Int.max : size
        self = try WaveHeader(format, name, start: offset, bytes: min(claimed, bytes.count - offset))
        return
      default: break
      }
      offset += size + size & 1  // both below 2^33
    }
    throw Failure(.invalidFile, "\(name) has no chunk of samples (data)")
  }

  private init(_ format: WaveFields, _ name: String, start: Int, bytes: Int) throws(Failure) {
    var tag = format.uint16(0)
    if tag == 0xFFFE {  // the tag is the beginning of a GUID
      guard format.count >= 40 else {
        throw Failure(.invalidFile, "\(name): an extensible fmt chunk of \(format.count) bytes; at least 40")
      }
      tag = format.uint16(24)
    }
    channels = Int(format.uint16(2))
    rate = Int(format.uint32(4))
    try SoundLimits.check(rate: rate, channels: channels, name, .invalidFile)
    encoding = try WaveHeader.encoding(
      tag, bits: Int(format.uint16(14)), frame: Int(format.uint16(12)), channels: channels, name)
    self.start = start
    frames = max(bytes, 0) / (channels * encoding.bytes)
  }

  /// Samples stand in whole bytes, the valid bits at the top: how many are valid does not matter.
  private static func encoding(
    _ tag: UInt16, bits: Int, frame: Int, channels: Int, _ name: String
  ) throws(Failure) -> Encoding {
    let found: Encoding? =
      switch (tag, (bits + 7) / 8) {
      case (1, 1): .unsigned8
      case (1, 2): .signed16
      case (1, 3): .signed24
      case (1, 4): .signed32
      case (3, 4) where bits == 32: .float32
      case (3, 8) where bits == 64: .float64
      case (6, 1) where bits == 8: .aLaw
      case (7, 1) where bits == 8: .muLaw
      default: nil
      }
    guard let found else {
      guard [1, 3, 6, 7].contains(tag) else {
        let known = "PCM (1), float (3), A-law (6) and mu-law (7) are read"
        throw Failure(.unsupported, "\(name): the codec \(hexadecimal(tag)) in a WAV file; \(known)")
      }
      throw Failure(.invalidFile, "\(name): samples of \(bits) bits in the encoding \(tag)")
    }
    guard frame == channels * found.bytes else {
      let expected = "\(channels) channels of \(bits) bits take \(channels * found.bytes)"
      throw Failure(.invalidFile, "\(name): frames of \(frame) bytes, but \(expected)")
    }
    return found
  }

  private static func hexadecimal(_ tag: UInt16) -> String { "0x" + String(tag, radix: 16, uppercase: true) }
}

/// A few bytes of a file as numbers of little-endian order.
private struct WaveFields {
  static let capacity = 40
  private var bytes: [UInt8]  // at most `capacity`

  var count: Int { bytes.count }

  init(_ source: SoundBytes, _ offset: Int, _ count: Int) throws(Failure) {
    bytes = [UInt8](repeating: 0, count: WaveFields.capacity)
    var failure: Failure?
    let filled = bytes.withUnsafeMutableBytes { target -> Int in
      do throws(Failure) {
        return try source.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]), at: offset)
      } catch {
        failure = error
        return 0
      }
    }
    if let failure { throw failure }
    bytes.removeLast(WaveFields.capacity - filled)
  }

  func uint16(_ offset: Int) -> UInt16 { UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8 }
  func uint32(_ offset: Int) -> UInt32 { UInt32(uint16(offset)) | UInt32(uint16(offset + 2)) << 16 }
  func uint64(_ offset: Int) -> UInt64 { UInt64(uint32(offset)) | UInt64(uint32(offset + 4)) << 32 }
  func text(_ offset: Int) -> String { String(decoding: bytes[offset..<offset + 4], as: UTF8.self) }
}
