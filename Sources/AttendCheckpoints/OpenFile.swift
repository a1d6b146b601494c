// How files are opened and read: every refusal of the system becomes a Failure that names the path.
import AttendBase
import Glibc

/// A regular file, open for reading until the value ends.
package struct OpenFile: ~Copyable {
  let descriptor: Int32
  package let path: String
  /// Bytes in the file when it was opened.
  package let size: Int

  /// Throws `notFound` where nothing is at `path`, `inputOutput` where it cannot be opened or is no regular file.
  package init(_ path: String) throws(Failure) {
    guard !path.utf8.contains(0) else {
      throw Failure(.notFound, "\(path.debugDescription) does not exist: a path cannot hold NUL")
    }
    // Without O_NONBLOCK, opening a pipe would wait for its writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw OpenFile.failure("opened", path, errno) }
    var status = stat()
    let refusal: Failure? =
      if fstat(descriptor, &status) != 0 {
        OpenFile.failure("examined", path, errno)
      } else if status.st_mode & S_IFMT == S_IFDIR {
        Failure(.inputOutput, "\(path) is a folder, not a file")
      } else if status.st_mode & S_IFMT != S_IFREG { Failure(.inputOutput, "\(path) is not a regular file") } else {
        nil
      }
    if let refusal {
      close(descriptor)
      throw refusal
    }
    self.descriptor = descriptor
    self.path = path
    self.size = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Reads from `offset`, the file's start if it is not given, until `target` is full or the file ends, and tells how
  /// many bytes that are. Throws `inputOutput`.
  package func read(into target: UnsafeMutableRawBufferPointer, at offset: Int = 0) throws(Failure) -> Int {
    var filled = 0
    while filled < target.count {
      let got = pread(descriptor, target.baseAddress! + filled, target.count - filled, off_t(offset + filled))
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw OpenFile.failure("read", path, errno) }
      if got == 0 { break }  // it has become shorter since it was opened
      filled += got
    }
    return filled
  }

  /// The failure of the system about `path` when it was to be, for example, "opened".
  static func failure(_ verb: String, _ path: String, _ code: Int32) -> Failure {
    if code == ENOENT || code == ENOTDIR { return Failure(.notFound, "\(path) does not exist") }
    return Failure(.inputOutput, "\(path) cannot be \(verb): \(String(cString: strerror(code)))")
  }
}

/// A file copied into memory: for texts, which must stay as they were when they were checked. Any number of threads may
/// read it at once.
package final class LoadedFile: Sendable {
  package let path: String
  private let buffer: AlignedBuffer
  private let count: Int

  /// The content, alive as long as this object. A NUL that does not count follows it.
  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: buffer.base, count: count) }

  /// Throws `notFound` where nothing is at `path`, `inputOutput` with the system's reason, `outOfMemory`.
  package init(_ path: String) throws(Failure) {
    let file = try OpenFile(path)
    guard file.size < Int.max else { throw .outOfMemory(file.size, for: path) }
    let buffer = try AlignedBuffer(bytes: file.size + 1, for: path)
    let filled = try file.read(into: UnsafeMutableRawBufferPointer(start: buffer.base, count: file.size))
    buffer.base.storeBytes(of: 0, toByteOffset: filled, as: UInt8.self)
    self.path = path
    self.buffer = buffer
    self.count = filled
  }

  /// A text that stands in the place of a file at `path`. Throws `outOfMemory`.
  convenience init(_ path: String, holding text: String) throws(Failure) {
    try self.init(path, holding: text.utf8)
  }

  /// Bytes that stand in the place of a file at `path`. Throws `outOfMemory`.
  init(_ path: String, holding bytes: some Collection<UInt8>) throws(Failure) {
    count = bytes.count
    buffer = try AlignedBuffer(bytes: count + 1, for: path)
    for (place, byte) in bytes.enumerated() { buffer.base.storeBytes(of: byte, toByteOffset: place, as: UInt8.self) }
    buffer.base.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
    self.path = path
  }
}
