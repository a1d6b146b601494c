// What a configuration says of how weights are quantised.
import AttendBase

/// The method by which the weights of a Hugging Face folder are quantised, as `quantization_config` states it.
package enum QuantizationMethod: Sendable {
  /// Frantar et al. 2022, "GPTQ". `groupSize`: nil for one group of all inputs. `zeroShift`: 1 where the file holds
  /// zeros less one, which the first format does.
  case gptq(bits: Int, groupSize: Int?, zeroShift: Int32, needsOrder: Bool)
  /// Lin et al. 2023, "AWQ", 4 bits.
  case awq(groupSize: Int?)
  /// 8-bit floating point, with scales of blocks of this size where they are neither of the matrix nor of its rows.
  case float8(block: Block)
  /// The format of the compressed-tensors package.
  case compressed(Schemes)
  /// Dettmers et al. 2022, "LLM.int8()", and 2023, "QLoRA": 8 bits, or 4 bits of NF4 or FP4.
  case bitsandbytes
  /// Badri and Shaji 2023, "Half-Quadratic Quantization".
  case hqq
  /// The tensor classes of the torchao package.
  case torchao

  /// Rows and columns that share a scale.
  package struct Block: Sendable {
    var rows = 128
    var columns = 128
  }

  /// What the groups of modules of a configuration say. Which matrix is stored how is told by its tensors.
  package struct Schemes: Sendable {
    /// Those of packed matrices.
    var bits: [Int] = []
    /// Columns that share a scale in a row.
    var groupSizes: [Int] = []
    var block = Block()
  }

  /// The names by which `quant_method` calls them.
  package static let known = [
    "awq", "bitsandbytes", "compressed-tensors", "fbgemm_fp8", "fp8", "gptq", "hqq", "torchao",
  ]

  /// Throws `unsupported` for a method, or a variant of one, that is not implemented, `invalidFile` for numbers that
  /// make no sense.
  package init(_ json: JSON) throws(Failure) {
    let fields = QuantizationFields(json)
    let loaded = json["load_in_4bit"] ?? json["load_in_8bit"]
    switch json["quant_method"]?.string ?? loaded.map({ _ in "bitsandbytes" }) {
    case "gptq": self = try .gptq(fields)
    case "awq": self = try .awq(fields)
    case "fp8", "fbgemm_fp8": self = .float8(block: try fields.block("weight_block_size"))
    case "compressed-tensors": self = try .compressed(fields)
    case "bitsandbytes": self = .bitsandbytes
    case "hqq": self = .hqq
    case "torchao": self = .torchao
    case let other:
      let name = other.map { "\"\($0)\"" } ?? "an unnamed method"
      throw Failure(
        .unsupported,
        "\(json.file): quantization_config says that the weights are quantised by \(name), which is not implemented; "
          + "known are \(QuantizationMethod.known.joined(separator: ", "))")
    }
  }

  private static func gptq(_ fields: QuantizationFields) throws(Failure) -> QuantizationMethod {
    let bits = try fields.bits("bits", among: [2, 3, 4, 8])
    let key = fields.json["checkpoint_format"] == nil ? "format" : "checkpoint_format"
    let format = fields.json[key]?.string ?? "gptq"
    guard ["gptq", "gptq_v2"].contains(format) else { throw fields.unsupported(key, "gptq, gptq_v2") }
    if let type = fields.json["pack_dtype"]?.string, type != "int32" { throw fields.unsupported("pack_dtype", "int32") }
    // Rules for single modules: those that begin with "-:" leave modules as they are, which their tensors tell.
    if let rules = fields.json["dynamic"], rules.members.contains(where: { !($0.key.string ?? "").hasPrefix("-:") }) {
      throw fields.unsupported("dynamic", "rules that begin with -:")
    }
    return .gptq(
      bits: bits, groupSize: try fields.groupSize("group_size"), zeroShift: format == "gptq" ? 1 : 0,
      needsOrder: fields.json["desc_act"]?.bool ?? false)
  }

  private static func awq(_ fields: QuantizationFields) throws(Failure) -> QuantizationMethod {
    _ = try fields.bits(fields.json["bits"] == nil ? "w_bit" : "bits", among: [4])
    for key in ["version", "format"] {
      guard let version = fields.json[key]?.string, version.lowercased() != "gemm" else { continue }
      throw fields.unsupported(key, "gemm")
    }
    if fields.json["zero_point"]?.bool == false { throw fields.unsupported("zero_point", "true") }
    return .awq(groupSize: try fields.groupSize(fields.json["group_size"] == nil ? "q_group_size" : "group_size"))
  }

  private static func compressed(_ fields: QuantizationFields) throws(Failure) -> QuantizationMethod {
    var schemes = Schemes()
    try fields.checkFormat(fields.json["format"])
    for key in ["transform_config", "sparsity_config"] {
      guard let value = fields.json[key], value.kind == .object, value.count > 0 else { continue }
      if value["format"]?.string == "dense" { continue }
      throw fields.unsupported(key, "none")
    }
    guard let groups = fields.json["config_groups"], groups.kind == .object else {
      throw fields.unsupported("config_groups", "an object of groups")
    }
    for (_, group) in groups.members {
      try fields.checkFormat(group["format"])
      guard let weights = group["weights"], !weights.isNull else { continue }
      let own = QuantizationFields(weights)
      if let size = weights["group_size"], !size.isNull {
        if let size = try own.groupSize("group_size") { schemes.groupSizes.append(size) }
      }
      if let size = weights["block_structure"], !size.isNull { schemes.block = try own.block("block_structure") }
      if weights["type"]?.string == "float" {
        _ = try own.bits("num_bits", among: [8])
      } else {
        schemes.bits.append(try own.bits("num_bits", among: Array(1...8)))
      }
    }
    return .compressed(schemes)
  }
}

