// One quantised matrix, from its tensors.
import AttendBase

extension QuantizedTensors {
  typealias Schemes = QuantizationMethod.Schemes

  /// The weights behind `codes`. Throws `invalidFile` where tensors are missing or do not fit, `unsupported` where they
  /// are of other types.
  func read(_ codes: StoredTensor, _ method: QuantizationMethod) throws(Failure) -> StoredTensor {
    guard codes.shape.count == 2, codes.shape[0] > 0, codes.shape[1] > 0, let base = codes.bytes.baseAddress else {
      throw misfit(codes, "needs two sizes")
    }
    let rows: any QuantizedMatrix
    switch method {
    case .gptq(let bits, let size, let shift, let needsOrder):
      rows = try gptq(codes, base, bits, size, shift, needsOrder: needsOrder)
    case .awq(let size): rows = try awq(codes, base, size)
    case .float8(let block): rows = try whole(codes, base, Schemes(block: block))
    case .compressed(let schemes):
      rows = codes.type == .int32 ? try packed(codes, base, schemes) : try whole(codes, base, schemes)
    case .bitsandbytes: rows = try bitsAndBytes(codes, base)
    case .hqq: rows = try halfQuadratic(codes, base)
    case .torchao: rows = try torchao(codes, base)
    }
    return StoredTensor(
      name: "\(stem).weight", type: .float32, shape: TensorShape(rows.rows, rows.columns), bytes: codes.bytes,
      file: codes.file, owner: codes.owner, rows: StoredRows(rows))
  }

  // MARK: Methods

  /// `qweight` int32 `[inputs bits / 32, outputs]`, `qzeros` int32 `[groups, outputs bits / 32]`, `scales`
  /// `[groups, outputs]`, `g_idx` int32 `[inputs]`.
  private func gptq(
    _ codes: StoredTensor, _ base: UnsafeRawPointer, _ bits: Int, _ size: Int?, _ shift: Int32, needsOrder: Bool
  ) throws(Failure) -> QuantizedRows {
    try check(codes, .int32)
    let (words, outputs) = (codes.shape[0], codes.shape[1])
    guard (words * 32).isMultiple(of: bits), (outputs * bits).isMultiple(of: 32) else {
      throw misfit(codes, "does not hold whole words of numbers of \(bits) bits")
    }
    let columns = words * 32 / bits
    let groupSize = size ?? columns, groups = (columns - 1) / groupSize + 1
    let scales = try scales("scales", TensorShape(groups, outputs))
    let zeros = try part("qzeros", .int32, TensorShape(groups, outputs * bits / 32))
    var parts = [scales, zeros], order = QuantizedRows.Groups.size(groupSize)
    if needsOrder || holds("g_idx") {
      let list = try part("g_idx", .int32, TensorShape(columns))
      parts.append(list)
      order = .listed(try checked(list, below: groups))
    }
    return QuantizedRows(
      rows: outputs, columns: columns,
      .packed(PackedCodes(base: base, bits: bits, wordStep: outputs, lineStep: 1), isByInput: false),
      .packed(
        PackedCodes(base: zeros.bytes.baseAddress!, bits: bits, wordStep: 1, lineStep: zeros.shape[1]), shift: shift),
      ScaleGrid(scales, rowStep: 1, groupStep: outputs),
      order, parts: parts)
  }

  /// `qweight` int32 `[inputs, outputs / 8]`, `qzeros` int32 `[groups, outputs / 8]`, `scales` `[groups, outputs]`.
  private func awq(
    _ codes: StoredTensor, _ base: UnsafeRawPointer, _ size: Int?
  ) throws(Failure) -> QuantizedRows {
    try check(codes, .int32)
    let (columns, words) = (codes.shape[0], codes.shape[1])
    let outputs = words * 8, groupSize = size ?? columns, groups = (columns - 1) / groupSize + 1
    let scales = try scales("scales", TensorShape(groups, outputs))
    let zeros = try part("qzeros", .int32, TensorShape(groups, words))
    func packed(_ base: UnsafeRawPointer) -> PackedCodes {
      PackedCodes(base: base, bits: 4, wordStep: 1, lineStep: words, isInterleaved: true)
    }
    return QuantizedRows(
      rows: outputs, columns: columns, .packed(packed(base), isByInput: true),
      .packed(packed(zeros.bytes.baseAddress!), shift: 0),
      ScaleGrid(scales, rowStep: 1, groupStep: outputs),
      .size(groupSize), parts: [scales, zeros])
  }

