import AttendBase
import AttendCheckpoints
import AttendPictures
import AttendTestSupport
import Testing

@Suite("Processors", .enabled(if: Shared.isThere, "needs ../shared")) struct ProcessorTests {
  private static let folder = "seeing-hearing/image/pixels"
  private static let configurations = [
    "box", "clip", "crop-larger-than-resize", "deit", "dinov2", "idefics", "lanczos", "llava", "llava-pad", "nearest",
    "siglip", "trocr", "vit", "vit-old-spelling",
  ]

  private static func picture(_ name: String) throws -> Picture {
    try Picture(file: "\(try #require(Shared.path))/\(folder)/\(name).png")
  }

  private static func processor(_ path: String) throws -> PictureProcessor {
    try PictureProcessor(try Configuration(file: "\(try #require(Shared.path))/\(path)"))
  }

  /// [height, width, 3] as [3, height, width].
  private static func planes(_ picture: Picture) throws -> [UInt8] {
    let interleaved = try pixels(picture)
    return (0..<3).flatMap { channel in stride(from: channel, to: interleaved.count, by: 3).map { interleaved[$0] } }
  }

  @Test("pixels equal Pillow's to the bit, values within 1e-5", arguments: configurations) func small(
    _ name: String
  ) throws {
    let goldens = try #require(try Goldens("\(ProcessorTests.folder)/\(name)/expected.safetensors"))
    let processor = try ProcessorTests.processor("\(ProcessorTests.folder)/\(name)/preprocessor_config.json")
    var compared = 0
    for picture in ["gray", "odd", "rgba", "small", "square", "tall", "thin", "wide"] {
      let source = try ProcessorTests.picture(picture)
      if goldens.has("pil/u8/\(picture)") {
        let prepared = try processor.tiles(of: source)[0]
        #expect(goldens.shape("pil/u8/\(picture)") == [3, prepared.height, prepared.width])
        let same = try ProcessorTests.planes(prepared) == goldens.numbers("pil/u8/\(picture)", of: UInt8.self)
        #expect(same, "\(picture)")
        compared += 1
      }
      if goldens.has("pil/pixel_values/\(picture)") {
        let values = numbers(try processor.process([source]))
        #expect(largestDifference(values, goldens.numbers("pil/pixel_values/\(picture)")) <= 1e-5)
        compared += 1
      }
    }
    #expect(compared > 8)
  }

  @Test(
    "a picture of real size equals Pillow's, too",
    arguments: ["clip", "deit", "dinov2", "idefics", "llava", "llava-pad", "siglip", "trocr", "vit"]) func large(
      _ name: String
    ) throws
  {
    let folder = "\(ProcessorTests.folder)/\(name)"
    let goldens = try #require(try Goldens("\(folder)/expected.real-size.safetensors"))
    let processor = try ProcessorTests.processor("\(folder)/preprocessor_config.real-size.json")
    let source = try ProcessorTests.picture("big")
    let same =
      try ProcessorTests.planes(processor.tiles(of: source)[0]) == goldens.numbers("pil/u8/big", of: UInt8.self)
    #expect(same)
    let values = numbers(try processor.process([source]))
    let sampled = goldens.numbers("sampled_positions", of: Int32.self).map { values[Int($0)] }
    #expect(largestDifference(sampled, goldens.numbers("pil/sampled_values/big")) <= 1e-5)
  }

  /// Those goldens come from other variants: torchvision's, or, for SigLIP, Pillow 13, whose order of the passes
  /// changes tall pictures (0 and 3).
  @Test(
    "the first set of front ends, by torchvision, is within a level",
    arguments: ["clip", "deit", "dinov2", "siglip", "vit"])
  func frontEnds(_ name: String) throws {
    let goldens = try #require(try Goldens("frontend/goldens.safetensors"))
    let processor = try ProcessorTests.processor("frontend/\(name).preprocessor_config.json")
    let pictures = try (0..<4).map { try Picture(file: "\(try #require(Shared.path))/frontend/image\($0).png") }
    let together = try processor.process(pictures)
    let all = numbers(together)
    let level: Float = ["clip", "dinov2"].contains(name) ? 1 / 255 / 0.26130258 : 1 / 255 / 0.5
    for index in name == "siglip" ? [1, 2] : [0, 1, 2, 3] {
      let values = Array(all[index * together.tileCount..<(index + 1) * together.tileCount])
      let difference = largestDifference(values, goldens.numbers("\(name)/image\(index)"))
      #expect(difference <= (name == "siglip" ? 1e-5 : level + 1e-5), "picture \(index): \(difference)")
    }
  }
}
