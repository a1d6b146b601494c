import AttendBase
import Glibc

/// How well zlib compresses the ids of a text, which tells of repetitions: a decoder that is caught in a loop writes
/// what compresses well. The measure is that of the reference, which takes the bytes of ids and zlib's default level,
/// so it is zlib itself that is asked; it is opened by name when first wanted.
struct CompressionRatio: Sendable {
  /// compressBound(sourceLen)
  private typealias Bound = @convention(c) (UInt) -> UInt
  /// compress2(dest, destLen, source, sourceLen, level)
  private typealias Compress =
    @convention(c) (
      UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt>, UnsafePointer<UInt8>, UInt, Int32
    ) -> Int32
  private let bound: Bound
  private let compress: Compress
  /// Bytes of an id.
  private let width: Int

  private static let file = "libz.so.1"
  private static let defaultLevel: Int32 = -1

  /// Throws `unsupported` where zlib is not installed.
  init(vocabulary: Int) throws(Failure) {
    let library = dlopen(CompressionRatio.file, RTLD_NOW | RTLD_LOCAL)
    func symbol<Function>(_ symbol: String, as type: Function.Type) throws(Failure) -> Function {
      guard let library, let address = dlsym(library, symbol) else {
        let reason = dlerror().map { String(cString: $0) } ?? "it has no \(symbol)"
        throw Failure(
          .unsupported,
          "compression_ratio_threshold needs zlib (Debian package zlib1g), which could not be loaded: \(reason)")
      }
      return unsafeBitCast(address, to: type)
    }
    bound = try symbol("compressBound", as: Bound.self)
    compress = try symbol("compress2", as: Compress.self)
    width = (Int.bitWidth - 1 - max(vocabulary, 1).leadingZeroBitCount) / 8 + 1
  }

  /// The bytes of `tokens` divided by those that they compress to.
  func ratio(of tokens: UnsafeBufferPointer<Int32>) throws(Failure) -> Double {
    var bytes = GrowingList<UInt8>(for: "the ids of a text")
    try bytes.reserve(max(tokens.count * width, 1))
    for token in tokens {
      for place in 0..<width { try bytes.append(UInt8(truncatingIfNeeded: token >> Int32(8 * place))) }
    }
    var length = bound(UInt(bytes.count))
    let target = try AlignedBuffer(bytes: Int(length), for: "the compressed ids of a text")
    let status = compress(
      target.pointer(), &length, UnsafePointer(bytes.storage), UInt(bytes.count), CompressionRatio.defaultLevel)
    guard status == 0 else { throw Failure(.internalError, "zlib fails with \(status) on \(bytes.count) bytes") }
    return Double(bytes.count) / Double(length)
  }
}
