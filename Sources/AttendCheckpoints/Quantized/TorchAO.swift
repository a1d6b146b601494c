// Matrices of the torchao library.
import AttendBase

extension QuantizedTensors {
  /// `_weight_qdata` with `_weight_scale` and `_weight_zero_point`, as their class, which the file's metadata names,
  /// means them.
  func torchao(_ codes: StoredTensor, _ base: UnsafeRawPointer) throws(Failure) -> QuantizedRows {
    let about = "tensor \(codes.name) of the class \(note?["_type"]?.excerpt ?? "null")"
    func unsupported(_ reason: String) -> Failure { Failure(.unsupported, "\(codes.file): \(about) \(reason)") }
    if holds("act_pre_scale") { throw unsupported("scales its inputs, which is not implemented") }
    let (rows, columns) = (codes.shape[0], codes.shape[1])
    let scale = try scales("scale", nil), block = try block()
    switch note?["_type"]?.string {
    case "Int8Tensor", "IntxUnpackedToInt8Tensor":
      try check(codes, .int8)
      let (grid, size) = try grid(scale, rows, columns, Schemes(block: block ?? Schemes().block))
      var zeros = QuantizedRows.Zeros.all(0), parts = [scale]
      if let zero = table[name("zero_point")] {
        guard [.int8, .float16, .bfloat16, .float32].contains(zero.type) else { throw misfit(zero, "is \(zero.type)") }
        try check(zero, scale.shape)
        zeros = .stored(grid.holding(zero))
        parts.append(zero)
      }
      return QuantizedRows(rows: rows, columns: columns, .int8(base), zeros, grid, .size(size), parts: parts)
    case "Float8Tensor":
      let (grid, size) = try grid(scale, rows, columns, Schemes(block: block ?? Schemes().block))
      return QuantizedRows(rows: rows, columns: columns, .float8(base), .all(0), grid, .size(size), parts: [scale])
    case "Int4Tensor":
      guard [.uint8, .int8].contains(codes.type) else { throw misfit(codes, "is \(codes.type)") }
      let inputs = columns * 2
      guard let size = block?.columns else { throw unsupported("has no block_size") }
      try check(scale, TensorShape((inputs - 1) / size + 1, rows))
      let zero = try scales("zero_point", scale.shape)
      let grid = ScaleGrid(scale, rowStep: 1, groupStep: rows)
      return QuantizedRows(
        rows: rows, columns: inputs, .nibbles(base), .added(grid.holding(zero)), grid, .size(size),
        parts: [scale, zero])
    default:
      throw unsupported("is not implemented; known are Float8Tensor, Int4Tensor, Int8Tensor, IntxUnpackedToInt8Tensor")
    }
  }

  /// The rows and columns that share a scale.
  private func block() throws(Failure) -> QuantizationMethod.Block? {
    guard let sizes = note?["_data"]?["block_size"], !sizes.isNull else { return nil }
    guard sizes.count == 2, let rows = sizes[0]?.int, let columns = sizes[1]?.int, rows > 0, columns > 0 else {
      throw sizes.invalid("block_size = \(sizes.excerpt) of \(stem) must be two positive numbers")
    }
    return QuantizationMethod.Block(rows: rows, columns: columns)
  }
}
