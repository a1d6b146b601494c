// The discrete Fourier transform of real frames, several at once: a frame in each lane of a vector.
import AttendBase

/// One number of each of the frames that are transformed together. Double precision: logarithms of quiet bands beside
/// loud ones show the rounding of float32. Two doubles are a register of any x86-64, and two such hide latencies.
typealias Lanes = SIMD4<Double>

/// The Fourier transform of real frames of one length: half as many complex numbers, even samples as real parts and odd
/// ones as imaginary parts, are transformed by mixed radices in Stockham's order, without a permutation (Cochran et al.
/// 1967); the spectrum of the frames is taken apart from that (Cooley, Lewis and Welch 1970). Immutable.
final class FourierTransform: Sendable {
  /// Samples of a frame.
  let size: Int
  /// Frequencies: from 0 to half the rate.
  var bins: Int { size / 2 + 1 }
  /// Numbers of `Lanes` that `power` needs beside the frame.
  var scratch: Int { 3 * size }

  private let half: Int
  private let radices: [Int]  // a handful
  private let twiddles: AlignedBuffer  // cosine and sine of -2 π k / half, then of -2 π k / size, k to `half`

  /// Lengths beyond this are no frames of sound.
  private static let maximalSize = 1 << 16

  /// Throws `unsupported` unless `size` is even and its half a product of 2, 3, 4 and 5.
  init(_ size: Int) throws(Failure) {
    let half = size / 2
    var (rest, radices) = (half, [Int]())
    for radix in [5, 4, 3, 2] {
      while rest > 1, rest % radix == 0 {
        radices.append(radix)
        rest /= radix
      }
    }
    guard size >= 2, size <= FourierTransform.maximalSize, size % 2 == 0, rest == 1 else {
      let allowed = "twice a product of 2, 3 and 5, up to \(FourierTransform.maximalSize)"
      throw Failure(.unsupported, "a Fourier transform of \(size) samples; expected \(allowed)")
    }
    (self.size, self.half, self.radices) = (size, half, radices)
    twiddles = try AlignedBuffer(4 * half, of: Double.self, for: "a Fourier transform")
    let values: UnsafeMutablePointer<Double> = twiddles.pointer()
    for (first, whole) in [(0, half), (2 * half, size)] {
      for k in 0..<half {
        let (sine, cosine) = Trigonometry.sineAndCosine(-2 * .pi * Double(k) / Double(whole))
        (values[first + 2 * k], values[first + 2 * k + 1]) = (cosine, sine)
      }
    }
  }

  /// Writes the squared sizes of the frequencies of `frames`, [size], to `power`, [bins]. The frames are overwritten;
  /// `scratch` has room for `self.scratch` numbers.
  func power(
    _ frames: UnsafeMutablePointer<Lanes>, _ scratch: UnsafeMutablePointer<Lanes>,
    into power: UnsafeMutablePointer<Lanes>
  ) {
    let factors = UnsafePointer(twiddles.pointer(to: Double.self))
    var (from, to) = (frames, scratch)
    var (length, stride) = (half, 1)
    for radix in radices {
      let stage = Stage(from, to, length / radix, stride, factors)
      switch radix {
      case 5: stage.five()
      case 4: stage.four()
      case 3: stage.three()
      default: stage.two()
      }
      length /= radix
      stride *= radix
      swap(&from, &to)
    }
    separate(from, factors + 2 * half, into: power)
  }

  /// The power of a real frame from the transform z of its even and odd samples:
  /// 2 X[k] = (z[k] + z*[half - k]) - i e^(-2 π i k / size) (z[k] - z*[half - k]).
  private func separate(
    _ z: UnsafeMutablePointer<Lanes>, _ factors: UnsafePointer<Double>, into power: UnsafeMutablePointer<Lanes>
  ) {
    let first = z[0] + z[1], last = z[0] - z[1]
    power[0] = first * first
    power[half] = last * last
    for k in 1..<max(half, 1) {
      let other = half - k
      let (a, b, c, d) = (z[2 * k], z[2 * k + 1], z[2 * other], z[2 * other + 1])
      let (evenReal, evenImaginary) = (a + c, b - d)
      let (oddReal, oddImaginary) = (b + d, c - a)
      let (cosine, sine) = (factors[2 * k], factors[2 * k + 1])
      let real = evenReal + (oddReal * cosine - oddImaginary * sine)
      let imaginary = evenImaginary + (oddReal * sine + oddImaginary * cosine)
      power[k] = (real * real + imaginary * imaginary) * 0.25
    }
  }
}

