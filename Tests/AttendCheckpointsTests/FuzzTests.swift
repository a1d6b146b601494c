import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation
import Testing

/// Files of every format with changes that nobody makes on purpose. `ATTEND_FUZZ` in the environment says how many of
/// each; they lie in memory, so that a million take a minute.
@Suite("Spoiled files") struct FuzzTests {
  /// A file of a format under the name that it is looked for.
  struct Target: CustomStringConvertible, Sendable {
    let name: String
    let fixture: String
    var description: String { fixture }
  }

  static let targets = [
    Target(name: "model.safetensors", fixture: "pytorch/features.safetensors"),
    Target(name: "pytorch_model.bin", fixture: "pytorch/features.bin"),
    Target(name: "pytorch_model.bin", fixture: "pytorch/features-legacy.bin"),
    Target(name: "flax_model.msgpack", fixture: "flax/bert-masked-lm/flax_model.msgpack"),
    Target(name: "model.bin", fixture: "ctranslate2/gpt2-int8/model.bin"),
    Target(name: "model.bin", fixture: "ctranslate2/gpt2-int16/model.bin"),
  ]

  private static let rounds = ProcessInfo.processInfo.environment["ATTEND_FUZZ"].flatMap { Int($0) } ?? 500

  @Test("whatever a file says, it is read or refused", arguments: targets) func spoiled(_ target: Target) throws {
    let path = Repository.root.appendingPathComponent("Tests/Fixtures/\(target.fixture)")
    let good = [UInt8](try Data(contentsOf: path))
    var random = SplitMix(seed: UInt64(target.fixture.utf8.count))
    for _ in 0..<FuzzTests.rounds {
      let bytes = spoil(good, &random)
      do throws(Failure) { try read(bytes, target.name) } catch {
        #expect([.invalidFile, .unsupported, .notFound].contains(error.code), "\(error.message)")
        #expect(error.message.contains(target.name) || error.message.contains("config.json"), "\(error.message)")
      }
    }
  }

  /// Cuts, changed bits and bytes, numbers at their ends, runs that stand twice: most where files describe themselves.
  private func spoil(_ good: [UInt8], _ random: inout SplitMix) -> [UInt8] {
    var bytes = good
    for _ in 0..<1 + random.below(3) where bytes.count > 16 {
      let isEarly = random.below(3) > 0
      let place = isEarly ? random.below(min(bytes.count, 2048)) : random.below(bytes.count)
      let end = bytes.count - 1 - random.below(min(bytes.count, 512))
      switch random.below(7) {
      case 0: bytes.removeLast(random.below(bytes.count))
      case 1: bytes[place] ^= 1 << UInt8(random.below(8))
      case 2: bytes[end] = UInt8(truncatingIfNeeded: random.next())
      case 3: for index in place..<min(place + 8, bytes.count) { bytes[index] = 0xFF }
      case 4: for index in place..<min(place + 4, bytes.count) { bytes[index] = index == place + 3 ? 0x7F : 0xFF }
      case 5: bytes.insert(contentsOf: bytes[place..<min(place + 1 + random.below(64), bytes.count)], at: end)
      default: bytes.removeSubrange(place..<min(place + 1 + random.below(16), bytes.count))
      }
    }
    return bytes
  }

  /// Reads a file, and of its tensors what they say of themselves.
  private func read(_ bytes: [UInt8], _ name: String) throws(Failure) {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { memory.deallocate() }
    memory.copyBytes(from: bytes)
    let files = try MemoryFiles(1, copies: false) { _ in (name, UnsafeRawBufferPointer(memory)) }
    let folder = try HuggingFaceFolder(files)
    for tensor in try Checkpoint(folder).tensors {
      #expect(tensor.bytes.count == tensor.shape.reduce(tensor.type.size, *) || tensor.shape.contains(0))
      for byte in tensor.bytes.prefix(1) { #expect(byte <= 255) }
      for byte in tensor.bytes.suffix(1) { #expect(byte <= 255) }
    }
    if folder.isTranslated { _ = try folder.configuration("config.json") }
  }
}
