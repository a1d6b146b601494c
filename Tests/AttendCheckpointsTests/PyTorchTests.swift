import AttendBase
import AttendCheckpoints
import AttendTestSupport
import Foundation
import Testing

/// Files of torch.save's, read as checkpoints.
@Suite("PyTorch files") struct PyTorchTests {
  let folder: TemporaryFolder
  private static let fixtures = Repository.root.appendingPathComponent("Tests/Fixtures/pytorch").path
  static let formats = ["features.bin", "features-legacy.bin"]

  init() throws { folder = try TemporaryFolder() }

  static func fixture(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(fixtures)/\(name)")))
  }

  private func opened(_ bytes: [UInt8], copies: Bool = false) throws -> Checkpoint {
    try folder.write("pytorch_model.bin", bytes)
    return try Checkpoint(HuggingFaceFolder(folder.path), copies: copies)
  }

  private func refused(
    _ bytes: [UInt8], _ code: Failure.Code, _ part: String, _ location: SourceLocation = #_sourceLocation
  ) throws {
    let failure = try #require(throws: Failure.self, sourceLocation: location) { try opened(bytes) }
    #expect(failure.code == code && failure.message.contains("pytorch_model.bin"), sourceLocation: location)
    #expect(failure.message.contains(part), "\(failure.message)", sourceLocation: location)
  }

  /// Views, shared storages, parameters and all types: the same numbers as in the safetensors file beside them.
  private func expectFeatures(_ checkpoint: Checkpoint) throws {
    let twin = try SafetensorsFile("\(PyTorchTests.fixtures)/features.safetensors")
    #expect(checkpoint.tensors.map(\.name) == twin.tensors.map(\.name))
    for (tensor, expected) in zip(checkpoint.tensors, twin.tensors) {
      #expect(tensor.type == expected.type && tensor.shape == expected.shape, "\(tensor.name)")
      #expect(tensor.bytes.elementsEqual(expected.bytes), "\(tensor.name)")
    }
    let failure = try #require(throws: Failure.self) { try checkpoint.tensor("complex64", shape: TensorShape(1)) }
    #expect(failure.code == .unsupported && failure.message.contains("complex64"))
  }

  @Test("every kind of tensor is read, in both formats, mapped and copied", arguments: formats, [false, true])
  func features(name: String, copies: Bool) throws {
    try expectFeatures(try opened(try PyTorchTests.fixture(name), copies: copies))
  }

  @Test("archives with the fields of large ones are read") func largeArchives() throws {
    try expectFeatures(try opened(withLargeFields(try PyTorchTests.fixture("features.bin"))))
  }

  @Test("what makes an archive unreadable is named") func archives() throws {
    let good = try PyTorchTests.fixture("features.bin")
    try refused(good.replacing(Array("little".utf8), with: Array("bigger".utf8)), .unsupported, "byte order \"bigger\"")
    let directory = try #require(good.firstRange(of: [0x50, 0x4B, 1, 2])).lowerBound
    for (field, value, part) in [(10, 8, "compressed (method 8)"), (8, 1, "encrypted")] {
      var bytes = good
      bytes[directory + field] = UInt8(value)
      bytes[directory + field + 1] = 0
      try refused(bytes, .unsupported, "data.pkl of the archive is \(part)")
    }
    try refused(Array(good.dropLast(100)), .invalidFile, "no directory")
    try refused(good.replacing(Array("/data.pkl".utf8), with: Array("/data.txt".utf8)), .invalidFile, "data.pkl")
    try refused(good.replacing(Array("/data/0".utf8), with: Array("/data/9".utf8)), .invalidFile, "storage 0")
  }

  @Test("entries of an archive that share bytes are refused") func overlappingEntries() throws {
    let good = TorchWriter.archive([WrittenTensor("a", [4], [1, 2, 3, 4]), WrittenTensor("b", [4], [5, 6, 7, 8])])
    #expect(try opened(good)["b"]?.floats == [5, 6, 7, 8])
    var entries = good.indices.filter { good[$0...].starts(with: [0x50, 0x4B, 1, 2]) }
    entries = entries.filter { good[($0 + 46)...].starts(with: Array("archive/data/".utf8)) }
    var same = good
    same.replaceSubrange(entries[1] + 42..<entries[1] + 46, with: good[entries[0] + 42..<entries[0] + 46])
    try refused(same, .invalidFile, "overlaps")
    var larger = good
    for place in [20, 24] { larger[entries[0] + place] = 64 }
    try refused(larger, .invalidFile, "archive/data/0 of 64 bytes")
  }

