import AttendBase
import Glibc

/// Calls on a stack that is large whatever thread the caller is.
///
/// How deep a template may nest must not depend on who renders it: threads of hosts have 8 MiB, 512 KiB or less.
enum LargeStack {
  /// Memory that is reserved, of which only what is used is taken.
  private static let bytes = 32 << 20

  /// Work for a thread.
  private final class Task {
    let work: () -> Void
    init(_ work: @escaping () -> Void) { self.work = work }
  }

  /// The result of `body`, from a thread that this one waits for.
  static func call<Result>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    var result: Swift.Result<Result, Failure>?
    var status: Int32 = 0
    withoutActuallyEscaping(body) { body in
      let task = Task {
        do throws(Failure) { result = .success(try body()) } catch { result = .failure(error) }
      }
      status = start(task)
    }
    guard status == 0, let result else {
      throw Failure(.outOfMemory, "out of memory: a thread with a stack of \(bytes) bytes for a chat template")
    }
    return try result.get()
  }

  /// Runs the task on a thread of its own and waits for its end.
  private static func start(_ task: Task) -> Int32 {
    let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
    defer { attributes.deallocate() }
    guard pthread_attr_init(attributes) == 0 else { return ENOMEM }
    defer { pthread_attr_destroy(attributes) }
    pthread_attr_setstacksize(attributes, bytes)
    var thread: pthread_t = 0
    let argument = Unmanaged.passUnretained(task).toOpaque()
    let status = pthread_create(
      &thread, attributes,
      { argument in
        Unmanaged<Task>.fromOpaque(argument!).takeUnretainedValue().work()
        return nil
      }, argument)
    guard status == 0 else { return status }
    return withExtendedLifetime(task) { pthread_join(thread, nil) }
  }
}
