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

  /// What `make` gives for each of `[0, count)`, on up to `threads` threads. Throws the failure of the lowest number;
  /// `purpose` is named where the system gives no memory.
  static func map<Value>(
    _ count: Int, threads: Int, for purpose: String, _ make: (Int) throws(Failure) -> Value
  ) throws(Failure) -> FixedArray<Value> {
    let results = try AlignedBuffer(count, of: Result<Value, Failure>.self, for: purpose)
    let slots = results.pointer(to: Result<Value, Failure>.self)
    run(count, atLeast: 1, threads: threads) { range in
      for index in range {
        do throws(Failure) { (slots + index).initialize(to: .success(try make(index))) } catch {
          (slots + index).initialize(to: .failure(error))
        }
      }
    }
    defer {
      slots.deinitialize(count: count)
      withExtendedLifetime(results) {}
    }
    return try FixedArray(count, for: purpose) { index throws(Failure) in try slots[index].get() }
  }
}
