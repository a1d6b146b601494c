import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Quantised folders, made by the scripts in Tests/Fixtures/quantized: the same bits as from their weights expanded.
@Suite("quantised folders") struct QuantizedTests {
  private static let fixtures = Repository.root.appendingPathComponent("Tests/Fixtures/quantized").path
  static let cases = [
    "awq", "bitsandbytes-fp4", "bitsandbytes-int8", "bitsandbytes-nf4", "float8-channels", "fp8-blocks", "fp8-tensor",
    "gptq-2", "gptq-3", "gptq-4", "gptq-8", "gptq-v2", "hqq-1", "hqq-2", "hqq-3", "hqq-4", "hqq-8", "int8",
    "packed-int4", "packed-int4-zeros", "packed-int8-channels", "torchao-float8", "torchao-int4", "torchao-int8",
    "torchao-intx",
  ]

  @Test(arguments: cases) func weights(name: String) throws {
    let stored = try Checkpoint(HuggingFaceFolder("\(QuantizedTests.fixtures)/\(name)"))
    let plain = try Checkpoint(HuggingFaceFolder("\(QuantizedTests.fixtures)/\(name)/expanded"))
    #expect(stored.tensors.map(\.name) == plain.tensors.map(\.name))
    #expect(stored.tensors.filter { $0.rows != nil }.count == 14)
    for (tensor, expected) in zip(stored.tensors, plain.tensors) {
      #expect(tensor.shape == expected.shape)
      let (own, others) = (try tensor.narrowed(), try expected.narrowed())
      #expect(own.bytes.elementsEqual(others.bytes), "\(tensor.name)")
      withExtendedLifetime((own, others)) {}
    }
  }

  @Test(arguments: cases) func logits(name: String) throws {
    let paths = ["\(QuantizedTests.fixtures)/\(name)", "\(QuantizedTests.fixtures)/\(name)/expanded"]
    let prompts: [[Int32]] = [[1, 40, 7, 61, 3], [1, 31, 42]]
    for copies in [false, true] {
      let answers = try paths.map { path in
        var options = Model.Options()
        (options.threads, options.copiesWeights) = (2, copies)
        let session = try Session(model: try Model(path: path, options: options), threads: 0)
        return (
          try session.continuations(of: prompts, longest: 30), try session.step(prompts.indices.map { _ in 5 })
        )
      }
      #expect(answers[0].0 == answers[1].0 && answers[0].1 == answers[1].1)
    }
  }

  @Test func zeroBiasesThatNobodyReads() throws {
    for (value, isTaken) in [(0 as Float, true), (1, false)] {
      let result = Result {
        try changed("gptq-4") { tensors, _ in
          tensors.append(
            WrittenTensor("model.layers.0.mlp.up_proj.bias", [64], [Float](repeating: value, count: 64)))
        }
      }
      #expect((try? result.get()) != nil ? isTaken : !isTaken)
    }
  }

  @Test(arguments: [
    ("gptq-4", "bits", "5", "bits = 5"), ("gptq-4", "group_size", "0", "group_size = 0"),
    ("gptq-4", "group_size", "32", "does not fit the codes, which ask for ["),
    ("gptq-4", "checkpoint_format", "\"marlin\"", "checkpoint_format = \"marlin\""),
    ("awq", "version", "\"gemv\"", "version = \"gemv\""), ("awq", "bits", "8", "bits = 8"),
    ("fp8-blocks", "weight_block_size", "[0, 8]", "weight_block_size = [0,8]"),
    ("int8", "format", "\"marlin-24\"", "format = \"marlin-24\""),
    ("packed-int4", "config_groups", "{\"g\": {\"weights\": {\"num_bits\": 4, \"group_size\": 8}}}", "groups of 8 or"),
    ("awq", "quant_method", "\"quip\"", "known are awq, bitsandbytes, compressed-tensors, fbgemm_fp8, fp8, gptq, hqq"),
  ])
  func configurations(name: String, key: String, value: String, part: String) throws {
    try refused(part) {
      try changed(name) { _, config in
        let value = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
        var quantization = try #require(config["quantization_config"] as? [String: Any])
        quantization[key] = value
        config["quantization_config"] = quantization
      }
    }
  }

