import AttendBase
import AttendCheckpoints
import AttendSounds
import AttendTestSupport
import Foundation
import Testing

struct WaveTests {
  @Test(.enabled(if: Goldens16k.isThere, "the goldens of sounds are not there"))
  func filesAsTheReferenceReadsThem() throws {
    let tensors = try Goldens16k.tensors("decoded")
    var (read, refused) = (0, 0)
    for entry in try Goldens16k.files() {
      let name = entry["file"]!.string!, path = Goldens16k.folder! + "/files/" + name
      if entry["error"] != nil {
        let failure = #expect(throws: Failure.self, "\(name)") { try Sound(Sound.reader(SoundBytes(path: path))) }
        #expect(failure?.message.contains(name) == true)
        refused += 1
        continue
      }
      let reader = try #require(try Sound.reader(SoundBytes(path: path)) as? WaveReader)
      #expect(reader.rate == entry["rate"]!.int! && reader.channels == entry["channels"]!.int!, "\(name)")
      let samples = try readAll(reader)
      #expect(samples.count == entry["frames"]!.int!, "\(name)")
      let stem = String(name.dropLast(4))
      let expected = tensors.numbers("mono_native/\(stem)")
      #expect(zip(samples, expected).allSatisfy { abs($0 - $1) <= 1e-6 * max(1, abs($1)) }, "\(name)")
      if reader.channels > 1 {
        reader.rewind()
        let channels = tensors.numbers("first_64_frames_all_channels/\(stem)")
        var first = [Float](repeating: 0, count: channels.count)
        #expect(try first.withUnsafeMutableBufferPointer { try reader.frames(64, into: $0.baseAddress!) } == 64)
        #expect(first == channels, "\(name)")
      }
      read += 1
    }
    #expect(read == 30 && refused == 10)
  }

  @Test func encodingsOfOurOwn() throws {
    let quarter = Wave.little(Float(0.25).bitPattern), half = Wave.little(Double(-0.5).bitPattern)
    let cases: [(UInt16, UInt16, [UInt8], [Float])] = [
      (1, 8, [0, 128, 255], [-1, 0, 127.0 / 128]), (1, 16, [0, 0x80, 0xFF, 0x7F], [-1, 32767.0 / 32768]),
      (1, 24, [0, 0, 0x80, 1, 0, 0], [-1, 0x1p-23]), (1, 32, [0, 0, 0, 0x80, 0, 0, 0, 0x40], [-1, 0.5]),
      (3, 32, quarter, [0.25]), (3, 64, half, [-0.5]), (7, 8, [0xFF, 0x7F, 0x00], [0, 0, -32124.0 / 32768]),
      (6, 8, [0xD5, 0x55, 0x2A], [8.0 / 32768, -8.0 / 32768, -32256.0 / 32768]),
    ]
    for (tag, bits, data, expected) in cases {
      let file = Wave.file(Wave.format(tag: tag, channels: 1, rate: 8000, bits: bits), Wave.chunk("data", data))
      #expect(try readAll(reader(file)) == expected, "\(tag) \(bits)")
    }
  }

  @Test func channelsAreAveraged() throws {
    let file = Wave.pcm16([16384, -16384, 8192, 8192, 1, 3], channels: 2)
    #expect(try readAll(reader(file)) == [0, 0.25, 2.0 / 32768])
  }

  @Test func piecesAndWholeAreEqual() throws {
    var random = SplitMix(seed: 1)
    let file = Wave.pcm16((0..<70_001).map { _ in Int16(truncatingIfNeeded: Int(random.next() >> 48)) }, channels: 1)
    let whole = try readAll(reader(file), pieces: [1 << 20])
    #expect(whole.count == 70_001)
    #expect(try readAll(reader(file), pieces: [1, 17, 16384, 5000]) == whole)
    let again = try reader(file)
    _ = try readAll(again, pieces: [100, 99_999])
    try again.rewind()
    #expect(try readAll(again) == whole)
  }

