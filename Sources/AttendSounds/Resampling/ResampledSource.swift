import AttendBase

/// A source at another rate.
package final class ResampledSource: SampleSource {
  private let source: any SampleSource
  private let resampler: Resampler
  private let piece: AlignedBuffer
  private var waiting = GrowingList<Float>(for: "resampled samples")
  private var taken = 0  // of those that wait
  private var hasEnded = false

  package var name: String { source.name }
  package var rate: Int { resampler.to }
  package var count: Int? { source.count.map { Resampler.outputs(of: $0, from: resampler.from, to: resampler.to) } }

  /// `source` at `rate`: itself where that is its own.
  package static func source(_ source: any SampleSource, at rate: Int) throws(Failure) -> any SampleSource {
    source.rate == rate ? source : try ResampledSource(source, to: rate)
  }

  private init(_ source: any SampleSource, to rate: Int) throws(Failure) {
    self.source = source
    resampler = try Resampler(from: source.rate, to: rate)
    piece = try AlignedBuffer(SoundLimits.piece, of: Float.self, for: "a piece of \(source.name)")
  }

  package func rewind() throws(Failure) {
    try source.rewind()
    resampler.reset()
    waiting.removeAll()
    (taken, hasEnded) = (0, false)
  }

  package func read(_ count: Int, into target: UnsafeMutablePointer<Float>) throws(Failure) -> Int {
    var done = 0
    while done < count {
      if taken == waiting.count {
        if hasEnded { break }
        try refill()
        continue
      }
      let part = min(count - done, waiting.count - taken)
      (target + done).update(from: waiting.storage + taken, count: part)
      taken += part
      done += part
    }
    return done
  }

  /// Reads a piece of the source. Few enough samples that what comes of them stays small at any ratio of rates.
  private func refill() throws(Failure) {
    waiting.removeAll()
    taken = 0
    let wanted = max(min(SoundLimits.piece, SoundLimits.piece * resampler.from / resampler.to), 1)
    let got = try source.read(wanted, into: piece.pointer())
    try resampler.push(piece.pointer(), got, into: &waiting)
    guard got < wanted else { return }
    try resampler.finish(into: &waiting)
    hasEnded = true
  }
}
