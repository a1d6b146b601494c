import AttendBase
import AttendDispatch
import Synchronization

/// The examination of all rows of logits of a step, on the threads of the engine.
final class RowWork: SharedWork {
  private let engine: Engine
  private let vocabulary: Int
  private var scratches: [RowScratch]
  private let failures = Mutex<Int>(0)

  // The step under way.
  private var jobs: [DecodingJob] = []
  private var units = GrowingList<Unit>(for: "the rows of a step")
  private var parts = 1

  /// One row of a search: its logits, those behind the other prompt where there is one, and its states.
  private struct Unit: BitwiseCopyable {
    let job: Int
    let row: Int
    let logits: RowLogits
    let other: Matrix?
    let states: Matrix
  }

  init(_ engine: Engine, vocabulary: Int) throws(Failure) {
    (self.engine, self.vocabulary) = (engine, vocabulary)
    scratches = []
    for _ in 0..<engine.threads { scratches.append(try RowScratch(vocabulary: vocabulary)) }
  }

  /// Lets every search look at its rows; what fails, fails its request.
  func examine(
    _ jobs: [DecodingJob], _ plan: borrowing StepPlan, _ logits: RowLogits, _ states: Matrix
  ) throws(Failure) {
    self.jobs = jobs
    defer { self.jobs = [] }
    units.removeAll()
    for (index, job) in jobs.enumerated() where job.hasLogits {
      let count = job.search.rowCount
      for row in 0..<count {
        let place = job.firstRow + row
        let other = job.context.isGuided ? plan.logits(place + count, of: logits).values : nil
        var own = plan.logits(place, of: logits)
        // Guidance will change all of them.
        if other != nil { own = RowLogits(own.values, blocks: nil) }
        try units.append(
          Unit(job: index, row: row, logits: own, other: other, states: plan.states(place, of: states)))
      }
    }
    parts = min(engine.threads, units.count)
    engine.share(self, parts: parts)
  }

  func run(_ part: Int) {
    for index in stride(from: part, to: units.count, by: parts) {
      let unit = units[index]
      let job = jobs[unit.job]
      do throws(Failure) {
        if let other = unit.other { job.context.guide(unit.logits.values, awayFrom: other) }
        try job.search.examine(row: unit.row, logits: unit.logits, states: unit.states, scratches[part])
      } catch {
        failures.withLock { _ in if job.failure == nil { job.failure = error } }
      }
    }
  }
}