/// A complex number of each lane.
private struct Complex {
  var real: Lanes
  var imaginary: Lanes

  @inline(__always) static func + (a: Complex, b: Complex) -> Complex {
    Complex(real: a.real + b.real, imaginary: a.imaginary + b.imaginary)
  }

  @inline(__always) static func - (a: Complex, b: Complex) -> Complex {
    Complex(real: a.real - b.real, imaginary: a.imaginary - b.imaginary)
  }

  @inline(__always) static func * (a: Complex, b: Double) -> Complex {
    Complex(real: a.real * b, imaginary: a.imaginary * b)
  }

  /// The number times -i.
  @inline(__always) var turned: Complex { Complex(real: imaginary, imaginary: -real) }
}

/// One step of a transform: `groups` times `stride` butterflies over numbers that lie `groups` x `stride` apart.
private struct Stage {
  private let from: UnsafeMutablePointer<Lanes>
  private let to: UnsafeMutablePointer<Lanes>
  private let groups: Int
  private let stride: Int
  private let factors: UnsafePointer<Double>

  init(
    _ from: UnsafeMutablePointer<Lanes>, _ to: UnsafeMutablePointer<Lanes>, _ groups: Int, _ stride: Int,
    _ factors: UnsafePointer<Double>
  ) { (self.from, self.to, self.groups, self.stride, self.factors) = (from, to, groups, stride, factors) }

  @inline(__always) private func load(_ index: Int) -> Complex {
    Complex(real: from[2 * index], imaginary: from[2 * index + 1])
  }

  /// Input `part` of butterfly `place` of a group.
  @inline(__always) private func input(_ part: Int, _ group: Int, _ place: Int) -> Complex {
    load(place + stride * (group + groups * part))
  }

  /// Writes output `part`, turned by `part` x `group` steps of this stage.
  @inline(__always)
  private func output(_ value: Complex, _ part: Int, of radix: Int, _ group: Int, _ place: Int) {
    let index = place + stride * (radix * group + part)
    let turn = 2 * part * group * stride
    let (cosine, sine) = (factors[turn], factors[turn + 1])
    to[2 * index] = value.real * cosine - value.imaginary * sine
    to[2 * index + 1] = value.real * sine + value.imaginary * cosine
  }

  @inline(__always) private func each(_ butterfly: (_ group: Int, _ place: Int) -> Void) {
    for group in 0..<groups { for place in 0..<stride { butterfly(group, place) } }
  }

  func two() {
    each { group, place in
      let a = input(0, group, place), b = input(1, group, place)
      output(a + b, 0, of: 2, group, place)
      output(a - b, 1, of: 2, group, place)
    }
  }

  func three() {
    let sine = 0.8660254037844386  // of 2 π / 3
    each { group, place in
      let a = input(0, group, place), b = input(1, group, place), c = input(2, group, place)
      let sum = b + c, difference = ((b - c) * sine).turned
      let middle = a - sum * 0.5
      output(a + sum, 0, of: 3, group, place)
      output(middle + difference, 1, of: 3, group, place)
      output(middle - difference, 2, of: 3, group, place)
    }
  }

  func four() {
    each { group, place in
      let a = input(0, group, place), b = input(1, group, place)
      let c = input(2, group, place), d = input(3, group, place)
      let even = a + c, odd = b + d, evenLess = a - c, oddLess = (b - d).turned
      output(even + odd, 0, of: 4, group, place)
      output(evenLess + oddLess, 1, of: 4, group, place)
      output(even - odd, 2, of: 4, group, place)
      output(evenLess - oddLess, 3, of: 4, group, place)
    }
  }

  func five() {
    // Cosines and sines of 2 π / 5 and 4 π / 5.
    let (c1, c2, s1, s2) = (0.30901699437494745, -0.8090169943749475, 0.9510565162951535, 0.5877852522924731)
    each { group, place in
      let a = input(0, group, place), b = input(1, group, place), c = input(2, group, place)
      let d = input(3, group, place), e = input(4, group, place)
      let outer = b + e, inner = c + d, outerLess = b - e, innerLess = c - d
      let one = a + outer * c1 + inner * c2, two = a + outer * c2 + inner * c1
      let oneTurned = (outerLess * s1 + innerLess * s2).turned, twoTurned = (outerLess * s2 - innerLess * s1).turned
      output(a + outer + inner, 0, of: 5, group, place)
      output(one + oneTurned, 1, of: 5, group, place)
      output(two + twoTurned, 2, of: 5, group, place)
      output(two - twoTurned, 3, of: 5, group, place)
      output(one - oneTurned, 4, of: 5, group, place)
    }
  }
}
