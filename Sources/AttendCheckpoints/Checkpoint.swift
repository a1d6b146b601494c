// The weights of a model folder, in one file or in many.
import AttendBase

/// A file of weights, in whatever format: what a checkpoint is made of.
protocol TensorSource: Sendable {
  /// The file that holds the bytes.
  var file: MappedFile { get }
  var table: TensorTable { get }
  /// What the file tells beside its tensors; nil: nothing that is needed.
  var metadata: JSON? { get }
}

extension TensorSource {
  var metadata: JSON? { nil }
}

/// The formats of weights, by the names of their files, in the order in which they are looked for.
enum WeightFormat: String, CaseIterable {
  case safetensors = "model.safetensors"
  case pytorch = "pytorch_model.bin"
  case flax = "flax_model.msgpack"

  /// The list of shards, where there are several.
  var index: String { "\(rawValue).index.json" }

  /// Whether a folder holds weights in any of them.
  static func isAny(in folder: HuggingFaceFolder) -> Bool {
    allCases.contains { folder.holds($0.rawValue) || folder.holds($0.index) }
  }

  /// Endings of the names of its files.
  private var endings: [String] {
    switch self {
    case .safetensors: [".safetensors"]
    case .pytorch: [".bin", ".pt", ".pth"]
    case .flax: [".msgpack"]
    }
  }

  /// The format of a file whose name ends so; nil: none of these.
  static func ofFile(_ name: String) -> WeightFormat? {
    allCases.first { format in format.endings.contains { name.hasSuffix($0) } }
  }

  func open(_ file: MappedFile) throws(Failure) -> any TensorSource {
    switch self {
    case .safetensors: try SafetensorsFile(file)
    case .pytorch: try PyTorchFile(file)
    case .flax: try FlaxFile(file)
    }
  }
}

