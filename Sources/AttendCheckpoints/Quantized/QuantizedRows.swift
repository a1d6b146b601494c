// Matrices that are stored as small whole numbers, or as 8-bit floating point, with factors for groups of them.
import AttendBase

/// The rows of a matrix that is stored quantised. Immutable: any number of threads may read at once.
protocol QuantizedMatrix: AnyObject, Sendable {
  var rows: Int { get }
  var columns: Int { get }
  /// The tensors that are read besides that of the codes.
  var parts: [StoredTensor] { get }
  /// Writes the numbers of a row, from 0 on.
  func read(_ row: Int, into numbers: UnsafeMutablePointer<Float>)
}

/// A matrix of codes with scales: `w = scale (code - zero)`, computed in float32, where the difference of whole numbers
/// is exact and the product of a scale of 16 bits and at most 9 bits is so too.
final class QuantizedRows: QuantizedMatrix, @unchecked Sendable {
  let rows: Int
  let columns: Int
  private let codes: Codes
  private let zeros: Zeros
  private let scales: ScaleGrid
  private let groups: Groups
  let parts: [StoredTensor]

  /// The stored numbers of the matrix.
  enum Codes {
    /// Line: the output; place: the input; or the other way round.
    case packed(PackedCodes, isByInput: Bool)
    /// `[outputs, inputs]`
    case int8(UnsafeRawPointer)
    /// `[outputs, inputs / 2]`, two's complement of 4 bits, the lower half of a byte first.
    case nibbles(UnsafeRawPointer)
    /// `[outputs, inputs]` in E4M3 of Micikevicius et al. 2022, "FP8 formats for deep learning": no infinities.
    case float8(UnsafeRawPointer)
  }

  /// What codes are counted from.
  enum Zeros {
    case all(Float)
    /// Line: the group; place: the output. `shift` is added, and what is beyond the bits falls away.
    case packed(PackedCodes, shift: Int32)
    /// A number for each scale.
    case stored(ScaleGrid)
    /// A number for each scale that is not taken from codes but added to their products: `w = scale code + zero`.
    case added(ScaleGrid)
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

  func read(_ row: Int, into numbers: UnsafeMutablePointer<Float>) {
    switch codes {
    case .packed(let codes, let isByInput):
      expand(row, into: numbers) { Float(isByInput ? codes[$0, row] : codes[row, $0]) }
    case .int8(let base):
      let own = base + row * columns
      expand(row, into: numbers) { Float(own.load(fromByteOffset: $0, as: Int8.self)) }
    case .nibbles(let base):
      let own = base + row * (columns / 2)
      expand(row, into: numbers) { column in
        let pair = own.load(fromByteOffset: column / 2, as: UInt8.self)
        return Float(Int8(bitPattern: column.isMultiple(of: 2) ? pair << 4 : pair & 0xF0) >> 4)
      }
    case .float8(let base):
      let own = base + row * columns
      expand(row, into: numbers) { Float(e4m3: own.load(fromByteOffset: $0, as: UInt8.self)) }
    }
  }

  /// `code`: that of a column. Neighbours mostly share a group, whose scale and zero are looked up once then.
  @inline(__always)
  private func expand(
    _ row: Int, into numbers: UnsafeMutablePointer<Float>, _ code: (_ column: Int) -> Float
  ) {
    var (last, limit) = (-1, 0)
    var (scale, zero, offset) = (0 as Float, 0 as Float, nil as Float?)
    for column in 0..<columns {
      if column >= limit {
        let group: Int
        switch groups {
        case .size(let size): (group, limit) = (column / size, (column / size + 1) * size)
        case .listed(let list):
          group = Int(list.loadUnaligned(fromByteOffset: column * 4, as: Int32.self))
        }
        if group != last {
          (last, scale) = (group, scales[row, group])
          (zero, offset) = self.zero(row, group)
        }
      }
      let number = (code(column) - zero) * scale
      numbers[column] = offset.map { number + $0 } ?? number
    }
  }

  /// What is taken from codes, and what is added to their products.
  private func zero(_ row: Int, _ group: Int) -> (zero: Float, offset: Float?) {
    switch zeros {
    case .all(let zero): (zero, nil)
    case .packed(let codes, let shift): (Float((codes[group, row] + shift) & codes.mask), nil)
    case .stored(let grid): (grid[row, group], nil)
    case .added(let grid): (0, grid[row, group])
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

/// The factors of a matrix, one for each block of rows and group of columns; or its zeros.
struct ScaleGrid {
  let base: UnsafeRawPointer
  let type: ElementType
  /// Elements from a block of rows to the next, and from a group to the next.
  let rowStep: Int
  let groupStep: Int
  let rowsPerBlock: Int

  /// `tensor` must not be empty.
  init(_ tensor: StoredTensor, rowStep: Int, groupStep: Int = 1, rowsPerBlock: Int = 1) {
    (base, type) = (tensor.bytes.baseAddress!, tensor.type)
    (self.rowStep, self.groupStep, self.rowsPerBlock) = (rowStep, groupStep, rowsPerBlock)
  }

  /// Other numbers, of the same shape.
  func holding(_ tensor: StoredTensor) -> ScaleGrid {
    ScaleGrid(tensor, rowStep: rowStep, groupStep: groupStep, rowsPerBlock: rowsPerBlock)
  }

  subscript(row: Int, group: Int) -> Float {
    let place = row / rowsPerBlock * rowStep + group * groupStep
    switch type {
    case .float16: return Float(half: base.loadUnaligned(fromByteOffset: place * 2, as: UInt16.self))
    case .int8: return Float(base.load(fromByteOffset: place, as: Int8.self))
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
