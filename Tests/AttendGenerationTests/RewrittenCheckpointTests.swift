import AttendBase
import AttendCheckpoints
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Every conformance case in every format that its weights can have: the same bits.
@Suite("Checkpoints in other formats") struct RewrittenCheckpointTests {
  static let cases: [String] = {
    let folder = root.appendingPathComponent("Tests/Fixtures/conformance").path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)/config.json") }.sorted()
  }()

  /// Those of the families that transformers had in Flax.
  static let flaxCases: [String] = {
    let families = [
      "albert", "bart", "bert", "bloom", "distilbert", "electra", "gemma", "gpt2", "gpt_neo", "gptj", "llama", "marian",
      "mbart", "mistral", "opt", "pegasus", "roberta", "t5", "xlm-roberta",
    ]
    return cases.filter { name in families.contains { name == $0 || name.hasPrefix("\($0)-") } }
  }()

  /// A folder with the configuration of a case and these files.
  private func folder(_ copy: CheckpointCopy, _ files: [String: [UInt8]]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write("config.json", [UInt8](try JSONSerialization.data(withJSONObject: copy.config)))
    for (name, bytes) in files { try folder.write(name, bytes) }
    return folder
  }

  private func expectSame(_ copy: CheckpointCopy, _ files: [String: [UInt8]], _ what: String) throws {
    let folder = try folder(copy, files)
    var options = Model.Options()
    options.threads = 2
    let expected = try copy.results()
    #expect(try copy.results(of: try Model(path: folder.path, options: options)) == expected, "\(what)")
    if files.count == 1, let name = files.keys.first {  // by the path of the file too
      #expect(try copy.results(of: try Model(path: folder.path(of: name), options: options)) == expected, "\(what)")
    }
  }

  @Test("PyTorch's files, of both formats and in shards", arguments: cases) func pytorch(name: String) throws {
    let copy = try CheckpointCopy(name)
    try expectSame(copy, ["pytorch_model.bin": TorchWriter.archive(copy.tensors)], "an archive")
    try expectSame(copy, ["pytorch_model.bin": TorchWriter.stream(copy.tensors)], "the format before 1.6")
    try expectSame(copy, ["weights.pth": TorchWriter.archive(copy.tensors)], "a name of its own")
    let names = (1...2).map { "pytorch_model-0000\($0)-of-00002.bin" }
    let halves = names.indices.map { half in
      copy.tensors.indices.filter { $0 % 2 == half }.map { copy.tensors[$0] }
    }
    let map = zip(names, halves).flatMap { name, half in half.map { "\"\($0.name)\":\"\(name)\"" } }
    try expectSame(
      copy,
      [
        names[0]: TorchWriter.archive(halves[0]), names[1]: TorchWriter.archive(halves[1]),
        "pytorch_model.bin.index.json": Array("{\"weight_map\":{\(map.joined(separator: ","))}}".utf8),
      ], "shards")
  }

  @Test("Flax's files", arguments: flaxCases) func flax(name: String) throws {
    let copy = try CheckpointCopy(name)
    try expectSame(copy, ["flax_model.msgpack": FlaxWriter.file(copy.tensors)], "Flax")
  }

  @Test("safetensors win where both are there") func precedence() throws {
    let copy = try CheckpointCopy("gpt2")
    var other = copy.tensors
    for index in other.indices { other[index].bytes = [UInt8](repeating: 0, count: other[index].bytes.count) }
    try expectSame(
      copy,
      [
        "model.safetensors": try safetensors(copy.tensors), "pytorch_model.bin": TorchWriter.archive(other),
        "flax_model.msgpack": FlaxWriter.file(other),
      ], "both")
  }

  @Test("what Flax itself wrote", arguments: ["bert-masked-lm", "gpt2", "gptj", "marian"]) func flaxItself(
    name: String
  ) throws {
    let copy = try CheckpointCopy(name)
    let folder = root.appendingPathComponent("Tests/Fixtures/flax/\(name)").path
    var files: [String: [UInt8]] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: folder) {
      files[file] = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(file)")))
    }
    try expectSame(copy, files, "Flax")
  }

  // MARK: Memory

  @Test("files in memory, where they are and copied", arguments: cases) func memory(name: String) throws {
    let copy = try CheckpointCopy(name)
    let expected = try copy.results()
    let files = [
      ("config.json", [UInt8](try JSONSerialization.data(withJSONObject: copy.config))),
      ("model.safetensors", try safetensors(copy.tensors)),
    ]
    for copies in [false, true] {
      let memory = files.map { (name: $0.0, bytes: UnsafeMutableRawBufferPointer.allocate($0.1)) }
      var options = Model.Options()
      (options.threads, options.copiesWeights) = (2, copies)
      let table = try MemoryFiles(memory.count, copies: copies) {
        (memory[$0].name, UnsafeRawBufferPointer(memory[$0].bytes))
      }
      let loaded = try Model(try HuggingFaceFolder(table), options: options)
      if copies {  // what the caller had may change at once
        for file in memory { file.bytes.initializeMemory(as: UInt8.self, repeating: 0xFF) }
      }
      #expect(try copy.results(of: loaded) == expected, "copied: \(copies)")
      for (file, written) in zip(memory, files) where !copies { #expect(file.bytes.elementsEqual(written.1)) }
      withExtendedLifetime(loaded) { for file in memory { file.bytes.deallocate() } }
    }
  }

  @Test("tables of files that are none") func badTables() throws {
    for names in [[""], ["../config.json"], ["/config.json"], ["a", "a"], ["a\0b"]] {
      let failure = try #require(throws: Failure.self) {
        try MemoryFiles(names.count, copies: false) { (names[$0], UnsafeRawBufferPointer(start: nil, count: 0)) }
      }
      #expect(failure.code == .invalidArgument, "\(names)")
    }
    let empty = try MemoryFiles(1, copies: true) { _ in ("note.txt", UnsafeRawBufferPointer(start: nil, count: 0)) }
    let failure = try #require(throws: Failure.self) {
      try Model(try HuggingFaceFolder(empty), options: Model.Options())
    }
    #expect(failure.code == .notFound && failure.message.contains("(memory) holds no config.json"))
  }
}

extension UnsafeMutableRawBufferPointer {
  fileprivate static func allocate(_ bytes: [UInt8]) -> UnsafeMutableRawBufferPointer {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
    memory.copyBytes(from: bytes)
    return memory
  }
}
