import AttendBase
import AttendDecoding

extension Scheduler {
  /// Requests of one call that are submitted at a time, by the rows of the batch: enough for it to stay full.
  private static let openRequestsPerRow = 2
  private static let mostOpenRequests = 4096

  /// The inputs of a call that are not begun, in the order in which they begin; and those that are under way.
  private struct Course: ~Copyable {
    let inputs: FixedArray<Input>
    var next = 0
    var open: [(index: Int, ticket: Ticket)] = []

    /// The longest first, so that none of the long ones is left for the end.
    init(_ count: Int, length: (_ index: Int) -> Int) throws(Failure) {
      inputs = try FixedArray(count, for: "the order of \(count) inputs") { Input(index: $0, length: length($0)) }
      inputs.sort { $0.length == $1.length ? $0.index < $1.index : $0.length > $1.length }
    }
  }

  /// An input of a call, and its length.
  private struct Input {
    let index: Int
    let length: Int
  }

  /// Generates for `count` inputs, the longest first. `request` makes the request of an input when its turn comes
  /// near; nil: it has none. `finished` hears what became of an input, in whatever order that happens, on this thread.
  /// A request that cannot be made is a failure of its input alone.
  ///
  /// Where `isEnded`, looked at after each step, what is under way is cancelled and heard, and nothing more begins; so
  /// it is where the model's own cancellation ends a step, which is then thrown. Throws `outOfMemory` before anything
  /// is submitted.
  package func generate(
    _ count: Int, length: (_ index: Int) -> Int, isEnded: () -> Bool = { false },
    request: (_ index: Int) throws(Failure) -> Request?,
    finished: (_ index: Int, _ outcome: Ticket.Outcome, _ hasBegun: Bool) -> Void
  ) throws(Failure) {
    var course = try Course(count, length: length)
    let most = min(options.maximalRows.saturatingMultiply(Scheduler.openRequestsPerRow), Scheduler.mostOpenRequests)
    var (cancellation, isOver): (Failure?, Bool) = (nil, false)
    while true {
      while course.next < count, course.open.count < most, !isOver, !isEnded() {
        let index = course.inputs[course.next].index
        course.next += 1
        do throws(Failure) {
          if let request = try request(index) { course.open.append((index, try submit(request))) }
        } catch { finished(index, .failure(error), false) }
      }
      if course.open.isEmpty { break }
      cancellation = waitForOne(of: course.open) { !isOver && isEnded() } ?? cancellation
      if !isOver, cancellation != nil || isEnded() {
        isOver = true
        for (_, ticket) in course.open { ticket.cancel() }
      }
      for place in course.open.indices.reversed() {
        let ticket = course.open[place].ticket
        guard let outcome = ticket.poll() else { continue }
        finished(course.open.remove(at: place).index, outcome, ticket.hasBegun)
      }
    }
    if let cancellation { throw cancellation }
  }

  /// Does the work until one of the tickets is done, or the call is over. Returns why the model ended it.
  private func waitForOne(of open: [(index: Int, ticket: Ticket)], _ isEnded: () -> Bool) -> Failure? {
    var cancellation: Failure?
    drive { state in
      cancellation = cancellation ?? state.cancellation
      state.cancellation = nil
      if cancellation != nil || isEnded() { return true }
      return open.contains { _, ticket in
        batch.endWaiting(ticket, &state)
        return ticket.outcome != nil
      }
    }
    return cancellation
  }
}
