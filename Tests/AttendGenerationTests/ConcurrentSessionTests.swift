import AttendBase
import AttendGeneration
import AttendModels
import Foundation
import Testing

/// Sessions that compute at the same time, each on threads of its own.
@Suite struct ConcurrentSessionTests {
  /// Two sessions of two threads each, pinned or not, give what each gives alone, and both come to an end.
  @Test(.timeLimit(.minutes(2)), arguments: ["llama", "bert", "marian"], [false, true])
  func twoSessionsDoNotDisturbEachOther(name: String, isPinned: Bool) async throws {
    let reference = try ConformanceCase(name)
    let model = try model(reference.path, threads: 2)
    let expected = try reference.outputs(of: try Session(model: model, threads: 1)).found
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<2 {
        group.addTask {
          var options = Session.Options()
          options.threads = 2
          options.pinsThreads = isPinned
          let (session, own) = (try Session(model: model, options: options), try ConformanceCase(name))
          var different = 0
          for _ in 0..<20 where try own.outputs(of: session).found != expected { different += 1 }
          return different
        }
      }
      for try await different in group { #expect(different == 0) }
    }
  }
}