/// All tensors of a checkpoint folder, under the names that they have today: those of model.safetensors or
/// pytorch_model.bin or, without them, those of the shards that their index lists. Immutable: any number of threads may
/// read at once.
package final class Checkpoint: Sendable {
  /// Where the folder is, for what is read from it later.
  package let place: FolderPlace
  /// The files of weights; of those that are mapped nothing of the data has been read yet.
  package let files: FixedArray<MappedFile>
  private let table: TensorTable
  static let purpose = "the files of a checkpoint"

  /// The path of the folder.
  package var folder: String { place.path }

  /// The tensors in the order of their names; those of types that this library does not know are left out.
  package var tensors: FixedArray<StoredTensor> { table.tensors }

  /// Opens the files and checks their headers, and that the index and the shards tell the same. Files are mapped, or
  /// read into memory where `copies` asks for it.
  ///
  /// Throws `notFound` where the folder has no weights, or lacks a shard; `unsupported` where it has weights of another
  /// format only; `inputOutput`; `invalidFile` with the file, the tensor and the numbers; `outOfMemory`.
  package init(_ folder: HuggingFaceFolder, copies: Bool = false) throws(Failure) {
    let sources = try Checkpoint.sources(in: folder, copies: copies)
    place = folder.place
    self.files = try FixedArray(sources.count, for: Checkpoint.purpose) { sources[$0].file }
    let table = try Checkpoint.table(of: sources, in: folder.path)
    self.table = try QuantizedWeights(table, of: sources, in: folder)?.expanded() ?? table
  }

  /// The tensors of all files, under the names of today.
  private static func table(
    of sources: FixedArray<any TensorSource>, in folder: String
  ) throws(Failure) -> TensorTable {
    func stored(_ name: String) -> StoredTensor? {
      for source in sources { if let tensor = source.table[name] { return tensor } }
      return nil
    }
    if sources.count == 1, OldNames.areAbsent(from: sources[0].table) { return sources[0].table }
    let every = sources.reduce(0) { $0 + $1.table.count }
    let renamed = try TensorTable(every, named: folder) { (index) throws(Failure) in
      let member = sources.member(index)
      guard case .known(let tensor) = member else { return member }
      return .known(OldNames.translate(tensor) { stored($0) != nil })
    }
    let plain = try FixedArray(renamed.tensors.count, for: "the tensors of \(folder)") { (index) throws(Failure) in
      try WeightNormalization.multiplied(renamed.tensors[index]) { renamed[$0] }
    }
    var kept = 0
    for tensor in plain where tensor != nil { kept += 1 }
    guard kept < plain.count else { return renamed }
    var place = 0
    return try TensorTable(kept + renamed.unknown.count, named: folder) { (index) throws(Failure) in
      while place < plain.count {
        defer { place += 1 }
        if let tensor = plain[place] { return .known(tensor) }
      }
      return .unknown(renamed.unknown[index - kept])
    }
  }

  /// The files of the first format that the folder has.
  private static func sources(
    in folder: HuggingFaceFolder, copies: Bool
  ) throws(Failure) -> FixedArray<any TensorSource> {
    if let layout = folder.layout { return try layout.sources(copies: copies) }
    if let name = folder.place.file, let chosen = try sources(folder, of: name, copies: copies) { return chosen }
    for format in WeightFormat.allCases {
      if folder.holds(format.rawValue) { return try single(format, format.rawValue, in: folder, copies: copies) }
      if let index = try folder.json(format.index) {
        return try ShardIndex(index).open(in: folder, format, copies: copies)
      }
    }
    if folder.holds(MinDalleFile.painter) {
      return try single(.pytorch, MinDalleFile.painter, in: folder, copies: copies)
    }
    if let name = StateDicts.only(in: folder) { return try single(.pytorch, name, in: folder, copies: copies) }
    throw OtherFormats.refusal(folder)
  }

  /// The one file of weights of that name.
  private static func single(
    _ format: WeightFormat, _ name: String, in folder: HuggingFaceFolder, copies: Bool
  ) throws(Failure) -> FixedArray<any TensorSource> {
    try FixedArray(1, for: Checkpoint.purpose) { (_) throws(Failure) in
      try format.open(try folder.mapped(name, copies: copies))
    }
  }

  /// The weights that the caller named: a file of them, a list of shards, or a shard of such a list; nil for a file
  /// that holds none.
  private static func sources(
    _ folder: HuggingFaceFolder, of name: String, copies: Bool
  ) throws(Failure) -> FixedArray<any TensorSource>? {
    let ending = ".index.json"
    if name.hasSuffix(ending), let format = WeightFormat.ofFile(String(name.dropLast(ending.utf8.count))),
      let index = try folder.json(name)
    {
      return try ShardIndex(index).open(in: folder, format, copies: copies)
    }
    guard let format = WeightFormat.ofFile(name) else { return nil }
    if let index = try folder.json(format.index), case let shards = try ShardIndex(index), shards.lists(name) {
      return try shards.open(in: folder, format, copies: copies)
    }
    return try single(format, name, in: folder, copies: copies)
  }

  /// Gives back the memory of copied files but for the tensors that are to be kept, once the others are packed: they
  /// are not read again. Mapped files stay as they are.
  package func forget(but keeps: (String) -> Bool) throws(Failure) {
    for file in files where file.isCopy {
      var kept = GrowingList<Stretch>(for: Checkpoint.purpose)
      for tensor in tensors where keeps(tensor.name) {
        for part in [tensor] + (tensor.rows?.parts ?? []) {
          guard let range = part.place(in: file) else { continue }
          try kept.append(Stretch(first: range.lowerBound, limit: range.upperBound))
        }
      }
      try kept.sort { $0.first < $1.first }
      var first = 0
      for stretch in kept.elements {
        if stretch.first > first { file.forget(first..<stretch.first) }
        first = max(first, stretch.limit)
      }
      if first < file.bytes.count { file.forget(first..<file.bytes.count) }
    }
  }

  /// Bytes `[first, limit)` of a file.
  private struct Stretch {
    let first: Int
    let limit: Int
  }

  /// Whether a tensor is a bias of zeros beside a quantised matrix. Older programs write one for each product, also for
  /// those that have none.
  package func isIdleBias(_ name: String) -> Bool {
    guard name.hasSuffix(".bias"), let bias = table[name], bias.bytes.allSatisfy({ $0 == 0 }),
      let rows = table["\(name.dropLast(5)).weight"]?.rows
    else { return false }
    return !rows.parts.isEmpty
  }

  /// Calls `body` with the names of all tensors, those of unknown types last.
  package func forEachName(_ body: (String) throws(Failure) -> Void) throws(Failure) { try table.forEachName(body) }

  /// The place of a tensor in `tensors`; nil where there is none of a known type.
  package func index(of name: String) -> Int? { table.index(of: name) }

  /// The tensor with a name, nil where there is none of a known type.
  package subscript(name: String) -> StoredTensor? { table[name] }

  /// The tensor with a name, which must have one of two shapes. Throws `invalidFile` where it is missing or has
  /// another, `unsupported` where it is of a type that this library does not know.
  package func tensor(
    _ name: String, shape: TensorShape, or other: TensorShape? = nil
  ) throws(Failure) -> StoredTensor {
    guard let tensor = table[name] else {
      throw table.unknown.first { $0.name == name }?.refusal
        ?? Failure(.invalidFile, "\(folder): tensor \(name) of shape \(shape) is missing from the checkpoint")
    }
    guard shape == tensor.shape || other.map({ $0 == tensor.shape }) ?? false else {
      throw Failure(
        .invalidFile,
        "\(tensor.file): tensor \(name) has the shape \(tensor.shape); the configuration asks for \(shape)")
    }
    return tensor
  }
}

extension FixedArray<any TensorSource> {
  /// Tensor `index` of all, file after file.
  fileprivate func member(_ index: Int) -> TensorTable.Member {
    var index = index
    for source in self {
      if index < source.table.count { return source.table.member(index) }
      index -= source.table.count
    }
    preconditionFailure("there are not so many tensors")
  }
}
