// Matrices of the HQQ library.
import AttendBase

/// A matrix that is reshaped to groups before it is quantised (Badri and Shaji 2023, "Half-Quadratic Quantization"):
/// `w = (code - zero) scale` in float32, where zeros are no whole numbers. The numbers of the matrix, one row after
/// another, are lines of `width`; several lines far from each other share a word, the first in its highest bits.
final class HalfQuadraticRows: QuantizedMatrix, @unchecked Sendable {
  let rows: Int
  let columns: Int
  let parts: [StoredTensor]
  private let codes: UnsafeRawPointer
  private let packing: Packing
  private let width: Int
  /// Lines of words.
  private let lines: Int
  private let scales: ScaleGrid
  private let zeros: ScaleGrid
  /// Whether a line has a scale, or a place in all lines.
  private let isByLine: Bool

  /// How many numbers of how many bits share a word.
  struct Packing {
    let bits: Int
    let bytes: Int
    let numbers: Int

    init?(_ name: String) {
      switch name {
      case "8bit_u8": (bits, bytes, numbers) = (8, 1, 1)
      case "4bit_u8": (bits, bytes, numbers) = (4, 1, 2)
      case "3bit_32": (bits, bytes, numbers) = (3, 4, 10)
      case "2bit_u8": (bits, bytes, numbers) = (2, 1, 4)
      case "1bit_u8": (bits, bytes, numbers) = (1, 1, 8)
      default: return nil
      }
    }
  }

  init(
    rows: Int, columns: Int, _ codes: StoredTensor, _ packing: Packing, scales: StoredTensor, zeros: StoredTensor,
    isByLine: Bool
  ) {
    (self.rows, self.columns, self.codes, self.packing) = (rows, columns, codes.bytes.baseAddress!, packing)
    (lines, width, self.isByLine) = (codes.shape[0], codes.shape[1], isByLine)
    (self.scales, self.zeros) = (ScaleGrid(scales, rowStep: 1), ScaleGrid(zeros, rowStep: 1))
    parts = [scales, zeros]
  }

  func read(_ row: Int, into numbers: UnsafeMutablePointer<Float>) {
    var (line, place) = (row * columns).quotientAndRemainder(dividingBy: width)
    for column in 0..<columns {
      let group = isByLine ? line : place
      numbers[column] = (Float(code(line, place)) - zeros[group, 0]) * scales[group, 0]
      place += 1
      if place == width { (line, place) = (line + 1, 0) }
    }
  }

  private func code(_ line: Int, _ place: Int) -> UInt32 {
    let (part, own) = line.quotientAndRemainder(dividingBy: lines)
    let word = own * width + place, shift = UInt32((packing.numbers - 1 - part) * packing.bits)
    let value =
      packing.bytes == 1
      ? UInt32(codes.load(fromByteOffset: word, as: UInt8.self))
      : codes.loadUnaligned(fromByteOffset: word * 4, as: UInt32.self)
    return value >> shift & (1 << UInt32(packing.bits) - 1)
  }
}

extension QuantizedTensors {
  /// `W_q` uint8, or int32 of 3 bits, `[lines of words, width]`; `scale` and `zero` of a number a line or a place, as
  /// `axis` says; `shape` int32 or int64 `[2]`; `packing` text in uint8.
  func halfQuadratic(_ codes: StoredTensor, _ base: UnsafeRawPointer) throws(Failure) -> HalfQuadraticRows {
    for flag in ["view_as_float", "quant_scale", "quant_zero"] {
      guard let tensor = table[name(flag)], tensor.bytes.contains(where: { $0 != 0 }) else { continue }
      throw Failure(.unsupported, "\(tensor.file): tensor \(tensor.name) is not false; that is not implemented")
    }
    let text = try stored("packing")
    let spelled = String(decoding: text.bytes.prefix(16), as: UTF8.self)
    guard let packing = HalfQuadraticRows.Packing(spelled) else {
      throw Failure(
        .unsupported,
        "\(text.file): tensor \(text.name) says \"\(spelled)\"; known are 8bit_u8, 4bit_u8, 3bit_32, 2bit_u8, 1bit_u8")
    }
    try check(codes, packing.bytes == 1 ? .uint8 : .int32)
    let shape = try stored("shape"), axis = try stored("axis")
    guard let sizes = wholes(shape), sizes.count == 2, sizes[0] > 0, sizes[1] > 0,
      case let (count, overflow) = sizes[0].multipliedReportingOverflow(by: sizes[1]), !overflow
    else { throw misfit(shape, "must hold the two sizes of the weights") }
    let width = codes.shape[1], lines = count / width
    guard count.isMultiple(of: width), (lines - 1) / packing.numbers + 1 == codes.shape[0] else {
      throw misfit(codes, "does not hold \(sizes[0]) x \(sizes[1]) numbers of \(packing.bits) bits")
    }
    guard let along = wholes(axis), along == [0] || along == [1] else { throw misfit(axis, "must hold 0 or 1") }
    let wanted = along == [1] ? TensorShape(lines, 1) : TensorShape(1, width)
    return HalfQuadraticRows(
      rows: sizes[0], columns: sizes[1], codes, packing, scales: try scales("scale", wanted),
      zeros: try scales("zero", wanted), isByLine: along == [1])
  }

  /// A part that must be there.
  private func stored(_ part: String) throws(Failure) -> StoredTensor {
    guard let tensor = table[name(part)] else { throw missing(name(part)) }
    return tensor
  }
}
