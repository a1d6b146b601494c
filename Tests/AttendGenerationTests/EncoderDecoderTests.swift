import AttendBase
import AttendDispatch
import AttendGeneration
import AttendModels
import Foundation
import Testing

/// The kernel sets that this machine runs.
let kernelSets: [String] = ["avx512", "avx2", "portable"].filter { (try? Engine(kernels: $0, threads: 1)) != nil }

private let families = ["marian", "bart", "mbart", "pegasus", "m2m_100", "fsmt"]

/// Outputs of transformers 5.23 in float32.
@Suite struct EncoderDecoderTests {
  @Test(arguments: families, kernelSets)
  func encoderStatesAndLogitsAreThoseOfTheReference(family: String, kernels: String) throws {
    let reference = try ConformanceCase(family)
    let session = try Session(model: try model(reference.path, kernels: kernels), threads: 0)
    try session.encode(reference.sources)
    #expect(distance(numbers(session.hiddenStates!), reference.unpadded("encoder_last_hidden_state")) < 1e-4)
    #expect(distance(try session.decode(reference.targets), reference.floats("logits").values) < 1e-4)
  }

  @Test(arguments: families, kernelSets)
  func greedyIdsAreThoseOfTheReference(family: String, kernels: String) throws {
    let reference = try ConformanceCase(family)
    let session = try Session(model: try model(reference.path, kernels: kernels), threads: 0)
    try session.encode(reference.sources)
    let expected = (0..<reference.sources.count).map { reference.ids("greedy_ids.\($0)").values }
    #expect(try session.greedy(longest: 12) == expected)
  }

  @Test func theDefaultModelSpellsItsCases() throws {
    struct Case: Decodable {
      let word: String, input_ids: [Int32], greedy_ids: [Int32]
    }
    let folder = root.appendingPathComponent("models/g2p-en")
    let cases = try JSONDecoder().decode([Case].self, from: try Data(contentsOf: folder.appendingPathComponent("cases.json")))
    let session = try Session(model: try model(folder.path), threads: 0)
    try session.encode(cases.map { $0.input_ids })
    #expect(try session.greedy(longest: 40) == cases.map { $0.greedy_ids })
  }
}

/// What the header promises under "Bits".
@Suite struct SameBitsTests {
  private static let families = ["marian", "mbart", "m2m_100"]
  private static let exact = kernelSets.filter { $0 != "portable" }

  /// Hidden states of the source and logits of the target, of one sequence in a batch of its own.
  private func alone(_ reference: ConformanceCase, _ index: Int, _ model: Model) throws -> [Float] {
    let session = try Session(model: model, threads: 1)
    try session.encode([reference.sources[index]])
    return numbers(session.hiddenStates!) + (try session.decode([reference.targets[index]]))
  }

  @Test(arguments: families) func aloneOrAmongSevenOthersOnAnyKernelsAndThreads(family: String) throws {
    let reference = try ConformanceCase(family)
    let expected = try alone(reference, 1, try model(reference.path, kernels: SameBitsTests.exact[0]))
    for kernels in SameBitsTests.exact {
      for threads in 1...3 {
        let session = try Session(model: try model(reference.path, kernels: kernels, threads: threads), threads: 0)
        for place in 0..<8 {
          let order = (0..<8).map { $0 == place ? 1 : [0, 2][$0 % 2] }
          try session.encode(order.map { reference.sources[$0] })
          let before = order[..<place].map { reference.sources[$0].count }.reduce(0, +)
          let states = session.hiddenStates!.rows(before, reference.sources[1].count)
          let own = numbers(states)
          let logits = try session.decode(order.map { reference.targets[$0] })
          let width = logits.count / 8
          #expect(own + logits[place * width..<(place + 1) * width] == expected)
        }
      }
    }
  }

  @Test(arguments: families) func aTargetAtOnceOrInPieces(family: String) throws {
    let reference = try ConformanceCase(family)
    let loaded = try model(reference.path)
    let target = Array((0..<60).map { reference.targets[$0 % 3][$0 % reference.targets[0].count] })
    let session = try Session(model: loaded, threads: 0)
    try session.encode([reference.sources[0]])
    let expected = try session.decode([target])
    for piece in [1, 5, 32, 59] {
      try session.encode([reference.sources[0]])
      var logits: [Float] = []
      for start in stride(from: 0, to: target.count, by: piece) {
        logits += try session.decode([Array(target[start..<min(start + piece, target.count)])])
      }
      #expect(logits == expected)
    }
  }

  @Test(arguments: families) func selectedSequencesGoOnAsIfAlone(family: String) throws {
    let reference = try ConformanceCase(family)
    let loaded = try model(reference.path)
    let session = try Session(model: loaded, threads: 0)
    try session.encode(reference.sources)
    _ = try session.decode(reference.targets)
    try session.select([2, 0, 2, 2])
    let both = try session.step([5, 6, 7, 5])
    try session.encode([reference.sources[2]])
    _ = try session.decode([reference.targets[2]])
    #expect(try session.step([5])[0] == both[0] && both[0] == both[3])
    try session.encode([reference.sources[0]])
    _ = try session.decode([reference.targets[0]])
    #expect(try session.step([6])[0] == both[1])
  }
}
