import Glibc

/// Memory for numbers: aligned to cache lines, from an allocation that may fail and says so. Zeroed only on request.
@usableFromInline package final class AlignedBuffer: @unchecked Sendable {
  /// The first byte, a multiple of `alignment`.
  package let base: UnsafeMutableRawPointer
  /// The number of bytes that were asked for.
  package let bytes: Int

  /// The width of the widest vector, and a cache line.
  package static let alignment = 64

  /// The size of a large page: larger buffers ask for such, since weights are streamed and each small page would cost a
  /// fault and a look-up.
  package static let largePage = 2 << 20

  /// Throws `outOfMemory`, naming `purpose`, where the system does not give `bytes` bytes.
  package init(bytes: Int, for purpose: @autoclosure () -> String) throws(Failure) {
    var pointer: UnsafeMutableRawPointer?
    let isLarge = bytes >= AlignedBuffer.largePage
    let alignment = isLarge ? AlignedBuffer.largePage : AlignedBuffer.alignment
    guard bytes >= 0, posix_memalign(&pointer, alignment, max(bytes, 1)) == 0, let pointer else {
      throw .outOfMemory(bytes, for: purpose())
    }
    if isLarge { madvise(pointer, bytes & ~(AlignedBuffer.largePage - 1), MADV_HUGEPAGE) }
    self.base = pointer
    self.bytes = bytes
  }

  deinit { free(base) }

  /// The memory as `count` numbers from its start.
  package func pointer<T>(to type: T.Type = T.self) -> UnsafeMutablePointer<T> { base.assumingMemoryBound(to: type) }
}

extension AlignedBuffer {
  /// Room for `count` elements of `type`; a product that does not fit an `Int` is an `outOfMemory` too.
  package convenience init<T>(_ count: Int, of type: T.Type, for purpose: @autoclosure () -> String) throws(Failure) {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<T>.stride)
    guard !overflow else { throw .outOfMemory(Int.max, for: purpose()) }
    try self.init(bytes: bytes, for: purpose())
  }
}
