// The first picture of a GIF (CompuServe, GIF89a).
import AttendBase

/// The first picture of a GIF on its screen, before it is unpacked.
private struct GIFFrame {
  var left = 0, top = 0, width = 0, height = 0
  var isInterlaced = false
  var palette = PicturePalette()
  var transparent: UInt8?
  /// The place of its packed indices.
  var data = 0
}

extension PictureFile {
  /// Pixels of the screen with the first picture on it; transparent ones are white. Where the picture does not reach
  /// lies the transparent index or, without one, index 0, as in Pillow.
  func decodeGIF() throws(Failure) -> Picture {
    guard let screenWidth = bytes.little(6, 2), let screenHeight = bytes.little(8, 2) else {
      throw invalid("is cut within its header")
    }
    let frame = try firstGIFFrame()
    guard frame.width > 0, frame.height > 0 else {
      throw invalid("has a first frame of \(frame.width) x \(frame.height) pixels")
    }
    let width = max(screenWidth, frame.left + frame.width), height = max(screenHeight, frame.top + frame.height)
    try check(width: width, height: height)
    let indices = try AlignedBuffer(bytes: frame.width * frame.height, for: "the indices of \(name)")
    defer { withExtendedLifetime(indices) {} }
    try unpackGIF(at: frame.data, into: indices.pointer(), count: indices.bytes)
    let picture = try room(width, height)
    func write(_ index: UInt8, _ x: Int, _ y: Int) {
      let pixel = picture.pixels + y * picture.stride + x * 3
      if index == frame.transparent {
        pixel.update(repeating: 255, count: 3)
      } else {
        frame.palette.write(index, to: pixel)
      }
    }
    if width > frame.width || height > frame.height {
      for y in 0..<height { for x in 0..<width { write(frame.transparent ?? 0, x, y) } }
    }
    var row = 0
    for pass in frame.isInterlaced ? [(0, 8), (4, 8), (2, 4), (1, 2)] : [(0, 1)] {
      for y in stride(from: pass.0, to: frame.height, by: pass.1) {
        let from = indices.pointer(to: UInt8.self) + row * frame.width
        for x in 0..<frame.width { write(from[x], frame.left + x, frame.top + y) }
        row += 1
      }
    }
    return picture
  }

  /// Walks the blocks before the first picture.
  private func firstGIFFrame() throws(Failure) -> GIFFrame {
    let extensionMark = 0x21, pictureMark = 0x2C, controlLabel = 0xF9
    var frame = GIFFrame()
    var place = 13
    guard let flags = bytes.byte(10) else { throw invalid("is cut within its header") }
    var global: PicturePalette?
    if flags & 0x80 != 0 { global = try gifPalette(flags, &place) }
    while true {
      guard let mark = bytes.byte(place) else { throw invalid("is cut before its first frame") }
      place += 1
      if mark == pictureMark { break }
      guard mark == extensionMark else { throw invalid("has no frame: its block at byte \(place - 1) is of no kind") }
      // A control block: its size, flags, a delay of two bytes, the transparent index.
      if bytes.byte(place) == controlLabel, let control = bytes.part(place + 1, 5) {
        frame.transparent = control.all[1] & 1 == 1 ? control.all[4] : nil
      }
      place += 1
      while let size = bytes.byte(place), size > 0 { place += 1 + size }
      place += 1
    }
    guard let left = bytes.little(place, 2), let top = bytes.little(place + 2, 2),
      let width = bytes.little(place + 4, 2), let height = bytes.little(place + 6, 2), let local = bytes.byte(place + 8)
    else { throw invalid("is cut within its first frame") }
    (frame.left, frame.top, frame.width, frame.height) = (left, top, width, height)
    frame.isInterlaced = local & 0x40 != 0
    place += 9
    let palette = local & 0x80 != 0 ? try gifPalette(local, &place) : global
    frame.palette = palette ?? PicturePalette()
    frame.data = place
    return frame
  }

