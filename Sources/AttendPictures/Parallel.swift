import AttendBase

/// Loops that are divided among the threads of the library.
enum Parallel {
  private struct Job {
    let count: Int
    let parts: Int
    let body: (Range<Int>) -> Void
  }

  /// Calls `body` with ranges that together are `[0, count)`, each of at least `least` turns, on up to `threads`
  /// threads; 0: one for each processor.
  static func run(_ count: Int, atLeast least: Int, threads: Int, _ body: (Range<Int>) -> Void) {
    let parts = min(ThreadPool.count(wanted: threads), max(1, count / least))
    guard parts > 1 else { return body(0..<count) }
    withoutActuallyEscaping(body) { body in
      var job = Job(count: count, parts: parts, body: body)
      withUnsafeMutablePointer(to: &job) { job in
        ThreadPool.shared.run(parts, job) { context, part in
          let job = context.assumingMemoryBound(to: Job.self).pointee
          job.body(job.count * part / job.parts..<job.count * (part + 1) / job.parts)
        }
      }
    }
  }
}
