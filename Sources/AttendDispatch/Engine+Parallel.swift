// Work of other rooms on the threads of a call.
import AttendBase

/// Work that comes in shares of about the same size.
package protocol SharedWork: AnyObject {
  /// Does share `part`; runs on any thread, beside other shares.
  func run(_ part: Int)
}

private struct SharedJob {
  unowned(unsafe) let work: any SharedWork
}

extension Engine {
  /// Runs shares `[0, parts)` of `work` on the threads of the engine, and returns when all are done.
  package func share(_ work: any SharedWork, parts: Int) {
    var job = SharedJob(work: work)
    run(&job, parts: parts) { context, part in context.assumingMemoryBound(to: SharedJob.self).pointee.work.run(part) }
  }
}
