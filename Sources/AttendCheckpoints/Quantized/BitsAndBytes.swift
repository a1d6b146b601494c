// Matrices of the bitsandbytes library.
import AttendBase

/// A matrix in blocks of 4-bit numbers that a table maps to what they mean (Dettmers et al. 2023, "QLoRA", section 3):
/// `w = table[code] absmax`, in float32. Blocks go on from row to row.
final class TableRows: QuantizedMatrix, @unchecked Sendable {
  let rows: Int
  let columns: Int
  let parts: [StoredTensor]
  /// Two codes a byte, the upper half first.
  private let codes: UnsafeRawPointer
  private let table: [Float]
  private let blockSize: Int
  private let scales: Scales

  /// The largest magnitude of each block.
  enum Scales {
    case float32(UnsafeRawPointer)
    /// Quantised once more: `table[byte] absmax + offset`, a block of `blockSize` bytes for each number of `absmax`.
    case nested(UnsafeRawPointer, table: UnsafeRawPointer, absmax: UnsafeRawPointer, blockSize: Int, offset: Float)
  }

  init(
    rows: Int, columns: Int, _ codes: UnsafeRawPointer, _ table: [Float], blockSize: Int, _ scales: Scales,
    parts: [StoredTensor]
  ) {
    (self.rows, self.columns, self.codes, self.table) = (rows, columns, codes, table)
    (self.blockSize, self.scales, self.parts) = (blockSize, scales, parts)
  }

  func read(_ row: Int, into numbers: UnsafeMutablePointer<Float>) {
    let first = row * columns
    var (scale, limit) = (0 as Float, first)
    for place in first..<first + columns {
      if place >= limit {
        scale = self.scale(place / blockSize)
        limit = (place / blockSize + 1) * blockSize
      }
      let pair = codes.load(fromByteOffset: place / 2, as: UInt8.self)
      numbers[place - first] = table[Int(place.isMultiple(of: 2) ? pair >> 4 : pair & 15)] * scale
    }
  }

  private func scale(_ block: Int) -> Float {
    switch scales {
    case .float32(let base): return base.loadUnaligned(fromByteOffset: block * 4, as: Float.self)
    case .nested(let base, let table, let absmax, let size, let offset):
      let byte = Int(base.load(fromByteOffset: block, as: UInt8.self))
      return table.loadUnaligned(fromByteOffset: byte * 4, as: Float.self)
        * absmax.loadUnaligned(fromByteOffset: block / size * 4, as: Float.self) + offset
    }
  }
}

/// A matrix of 8-bit numbers with the largest magnitude of each row (Dettmers et al. 2022, "LLM.int8()", equation 3):
/// `w = (code SCB) / 127`, in float32 and in this order.
final class VectorwiseRows: QuantizedMatrix, @unchecked Sendable {
  let rows: Int
  let columns: Int
  let parts: [StoredTensor]
  private let codes: UnsafeRawPointer
  private let scales: UnsafeRawPointer

  init(rows: Int, columns: Int, _ codes: UnsafeRawPointer, _ scales: StoredTensor) {
    (self.rows, self.columns, self.codes) = (rows, columns, codes)
    (self.scales, parts) = (scales.bytes.baseAddress!, [scales])
  }

  func read(_ row: Int, into numbers: UnsafeMutablePointer<Float>) {
    let own = codes + row * columns, scale = scales.loadUnaligned(fromByteOffset: row * 4, as: Float.self)
    for column in 0..<columns {
      // The library multiplies by the inverse.
      numbers[column] = Float(own.load(fromByteOffset: column, as: Int8.self)) * scale * (1 / 127)
    }
  }
}

extension QuantizedTensors {
  /// `weight` int8 `[outputs, inputs]` with `SCB` float32 `[outputs]`; or 4-bit codes in a `weight` of any shape, with
  /// `weight.absmax`, `weight.quant_map` and a JSON text of the rest.
  func bitsAndBytes(_ codes: StoredTensor, _ base: UnsafeRawPointer) throws(Failure) -> any QuantizedMatrix {
    guard holds("SCB") else {
      return try QuantizedTensors(table: table, stem: name("weight"), folder: folder).tabled(codes, base)
    }
    try check(codes, .int8)
    if let format = table[name("weight_format")], format.bytes.contains(where: { $0 != 0 }) {
      throw Failure(.unsupported, "\(format.file): tensor \(format.name) says that rows do not lie one after another")
    }
    let (rows, columns) = (codes.shape[0], codes.shape[1])
    return VectorwiseRows(rows: rows, columns: columns, base, try part("SCB", .float32, TensorShape(rows)))
  }

  private func tabled(_ codes: StoredTensor, _ base: UnsafeRawPointer) throws(Failure) -> TableRows {
    let (tensor, state) = try state()
    func natural(_ key: String) throws(Failure) -> Int {
      guard let value = state[key]?.int, value > 0 else {
        throw misfit(tensor, "holds \(key) = \(state[key]?.excerpt ?? "null"), which must be positive")
      }
      return value
    }
    guard let shape = state["shape"], shape.count == 2, let rows = shape[0]?.int, let columns = shape[1]?.int,
      rows > 0, columns > 0, case let (count, overflow) = rows.multipliedReportingOverflow(by: columns), !overflow,
      codes.bytes.count == (count - 1) / 2 + 1
    else {
      throw misfit(
        codes, "has \(codes.bytes.count) bytes, and the weights are of the shape \(state["shape"]?.excerpt ?? "null")")
    }
    let size = try natural("blocksize"), blocks = (count - 1) / size + 1
    let map = try part("quant_map", .float32, TensorShape(16))
    let meanings = (0..<16).map { map.bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
    var parts = [map, tensor]
    let scales: TableRows.Scales
    if holds("nested_absmax") {
      let bytes = try part("absmax", .uint8, TensorShape(blocks)), nested = try natural("nested_blocksize")
      let absmax = try part("nested_absmax", .float32, TensorShape((blocks - 1) / nested + 1))
      let map = try part("nested_quant_map", .float32, TensorShape(256))
      guard let offset = state["nested_offset"]?.double else { throw misfit(tensor, "holds no nested_offset") }
      parts += [bytes, absmax, map]
      scales = .nested(
        bytes.bytes.baseAddress!, table: map.bytes.baseAddress!, absmax: absmax.bytes.baseAddress!, blockSize: nested,
        offset: Float(offset))
    } else {
      let absmax = try part("absmax", .float32, TensorShape(blocks))
      parts.append(absmax)
      scales = .float32(absmax.bytes.baseAddress!)
    }
    return TableRows(rows: rows, columns: columns, base, meanings, blockSize: size, scales, parts: parts)
  }

  /// The JSON text beside a matrix of 4-bit codes.
  private func state() throws(Failure) -> (StoredTensor, JSON) {
    for type in ["nf4", "fp4"] {
      guard let tensor = table[name("quant_state.bitsandbytes__\(type)")] else { continue }
      try check(tensor, .uint8)
      return (tensor, try JSON.parse(tensor.bytes, file: "\(tensor.file): tensor \(tensor.name)"))
    }
    throw missing(name("quant_state.bitsandbytes__nf4"))
  }
}
