import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation
import Testing

/// CTranslate2's model.bin, read as a checkpoint.
@Suite("CTranslate2 files") struct CTranslate2Tests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  // MARK: Writing

  private static func text(_ text: String) -> [UInt8] { little(text.utf8.count + 1, 2) + Array(text.utf8) + [0] }

  private static func little(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private struct Variable {
    let name: String
    let shape: [Int]
    let type: Int
    let size: Int
    let bytes: [UInt8]

    /// As versions from 4 on write it, and as those before do.
    func written(_ version: Int) -> [UInt8] {
      let dimensions = shape.flatMap { CTranslate2Tests.little($0, 4) }
      let end =
        version >= 4
        ? [UInt8(type)] + CTranslate2Tests.little(bytes.count, 4)
        : [UInt8(size)] + CTranslate2Tests.little(bytes.count / size, 4)
      return CTranslate2Tests.text(name) + [UInt8(shape.count)] + dimensions + end + bytes
    }
  }

  private static func floats(_ name: String, _ shape: [Int], _ values: [Float]) -> Variable {
    Variable(name: name, shape: shape, type: 0, size: 4, bytes: values.withUnsafeBytes(Array.init))
  }

  private static func file(
    _ variables: [Variable], version: Int = 6, aliases: [(String, String)] = []
  ) -> [UInt8] {
    let head = little(version, 4) + (version >= 2 ? text("TransformerSpec") + little(7, 4) : [])
    let body = little(variables.count, 4) + variables.flatMap { $0.written(version) }
    let tail = version >= 3 ? little(aliases.count, 4) + aliases.flatMap { text($0.0) + text($0.1) } : []
    return head + body + tail
  }

  private static let good: [Variable] = [
    floats("encoder/layer_norm/gamma", [2], [1, 2]), floats("encoder/layer_norm/beta", [2], [3, 4]),
    Variable(name: "encoder/ffn/weight", shape: [2, 2], type: 1, size: 1, bytes: [127, 129, 10, 0]),
    floats("encoder/ffn/weight_scale", [2], [127, 10]),
    Variable(name: "decoder/ffn/weight", shape: [1, 2], type: 2, size: 2, bytes: [0, 4, 0, 252]),
    floats("decoder/ffn/weight_scale", [], [1024]),
    floats("encoder/embeddings/weight", [2, 1], [5, 6]),
    Variable(name: "encoder/pre_norm", shape: [], type: 1, size: 1, bytes: [1]),
  ]

  private func opened(_ bytes: [UInt8]) throws -> Checkpoint {
    try folder.write("model.bin", bytes)
    return try Checkpoint(HuggingFaceFolder(folder.path))
  }

  private func refused(
    _ bytes: [UInt8], _ part: String, _ code: Failure.Code = .invalidFile, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let failure = try #require(throws: Failure.self, sourceLocation: location) { try opened(bytes) }
    #expect(failure.code == code && failure.message.contains("model.bin"), "\(failure)", sourceLocation: location)
    #expect(failure.message.contains(part), "\(failure.message)", sourceLocation: location)
  }

  // MARK: Reading

  @Test("variables are tensors in every version, numbers over their scales", arguments: 1...6)
  func variables(version: Int) throws {
    let aliases = version >= 3 ? [("decoder/projection/weight", "encoder/embeddings/weight")] : []
    let checkpoint = try opened(CTranslate2Tests.file(CTranslate2Tests.good, version: version, aliases: aliases))
    var expected: [String: [Float]] = [
      "encoder.layer_norm.weight": [1, 2], "encoder.layer_norm.bias": [3, 4], "encoder.ffn.weight": [1, -1, 1, 0],
      "decoder.ffn.weight": [1, -1], "encoder.embeddings.weight": [5, 6],
    ]
    if version >= 3 { expected["decoder.projection.weight"] = [5, 6] }
    #expect(checkpoint.tensors.map(\.name) == expected.keys.sorted())
    for tensor in checkpoint.tensors { #expect(tensor.floats == expected[tensor.name], "\(tensor.name)") }
  }

  @Test("names of the first revision are those of OpenNMT-tf") func firstNames() throws {
    let names = [
      "transformer/encoder/w_embs:0": "encoder.embeddings.weight",
      "transformer/encoder/layer_0/multi_head/conv1d/kernel:0": "encoder.layer_0.self_attention.linear_0.weight",
      "transformer/decoder/layer_1/masked_multi_head/conv1d_1/bias:0": "decoder.layer_1.self_attention.linear_1.bias",
      "transformer/decoder/layer_1/multi_head/LayerNorm/gamma:0": "decoder.layer_1.attention.layer_norm.weight",
      "transformer/decoder/dense/kernel:0": "decoder.projection.weight",
    ]
    for (old, new) in names {
      let checkpoint = try opened(CTranslate2Tests.file([CTranslate2Tests.floats(old, [1], [7])], version: 1))
      #expect(checkpoint.tensors.map(\.name) == [new])
    }
  }

  @Test("a file that is cut anywhere is an error") func cutFiles() throws {
    let good = CTranslate2Tests.file(CTranslate2Tests.good, aliases: [("a", "encoder/embeddings/weight")])
    for count in 0..<good.count {
      let failure = try #require(throws: Failure.self) { try opened(Array(good.prefix(count))) }
      #expect(failure.code == .invalidFile || failure.code == .unsupported, "\(count): \(failure)")
    }
    try refused(good + [0], "more bytes follow")
  }

  @Test("a byte that is changed anywhere is read or refused") func changedFiles() throws {
    let good = CTranslate2Tests.file(CTranslate2Tests.good, aliases: [("a", "encoder/embeddings/weight")])
    var generator = SplitMix(seed: 9)
    for place in good.indices {
      for _ in 0..<8 {
        var bytes = good
        bytes[place] = UInt8(truncatingIfNeeded: generator.next())
        do {
          for tensor in try opened(bytes).tensors {
            #expect(tensor.bytes.count == tensor.shape.reduce(tensor.type.size, *) || tensor.shape.contains(0))
          }
        } catch let failure as Failure {
          #expect([.invalidFile, .unsupported].contains(failure.code), "\(failure.message)")
        }
      }
    }
  }

  @Test("what does not fit together is named") func refusals() throws {
    let (file, floats) = (CTranslate2Tests.file, CTranslate2Tests.floats)
    try refused(file([floats("a", [1], [1]), floats("a", [1], [1])], 6, []), "holds the variable a twice")
    try refused(file([floats("a/gamma", [1], [1]), floats("a/weight", [1], [1])], 6, []), "tensor a.weight twice")
    try refused(file([floats("a", [2], [1])], 6, []), "the variable a of float32 and shape [2] 4 bytes")
    let huge = Variable(name: "a", shape: [1 << 31, 1 << 31, 1 << 31], type: 0, size: 4, bytes: [])
    try refused(file([huge], 6, []), "0 bytes")
    try refused(file([], 6, [("a", "b")]), "a stands for the variable b")
    let whole = Variable(name: "x/weight", shape: [2, 1], type: 1, size: 1, bytes: [1, 2])
    try refused(file([whole], 6, []), "has no x/weight_scale")
    try refused(file([whole, floats("x/weight_scale", [3], [1, 1, 1])], 6, []), "3 scales")
    let zeros = Variable(name: "x/weight_zero", shape: [1], type: 3, size: 4, bytes: [0, 0, 0, 0])
    try refused(file([zeros], 6, []), "AWQ", .unsupported)
    let odd = Variable(name: "x", shape: [1], type: 9, size: 4, bytes: [0, 0, 0, 0])
    try refused(file([odd], 6, []), "is of type 9", .unsupported)
    try refused(file([], 7, []), "is of version 7", .unsupported)
  }
}
