import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation
import Testing

/// Files that Flax writes, read as checkpoints.
@Suite("Flax files") struct FlaxTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func opened(_ bytes: [UInt8]) throws -> Checkpoint {
    try folder.write("flax_model.msgpack", bytes)
    return try Checkpoint(HuggingFaceFolder(folder.path))
  }

  private func refused(
    _ bytes: [UInt8], _ part: String, _ code: Failure.Code = .invalidFile, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let failure = try #require(throws: Failure.self, sourceLocation: location) { try opened(bytes) }
    #expect(failure.code == code && failure.message.contains("flax_model.msgpack"), sourceLocation: location)
    #expect(failure.message.contains(part), "\(failure.message)", sourceLocation: location)
  }

  // MARK: MessagePack

  private static func text(_ text: String) -> [UInt8] { [0xA0 | UInt8(text.utf8.count)] + Array(text.utf8) }

  private static func map(_ members: [(String, [UInt8])]) -> [UInt8] {
    [0x80 | UInt8(members.count)] + members.flatMap { text($0.0) + $0.1 }
  }

  private static func array(_ shape: [UInt8], _ values: [Float], type: String = "float32") -> [UInt8] {
    let bytes = values.withUnsafeBytes(Array.init)
    let content =
      [0x93, 0x90 | UInt8(shape.count)] + shape + text(type) + [0xC4, UInt8(bytes.count)] + bytes
    return [0xC7, UInt8(content.count), 1] + content
  }

  private static let good = map([
    ("head", map([("kernel", array([2, 3], [1, 2, 3, 4, 5, 6])), ("bias", array([3], [7, 8, 9]))])),
    (
      "FlaxThingLayers",
      map([
        ("norm", map([("scale", array([2, 2], [1, 2, 3, 4]))])), ("table", map([("embedding", array([2], [5, 6]))])),
      ])
    ),
  ])

  @Test("names, shapes and numbers are those of the file; stacked layers are tensors of their own")
  func tensors() throws {
    let checkpoint = try opened(FlaxTests.good)
    let expected: [(String, [Int], [Float])] = [
      ("FlaxThingLayer_0.norm.weight", [2], [1, 2]), ("FlaxThingLayer_0.table.weight", [], [5]),
      ("FlaxThingLayer_1.norm.weight", [2], [3, 4]), ("FlaxThingLayer_1.table.weight", [], [6]),
      ("head.bias", [3], [7, 8, 9]), ("head.kernel", [2, 3], [1, 2, 3, 4, 5, 6]),
    ]
    #expect(checkpoint.tensors.map(\.name) == expected.map(\.0))
    for (tensor, expected) in zip(checkpoint.tensors, expected) {
      #expect(Array(tensor.shape) == expected.1 && tensor.floats == expected.2, "\(tensor.name)")
    }
  }

  @Test("a file that is cut anywhere is an error") func cutFiles() throws {
    let good = FlaxTests.good
    for count in 0..<good.count {
      let failure = try #require(throws: Failure.self) { try opened(Array(good.prefix(count))) }
      #expect(failure.code == .invalidFile)
    }
    try refused(good + [0], "bytes follow")
  }

  @Test("a byte that is changed anywhere is read or refused") func changedFiles() throws {
    let good = FlaxTests.good
    var generator = SplitMix(seed: 3)
    for place in good.indices {
      for _ in 0..<4 {
        var bytes = good
        bytes[place] = UInt8(truncatingIfNeeded: generator.next())
        do { _ = try opened(bytes) } catch let failure as Failure {
          #expect([.invalidFile, .unsupported].contains(failure.code), "\(failure.message)")
        }
      }
    }
  }

  @Test("what is no array of parameters is named") func refusals() throws {
    try refused([0x93, 1, 2, 3], "no map of parameters")
    try refused([0xC1], "begins no value")
    try refused([0x81, 1, 1], "no text")
    try refused(FlaxTests.map([("step", [5])]), "step is a number", .unsupported)
    try refused(FlaxTests.map([("note", FlaxTests.text("x"))]), "note is a text", .unsupported)
    try refused(FlaxTests.map([("x", [0xD4, 3, 0])]), "an extension of type 3", .unsupported)
    try refused(FlaxTests.map([("x", FlaxTests.array([3], [1, 2]))]), "x of shape [3] holds 8 bytes")
    let largest: [UInt8] = [0xCF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
    let content = [0x93, 0x92] + largest + largest + FlaxTests.text("float32") + [0xC4, 0]
    try refused(FlaxTests.map([("x", [0xC7, UInt8(content.count), 1] + content)]), "holds 0 bytes")
    let twice = FlaxTests.array([1], [1])
    try refused(FlaxTests.map([("x", twice), ("x", twice)]), "is there twice")
    let tall: [UInt8] = [0x93, 0x92, 0xCD, 0x75, 0x30, 0] + FlaxTests.text("float32") + [0xC4, 0]
    let stack = FlaxTests.map([("x", [0xC7, UInt8(tall.count), 1] + tall)])
    try refused(FlaxTests.map([("FlaxThingLayers", stack)]), "stacks 30000 layers")
  }

  /// An array in pieces, as Flax writes those of more than 2^30 bytes.
  private func inPieces(_ shape: [(String, [UInt8])], _ pieces: [(String, [UInt8])]) -> [UInt8] {
    let mark = [0xD9, 25] + Array("__msgpack_chunked_array__".utf8) + [0xC3]
    let (sizes, chunks) = (FlaxTests.map(shape), FlaxTests.map(pieces))
    return [0x83] + mark + FlaxTests.text("shape") + sizes + FlaxTests.text("chunks") + chunks
  }

  @Test("arrays in pieces are joined") func pieces() throws {
    let parts = [("0", FlaxTests.array([4], [1, 2, 3, 4])), ("1", FlaxTests.array([2], [5, 6]))]
    let good = FlaxTests.map([("x", inPieces([("0", [2]), ("1", [3])], parts)), ("y", FlaxTests.array([1], [9]))])
    let checkpoint = try opened(good)
    #expect(checkpoint["x"]?.shape == [2, 3] && checkpoint["x"]?.floats == [1, 2, 3, 4, 5, 6])
    #expect(checkpoint["y"]?.floats == [9])
    for count in 0..<good.count { #expect(throws: Failure.self) { try opened(Array(good.prefix(count))) } }
    try refused(FlaxTests.map([("x", inPieces([("0", [7])], parts))]), "x of shape [7] holds 24 bytes")
    try refused(FlaxTests.map([("x", inPieces([("0", [0xC0])], parts))]), "x has a size that is no number")
    try refused(FlaxTests.map([("x", inPieces([("1", [6])], parts))]), "x has a size that is no number")
    try refused(FlaxTests.map([("x", inPieces([("0", [6])], []))]), "x has no pieces")
    try refused(FlaxTests.map([("x", inPieces([("0", [6])], [("0", [1])]))]), "x has a piece that is no array")
    let two = [("0", FlaxTests.array([4], [1, 2, 3, 4])), ("1", FlaxTests.array([2], [5, 6], type: "int32"))]
    try refused(FlaxTests.map([("x", inPieces([("0", [6])], two))]), "x has pieces of two types")
  }

  @Test("maps within maps have an end") func depth() throws {
    var bytes: [UInt8] = FlaxTests.array([1], [1])
    for _ in 0..<63 { bytes = FlaxTests.map([("x", bytes)]) }
    #expect(try opened(bytes).tensors.count == 1)
    for _ in 0..<100_000 { bytes = [0x81, 0xA1, 0x78] + bytes }
    try refused(bytes, "maps within maps")
  }

  @Test("types that are not known are told to who asks for them") func unknownTypes() throws {
    let checkpoint = try opened(FlaxTests.map([("x", FlaxTests.array([1], [1], type: "float8"))]))
    let failure = try #require(throws: Failure.self) { try checkpoint.tensor("x", shape: TensorShape(1)) }
    #expect(failure.code == .unsupported && failure.message.contains("float8"))
  }
}
