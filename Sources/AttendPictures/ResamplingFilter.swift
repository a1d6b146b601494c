import AttendBase

/// A filter of Pillow, by the number that `resample` of a processor's file calls it.
package enum ResamplingFilter: Int, Sendable {
  case nearest = 0, lanczos = 1, bilinear = 2, bicubic = 3, box = 4, hamming = 5

  /// The distance, in pixels of the smaller picture, beyond which the filter is 0.
  var support: Double {
    switch self {
    case .nearest, .box: 0.5
    case .bilinear, .hamming: 1
    case .bicubic: 2
    case .lanczos: 3
    }
  }

  /// The filter at a signed distance from its middle.
  func callAsFunction(_ x: Double) -> Double {
    let size = abs(x)
    switch self {
    case .nearest, .box: return x > -0.5 && x <= 0.5 ? 1 : 0
    case .bilinear: return max(0, 1 - size)
    case .bicubic:
      // Keys 1981, with a = -1/2.
      if size < 1 { return (1.5 * size - 2.5) * size * size + 1 }
      return size < 2 ? (((size - 5) * size + 8) * size - 4) * -0.5 : 0
    case .lanczos: return size < 3 ? ResamplingFilter.sinc(size) * ResamplingFilter.sinc(size / 3) : 0
    case .hamming:
      let cosine = Trigonometry.sineAndCosine(size * .pi).cosine
      return size < 1 ? ResamplingFilter.sinc(size) * (0.54 + 0.46 * cosine) : 0
    }
  }

  /// sin(πx) / (πx).
  private static func sinc(_ x: Double) -> Double {
    x == 0 ? 1 : Trigonometry.sineAndCosine(x * .pi).sine / (x * .pi)
  }
}
