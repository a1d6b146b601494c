import AttendBase

/// The formats that are decoded, each told by the first bytes of a file.
enum PictureFormat: String {
  case png = "PNG", jpeg = "JPEG", webp = "WebP", bmp = "BMP", gif = "GIF"

  init?(_ bytes: PictureBytes) {
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if bytes.has("RIFF", at: 0), bytes.has("WEBP", at: 8) {
      self = .webp
    } else if bytes.has("BM", at: 0) {
      self = .bmp
    } else if bytes.has("GIF87a", at: 0) || bytes.has("GIF89a", at: 0) {
      self = .gif
    } else {
      return nil
    }
  }
}

/// A file that is being decoded: its bytes, what messages call it, and what is asked for.
struct PictureFile {
  let bytes: PictureBytes
  let name: String
  let options: PictureOptions
  let format: PictureFormat

  init(_ bytes: UnsafeRawBufferPointer, named name: String, options: PictureOptions) throws(Failure) {
    self.bytes = PictureBytes(bytes)
    self.name = name
    self.options = options
    guard bytes.count > 0 else { throw Failure(.invalidFile, "\(name) is empty, no picture") }
    guard let format = PictureFormat(self.bytes) else {
      let first = bytes.prefix(8).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
      throw Failure(
        .invalidFile,
        "\(name) is no PNG, JPEG, WebP, BMP or GIF picture: it begins with the bytes \(first.joined(separator: " "))")
    }
    self.format = format
  }

  func decode() throws(Failure) -> Picture {
    let stored =
      switch format {
      case .png: try decodePNG()
      case .jpeg: try decodeJPEG()
      case .webp: try decodeWebP()
      case .bmp: try decodeBMP()
      case .gif: try decodeGIF()
      }
    guard options.appliesOrientation else { return stored }
    return try stored.turned(by: orientation, named: name)
  }

  /// An `invalidFile` that names the picture and its format.
  func invalid(_ reason: String) -> Failure {
    Failure(.invalidFile, "\(name): the \(format.rawValue) picture \(reason)")
  }

  /// A failure in the words of a library; some of them mean that there was no memory.
  func failure(_ message: String) -> Failure {
    let lacksMemory = message.lowercased().contains("memory")
    return Failure(
      lacksMemory ? .outOfMemory : .invalidFile, "\(name): the \(format.rawValue) picture cannot be decoded: \(message)"
    )
  }

  /// Throws where a file has no pixels or more than are allowed, before memory is asked for.
  func check(width: Int, height: Int) throws(Failure) {
    guard width > 0, height > 0 else { throw invalid("has \(width) x \(height) pixels") }
    guard width.saturatingMultiply(height) <= options.maximalPixels else {
      throw invalid(
        "has \(width) x \(height) pixels, more than the \(options.maximalPixels) that are allowed")
    }
  }

  /// Room for a picture of a size that has been checked.
  func room(_ width: Int, _ height: Int) throws(Failure) -> Picture {
    try Picture(width: width, height: height, for: "the \(width) x \(height) pixels of \(name)")
  }
}

/// The bytes of a file, read at places that the file names itself: nil beyond the end.
struct PictureBytes {
  let all: UnsafeRawBufferPointer

  init(_ all: UnsafeRawBufferPointer) { self.all = all }

  var count: Int { all.count }
  var start: UnsafePointer<UInt8> { all.baseAddress!.assumingMemoryBound(to: UInt8.self) }

  func starts(with bytes: [UInt8]) -> Bool { all.starts(with: bytes) }

  func has(_ text: StaticString, at place: Int) -> Bool {
    guard let part = part(place, text.utf8CodeUnitCount) else { return false }
    return text.withUTF8Buffer { part.all.elementsEqual($0) }
  }

  /// Bytes `[place, place + count)`, nil where the file does not have them all.
  func part(_ place: Int, _ count: Int) -> PictureBytes? {
    guard place >= 0, count >= 0, place <= all.count, count <= all.count - place else { return nil }
    return PictureBytes(UnsafeRawBufferPointer(rebasing: all[place..<place + count]))
  }

  func byte(_ place: Int) -> Int? { place >= 0 && place < all.count ? Int(all[place]) : nil }

  /// A number of `count` bytes, the lowest first.
  func little(_ place: Int, _ count: Int) -> Int? { part(place, count)?.all.reversed().reduce(0) { $0 << 8 | Int($1) } }

  /// A number of `count` bytes, the highest first.
  func big(_ place: Int, _ count: Int) -> Int? { part(place, count)?.all.reduce(0) { $0 << 8 | Int($1) } }
}
