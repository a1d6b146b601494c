import AttendBase

/// From samples to logarithms of mel bands, frame by frame: what the front ends of speech models share, and how they
/// differ. Each frame is computed by itself, so that no result depends on where a sound was cut. Immutable: any number
/// of threads may use it at once.
final class Spectrogram: Sendable {
  /// What is done to a frame before its window.
  struct Preparation {
    /// Factor on the samples: 2^15 where the reference works with integers of 16 bits.
    var scale = 1.0
    /// Whether the mean of the frame is taken away.
    var removesMean = false
    /// x[n] - c x[n - 1], and x[0] (1 - c); 0 for none.
    var preemphasis = 0.0
  }

  /// The logarithm and the smallest number that it is taken of, or a number that is added first.
  enum Logarithm {
    case base10(floor: Double)
    case natural(floor: Double)
    case naturalOfSum(with: Double)
  }

  /// Samples of a frame, and between the starts of two.
  let frameLength: Int
  let hop: Int
  var bands: Int { filters.count }

  let filters: MelFilters
  private let transform: FourierTransform
  private let window: AlignedBuffer  // [frameLength], doubles
  private let preparation: Preparation
  private let logarithm: Logarithm

  /// `window` gives the weight of sample n.
  init(
    frameLength: Int, hop: Int, transform size: Int, filters: MelFilters, preparation: Preparation,
    logarithm: Logarithm, window weight: (Int) -> Double
  ) throws(Failure) {
    transform = try FourierTransform(size)
    window = try AlignedBuffer(frameLength, of: Double.self, for: "the window of a spectrogram")
    for n in 0..<frameLength { window.pointer(to: Double.self)[n] = weight(n) }
    (self.frameLength, self.hop, self.filters) = (frameLength, hop, filters)
    (self.preparation, self.logarithm) = (preparation, logarithm)
  }

  /// Frames that are transformed together.
  static let lanes = Lanes.scalarCount

  /// Memory of one thread.
  final class Scratch {
    fileprivate let memory: AlignedBuffer
    fileprivate let frame: UnsafeMutablePointer<Lanes>
    fileprivate let work: UnsafeMutablePointer<Lanes>
    fileprivate let power: UnsafeMutablePointer<Lanes>

    init(_ spectrogram: Spectrogram) throws(Failure) {
      let transform = spectrogram.transform
      memory = try AlignedBuffer(
        transform.size + transform.scratch + transform.bins, of: Lanes.self, for: "a spectrogram")
      frame = memory.pointer()
      work = frame + transform.size
      power = work + transform.scratch
    }
  }

  /// Writes the logarithms of `count` frames, the first at `samples`, to `target`, [count, bands].
  func compute(
    _ samples: UnsafePointer<Float>, _ count: Int, _ scratch: Scratch, into target: UnsafeMutablePointer<Float>
  ) {
    var first = 0
    while first < count {
      let frames = min(Spectrogram.lanes, count - first)
      gather(samples + first * hop, frames, scratch.frame)
      transform.power(scratch.frame, scratch.work, into: scratch.power)
      for band in 0..<bands {
        let values = logarithms(filters.sum(band, scratch.power))
        for lane in 0..<frames { target[(first + lane) * bands + band] = values[lane] }
      }
      first += frames
    }
  }

  @inline(__always) private func logarithms(_ values: Lanes) -> SIMD4<Float> {
    switch logarithm {
    case .base10(let floor):
      let ten = 0.4342944819032518  // 1 / ln 10
      return SIMD4<Float>(values.replacing(with: floor, where: values .< floor).logarithms * ten)
    case .naturalOfSum(let guarding): return SIMD4<Float>((values + guarding).logarithms)
    case .natural(let floor): return SIMD4<Float>(values.replacing(with: floor, where: values .< floor).logarithms)
    }
  }

  /// Puts frames side by side, under their window; lanes without a frame repeat the last one.
  private func gather(_ samples: UnsafePointer<Float>, _ frames: Int, _ target: UnsafeMutablePointer<Lanes>) {
    let weights = UnsafePointer(window.pointer(to: Double.self))
    let a = samples, b = samples + hop * min(1, frames - 1)
    let c = samples + hop * min(2, frames - 1), d = samples + hop * min(3, frames - 1)
    let isPlain = preparation.scale == 1 && !preparation.removesMean && preparation.preemphasis == 0
    for n in 0..<frameLength {
      let values = SIMD4<Float>(a[n], b[n], c[n], d[n])
      target[n] = isPlain ? Lanes(values) * weights[n] : Lanes(values) * preparation.scale
    }
    for n in frameLength..<transform.size { target[n] = .zero }
    if !isPlain { prepare(target, weights) }
  }

  private func prepare(_ frame: UnsafeMutablePointer<Lanes>, _ weights: UnsafePointer<Double>) {
    if preparation.removesMean {
      var sum = Lanes.zero
      for n in 0..<frameLength { sum += frame[n] }
      let mean = sum / Double(frameLength)
      for n in 0..<frameLength { frame[n] -= mean }
    }
    for n in stride(from: frameLength - 1, to: 0, by: -1) {
      frame[n] = (frame[n] - frame[n - 1] * preparation.preemphasis) * weights[n]
    }
    frame[0] *= (1 - preparation.preemphasis) * weights[0]
  }
}
