// How a camera was held: the tag Orientation of EXIF (JEITA CP-3451), and pixels turned by it.
import AttendBase

extension PictureFile {
  /// The orientation that the file tells, from 1 to 8; 1, as it is stored, where it tells none.
  var orientation: Int {
    let exif: PictureBytes? =
      switch format {
      case .jpeg: jpegExif
      case .png: pngChunk("eXIf")
      case .webp: webpChunk("EXIF")
      case .bmp, .gif: nil
      }
    guard var exif else { return 1 }
    if exif.has("Exif\0\0", at: 0), let rest = exif.part(6, exif.count - 6) { exif = rest }
    let orientation = PictureFile.orientation(inTIFF: exif) ?? 1
    return (1...8).contains(orientation) ? orientation : 1
  }

  /// The segment APP1 of a JPEG that holds EXIF.
  private var jpegExif: PictureBytes? {
    let startOfScan = 0xDA, app1 = 0xE1
    var place = 2
    while bytes.byte(place) == 0xFF, let marker = bytes.byte(place + 1) {
      if marker == 0xFF {  // padding
        place += 1
        continue
      }
      guard marker != startOfScan, let length = bytes.big(place + 2, 2), length >= 2 else { return nil }
      if marker == app1, bytes.has("Exif\0\0", at: place + 4) { return bytes.part(place + 4, length - 2) }
      place += 2 + length
    }
    return nil
  }

  /// The content of the first chunk of a kind in a PNG.
  private func pngChunk(_ kind: StaticString) -> PictureBytes? {
    var place = 8
    while let length = bytes.big(place, 4) {
      if bytes.has(kind, at: place + 4) { return bytes.part(place + 8, length) }
      place += 12 + length
    }
    return nil
  }

  /// The value of tag 0x0112 in the first directory of a TIFF structure.
  private static func orientation(inTIFF bytes: PictureBytes) -> Int? {
    let tag = 0x0112, short = 3, long = 4
    let isLittle = bytes.has("II", at: 0)
    guard isLittle || bytes.has("MM", at: 0) else { return nil }
    func number(_ place: Int, _ count: Int) -> Int? {
      isLittle ? bytes.little(place, count) : bytes.big(place, count)
    }
    guard let directory = number(4, 4), let entries = number(directory, 2) else { return nil }
    for entry in 0..<entries {
      let place = directory + 2 + entry * 12
      guard let found = number(place, 2) else { return nil }
      guard found == tag else { continue }
      switch number(place + 2, 2) {
      case short: return number(place + 8, 2)
      case long: return number(place + 8, 4)
      default: return nil
      }
    }
    return nil
  }
}

extension Picture {
  /// The picture turned and mirrored so that what was stored under `orientation` stands upright.
  func turned(by orientation: Int, named name: String) throws(Failure) -> Picture {
    guard orientation > 1 else { return self }
    let swapsSides = orientation >= 5
    var target = try Picture(
      width: swapsSides ? height : width, height: swapsSides ? width : height, for: "the turned pixels of \(name)")
    target.drafted = drafted.map { swapsSides ? PictureSize(height: $0.width, width: $0.height) : $0 }
    defer { withExtendedLifetime((self, target)) {} }
    // The stored place of target (x, y): along each axis forwards or backwards.
    let mirrorsColumns = [2, 3, 7, 8].contains(orientation), mirrorsRows = [3, 4, 6, 7].contains(orientation)
    for y in 0..<target.height {
      for x in 0..<target.width {
        let column = swapsSides ? y : x, row = swapsSides ? x : y
        let from =
          (mirrorsRows ? height - 1 - row : row) * stride + (mirrorsColumns ? width - 1 - column : column) * 3
        (target.pixels + y * target.stride + x * 3).update(from: pixels + from, count: 3)
      }
    }
    return target
  }
}