  /// A number of 8 bits for each weight, `[outputs, inputs]`.
  private func whole(
    _ codes: StoredTensor, _ base: UnsafeRawPointer, _ schemes: Schemes
  ) throws(Failure) -> QuantizedRows {
    let (rows, columns) = (codes.shape[0], codes.shape[1])
    let inverse = "weight_scale_inv"
    let scales = try scales(!holds(inverse) ? "weight_scale" : inverse, nil)
    let (grid, size) = try grid(scales, rows, columns, schemes)
    var zeros = QuantizedRows.Zeros.all(0), parts = [scales]
    if codes.type == .int8, holds("weight_zero_point") {
      let zero = try part("weight_zero_point", .int8, scales.shape)
      zeros = .stored(grid.holding(zero))
      parts.append(zero)
    }
    return QuantizedRows(
      rows: rows, columns: columns, codes.type == .int8 ? .int8(base) : .float8(base), zeros, grid, .size(size),
      parts: parts)
  }

  /// `weight_packed` int32 `[outputs, inputs bits / 32]` of codes above their least, `weight_shape`, `weight_scale`,
  /// `weight_zero_point` int32 `[outputs bits / 32, groups]`, `weight_g_idx`.
  private func packed(
    _ codes: StoredTensor, _ base: UnsafeRawPointer, _ schemes: Schemes
  ) throws(Failure) -> QuantizedRows {
    let (rows, words) = (codes.shape[0], codes.shape[1])
    let columns = try columns(rows)
    let bits = try bits(schemes.bits, columns, words, codes)
    let scales = try scales("weight_scale", nil)
    let (grid, size) = try grid(scales, rows, columns, schemes)
    // Both codes and zeros are stored from the least number of so many bits on.
    var zeros = QuantizedRows.Zeros.all(Float(1 << (bits - 1))), parts = [scales],
      order = QuantizedRows.Groups.size(size)
    let groups = (columns - 1) / size + 1
    if holds("weight_zero_point") {
      let zero = try part("weight_zero_point", .int32, TensorShape((rows * bits - 1) / 32 + 1, groups))
      zeros = .packed(
        PackedCodes(base: zero.bytes.baseAddress!, bits: bits, wordStep: groups, lineStep: 1), shift: 0)
      parts.append(zero)
    }
    if holds("weight_g_idx") {
      let list = try part("weight_g_idx", .int32, TensorShape(columns))
      let isUnset = list.bytes.allSatisfy { $0 == 0xFF }  // -1 everywhere
      if !isUnset { order = .listed(try checked(list, below: groups)) }
      parts.append(list)
    }
    return QuantizedRows(
      rows: rows, columns: columns,
      .packed(PackedCodes(base: base, bits: bits, wordStep: 1, lineStep: words), isByInput: false), zeros, grid, order,
      parts: parts)
  }

  /// The bits of a packed matrix, of those that the configuration knows. A number may begin in a word and end in the
  /// next; older files of bits that do not divide 32 leave the rest of a word empty, and where both make as many words
  /// nobody can tell which it is.
  private func bits(
    _ known: [Int], _ columns: Int, _ words: Int, _ codes: StoredTensor
  ) throws(Failure) -> Int {
    let found = known.first { bits in
      (32.isMultiple(of: bits) || columns.isMultiple(of: 32)) && columns <= words * 32 / bits
        && words == (columns * bits - 1) / 32 + 1
    }
    guard let found else {
      throw misfit(
        codes, "does not hold \(columns) numbers a row of \(known.map { "\($0)" }.joined(separator: " or ")) bits")
    }
    return found
  }

  /// The number of columns that `weight_shape` tells.
  private func columns(_ rows: Int) throws(Failure) -> Int {
    let name = name("weight_shape")
    guard let tensor = table[name] else { throw missing(name) }
    guard let sizes = wholes(tensor), sizes.count == 2, sizes[0] == rows, sizes[1] > 0 else {
      throw misfit(tensor, "must say \(rows), the rows of weight_packed, and their numbers")
    }
    return sizes[1]
  }

  // MARK: Parts

  /// Scales for the whole matrix, its rows, groups in its rows or blocks, and the columns of a group.
  func grid(
    _ scales: StoredTensor, _ rows: Int, _ columns: Int, _ schemes: Schemes
  ) throws(Failure) -> (ScaleGrid, groupSize: Int) {
    let (shape, block) = (scales.shape, schemes.block)
    if scales.count == 1 { return (ScaleGrid(scales, rowStep: 0), columns) }
    if shape == TensorShape(rows) || shape == TensorShape(rows, 1) { return (ScaleGrid(scales, rowStep: 1), columns) }
    if shape == TensorShape((rows - 1) / block.rows + 1, (columns - 1) / block.columns + 1) {
      return (ScaleGrid(scales, rowStep: shape[1], rowsPerBlock: block.rows), block.columns)
    }
    for size in schemes.groupSizes where shape == TensorShape(rows, (columns - 1) / size + 1) {
      return (ScaleGrid(scales, rowStep: shape[1]), size)
    }
    throw misfit(
      scales,
      "fits neither \(rows) x \(columns) weights, nor their rows, groups of "
        + "\(schemes.groupSizes.isEmpty ? "no size" : schemes.groupSizes.map { "\($0)" }.joined(separator: " or ")) or "
        + "blocks of \(block.rows) x \(block.columns)")
  }
}
