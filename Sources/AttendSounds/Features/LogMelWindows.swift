import AttendBase

/// The log-mel features of a recording of any length, computed where they are wanted: memory is that of a window.
///
/// The floor of the features lies 8 powers of ten below the loudest band of the whole recording, so that it is read
/// once before the first window for its peak; what a window holds is then equal, bit by bit, to that part of the
/// features of the whole in one piece. The source is one that can be rewound; for one that cannot there is
/// `LogMelStream`. One thread at a time.
package final class LogMelWindows {
  package let logMel: LogMel
  /// Samples of the recording at the model's rate.
  package let samples: Int
  /// Frames of the recording; one that is shorter than the model's window is filled with silence to it.
  package let frames: Int
  /// Frames that belong to the recording itself.
  package var realFrames: Int { min((samples + logMel.hop - 1) / logMel.hop, frames) }
  /// The largest logarithm of the recording.
  package private(set) var peak = -Float.infinity

  private let source: any SampleSource
  private let threads: Int
  private var statistics: Standardization?  // where the front end normalises
  private var recent = RecentSamples()
  private let piece: AlignedBuffer
  private let rows: AlignedBuffer  // [windowFrames, bands]
  private var length: Int { max(samples, logMel.windowSamples) }

  /// Reads `source`, at any rate, from its start to its end: once where its length is certain before, twice where it
  /// is not or where the front end normalises. Throws what the source throws, `inputOutput` where it changes meanwhile,
  /// `outOfMemory`.
  package init(_ logMel: LogMel, _ source: any SampleSource, threads: Int = 1) throws(Failure) {
    let source = try ResampledSource.source(source, at: logMel.rate)
    (self.logMel, self.source, self.threads) = (logMel, source, threads)
    piece = try AlignedBuffer(SoundLimits.piece, of: Float.self, for: "a piece of \(source.name)")
    rows = try AlignedBuffer(
      logMel.windowFrames * logMel.bands, of: Float.self, for: "a window of \(source.name)")
    try source.rewind()
    if let count = source.count, !logMel.normalizes {
      samples = count
    } else {
      let found = try LogMelWindows.examine(source, piece)
      samples = found.samples
      if logMel.normalizes { statistics = found.statistics }
      try source.rewind()
    }
    frames = max(samples, logMel.windowSamples) / logMel.hop
    for start in stride(from: 0, to: frames, by: logMel.windowFrames) {
      peak = max(peak, try logarithms(start, min(logMel.windowFrames, frames - start), into: rows.pointer()))
    }
  }

  /// Reads a source to its end, for its length, its mean and its deviation.
  private static func examine(
    _ source: any SampleSource, _ piece: AlignedBuffer
  ) throws(Failure) -> (samples: Int, statistics: Standardization) {
    var (samples, statistics) = (0, Standardization())
    while true {
      let got = try source.read(SoundLimits.piece, into: piece.pointer())
      statistics.add(piece.pointer(), got)
      samples += got
      if got < SoundLimits.piece { return (samples, statistics) }
    }
  }

  /// Writes the features of the frames `[frame, frame + count)` to `target`, [count, bands]. Windows that begin no
  /// earlier than the one before are read once; an earlier one starts the source again. Throws `invalidArgument` for
  /// frames that the recording does not have.
  package func window(at frame: Int, count: Int, into target: UnsafeMutablePointer<Float>) throws(Failure) {
    guard frame >= 0, count >= 0, frame <= frames, count <= frames - frame else {
      throw Failure(
        .invalidArgument, "\(source.name): \(count) frames from frame \(frame) on; the recording has \(frames)")
    }
    var done = 0
    while done < count {  // in parts, so that samples kept are those of a window
      let part = min(count - done, logMel.windowFrames), start = target + done * logMel.bands
      _ = try logarithms(frame + done, part, into: start)
      logMel.finish(start, part * logMel.bands, peak: peak)
      done += part
    }
  }

  /// Writes the model's window from `frame` on as the model reads it, [bands, windowFrames]. Behind the last frame of
  /// the recording there are zeros, as in the reference: features of nothing, not of silence. Throws `invalidArgument`
  /// for a frame that the recording does not have.
  package func modelWindow(at frame: Int, into target: UnsafeMutablePointer<Float>) throws(Failure) {
    let count = (0...frames).contains(frame) ? min(logMel.windowFrames, frames - frame) : 0
    let start: UnsafeMutablePointer<Float> = rows.pointer()
    try window(at: frame, count: count, into: start)
    logMel.transpose(start, count, into: target)
  }

  /// Writes the logarithms of at most a window's frames, and gives the largest.
  private func logarithms(
    _ frame: Int, _ count: Int, into target: UnsafeMutablePointer<Float>
  ) throws(Failure) -> Float {
    let first = frame * logMel.hop - logMel.margin
    let end = first + max(count - 1, 0) * logMel.hop + logMel.spectrogram.frameLength
    try hold(max(first, 0), min(max(end, logMel.margin + 1), samples))
    return try logMel.logarithms(recent.signal(length: length), frame..<frame + count, threads: threads, into: target)
  }

  /// Reads until the samples `[start, end)` are there.
  private func hold(_ start: Int, _ end: Int) throws(Failure) {
    if start < recent.first {
      try source.rewind()
      recent.restart()
    }
    recent.discard(before: start)
    while recent.limit < end {
      let wanted = min(SoundLimits.piece, end - recent.limit)
      let got = try source.read(wanted, into: piece.pointer())
      guard got == wanted else {
        let reached = recent.limit + got
        throw Failure(.inputOutput, "\(source.name) ended at sample \(reached); before, it had \(samples)")
      }
      statistics?.apply(piece.pointer(), got, into: piece.pointer())
      try recent.append(piece.pointer(), got)
      recent.discard(before: start)
    }
  }
}
