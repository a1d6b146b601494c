import AttendBase

/// Samples of the caller's: int16 or float32, channels interleaved, at any rate.
package final class CallerSamples: SampleSource {
  /// How the caller's samples are written.
  package enum Values {
    case int16(UnsafePointer<Int16>)
    case float32(UnsafePointer<Float>)
  }

  package let name: String
  package let rate: Int
  private let values: Values
  private let frames: Int
  private let channels: Int
  private let owner: AnyObject?
  private let scratch: AlignedBuffer  // a piece of int16 as float32
  private let pieceFrames: Int
  private var position = 0

  package var count: Int? { frames }

  /// `values`, [frames, channels], stay where they are while this is in use; `owner`, where given, is kept alive for
  /// that. Throws `invalidArgument` for a rate or a number of channels that no sound has, and for a product that no
  /// memory holds.
  package init(
    _ values: Values, frames: Int, channels: Int, rate: Int, name: String = "samples", owner: AnyObject? = nil
  ) throws(Failure) {
    try SoundLimits.check(rate: rate, channels: channels, name, .invalidArgument)
    guard frames >= 0, !frames.multipliedReportingOverflow(by: channels * 4).overflow else {
      throw Failure(.invalidArgument, "\(name): \(frames) frames of \(channels) channels are no size of memory")
    }
    pieceFrames = max(SoundLimits.piece / channels, 1)
    scratch = try AlignedBuffer(pieceFrames * channels, of: Float.self, for: "a piece of \(name)")
    (self.values, self.frames, self.channels, self.rate) = (values, frames, channels, rate)
    (self.name, self.owner) = (name, owner)
  }

  package func rewind() { position = 0 }

  package func read(_ count: Int, into target: UnsafeMutablePointer<Float>) throws(Failure) -> Int {
    var done = 0
    while done < count {
      let piece = min(count - done, pieceFrames, frames - position)
      if piece == 0 { break }
      let from: UnsafePointer<Float>
      switch values {
      case .float32(let all): from = all + position * channels
      case .int16(let all):
        let converted: UnsafeMutablePointer<Float> = scratch.pointer()
        for index in 0..<piece * channels { converted[index] = Float(all[position * channels + index]) * 0x1p-15 }
        from = UnsafePointer(converted)
      }
      try Channels.mix(
        from, frames: piece, channels: channels, into: target + done, first: position, name, .invalidArgument)
      position += piece
      done += piece
    }
    return done
  }
}
