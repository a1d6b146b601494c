import AttendBase
import AttendGeneration
import AttendKernelInterface
import AttendModels
import AttendTestSupport
import Foundation
import Testing

/// Sessions that go on elsewhere.
@Suite struct SavedSessionTests {
  private static let types: [KeyValueType?] = [nil, .bfloat16, .int8, .int4]

  /// A session with sequences that share pages, one of which was cut.
  private func begin(_ reference: ConformanceCase, _ model: Model, _ type: KeyValueType?) throws -> Session {
    let session = try Session(model, keyValueType: type)
    switch model.blueprint.kind {
    case .encoderDecoder:
      try session.encode(reference.sources)
      _ = try session.decode(reference.targets)
    case .decoder, .encoder:
      try session.add(empty: 3)
      for piece in 0..<4 { _ = try session.decode((0..<3).map { text(13, seed: 3 * piece + $0) }, tails: [0, 0, 0]) }
    }
    try session.select([0, 1, 1, 0])
    try session.truncate(3, to: session.length(3) - 1)
    return session
  }

  @Test(arguments: ["marian", "t5", "gpt2", "llama", "gemma3", "mistral", "bloom"], types)
  func aRestoredSessionGoesOnWithTheSameBits(name: String, type: KeyValueType?) throws {
    let reference = try ConformanceCase(name)
    let session = try begin(reference, try model(reference.path), type)
    let bytes = try session.saved([0, 1, 2, 3])
    let other = try Session(try model(reference.path), keyValueType: type)
    try other.restore(bytes)
    #expect((0..<4).map(other.length) == (0..<4).map(session.length))
    #expect(try other.saved([0, 1, 2, 3]) == bytes)
    for tokens in [[5, 6, 7, 8], [9, 9, 3, 4]] as [[Int32]] {
      #expect(try other.step(tokens) == session.step(tokens))
    }
    // Behind those that live, and in another order.
    let again = try session.saved([3, 1])
    try other.restore(again)
    #expect(other.count == 6)
    let logits = try other.step([1, 2, 3, 4, 4, 2])
    #expect(logits[4] == logits[3] && logits[5] == logits[1])
  }

  @Test(arguments: ["marian", "gemma3"]) func everyCutAndEveryDamageIsAnError(name: String) throws {
    let reference = try ConformanceCase(name)
    let session = try begin(reference, try model(reference.path), nil)
    let bytes = try session.saved([0, 1])
    let other = try Session(session.model)
    var random = SplitMix(seed: 1)
    func refused(_ bytes: [UInt8]) -> Bool {
      let failure = refusal { () throws(Failure) in try other.restore(bytes) }
      return failure?.code == .invalidFile && failure?.message.hasPrefix("the saved session ") == true
        && other.count == 0
    }
    for length in [0, 1, 7, 8, 9, 23, 24, 64, 100] + (0..<30).map({ _ in random.below(bytes.count) }) {
      #expect(refused(Array(bytes[..<length])), "\(length) bytes")
    }
    #expect(refused(bytes + [0]) && refused(bytes + Array(repeating: 0, count: 8)))
    for place in Array(0..<32) + (0..<60).map({ _ in random.below(bytes.count) }) {
      var damaged = bytes
      damaged[place] ^= 1 << UInt8(random.below(8))
      #expect(refused(damaged), "byte \(place)")
    }
    try other.restore(bytes)
    #expect(other.count == 2)
  }

  /// Words that were changed by somebody who knows the checksum: nothing may trap, and what is refused leaves nothing.
  @Test(arguments: ["marian", "gemma3"]) func wordsThatCannotBeAreErrors(name: String) throws {
    let reference = try ConformanceCase(name)
    let session = try begin(reference, try model(reference.path), nil)
    let bytes = try session.saved([0, 1, 2])
    let other = try Session(session.model)
    var random = SplitMix(seed: 2)
    let values: [UInt64] = [0, 1, 2, 3, 31, 32, 33, 1000, 1 << 31, 1 << 32, 1 << 62, .max]
    var refusals = 0
    for word in 3..<50 {
      for value in values {
        var changed = bytes
        changed.withUnsafeMutableBytes {
          $0.storeBytes(of: random.below(4) == 0 ? random.next() : value, toByteOffset: 8 * word, as: UInt64.self)
          var sum = Checksum()
          for place in stride(from: 0, to: $0.count - 8, by: 8) {
            sum.add($0.load(fromByteOffset: place, as: UInt64.self))
          }
          $0.storeBytes(of: sum.value, toByteOffset: $0.count - 8, as: UInt64.self)
        }
        if refusal({ () throws(Failure) in try other.restore(changed) }) != nil {
          refusals += 1
          #expect(other.count == 0)
        } else {
          try other.select([])
        }
      }
    }
    #expect(refusals > 100)
    try other.restore(bytes)
    #expect(other.count == 3)
  }

