// A sound in memory, and how files and samples become one.
import AttendBase

/// Mono float32 samples with their rate. Immutable: any number of threads may read at once.
package final class Sound: Sendable {
  package let rate: Int
  package let count: Int
  private let memory: AlignedBuffer

  /// The samples, alive as long as this object.
  package var samples: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: memory.pointer(), count: count) }

  /// Seconds.
  package var duration: Double { Double(count) / Double(rate) }

  /// All that a source still has, at `rate` samples a second, its own if that is not given. Memory grows with what has
  /// been read, not with what a header says. Throws what the source throws, `outOfMemory`, and `invalidArgument` beyond
  /// `limit` samples.
  package init(
    _ source: any SampleSource, rate: Int? = nil, limit: Int = SoundLimits.samples
  ) throws(Failure) {
    let source = try ResampledSource.source(source, at: rate ?? source.rate)
    var samples = GrowingList<Float>(for: "the samples of \(source.name)")
    try samples.reserve(max(min(source.count ?? 0, limit), 1))
    let piece = try AlignedBuffer(SoundLimits.piece, of: Float.self, for: "a piece of \(source.name)")
    let start: UnsafeMutablePointer<Float> = piece.pointer()
    var read = SoundLimits.piece
    while read == SoundLimits.piece {
      read = try source.read(SoundLimits.piece, into: start)
      guard read <= limit - samples.count else {
        throw Failure(.invalidArgument, "\(source.name) has more than \(limit) samples; read it in pieces")
      }
      try samples.append(contentsOf: UnsafeBufferPointer(start: start, count: read))
    }
    memory = samples.memory!  // `reserve` has been called
    count = samples.count
    self.rate = source.rate
  }

  /// The samples as a source for what reads in pieces.
  package func source() throws(Failure) -> CallerSamples {
    try CallerSamples(.float32(memory.pointer()), frames: count, channels: 1, rate: rate, name: "sound", owner: self)
  }

  /// The reader for a file's bytes: WAV by our own, all else by libsndfile. Throws `invalidFile`, `unsupported` where
  /// libsndfile is wanted and not installed, `inputOutput`, `outOfMemory`.
  package static func reader(_ bytes: SoundBytes) throws(Failure) -> any SampleSource {
    guard bytes.count > 0 else { throw Failure(.invalidFile, "\(bytes.name) is empty") }
    return WaveHeader.matches(try bytes.signature()) ? try WaveReader(bytes) : try SoundFileReader(bytes)
  }
}
