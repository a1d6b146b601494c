// The tensors of CTranslate2's models under names of PyTorch's manner.
import AttendBase

/// The variables of a model.bin that are tensors: "encoder/layer_0/ffn/linear_0/weight" is called
/// encoder.layer_0.ffn.linear_0.weight, and a norm's gamma and beta are its weight and bias. Those that are quantised
/// are expanded to float32: w = q / scale, where a scale stands for a row of int8, or for all of int16.
struct CTranslate2Tensors: TensorSource {
  let file: MappedFile
  let table: TensorTable

  /// A tensor and the name that it goes by.
  private struct Entry {
    let name: String
    let variable: CTranslate2File.Variable
  }

  /// Throws `invalidFile`, `unsupported` for other ways to quantise, `outOfMemory`.
  init(_ source: CTranslate2File) throws(Failure) {
    let purpose = "the tensors of \(source.file.path)"
    let all = source.variables.count + source.aliases.count
    func entry(_ index: Int) -> Entry? {
      let count = source.variables.count
      let name = index < count ? source.variables[index].name : source.aliases[index - count].name
      guard let variable = index < count ? source.variables[index] : source.find(source.aliases[index - count].target),
        variable.shape.count > 0, !CTranslate2Tensors.isScale(source.text(name))
      else { return nil }
      return Entry(name: CTranslate2Names.current(source.text(name), isFirst: source.isFirst), variable: variable)
    }
    let places = try FixedArray((0..<all).count { entry($0) != nil }, for: purpose, next(all) { entry($0) != nil })
    let start = try CTranslate2Tensors.start(of: source)
    var expanded: [Int: StoredTensor] = [:]  // by the place of what is quantised
    let count = places.count + start.count
    table = try TensorTable(count, named: source.file.path) { (index) throws(Failure) in
      if index >= places.count { return .known(start[index - places.count]) }
      guard let entry = entry(places[index]) else { throw Failure(.internalError, "a tensor has gone") }
      if let known = expanded[entry.variable.data.first] { return .known(known.renamed(entry.name)) }
      let tensor = try CTranslate2Tensors.tensor(entry, source)
      if tensor.owner !== source.file { expanded[entry.variable.data.first] = tensor }
      return .known(tensor)
    }
    for index in table.tensors.indices.dropFirst() where table.tensors[index].name == table.tensors[index - 1].name {
      throw Failure(.invalidFile, "\(source.file.path) holds the tensor \(table.tensors[index].name) twice")
    }
    file = source.file
  }

  /// What stands for the token that the decoder begins with, where that is none of the vocabulary: a vector of zeros,
  /// behind those of the tokens, and a logit that is never chosen. The file holds neither.
  private static func start(of source: CTranslate2File) throws(Failure) -> [StoredTensor] {
    guard let starts = source.find("decoder/start_from_zero_embedding"), source.number(starts) != 0,
      let table = source.find("decoder/embeddings/weight"), table.shape.count == 2
    else { return [] }
    let width = source.shape(table)[1]
    func tensor(_ name: String, _ shape: TensorShape, _ value: Float) throws(Failure) -> StoredTensor {
      let count = shape.reduce(1, *)
      let numbers = try AlignedBuffer(count, of: Float.self, for: "the first vector of a decoder")
      numbers.pointer(to: Float.self).update(repeating: value, count: count)
      return StoredTensor(
        name: "decoder.\(name)", type: .float32, shape: shape,
        bytes: UnsafeRawBufferPointer(start: numbers.base, count: count * MemoryLayout<Float>.size),
        file: source.file.path, owner: numbers)
    }
    let never = -Float.greatestFiniteMagnitude / 2
    return [
      try tensor("start_embedding.weight", TensorShape(1, width), 0),
      try tensor("start_projection.weight", TensorShape(1, width), 0),
      try tensor("start_projection.bias", TensorShape(1), never),
    ]
  }

  private static func isScale(_ name: String) -> Bool { name.hasSuffix("/weight_scale") }

