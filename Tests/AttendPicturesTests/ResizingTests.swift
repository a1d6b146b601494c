import AttendBase
import AttendPictures
import AttendTestSupport
import Testing

@Suite("Resizing") struct ResizingTests {
  @Test(
    "vectors of 256 bits make the bytes of those of 128",
    .enabled(if: Resizing.canBeWide, "this processor has none"),
    arguments: [(61, 23, 17, 9), (61, 23, 224, 40), (17, 50, 11, 3), (40, 40, 33, 41), (11, 9, 10, 9), (3, 1, 2, 5)])
  func wide(_ size: (width: Int, height: Int, newWidth: Int, newHeight: Int)) throws {
    var random = SplitMix(seed: 7)
    let bytes = (0..<size.width * size.height * 3).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let picture = try bytes.withUnsafeBytes { (bytes) in
      let array = PixelArray(
        try #require(bytes.baseAddress), .uint8, height: size.height, width: size.width, channels: 3)
      return try Picture(array, named: "test")
    }
    for filter in [ResamplingFilter.bilinear, .bicubic, .lanczos, .box, .hamming] {
      var resizing = Resizing(width: size.newWidth, height: size.newHeight, filter)
      let wide = try pixels(try picture.resized(resizing, threads: 2))
      resizing.isWide = false
      let narrow = try pixels(try picture.resized(resizing, threads: 1))
      #expect(wide == narrow, "\(filter)")
    }
  }
}
