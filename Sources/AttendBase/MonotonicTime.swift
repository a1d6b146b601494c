import Glibc

/// The time since some moment of the past, by a clock that nobody sets.
package enum MonotonicTime {
  /// In nanoseconds.
  package static var now: Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}
