import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Tiny checkpoints that llama.cpp's converter wrote as GGUF in float32.
@Suite struct GGUFTests {
  private static let folder = root.appendingPathComponent("Tests/Fixtures/gguf").path
  /// Files that do not hold a number as it was: factors of frequencies in float32.
  private static let rounded: Set<String> = ["llama-llama3"]
  private static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
    $0.hasSuffix(".gguf")
  }.map { String($0.dropLast(5)) }.sorted()

  /// The results of the checkpoint under the configuration that the file can express, and of the file.
  private func results(_ name: String) throws -> (expected: [Float], found: [Float]) {
    let copy = try CheckpointCopy(name)
    if let data = FileManager.default.contents(atPath: "\(GGUFTests.folder)/\(name).json") {
      copy.config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }
    return (try copy.results(), try copy.results(of: try model("\(GGUFTests.folder)/\(name).gguf")))
  }

  @Test func thereAreFilesOfAllArchitectures() { #expect(GGUFTests.names.count >= 35) }

  @Test(arguments: names) func bitsAreThoseOfTheCheckpoint(name: String) throws {
    let (expected, found) = try results(name)
    if GGUFTests.rounded.contains(name) {
      #expect(distance(found, expected) < 1e-4)
    } else {
      #expect(found == expected)
    }
  }

  @Test(arguments: names) func copiedFilesGiveTheSame(name: String) throws {
    var options = Model.Options()
    options.copiesWeights = true
    let copied = try Model(path: "\(GGUFTests.folder)/\(name).gguf", options: options)
    let mapped = try model("\(GGUFTests.folder)/\(name).gguf")
    #expect(copied.fingerprint == mapped.fingerprint && copied.parameters == mapped.parameters)
  }
}

/// A trained model in Q8_0, against the same model with the numbers that its blocks hold.
@Suite struct QuantisedGGUFTests {
  private static let parts = [
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
  ]

  /// The name that llama.cpp gives to a tensor of Llama.
  private func name(_ name: String) throws -> String {
    let others = ["model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"]
    if let other = others[name] { return other }
    let words = name.split(separator: ".")
    let part = words[3..<words.count - 1].joined(separator: ".")
    return "blk.\(words[2]).\(try #require(QuantisedGGUFTests.parts[part])).weight"
  }

  /// The blocks of rows of numbers, and the numbers that they hold: the largest of 32 is 127 steps from 0.
  private func quantised(_ numbers: [Float]) -> (blocks: [UInt8], numbers: [Float]) {
    var (blocks, held) = ([UInt8](), [Float]())
    for first in stride(from: 0, to: numbers.count, by: 32) {
      let group = numbers[first..<first + 32]
      let scale = max(Float16(group.map(abs).max()! / 127), .leastNormalMagnitude)
      let steps = group.map { Int8(max(-127, min(127, ($0 / Float(scale)).rounded()))) }
      withUnsafeBytes(of: scale.bitPattern.littleEndian) { blocks += Array($0) }
      blocks += steps.map { UInt8(bitPattern: $0) }
      held += steps.map { Float(scale) * Float($0) }
    }
    return (blocks, held)
  }

  /// Rows of heads of `rows` rows in the order that llama.cpp's rotary embedding asks for.
  private func turned(_ numbers: [Float], columns: Int, rows: Int) -> [Float] {
    (0..<numbers.count / columns).flatMap { row in
      let (head, within) = (row / rows, row % rows)
      let source = head * rows + within % 2 * (rows / 2) + within / 2
      return numbers[source * columns..<(source + 1) * columns]
    }
  }

  @Test(.enabled(if: Shared.isThere, "the folder of models is not there")) func bitsAndIdsAreThoseOfTheNumbersHeld()
    throws
  {
    let source = try #require(Shared.path) + "/models/stories260k"
    let checkpoint = try Checkpoint(HuggingFaceFolder(source))
    var (held, infos, data) = ([WrittenTensor](), [(String, [UInt64], UInt32, UInt64)](), [UInt8]())
    for tensor in checkpoint.tensors where tensor.name != "lm_head.weight" {
      let (shape, numbers) = (Array(tensor.shape), try #require(tensor.floats))
      let isBlocks = shape.count == 2 && shape[1].isMultiple(of: 32)
      let isTurned = tensor.name.contains("q_proj") || tensor.name.contains("k_proj")
      let stored = isTurned ? turned(numbers, columns: shape[1], rows: 8) : numbers
      while !data.count.isMultiple(of: 32) { data.append(0) }
      infos.append(
        (try name(tensor.name), shape.reversed().map { UInt64($0) }, isBlocks ? 8 : 0, UInt64(data.count)))
      data += isBlocks ? quantised(stored).blocks : stored.withUnsafeBytes(Array.init)
      held.append(WrittenTensor(tensor.name, shape, isBlocks ? quantised(numbers).numbers : numbers))
    }
    var writer = GGUFWriter(tensors: UInt64(infos.count), keys: 9)
    writer.key("general.architecture", "llama")
    let sizes = [
      ("block_count", 5), ("context_length", 512), ("embedding_length", 64), ("feed_forward_length", 172),
      ("attention.head_count", 8), ("attention.head_count_kv", 4),
    ]
    for (key, size) in sizes { writer.key("llama.\(key)", UInt32(size)) }
    writer.key("llama.attention.layer_norm_rms_epsilon", float: 1e-5)
    writer.key("llama.rope.freq_base", float: 10_000)
    for (name, sizes, type, offset) in infos { writer.tensor(name, sizes, type: type, offset: offset) }
    writer.data(data)
    let folder = try TemporaryFolder()
    try folder.write("quantised.gguf", writer.bytes)
    let plain = try TemporaryFolder()
    try plain.write("model.safetensors", try safetensors(held))
    try plain.write("config.json", try String(contentsOfFile: source + "/config.json", encoding: .utf8))
    let prompts: [[Int32]] = [[1, 403, 407, 261, 378], [1, 317, 426]]
    let answers = try [folder.path(of: "quantised.gguf"), plain.path].map { path in
      let session = try Session(model: try model(path), threads: 0)
      return (
        try session.continuations(of: prompts, longest: 60), try session.step(prompts.indices.map { _ in 5 })
      )
    }
    #expect(answers[0].0 == answers[1].0 && answers[0].1 == answers[1].1)
  }
}
