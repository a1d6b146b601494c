import AttendBase

/// A WAV file, read in pieces. Nothing but a piece of it is in memory.
package final class WaveReader: SampleSource {
  private let bytes: SoundBytes
  private let header: WaveHeader
  private let raw: AlignedBuffer  // a piece as the file has it
  private let values: AlignedBuffer  // the same as float32, [frames, channels]
  private let pieceFrames: Int
  private var position = 0  // in frames

  package var name: String { bytes.name }
  package var rate: Int { header.rate }
  package var channels: Int { header.channels }
  package var count: Int? { header.frames }

  /// Reads the header. Throws `invalidFile`, `unsupported` for a codec that is not read here, `inputOutput`,
  /// `outOfMemory`.
  package init(_ bytes: SoundBytes) throws(Failure) {
    header = try WaveHeader(bytes)
    self.bytes = bytes
    pieceFrames = max(SoundLimits.piece / header.channels, 1)
    raw = try AlignedBuffer(bytes: pieceFrames * header.frameBytes, for: "a piece of \(bytes.name)")
    values = try AlignedBuffer(pieceFrames * header.channels, of: Float.self, for: "a piece of \(bytes.name)")
  }

  package func rewind() { position = 0 }

  package func read(_ count: Int, into target: UnsafeMutablePointer<Float>) throws(Failure) -> Int {
    var done = 0
    while done < count {
      let frames = min(count - done, pieceFrames, header.frames - position)
      if frames == 0 { break }
      try decode(frames)
      try Channels.mix(
        values.pointer(), frames: frames, channels: header.channels, into: target + done, first: position, name,
        .invalidFile)
      position += frames
      done += frames
    }
    return done
  }

  /// Reads the frames from `position` on, with all of their channels, to `values`.
  private func decode(_ frames: Int) throws(Failure) {
    let wanted = frames * header.frameBytes
    let target = UnsafeMutableRawBufferPointer(start: raw.base, count: wanted)
    let offset = header.start + position * header.frameBytes
    guard try bytes.read(into: target, at: offset) == wanted else {
      throw Failure(.inputOutput, "\(name) was shortened while it was being read")
    }
    header.encoding.decode(raw.base, frames * header.channels, into: values.pointer())
  }

  /// The first frames with all of their channels, [frames, channels], for who looks at channels.
  package func frames(_ count: Int, into target: UnsafeMutablePointer<Float>) throws(Failure) -> Int {
    let frames = min(count, pieceFrames, header.frames - position)
    try decode(frames)
    target.update(from: values.pointer(), count: frames * header.channels)
    position += frames
    return frames
  }
}

extension WaveHeader.Encoding {
  /// Writes `count` samples to `target`, from -1 to 1; numbers that were float in the file as they are.
  func decode(_ source: UnsafeRawPointer, _ count: Int, into target: UnsafeMutablePointer<Float>) {
    func each<Stored: BitwiseCopyable>(_ type: Stored.Type, _ value: (Stored) -> Float) {
      for index in 0..<count {
        target[index] = value(source.loadUnaligned(fromByteOffset: index * MemoryLayout<Stored>.stride, as: type))
      }
    }
    switch self {
    case .unsigned8: each(UInt8.self) { Float(Int32($0) - 128) * 0x1p-7 }
    case .signed16: each(Int16.self) { Float($0) * 0x1p-15 }
    case .signed24:
      each((UInt8, UInt8, Int8).self) { Float(Int32($0.2) << 16 | Int32($0.1) << 8 | Int32($0.0)) * 0x1p-23 }
    case .signed32: each(Int32.self) { Float($0) * 0x1p-31 }
    case .float32: each(Float.self) { $0 }
    case .float64: each(Double.self) { Float($0) }
    case .muLaw: each(UInt8.self) { Float(Companding.muLaw($0)) * 0x1p-15 }
    case .aLaw: each(UInt8.self) { Float(Companding.aLaw($0)) * 0x1p-15 }
    }
  }
}

/// The codes of telephones, ITU-T Recommendation G.711: a sign, an exponent of 3 bits, a mantissa of 4.
private enum Companding {
  /// The value of a mu-law code in 16 bits.
  static func muLaw(_ code: UInt8) -> Int32 {
    let bits = Int32(~code), exponent = bits >> 4 & 7, mantissa = bits & 15
    let size = ((mantissa << 3) + 132) << exponent - 132
    return bits & 0x80 == 0 ? size : -size
  }

  /// The value of an A-law code in 16 bits. Every other bit is stored inverted; a set sign bit is positive.
  static func aLaw(_ code: UInt8) -> Int32 {
    let bits = Int32(code ^ 0x55), exponent = bits >> 4 & 7, mantissa = bits & 15
    let fraction = (mantissa << 4) + 8
    let size = exponent == 0 ? fraction : (fraction + 256) << (exponent - 1)
    return bits & 0x80 == 0 ? -size : size
  }
}
