// How files are written: under another name beside their own, which they get when they are whole.
import AttendBase
import Glibc
import Synchronization

/// A file that comes to be at `path` all at once, in the place of what may be there; or not at all, where it is not
/// finished.
package final class NewFile {
  private let descriptor: Int32
  private let path: String
  private let temporary: String
  private var isFinished = false

  /// So that threads which write to one path do not meet.
  private static let made = Atomic(0)

  /// Throws `notFound` where the folder does not exist, `inputOutput` where nothing can be written there.
  package init(_ path: String) throws(Failure) {
    guard !path.utf8.contains(0), !path.isEmpty else {
      throw Failure(.invalidArgument, "no file can have the path \(path.debugDescription)")
    }
    let number = NewFile.made.add(1, ordering: .relaxed).newValue
    temporary = "\(path).\(getpid())-\(number).part"
    self.path = path
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      let code = errno
      isFinished = true  // there is nothing to take away
      throw code == ENOENT || code == ENOTDIR
        ? Failure(.notFound, "\(path) cannot be written: its folder does not exist")
        : OpenFile.failure("written", path, code)
    }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if !isFinished { unlink(temporary) }
  }

  /// Appends bytes. Throws `inputOutput` with the system's reason.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
    var place = 0
    while place < bytes.count {
      let done = Glibc.write(descriptor, bytes.baseAddress! + place, bytes.count - place)
      if done < 0 && errno == EINTR { continue }
      guard done > 0 else { throw OpenFile.failure("written", path, errno) }
      place += done
    }
  }

  /// Gives the file its name, once what was written is on the disk.
  package func finish() throws(Failure) {
    guard fsync(descriptor) == 0, rename(temporary, path) == 0 else {
      throw OpenFile.failure("written", path, errno)
    }
    isFinished = true
  }
}
