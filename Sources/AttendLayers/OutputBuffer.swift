import AttendBase

/// Memory for an output of a session: grows to what a call needs, doubling at least, and stays.
///
/// Memory that it has outgrown stays too, until the session ends: a caller may look at a view that is out of date,
/// and should then see old numbers, not fall into unmapped memory. Doubling bounds all of it by twice what is in use.
package final class OutputBuffer {
  package let purpose: String
  private var buffers: [AlignedBuffer] = []  // the last is in use

  package init(purpose: String) { self.purpose = purpose }

  package var bytes: Int { buffers.reduce(0) { $0 + $1.bytes } }

  /// The numbers written last. There has been room for some.
  package var base: UnsafeMutablePointer<Float> { buffers[buffers.count - 1].pointer() }

  /// Memory for `count` numbers; what was there may be written over.
  package func reserve(_ count: Int) throws(Failure) -> UnsafeMutablePointer<Float> {
    let held = (buffers.last?.bytes ?? 0) / MemoryLayout<Float>.size
    if held < count || buffers.isEmpty {
      buffers.append(try AlignedBuffer(max(count, 2 * held, 1024), of: Float.self, for: purpose))
    }
    return base
  }
}
