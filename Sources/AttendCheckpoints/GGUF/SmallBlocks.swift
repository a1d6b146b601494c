// Blocks of weights with one scale each, and those whose weights are chosen from a list of 16 numbers.
import AttendBase

/// Blocks of 32 weights `d q` or `d q + m`: low halves of bytes hold the first 16, high halves the others.
enum SmallBlocks {
  static func q4_0(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let d = block.half(0)
    forEachHalf(of: block + 2) { index, half in y[index] = d * Float(Int(half) - 8) }
  }

  static func q4_1(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let (d, m) = (block.half(0), block.half(2))
    forEachHalf(of: block + 4) { index, half in y[index] = d * Float(half) + m }
  }

  static func q5_0(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let (d, high) = (block.half(0), block.word32(2))
    forEachHalf(of: block + 6) { index, half in y[index] = d * Float(Int(fifth(high, index, half)) - 16) }
  }

  static func q5_1(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let (d, m, high) = (block.half(0), block.half(2), block.word32(4))
    forEachHalf(of: block + 8) { index, half in y[index] = d * Float(fifth(high, index, half)) + m }
  }

  static func q8(_ weights: UnsafeRawPointer, scale: Float, _ count: Int, _ y: UnsafeMutablePointer<Float>) {
    for index in 0..<count { y[index] = scale * Float(weights.signed(index)) }
  }

  /// 4 bits and the fifth, which stands among those of the block.
  private static func fifth(_ high: UInt32, _ index: Int, _ half: UInt8) -> UInt8 {
    half | UInt8(truncatingIfNeeded: high >> UInt32(index) & 1) << 4
  }

  /// Calls `body` with the 32 halves of 16 bytes, the low ones first.
  private static func forEachHalf(of bytes: UnsafeRawPointer, _ body: (_ index: Int, _ half: UInt8) -> Void) {
    for index in 0..<16 {
      let byte = bytes.byte(index)
      body(index, byte & 15)
      body(index + 16, byte >> 4)
    }
  }

  // MARK: Of a list

  /// The 16 numbers of IQ4.
  private static func iq4(_ index: UInt8) -> Float {
    let numbers: InlineArray<16, Int8> = [
      -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
    ]
    return Float(numbers[Int(index)])
  }

  static func iq4_NL(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let d = block.half(0)
    forEachHalf(of: block + 2) { index, half in y[index] = d * iq4(half) }
  }

  /// Eight groups of 32 weights, each with a scale of 6 bits: 4 low ones of two groups in a byte, 2 high ones of all in
  /// 16 bits.
  static func iq4_XS(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let (d, high) = (block.half(0), block.word16(2))
    for group in 0..<8 {
      let low = block.byte(4 + group / 2) >> UInt8(group % 2 * 4) & 15
      let scale = Int(low) | Int(high >> UInt16(2 * group) & 3) << 4
      let factor = d * Float(scale - 32)
      forEachHalf(of: block + 8 + 16 * group) { index, half in y[32 * group + index] = factor * iq4(half) }
    }
  }

  /// OCP's microscaling format (Rouhani et al. 2023, arXiv:2310.10537): a power of two, and numbers of 4 bits, which
  /// the list holds doubled.
  static func mxfp4(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let numbers: InlineArray<16, Int8> = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]
    let exponent = UInt32(block.byte(0))
    let half = Float(bitPattern: exponent < 2 ? 0x0020_0000 << exponent : (exponent - 1) << 23)
    forEachHalf(of: block + 1) { index, place in y[index] = half * Float(numbers[Int(place)]) }
  }
}

/// Blocks of 256 weights -1, 0 and 1 with one scale (for BitNet: Ma et al. 2024, arXiv:2402.17764).
enum TernaryBlocks {
  /// Five weights to a byte: digits to the base of 3 of a fraction whose denominator is 256. 160 weights in 32 bytes,
  /// 80 in 16, the last 16 in 4.
  static func tq1_0(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let d = block.half(52)
    var weight = 0
    for (first, count, digits) in [(0, 32, 5), (32, 16, 5), (48, 4, 4)] {
      var power: UInt8 = 1
      for _ in 0..<digits {
        for index in first..<first + count {
          let digit = (Int(block.byte(index) &* power) * 3) >> 8
          y[weight] = d * Float(digit - 1)
          weight += 1
        }
        power &*= 3
      }
    }
  }

  /// Four weights to a byte, of 32 bytes the lowest two bits first.
  static func tq2_0(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let d = block.half(64)
    for index in 0..<256 {
      let byte = block.byte(index / 128 * 32 + index % 32)
      y[index] = d * Float(Int(byte >> UInt8(index % 128 / 32 * 2) & 3) - 1)
    }
  }
}
