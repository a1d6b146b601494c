import AttendBase

/// The low-pass filter between two rates: an ideal one under Kaiser's window, with linear phase (Kaiser 1974). The
/// specification is that of libsoxr's quality HQ, what librosa resamples with: the passband ends at 0.9137 of the lower
/// Nyquist frequency, the stopband begins at that frequency itself. 130 dB are 20 bits and a little: of the windows
/// from 110 to 150 dB it comes nearest to libsoxr.
struct LowPass {
  private static let passband = 0.913743653267622
  private static let attenuation = 130.0

  /// Half the length of the filter, in samples of the lower rate: Kaiser's (A - 7.95) / (2.285 Δω) taps in all.
  static let reach = (attenuation - 7.95) / (2.285 * .pi * (1 - passband)) / 2

  private static let beta = 0.1102 * (attenuation - 8.7)
  private static let scale = 1 / besselI0(beta)

  /// The filter at a distance of `t` samples of the lower rate from its middle, for unit gain at that rate.
  static func value(_ t: Double) -> Double {
    let place = t / reach
    guard abs(place) < 1 else { return 0 }
    let cutoff = (1 + passband) / 2  // of the lower Nyquist frequency
    let angle = .pi * cutoff * t
    let sinc = t == 0 ? 1 : Trigonometry.sineAndCosine(angle).sine / angle
    return cutoff * sinc * besselI0(beta * (1 - place * place).squareRoot()) * scale
  }

  /// The modified Bessel function of order 0, by its series: terms are positive and fall fast, so that the sum is good
  /// to some last places.
  private static func besselI0(_ x: Double) -> Double {
    var (sum, term, index) = (1.0, 1.0, 1.0)
    while term > sum * 0x1p-56 {
      term *= (x / (2 * index)) * (x / (2 * index))
      sum += term
      index += 1
    }
    return sum
  }
}