  @Test func anotherModelIsNamed() throws {
    let gpt = try ConformanceCase("gpt2")
    let session = try begin(gpt, try model(gpt.path), nil)
    let bytes = try session.saved([0])
    func message(_ model: Model, _ type: KeyValueType? = nil) throws -> String? {
      let other = try Session(model, keyValueType: type)
      let failure = refusal { () throws(Failure) in try other.restore(bytes) }
      #expect(failure?.code == .invalidArgument)
      return failure?.message
    }
    #expect(
      try message(try model(try ConformanceCase("llama").path))
        == "the saved session was saved of a model whose family is gpt2, and this one's is llama")
    #expect(
      try message(try model(gpt.path, compute: .int8))
        == "the saved session was saved of a model whose type of computing is float32, and this one's is int8")
    #expect(
      try message(try model(gpt.path), .int8)
        == "the saved session was saved by a session whose type of keys and values is float32, and this one's is int8")
    let copy = try CheckpointCopy("gpt2"), folder = try TemporaryFolder()
    var tensor = copy.tensors[0]
    tensor.bytes[1] ^= 1
    copy.tensors[0] = tensor
    try folder.write("config.json", [UInt8](try JSONSerialization.data(withJSONObject: copy.config)))
    try folder.write("model.safetensors", try safetensors(copy.tensors))
    #expect(
      try message(try model(folder.path))
        == "the saved session was saved of another gpt2 model: weights or configuration differ")
  }

  @Test func filesAreWholeOrNotThere() throws {
    let reference = try ConformanceCase("marian")
    let session = try begin(reference, try model(reference.path), nil), folder = try TemporaryFolder()
    let path = folder.path(of: "kept")
    try session.save([0, 1, 2, 3], to: path)
    try session.save([2, 0], to: path)  // in the place of the other
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["kept"])
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(try session.saved([2, 0])))
    let other = try Session(session.model)
    try other.restore(from: path)
    #expect(try other.step([4, 5]) == [try session.step([5, 5, 4, 5])].map { [$0[2], $0[0]] }[0])
    let missing = folder.path(of: "nowhere/kept")
    #expect(refusal { () throws(Failure) in try session.save([0], to: missing) }?.code == .notFound)
    #expect(refusal { () throws(Failure) in try session.save([0], to: folder.path) }?.code == .inputOutput)
    #expect(refusal { () throws(Failure) in try session.save([4], to: path) }?.code == .invalidArgument)
    #expect(refusal { () throws(Failure) in try other.restore(from: missing) }?.code == .notFound)
    try folder.write("damaged", Array(try Data(contentsOf: URL(fileURLWithPath: path)).dropLast(8)))
    let failure = refusal { () throws(Failure) in try other.restore(from: folder.path(of: "damaged")) }
    #expect(failure?.code == .invalidFile && failure?.message.hasPrefix(folder.path(of: "damaged")) == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["damaged", "kept"])
  }

  @Test func nothingIsSavedOfAnEncoder() throws {
    let session = try Session(try model(try ConformanceCase("bert").path))
    #expect(refusal { () throws(Failure) in _ = try session.saved([0]) }?.code == .invalidState)
    try session.encode([[1, 2]])
    #expect(refusal { () throws(Failure) in _ = try session.saved([0]) }?.code == .unsupported)
  }

  /// The source is read once and decoded several times: at once, and after a cut to nothing.
  @Test func anEncodersOutputServesSeveralDecodings() throws {
    let reference = try ConformanceCase("marian"), session = try Session(try model(reference.path))
    try session.encode([reference.sources[0]])
    let first = try session.decode([reference.targets[0]])
    try session.truncate(0, to: 0)
    #expect(session.length(0) == 0)
    #expect(try session.decode([reference.targets[0]]) == first)
    try session.truncate(0, to: 0)
    try session.select([0, 0])
    let both = try session.decode([reference.targets[1], reference.targets[0]])
    #expect(Array(both.suffix(first.count)) == first)
  }
}