/// The fields of `quantization_config`, checked.
private struct QuantizationFields {
  let json: JSON

  init(_ json: JSON) { self.json = json }

  func unsupported(_ key: String, _ known: String) -> Failure {
    Failure(
      .unsupported,
      "\(json.file): \(key) = \(json[key]?.excerpt ?? "null") of quantization_config is not implemented; "
        + "known: \(known)"
    )
  }

  func bits(_ key: String, among known: [Int]) throws(Failure) -> Int {
    guard let bits = json[key]?.int, known.contains(bits) else {
      throw unsupported(key, known.map { "\($0)" }.joined(separator: ", "))
    }
    return bits
  }

  /// nil for -1: all inputs are one group.
  func groupSize(_ key: String) throws(Failure) -> Int? {
    guard let size = json[key]?.int, size == -1 || size > 0 else {
      throw Failure(
        .invalidFile,
        "\(json.file): \(key) = \(json[key]?.excerpt ?? "null") of quantization_config must be positive, or -1")
    }
    return size == -1 ? nil : size
  }

  func block(_ key: String) throws(Failure) -> QuantizationMethod.Block {
    guard let value = json[key], !value.isNull else { return QuantizationMethod.Block() }
    guard value.kind == .array, value.count == 2, let rows = value[0]?.int, let columns = value[1]?.int,
      rows > 0, columns > 0
    else {
      throw Failure(
        .invalidFile, "\(json.file): \(key) = \(value.excerpt) of quantization_config must be two positive numbers")
    }
    return QuantizationMethod.Block(rows: rows, columns: columns)
  }

  func checkFormat(_ format: JSON?) throws(Failure) {
    let known = [
      "dense", "float-quantized", "int-quantized", "mixed-precision", "naive-quantized", "pack-quantized",
    ]
    guard let format, !format.isNull, !known.contains(format.string ?? "") else { return }
    throw Failure(
      .unsupported,
      "\(json.file): format = \(format.excerpt) of quantization_config is not implemented; known: "
        + known.joined(separator: ", "))
  }
}
