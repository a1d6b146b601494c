import AttendBase

/// Memory for an output of a session: grows to what a call needs, by half at least, and stays.
final class OutputBuffer {
  private let purpose: String
  private var buffer: AlignedBuffer?

  init(purpose: String) { self.purpose = purpose }

  var bytes: Int { buffer?.bytes ?? 0 }

  /// The numbers written last.
  var base: UnsafeMutablePointer<Float> { buffer!.pointer() }

  /// Room for `count` numbers; what was there is lost.
  func room(_ count: Int) throws(Failure) -> UnsafeMutablePointer<Float> {
    if let buffer, buffer.bytes / MemoryLayout<Float>.size >= count { return buffer.pointer() }
    let old = bytes / MemoryLayout<Float>.size
    buffer = nil  // first, so that the peak is one buffer
    let larger = try AlignedBuffer(max(count, old + old / 2, 1024), of: Float.self, for: purpose)
    buffer = larger
    return larger.pointer()
  }
}
