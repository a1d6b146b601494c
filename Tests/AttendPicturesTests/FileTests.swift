import AttendBase
import AttendCheckpoints
import AttendPictures
import AttendTestSupport
import Testing

@Suite("Picture files") struct FileTests {
  @Test("a file decodes to Pillow's pixels, upright and over white", arguments: Fixtures.names) func decodes(
    _ name: String
  ) throws {
    let expected = try #require(try Fixtures.decoded()[name])
    let decoded = try picture(Fixtures.bytes(name))
    #expect(Array(expected.shape) == [decoded.height, decoded.width, 3])
    let difference = zip(try pixels(decoded), numbers(expected, of: UInt8.self)).map { abs(Int($0) - Int($1)) }
    // Versions of libjpeg and libwebp differ by a level in lossy files.
    let isLossy = name.hasSuffix(".jpg") || name.hasPrefix("lossy")
    #expect(try #require(difference.max()) <= (isLossy ? 1 : 0))
  }

  @Test("all files are there") func count() { #expect(Fixtures.names.count == 31) }

  @Test("a file that is cut anywhere is an error that names it, or shows all of its pixels", arguments: Fixtures.names)
  func cut(_ name: String) throws {
    let bytes = try Fixtures.bytes(name)
    let whole = try pixels(picture(bytes))
    for step in 0..<100 {
      let length = bytes.count * step / 100
      do {
        // What lies behind the pixels of a bitmap, a GIF or a WebP is not needed.
        let same = try pixels(picture(Array(bytes[..<length]))) == whole
        #expect(same && !name.hasSuffix(".jpg") && !name.hasSuffix(".png"), "\(length) of \(bytes.count) bytes")
      } catch let failure as Failure {
        #expect(failure.code == .invalidFile && failure.message.hasPrefix("test"), "\(failure.message)")
      }
    }
  }

  @Test("damaged bytes end in a picture or an error", arguments: Fixtures.names) func damaged(_ name: String) throws {
    let bytes = try Fixtures.bytes(name)
    var random = SplitMix(seed: 7)
    var options = PictureOptions()
    options.maximalPixels = 1 << 20
    for _ in 0..<200 {
      var damaged = bytes
      for _ in 0...random.below(4) { damaged[random.below(bytes.count)] = UInt8(random.below(256)) }
      do {
        let decoded = try picture(damaged, options: options)
        #expect(decoded.width * decoded.height <= options.maximalPixels)
      } catch let failure as Failure {
        #expect([.invalidFile, .outOfMemory].contains(failure.code), "\(failure.message)")
      }
    }
  }

  /// Headers of 40,000 x 40,000 pixels or the most that a format has, with nothing behind them.
  private static let large: [(String, [UInt8])] = [
    (
      "40000 x 40000",
      [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8)
        + [0, 0, 0x9C, 0x40, 0, 0, 0x9C, 0x40, 8, 2, 0, 0, 0]
    ),
    (
      "65535 x 65535", Array("GIF89a".utf8) + [255, 255, 255, 255, 0, 0, 0, 0x2C, 0, 0, 0, 0, 255, 255, 255, 255, 0, 8]
    ),
    (
      "40000 x 40000",
      Array("BM".utf8) + [UInt8](repeating: 0, count: 8) + [54, 0, 0, 0, 40, 0, 0, 0] + [0x40, 0x9C, 0, 0]
        + [0x40, 0x9C, 0, 0] + [1, 0, 24, 0] + [UInt8](repeating: 0, count: 24)
    ),
  ]

  @Test("a header of too many pixels is an error before memory is asked for", arguments: large) func tooLarge(
    _ sizes: String, _ bytes: [UInt8]
  ) throws {
    let failure = try #require(throws: Failure.self) { try picture(bytes) }
    #expect(failure.code == .invalidFile)
    #expect(failure.message.contains("\(sizes) pixels, more than the 178956970 that are allowed"))
  }

  @Test("a JPEG and a WebP of more pixels than are allowed are errors", arguments: ["gray.jpg", "lossy.webp"])
  func bounded(_ name: String) throws {
    var options = PictureOptions()
    options.maximalPixels = 21 * 14 - 1
    let bytes = try Fixtures.bytes(name)
    let failure = try #require(throws: Failure.self) { try picture(bytes, options: options) }
    #expect(failure.code == .invalidFile && failure.message.contains("21 x 14"))
    options.maximalPixels += 1
    #expect(try picture(bytes, options: options).width == 21)
  }

  @Test("what is no picture is told by its first bytes") func noPicture() throws {
    let failure = try #require(throws: Failure.self) { try picture(Array("hello, world".utf8)) }
    #expect(failure.message.contains("it begins with the bytes 68 65 6c 6c 6f 2c 20 77"))
    #expect(throws: Failure.self) { try picture([]) }
  }

  @Test("a picture stays as it is stored where that is asked for") func stored() throws {
    var options = PictureOptions()
    options.appliesOrientation = false
    let bytes = try Fixtures.bytes("turned-6.jpg")
    let stored = try picture(bytes, options: options), upright = try picture(bytes)
    #expect(stored.width == 21 && stored.height == 14 && upright.width == 14 && upright.height == 21)
  }

  @Test("a JPEG is decoded at the smallest scale that is enough") func scaled() throws {
    var options = PictureOptions()
    let bytes = try Fixtures.bytes("sampling-2.jpg")
    for (enough, size) in [
      ((1, 1), (3, 2)), ((6, 4), (6, 4)), ((6, 5), (8, 6)), ((21, 14), (21, 14)), ((99, 1), (21, 14)),
    ] {
      options.enough = (width: enough.0, height: enough.1)
      let decoded = try picture(bytes, options: options)
      #expect(decoded.width == size.0 && decoded.height == size.1)
    }
  }

  @Test(
    "a JPEG is drafted for a processor that makes it half as large or smaller",
    arguments: [
      (#""size": {"height": 4, "width": 6}"#, (6, 4), (6, 4)),
      (#""size": {"height": 7, "width": 10}"#, (11, 7), (10, 7)),
      (#""size": {"height": 8, "width": 10}"#, (21, 14), (10, 8)), (#""do_resize": false"#, (21, 14), (21, 14)),
      (#""size": {"shortest_edge": 5}, "do_center_crop": false"#, (8, 6), (7, 5)),
    ]) func draft(_ size: String, _ decoded: (Int, Int), _ prepared: (Int, Int)) throws
  {
    let kind = size.contains("edge") ? "CLIPImageProcessor" : "ViTImageProcessor"
    let processor = try PictureProcessor(configuration(#"{"image_processor_type": "\#(kind)", \#(size)}"#))
    var options = PictureOptions()
    options.drafts = processor
    let draft = try picture(Fixtures.bytes("sampling-2.jpg"), options: options)
    #expect(draft.width == decoded.0 && draft.height == decoded.1)
    let values = try processor.process([draft])
    #expect(values.width == prepared.0 && values.height == prepared.1)
    #expect(values[0].original.width == 21 && values[0].original.height == 14)
  }

  @Test("a draft is turned as its file is, and only JPEGs are drafted") func turnedDraft() throws {
    let name = #"{"image_processor_type": "ViTImageProcessor", "size": {"height": 10, "width": 3}}"#
    let processor = try PictureProcessor(configuration(name))
    var options = PictureOptions()
    options.drafts = processor
    let draft = try picture(Fixtures.bytes("turned-6.jpg"), options: options)
    #expect(draft.width == 7 && draft.height == 11)  // of 14 x 21, stored the other way round
    let original = try processor.process([draft])[0].original
    #expect(original.width == 14 && original.height == 21)
    let other = try Picture(file: "\(Fixtures.folder)/wide.png", options: options)
    let whole = try Picture(file: "\(Fixtures.folder)/wide.png")
    #expect(other.width == whole.width && other.height == whole.height)
  }

  @Test("pictures are loaded in parallel, and the first failure is told") func load() throws {
    let names = Fixtures.names
    let loaded = try Picture.load(names.count) { index throws(Failure) in
      try Picture(file: "\(Fixtures.folder)/files/\(names[index])")
    }
    for (index, name) in names.enumerated() {
      let same = try pixels(loaded[index]) == pixels(picture(Fixtures.bytes(name)))
      #expect(same)
    }
    let failure = try #require(throws: Failure.self) {
      _ = try Picture.load(9) { index throws(Failure) in
        guard index < 4 else { throw Failure(.invalidFile, "picture \(index)") }
        return try Picture(file: "\(Fixtures.folder)/wide.png")
      }
    }
    #expect(failure.message == "picture 4")
  }
}