  @Test(arguments: [
    ("gptq-4", "scales"), ("gptq-4", "qzeros"), ("gptq-4", "g_idx"), ("awq", "qzeros"), ("fp8-tensor", "weight_scale"),
    ("fp8-blocks", "weight_scale_inv"), ("packed-int4", "weight_shape"), ("int8", "weight_scale"),
    ("bitsandbytes-nf4", "weight.quant_map"), ("bitsandbytes-nf4", "weight.nested_quant_map"),
    ("bitsandbytes-nf4", "weight.quant_state.bitsandbytes__nf4"), ("hqq-4", "scale"), ("hqq-4", "packing"),
    ("torchao-int8", "_weight_scale"), ("torchao-int4", "_weight_zero_point"),
  ])
  func missingParts(name: String, part: String) throws {
    let tensor = "model.layers.1.mlp.up_proj.\(part)"
    let stated = part == "weight_scale_inv" ? "weight_scale is missing" : "\(part) is missing"
    try refused(stated) { try changed(name) { tensors, _ in tensors.removeAll { $0.name == tensor } } }
  }

  @Test(arguments: [
    (
      "bitsandbytes-nf4", "weight.quant_state.bitsandbytes__nf4", "\"shape\": [64, 32]", "\"shape\": [64, 99]",
      "has 1024 b"
    ),
    (
      "bitsandbytes-nf4", "weight.quant_state.bitsandbytes__nf4", "\"blocksize\": 64", "\"blocksize\": -4",
      "blocksize = -4"
    ),
    ("hqq-4", "packing", "4bit_u8", "5bit_u8", "says \"5bit_u8\"; known are 8bit_u8"),
    ("hqq-4", "packing", "4bit_u8", "2bit_u8", "does not hold 64 x 32 numbers of 2 bits"),
  ])
  func states(name: String, part: String, from old: String, to new: String, message: String) throws {
    try refused(message) {
      try changed(name) { tensors, _ in
        let place = try #require(tensors.firstIndex { $0.name == "model.layers.0.mlp.up_proj.\(part)" })
        let text = String(decoding: tensors[place].bytes, as: UTF8.self)
        #expect(text.contains(old) && old.utf8.count == new.utf8.count, "\(text)")
        tensors[place].bytes = [UInt8](text.replacing(old, with: new).utf8)
      }
    }
  }

  /// Classes of torchao whose layout is not known are refused by name.
  @Test func otherClasses() throws {
    try refused("of the class \"Int4TilePackedTo4dTensor\" is not implemented; known are Float8Tensor, Int4Tensor") {
      try changed("torchao-int8", notes: { $0.replacing("Int8Tensor", with: "Int4TilePackedTo4dTensor") }) { _, _ in }
    }
    try refused("of the class null is not implemented") {
      try changed("torchao-int8", notes: { _ in nil }) { _, _ in }
    }
  }

  @Test func groupsBeyondTheLast() throws {
    for group in [-2, 2, Int32.max] as [Int32] {
      try refused("puts input 3 into group \(group), and there are 2") {
        try changed("gptq-4") { tensors, _ in
          let place = try #require(tensors.firstIndex { $0.name == "model.layers.0.mlp.up_proj.g_idx" })
          tensors[place].bytes.replaceSubrange(12..<16, with: withUnsafeBytes(of: group, Array.init))
        }
      }
    }
  }

  private func refused(_ part: String, _ open: () throws -> Void) throws {
    let failure = try #require(throws: Failure.self) { try open() }
    #expect(failure.message.contains(part), "\(failure.message)")
  }

  /// Opens a model whose files are those of a case but for what `change` does.
  /// `notes` replaces a text of the metadata, which a file of torchao has.
  private func changed(
    _ name: String, notes: (String) -> String? = { $0 },
    _ change: (inout [WrittenTensor], inout [String: Any]) throws -> Void
  ) throws {
    let source = "\(QuantizedTests.fixtures)/\(name)"
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(source)/model.safetensors"))
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    var header = try #require(
      try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: [String: Any]])
    let metadata = (header.removeValue(forKey: "__metadata__") as? [String: String])?.compactMapValues(notes)
    var tensors = try header.map { name, entry in
      let offsets = try #require(entry["data_offsets"] as? [Int])
      return WrittenTensor(
        name, type: try #require(entry["dtype"] as? String), shape: try #require(entry["shape"] as? [Int]),
        bytes: [UInt8](data[8 + length + offsets[0]..<8 + length + offsets[1]]))
    }
    let text = try Data(contentsOf: URL(fileURLWithPath: "\(source)/config.json"))
    var config = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
    try change(&tensors, &config)
    let folder = try TemporaryFolder()
    try folder.write("model.safetensors", try safetensors(tensors, metadata: metadata ?? [:]))
    try folder.write("config.json", [UInt8](try JSONSerialization.data(withJSONObject: config)))
    _ = try Model(path: folder.path, options: Model.Options())
  }
}
