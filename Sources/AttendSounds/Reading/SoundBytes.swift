import AttendBase
import AttendCheckpoints

/// The bytes of a sound's file, on the disk or in memory, read where they are wanted: of a long recording only a piece
/// is ever in memory. One thread at a time.
package final class SoundBytes {
  /// The path, or how messages call the bytes.
  package let name: String
  package let count: Int
  private let file: OpenFile?
  private let memory: UnsafeRawBufferPointer
  private let owner: AnyObject?

  /// The file at `path`. Throws `notFound`, `inputOutput`.
  package init(path: String) throws(Failure) {
    let file = try OpenFile(path)
    name = path
    count = file.size
    self.file = consume file
    memory = UnsafeRawBufferPointer(start: nil, count: 0)
    owner = nil
  }

  /// Bytes that stay where they are while this is in use; `owner`, where given, is kept alive for that.
  package init(_ bytes: UnsafeRawBufferPointer, name: String, owner: AnyObject? = nil) {
    self.name = name
    count = bytes.count
    file = nil
    memory = bytes
    self.owner = owner
  }

  /// Reads from `offset` until `target` is full or the bytes end, and tells how many that are. Throws `inputOutput`.
  func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(Failure) -> Int {
    guard offset >= 0, offset < count else { return 0 }
    let wanted = min(target.count, count - offset)
    let part = UnsafeMutableRawBufferPointer(rebasing: target[..<wanted])
    if file != nil { return try file!.read(into: part, at: offset) }
    part.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[offset..<offset + wanted]))
    return wanted
  }

  /// The first bytes, at most 12: what a format is told by.
  func signature() throws(Failure) -> [UInt8] {
    var first: (UInt64, UInt64) = (0, 0)
    var failure: Failure?
    let found = withUnsafeMutableBytes(of: &first) { target -> [UInt8] in
      do throws(Failure) {
        let filled = try read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<12]), at: 0)
        return Array(target[..<filled])
      } catch {
        failure = error
        return []
      }
    }
    if let failure { throw failure }
    return found
  }
}
