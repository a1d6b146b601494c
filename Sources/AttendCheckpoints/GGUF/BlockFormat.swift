// The types of elements in GGUF files: plain numbers, and blocks of weights in few bits.
// https://github.com/ggml-org/ggml, docs/gguf.md; the layouts of blocks are those of its ggml-common.h
import AttendBase

/// A type of elements, by its number in a file. A block holds so many weights of a row in so many bytes; blocks never
/// reach from one row into the next.
package enum BlockFormat: UInt32, Sendable, CaseIterable {
  case float32 = 0
  case float16 = 1
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  case q8_1 = 9
  case q2_K = 10
  case q3_K = 11
  case q4_K = 12
  case q5_K = 13
  case q6_K = 14
  case q8_K = 15
  case iq2_XXS = 16
  case iq2_XS = 17
  case iq3_XXS = 18
  case iq1_S = 19
  case iq4_NL = 20
  case iq3_S = 21
  case iq2_S = 22
  case iq4_XS = 23
  case int8 = 24
  case int16 = 25
  case int32 = 26
  case int64 = 27
  case float64 = 28
  case iq1_M = 29
  case bfloat16 = 30
  case tq1_0 = 34
  case tq2_0 = 35
  case mxfp4 = 39

  /// Weights of a block; 1 for plain numbers.
  package var weights: Int {
    switch self {
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q8_1, .iq4_NL, .mxfp4: 32
    case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .q8_K, .iq2_XXS, .iq2_XS, .iq3_XXS, .iq1_S, .iq3_S, .iq2_S, .iq4_XS,
      .iq1_M, .tq1_0, .tq2_0:
      256
    default: 1
    }
  }

  /// Bytes of a block.
  package var bytes: Int {
    switch self {
    case .int8: 1
    case .float16, .bfloat16, .int16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    case .mxfp4: 1 + 16
    case .q4_0, .iq4_NL: 2 + 16
    case .q4_1: 4 + 16
    case .q5_0: 2 + 4 + 16
    case .q5_1: 4 + 4 + 16
    case .q8_0: 2 + 32
    case .q8_1: 4 + 32
    case .q2_K: 16 + 64 + 4
    case .q3_K: 32 + 64 + 12 + 2
    case .q4_K: 4 + 12 + 128
    case .q5_K: 4 + 12 + 32 + 128
    case .q6_K: 128 + 64 + 16 + 2
    case .q8_K: 4 + 256 + 32
    case .iq2_XXS: 2 + 64
    case .iq2_XS: 2 + 64 + 8
    case .iq2_S: 2 + 64 + 8 + 8
    case .iq3_XXS: 2 + 64 + 32
    case .iq3_S: 2 + 64 + 8 + 32 + 4
    case .iq1_S: 2 + 32 + 16
    case .iq1_M: 32 + 16 + 8
    case .iq4_XS: 2 + 2 + 4 + 128
    case .tq1_0: 48 + 4 + 2
    case .tq2_0: 64 + 2
    }
  }

  /// The type of plain numbers; nil: blocks.
  var element: ElementType? {
    switch self {
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .float64: .float64
    case .int8: .int8
    case .int16: .int16
    case .int32: .int32
    case .int64: .int64
    default: nil
    }
  }

  /// Bytes of a row of so many numbers, which must be a multiple of a block.
  package func bytes(ofRow count: Int) -> Int { count / weights * bytes }

  /// Writes a row of `count` numbers as float32, in float32 arithmetic, each operation rounded: the numbers are those
  /// of the gguf package to the bit.
  package func expand(_ row: UnsafeRawPointer, _ count: Int, into numbers: UnsafeMutablePointer<Float>) {
    switch self {
    case .float32:
      numbers.withMemoryRebound(to: UInt8.self, capacity: 4 * count) {
        $0.update(from: row.assumingMemoryBound(to: UInt8.self), count: 4 * count)
      }
    case .float16: for index in 0..<count { numbers[index] = row.half(2 * index) }
    case .bfloat16:
      for index in 0..<count { numbers[index] = Float(bitPattern: UInt32(row.word16(2 * index)) << 16) }
    case .float64:
      for index in 0..<count { numbers[index] = Float(row.loadUnaligned(fromByteOffset: 8 * index, as: Double.self)) }
    case .int8: for index in 0..<count { numbers[index] = Float(row.signed(index)) }
    case .int16:
      for index in 0..<count { numbers[index] = Float(row.loadUnaligned(fromByteOffset: 2 * index, as: Int16.self)) }
    case .int32:
      for index in 0..<count { numbers[index] = Float(row.loadUnaligned(fromByteOffset: 4 * index, as: Int32.self)) }
    case .int64:
      for index in 0..<count { numbers[index] = Float(row.loadUnaligned(fromByteOffset: 8 * index, as: Int64.self)) }
    default:
      for block in 0..<count / weights { expandBlock(row + block * bytes, into: numbers + block * weights) }
    }
  }

  private func expandBlock(_ block: UnsafeRawPointer, into y: UnsafeMutablePointer<Float>) {
    switch self {
    case .q4_0: SmallBlocks.q4_0(block, y)
    case .q4_1: SmallBlocks.q4_1(block, y)
    case .q5_0: SmallBlocks.q5_0(block, y)
    case .q5_1: SmallBlocks.q5_1(block, y)
    case .q8_0: SmallBlocks.q8(block + 2, scale: block.half(0), 32, y)
    case .q8_1: SmallBlocks.q8(block + 4, scale: block.half(0), 32, y)
    case .q8_K: SmallBlocks.q8(block + 4, scale: block.loadUnaligned(as: Float.self), 256, y)
    case .iq4_NL: SmallBlocks.iq4_NL(block, y)
    case .iq4_XS: SmallBlocks.iq4_XS(block, y)
    case .mxfp4: SmallBlocks.mxfp4(block, y)
    case .tq1_0: TernaryBlocks.tq1_0(block, y)
    case .tq2_0: TernaryBlocks.tq2_0(block, y)
    case .q2_K: NestedBlocks.q2_K(block, y)
    case .q3_K: NestedBlocks.q3_K(block, y)
    case .q4_K: NestedBlocks.q4_K(block, y)
    case .q5_K: NestedBlocks.q5_K(block, y)
    case .q6_K: NestedBlocks.q6_K(block, y)
    case .iq2_XXS: GridBlocks.iq2_XXS(block, y)
    case .iq2_XS: GridBlocks.iq2_XS(block, y)
    case .iq2_S: GridBlocks.iq2_S(block, y)
    case .iq3_XXS: GridBlocks.iq3_XXS(block, y)
    case .iq3_S: GridBlocks.iq3_S(block, y)
    case .iq1_S: GridBlocks.iq1_S(block, y)
    case .iq1_M: GridBlocks.iq1_M(block, y)
    case .float32, .float16, .bfloat16, .float64, .int8, .int16, .int32, .int64: break  // plain numbers
    }
  }
}

