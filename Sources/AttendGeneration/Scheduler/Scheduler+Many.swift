import AttendBase
import AttendDecoding

extension Scheduler {
  /// Requests of one call that are submitted at a time, by the rows of the batch: enough for it to stay full.
  private static let openRequestsPerRow = 2
  private static let mostOpenRequests = 4096

  /// An input of a call, and its length.
  private struct Input {
    let index: Int
    let length: Int
  }

  /// Generates for `count` inputs, the longest first, so that none of the long ones is left for the end. `request`
  /// makes the request of an input when its turn comes near. `finished` hears what became of an input, in whatever
  /// order that happens, on this thread; where it returns false the others are cancelled, and heard of all the same. A
  /// request that cannot be made is a failure of its input alone.
  ///
  /// Throws `outOfMemory`, before anything is submitted.
  package func generate(
    _ count: Int, length: (_ index: Int) -> Int, request: (_ index: Int) throws(Failure) -> Request,
    finished: (_ index: Int, _ outcome: Ticket.Outcome) -> Bool
  ) throws(Failure) {
    let inputs = try FixedArray(count, for: "the order of \(count) inputs") { Input(index: $0, length: length($0)) }
    inputs.sort { $0.length == $1.length ? $0.index < $1.index : $0.length > $1.length }
    var open: [(index: Int, ticket: Ticket)] = []
    let most = min(options.maximalRows.saturatingMultiply(Scheduler.openRequestsPerRow), Scheduler.mostOpenRequests)
    var (next, isCancelled) = (0, false)
    func hear(_ index: Int, _ outcome: Ticket.Outcome) {
      guard !finished(index, outcome), !isCancelled else { return }
      isCancelled = true
      for (_, ticket) in open { ticket.cancel() }
    }
    while next < count || !open.isEmpty {
      while next < count, open.count < most {
        let index = inputs[next].index
        next += 1
        do throws(Failure) {
          let ticket = try submit(try request(index))
          open.append((index, ticket))
          if isCancelled { ticket.cancel() }
        } catch {
          hear(index, .failure(error))
        }
      }
      guard !open.isEmpty else { continue }
      drive { state in
        open.contains { _, ticket in
          batch.endWaiting(ticket, &state)
          if case .done = ticket.place { return true }
          return false
        }
      }
      for place in open.indices.reversed() {
        guard let outcome = open[place].ticket.poll() else { continue }
        hear(open.remove(at: place).index, outcome)
      }
    }
  }
}
