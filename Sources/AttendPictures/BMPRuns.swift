// Bitmaps whose indices are stored as run lengths.
import AttendBase

extension PictureFile {
  /// Run lengths of 8 or 4 bits an index: pairs of a count and an index, and behind a count of 0 an escape: 0 ends the
  /// row, 1 the picture, 2 moves on, anything else is a number of indices as they are. What is passed over keeps index
  /// 0.
  func decodeRuns(_ header: BitmapHeader, into picture: Picture) throws(Failure) {
    let indices = try AlignedBuffer(bytes: header.width * header.height, for: "the indices of \(name)")
    defer { withExtendedLifetime(indices) {} }
    indices.base.initializeMemory(as: UInt8.self, repeating: 0, count: indices.bytes)
    let target = indices.pointer(to: UInt8.self)
    var place = header.pixels
    var x = 0, y = 0
    func next() throws(Failure) -> Int {
      guard let byte = bytes.byte(place) else {
        throw invalid("is cut: its runs end in row \(y) of \(header.height), column \(x)")
      }
      place += 1
      return byte
    }
    func put(_ index: Int) {
      if x < header.width { target[y * header.width + x] = UInt8(truncatingIfNeeded: index) }
      x += 1
    }
    let isNarrow = header.compression == .runs4
    while y < header.height {
      let count = try next(), value = try next()
      if count > 0 {
        for step in 0..<count { put(isNarrow ? (step & 1 == 0 ? value >> 4 : value & 15) : value) }
        continue
      }
      switch value {
      case 0: (x, y) = (0, y + 1)
      case 1: y = header.height
      case 2: (x, y) = (x + (try next()), y + (try next()))
      default:
        var pair = 0
        for step in 0..<value {
          if !isNarrow || step & 1 == 0 { pair = try next() }
          put(isNarrow ? (step & 1 == 0 ? pair >> 4 : pair & 15) : pair)
        }
        // Indices as they are fill whole words of 16 bits.
        let stored = isNarrow ? (value + 1) / 2 : value
        if stored & 1 == 1 { _ = try next() }
      }
    }
    let palette = try palette(of: header)
    for row in 0..<header.height {
      let from = target + (header.isTopDown ? row : header.height - 1 - row) * header.width
      for column in 0..<header.width {
        palette.write(from[column], to: picture.pixels + row * picture.stride + column * 3)
      }
    }
  }
}
