import AttendBase
import AttendGeneration
import AttendKernelInterface
import AttendLayers
import AttendModels
import Testing

/// Keys and values in fewer bits than the model computes in.
@Suite struct KeyValueTypeTests {
  private static let models = ["marian", "t5", "gpt2", "llama", "gemma3", "gpt_oss", "bloom", "falcon"]
  private static let exact = kernelSets.filter { $0 != "portable" }

  /// The logits of all tokens of three texts.
  private func logits(_ reference: ConformanceCase, _ session: Session, pieces: Int = .max) throws -> [[Float]] {
    if session.count > 0 { try session.select([]) }
    let isDecoder = session.model.blueprint.kind == .decoder
    if isDecoder { try session.add(empty: 3) } else { try session.encode(reference.sources) }
    let texts = [text(60), text(60, seed: 1), text(41)]
    var rows: [[[Float]]] = [[], [], []]
    var place = 0
    while place < 60 {
      let end = 60 - place > pieces ? place + pieces : 60
      let parts = texts.map { Array($0[min(place, $0.count)..<min(end, $0.count)]) }
      var next = try session.decode(parts, tails: parts.map(\.count)).makeIterator()
      for index in 0..<3 { for _ in parts[index] { rows[index].append(next.next()!) } }
      place = end
    }
    return rows.flatMap { $0 }
  }

  @Test(arguments: models, KeyValueType.allCases) func theSameBitsOnEveryKernelSetAndInPieces(
    name: String, type: KeyValueType
  ) throws {
    let reference = try ConformanceCase(name)
    var expected: [[Float]]?
    for kernels in KeyValueTypeTests.exact {
      for threads in 1...3 {
        let loaded = try model(reference.path, kernels: kernels, threads: threads)
        let session = try Session(loaded, keyValueType: type)
        for pieces in threads == 2 ? [.max, 1, 7] : [.max] {
          let found = try logits(reference, session, pieces: pieces)
          #expect(found == expected ?? found, "\(kernels), \(threads) threads, pieces of \(pieces)")
          expected = found
        }
      }
    }
  }

  @Test(arguments: models, kernelSets) func whatRoundingCosts(name: String, kernels: String) throws {
    let reference = try ConformanceCase(name), loaded = try model(reference.path, kernels: kernels)
    let plain = try logits(reference, try Session(loaded, keyValueType: .float32)).flatMap { $0 }
    #expect(try logits(reference, try Session(loaded)).flatMap { $0 } == plain)
    let mean = plain.reduce(0, +) / Float(plain.count)
    let spread = plain.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let errors = try [KeyValueType.bfloat16, .int8, .int4].map { type in
      let found = try logits(reference, try Session(loaded, keyValueType: type)).flatMap { $0 }
      return zip(found, plain).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } / spread
    }
    // The largest of a head's numbers has 127 steps in 8 bits and 7.5 in 4 bits; squares of errors go with the steps'.
    #expect(errors[0] > 0 && errors[0] < 1e-3, "\(errors)")
    #expect(errors[1] > errors[0] && errors[1] < 2e-3, "\(errors)")
    #expect(errors[2] > errors[1] && errors[2] < (127 / 7.5) * (127 / 7.5) * errors[1], "\(errors)")
  }

  @Test(arguments: ["marian", "gpt2", "gemma3"], KeyValueType.allCases) func selectedSequencesGoOnAsIfAlone(
    name: String, type: KeyValueType
  ) throws {
    let reference = try ConformanceCase(name), session = try Session(try model(reference.path), keyValueType: type)
    func begin(_ rows: [Int]) throws {
      if session.count > 0 { try session.select([]) }
      if name == "marian" {
        try session.encode(rows.map { reference.sources[$0] })
      } else {
        try session.add(empty: rows.count)
      }
      _ = try session.decode(rows.map { text(37 + $0, seed: $0) }, tails: rows.map { _ in 0 })
    }
    try begin([0, 1, 2])
    try session.select([2, 0, 2, 2])
    let first = try session.step([5, 6, 7, 5]), second = try session.step([1, 2, 3, 4])
    try begin([2])
    #expect(try session.step([5])[0] == first[0] && first[0] == first[3])
    #expect(try session.step([4])[0] == second[3])
    try session.truncate(0, to: 39)
    #expect(try session.step([7])[0] == first[2])
    #expect(try session.step([3])[0] == second[2])
  }

  /// Of heads of 64: 8 and 4 bits a number, and a scale of 32 bits for each 64 of them.
  @Test func memoryIsWhatTheBitsAndTheScalesTake() throws {
    let bytes = try KeyValueType.allCases.map { type in try KeyValueLayout(2, type: type) { _ in (8, 64, 0) }.pageBytes
    }
    let numbers = 2 * 2 * 8 * 64 * 32
    #expect(bytes == [4 * numbers, 2 * numbers, numbers + numbers / 16, numbers / 2 + numbers / 16])
  }

  @Test func anEncoderKeepsNone() throws {
    let loaded = try model(try ConformanceCase("bert").path)
    let failure = refusal { () throws(Failure) in _ = try Session(loaded, keyValueType: .int8) }
    #expect(failure?.code == .unsupported)
  }
}