extension BlockFormat: CustomStringConvertible {
  /// The name that GGUF's own tools use.
  package var description: String {
    switch self {
    case .float32: "F32"
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .float64: "F64"
    case .int8: "I8"
    case .int16: "I16"
    case .int32: "I32"
    case .int64: "I64"
    case .q4_0: "Q4_0"
    case .q4_1: "Q4_1"
    case .q5_0: "Q5_0"
    case .q5_1: "Q5_1"
    case .q8_0: "Q8_0"
    case .q8_1: "Q8_1"
    case .q2_K: "Q2_K"
    case .q3_K: "Q3_K"
    case .q4_K: "Q4_K"
    case .q5_K: "Q5_K"
    case .q6_K: "Q6_K"
    case .q8_K: "Q8_K"
    case .iq2_XXS: "IQ2_XXS"
    case .iq2_XS: "IQ2_XS"
    case .iq3_XXS: "IQ3_XXS"
    case .iq1_S: "IQ1_S"
    case .iq4_NL: "IQ4_NL"
    case .iq3_S: "IQ3_S"
    case .iq2_S: "IQ2_S"
    case .iq4_XS: "IQ4_XS"
    case .iq1_M: "IQ1_M"
    case .tq1_0: "TQ1_0"
    case .tq2_0: "TQ2_0"
    case .mxfp4: "MXFP4"
    }
  }
}

extension UnsafeRawPointer {
  func byte(_ offset: Int) -> UInt8 { load(fromByteOffset: offset, as: UInt8.self) }
  func signed(_ offset: Int) -> Int8 { load(fromByteOffset: offset, as: Int8.self) }
  func word16(_ offset: Int) -> UInt16 { loadUnaligned(fromByteOffset: offset, as: UInt16.self) }
  func word32(_ offset: Int) -> UInt32 { loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
  /// A number of binary16.
  func half(_ offset: Int) -> Float { Float(half: word16(offset)) }
}
