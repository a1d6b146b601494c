import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation
import Testing

/// GGUF files that are sound, and those that are not: errors that name file, place and numbers.
@Suite("GGUF files") struct GGUFFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The metadata of a Llama of one layer, as many keys as `keys` says.
  private static let keys: UInt64 = 8

  private static func describe(_ writer: inout GGUFWriter, name: String = "llama") {
    writer.key("general.architecture", name)
    writer.key("llama.block_count", 1)
    writer.key("llama.context_length", 8)
    writer.key("llama.embedding_length", 4)
    writer.key("llama.attention.head_count", 1)
    writer.key("llama.attention.layer_norm_rms_epsilon", float: 1e-5)
    writer.key("tokenizer.ggml.model", "none")
    writer.key("llama.feed_forward_length", 4)
  }

  /// A file with a table of two tokens and a norm.
  private static let good: GGUFWriter = {
    var writer = GGUFWriter(tensors: 2, keys: keys)
    describe(&writer)
    writer.tensor("token_embd.weight", [4, 2], offset: 0)
    writer.tensor("output_norm.weight", [4], offset: 32)
    writer.data((1...12).flatMap { withUnsafeBytes(of: Float($0).bitPattern.littleEndian, Array.init) })
    return writer
  }()

  private func opened(_ bytes: [UInt8], _ name: String = "model.gguf") throws -> Checkpoint {
    try folder.write(name, bytes)
    return try Checkpoint(HuggingFaceFolder(folder.path(of: name)))
  }

  private func refused(
    _ bytes: [UInt8], _ parts: String..., code: Failure.Code = .invalidFile,
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    let failure = try #require(throws: Failure.self, sourceLocation: location) { try opened(bytes) }
    #expect(failure.code == code && failure.message.contains("model.gguf"), sourceLocation: location)
    for part in parts { #expect(failure.message.contains(part), "\(failure.message)", sourceLocation: location) }
  }

  /// A file of tensors that `describe` writes behind the metadata.
  private func withTensors(
    _ count: UInt64, data: Int = 64, _ describe: (inout GGUFWriter) -> Void
  ) -> [UInt8] {
    var writer = GGUFWriter(tensors: count, keys: GGUFFileTests.keys)
    GGUFFileTests.describe(&writer)
    describe(&writer)
    writer.data([UInt8](repeating: 0, count: data))
    return writer.bytes
  }

  @Test("a sound file gives its tensors under the names of their family") func tensors() throws {
    let checkpoint = try opened(GGUFFileTests.good.bytes)
    #expect(checkpoint.tensors.map(\.name) == ["model.embed_tokens.weight", "model.norm.weight"])
    #expect(checkpoint.tensors.map { Array($0.shape) } == [[2, 4], [4]])
    #expect(checkpoint.tensors.map(\.floats) == [[1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12]])
    let old = [UInt8](GGUFFileTests.good.bytes[..<4] + [2] + GGUFFileTests.good.bytes[5...])
    #expect(try opened(old).tensors.count == 2)
  }

  @Test("a file that is cut anywhere is an error") func cutFiles() throws {
    let good = GGUFFileTests.good.bytes
    #expect(GGUFFileTests.good.borders.count > 50)
    for count in 0..<good.count {
      let failure = try #require(throws: Failure.self) { try opened(Array(good.prefix(count))) }
      #expect(failure.code == .invalidFile, "\(count): \(failure.message)")
    }
  }

  @Test("a file with a flipped bit is read or refused") func flippedBits() throws {
    let good = GGUFFileTests.good.bytes
    var refusals = 0
    for place in good.indices {
      for bit in 0..<8 {
        var bytes = good
        bytes[place] ^= 1 << bit
        try folder.write("model.gguf", bytes)
        do throws(Failure) {
          let folder = try HuggingFaceFolder(self.folder.path(of: "model.gguf"))
          _ = try ModelConfigurations(folder)
          _ = try Checkpoint(folder)
        } catch {
          refusals += 1
          #expect(error.message.contains("model.gguf"))
        }
      }
    }
    #expect(refusals > good.count)
  }

  @Test("counts and lengths beyond the file are errors", arguments: [UInt64(1) << 63, UInt64.max, 1 << 62, 1 << 40])
  func largeCounts(count: UInt64) throws {
    try refused(GGUFWriter(tensors: count, keys: 0).bytes, count >> 63 == 1 ? "the number of tensors" : "tensor 0 of")
    try refused(GGUFWriter(tensors: 0, keys: count).bytes, count >> 63 == 1 ? "the number of keys" : "key 0 of")
    var key = GGUFWriter(tensors: 0, keys: 1)
    key.text("general.architecture", count: count)
    try refused(key.bytes, "key 0 of 1")
    var text = GGUFWriter(tensors: 0, keys: 1)
    text.text("general.architecture")
    text.number(UInt32(8))
    text.text("llama", count: count)
    try refused(text.bytes, "general.architecture")
    for type in [UInt32(8), 10] {
      var array = GGUFWriter(tensors: 0, keys: 1)
      array.text("tokens")
      array.number(UInt32(9))
      array.number(type)
      array.number(count)
      try refused(array.bytes, "tokens")
    }
    try refused(withTensors(1) { $0.tensor("x", [count, 2], offset: 0) }, "x")
    try refused(withTensors(1) { $0.tensor("x", [4, count, count], offset: 0) }, "x")
    try refused(withTensors(1) { $0.tensor("x", [4], offset: count) }, "x")
  }

  @Test("metadata that is not of the format is an error") func metadata() throws {
    try refused([], "it does not begin with \"GGUF\"")
    try refused(Array("GGUF".utf8), "the version", "byte 4")
    try refused(GGUFWriter(version: 1, tensors: 0, keys: 0).bytes, "version 1", code: .unsupported)
    try refused(GGUFWriter(version: 3 << 24, tensors: 0, keys: 0).bytes, "big-endian", code: .unsupported)
    var unknown = GGUFWriter(tensors: 0, keys: 1)
    unknown.text("strange")
    unknown.number(UInt32(13))
    try refused(unknown.bytes, "strange", "type 13")
    var nested = GGUFWriter(tensors: 0, keys: 1)
    nested.text("strange")
    nested.number(UInt32(9))
    nested.number(UInt32(9))
    try refused(nested.bytes, "strange", "type 9")
    var twice = GGUFWriter(tensors: 0, keys: 2)
    for _ in 0..<2 { twice.key("general.name", "a") }
    try refused(twice.bytes, "general.name is there twice")
    for alignment in [UInt32(0), 24, 1 << 31] {
      var aligned = GGUFWriter(tensors: 0, keys: 1)
      aligned.key("general.alignment", alignment)
      try refused(aligned.bytes, "general.alignment")
    }
    try refused(GGUFWriter(tensors: 0, keys: 0).bytes, "general.architecture is missing")
    var adapter = GGUFWriter(tensors: 0, keys: 2)
    adapter.key("general.architecture", "llama")
    adapter.key("general.type", "adapter")
    try refused(adapter.bytes, "of type \"adapter\"", code: .unsupported)
    var other = GGUFWriter(tensors: 0, keys: 1)
    other.key("general.architecture", "rwkv7")
    try refused(other.bytes, "rwkv7", "llama", "t5encoder", code: .unsupported)
  }

  @Test("tensors that do not fit the file or each other are errors") func tensorPlaces() throws {
    try refused(
      withTensors(2) {
        $0.tensor("a", [4], offset: 0)
        $0.tensor("a", [4], offset: 32)
      }, "tensor a is there twice")
    try refused(
      withTensors(2) {
        $0.tensor("a", [4, 4], offset: 0)
        $0.tensor("b", [4], offset: 32)
      }, "tensor b begins at byte 32", "tensor a, which ends at byte 64")
    try refused(withTensors(1) { $0.tensor("a", [4], offset: 8) }, "tensor a begins at byte 8", "multiple of 32")
    try refused(withTensors(1) { $0.tensor("a", [4], offset: 64) }, "tensor a takes 16 bytes from byte 64", "64 bytes")
    try refused(withTensors(1) { $0.tensor("a", [17], offset: 0) }, "tensor a takes 68 bytes")
    try refused(withTensors(1) { $0.tensor("a", [], offset: 0) }, "tensor a has 0 dimensions")
    try refused(withTensors(1) { $0.tensor("a", [1, 1, 1, 1, 1], offset: 0) }, "tensor a has 5 dimensions")
    try refused(withTensors(1) { $0.tensor("a", [31], type: 2, offset: 0) }, "tensor a has rows of 31", "Q4_0", "32")
    try refused(
      withTensors(1) { $0.tensor(String(repeating: "a", count: 300), [4], offset: 0) }, "a name of 300 bytes")
    // Queries whose rows are not those of the heads cannot be put in order.
    try refused(withTensors(1) { $0.tensor("blk.0.attn_q.weight", [4, 3], offset: 0) }, "attn_q.weight has 3 rows")
    let checkpoint = try opened(withTensors(1) { $0.tensor("a", [4], type: 77, offset: 0) })
    #expect(checkpoint.tensors.isEmpty)
    #expect(throws: Failure.self) { try checkpoint.tensor("a", shape: [4]) }
  }

  @Test("a folder with one file is that model; several are listed") func folders() throws {
    try folder.write("model-q4.gguf", GGUFFileTests.good.bytes)
    try folder.write("mmproj-model.gguf", [0])
    #expect(try Checkpoint(HuggingFaceFolder(folder.path)).tensors.count == 2)
    try folder.write("model-q8.gguf", GGUFFileTests.good.bytes)
    let failure = try #require(throws: Failure.self) { try HuggingFaceFolder(folder.path) }
    #expect(failure.message.contains("2 models in GGUF: model-q4.gguf, model-q8.gguf"))
  }

  @Test("a model in parts is read from whichever is named, and must be whole") func parts() throws {
    func part(_ number: UInt32, of count: UInt32, tensors: UInt32 = 2) -> [UInt8] {
      var writer = GGUFWriter(tensors: 1, keys: (number == 0 ? GGUFFileTests.keys : 0) + 3)
      if number == 0 { GGUFFileTests.describe(&writer) }
      writer.key("split.no", number)
      writer.key("split.count", count)
      writer.key("split.tensors.count", tensors)
      writer.tensor(number == 0 ? "token_embd.weight" : "output_norm.weight", number == 0 ? [4, 2] : [4], offset: 0)
      writer.data([UInt8](repeating: 0, count: 32))
      return writer.bytes
    }
    let names = ["x-00001-of-00002.gguf", "x-00002-of-00002.gguf"]
    try folder.write(names[0], part(0, of: 2))
    let missing = try #require(throws: Failure.self) { try HuggingFaceFolder(folder.path) }
    #expect(missing.code == .notFound && missing.message.contains(names[1]))
    try folder.write(names[1], part(1, of: 2))
    for path in [folder.path] + names.map({ folder.path(of: $0) }) {
      #expect(try Checkpoint(HuggingFaceFolder(path)).tensors.map(\.name).sorted().count == 2)
    }
    try folder.write(names[1], part(0, of: 2))
    let wrong = try #require(throws: Failure.self) { try HuggingFaceFolder(folder.path) }
    #expect(wrong.message.contains("part 1 of 2"))
    try folder.write(names[1], part(1, of: 2))
    try folder.write(names[0], part(0, of: 2, tensors: 3))
    let few = try #require(throws: Failure.self) { try HuggingFaceFolder(folder.path) }
    #expect(few.message.contains("split.tensors.count is 3; the files hold 2"))
  }

  @Test("a key that changes what is computed and is not known is an error") func unreadKeys() throws {
    var writer = GGUFWriter(tensors: 1, keys: GGUFFileTests.keys + 1)
    GGUFFileTests.describe(&writer)
    writer.key("llama.attention.strange_factor", 2)
    writer.tensor("token_embd.weight", [4, 2], offset: 0)
    writer.data([UInt8](repeating: 0, count: 32))
    try folder.write("model.gguf", writer.bytes)
    let failure = try #require(throws: Failure.self) {
      try ModelConfigurations(HuggingFaceFolder(folder.path(of: "model.gguf")))
    }
    #expect(failure.message.contains("llama.attention.strange_factor is not understood"))
  }
}
