import AttendBase

/// What a front end makes of a sound: rows of numbers, one for each step of time.
package final class Features: Sendable {
  /// Steps of time, those of the padding included.
  package let rows: Int
  /// Numbers of a row: bands, or 1 for samples.
  package let width: Int
  /// Steps that belong to the sound itself; those behind are padding.
  package let realRows: Int
  private let memory: AlignedBuffer

  /// The numbers, [rows, width], alive as long as this object.
  package var values: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: memory.pointer(), count: rows * width)
  }

  init(rows: Int, width: Int, realRows: Int) throws(Failure) {
    let (count, overflow) = rows.multipliedReportingOverflow(by: width)
    guard !overflow else { throw .outOfMemory(.max, for: "the features of a sound") }
    memory = try AlignedBuffer(count, of: Float.self, for: "the features of a sound")
    (self.rows, self.width, self.realRows) = (rows, width, realRows)
  }
}
