// Windows bitmaps: plain, run lengths, bit fields; from the top or from the bottom.
import AttendBase

/// The headers of a bitmap, checked.
struct BitmapHeader {
  let width: Int, height: Int
  let isTopDown: Bool
  let bits: Int
  let compression: Compression
  /// The places of the palette and of the pixels in the file.
  let palette: Int, pixels: Int
  let paletteEntryBytes: Int, paletteEntries: Int
  /// The bits of red, green, blue and alpha in a pixel; 0 where there is no such channel.
  let masks: [UInt32]

  enum Compression: Int { case none = 0, runs8 = 1, runs4 = 2, fields = 3, fieldsWithAlpha = 6 }

  init(_ file: PictureFile) throws(Failure) {
    let start = 14  // after the file's own header
    let bytes = file.bytes
    func number(_ place: Int, _ count: Int) throws(Failure) -> Int {
      guard let value = bytes.little(place, count) else { throw file.invalid("is cut within its header") }
      return value
    }
    let size = try number(start, 4)
    guard size == 12 || (40...256).contains(size) else {
      throw file.invalid("has a header of \(size) bytes, which is of no known kind")
    }
    let isOld = size == 12  // OS/2 1: sizes of 16 bits, palette entries without padding
    width = try number(start + 4, isOld ? 2 : 4)
    let stored = try isOld ? number(start + 6, 2) : Int(Int32(truncatingIfNeeded: number(start + 8, 4)))
    isTopDown = stored < 0
    height = abs(stored)
    bits = try number(start + (isOld ? 10 : 14), 2)
    let kind = isOld ? 0 : try number(start + 16, 4)
    guard let compression = Compression(rawValue: kind), BitmapHeader.pairs(compression, bits) else {
      throw file.invalid("has \(bits) bits a pixel in compression \(kind), which is not known")
    }
    self.compression = compression
    // Fields follow a header that has no room for them.
    let hasFields = compression == .fields || compression == .fieldsWithAlpha
    let trailing = hasFields && size < 52 ? (compression == .fields ? 12 : 16) : 0
    if hasFields {
      let hasAlpha = compression == .fieldsWithAlpha || size >= 56
      var masks: [UInt32] = []
      for channel in 0..<(hasAlpha ? 4 : 3) { masks.append(UInt32(try number(start + 40 + channel * 4, 4))) }
      self.masks = hasAlpha ? masks : masks + [0]
    } else {
      masks = bits == 16 ? [0x7C00, 0x3E0, 0x1F, 0] : [0xFF0000, 0xFF00, 0xFF, 0]
    }
    palette = start + size + trailing
    paletteEntryBytes = isOld ? 3 : 4
    let used = isOld || bits > 8 ? 0 : try number(start + 32, 4)
    paletteEntries = bits > 8 ? 0 : used == 0 ? 1 << bits : min(used, 256)
    pixels = try number(10, 4)
  }

  /// Whether a compression exists for a number of bits.
  private static func pairs(_ compression: Compression, _ bits: Int) -> Bool {
    switch compression {
    case .none: [1, 4, 8, 16, 24, 32].contains(bits)
    case .runs8: bits == 8
    case .runs4: bits == 4
    case .fields, .fieldsWithAlpha: bits == 16 || bits == 32
    }
  }

  /// The bytes of a row in the file: whole words of 32 bits.
  var rowBytes: Int { (width * bits + 31) / 32 * 4 }
}

extension PictureFile {
  /// Pixels of any bitmap.
  func decodeBMP() throws(Failure) -> Picture {
    let header = try BitmapHeader(self)
    try check(width: header.width, height: header.height)
    let picture = try room(header.width, header.height)
    switch header.compression {
    case .runs4, .runs8: try decodeRuns(header, into: picture)
    case .none where header.bits <= 8: try decodeIndices(header, into: picture)
    default: try decodeFields(header, into: picture)
    }
    return picture
  }

  /// The colours of a bitmap. One that the palette does not have is a gray, as in Pillow.
  func palette(of header: BitmapHeader) throws(Failure) -> PicturePalette {
    var palette = PicturePalette()
    let bytes = header.paletteEntryBytes
    guard let entries = self.bytes.part(header.palette, header.paletteEntries * bytes) else {
      throw invalid("is cut within its palette")
    }
    for index in 0..<header.paletteEntries {
      let place = index * bytes
      palette.set(index, entries.all[place + 2], entries.all[place + 1], entries.all[place])
    }
    return palette
  }

  /// The rows of a bitmap without run lengths.
  private func rows(of header: BitmapHeader) throws(Failure) -> PictureBytes {
    guard let rows = bytes.part(header.pixels, header.rowBytes * header.height) else {
      throw invalid(
        "has \(header.width) x \(header.height) pixels, but the file has \(max(0, bytes.count - header.pixels)) bytes "
          + "for them, not \(header.rowBytes * header.height)")
    }
    return rows
  }

  private func decodeIndices(_ header: BitmapHeader, into picture: Picture) throws(Failure) {
    let palette = try palette(of: header), rows = try rows(of: header).start
    let perByte = 8 / header.bits, mask = UInt8(truncatingIfNeeded: (1 << header.bits) - 1)
    for y in 0..<header.height {
      let row = rows + (header.isTopDown ? y : header.height - 1 - y) * header.rowBytes
      for x in 0..<header.width {
        let shift = 8 - header.bits * (x % perByte + 1)
        palette.write(row[x / perByte] >> shift & mask, to: picture.pixels + y * picture.stride + x * 3)
      }
    }
  }

  private func decodeFields(_ header: BitmapHeader, into picture: Picture) throws(Failure) {
    var fields: [BitField] = []
    for mask in header.masks {
      guard let field = BitField(mask) else {
        throw invalid("has the mask 0x\(String(mask, radix: 16)) for a channel, whose bits are not in one piece")
      }
      fields.append(field)
    }
    let rows = try rows(of: header).start, bytes = header.bits / 8
    let hasAlpha = header.masks[3] != 0
    var pixel: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 255)
    for y in 0..<header.height {
      let row = rows + (header.isTopDown ? y : header.height - 1 - y) * header.rowBytes
      for x in 0..<header.width {
        var value: UInt32 = 0
        for byte in 0..<bytes { value |= UInt32(row[x * bytes + byte]) << UInt32(byte * 8) }
        (pixel.0, pixel.1, pixel.2) = (fields[0].read(value), fields[1].read(value), fields[2].read(value))
        if hasAlpha { pixel.3 = fields[3].read(value) }
        withUnsafeBytes(of: pixel) {
          Picture.composeOverWhite(
            $0.baseAddress!.assumingMemoryBound(to: UInt8.self), picture.pixels + y * picture.stride + x * 3, count: 1)
        }
      }
    }
  }
}

/// A channel within a pixel of 16 or 32 bits.
private struct BitField {
  private let shift: UInt32
  private let largest: UInt32

  /// nil where the bits of the mask are not side by side.
  init?(_ mask: UInt32) {
    shift = mask == 0 ? 0 : UInt32(mask.trailingZeroBitCount)
    largest = mask >> shift
    guard largest & (largest &+ 1) == 0 else { return nil }
  }

  /// The channel spread to 0..255, rounded down as by Pillow; 0 without a mask.
  func read(_ pixel: UInt32) -> UInt8 {
    largest == 0 ? 0 : UInt8(truncatingIfNeeded: UInt64(pixel >> shift & largest) * 255 / UInt64(largest))
  }
}
