import AttendBase

/// The looks at a cancellation while a text is read from start to end: one in so many bytes.
struct TextWatch {
  /// A hundredth of a second of the slowest component.
  static let interval = 1 << 14

  private let cancellation: Cancellation?
  private var next = 0

  /// `cancellation` nil: nobody ends the call.
  init(_ cancellation: Cancellation?) {
    self.cancellation = cancellation
    if cancellation == nil { next = Int.max }
  }

  /// Throws `cancelled` where the call is to end. `place` is where reading is.
  @inline(__always) mutating func pass(_ place: Int) throws(Failure) { if place >= next { try look(place) } }

  @inline(never) private mutating func look(_ place: Int) throws(Failure) {
    next = place + TextWatch.interval
    try cancellation?.checkOnAnyThread()
  }
}
