import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// How checkpoints store experts, and what is refused of them.
@Suite struct MixtureTests {
  /// Experts stored one by one, and as one tensor for all with gates and inner products one below the other, are the
  /// same model.
  @Test(arguments: [
    ("mixtral", "block_sparse_moe", ["w1", "w3", "w2"]), ("qwen3_moe", "mlp", ["gate_proj", "up_proj", "down_proj"]),
    ("qwen2_moe", "mlp", ["gate_proj", "up_proj", "down_proj"]),
  ]) func expertsAreReadFromOneTensorToo(name: String, block: String, parts: [String]) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results(of: try model(copy.reference.path))
    for layer in 0..<3 {
      let old = "model.layers.\(layer).\(block)", new = "model.layers.\(layer).mlp"
      let experts = (0..<9).prefix { copy["\(old).experts.\($0).\(parts[0]).weight"] != nil }
      guard !experts.isEmpty else { continue }
      var bytes: [[UInt8]] = [[], []]
      for expert in experts {
        let own = try parts.map { try #require(copy["\(old).experts.\(expert).\($0).weight"]).bytes }
        bytes[0] += own[0] + own[1]
        bytes[1] += own[2]
      }
      let shape = try #require(copy["\(old).experts.0.\(parts[0]).weight"]).shape
      copy.tensors.removeAll { $0.name.hasPrefix("\(old).experts.") }
      copy.tensors.append(
        WrittenTensor(
          "\(new).experts.gate_up_proj", type: "F32", shape: [experts.count, 2 * shape[0], shape[1]], bytes: bytes[0]))
      copy.tensors.append(
        WrittenTensor(
          "\(new).experts.down_proj", type: "F32", shape: [experts.count, shape[1], shape[0]], bytes: bytes[1]))
      for index in copy.tensors.indices where copy.tensors[index].name == "\(old).gate.weight" {
        copy.tensors[index].name = "\(new).gate.weight"
      }
    }
    #expect(try copy.results() == expected)
  }

  /// Experts in 4 bits, and the same numbers as float32, are the same model.
  @Test func expertsInFourBitsAreThoseNumbers() throws {
    var numbers = SplitMix(seed: 11)
    let packed = try CheckpointCopy("gpt_oss"), plain = try CheckpointCopy("gpt_oss")
    packed.config["quantization_config"] = ["quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]]
    for layer in 0..<2 {
      for (part, outputs, inputs) in [("gate_up_proj", 128, 32), ("down_proj", 32, 64)] {
        let name = "model.layers.\(layer).mlp.experts.\(part)", groups = inputs / 32
        let blocks = (0..<4 * outputs * groups * 16).map { _ in UInt8(numbers.below(256)) }
        let scales = (0..<4 * outputs * groups).map { _ in UInt8(120 + numbers.below(5)) }
        packed.tensors.removeAll { $0.name == name }
        packed.tensors.append(
          WrittenTensor("\(name)_blocks", type: "U8", shape: [4, outputs, groups, 16], bytes: blocks))
        packed.tensors.append(WrittenTensor("\(name)_scales", type: "U8", shape: [4, outputs, groups], bytes: scales))
        // [4, inputs, outputs]
        var values = [Float](repeating: 0, count: 4 * outputs * inputs)
        for (index, byte) in blocks.enumerated() {
          let power = Float(sign: .plus, exponent: Int(scales[index / 16]) - 127, significand: 1)
          for (half, code) in [byte & 15, byte >> 4].enumerated() {
            let (matrix, output, input) = (
              index / (outputs * inputs / 2), 2 * index / inputs % outputs, (2 * index + half) % inputs
            )
            let size: Float = [0, 0.5, 1, 1.5, 2, 3, 4, 6][Int(code & 7)]
            values[(matrix * inputs + input) * outputs + output] = (code & 8 == 0 ? size : -size) * power
          }
        }
        plain.tensors.removeAll { $0.name == name }
        plain.tensors.append(WrittenTensor(name, [4, inputs, outputs], values))
      }
    }
    #expect(try packed.results() == plain.results())
    #expect(try packed.load().parameters == plain.load().parameters)
    #expect(try packed.results() != packed.results(of: try model(packed.reference.path)))
    packed.tensors.removeAll { $0.name.hasSuffix("layers.1.mlp.experts.down_proj_scales") }
    #expect(
      packed.refusal()?.message.contains("layers.1.mlp.experts.down_proj_scales of shape [4, 32, 2] is missing") == true
    )
  }

  @Test(arguments: [
    ("swiglu_limit", 6.0, "swiglu_limit 6.0 is not implemented; 7.0 is"),
    ("swiglu_alpha", 1.0, "swiglu_alpha 1.0 is not implemented; 1.702 is"),
  ]) func otherGatesAreRefusedByName(key: String, value: Double, message: String) throws {
    let copy = try CheckpointCopy("gpt_oss")
    copy.config[key] = value
    #expect(copy.refusal()?.code == .unsupported && copy.refusal()!.message.contains(message))
  }

  @Test func otherQuantizationsAreRefusedByName() throws {
    let copy = try CheckpointCopy("gpt_oss")
    copy.config["quantization_config"] = ["quant_method": "awq"]
    #expect(
      copy.refusal()?.code == .unsupported
        && copy.refusal()!.message.contains("quant_method \"awq\" is not implemented"))
  }

  @Test func aMissingExpertAndOneOfAnotherSizeAreNamed() throws {
    let name = "model.layers.1.block_sparse_moe.experts.2.w3.weight"
    let copy = try CheckpointCopy("mixtral")
    let index = try #require(copy.tensors.firstIndex { $0.name == name })
    let tensor = copy.tensors.remove(at: index)
    #expect(
      copy.refusal()?.code == .invalidFile && copy.refusal()!.message.contains("\(name) of shape [64, 32] is missing"))
    copy.tensors.append(WrittenTensor(name, type: "F32", shape: [32, 64], bytes: tensor.bytes))
    #expect(
      copy.refusal()?.code == .invalidFile
        && copy.refusal()!.message.contains("\(name) has the shape [32, 64]; the configuration asks for [64, 32]"))
  }

  @Test(arguments: [
    ("num_experts_per_tok", 5, "num_experts_per_tok is 5; there are 4 experts"),
    ("num_local_experts", 2_000_000_000, "experts.4.w1.weight of shape [64, 32] is missing"),
    ("num_local_experts", 0, "num_local_experts is 0"),
    ("num_local_experts", 3, "block_sparse_moe.gate.weight has the shape [4, 32]; the configuration asks for [3, 32]"),
  ]) func numbersOfExpertsThatDoNotFitAreNamed(key: String, value: Int, message: String) throws {
    let copy = try CheckpointCopy("mixtral")
    copy.config[key] = value
    let refusal = copy.refusal()
    #expect(refusal?.code == .invalidFile)
    #expect(refusal?.message.contains(message) == true, "\(refusal?.message ?? "nothing was refused")")
  }
}
