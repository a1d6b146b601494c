import AttendBase
import Glibc

/// libsndfile, which decodes FLAC, MP3, Ogg Vorbis and Opus, AIFF and others; opened by name when first wanted, so that
/// a program without such files needs none of it.
struct SoundFileLibrary: Sendable {
  /// SF_INFO of its header, sndfile.h.
  struct Info {
    var frames: Int64 = 0
    var rate: Int32 = 0
    var channels: Int32 = 0
    var format: Int32 = 0
    var sections: Int32 = 0
    var seekable: Int32 = 0
  }

  /// SF_VIRTUAL_IO: a file that is read through functions of the caller's.
  struct Callbacks {
    var length: @convention(c) (UnsafeMutableRawPointer?) -> Int64
    var seek: @convention(c) (Int64, Int32, UnsafeMutableRawPointer?) -> Int64
    var read: @convention(c) (UnsafeMutableRawPointer?, Int64, UnsafeMutableRawPointer?) -> Int64
    var write: @convention(c) (UnsafeRawPointer?, Int64, UnsafeMutableRawPointer?) -> Int64
    var tell: @convention(c) (UnsafeMutableRawPointer?) -> Int64
  }

  typealias Open =
    @convention(c) (UnsafeMutableRawPointer, Int32, UnsafeMutableRawPointer, UnsafeMutableRawPointer?) -> OpaquePointer?
  typealias Read = @convention(c) (OpaquePointer, UnsafeMutablePointer<Float>, Int64) -> Int64
  typealias Seek = @convention(c) (OpaquePointer, Int64, Int32) -> Int64
  typealias Close = @convention(c) (OpaquePointer) -> Int32
  typealias Message = @convention(c) (OpaquePointer?) -> UnsafePointer<CChar>?

  let open: Open
  let read: Read
  let seek: Seek
  let close: Close
  let message: Message

  private static let file = "libsndfile.so.1"

  /// Opens the library; `name` is the sound that needs it. Throws `unsupported` where it is not installed.
  init(for name: String) throws(Failure) {
    let library = dlopen(SoundFileLibrary.file, RTLD_NOW | RTLD_LOCAL)
    func symbol<Function>(_ symbol: String, as type: Function.Type) throws(Failure) -> Function {
      guard let library, let address = dlsym(library, symbol) else {
        let reason = dlerror().map { String(cString: $0) } ?? "it has no \(symbol)"
        throw Failure(
          .unsupported,
          "\(name) is no WAV file, and other formats need libsndfile (Debian package libsndfile1), which could not be "
            + "loaded: \(reason)")
      }
      return unsafeBitCast(address, to: type)
    }
    open = try symbol("sf_open_virtual", as: Open.self)
    read = try symbol("sf_readf_float", as: Read.self)
    seek = try symbol("sf_seek", as: Seek.self)
    close = try symbol("sf_close", as: Close.self)
    message = try symbol("sf_strerror", as: Message.self)
  }
}
