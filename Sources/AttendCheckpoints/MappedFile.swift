// Files of weights in memory without a copy.
import AttendBase
import Glibc

/// A file mapped read-only. Any number of threads may read it at once.
///
/// The bytes are those on the disk: a file that another program shortens while it is mapped ends the process at the
/// next read of what is gone (SIGBUS), as with every mapping. Replacing a file by renaming another over it, as
/// downloads do, is harmless.
package final class MappedFile: @unchecked Sendable {
  package let path: String
  /// The content, alive as long as this object; for an empty file a buffer without an address.
  package let bytes: UnsafeRawBufferPointer

  /// Throws `notFound` where nothing is at `path`; `inputOutput`, with the system's reason, where it cannot be opened
  /// or mapped, and for a folder.
  package init(_ path: String) throws(Failure) {
    let file = try OpenFile(path)
    self.path = path
    guard file.size > 0 else {  // the system maps no empty range
      self.bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, file.size, PROT_READ, MAP_PRIVATE, file.descriptor, 0), base != MAP_FAILED else {
      throw OpenFile.failure("mapped", path, errno)
    }
    self.bytes = UnsafeRawBufferPointer(start: base, count: file.size)
  }

  deinit { if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) } }

  /// Asks the system to read a range of the file ahead, while the caller does something else; nil is the whole file. A
  /// hint: nothing can fail.
  package func willNeed(_ range: Range<Int>? = nil) {
    let range = (range ?? 0..<bytes.count).clamped(to: 0..<bytes.count)
    let page = MappedFile.pageSize
    advise(range.lowerBound / page * page..<range.upperBound, MADV_WILLNEED)
  }

  /// Tells the system that a range of the file has been used and its memory may serve others; nil is the whole file.
  /// Reading it again is allowed and slow. Pages that the range covers in part stay.
  package func dontNeed(_ range: Range<Int>? = nil) {
    let range = (range ?? 0..<bytes.count).clamped(to: 0..<bytes.count)
    let page = MappedFile.pageSize
    let first = (range.lowerBound + page - 1) / page * page
    let end = range.upperBound == bytes.count ? bytes.count : range.upperBound / page * page
    if first < end { advise(first..<end, MADV_DONTNEED) }
  }

  private static let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

  private func advise(_ range: Range<Int>, _ advice: Int32) {
    guard let base = bytes.baseAddress, !range.isEmpty else { return }
    madvise(UnsafeMutableRawPointer(mutating: base) + range.lowerBound, range.count, advice)
  }
}