  @Test("cycles, deep nesting and full memos end") func hostilePickles() throws {
    let deep = [UInt8](repeating: UInt8(ascii: "]"), count: 1 << 20)
    let nested = deep + [UInt8](repeating: UInt8(ascii: "a"), count: deep.count - 1)
    try refused(stream(nested + [0x2E]), .invalidFile, "no dictionary of tensors")
    let marks = [UInt8](repeating: UInt8(ascii: "("), count: 1 << 20)
    try refused(stream(marks + [0x2E]), .invalidFile, "takes a value that is not there")
    // A list that holds itself twice, doubled again and again: a million times in a few bytes, read once.
    let doubled = (0..<100).flatMap { _ in Array("(h\0h\0e".utf8) }
    try refused(stream(Array("]q\0".utf8) + doubled + [0x2E]), .invalidFile, "no dictionary of tensors")
    let memo = (0..<200).flatMap { [UInt8(ascii: "N"), UInt8(ascii: "q"), UInt8($0)] }
    try refused(stream(memo + [0x2E]), .invalidFile, "no dictionary of tensors")
    let itself = Array("}q\0X\u{A}\0\0\0state_dicth\0s.".utf8)
    try refused(stream(itself), .invalidFile, "no dictionary of tensors")
  }

  @Test("what is no file of torch.save's is refused", arguments: ["", "x", "\u{80}", "PK\u{3}\u{4}", "{}"])
  func foreign(_ text: String) throws {
    try refused(Array(text.utf8), .invalidFile, "pytorch_model.bin")
    try refused(Array("version https://git-lfs.github.com/spec/v1\n".utf8), .invalidFile, "git lfs pull")
  }

  @Test(
    "a pickle that names anything but the parts of a state dict is refused with the name",
    arguments: [
      ("cposix\nsystem\n(X\u{2}\0\0\0lstR.", "posix.system"), ("cbuiltins\neval\n.", "builtins.eval"),
      ("cargparse\nNamespace\n)R.", "argparse.Namespace"), ("ctorch\nload\n.", "torch.load"),
      ("ctorch.storage\n_load_from_bytes\n.", "torch.storage._load_from_bytes"), ("I1\n.", "opcode 0x49"),
      ("(iposix\nsystem\n.", "opcode 0x69"),
    ]) func names(_ pickle: String, _ part: String) throws
  {
    try refused(stream(Array(pickle.utf8)), .unsupported, part)
  }

  @Test(
    "a pickle that is none is refused",
    arguments: [
      ".", "0.", "1.", "t.", "a.", "(a.", "Ns.", "NNs.", "]NN(e.", "}(Nu.", ")Na.", "(0.", "h\0.",
      "j\u{7F}\u{7F}\u{7F}\u{7F}.",
      "Nr\u{7F}\u{7F}\u{7F}\u{7F}.", "X\u{7F}\u{7F}\u{7F}\u{7F}a.", "NR.", "NNR.", "Q.", "NQ.",
      "ccollections\nOrderedDict\n",
      "ccollections\nOrderedDict\nNR.", "ctorch\nSize\n)R.", "ctorch._utils\n_rebuild_tensor_v2\n)R.", "N.", "].", "}.",
      "]q\0h\0a.", "K\u{1}K\u{2}b.", "2.",
    ]) func brokenPickles(_ pickle: String) throws
  {
    try refused(stream(Array(pickle.utf8)), .invalidFile, "pytorch_model.bin")
  }

  /// A tensor of float32 in a storage of 6, described as given.
  private func tensor(_ shape: [Int], _ strides: [Int], offset: Int = 0) -> [UInt8] {
    func number(_ value: Int) -> [UInt8] { [0x8A, 8] + withUnsafeBytes(of: value.littleEndian, Array.init) }
    func tuple(_ values: [Int]) -> [UInt8] { [UInt8(ascii: "(")] + values.flatMap(number) + [UInt8(ascii: "t")] }
    let storage = "((X\u{7}\0\0\0storagectorch\nFloatStorage\nX\u{1}\0\0\00X\u{3}\0\0\0cpu"
    let pickle: [[UInt8]] = [
      Array("}X\u{1}\0\0\0actorch._utils\n_rebuild_tensor_v2\n".utf8), Array(storage.utf8), number(6),
      Array("tQ".utf8), number(offset), tuple(shape), tuple(strides), Array("\u{89}".utf8.suffix(1)),
      Array("}tRs.".utf8),
    ]
    let numbers = (0..<6).map { Float($0) }.withUnsafeBytes(Array.init)
    return stream(
      pickle.flatMap { $0 },
      storages: Array("](X\u{1}\0\0\00e.".utf8) + withUnsafeBytes(of: Int64(6).littleEndian, Array.init) + numbers)
  }

