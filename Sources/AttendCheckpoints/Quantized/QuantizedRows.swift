// Matrices that are stored as small whole numbers, or as 8-bit floating point, with factors for groups of them.
import AttendBase

/// The rows of a quantised matrix: `w = scale (code - zero)`, computed in float32, where the difference is exact and
/// the product of a scale of 16 bits and at most 9 bits is so too. Immutable: any number of threads may read at once.
final class QuantizedRows: @unchecked Sendable {
  let rows: Int
  let columns: Int
  private let codes: Codes
  private let zeros: Zeros
  private let scales: ScaleGrid
  private let groups: Groups
  /// The tensors that it reads besides that of the codes.
  let parts: [StoredTensor]

  /// The stored numbers of the matrix.
  enum Codes {
    /// Line: the output; place: the input; or the other way round.
    case packed(PackedCodes, isByInput: Bool)
    /// `[outputs, inputs]`
    case int8(UnsafeRawPointer)
    /// `[outputs, inputs]` in E4M3 of Micikevicius et al. 2022, "FP8 formats for deep learning": no infinities.
    case float8(UnsafeRawPointer)
  }

  /// What codes are counted from.
  enum Zeros {
    case all(Int32)
    /// Line: the group; place: the output. `shift` is added, and what is beyond the bits falls away.
    case packed(PackedCodes, shift: Int32)
    /// A number for each scale.
    case int8(UnsafeRawPointer)
  }

  /// The group of an input.
  enum Groups {
    case size(Int)
    /// int32 `[inputs]`, each checked.
    case listed(UnsafeRawPointer)
  }

  init(
    rows: Int, columns: Int, _ codes: Codes, _ zeros: Zeros, _ scales: ScaleGrid, _ groups: Groups,
    parts: [StoredTensor]
  ) {
    (self.rows, self.columns, self.codes, self.zeros) = (rows, columns, codes, zeros)
    (self.scales, self.groups, self.parts) = (scales, groups, parts)
  }

  /// Writes the numbers of a row, from 0 on.
  func read(_ row: Int, into numbers: UnsafeMutablePointer<Float>) {
    switch codes {
    case .packed(let codes, let isByInput):
      expand(row, into: numbers) { (column, zero) in
        Float((isByInput ? codes[column, row] : codes[row, column]) - zero)
      }
    case .int8(let base):
      let own = base + row * columns
      expand(row, into: numbers) { (column, zero) in
        Float(Int32(own.load(fromByteOffset: column, as: Int8.self)) - zero)
      }
    case .float8(let base):
      let own = base + row * columns
      expand(row, into: numbers) { (column, _) in Float(e4m3: own.load(fromByteOffset: column, as: UInt8.self)) }
    }
  }

  /// `difference`: the code of a column less the zero. Neighbours mostly share a group, whose scale and zero are looked
  /// up once then.
  @inline(__always)
  private func expand(
    _ row: Int, into numbers: UnsafeMutablePointer<Float>, _ difference: (_ column: Int, _ zero: Int32) -> Float
  ) {
    var (last, limit) = (-1, 0)
    var (scale, zero) = (0 as Float, 0 as Int32)
    for column in 0..<columns {
      if column >= limit {
        let group: Int
        switch groups {
        case .size(let size): (group, limit) = (column / size, (column / size + 1) * size)
        case .listed(let list):
          group = Int(list.loadUnaligned(fromByteOffset: column * 4, as: Int32.self))
        }
        if group != last { (last, scale, zero) = (group, scales[row, group], self.zero(row, group)) }
      }
      numbers[column] = difference(column, zero) * scale
    }
  }

  private func zero(_ row: Int, _ group: Int) -> Int32 {
    switch zeros {
    case .all(let zero): zero
    case .packed(let codes, let shift): (codes[group, row] + shift) & codes.mask
    case .int8(let base): Int32(base.load(fromByteOffset: scales.place(row, group), as: Int8.self))
    }
  }
}

/// Numbers of a few bits in words of 32, the lowest bits first. Where the bits do not divide a word, a number may begin
/// in one and end in the next.
struct PackedCodes {
  let base: UnsafeRawPointer
  let bits: Int
  /// Words from a word to the next of the same line, and from a line to the next.
  let wordStep: Int
  let lineStep: Int
  /// Whether eight numbers of 4 bits stand in the order 0 2 4 6 1 3 5 7, which AWQ's kernels unpack in pairs.
  var isInterleaved = false

  var mask: Int32 { 1 << Int32(bits) - 1 }

  subscript(line: Int, place: Int) -> Int32 {
    let bit = isInterleaved ? place / 8 * 32 + place % 2 * 16 + place % 8 / 2 * 4 : place * bits
    let word = line * lineStep + (bit >> 5) * wordStep, shift = UInt32(bit & 31)
    var value = base.loadUnaligned(fromByteOffset: word * 4, as: UInt32.self) >> shift
    if Int(shift) + bits > 32 {
      value |= base.loadUnaligned(fromByteOffset: (word + wordStep) * 4, as: UInt32.self) << (32 - shift)
    }
    return Int32(bitPattern: value) & mask
  }
}

/// The factors of a matrix, one for each block of rows and group of columns.
struct ScaleGrid {
  let base: UnsafeRawPointer
  let type: ElementType
  /// Elements from a block of rows to the next, and from a group to the next.
  let rowStep: Int
  let groupStep: Int
  let rowsPerBlock: Int

  func place(_ row: Int, _ group: Int) -> Int { row / rowsPerBlock * rowStep + group * groupStep }

  subscript(row: Int, group: Int) -> Float {
    let place = place(row, group)
    switch type {
    case .float16: return Float(half: base.loadUnaligned(fromByteOffset: place * 2, as: UInt16.self))
    case .bfloat16:
      return Float(bitPattern: UInt32(base.loadUnaligned(fromByteOffset: place * 2, as: UInt16.self)) << 16)
    default: return base.loadUnaligned(fromByteOffset: place * 4, as: Float.self)
    }
  }
}

extension Float {
  /// The number with these bits of E4M3: a sign, 4 bits of exponent with the bias 7, 3 of fraction.
  init(e4m3 bits: UInt8) {
    // Exponent and fraction in the places of binary32, where the exponent's bias is larger by 120.
    let magnitude = bits & 0x7F
    let value = magnitude == 0x7F ? Float.nan : Float(bitPattern: UInt32(magnitude) << 20) * 0x1p120
    self = bits & 0x80 == 0 ? value : -value
  }
}
