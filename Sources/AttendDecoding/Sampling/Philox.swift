/// The counter-based generator Philox 4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as
/// 1, 2, 3"). A number depends on seed, sequence and step alone: neither on the batch nor on what was drawn before.
package struct Philox: Sendable {
  package let seed: UInt64
  /// The number of the sequence among all that share the seed.
  package let sequence: UInt64
  /// The number of the next block: that of the token to be drawn.
  package var step: UInt64

  package init(seed: UInt64, sequence: UInt64, step: UInt64 = 0) {
    self.seed = seed
    self.sequence = sequence
    self.step = step
  }

  /// Two numbers in [0, 1), of 53 bits each, and the next step.
  package mutating func next() -> (first: Double, second: Double) {
    let block = Philox.block(
      counter: .init(low: step, high: sequence), key: SIMD2(truncatingIfNeeded: SIMD2<UInt64>(seed, seed >> 32)))
    step &+= 1
    return (Philox.uniform(block[0], block[1]), Philox.uniform(block[2], block[3]))
  }

  /// The block of random numbers of a counter.
  package static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var (counter, key) = (counter, key)
    for _ in 0..<10 {
      let first = counter[0].multipliedFullWidth(by: 0xd251_1f53)
      let second = counter[2].multipliedFullWidth(by: 0xcd9e_8d57)
      counter = SIMD4(second.high ^ counter[1] ^ key[0], second.low, first.high ^ counter[3] ^ key[1], first.low)
      key &+= SIMD2(0x9e37_79b9, 0xbb67_ae85)  // the golden ratio, and the root of 3 less 1
    }
    return counter
  }

  /// The upper 53 of 64 bits, as a fraction.
  static func uniform(_ high: UInt32, _ low: UInt32) -> Double {
    Double((UInt64(high) << 32 | UInt64(low)) >> 11) * 0x1p-53
  }
}

extension SIMD4<UInt32> {
  /// The words of two numbers, lower ones first.
  fileprivate init(low: UInt64, high: UInt64) {
    self.init(
      UInt32(truncatingIfNeeded: low), UInt32(truncatingIfNeeded: low >> 32), UInt32(truncatingIfNeeded: high),
      UInt32(truncatingIfNeeded: high >> 32))
  }
}
