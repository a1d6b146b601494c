import AttendBase

/// Triangular filters over the frequencies of a spectrum, evenly spaced on a scale of pitch (Stevens, Volkmann and
/// Newman 1937). Of each only the part that is not zero is kept.
final class MelFilters: Sendable {
  /// What the filters are evenly spaced on.
  enum Scale {
    /// Slaney's Auditory Toolbox (1998): linear below 1000 Hz, logarithmic above; triangles with straight sides in
    /// Hertz, each of area 1.
    case slaney
    /// Kaldi's and HTK's: 1127 ln(1 + f / 700); triangles of height 1 with straight sides on that scale.
    case kaldi

    fileprivate func mel(_ hertz: Double) -> Double {
      switch self {
      case .slaney: hertz < 1000 ? hertz * 3 / 200 : 15 + Exponential.log(hertz / 1000) * 27 / Exponential.log(6.4)
      case .kaldi: 1127 * Exponential.log(1 + hertz / 700)
      }
    }

    fileprivate func hertz(_ mel: Double) -> Double {
      switch self {
      case .slaney: mel < 15 ? mel * 200 / 3 : 1000 * Exponential.exp((mel - 15) * Exponential.log(6.4) / 27)
      case .kaldi: 700 * (Exponential.exp(mel / 1127) - 1)
      }
    }
  }

  let count: Int
  private let places: AlignedBuffer  // of each filter: its first bin, its bins, where its weights begin
  private let weights: AlignedBuffer

  /// Filters beyond this would be finer than any spectrum.
  static let maximalCount = 1024

  /// `count` filters from `low` to `high` Hertz over `bins` frequencies from 0 to half of `rate`.
  init(
    _ count: Int, _ scale: Scale, bins: Int, rate: Int, from low: Double, to high: Double
  ) throws(Failure) {
    self.count = count
    places = try AlignedBuffer(3 * count, of: Int.self, for: "mel filters")
    let full = try AlignedBuffer(count * bins, of: Double.self, for: "mel filters")
    weights = full
    let (place, weight): (UnsafeMutablePointer<Int>, UnsafeMutablePointer<Double>) = (places.pointer(), full.pointer())
    let (lowest, highest) = (scale.mel(low), scale.mel(high))
    /// Corner `index` of the triangles, where their sides are straight.
    func corner(_ index: Int) -> Double {
      let mel = lowest + (highest - lowest) * Double(index) / Double(count + 1)
      return scale == .slaney ? scale.hertz(mel) : mel
    }
    var next = 0
    for filter in 0..<count {
      let (left, middle, right) = (corner(filter), corner(filter + 1), corner(filter + 2))
      let height = scale == .slaney ? 2 / (right - left) : 1
      (place[3 * filter], place[3 * filter + 1], place[3 * filter + 2]) = (0, 0, next)
      for bin in 0..<bins {
        let hertz = Double(bin) * Double(rate) / Double(2 * (bins - 1))
        let x = scale == .slaney ? hertz : scale.mel(hertz)
        let value = min((x - left) / (middle - left), (right - x) / (right - middle))
        guard value > 0 else { continue }
        if place[3 * filter + 1] == 0 { place[3 * filter] = bin }
        place[3 * filter + 1] += 1
        weight[next] = value * height
        next += 1
      }
    }
  }

  /// The sum of a spectrum under a filter, from low to high.
  @inline(__always) func sum(_ filter: Int, _ power: UnsafePointer<Lanes>) -> Lanes {
    let place = UnsafePointer(places.pointer(to: Int.self)) + 3 * filter
    let weight = UnsafePointer(weights.pointer(to: Double.self)) + place[2]
    let first = power + place[0]
    var sum = Lanes.zero
    for index in 0..<place[1] { sum += first[index] * weight[index] }
    return sum
  }

  /// The weights of a filter in a spectrum of `bins` frequencies.
  func row(_ filter: Int, bins: Int) -> [Double] {
    let place = places.pointer(to: Int.self) + 3 * filter
    let weight = weights.pointer(to: Double.self) + place[2]
    return (0..<bins).map { $0 < place[0] || $0 >= place[0] + place[1] ? 0 : weight[$0 - place[0]] }
  }
}
