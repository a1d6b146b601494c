// Files of weights in memory without a copy.
import AttendBase
import Glibc

/// A file mapped read-only, or copied where that is asked for, or lent by the program that has it in memory. Any number
/// of threads may read it at once.
///
/// The bytes of a mapping are those on the disk: a file that another program shortens while it is mapped ends the
/// process at the next read of what is gone (SIGBUS). Replacing a file by renaming another over it, as downloads do, is
/// harmless. A copy takes memory, and nothing that happens to the file can reach it.
package final class MappedFile: @unchecked Sendable {
  package let path: String
  /// The content, alive as long as this object; for an empty file a buffer without an address.
  package let bytes: UnsafeRawBufferPointer
  private let origin: Origin

  /// The owner of the memory in which the bytes are.
  private enum Origin { case mapping, copy, caller }

  /// Whether the bytes are a copy.
  var isCopy: Bool { origin == .copy }

  /// Throws `notFound` where nothing is at `path`; `inputOutput`, with the system's reason, where it cannot be opened,
  /// mapped or read, and for a folder; `outOfMemory` for a copy.
  package init(_ path: String, copies: Bool = false) throws(Failure) {
    let file = try OpenFile(path)
    self.path = path
    origin = copies ? .copy : .mapping
    guard file.size > 0 else {  // the system maps no empty range
      self.bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    self.bytes = UnsafeRawBufferPointer(
      start: copies ? try MappedFile.copy(of: file) : try MappedFile.mapping(of: file), count: file.size)
  }

  /// A file at `bytes`, which must stay as they are as long as this object lives, or a copy of them. Throws
  /// `outOfMemory`.
  init(_ path: String, bytes: UnsafeRawBufferPointer, copies: Bool) throws(Failure) {
    self.path = path
    origin = copies ? .copy : .caller
    guard copies, bytes.count > 0 else {
      self.bytes = bytes
      return
    }
    let copy = try MappedFile.pages(bytes.count, for: path)
    copy.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    self.bytes = UnsafeRawBufferPointer(start: copy, count: bytes.count)
  }

  private static func mapping(of file: borrowing OpenFile) throws(Failure) -> UnsafeMutableRawPointer {
    guard let base = mmap(nil, file.size, PROT_READ, MAP_PRIVATE, file.descriptor, 0), base != MAP_FAILED else {
      throw OpenFile.failure("mapped", file.path, errno)
    }
    return base
  }

  /// Pages that belong to no file.
  private static func pages(_ count: Int, for path: String) throws(Failure) -> UnsafeMutableRawPointer {
    let (protection, flags) = (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS)
    guard let base = mmap(nil, count, protection, flags, -1, 0), base != MAP_FAILED else {
      throw .outOfMemory(count, for: "a copy of \(path)")
    }
    return base
  }

  /// The content in such pages.
  private static func copy(of file: borrowing OpenFile) throws(Failure) -> UnsafeMutableRawPointer {
    let base = try pages(file.size, for: file.path)
    do throws(Failure) {
      let filled = try file.read(into: UnsafeMutableRawBufferPointer(start: base, count: file.size))
      guard filled == file.size else {
        throw Failure(
          .inputOutput, "\(file.path) was shortened from \(file.size) to \(filled) bytes while it was being read")
      }
    } catch {
      munmap(base, file.size)
      throw error
    }
    return base
  }

  deinit {
    guard origin != .caller, let base = bytes.baseAddress else { return }
    munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
  }

  /// Throws `invalidFile` where a clone of a repository left a pointer in the place of the file.
  func refusePointer() throws(Failure) {
    guard !bytes.starts(with: "version https://git-lfs".utf8) else {
      throw Failure(.invalidFile, "\(path) is a pointer of Git LFS, not the file itself: fetch it with 'git lfs pull'")
    }
  }

  /// Asks the system to read a range of the file ahead, while the caller does something else; nil is the whole file. A
  /// hint: nothing can fail.
  package func willNeed(_ range: Range<Int>? = nil) {
    let range = (range ?? 0..<bytes.count).clamped(to: 0..<bytes.count)
    let page = MappedFile.pageSize
    advise(range.lowerBound / page * page..<range.upperBound, MADV_WILLNEED)
  }

  /// Tells the system that a range of the file has been used and its memory may serve others; nil is the whole file.
  /// Reading it again is allowed and slow. Pages that the range covers in part stay, and so does a copy.
  package func dontNeed(_ range: Range<Int>? = nil) {
    if origin == .mapping { release(range) }
  }

  /// Gives back the memory of a range of a copy, which is not read again.
  func forget(_ range: Range<Int>) { if isCopy { release(range) } }

  private func release(_ range: Range<Int>?) {
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