  @Test func cutFiles() throws {
    let file = Wave.file(
      Wave.chunk("LIST", Array(repeating: 7, count: 31)), Wave.format(tag: 1, channels: 2, rate: 44100, bits: 16),
      Wave.chunk("data", Array(repeating: 1, count: 60)))
    for length in 0..<file.count {
      let cut = Array(file[..<length])
      do {
        let samples = try readAll(reader(cut))
        #expect(samples.count == (length - (file.count - 60)) / 4)
      } catch { #expect(error is Failure && length < file.count - 60) }
    }
  }

  /// Files of every encoding, cut at 100 places each: whole frames that are there, or an error.
  @Test(arguments: [
    (UInt16(1), UInt16(8)), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8), (0xFFFE, 16),
  ]) func cutFiles(tag: UInt16, bits: UInt16) throws {
    let frame = Int(bits / 8) * 2
    var random = SplitMix(seed: UInt64(tag) * 64 + UInt64(bits))
    let data = (0..<500 * frame).map { _ in tag == 3 ? 0 : UInt8(random.below(256)) }
    var format = Wave.format(tag: tag, channels: 2, rate: 44100, bits: bits)
    if tag == 0xFFFE {  // WAVE_FORMAT_EXTENSIBLE: the tag of PCM begins the identifier of the subformat
      let identifier: [UInt8] = [1, 0, 0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113]
      let extra: [UInt8] = Wave.little(UInt16(22)) + Wave.little(bits) + Wave.little(UInt32(3))
      format = Wave.chunk("fmt ", Array(format[8...]) + extra + identifier)
    }
    let file = Wave.file(format, Wave.chunk("data", data)), head = file.count - data.count
    let whole = try readAll(reader(file))
    #expect(whole.count == 500)
    for step in 0..<100 {
      let length = step < 50 ? head * step / 50 : head + data.count * (step - 50) / 50
      do {
        let samples = try readAll(reader(Array(file[..<length])))
        #expect(length >= head && samples == Array(whole[..<((length - head) / frame)]))
      } catch { #expect(error is Failure && length < head) }
    }
  }

  @Test func wrongHeaders() throws {
    func message(_ bytes: [UInt8]) -> String? {
      #expect(throws: Failure.self) { try readAll(reader(bytes)) }?.message
    }
    let data = Wave.chunk("data", [0, 0, 0, 0])
    func header(_ tag: UInt16, _ channels: UInt16, _ rate: UInt32, _ bits: UInt16) -> String? {
      message(Wave.file(Wave.format(tag: tag, channels: channels, rate: rate, bits: bits), data))
    }
    #expect(header(1, 0, 16000, 16)?.contains("0 channels") == true)
    #expect(header(1, 1, 0, 16)?.contains("rate of 0") == true)
    #expect(header(1, 1, 4_000_000_000, 16)?.contains("4000000000") == true)
    #expect(header(1, 1, 16000, 12345)?.contains("12345 bits") == true)
    #expect(header(0x11, 1, 16000, 4)?.contains("0x11") == true)
    #expect(header(3, 1, 16000, 16)?.contains("16 bits") == true)
    #expect(message([])?.contains("empty") == true)
    #expect(message(Wave.file(data))?.contains("no fmt") == true)
  }

  @Test func samplesThatAreNoNumbers() throws {
    for wrong in [Float.nan, .infinity, -.infinity] {
      var samples = sines(1000, rate: 16000)
      samples[777] = wrong
      let failure = #expect(throws: Failure.self) { try Sound(source(samples)) }
      #expect(failure?.message.contains("sample 777") == true)
      let bytes = samples.flatMap { Wave.little($0.bitPattern) }
      let file = Wave.file(Wave.format(tag: 3, channels: 1, rate: 16000, bits: 32), Wave.chunk("data", bytes))
      #expect(throws: Failure.self) { try Sound(reader(file)) }
    }
  }

  @Test func samplesOfTheCaller() throws {
    let numbers: [Int16] = [0, 16384, -32768, 0, 100, 300]
    try numbers.withUnsafeBufferPointer { numbers in
      let start = numbers.baseAddress!
      let source = try CallerSamples(.int16(start), frames: 3, channels: 2, rate: 22050)
      #expect(try readAll(source) == [0.25, -0.5, 200.0 / 32768])
      for (frames, channels, rate) in [(3, 0, 16000), (3, 2, 0), (-1, 2, 16000), (.max, 2, 16000), (3, 2, 999)] {
        let failure = #expect(throws: Failure.self) {
          try CallerSamples(.int16(start), frames: frames, channels: channels, rate: rate)
        }
        #expect(failure?.code == .invalidArgument)
      }
    }
  }

  /// FLAC, Ogg Vorbis and MP3, cut at 100 places each: samples of the beginning, or an error; where libsndfile is not
  /// installed, an error that names its package.
  @Test(arguments: ["tone.flac", "tone.ogg", "tone.mp3"]) func cutFilesOfOtherFormats(name: String) throws {
    let file = [UInt8](try Data(contentsOf: URL(fileURLWithPath: SoundFixtures.folder + "/" + name)))
    do {
      let whole = try readAll(reader(file, name: name))
      let loudest = whole.map(abs).max() ?? 0
      #expect(whole.count >= 3200 && loudest > 0.4 && loudest < 0.6, "\(whole.count) \(loudest)")
      for step in 0..<100 {
        do {
          #expect(try readAll(reader(Array(file[..<(file.count * step / 100)]), name: name)).count <= whole.count)
        } catch { #expect(error is Failure) }
      }
    } catch let failure as Failure { #expect(failure.message.contains("libsndfile1") && failure.code == .unsupported) }
  }

  @Test func aLimitOfSamples() throws {
    #expect(try Sound(source([0, 1, 2]), limit: 3).count == 3)
    #expect(throws: Failure.self) { try Sound(source([0, 1, 2]), limit: 2) }
  }

  /// Other formats: a reader where libsndfile is installed, an error with its package's name where it is not.
  @Test func otherFormats() throws {
    // Two samples of 16 bits in Sun's format, which begins with ".snd": big-endian numbers.
    let header: [UInt32] = [0x2e73_6e64, 24, 4, 3, 16000, 1]
    let file: [UInt8] = header.flatMap { Array(Wave.little($0).reversed()) } + [0x40, 0, 0xC0, 0]
    do {
      let source = try reader(file, name: "test.au")
      #expect(try readAll(source) == [0.5, -0.5])
      try source.rewind()
      #expect(try readAll(source, pieces: [1]) == [0.5, -0.5])
      #expect(throws: Failure.self) { try reader(Array("no sound at all".utf8)) }
    } catch let failure as Failure { #expect(failure.message.contains("libsndfile1") && failure.code == .unsupported) }
  }
}
