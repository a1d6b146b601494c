import AttendBase

/// Samples as a spectrogram sees them: zeros follow the real ones up to a length, and both ends are mirrored. A piece
/// of a longer sound says where it begins.
struct Signal {
  /// Samples from `[first, first + samples.count)`; those before are not asked for.
  let samples: UnsafeBufferPointer<Float>
  let first: Int
  /// Where the zeros end that follow the last sample; at least a frame.
  let length: Int

  /// Writes the samples `[start, start + count)` to `target`. Before 0 and from `length` on they are mirrored, the
  /// sample at the end itself not repeated.
  func copy(from start: Int, _ count: Int, into target: UnsafeMutablePointer<Float>) {
    let end = first + samples.count
    var place = start
    while place < start + count {
      if place >= first, place < end {
        let part = min(end, start + count) - place
        (target + (place - start)).update(from: samples.baseAddress! + (place - first), count: part)
        place += part
      } else {
        let mirrored = place < 0 ? -place : place >= length ? 2 * (length - 1) - place : place
        target[place - start] = mirrored >= first && mirrored < end ? samples[mirrored - first] : 0
        place += 1
      }
    }
  }
}

/// The mean and the deviation that a front end takes out of a sound: of the real samples, in double precision, summed
/// from the first to the last.
struct Standardization {
  private var count = 0
  private var sum = 0.0
  private var squares = 0.0
  private var offset = 0.0  // the first sample, so that squares do not cancel

  mutating func add(_ samples: UnsafePointer<Float>, _ count: Int) {
    if self.count == 0, count > 0 { offset = Double(samples[0]) }
    for index in 0..<count {
      let x = Double(samples[index]) - offset
      sum += x
      squares += x * x
    }
    self.count += count
  }

  var mean: Double { count == 0 ? 0 : offset + sum / Double(count) }

  /// Of the population, divided by the number of samples.
  var variance: Double {
    guard count > 0 else { return 0 }
    let shift = sum / Double(count)
    return max(squares / Double(count) - shift * shift, 0)
  }

  /// Writes (x - mean) / sqrt(variance + 1e-7) of each sample; in and out may be the same memory.
  func apply(_ samples: UnsafePointer<Float>, _ count: Int, into target: UnsafeMutablePointer<Float>) {
    let mean = mean, factor = 1 / (variance + 1e-7).squareRoot()
    for index in 0..<count { target[index] = Float((Double(samples[index]) - mean) * factor) }
  }
}
