// One quantised matrix, from its tensors.
import AttendBase

/// The tensors of a quantised matrix, checked against each other.
struct QuantizedProduct {
  let table: TensorTable
  /// What the names of all its tensors begin with, before a point.
  let stem: String
  let folder: String

  /// The weights behind `codes`. Throws `invalidFile` where tensors are missing or do not fit, `unsupported` where they
  /// are of other types.
  func read(_ codes: StoredTensor, _ method: QuantizationMethod) throws(Failure) -> StoredTensor {
    guard codes.shape.count == 2, codes.shape[0] > 0, codes.shape[1] > 0, let base = codes.bytes.baseAddress else {
      throw Failure(
        .invalidFile, "\(codes.file): tensor \(codes.name) has the shape \(codes.shape), and two sizes are needed")
    }
    let rows: QuantizedRows
    switch method {
    case .gptq(let bits, let size, let shift, let needsOrder):
      rows = try gptq(codes, base, bits, size, shift, needsOrder: needsOrder)
    case .awq(let size): rows = try awq(codes, base, size)
    case .float8(let block): rows = try whole(codes, base, block)
    case .compressed(let bits, let block):
      rows = codes.type == .int32 ? try packed(codes, base, bits) : try whole(codes, base, block)
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
    if needsOrder || table["\(stem).g_idx"] != nil {
      let list = try part("g_idx", .int32, TensorShape(columns))
      parts.append(list)
      order = .listed(try checked(list, below: groups))
    }
    return QuantizedRows(
      rows: outputs, columns: columns,
      .packed(PackedCodes(base: base, bits: bits, wordStep: outputs, lineStep: 1), isByInput: false),
      .packed(
        PackedCodes(base: zeros.bytes.baseAddress!, bits: bits, wordStep: 1, lineStep: zeros.shape[1]), shift: shift),
      ScaleGrid(
        base: scales.bytes.baseAddress!, type: scales.type, rowStep: 1, groupStep: outputs, rowsPerBlock: 1),
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
      ScaleGrid(
        base: scales.bytes.baseAddress!, type: scales.type, rowStep: 1, groupStep: outputs, rowsPerBlock: 1),
      .size(groupSize), parts: [scales, zeros])
  }

  /// A number of 8 bits for each weight, `[outputs, inputs]`.
  private func whole(
    _ codes: StoredTensor, _ base: UnsafeRawPointer, _ block: QuantizationMethod.Block
  ) throws(Failure) -> QuantizedRows {
    let (rows, columns) = (codes.shape[0], codes.shape[1])
    let inverse = "weight_scale_inv"
    let scales = try scales(table["\(stem).\(inverse)"] == nil ? "weight_scale" : inverse, nil)
    let (grid, size) = try grid(scales, rows, columns, block)
    var zeros = QuantizedRows.Zeros.all(0), parts = [scales]
    if codes.type == .int8, let stored = table["\(stem).weight_zero_point"] {
      let zero = try part("weight_zero_point", .int8, scales.shape)
      zeros = .int8(zero.bytes.baseAddress!)
      parts.append(stored)
    }
    return QuantizedRows(
      rows: rows, columns: columns, codes.type == .int8 ? .int8(base) : .float8(base), zeros, grid, .size(size),
      parts: parts)
  }

  /// `weight_packed` int32 `[outputs, inputs bits / 32]` of codes above their least, `weight_shape`, `weight_scale`,
  /// `weight_zero_point` int32 `[outputs bits / 32, groups]`, `weight_g_idx`.
  private func packed(
    _ codes: StoredTensor, _ base: UnsafeRawPointer, _ known: [Int]
  ) throws(Failure) -> QuantizedRows {
    let (rows, words) = (codes.shape[0], codes.shape[1])
    let columns = try columns(rows)
    guard let bits = known.first(where: { columns <= words * 32 / $0 && words == (columns * $0 - 1) / 32 + 1 }) else {
      throw misfit(
        codes, "does not hold \(columns) numbers a row of \(known.map { "\($0)" }.joined(separator: " or ")) bits")
    }
    let scales = try scales("weight_scale", nil)
    let (grid, size) = try grid(scales, rows, columns, QuantizationMethod.Block())
    // Both codes and zeros are stored from the least number of so many bits on.
    var zeros = QuantizedRows.Zeros.all(1 << Int32(bits - 1)), parts = [scales], order = QuantizedRows.Groups.size(size)
    let groups = (columns - 1) / size + 1
    if table["\(stem).weight_zero_point"] != nil {
      let zero = try part("weight_zero_point", .int32, TensorShape((rows * bits - 1) / 32 + 1, groups))
      zeros = .packed(
        PackedCodes(base: zero.bytes.baseAddress!, bits: bits, wordStep: groups, lineStep: 1), shift: 0)
      parts.append(zero)
    }
    if table["\(stem).weight_g_idx"] != nil {
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

  /// The number of columns that `weight_shape` tells.
  private func columns(_ rows: Int) throws(Failure) -> Int {
    let name = "\(stem).weight_shape"
    guard let tensor = table[name] else { throw missing(name) }
    guard tensor.shape == TensorShape(2), [.int64, .int32].contains(tensor.type) else {
      throw misfit(tensor, "holds \(tensor.type), and two of int64 are needed")
    }
    let sizes = (0..<2).map { index in
      tensor.type == .int64
        ? Int(tensor.bytes.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
        : Int(tensor.bytes.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
    }
    guard sizes[0] == rows, sizes[1] > 0 else {
      throw misfit(tensor, "says \(sizes), and weight_packed has \(rows) rows")
    }
    return sizes[1]
  }

  // MARK: Parts

  /// Scales for the whole matrix, its rows, groups in its rows or blocks, and the columns of a group.
  private func grid(
    _ scales: StoredTensor, _ rows: Int, _ columns: Int, _ block: QuantizationMethod.Block
  ) throws(Failure) -> (ScaleGrid, groupSize: Int) {
    let shape = scales.shape
    func grid(_ rowStep: Int, _ rowsPerBlock: Int) -> ScaleGrid {
      ScaleGrid(
        base: scales.bytes.baseAddress!, type: scales.type, rowStep: rowStep, groupStep: 1, rowsPerBlock: rowsPerBlock)
    }
    if scales.count == 1 { return (grid(0, rows), columns) }
    if shape == TensorShape(rows) || shape == TensorShape(rows, 1) { return (grid(1, 1), columns) }
    if shape == TensorShape((rows - 1) / block.rows + 1, (columns - 1) / block.columns + 1) {
      return (grid(shape[1], block.rows), block.columns)
    }
    guard shape.count == 2, shape[0] == rows, columns.isMultiple(of: shape[1]) else {
      throw misfit(
        scales,
        "fits neither \(rows) x \(columns) weights, nor their rows, groups or blocks of "
          + "\(block.rows) x \(block.columns)"
      )
    }
    return (grid(shape[1], 1), columns / shape[1])
  }

  private func scales(_ part: String, _ shape: TensorShape?) throws(Failure) -> StoredTensor {
    let name = "\(stem).\(part)"
    guard let tensor = table[name] else {
      throw table.unknown.first { $0.name == name }?.refusal ?? missing(name)
    }
    guard [.float16, .bfloat16, .float32].contains(tensor.type) else {
      throw Failure(
        .unsupported, "\(tensor.file): tensor \(name) holds \(tensor.type); scales must be float16, bfloat16 or float32"
      )
    }
    if let shape { try check(tensor, shape) }
    guard tensor.bytes.baseAddress != nil, tensor.count > 0 else { throw misfit(tensor, "has no numbers") }
    return tensor
  }

  /// A part with this type and shape, which is not empty.
  private func part(_ part: String, _ type: ElementType, _ shape: TensorShape) throws(Failure) -> StoredTensor {
    let name = "\(stem).\(part)"
    guard let tensor = table[name] else { throw missing(name) }
    try check(tensor, type)
    try check(tensor, shape)
    return tensor
  }

  /// The groups of inputs, int32 in a tensor, each in `[0, limit)`.
  private func checked(_ list: StoredTensor, below limit: Int) throws(Failure) -> UnsafeRawPointer {
    for index in 0..<list.count {
      let group = Int(list.bytes.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
      guard (0..<limit).contains(group) else {
        throw misfit(list, "puts input \(index) into group \(group), and there are \(limit)")
      }
    }
    return list.bytes.baseAddress!
  }

  private func check(_ tensor: StoredTensor, _ type: ElementType) throws(Failure) {
    guard tensor.type == type else {
      throw Failure(.unsupported, "\(tensor.file): tensor \(tensor.name) holds \(tensor.type); it must be \(type)")
    }
  }

  private func check(_ tensor: StoredTensor, _ shape: TensorShape) throws(Failure) {
    guard tensor.shape == shape else { throw misfit(tensor, "does not fit the codes, which ask for \(shape)") }
  }

  private func missing(_ name: String) -> Failure {
    Failure(.invalidFile, "\(folder): tensor \(name) is missing beside the codes of \(stem)")
  }

  private func misfit(_ tensor: StoredTensor, _ reason: String) -> Failure {
    Failure(.invalidFile, "\(tensor.file): tensor \(tensor.name) of shape \(tensor.shape) \(reason)")
  }
}
