import AttendBase
import CPictures
import Glibc

/// A library of the system that reads a format, opened when the first picture of that format comes: a program without
/// pictures needs none of them.
struct CodecLibrary: Sendable {
  private let file: String
  private let package: String
  private let format: PictureFormat

  static let png = CodecLibrary(file: "libpng16.so.16", package: "libpng16-16", format: .png)
  static let jpeg = CodecLibrary(file: "libjpeg.so.62", package: "libjpeg62-turbo", format: .jpeg)
  static let webp = CodecLibrary(file: "libwebp.so.7", package: "libwebp7", format: .webp)

  /// Opens the library and lets `bind` take its functions, which names the first that is missing.
  func open(_ bind: (UnsafeMutableRawPointer) -> UnsafePointer<CChar>?) throws(Failure) {
    guard let library = dlopen(file, RTLD_NOW | RTLD_LOCAL) else {
      throw refusal(dlerror().map { String(cString: $0) } ?? file)
    }
    if let missing = bind(library) { throw refusal("\(file) has no \(String(cString: missing))") }
  }

  private func refusal(_ reason: String) -> Failure {
    Failure(
      .unsupported,
      "\(format.rawValue) pictures need \(file) (Debian package \(package)), which could not be loaded: \(reason)")
  }
}
