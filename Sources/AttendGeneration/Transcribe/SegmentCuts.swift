import AttendBase

/// Where the text of a window is cut into segments, and how far the next window begins behind it.
package struct SegmentCuts: ~Copyable {
  /// Tokens `[first, limit)` of the window's text, from `start` to `end` in seconds.
  package struct Cut: BitwiseCopyable {
    package let first: Int
    package let limit: Int
    package let start: Double
    package let end: Double
  }

  package private(set) var cuts = GrowingList<Cut>(for: "the segments of a window")
  /// Frames from the beginning of this window to that of the next.
  package private(set) var advance: Int

  /// The units that times are made of.
  package struct Clock {
    /// Seconds of a timestamp's step.
    let step: Double
    /// Frames of such a step.
    let frames: Int
    /// The token of 0.00 s; nil: the model writes no timestamps.
    let firstTimestamp: Int32?

    package init(step: Double, frames: Int, firstTimestamp: Int32?) {
      (self.step, self.frames, self.firstTimestamp) = (step, frames, firstTimestamp)
    }
  }

  /// Cuts `tokens`, without an end token, of a window that begins at `offset` seconds and holds `frames` frames.
  package init(
    _ tokens: UnsafeBufferPointer<Int32>, offset: Double, frames: Int, _ clock: Clock
  ) throws(Failure) {
    advance = frames
    func index(_ token: Int32) -> Int? {
      guard let first = clock.firstTimestamp, token >= first else { return nil }
      return Int(token - first)
    }
    func time(_ token: Int32) -> Double { offset + Double(index(token) ?? 0) * clock.step }
    var first = 0
    for place in tokens.indices.dropFirst() where index(tokens[place]) != nil && index(tokens[place - 1]) != nil {
      try cuts.append(Cut(first: first, limit: place, start: time(tokens[first]), end: time(tokens[place - 1])))
      first = place
    }
    guard let last = tokens.last, !cuts.isEmpty else {
      // No pair: one segment, to the last timestamp or the end of the window.
      let latest = tokens.last { index($0) != nil }.flatMap { index($0) } ?? 0
      let end = latest > 0 ? latest : frames / clock.frames
      try cuts.append(
        Cut(first: 0, limit: tokens.count, start: offset, end: offset + Double(end) * clock.step))
      return
    }
    if index(last) != nil, index(tokens[tokens.count - 2]) == nil {
      // A single timestamp at the end: nothing is said behind it.
      try cuts.append(Cut(first: first, limit: tokens.count, start: time(tokens[first]), end: time(last)))
      return
    }
    // What follows on the last pair is cut off in its middle, and is heard again; the pair stays together.
    let pair = cuts.removeLast()
    try cuts.append(Cut(first: pair.first, limit: first + 1, start: pair.start, end: pair.end))
    let heard = (index(tokens[first - 1]) ?? 0) * clock.frames
    // A pair at the very beginning would make the same window again, for ever.
    advance = heard > 0 ? heard : frames
  }
}
