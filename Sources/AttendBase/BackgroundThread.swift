import Glibc

/// Threads that nobody waits for.
package enum BackgroundThread {
  private final class Task: Sendable {
    let work: @Sendable () -> Void
    init(_ work: @escaping @Sendable () -> Void) { self.work = work }
  }

  /// Runs `work` on a thread of its own, where signals stay away. Returns the error of the system, or 0.
  package static func run(_ work: @escaping @Sendable () -> Void) -> Int32 {
    var (all, before) = (sigset_t(), sigset_t())
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let task = Unmanaged.passRetained(Task(work))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Task>.fromOpaque(argument!).takeRetainedValue().work()
        return nil
      }, task.toOpaque())
    if status == 0 { pthread_detach(thread) } else { task.release() }
    return status
  }
}
