// "IQ" blocks: eight or four weights at a time are a point of a grid, with signs.
import AttendBase

/// Blocks of 256 weights, whose points and scales were found as QuIP# finds them (Tseng et al. 2024, arXiv:2402.04396).
enum GridBlocks {
  /// Eight groups of 32 weights: four points, and in 32 bits four signs of 7 bits and a scale of 4.
  static func iq2_XXS(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let d = block.half(0)
    for group in 0..<8 {
      let (points, rest) = (block + 2 + 8 * group, block.word32(2 + 8 * group + 4))
      let scale = d * (0.5 + Float(rest >> 28)) * 0.25
      for part in 0..<4 {
        let signs = evenSigns(rest >> UInt32(7 * part))
        write(.iq2xxs, Int(points.byte(part)), scale, signs, y + 32 * group + 8 * part)
      }
    }
  }

  /// 32 points with their signs of 7 bits, in 16 bits each; scales of 4 bits for 16 weights.
  static func iq2_XS(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let d = block.half(0)
    for part in 0..<32 {
      let word = block.word16(2 + 2 * part)
      let scale = d * (0.5 + Float(half(block.byte(66 + part / 4), part / 2))) * 0.25
      write(.iq2xs, Int(word & 511), scale, evenSigns(UInt32(word >> 9)), y + 8 * part)
    }
  }

  /// 32 points of 10 bits, 8 and 2 of them apart, signs of 8 bits and scales of 4 bits for 16 weights.
  static func iq2_S(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let d = block.half(0)
    for part in 0..<32 {
      let high = block.byte(66 + part / 4) >> UInt8(part % 4 * 2) & 3
      let scale = d * (0.5 + Float(half(block.byte(74 + part / 4), part / 2))) * 0.25
      write(.iq2s, Int(block.byte(2 + part)) | Int(high) << 8, scale, block.byte(34 + part), y + 8 * part)
    }
  }

  /// 64 points of four weights; behind them for each 32 weights signs and scale as in IQ2_XXS.
  static func iq3_XXS(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let d = block.half(0)
    for part in 0..<64 {
      let rest = block.word32(66 + part / 8 * 4)
      let scale = d * (0.5 + Float(rest >> 28)) * 0.5
      let signs = evenSigns(rest >> UInt32(part % 8 / 2 * 7)) >> UInt8(part % 2 * 4)
      write(.iq3xxs, Int(block.byte(2 + part)), scale, signs, y + 4 * part)
    }
  }

  /// 64 points of 9 bits, the highest apart, signs of 8 bits for 8 weights, odd scales of 4 bits for 32.
  static func iq3_S(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let d = block.half(0)
    for part in 0..<64 {
      let high = block.byte(66 + part / 8) >> UInt8(part % 8) & 1
      let scale = d * Float(1 + 2 * half(block.byte(106 + part / 16), part / 8))
      let signs = block.byte(74 + part / 2) >> UInt8(part % 2 * 4)
      write(.iq3s, Int(block.byte(2 + part)) | Int(high) << 8, scale, signs, y + 4 * part)
    }
  }

  /// 32 points of 11 bits; for each four of them 16 bits with their highest bits, an odd scale of 3 bits and the sign
  /// of what is added to all.
  static func iq1_S(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    let d = block.half(0)
    for part in 0..<32 {
      let word = block.word16(34 + part / 4 * 2)
      let index = Int(block.byte(2 + part)) | Int(word >> UInt16(part % 4 * 3) & 7) << 8
      write(index, d * Float(2 * (word >> 12 & 7) + 1), shift: word & 0x8000 == 0 ? 0.125 : -0.125, y + 8 * part)
    }
  }

  /// The same with half a byte of highest bits and sign for each point, and scales for each two; the scale of the block
  /// lies in the highest four bits of the words that hold them.
  static func iq1_M(_ block: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>) {
    var bits: UInt16 = 0
    for word in 0..<4 { bits |= (block.word16(48 + 2 * word) >> 12) << UInt16(4 * word) }
    let d = Float(half: bits)
    for part in 0..<32 {
      let scale = block.word16(48 + part / 8 * 2) >> UInt16(part % 8 / 2 * 3) & 7
      let high = half(block.byte(32 + part / 2), part)
      write(
        Int(block.byte(part)) | Int(high & 7) << 8, d * Float(2 * scale + 1), shift: high & 8 == 0 ? 0.125 : -0.125,
        y + 8 * part)
    }
  }

  /// The low half of a byte for even places, the high one for odd.
  private static func half(_ byte: UInt8, _ place: Int) -> UInt8 { byte >> UInt8(place % 2 * 4) & 15 }

  /// Signs of eight weights, of which an even number are negative: the last is concluded from 7 bits.
  private static func evenSigns(_ bits: UInt32) -> UInt8 {
    let seven = UInt8(truncatingIfNeeded: bits & 127)
    return seven | UInt8(seven.nonzeroBitCount & 1) << 7
  }

  /// A point times a scale, negative where a sign is set.
  private static func write(
    _ grid: BlockGrid, _ index: Int, _ scale: Float, _ signs: UInt8, _ y: UnsafeMutablePointer<Float>
  ) {
    let point = grid.point(index)
    for place in 0..<grid.coordinates {
      let value = scale * grid.coordinate(place, of: point)
      y[place] = signs >> UInt8(place) & 1 == 0 ? value : -value
    }
  }

  /// A point of IQ1, moved by `shift`, times a scale.
  private static func write(_ index: Int, _ scale: Float, shift: Float, _ y: UnsafeMutablePointer<Float>) {
    let point = BlockGrid.iq1s.point(index)
    for place in 0..<8 { y[place] = scale * (BlockGrid.iq1s.coordinate(place, of: point) + shift) }
  }
}

/// The points of a grid, read where they are spelled.
private struct BlockGrid: Sendable {
  let coordinates: Int
  private let spelled: StaticString
  /// The values that a coordinate may have, by its bits.
  private let values: InlineArray<8, Float>

  static let iq2xxs = BlockGrid(BlockGrids.iq2xxs, coordinates: 8, [8, 25, 43, 0, 0, 0, 0, 0])
  static let iq2xs = BlockGrid(BlockGrids.iq2xs, coordinates: 8, [8, 25, 43, 0, 0, 0, 0, 0])
  static let iq2s = BlockGrid(BlockGrids.iq2s, coordinates: 8, [8, 25, 43, 0, 0, 0, 0, 0])
  static let iq3xxs = BlockGrid(BlockGrids.iq3xxs, coordinates: 4, [4, 12, 20, 28, 36, 44, 52, 62])
  static let iq3s = BlockGrid(BlockGrids.iq3s, coordinates: 4, [1, 3, 5, 7, 9, 11, 13, 15])
  static let iq1s = BlockGrid(BlockGrids.iq1s, coordinates: 8, [-1, 0, 1, 0, 0, 0, 0, 0])

  private init(_ spelled: StaticString, coordinates: Int, _ values: InlineArray<8, Float>) {
    (self.spelled, self.coordinates, self.values) = (spelled, coordinates, values)
  }

  /// The bits of a point.
  func point(_ index: Int) -> Int {
    let characters = spelled.utf8Start + 3 * index
    return Int(characters[0] - 48) << 12 | Int(characters[1] - 48) << 6 | Int(characters[2] - 48)
  }

  func coordinate(_ place: Int, of point: Int) -> Float {
    coordinates == 8 ? values[point >> (2 * place) & 3] : values[point >> (3 * place) & 7]
  }
}