  private static func tensor(_ entry: Entry, _ source: CTranslate2File) throws(Failure) -> StoredTensor {
    let (variable, file) = (entry.variable, source.file)
    let tensor = StoredTensor(
      name: entry.name, type: variable.type, shape: source.shape(variable), bytes: source.bytes(variable),
      file: file.path, owner: file)
    let name = source.text(variable.name)
    guard !name.hasSuffix("/weight_zero"), variable.type != .int32 else {
      throw Failure(
        .unsupported,
        "\(file.path): \(name) belongs to weights in AWQ's 4 bits, which is not implemented in this format")
    }
    guard variable.type == .int8 || variable.type == .int16 else { return tensor }
    guard name.hasSuffix("/weight"), let scales = source.find("\(name)_scale"), scales.type == .float32 else {
      throw Failure(.invalidFile, "\(file.path): the variable \(name) of \(variable.type) has no \(name)_scale")
    }
    return try expanded(tensor, source.bytes(scales))
  }

  /// Rows of numbers over a scale for each, or one for all.
  private static func expanded(
    _ tensor: StoredTensor, _ scales: UnsafeRawBufferPointer
  ) throws(Failure) -> StoredTensor {
    let (count, rows) = (tensor.count, scales.count / MemoryLayout<Float>.size)
    guard rows == 1 || rows == tensor.shape[0] else {
      throw Failure(
        .invalidFile,
        "\(tensor.file): tensor \(tensor.name) of shape \(tensor.shape) has \(rows) scales; one for each row or one in "
          + "all would do")
    }
    let buffer = try AlignedBuffer(count, of: Float.self, for: "tensor \(tensor.name)")
    let (numbers, columns) = (buffer.pointer(to: Float.self), rows == 0 ? 0 : count / rows)
    for row in 0..<rows {
      let scale = scales.loadUnaligned(fromByteOffset: row * MemoryLayout<Float>.size, as: Float.self)
      for index in row * columns..<(row + 1) * columns {
        let number =
          tensor.type == .int8
          ? Float(tensor.bytes.loadUnaligned(fromByteOffset: index, as: Int8.self))
          : Float(tensor.bytes.loadUnaligned(fromByteOffset: 2 * index, as: Int16.self))
        numbers[index] = number / scale
      }
    }
    tensor.dontNeed()
    return StoredTensor(
      name: tensor.name, type: .float32, shape: tensor.shape,
      bytes: UnsafeRawBufferPointer(start: buffer.base, count: count * MemoryLayout<Float>.size), file: tensor.file,
      owner: buffer)
  }
}

/// The indices up to `limit` that are wanted, one at a time.
private func next(_ limit: Int, where isWanted: @escaping (Int) -> Bool) -> (Int) throws(Failure) -> Int {
  var place = -1
  return { (_) throws(Failure) in
    repeat { place += 1 } while place < limit && !isWanted(place)
    return place
  }
}

/// The names of CTranslate2's variables.
enum CTranslate2Names {
  /// What stood for today's parts of names in the first revision, whose names were those of OpenNMT-tf's checkpoints.
  private static let first = [
    ("transformer/encoder", "encoder"), ("transformer/decoder", "decoder"), (":0", ""), ("w_embs", "embeddings/weight"),
    ("kernel", "weight"), ("LayerNorm", "layer_norm"), ("dense", "projection"), ("conv1d_", "linear_"),
    ("conv1d", "linear_0"),
  ]

  /// The name of a variable with today's parts, joined by dots.
  static func current(_ name: String, isFirst: Bool) -> String {
    var name = name
    if isFirst {
      let decodes = !name.contains("encoder")
      for (old, new) in first + (decodes ? [("masked_multi_head", "self_attention")] : [])
        + [("multi_head", decodes ? "attention" : "self_attention")]
      { name = name.replacing(old, with: new) }
    }
    for (old, new) in [("/gamma", "/weight"), ("/beta", "/bias")] where name.hasSuffix(old) {
      name = name.dropLast(old.utf8.count) + new
    }
    return String(decoding: name.utf8.map { $0 == UInt8(ascii: "/") ? UInt8(ascii: ".") : $0 }, as: UTF8.self)
  }
}
