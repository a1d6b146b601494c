import AttendBase

/// The frames of a signal, shared out among threads in blocks. Each frame is computed by itself: who computes it does
/// not matter.
struct FrameWork {
  private let spectrogram: Spectrogram
  private let signal: Signal
  private let frames: Range<Int>
  private let margin: Int
  private let target: UnsafeMutablePointer<Float>
  private let parts: Int
  private let memories: FixedArray<PartMemory>

  /// Frames whose samples are gathered at once.
  private static let block = 64

  /// Memory of one thread.
  private final class PartMemory {
    let scratch: Spectrogram.Scratch
    let samples: AlignedBuffer

    init(_ spectrogram: Spectrogram) throws(Failure) {
      scratch = try Spectrogram.Scratch(spectrogram)
      samples = try AlignedBuffer(
        FrameWork.block * spectrogram.hop + spectrogram.frameLength, of: Float.self, for: "a spectrogram")
    }
  }

  /// Writes the logarithms of `frames` to `target`, [frames, bands]. Frame f begins at sample f hop - margin.
  static func run(
    _ spectrogram: Spectrogram, _ signal: Signal, _ frames: Range<Int>, margin: Int, threads: Int,
    into target: UnsafeMutablePointer<Float>
  ) throws(Failure) {
    let blocks = (frames.count + block - 1) / block
    let parts = max(min(ThreadPool.count(wanted: threads), blocks), 1)
    let memories = try FixedArray(parts, for: "a spectrogram") { (_) throws(Failure) in try PartMemory(spectrogram) }
    var work = FrameWork(
      spectrogram: spectrogram, signal: signal, frames: frames, margin: margin, target: target, parts: parts,
      memories: memories)
    withUnsafeMutablePointer(to: &work) {
      ThreadPool.shared.run(parts, $0) { $0.assumingMemoryBound(to: FrameWork.self).pointee.run($1) }
    }
  }

  private func run(_ part: Int) {
    let memory = memories[part]
    let samples: UnsafeMutablePointer<Float> = memory.samples.pointer()
    let (hop, bands) = (spectrogram.hop, spectrogram.bands)
    let first = frames.count * part / parts, end = frames.count * (part + 1) / parts
    for start in stride(from: first, to: end, by: FrameWork.block) {
      let count = min(FrameWork.block, end - start)
      signal.copy(
        from: (frames.lowerBound + start) * hop - margin, (count - 1) * hop + spectrogram.frameLength, into: samples)
      spectrogram.compute(samples, count, memory.scratch, into: target + start * bands)
    }
  }
}
