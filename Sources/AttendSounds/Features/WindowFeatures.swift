import AttendBase

/// The log-mel features of a recording, of which a model's windows are made one after another.
package protocol WindowFeatures: AnyObject {
  var logMel: LogMel { get }
  /// Frames that belong to the recording itself, as far as it has come.
  var realFrames: Int { get }

  /// Writes the features of the frames `[frame, frame + count)`, at most a window, to `target`, and gives how many
  /// frames it wrote: more where silence follows. Behind them a window holds zeros, features of nothing.
  func fill(from frame: Int, count: Int, into target: UnsafeMutablePointer<Float>) throws(Failure) -> Int
}

extension LogMelWindows: WindowFeatures {
  package func fill(
    from frame: Int, count: Int, into target: UnsafeMutablePointer<Float>
  ) throws(Failure) -> Int {
    try window(at: frame, count: count, into: target)
    return count
  }
}

extension LogMelStream: WindowFeatures {
  package var realFrames: Int { min((samples + logMel.hop - 1) / logMel.hop, limit) }

  /// The logarithm of silence, below which none is (Radford et al. 2022).
  private static let silence: Float = -10

  /// What has not been heard yet is silence, up to the whole window.
  package func fill(
    from frame: Int, count: Int, into target: UnsafeMutablePointer<Float>
  ) throws(Failure) -> Int {
    try window(at: frame, count: count, into: target)
    let silence = target + count * logMel.bands, rest = max(logMel.windowFrames - count, 0) * logMel.bands
    silence.update(repeating: LogMelStream.silence, count: rest)
    logMel.finish(silence, rest, peak: peak)
    return max(logMel.windowFrames, count)
  }
}
