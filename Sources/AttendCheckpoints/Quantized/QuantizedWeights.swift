// The tensors of a quantised folder as the families of this library know them.
import AttendBase

/// The weights of a folder that has a `quantization_config`: for the tensors of each quantised matrix X one X.weight,
/// whose rows are expanded as they are asked for; all others as they are. Which matrices are quantised is told by the
/// tensors, not by the lists of modules that the configuration leaves out.
struct QuantizedWeights {
  private let table: TensorTable
  private let method: QuantizationMethod
  private let folder: String
  private let notes: TensorNotes

  /// nil where no tensor looks as if it belonged to a quantised matrix, or nothing says that it does. Throws where the
  /// method is not known, or its configuration is not.
  init?(
    _ table: TensorTable, of sources: FixedArray<any TensorSource>, in folder: HuggingFaceFolder
  ) throws(Failure) {
    guard table.tensors.contains(where: { QuantizedWeights.isSign($0.name) }) else { return nil }
    guard folder.layout == nil, let config = try folder.json("config.json") else { return nil }
    func find(_ json: JSON?) -> JSON? {
      for key in ["quantization_config", "compression_config"] {
        if let value = json?[key], value.kind == .object { return value }
      }
      return nil
    }
    guard let found = find(config) ?? find(config["text_config"]), found["quant_method"]?.string != "mxfp4" else {
      return nil
    }
    (self.table, method, self.folder) = (table, try QuantizationMethod(found), folder.path)
    notes = try TensorNotes(sources)
  }

  /// Whether some method stores a tensor of this name beside, or as, the codes of a matrix.
  private static func isSign(_ name: String) -> Bool {
    [
      ".qweight", ".weight_scale", ".weight_scale_inv", ".weight.absmax", ".SCB", ".W_q", "._weight_scale",
    ].contains { name.hasSuffix($0) }
  }

  /// Throws `invalidFile` with the tensor and the numbers where tensors of a matrix are missing or do not fit.
  func expanded() throws(Failure) -> TensorTable {
    let members = try FixedArray(table.count, for: "the tensors of \(folder)") { (index) throws(Failure) in
      try read(table.member(index))
    }
    var kept = 0
    for member in members where member != nil { kept += 1 }
    var place = 0
    let result = try TensorTable(kept, named: folder) { (_) throws(Failure) in
      while place < members.count {
        defer { place += 1 }
        if let member = members[place] { return member }
      }
      throw Failure(.internalError, "\(folder): the tensors changed while they were counted")
    }
    for index in result.tensors.indices.dropFirst() {
      let (tensor, before) = (result.tensors[index], result.tensors[index - 1])
      guard tensor.name == before.name else { continue }
      throw Failure(.invalidFile, "\(tensor.file): tensor \(tensor.name) is there twice, quantised and as it is")
    }
    return result
  }

  /// The tensor that stands for one of the file's; nil where another has taken it in.
  private func read(_ member: TensorTable.Member) throws(Failure) -> TensorTable.Member? {
    let name: String
    switch member {
    case .known(let tensor): name = tensor.name
    case .unknown(let tensor): name = tensor.name
    }
    let (stem, part) = split(name)
    if let codes = codes(stem, part, member) { return .known(try tensors(of: stem).read(codes, method)) }
    return isAside(part) || (parts.contains(part) && holdsCodes(stem)) ? nil : member
  }

  /// The name of the matrix that a tensor belongs to, and that of its part.
  private func split(_ name: String) -> (stem: String, part: String) {
    var mark = "."
    switch method {
    case .torchao: mark = "._weight_"
    case .bitsandbytes: if name.contains(".weight.") { mark = ".weight." }
    default: break
    }
    var start = name.utf8.endIndex
    while start > name.startIndex {
      start = name.utf8.index(before: start)
      guard name.utf8[start...].starts(with: mark.utf8) else { continue }
      return (String(name[..<start]), String(name[name.utf8.index(start, offsetBy: mark.utf8.count)...]))
    }
    return (name, "")
  }

  private func tensors(of stem: String) throws(Failure) -> QuantizedTensors {
    guard case .torchao = method else { return QuantizedTensors(table: table, stem: stem, folder: folder) }
    let note = try notes["\(stem).weight"]
    return QuantizedTensors(table: table, stem: stem, folder: folder, separator: "._weight_", note: note)
  }

