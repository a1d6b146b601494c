import AttendBase
import CInstructions
import Glibc
import Synchronization

/// A file without a name, which is gone with the process whatever ends it.
final class TemporaryFile: Sendable {
  /// Where it lies.
  let directory: String
  private let descriptor: Int32
  private let size = Mutex(0)

  /// Throws `unsupported` where the directory's files are in memory, `inputOutput` where none can be made there. Where
  /// no directory is given it is that of TMPDIR, /var/tmp or /tmp, the first whose files are on a disk.
  init(in given: String?) throws(Failure) {
    if let given { directory = given } else { directory = try TemporaryFile.usual() }
    guard !TemporaryFile.isInMemory(directory) else {
      throw Failure(
        .unsupported, "\(directory) is in memory itself: weights that are mapped need a directory on a disk")
    }
    var descriptor = open(directory, O_RDWR | O_CLOEXEC | TemporaryFile.withoutName, 0o600)
    if descriptor < 0 { descriptor = TemporaryFile.unlinked(directory) }
    guard descriptor >= 0 else {
      throw Failure(
        .inputOutput, "\(directory): no file for mapped weights can be made there: \(String(cString: strerror(errno)))")
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// O_TMPFILE, which the importer of C does not see.
  private static let withoutName: Int32 = 0o20_000_000 | O_DIRECTORY

  /// For file systems that do not make such files.
  private static func unlinked(_ directory: String) -> Int32 {
    var path = Array("\(directory)/attend-weights-XXXXXX".utf8CString)
    let descriptor = path.withUnsafeMutableBufferPointer { mkstemp($0.baseAddress!) }
    if descriptor >= 0 {
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      unlink(path)
    }
    return descriptor
  }

  private static func usual() throws(Failure) -> String {
    let own = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    for directory in [own, "/var/tmp", "/tmp"] where !directory.isEmpty && !isInMemory(directory) { return directory }
    throw Failure(
      .unsupported,
      "TMPDIR, /var/tmp and /tmp are in memory themselves: weights that are mapped need a directory on a "
        + "disk")
  }

  private static func isInMemory(_ directory: String) -> Bool { attend_is_in_memory(directory) != 0 }

  /// Maps so many bytes more, whole pages of them. The disk's room is taken at once: a disk that fills up later would
  /// end the process at a write.
  func extend(by bytes: Int) throws(Failure) -> WeightStore.Region {
    let (sum, overflow) = bytes.addingReportingOverflow(ResidentPages.size - 1)
    guard !overflow, bytes > 0 else { throw .outOfMemory(bytes, for: "mapped weights") }
    let length = sum & ~(ResidentPages.size - 1)
    let offset = size.withLock { (size) -> Int in
      defer { size += length }
      return size
    }
    let refusal = posix_fallocate(descriptor, off_t(offset), off_t(length))
    guard refusal == 0 else {
      throw Failure(
        .inputOutput,
        "\(directory): no room for \(length) bytes of mapped weights behind the first \(offset): "
          + String(cString: strerror(refusal)))
    }
    guard let base = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, off_t(offset)),
      base != MAP_FAILED
    else { throw .outOfMemory(length, for: "mapped weights") }
    return WeightStore.Region(base: base, bytes: length, offset: offset)
  }

  /// Gives the memory of a region back. What was written to it goes to the disk first.
  func drop(_ region: inout WeightStore.Region) {
    if region.isWritten { msync(region.base, region.bytes, MS_SYNC) }
    region.isWritten = false
    madvise(region.base, region.bytes, MADV_DONTNEED)
    posix_fadvise(descriptor, off_t(region.offset), off_t(region.bytes), POSIX_FADV_DONTNEED)
  }
}

/// Pages of mapped files, in memory or not.
enum ResidentPages {
  static let size = Int(sysconf(Int32(_SC_PAGESIZE)))

  /// Bytes of a range, from the start of a page on, that are not in memory; all where the system does not tell.
  static func missing(_ base: UnsafeMutableRawPointer, _ bytes: Int) -> Int {
    let most = 4096
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: most) { pages in
      var missing = 0
      for first in stride(from: 0, to: bytes, by: most * size) {
        let part = min(bytes - first, most * size), count = (part + size - 1) / size
        guard mincore(base + first, part, pages.baseAddress!) == 0 else { return bytes }
        for page in 0..<count where pages[page] & 1 == 0 { missing += size }
      }
      return missing
    }
  }

  /// MADV_POPULATE_READ of Linux 5.14.
  private static let populate: Int32 = 22

  /// Has a range in memory, from the start of a page on; false where it cannot be read.
  static func bring(_ base: UnsafeMutableRawPointer, _ bytes: Int) -> Bool {
    while madvise(base, bytes, populate) != 0 {
      if errno == EINTR || errno == EAGAIN { continue }
      guard errno == EINVAL || errno == ENOSYS else { return false }
      madvise(base, bytes, MADV_WILLNEED)
      var sum: UInt8 = 0
      for place in stride(from: 0, to: bytes, by: size) { sum &+= base.load(fromByteOffset: place, as: UInt8.self) }
      return withExtendedLifetime(sum) { true }
    }
    return true
  }
}
