import AttendBase
import AttendPictures
import AttendTestSupport
import Testing

@Suite("Pixels of a caller") struct PixelArrayTests {
  /// [2, 3, 4]: red, green, blue, alpha.
  private static let rgba: [UInt8] = [
    0, 10, 20, 255, 30, 40, 50, 255, 60, 70, 80, 255, 90, 100, 110, 255, 120, 130, 140, 0, 150, 160, 170, 128,
  ]
  private static let onWhite: [UInt8] = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 255, 255, 255, 202, 207, 212]

  private func load(
    _ bytes: [UInt8], _ channels: Int, _ change: (inout PixelArray) -> Void = { _ in }
  ) throws -> [UInt8] {
    try bytes.withUnsafeBytes { source in
      var array = PixelArray(source.baseAddress!, .uint8, height: 2, width: 3, channels: channels)
      change(&array)
      return try pixels(Picture(array, named: "test"))
    }
  }

  @Test("alpha is composed over white, gray spread") func channels() throws {
    #expect(try load(PixelArrayTests.rgba, 4) == PixelArrayTests.onWhite)
    let gray: [UInt8] = [1, 2, 3, 4, 5, 6]
    #expect(try load(gray, 1) == gray.flatMap { [$0, $0, $0] })
    #expect(
      try load([1, 255, 2, 255, 3, 255, 4, 255, 5, 255, 6, 0], 2) == [1, 2, 3, 4, 5, 255].flatMap { [$0, $0, $0] })
  }

  @Test("any strides: bottom up, blue first, channels first") func strides() throws {
    let rgb: [UInt8] = Array(1...18)
    let reversed = rgb.withUnsafeBytes { source -> [UInt8] in
      var array = PixelArray(source.baseAddress! + 9 + 2, .uint8, height: 2, width: 3, channels: 3)
      (array.rowStride, array.channelStride) = (-9, -1)
      return (try? pixels(Picture(array, named: "test"))) ?? []
    }
    #expect(reversed == [12, 11, 10, 15, 14, 13, 18, 17, 16, 3, 2, 1, 6, 5, 4, 9, 8, 7])
    let planes = rgb.withUnsafeBytes { source -> [UInt8] in
      let array = PixelArray(source.baseAddress!, .uint8, height: 2, width: 3, channels: 3, channelsFirst: true)
      return (try? pixels(Picture(array, named: "test"))) ?? []
    }
    #expect(planes == [1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 16, 5, 11, 17, 6, 12, 18])
  }

  @Test("numbers become the nearest level", arguments: [Float(1), 255]) func floats(_ white: Float) throws {
    let levels = (0..<256).map { Float($0) * white / 255 }
    let loaded = try levels.withUnsafeBytes {
      try pixels(
        Picture(
          PixelArray($0.baseAddress!, .float32(white: white), height: 1, width: 256, channels: 1), named: "test"))
    }
    #expect(loaded == (0..<256).flatMap { [UInt8($0), UInt8($0), UInt8($0)] })
  }

  @Test("numbers outside the range are named with their place", arguments: [Float.nan, -0.1, 1.5, .infinity])
  func outside(_ value: Float) throws {
    let values: [Float] = [0, 0, 0, 1, value, 1]
    let failure = try #require(throws: Failure.self) {
      try values.withUnsafeBytes {
        try Picture(
          PixelArray($0.baseAddress!, .float32(white: 1), height: 1, width: 2, channels: 3), named: "picture 2")
      }
    }
    #expect(failure.code == .invalidArgument)
    #expect(failure.message == "picture 2 holds \(value) in row 0, column 1, channel 1; expected is 0 to 1.0")
  }

  @Test("sizes that cannot be are errors") func sizes() throws {
    for change: (inout PixelArray) -> Void in [
      { $0.channels = 0 }, { $0.channels = 5 }, { $0.width = 0 }, { $0.height = -1 },
      { ($0.width, $0.height) = (1 << 40, 1 << 40) }, { ($0.width, $0.height) = (100_000, 10_000) },
      { $0.element = .float32(white: 0) }, { $0.element = .float32(white: .nan) },
    ] {
      let failure = try #require(throws: Failure.self) { try load(PixelArrayTests.rgba, 4, change) }
      #expect(failure.code == .invalidArgument)
    }
  }
}