  /// The codes of a quantised matrix; nil where it is no such tensor.
  private func codes(_ stem: String, _ part: String, _ member: TensorTable.Member) -> StoredTensor? {
    switch (method, part, member) {
    case (.gptq, "qweight", .known(let tensor)), (.awq, "qweight", .known(let tensor)): tensor
    case (.compressed, "weight_packed", .known(let tensor)), (.hqq, "W_q", .known(let tensor)): tensor
    case (.compressed, "weight", .known(let tensor)) where tensor.type == .int8: tensor
    case (.bitsandbytes, "weight", .known(let tensor)):
      table["\(stem).weight.absmax"] != nil || table["\(stem).SCB"] != nil ? tensor : nil
    case (.torchao, "qdata", .known(let tensor)): tensor
    case (.compressed, "weight", .unknown(let tensor)), (.float8, "weight", .unknown(let tensor)),
      (.torchao, "qdata", .unknown(let tensor)):
      tensor.type == "F8_E4M3" ? tensor.asBytes : nil
    default: nil
    }
  }

  /// Whether a matrix of this name is quantised.
  private func holdsCodes(_ stem: String) -> Bool {
    ["qweight", "weight_packed", "weight", "W_q", "qdata"].contains { part in
      let name = part == "qdata" ? "\(stem)._weight_qdata" : "\(stem).\(part)"
      if let tensor = table[name] { return codes(stem, part, .known(tensor)) != nil }
      let place = table.unknown.partition { $0.name < name }
      return place < table.unknown.count && table.unknown[place].name == name
        && codes(stem, part, .unknown(table.unknown[place])) != nil
    }
  }

  /// What stands beside the codes of a matrix.
  private var parts: [String] {
    switch method {
    case .gptq, .awq: ["qzeros", "scales", "g_idx"]
    case .float8, .compressed:
      ["weight_scale", "weight_scale_inv", "weight_zero_point", "weight_shape", "weight_g_idx"]
    case .bitsandbytes:
      [
        "absmax", "quant_map", "nested_absmax", "nested_quant_map", "quant_state.bitsandbytes__nf4",
        "quant_state.bitsandbytes__fp4", "SCB", "weight_format",
      ]
    case .hqq:
      [
        "nbits", "group_size", "shape", "scale", "zero", "axis", "packing", "unpack_view_dtype", "view_as_float",
        "quant_scale", "quant_zero", "compute_dtype", "offload_meta", "encoded_state_dict", "stores_quant_config",
        "channel_wise", "optimize", "round_zero",
      ]
    case .torchao: ["scale", "zero_point"]
    }
  }

  /// Whether it is a number that activations, keys or values are quantised by. They are not here.
  private func isAside(_ part: String) -> Bool {
    switch method {
    case .gptq, .awq, .bitsandbytes, .hqq, .torchao: false
    case .float8, .compressed:
      [
        "input_scale", "input_zero_point", "input_scale_ub", "output_scale", "output_zero_point", "activation_scale",
        "q_scale", "k_scale", "v_scale", "q_zero_point", "k_zero_point", "v_zero_point",
      ].contains(part)
    }
  }
}

/// What the metadata of safetensors files tell of single tensors, as torchao writes them: texts of JSON, by the names
/// of the tensors.
struct TensorNotes {
  private let notes: FixedArray<JSON.Members.Element>

  init(_ sources: FixedArray<any TensorSource>) throws(Failure) {
    let count = sources.reduce(0) { $0 + ($1.metadata?.count ?? 0) }
    var source = 0
    var members = sources.first?.metadata?.members.makeIterator()
    notes = try FixedArray(count, for: Checkpoint.purpose) { (_) throws(Failure) in
      while source < sources.count {
        if let member = members?.next() { return member }
        source += 1
        members = source < sources.count ? sources[source].metadata?.members.makeIterator() : nil
      }
      throw Failure(.internalError, "the metadata of the weights changed while they were counted")
    }
    notes.sort { $0.key.precedes($1.key) }
  }

  subscript(name: String) -> JSON? {
    get throws(Failure) {
      let index = notes.partition { $0.key.precedes(name) }
      guard index < notes.count, notes[index].key.equals(name), let text = notes[index].value.utf8 else { return nil }
      let note = notes[index].value
      return try JSON.parse(
        UnsafeRawBufferPointer(text), file: "the metadata of \(name) in \(note.file)", owner: note.document)
    }
  }
}
