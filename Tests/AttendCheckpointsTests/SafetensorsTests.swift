import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation
import Testing

@Suite("Safetensors files") struct SafetensorsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// What opening a file with this content says.
  private func refusal(_ content: [UInt8], name: String = "x.safetensors") throws -> Failure {
    try folder.write(name, content)
    let failure = try #require(throws: Failure.self) { try SafetensorsFile(folder.path(of: name)) }
    #expect(failure.message.contains(folder.path(of: name)), "\(failure.message)")
    return failure
  }

  private func refusal(header: String, data: Int) throws -> Failure {
    try refusal(safetensors(header: header, data: [UInt8](repeating: 7, count: data)))
  }

  private func opened(_ content: [UInt8]) throws -> SafetensorsFile {
    try folder.write("x.safetensors", content)
    return try SafetensorsFile(folder.path(of: "x.safetensors"))
  }

  @Test("every type is read with its shape, its bytes and its name") func types() throws {
    let types: [(String, ElementType)] = [
      ("BOOL", .bool), ("U8", .uint8), ("I8", .int8), ("U16", .uint16), ("I16", .int16), ("F16", .float16),
      ("BF16", .bfloat16), ("U32", .uint32), ("I32", .int32), ("F32", .float32), ("U64", .uint64), ("I64", .int64),
      ("F64", .float64),
    ]
    var random = SplitMix(seed: 5)
    let tensors = types.map { name, type in
      WrittenTensor(
        "weight \"\(name)\" é", type: name, shape: [2, 3],
        bytes: (0..<6 * type.size).map { _ in UInt8(random.below(256)) })
    }
    for alignment in [1, 8] {
      let file = try opened(
        try safetensors(
          tensors.shuffled(using: &random), metadata: ["note": "a\nb", "format": "pt"], alignment: alignment))
      #expect(file.tensors.map(\.name) == tensors.map(\.name).sorted())
      for ((name, type), tensor) in zip(types, tensors) {
        let stored = try #require(file[tensor.name])
        #expect(stored.type == type && stored.shape == [2, 3] && stored.count == 6, "\(name)")
        #expect(Array(stored.bytes) == tensor.bytes)
        #expect(stored.file == folder.path(of: "x.safetensors"))
      }
      #expect(file["none"] == nil)
    }
  }

  @Test("tensors without elements, single numbers and a file without tensors are valid") func small() throws {
    let file = try opened(
      try safetensors([
        WrittenTensor("empty", [0, 5], []), WrittenTensor("scalar", [], [2.5]),
        WrittenTensor("huge but empty", [Int.max, Int.max, 0], []),
      ]))
    #expect(file["empty"]?.shape == [0, 5] && file["empty"]?.count == 0)
    #expect(file["scalar"]?.floats == [2.5])
    #expect(file["huge but empty"]?.count == 0)
    #expect(try opened(safetensors(header: "{}", data: [])).tensors.isEmpty)
  }

  @Test("bytes live as long as the tensor") func lifetime() throws {
    var tensor: StoredTensor?
    do { tensor = try opened(try safetensors([WrittenTensor("a", [2], [1, 2])]))["a"] }
    #expect(tensor?.floats == [1, 2])
  }

  @Test("a type that is not known matters only to who asks for it") func unknownType() throws {
    let file = try opened(
      try safetensors([
        WrittenTensor("a", [1], [1]), WrittenTensor("q", type: "F8_E4M3", shape: [3], bytes: [1, 2, 3]),
        WrittenTensor("z", type: "F4", shape: [4], bytes: [1, 2]),
      ]))
    #expect(file.tensors.map(\.name) == ["a"])
    #expect(file["a"]?.floats == [1])
    #expect(file["q"] == nil)
  }

  @Test("files too short for a header are refused") func tooShort() throws {
    for length in 0..<8 {
      let failure = try refusal([UInt8](repeating: 0, count: length))
      #expect(failure.code == .invalidFile && failure.message.contains("has \(length) bytes"))
    }
    #expect(try refusal([UInt8](repeating: 0, count: 8)).code == .invalidFile)  // no header at all
  }

  @Test(
    "a header that ends beyond the file is refused with both numbers",
    arguments: [3, 1 << 40, UInt64(Int64.max), .max, .max - 7]) func headerLength(_ length: UInt64) throws
  {
    let failure = try refusal(withUnsafeBytes(of: length.littleEndian, Array.init) + Array("{}".utf8))
    #expect(
      failure.code == .invalidFile && failure.message.contains("\(length) bytes")
        && failure.message.contains("only 2 bytes"))
  }

  @Test("a header larger than the format allows is refused") func hugeHeader() throws {
    let path = folder.path(of: "huge.safetensors")
    try folder.write("huge.safetensors", withUnsafeBytes(of: UInt64(100_000_001).littleEndian, Array.init))
    #expect(truncate(path, 100_000_009) == 0)  // a sparse file
    let failure = try #require(throws: Failure.self) { try SafetensorsFile(path) }
    #expect(failure.code == .invalidFile && failure.message.contains("100000001"))
  }

  @Test("a pointer of Git LFS is named as such") func gitLFS() throws {
    let failure = try refusal(Array("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n".utf8))
    #expect(failure.code == .invalidFile && failure.message.contains("git lfs pull"))
  }

  @Test(
    "a header that is no description of tensors is refused",
    arguments: [
      ("", "empty"), ("   ", "empty"), ("[1]", "not a JSON object"), ("{\"a\": ", "line 1, column 7"),
      ("{}{}", "column 3"), ("{\"a\": 1}", "tensor a has no dtype"),
      (#"{"a": {"shape": [1], "data_offsets": [0, 4]}}"#, "tensor a has no dtype"),
      (#"{"a": {"dtype": 1, "shape": [1], "data_offsets": [0, 4]}}"#, "tensor a has no dtype"),
      (#"{"a": {"dtype": "F32", "data_offsets": [0, 4]}}"#, "tensor a has the shape null"),
      (#"{"a": {"dtype": "F32", "shape": 1, "data_offsets": [0, 4]}}"#, "has the shape 1"),
      (#"{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}"#, "has the shape [-1]"),
      (#"{"a": {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]}}"#, "has the shape [1.0]"),
      (#"{"a": {"dtype": "F32", "shape": [1e0], "data_offsets": [0, 4]}}"#, "has the shape [1e0]"),
      (#"{"a": {"dtype": "F32", "shape": ["1"], "data_offsets": [0, 4]}}"#, "has the shape [\"1\"]"),
      (#"{"a": {"dtype": "F32", "shape": [9223372036854775808], "data_offsets": [0, 4]}}"#, "9223372036854775808"),
      (#"{"a": {"dtype": "F32", "shape": [1]}}"#, "has the data_offsets null"),
      (#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4]}}"#, "has the data_offsets [4]"),
      (#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2, 4]}}"#, "has the data_offsets [0, 2, 4]"),
      (#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}"#, "has the data_offsets [-4, 0]"),
      (#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0.5, 4]}}"#, "[0.5, 4]"),
      (#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 99999999999999999999]}}"#, "99999999999999999999"),
      (
        #"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}"#,
        "begins at byte 4 of the data and ends before it, at 0"
      ),
      (
        #"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#,
        "ends at byte 8 of the data, which has 4 bytes"
      ),
      (
        #"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 9223372036854775807]}}"#,
        "ends at byte 9223372036854775807"
      ),
      (
        #"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}"#,
        "needs 8 bytes, but its data_offsets [0, 4] give it 4"
      ), (#"{"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 0]}}"#, "needs 4 bytes"),
      (#"{"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 4]}}"#, "needs 0 bytes"),
      (
        #"{"a": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 4]}}"#,
        "more than memory can hold"
      ),
      (
        #"{"a": {"dtype": "F64", "shape": [2305843009213693953], "data_offsets": [0, 4]}}"#, "more than memory can hold"
      ),
      (
        #"{"a": {"dtype": "I8", "shape": [4], "data_offsets": [0, 4]}, "a": {"dtype": "I8", "shape": [0], "#
          + #""data_offsets": [4, 4]}}"#,
        "tensor a twice"
      ), (#"{"__metadata__": 1}"#, "__metadata__"), (#"{"__metadata__": {"note": 1}}"#, "note in __metadata__"),
      ("{}", "the tensors end at byte 0 of the data, which has 4 bytes"),
      (
        #"{"a": {"dtype": "I8", "shape": [3], "data_offsets": [0, 3]}}"#,
        "the tensors end at byte 3 of the data, which has 4 bytes"
      ),
      (
        #"{"b": {"dtype": "I8", "shape": [3], "data_offsets": [1, 4]}}"#,
        "bytes 0..<1 of the data, before tensor b, belong to no tensor"
      ),
      (
        #"{"a": {"dtype": "I8", "shape": [1], "data_offsets": [3, 4]}, "b": {"dtype": "I8", "shape": [2], "#
          + #""data_offsets": [0, 2]}}"#,
        "bytes 2..<3 of the data, before tensor a"
      ),
      (
        #"{"a": {"dtype": "I8", "shape": [3], "data_offsets": [0, 3]}, "b": {"dtype": "I8", "shape": [2], "#
          + #""data_offsets": [2, 4]}}"#,
        "tensor b at bytes 2..<4 of the data overlaps tensor a at 0..<3"
      ),
      (
        #"{"a": {"dtype": "I8", "shape": [4], "data_offsets": [0, 4]}, "b": {"dtype": "I8", "shape": [4], "#
          + #""data_offsets": [0, 4]}}"#,
        "overlaps tensor"
      ),
      (
        #"{"a": {"dtype": "I8", "shape": [4], "data_offsets": [0, 4]}, "b": {"dtype": "I8", "shape": [0], "#
          + #""data_offsets": [2, 2]}}"#,
        "overlaps tensor a"
      ),
    ]) func badHeader(_ header: String, _ reason: String) throws
  {
    let failure = try refusal(header: header, data: 4)
    #expect(failure.code == .invalidFile)
    #expect(failure.message.contains(reason), "\(failure.message)")
  }

  @Test("more dimensions than any framework has are refused") func rank() throws {
    let shape = "[" + Array(repeating: "1", count: 65).joined(separator: ",") + "]"
    #expect(
      try refusal(header: #"{"a": {"dtype": "F32", "shape": \#(shape), "data_offsets": [0, 4]}}"#, data: 4).code
        == .invalidFile)
  }

  @Test("a missing file, a folder and one without permission are named") func notFiles() throws {
    #expect(try #require(throws: Failure.self) { try SafetensorsFile(folder.path(of: "none")) }.code == .notFound)
    #expect(try #require(throws: Failure.self) { try SafetensorsFile(folder.path) }.code == .inputOutput)
    try folder.write("secret", "x")
    chmod(folder.path(of: "secret"), 0)
    guard geteuid() != 0 else { return }  // root may read everything
    #expect(try #require(throws: Failure.self) { try SafetensorsFile(folder.path(of: "secret")) }.code == .inputOutput)
  }

  @Test("every truncation of a file is refused, every change of its header refused or understood") func mutations()
    throws
  {
    var random = SplitMix(seed: 6)
    let good = try safetensors(
      [
        WrittenTensor("a.weight", [2, 3], random.floats(6)), WrittenTensor("b", [], [1]),
        WrittenTensor("c", [5], random.floats(5)),
      ], metadata: ["k": "v"])
    let end = 8 + Int(good[0]) + Int(good[1]) << 8
    for length in 0..<good.count { #expect(try refusal(Array(good.prefix(length))).code == .invalidFile) }
    var understood = 0
    for _ in 0..<2000 {
      var bytes = good
      for _ in 0...random.below(3) { bytes[random.below(end)] = random.interestingByte() }
      do throws(Failure) {
        try? folder.write("x.safetensors", bytes)
        let file = try SafetensorsFile(folder.path(of: "x.safetensors"))
        let isSound = file.tensors.allSatisfy {
          $0.shape.reduce($0.type.size, *) == $0.bytes.count && $0.bytes.elementsEqual(Array($0.bytes))
        }
        #expect(isSound)
        understood += 1
      } catch { #expect(error.code == .invalidFile && error.message.contains("x.safetensors")) }
    }
    #expect(understood > 20)
  }

  // Needs the goldens and models beside the checkout.
  @Test("all shared files load", .enabled(if: Shared.isThere)) func shared() throws {
    let paths = Shared.files(in: ".") { $0.hasSuffix(".safetensors") }
    #expect(paths.count > 100)
    for path in paths {
      let file = try SafetensorsFile(path)
      #expect(!file.tensors.isEmpty)
    }
  }
}