  /// Reads a palette whose size stands in the flags before it.
  private func gifPalette(_ flags: Int, _ place: inout Int) throws(Failure) -> PicturePalette {
    let entries = 2 << (flags & 7)
    guard let colours = bytes.part(place, entries * 3) else { throw invalid("is cut within its palette") }
    var palette = PicturePalette()
    for index in 0..<entries {
      palette.set(index, colours.all[index * 3], colours.all[index * 3 + 1], colours.all[index * 3 + 2])
    }
    place += entries * 3
    return palette
  }

  /// Unpacks `count` indices (Welch 1984: codes of growing width, each an earlier string and one more index).
  private func unpackGIF(at place: Int, into target: UnsafeMutablePointer<UInt8>, count: Int) throws(Failure) {
    guard let width = bytes.byte(place), (1...11).contains(width) else {
      throw invalid("has codes of \(bytes.byte(place) ?? 0) bits")
    }
    var codes = GIFCodes(bytes, at: place + 1, width: width)
    var strings = GIFStrings(width: width)
    var written = 0
    while written < count {
      guard let code = codes.next(width: strings.codeWidth) else {
        throw invalid("is cut: the file has \(written) of its \(count) pixels")
      }
      if code == strings.clear {
        strings.forget()
        continue
      }
      guard code != strings.end, let length = strings.write(code, target + written, room: count - written) else {
        throw invalid(
          code == strings.end
            ? "ends after \(written) of its \(count) pixels" : "is damaged: code \(code) after \(written) pixels")
      }
      written += length
    }
  }
}

/// The bits of a GIF, which lie in blocks of up to 255 bytes, each behind its size.
private struct GIFCodes {
  private let bytes: PictureBytes
  private var place: Int
  private var left = 0  // bytes of the block at hand
  private var bits = 0, held = 0

  init(_ bytes: PictureBytes, at place: Int, width: Int) {
    self.bytes = bytes
    self.place = place
  }

  /// The next code, its lowest bit first; nil where the data ends.
  mutating func next(width: Int) -> Int? {
    while held < width {
      if left == 0 {
        guard let size = bytes.byte(place), size > 0 else { return nil }
        place += 1
        left = size
      }
      guard let byte = bytes.byte(place) else { return nil }
      bits |= byte << held
      held += 8
      place += 1
      left -= 1
    }
    defer {
      bits >>= width
      held -= width
    }
    return bits & (1 << width - 1)
  }
}

/// The strings that codes stand for: each an earlier one and an index.
private struct GIFStrings {
  static let limit = 4096  // codes of 12 bits
  let clear: Int, end: Int
  private(set) var codeWidth: Int
  private var count: Int
  private var previous: Int?
  private var before = [Int16](repeating: 0, count: limit)
  private var last = [UInt8](repeating: 0, count: limit)
  private var first = [UInt8](repeating: 0, count: limit)
  private var length = [Int](repeating: 1, count: limit)
  private let width: Int

  init(width: Int) {
    self.width = width
    clear = 1 << width
    end = clear + 1
    (codeWidth, count) = (width + 1, end + 1)
    for index in 0..<clear {
      (last[index], first[index]) = (UInt8(truncatingIfNeeded: index), UInt8(truncatingIfNeeded: index))
    }
  }

  mutating func forget() { (codeWidth, count, previous) = (width + 1, end + 1, nil) }

  /// Writes the string of a code, as far as there is room, and learns the one that follows from it. Returns what was
  /// written, nil for a code that stands for nothing.
  mutating func write(_ code: Int, _ target: UnsafeMutablePointer<UInt8>, room: Int) -> Int? {
    guard code < clear || previous != nil && code <= count && code < GIFStrings.limit else { return nil }
    if let previous, count < GIFStrings.limit {
      // A code that is just being learned begins as the string before it.
      let next = code == count ? first[previous] : first[code]
      (before[count], last[count], first[count]) = (Int16(previous), next, first[previous])
      length[count] = length[previous] + 1
      count += 1
      if count == 1 << codeWidth, codeWidth < 12 { codeWidth += 1 }
    } else if code >= count {
      return nil
    }
    previous = code
    let written = min(length[code], room)
    var rest = code
    for place in stride(from: length[code] - 1, through: 0, by: -1) {
      if place < written { target[place] = last[rest] }
      rest = Int(before[rest])
    }
    return written
  }
}
