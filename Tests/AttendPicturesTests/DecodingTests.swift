import AttendBase
import AttendCheckpoints
import AttendPictures
import AttendTestSupport
import Testing

@Suite("Decoding", .enabled(if: Shared.isThere, "needs ../shared")) struct DecodingTests {
  private static let folder = "seeing-hearing/image"

  /// What Pillow says of each file.
  private static let entries: [JSON] = {
    guard let shared = Shared.path, let list = try? JSON.file("\(shared)/\(folder)/decoded.json") else { return [] }
    return Array(list.elements)
  }()

  /// Files that Pillow decodes with rows in black that are not there; an error here.
  private static let refusedHere = ["broken-png-no-palette.png", "broken-png-too-little-data.png"]

  @Test("every file decodes to Pillow's pixels, or is refused as by Pillow") func goldens() throws {
    let goldens = try #require(try Goldens("\(DecodingTests.folder)/decoded.safetensors"))
    #expect(DecodingTests.entries.count > 80)
    for entry in DecodingTests.entries {
      let name = try #require(entry["file"]?.string)
      let path = "\(try #require(Shared.path))/\(DecodingTests.folder)/files/\(name)"
      var options = PictureOptions()
      options.appliesOrientation = false
      if entry["error"] != nil || DecodingTests.refusedHere.contains(name) {
        let failure = try #require(throws: Failure.self, "\(name)") { try Picture(file: path, options: options) }
        #expect(failure.code == .invalidFile && failure.message.contains(name), "\(failure.message)")
        continue
      }
      let picture = try Picture(file: path, options: options)
      if name == "png-gray16.png" { continue }  // the golden is all white
      let golden = goldens.has("on_white/\(name)") ? "on_white/\(name)" : "rgb/\(name)"
      #expect(goldens.shape(golden) == [picture.height, picture.width, 3])
      let difference = zip(try pixels(picture), goldens.numbers(golden, of: UInt8.self)).map { abs(Int($0) - Int($1)) }
      let largest = try #require(difference.max())
      #expect(largest <= (name.hasPrefix("jpeg") ? 1 : 0), "\(name): \(largest)")
      guard goldens.has("exif_applied/\(name)") else { continue }
      let turned = try Picture(file: path)
      #expect(goldens.shape("exif_applied/\(name)") == [turned.height, turned.width, 3])
      let same = try pixels(turned) == goldens.numbers("exif_applied/\(name)", of: UInt8.self)
      #expect(same, "\(name) turned")
    }
  }
}
