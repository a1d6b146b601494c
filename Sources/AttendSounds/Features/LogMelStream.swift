import AttendBase

/// The log-mel features of a sound that is still being heard.
///
/// The floor of the reference lies 8 powers of ten below the loudest band of the whole sound, which nobody knows before
/// its end. Here it lies below the loudest band so far: features of early frames change when something louder comes,
/// by at most what was quieter than the new floor, and are those of the whole sound from its loudest frame on. One
/// thread at a time.
package final class LogMelStream {
  package let logMel: LogMel
  /// The largest logarithm so far.
  package private(set) var peak = -Float.infinity
  /// The number of the first frame that is kept, and of the first that is not settled yet.
  package private(set) var first = 0
  package var limit: Int { first + logarithms.count / logMel.bands }
  /// Samples that were pushed.
  package var samples: Int { recent.limit }
  /// Whether the sound has ended.
  package private(set) var isFinished = false

  private let threads: Int
  private var recent = RecentSamples()
  private var logarithms = GrowingList<Float>(for: "the features of a stream")  // [limit - first, bands]

  /// Throws `unsupported` for a front end that normalises: mean and deviation are known at the end alone.
  package init(_ logMel: LogMel, threads: Int = 1) throws(Failure) {
    guard !logMel.normalizes else {
      throw Failure(.unsupported, "do_normalize needs the whole sound, and a stream has none")
    }
    (self.logMel, self.threads) = (logMel, threads)
  }

  /// Takes samples at the model's rate, finite ones. Throws `invalidArgument` after the end, `outOfMemory`.
  package func push(_ samples: UnsafePointer<Float>, _ count: Int) throws(Failure) {
    guard !isFinished else { throw Failure(.invalidArgument, "samples after the end of a stream") }
    try recent.append(samples, count)
    let settled = recent.limit - logMel.spectrogram.frameLength + logMel.margin
    guard settled >= 0, recent.limit > logMel.margin else { return }
    try advance(to: settled / logMel.hop + 1, length: .max / 2)  // no frame reaches the end, wherever it will be
  }

  /// Ends the sound: the frames at its end are those of the whole sound, filled with silence to the model's window.
  package func finish() throws(Failure) {
    guard !isFinished else { return }
    let length = max(recent.limit, logMel.windowSamples)
    try advance(to: length / logMel.hop, length: length)
    isFinished = true
  }

  /// Forgets the frames before `frame`, which no later window holds.
  package func discard(before frame: Int) {
    let unwanted = min(max(frame - first, 0), limit - first) * logMel.bands
    guard unwanted > 0 else { return }
    let left = logarithms.count - unwanted
    logarithms.storage.update(from: logarithms.storage + unwanted, count: left)
    logarithms.removeAll(from: left)
    first += unwanted / logMel.bands
  }

  /// Writes the features of the frames `[frame, frame + count)` to `target`, [count, bands], with the peak so far.
  /// Throws `invalidArgument` for frames that are not there, or not any more.
  package func window(at frame: Int, count: Int, into target: UnsafeMutablePointer<Float>) throws(Failure) {
    guard frame >= first, count >= 0, frame <= limit, count <= limit - frame else {
      throw Failure(
        .invalidArgument, "\(count) frames from frame \(frame) on; the stream has those from \(first) to \(limit)")
    }
    guard count > 0 else { return }
    target.update(from: logarithms.storage + (frame - first) * logMel.bands, count: count * logMel.bands)
    logMel.finish(target, count * logMel.bands, peak: peak)
  }

  private func advance(to end: Int, length: Int) throws(Failure) {
    let start = limit
    guard end > start else { return }
    let before = logarithms.count, new = (end - start).saturatingMultiply(logMel.bands)
    try logarithms.reserve(new)
    logarithms.resize(to: before + new, filling: 0)
    do throws(Failure) {
      let loudest = try logMel.logarithms(
        recent.signal(length: length), start..<end, threads: threads, into: logarithms.storage + before)
      peak = max(peak, loudest)
    } catch {
      logarithms.removeAll(from: before)
      throw error
    }
    recent.discard(before: end * logMel.hop - logMel.margin)
  }
}
