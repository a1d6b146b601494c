// The tensors of a GGUF file as the families of this library know them.
import AttendBase

/// A file of weights in GGUF, alone or one of several that are split: its tensors under the names and in the shapes of
/// their family, read row by row where they are stored in another order or in blocks.
final class GGUFWeights: TensorSource {
  let file: MappedFile
  let table: TensorTable

  /// Tensors that the configuration is made from, and that no family reads.
  static let ofConfiguration = ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"]

  /// Throws `invalidFile` where a tensor does not fit its architecture, `outOfMemory`.
  init(_ source: GGUFFile, _ architecture: GGUFArchitecture, _ heads: GGUFHeads) throws(Failure) {
    file = source.file
    var count = 0
    for tensor in source.tensors.elements { count += GGUFWeights.parts(of: tensor, source, architecture) }
    var (index, part) = (0, 0)
    table = try TensorTable(count, named: source.file.path) { (_) throws(Failure) in
      while part == GGUFWeights.parts(of: source.tensors[index], source, architecture) {
        (index, part) = (index + 1, 0)
      }
      defer { part += 1 }
      let member = GGUFMember(source, source.tensors[index], architecture, heads)
      return try member.read(part)
    }
    for index in table.tensors.indices.dropFirst() where table.tensors[index].name == table.tensors[index - 1].name {
      throw Failure(.invalidFile, "\(source.file.path): tensor \(table.tensors[index].name) is there twice")
    }
  }

  /// The tensors that one of the file's is: none, one, or one for each expert.
  private static func parts(
    of tensor: GGUFFile.Tensor, _ source: GGUFFile, _ architecture: GGUFArchitecture
  ) -> Int {
    let name = source.name(of: tensor)
    if ofConfiguration.contains(name) { return 0 }
    guard tensor.format != nil, architecture.name(of: name)?.contains("*") == true else { return 1 }
    return tensor.sizes[tensor.rank - 1]
  }
}

/// The heads of attention, by which the order of rows is known.
struct GGUFHeads {
  var count: Int
  var keyValues: Int
  var components: Int
}

/// One tensor of a file, and its place in the architecture.
private struct GGUFMember {
  let source: GGUFFile
  let tensor: GGUFFile.Tensor
  let heads: GGUFHeads
  let architecture: GGUFArchitecture
  /// The name in the file, and without its ending.
  let original: String
  let stem: Substring
  let name: String

  init(_ source: GGUFFile, _ tensor: GGUFFile.Tensor, _ architecture: GGUFArchitecture, _ heads: GGUFHeads) {
    (self.source, self.tensor, self.architecture, self.heads) = (source, tensor, architecture, heads)
    let original = source.name(of: tensor)
    self.original = original
    name = architecture.name(of: original) ?? original
    stem = original.lastIndex(of: ".").map { original[..<$0] } ?? original[...]
  }

  /// The tensor, or part `part` of it.
  func read(_ part: Int) throws(Failure) -> TensorTable.Member {
    let isSplit = name.contains("*")
    let name = isSplit ? self.name.replacing("*", with: "\(part)") : self.name
    guard let format = tensor.format else {
      return .unknown(UnknownTensor(name: name, type: "number \(tensor.type) of GGUF", file: source.file.path))
    }
    var sizes = (0..<tensor.rank).map { tensor.sizes[tensor.rank - 1 - $0] }
    var bytes = source.bytes(of: tensor)
    if isSplit {
      let each = bytes.count / max(sizes[0], 1)
      bytes = UnsafeRawBufferPointer(rebasing: bytes[part * each..<(part + 1) * each])
      sizes.removeFirst()
    }
    // The one row of a product with one output has lost its first dimension.
    if sizes.count == 1, stem.hasSuffix("ffn_gate_inp_shexp") { sizes.insert(1, at: 0) }
    let order = try order(format), isTurned = isTurned
    let shift = stem.hasSuffix("norm") ? architecture.normShift : 0
    var rows: StoredRows?
    if let base = bytes.baseAddress, !bytes.isEmpty,
      format.element == nil || order != .same || isTurned || shift != 0
    {
      let columns = order != .same && sizes.count == 1 ? 1 : sizes[sizes.count - 1]
      rows = StoredRows(
        BlockRows(
          format: format, base: base, rows: bytes.count / max(format.bytes(ofRow: columns), 1), columns: columns,
          order: order, shift: shift, owner: source.file))
      if !order.fits(rows!.rows) { throw misfit(rows!.rows) }
    }
    return .known(
      StoredTensor(
        name: name, type: rows == nil ? format.element ?? .float32 : .float32,
        shape: TensorShape(isTurned ? sizes.reversed() : sizes), bytes: bytes, file: source.file.path,
        owner: source.file, rows: rows))
  }

  /// Whether the family has the matrix the other way round.
  private var isTurned: Bool {
    architecture.isTransposed && tensor.rank == 2 && stem.hasPrefix("blk.")
  }

  private func order(_ format: BlockFormat) throws(Failure) -> RowOrder {
    var order = RowOrder.same
    if architecture.turnsQueries, stem.hasSuffix(".attn_q") || stem.hasSuffix(".attn_k") {
      order = .turns(headRows: heads.components)
    } else if architecture.groupsInput, stem.hasSuffix(".attn_qkv") {
      order = .groups(heads.keyValues, queries: heads.count / max(heads.keyValues, 1), headRows: heads.components)
    }
    if order != .same, tensor.rank == 1, format.weights > 1 { throw misfit(tensor.sizes[0]) }
    return order
  }

  private func misfit(_ rows: Int) -> Failure {
    Failure(
      .invalidFile,
      "\(source.file.path): tensor \(original) has \(rows) rows, which do not fit \(heads.count) heads with "
        + "\(heads.keyValues) of keys and values, of \(heads.components) components each")
  }
}
