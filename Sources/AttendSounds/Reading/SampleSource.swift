import AttendBase

/// Samples that come one piece after another: a file, samples of the caller, or another source at another rate. Mono:
/// the mean of the channels, taken at the source's own rate. One thread at a time.
package protocol SampleSource: AnyObject {
  /// How messages call the sound: the path of its file, or the name of an argument.
  var name: String { get }
  /// Samples in a second.
  var rate: Int { get }
  /// How many samples there are from the start, where that is certain before they are read.
  var count: Int? { get }

  /// Reads at most `count` samples and tells how many there were; fewer only where the sound ends. Throws `invalidFile`
  /// or `invalidArgument` for a sample that is no finite number.
  func read(_ count: Int, into target: UnsafeMutablePointer<Float>) throws(Failure) -> Int

  /// Goes back to the first sample.
  func rewind() throws(Failure)
}

/// The limits of what counts as a sound. What lies outside is an error that names the number.
package enum SoundLimits {
  /// Samples in a second: beyond are wrong headers and instruments for other than hearing.
  package static let rates = 1000...768_000
  /// Channels side by side.
  package static let channels = 1...1024
  /// Samples of a sound that is kept whole: 18 hours at 16 kHz, 4 GB. A longer one is read in pieces.
  package static let samples = 1 << 30
  /// Samples that a reader decodes at once.
  static let piece = 1 << 14

  /// Throws `code` unless a sound may have this rate and number of channels.
  static func check(rate: Int, channels: Int, _ name: String, _ code: Failure.Code) throws(Failure) {
    guard rates.contains(rate) else {
      let allowed = "from \(rates.lowerBound) to \(rates.upperBound)"
      throw Failure(code, "\(name): a rate of \(rate) samples a second; expected one \(allowed)")
    }
    guard self.channels.contains(channels) else {
      let allowed = "from \(self.channels.lowerBound) to \(self.channels.upperBound)"
      throw Failure(code, "\(name): \(channels) channels; expected \(allowed)")
    }
  }
}

/// Means over channels that lie side by side.
enum Channels {
  /// Writes the mean of each frame of `values`, [frames, channels], to `target`. Throws `code` where a frame is no
  /// finite number, or its sum too large for one; `first` is the number of the first frame.
  static func mix(
    _ values: UnsafePointer<Float>, frames: Int, channels: Int, into target: UnsafeMutablePointer<Float>, first: Int,
    _ name: String, _ code: Failure.Code
  ) throws(Failure) {
    if channels == 1 {
      target.update(from: values, count: frames)
    } else {
      let divisor = Float(channels)
      for frame in 0..<frames {
        var sum: Float = 0
        for channel in 0..<channels { sum += values[frame * channels + channel] }
        target[frame] = sum / divisor
      }
    }
    // A product with 0 is 0 for finite numbers and NaN for all others, and so is a sum of such products.
    var check = SIMD8<Float>.zero
    var frame = 0
    while frame + 8 <= frames {
      check += UnsafeRawPointer(target + frame).loadUnaligned(as: SIMD8<Float>.self) * 0
      frame += 8
    }
    var isFinite = check.sum() == 0
    while frame < frames {
      isFinite = isFinite && target[frame].isFinite
      frame += 1
    }
    guard !isFinite, let wrong = (0..<frames).first(where: { !target[$0].isFinite }) else { return }
    throw Failure(code, "\(name): sample \(first.saturatingAdd(wrong)) is \(target[wrong]), expected a finite number")
  }
}
