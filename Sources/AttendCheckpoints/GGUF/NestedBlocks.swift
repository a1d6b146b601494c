// "K" blocks: 256 weights in groups whose scales are themselves numbers of few bits times a scale of the block.
import AttendBase

/// Blocks of 256 weights `d s q` or `d s q - m t`, where s and t belong to groups of 16 or 32 weights.
enum NestedBlocks {
  /// 16 groups of 16 weights of 2 bits; scales and minima of 4 bits.
  static func q2_K(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let (weights, d, m) = (block + 16, block.half(80), block.half(82))
    for group in 0..<16 {
      let scales = block.byte(group)
      let (scale, minimum) = (d * Float(scales & 15), m * Float(scales >> 4))
      for index in 16 * group..<16 * group + 16 { y[index] = scale * Float(twoBits(weights, index)) - minimum }
    }
  }

  /// 16 groups of 16 weights of 2 bits and a third that stands apart; scales of 6 bits less 32. Where the third bit is
  /// not set, 4 is taken away.
  static func q3_K(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let (weights, scales, d) = (block + 32, block + 96, block.half(108))
    for group in 0..<16 {
      let low = scales.byte(group % 8) >> UInt8(group / 8 * 4) & 15
      let high = scales.byte(8 + group % 4) >> UInt8(group / 4 * 2) & 3
      let scale = d * Float(Int(low | high << 4) - 32)
      for index in 16 * group..<16 * group + 16 {
        let third = block.byte(index % 32) >> UInt8(index / 32) & 1
        y[index] = scale * Float(Int(twoBits(weights, index)) - (third == 0 ? 4 : 0))
      }
    }
  }

  /// Weight `index` of 2 bits: of each 128, four to a byte of 32 bytes, the lowest bits first.
  private static func twoBits(_ weights: UnsafeRawPointer, _ index: Int) -> UInt8 {
    weights.byte(index / 128 * 32 + index % 32) >> UInt8(index % 128 / 32 * 2) & 3
  }

  /// Eight groups of 32 weights of 4 bits; scales and minima of 6 bits.
  static func q4_K(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let (weights, d, m) = (block + 16, block.half(0), block.half(2))
    for group in 0..<8 {
      let (scale, minimum) = scales(block + 4, group, d, m)
      for index in 0..<32 { y[32 * group + index] = scale * Float(fourBits(weights, group, index)) - minimum }
    }
  }

  /// The same with a fifth bit that stands apart.
  static func q5_K(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let (high, weights, d, m) = (block + 16, block + 48, block.half(0), block.half(2))
    for group in 0..<8 {
      let (scale, minimum) = scales(block + 4, group, d, m)
      for index in 0..<32 {
        let fifth = high.byte(index) >> UInt8(group) & 1
        y[32 * group + index] = scale * Float(fourBits(weights, group, index) | fifth << 4) - minimum
      }
    }
  }

  /// Weight `index` of a group of 32, two groups to 32 bytes.
  private static func fourBits(_ weights: UnsafeRawPointer, _ group: Int, _ index: Int) -> UInt8 {
    weights.byte(group / 2 * 32 + index) >> UInt8(group % 2 * 4) & 15
  }

  /// Scale and minimum of a group of 32, 6 bits each in 12 bytes: those of the first four groups lie in the low bits of
  /// the first eight bytes, whose highest bits belong to the other four.
  private static func scales(_ bytes: UnsafeRawPointer, _ group: Int, _ d: Float, _ m: Float) -> (Float, Float) {
    if group < 4 { return (d * Float(bytes.byte(group) & 63), m * Float(bytes.byte(group + 4) & 63)) }
    let low = bytes.byte(group + 4)
    let scale = low & 15 | (bytes.byte(group - 4) >> 6) << 4
    let minimum = low >> 4 | (bytes.byte(group) >> 6) << 4
    return (d * Float(scale), m * Float(minimum))
  }

  /// 16 groups of 16 weights of 6 bits less 32, 4 and 2 of them apart; scales of 8 bits.
  static func q6_K(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let (high, scales, d) = (block + 128, block + 192, block.half(208))
    for group in 0..<16 {
      let scale = d * Float(scales.signed(group))
      for index in 16 * group..<16 * group + 16 {
        let (half, within) = (index / 128, index % 128)
        let low = block.byte(64 * half + within % 64) >> UInt8(within / 64 * 4) & 15
        let top = high.byte(32 * half + within % 32) >> UInt8(within / 32 * 2) & 3
        y[index] = scale * Float(Int(low | top << 4) - 32)
      }
    }
  }
}
