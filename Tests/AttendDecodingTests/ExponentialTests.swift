import AttendBase
import AttendTestSupport
import Foundation
import Testing

@Suite struct ExponentialTests {
  /// Against the C library's, which is off by less than a unit in the last place itself.
  @Test func expIsWithinItsBound() {
    var random = SplitMix(seed: 3)
    for _ in 0..<200_000 {
      let x = (Double(random.next() >> 11) * 0x1p-53 - 0.5) * 1400
      #expect(abs(Exponential.exp(x) - exp(x)) <= 0x1p-51 * exp(x), "\(x)")
    }
    for x in stride(from: -745.0, through: -708, by: 0.0625) {
      #expect(abs(Exponential.exp(x) - exp(x)) <= 2 * Double.leastNonzeroMagnitude + 0x1p-51 * exp(x), "\(x)")
    }
    #expect(Exponential.exp(0) == 1 && Exponential.exp(-0.0) == 1)
    #expect(Exponential.exp(-.infinity) == 0 && Exponential.exp(-746) == 0 && Exponential.exp(-1e300) == 0)
    #expect(Exponential.exp(710) == .infinity && Exponential.exp(.infinity) == .infinity)
    #expect(Exponential.exp(.nan).isNaN)
  }

  @Test func logIsWithinItsBound() {
    var random = SplitMix(seed: 4)
    for _ in 0..<200_000 {
      let x = Double(bitPattern: random.next() >> 1)
      guard x.isFinite, x > 0 else { continue }
      #expect(abs(Exponential.log(x) - log(x)) <= 0x1p-51 * max(1, abs(log(x))), "\(x)")
    }
    for x in stride(from: 0.5, through: 2, by: 0x1p-12) {
      #expect(abs(Exponential.log(x) - log(x)) <= 0x1p-51 * abs(log(x)), "\(x)")
    }
    #expect(Exponential.log(1) == 0 && Exponential.log(0) == -.infinity && Exponential.log(.infinity) == .infinity)
    #expect(Exponential.log(-1).isNaN && Exponential.log(.nan).isNaN)
  }

  @Test func tanhIsWithinItsBound() {
    for x in stride(from: -25.0, through: 25, by: 0x1p-9) {
      #expect(abs(Exponential.tanh(x) - tanh(x)) <= 0x1p-50 * max(abs(tanh(x)), 0x1p-50), "\(x)")
    }
    for exponent in -200...0 {
      let x = scalbn(1.3, exponent)
      #expect(abs(Exponential.tanh(x) - tanh(x)) <= 0x1p-38 * x, "\(x)")
    }
    #expect(Exponential.tanh(0) == 0 && Exponential.tanh(1e300) == 1 && Exponential.tanh(-.infinity) == -1)
    #expect(Exponential.tanh(.nan).isNaN)
  }

  @Test func powersAreProducts() {
    #expect(Exponential.power(3, 0) == 1 && Exponential.power(3, 13) == 1_594_323)
    #expect(Exponential.power(2, 2000) == .infinity && Exponential.power(0.5, 2000) == 0)
    #expect(abs(Exponential.power(1.15, 77) / pow(1.15, 77) - 1) < 1e-14)
  }
}