  @Test("views are read through their strides, and stay in their storage") func views() throws {
    #expect(try opened(tensor([2, 3], [3, 1]))["a"]?.floats == [0, 1, 2, 3, 4, 5])
    #expect(try opened(tensor([3, 2], [1, 3]))["a"]?.floats == [0, 3, 1, 4, 2, 5])
    #expect(try opened(tensor([2], [2], offset: 1))["a"]?.floats == [1, 3])
    #expect(try opened(tensor([1, 2], [.max, 1], offset: 4))["a"]?.floats == [4, 5])
    #expect(try opened(tensor([2, 1], [2, .max], offset: 1))["a"]?.floats == [1, 3])
    #expect(try opened(tensor([0, 1 << 40], [1, 1], offset: 1 << 50))["a"]?.shape == [0, 1 << 40])
    #expect(try opened(tensor([], [], offset: 5))["a"]?.floats == [5])
    for (shape, strides, offset) in [
      ([7], [1], 0), ([2, 3], [4, 1], 0), ([1], [1], 6), ([2], [.max], 0), ([2, 2], [.max, .max], 0), ([1], [1], .max),
      ([2], [1], -1), ([-1], [1], 0), ([2], [-1], 1), ([2], [1, 1], 0), ([1 << 40, 1 << 40], [0, 0], 0),
    ] as [([Int], [Int], Int)] {
      try refused(tensor(shape, strides, offset: offset), .invalidFile, "tensor a")
    }
    try refused(tensor([1 << 40], [0]), .unsupported, "repeats what the file")
  }

  @Test("no change of bytes makes the reader fall, whatever it says", arguments: formats) func spoiled(
    _ name: String
  ) throws {
    let good = try PyTorchTests.fixture(name)
    var random = SplitMix(seed: 8)
    for round in 0..<3000 {
      var bytes = good
      if round.isMultiple(of: 5) { bytes.removeLast(random.below(bytes.count)) }
      for _ in 0..<1 + random.below(3) where !bytes.isEmpty {
        bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
      }
      guard let checkpoint = try? opened(bytes) else { continue }
      #expect(
        checkpoint.tensors.allSatisfy { $0.bytes.count == $0.shape.reduce($0.type.size, *) || $0.shape.contains(0) })
    }
  }
}

/// A file in the format before PyTorch 1.6 with this pickle in the place of the state dict's.
private func stream(_ pickle: [UInt8], storages: [UInt8] = Array("].".utf8)) -> [UInt8] {
  let magic: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
  let version: [UInt8] = [0x80, 2, 0x4D, 0xE9, 3, 0x2E]
  let machine = [0x80, 2] + Array("}X\u{D}\0\0\0little_endian".utf8) + [0x88] + Array("s.".utf8)
  return magic + version + machine + [0x80, 2] + pickle + [0x80, 2] + storages
}

/// An archive whose directory gives all sizes and places in the fields that large archives have.
private func withLargeFields(_ archive: [UInt8]) -> [UInt8] {
  func number(_ place: Int, _ count: Int) -> Int {
    archive[place..<place + count].reversed().reduce(0) { $0 << 8 | Int($1) }
  }
  func word(_ value: Int) -> [UInt8] { withUnsafeBytes(of: UInt64(value).littleEndian, Array.init) }
  let end = archive.count - 22
  let (count, first) = (number(end + 10, 2), number(end + 16, 4))
  var result = Array(archive[..<first])
  var place = first
  for _ in 0..<count {
    let (name, extra, comment) = (number(place + 28, 2), number(place + 30, 2), number(place + 32, 2))
    var entry = Array(archive[place..<place + 46 + name])
    for field in [20, 24, 42] { entry.replaceSubrange(field..<field + 4, with: [255, 255, 255, 255]) }
    entry[30] = 28
    (entry[31], entry[32], entry[33]) = (0, 0, 0)
    result +=
      entry + [1, 0, 24, 0] + word(number(place + 24, 4)) + word(number(place + 20, 4)) + word(number(place + 42, 4))
    place += 46 + name + extra + comment
  }
  let record = result.count
  result += [0x50, 0x4B, 6, 6] + word(44) + [45, 0, 45, 0] + [0, 0, 0, 0, 0, 0, 0, 0]
  result += word(count) + word(count) + word(record - first) + word(first)
  result += [0x50, 0x4B, 6, 7, 0, 0, 0, 0] + word(record) + [1, 0, 0, 0]
  return result + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + Array(repeating: 255, count: 12) + [0, 0]
}
