import AttendBase
import AttendDispatch
import AttendGeneration
import AttendModels
import Foundation
import Testing

/// Weights that do not all stay in memory.
@Suite struct MappedWeightTests {
  private func mapped(
    _ path: String, _ compute: ComputeType, budget: Int, kind: WeightPlacement.Kind = .mapped,
    directory: String? = "/var/tmp"
  ) throws(Failure) -> Model {
    var options = Model.Options()
    options.compute = compute
    options.threads = 2
    options.placement.kind = kind
    options.placement.budget = budget
    options.placement.directory = directory
    return try Model(path: path, options: options)
  }

  /// The same bits whatever part of the weights is in memory, in passes one after another, and no more memory than was
  /// allowed, as the system counts it.
  @Test(arguments: ["llama", "mixtral", "qwen2_moe", "gpt2", "marian", "bert", "t5"], ComputeType.allCases)
  func resultsAreThoseOfWeightsInMemory(name: String, compute: ComputeType) throws {
    let reference = try ConformanceCase(name)
    let resident = try Session(model: try model(reference.path, compute: compute), threads: 2)
    let expected = try reference.outputs(of: resident).found
    #expect(resident.model.mappedWeights == nil)
    // Matrices below a page stay in memory: of these small models in few bits all may do so.
    let hasPages = compute == .float32 || compute == .bfloat16
    // A page, a third of all, all.
    for budget in [1 << 12, resident.model.weightBytes / 3, 1 << 30] {
      let model = try mapped(reference.path, compute, budget: budget)
      let session = try Session(model: model, threads: 2)
      for _ in 0..<3 { #expect(try reference.outputs(of: session).found == expected) }
      let report = try #require(model.mappedWeights)
      #expect(report.bytes > 0 || !hasPages)
      #expect(report.bytes <= model.weightBytes + (1 << 20))
      #expect(report.waitSeconds <= report.productSeconds)
      #expect(report.residentBytes <= max(budget, report.bytes))
      if budget == 1 << 30 { #expect(report.readBytes == 0) }
      if budget == 1 << 12 && hasPages { #expect(report.readBytes > 0) }
    }
  }

  /// What is dropped is read again, by the system's own account of what is missing.
  @Test(arguments: ComputeType.allCases) func droppedWeightsAreReadAgain(compute: ComputeType) throws {
    let path = root.appendingPathComponent("models/g2p-en").path
    let resident = try Session(model: try model(path, compute: compute), threads: 2)
    let budget = resident.model.weightBytes / 4
    let model = try mapped(path, compute, budget: budget)
    let session = try Session(model: model, threads: 2)
    var spelled: [[[Int32]]] = []
    for session in [resident, session, session] {
      try session.encode([[5, 6, 7, 8, 9], [20, 11]])
      spelled.append(try session.greedy(longest: 20))
    }
    #expect(spelled[1] == spelled[0] && spelled[2] == spelled[0])
    let report = try #require(model.mappedWeights)
    #expect(report.bytes > 2 * budget && report.readBytes > 0)
  }

  @Test func automaticallyOnlyWhatDoesNotFit() throws {
    let path = try ConformanceCase("llama").path
    #expect(try mapped(path, .float32, budget: 1 << 30, kind: .automatic).mappedWeights == nil)
    #expect(try mapped(path, .float32, budget: 1 << 12, kind: .automatic).mappedWeights != nil)
    #expect(try mapped(path, .float32, budget: 1 << 12, kind: .resident).mappedWeights == nil)
    // Without a budget memory decides, of which there is enough for this.
    #expect(try mapped(path, .float32, budget: 0, kind: .automatic).mappedWeights == nil)
  }

  @Test func aDirectoryThatCannotHoldThemIsAnError() throws {
    let path = try ConformanceCase("llama").path
    func failure(_ directory: String) -> Failure? {
      do throws(Failure) { _ = try mapped(path, .float32, budget: 1 << 12, directory: directory) } catch {
        return error
      }
      return nil
    }
    let missing = try #require(failure("/there/is/no/such/folder"))
    #expect(missing.code == .inputOutput && missing.message.contains("/there/is/no/such/folder"))
    guard FileManager.default.fileExists(atPath: "/dev/shm") else { return }
    let memory = try #require(failure("/dev/shm"))
    #expect(memory.code == .unsupported && memory.message.contains("/dev/shm"))
  }

  /// Several sessions of one model, each with its own order of use.
  @Test(.timeLimit(.minutes(2))) func sessionsShareTheFile() async throws {
    let reference = try ConformanceCase("mixtral")
    let expected = try reference.outputs(of: try Session(model: try model(reference.path), threads: 1)).found
    let model = try mapped(reference.path, .float32, budget: 64 << 10)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<3 {
        group.addTask {
          let session = try Session(model: model, threads: 2)
          let own = try ConformanceCase("mixtral")
          for _ in 0..<5 { guard try own.outputs(of: session).found == expected else { return false } }
          return true
        }
      }
      for try await isEqual in group { #expect(isEqual) }
    }
  }
}
