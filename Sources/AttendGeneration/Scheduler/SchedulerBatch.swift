import AttendBase
import AttendDecoding
import AttendKernelInterface

/// The requests of a scheduler that are in the batch: who joins, who is put aside, who leaves. Only for the thread that
/// does the work, but for what it says of the shared state.
final class SchedulerBatch: @unchecked Sendable {
  private let model: any StepModel
  private let options: Scheduler.Options
  private let shared: Monitor<Scheduler.Shared>
  private let loop: DecodingLoop
  private var running: [Ticket] = []
  /// Whether nobody joins until somebody has left: there was no memory.
  private var isClosed = false
  /// Requests of which one made a step fail. They run one by one until it is found.
  private var suspects = 0

  /// Tokens that a request has room for, at least, when it joins: it is not to be put aside at once.
  private static let tokensAhead = 64
  /// Tokens that two prompts have in common for which one waits for the other: what can be shared at all.
  private static let worthyPrefix = KeyValuePage.tokens

  init(
    _ model: any StepModel, _ options: Scheduler.Options, _ shared: Monitor<Scheduler.Shared>
  ) throws(Failure) {
    (self.model, self.options, self.shared) = (model, options, shared)
    loop = try DecodingLoop(model)
    loop.promptTokensPerStep = options.promptTokensPerStep
  }

  /// One step of all that runs, before which requests leave and join.
  func step() {
    guard repair() else { return }
    leave()
    join()
    makeRoom()
    guard !running.isEmpty else { return }
    let begin = MonotonicTime.now
    do throws(Failure) {
      let over = try loop.step()
      note(MonotonicTime.now - begin)
      if !over.isEmpty { leave(over) }
    } catch {
      recover(error)
    }
  }

  private func note(_ nanoseconds: Int) {
    let (rows, tokens, promptTokens) = loop.lastStep
    shared.withLock { state in
      state.statistics.steps += 1
      state.statistics.rows += rows
      state.statistics.tokens += tokens - promptTokens
      state.statistics.promptTokens += promptTokens
      state.statistics.stepNanoseconds += nanoseconds
    }
  }

  // MARK: Leaving

  /// Ends a ticket that waits, if it is to end. It stays in the queue, and is passed over there.
  func endWaiting(_ ticket: Ticket, _ state: inout Scheduler.Shared) {
    guard case .waiting = ticket.place, let reason = ticket.ending else { return }
    close(ticket, SchedulerBatch.end(ticket, reason), &state)
  }

  /// Ends the search of a ticket where it stands.
  private static func end(_ ticket: Ticket, _ reason: FinishReason) -> Ticket.Outcome {
    do throws(Failure) {
      try ticket.job.search.finish(reason)
      return .success(try ticket.job.search.hypotheses())
    } catch {
      return .failure(error)
    }
  }

  private func close(_ ticket: Ticket, _ outcome: Ticket.Outcome, _ state: inout Scheduler.Shared) {
    ticket.place = .done(outcome)
    state.open -= 1
    if ticket.isHeard { state.untold.append(ticket) }
    if case .failure = outcome { state.statistics.failed += 1 } else { state.statistics.finished += 1 }
  }

  /// Takes requests out whose time is up, or that nobody wants any more.
  private func leave() {
    shared.withLock { state in
      guard let earliest = state.earliestDeadline, MonotonicTime.now >= earliest else { return }
      state.earliestDeadline = nil
      var waiting = state.waiting
      waiting.removeAll { ticket in
        endWaiting(ticket, &state)
        guard case .waiting = ticket.place else { return true }
        state.note(ticket.deadline)
        return false
      }
      state.waiting = waiting
    }
    guard running.contains(where: { $0.ending != nil }) else { return }
    for ticket in takeOut(where: { $0.ending != nil }) {
      let reason = ticket.ending ?? .cancelled
      finish(ticket, SchedulerBatch.end(ticket, reason))
    }
  }

  /// Requests that the loop has finished, or that failed by themselves.
  private func leave(_ over: [DecodingJob]) {
    for job in over {
      guard let place = running.firstIndex(where: { $0.job === job }) else { continue }
      finish(running.remove(at: place), SchedulerBatch.outcome(job))
    }
  }

  private static func outcome(_ job: DecodingJob) -> Ticket.Outcome {
    if let failure = job.failure { return .failure(failure) }
    do throws(Failure) { return .success(try job.search.hypotheses()) } catch { return .failure(error) }
  }

  /// Hands a ticket's outcome out, which has left the batch.
  private func finish(_ ticket: Ticket, _ outcome: Ticket.Outcome) {
    isClosed = false
    suspects = max(suspects - 1, 0)
    shared.change { state in
      close(ticket, outcome, &state)
      state.statistics.running = running.count
    }
  }

  // MARK: Joining

  /// Lets the most urgent requests join, as many as fit.
  private func join() {
    guard !isClosed || running.isEmpty else { return }
    let joining: [Ticket] = shared.withLock { state in
      guard state.waiting.first != nil else { return [] }
      return choose(&state)
    }
    guard !joining.isEmpty else { return }
    add(joining)
    shared.withLock { $0.statistics.running = running.count }
  }

  /// Takes those out of the queue that join. One that does not fit lets nobody pass, so that its turn comes.
  private func choose(_ state: inout Scheduler.Shared) -> [Ticket] {
    var joining: [Ticket] = []
    var held: [Ticket] = []
    var load = Load()
    for ticket in running { load.add(ticket, bytes: claim(ticket)) }
    while let ticket = state.waiting.first {
      endWaiting(ticket, &state)
      guard case .waiting = ticket.place else {
        _ = state.waiting.removeFirst()
        continue
      }
      guard fits(ticket, load) else { break }
      _ = state.waiting.removeFirst()
      if options.waitsForPrefixes, waits(ticket, for: joining) {
        held.append(ticket)
        continue
      }
      ticket.place = .running
      state.noteBegin(ticket)
      load.add(ticket, bytes: claim(ticket))
      joining.append(ticket)
    }
    for ticket in held { state.waiting.insert(ticket) }
    return joining
  }

  /// What is taken of what the options bound.
  private struct Load {
    var requests = 0
    var rows = 0
    var bytes = 0
    /// Tokens of sources that are read when their requests join.
    var sources = 0

    mutating func add(_ ticket: Ticket, bytes more: Int) {
      requests += 1
      rows = rows.saturatingAdd(ticket.size.allRows)
      bytes = bytes.saturatingAdd(more)
      if case .waiting = ticket.place { sources = sources.saturatingAdd(ticket.size.source) }
    }
  }

  /// The bytes that are set aside for a request: what it wants soon or, if it cannot be put aside, ever.
  private func claim(_ ticket: Ticket) -> Int {
    guard options.allowsPuttingAside, ticket.job.canResume else { return ticket.size.most(model) }
    return ticket.size.bytes(tokens: ticket.job.longestRow.saturatingAdd(SchedulerBatch.tokensAhead), model)
  }

  private func fits(_ ticket: Ticket, _ load: Load) -> Bool {
    guard load.requests > 0 else { return true }
    guard suspects == 0, ticket.size.allRows <= options.maximalRows - load.rows else { return false }
    guard load.sources == 0 || load.sources.saturatingAdd(ticket.size.source) <= options.promptTokensPerStep else {
      return false
    }
    guard let limit = options.maximalCacheBytes else { return true }
    return load.bytes.saturatingAdd(claim(ticket)) <= limit
  }

  /// Whether a prompt is being read, or about to be, of which that of `ticket` can share more than is known already.
  private func waits(_ ticket: Ticket, for joining: [Ticket]) -> Bool {
    guard !model.readsSources else { return false }
    let prompt = ticket.job.context.prompt
    var shared = 0
    for other in [running, joining].joined() where other.job.isReading {
      shared = max(shared, zip(prompt, other.job.context.prompt).prefix { $0 == $1 }.count)
    }
    // What is known already is looked up only where nobody would wait without it.
    let worthy = SchedulerBatch.worthyPrefix
    return shared >= worthy && shared - worthy >= model.known(of: prompt)
  }

  /// Adds requests to the batch: all at once or, where that fails, one by one, so that only those fail that must.
  private func add(_ tickets: [Ticket]) {
    do throws(Failure) {
      try loop.add(tickets.map { $0.job })
      running += tickets
    } catch {
      guard error.code != .cancelled else { return cancelAll(error, joining: tickets) }
      guard tickets.count == 1 else {
        for ticket in tickets { add([ticket]) }
        return
      }
      if error.code == .outOfMemory, !running.isEmpty {
        isClosed = true
        wait(tickets)
      } else {
        finish(tickets[0], .failure(error))
      }
    }
  }

  /// Puts tickets that are not in the batch back into the queue.
  private func wait(_ tickets: [Ticket]) {
    shared.withLock { state in
      for ticket in tickets {
        ticket.place = .waiting
        state.waiting.insert(ticket)
        state.note(ticket.deadline)
      }
      state.statistics.running = running.count
    }
  }

  // MARK: Putting aside

  /// Puts the least urgent requests aside until the caches have room for the next step of the others.
  private func makeRoom() {
    guard let limit = options.maximalCacheBytes, options.allowsPuttingAside else { return }
    while running.count > 1, wanted() > limit, let ticket = leastUrgent { putAside([ticket]) }
  }

  /// Bytes of the caches behind the next step.
  private func wanted() -> Int {
    running.reduce(0) { sum, ticket in
      let own = ticket.job.canResume ? ticket.size.bytes(tokens: ticket.job.nextLength, model) : claim(ticket)
      return sum.saturatingAdd(own)
    }
  }

  /// The least urgent of the requests that can be put aside; never the most urgent of all, so that one is always under
  /// way.
  private var leastUrgent: Ticket? {
    let most = running.min { $0.urgency < $1.urgency }
    return running.filter { $0 !== most && $0.job.canResume }.max { $0.urgency < $1.urgency }
  }

  private func putAside(_ tickets: [Ticket]) {
    let out = takeOut { ticket in tickets.contains { $0 === ticket } }
    shared.withLock { $0.statistics.putAside += out.count }
    wait(out)
  }

  /// Takes tickets out of the batch. Where there is no memory to do so, all leave, and the others wait.
  private func takeOut(where isUnwanted: (Ticket) -> Bool) -> [Ticket] {
    let unwanted = running.filter(isUnwanted)
    do throws(Failure) {
      _ = try loop.remove { job in unwanted.contains { $0.job === job } }
      running.removeAll(where: isUnwanted)
    } catch {
      dissolve(except: unwanted, error)
    }
    return unwanted
  }

  // MARK: Failures

  /// Goes on after a step that failed, with as many requests as can.
  private func recover(_ failure: Failure) {
    if loop.isBroken { dissolve(except: [], failure) }
    guard !running.isEmpty else { return }
    if failure.code == .cancelled {
      cancelAll(failure, joining: [])
    } else if running.count == 1 {
      for ticket in takeOut(where: { _ in true }) { finish(ticket, .failure(failure)) }
      suspects = 0
    } else if failure.code == .outOfMemory, let ticket = leastUrgent {
      putAside([ticket])
      isClosed = true
    } else {
      isolate(failure)
    }
  }

  /// Ends all that runs, and what was about to join, where the model's own cancellation ended what it did.
  private func cancelAll(_ failure: Failure, joining: [Ticket]) {
    shared.withLock { $0.cancellation = failure }
    for ticket in takeOut(where: { _ in true }) + joining {
      finish(ticket, SchedulerBatch.end(ticket, .cancelled))
    }
  }

  /// Lets the requests of a step that failed run one by one; those that cannot be put aside fail.
  private func isolate(_ failure: Failure) {
    for ticket in takeOut(where: { !$0.job.canResume }) { finish(ticket, .failure(failure)) }
    suspects = running.count
    let first = running.min { $0.urgency < $1.urgency }
    putAside(running.filter { $0 !== first })
  }

  /// Drops rows that a failure has left behind. Where that is impossible, nobody can join, and those that wait fail.
  private func repair() -> Bool {
    guard loop.isBroken else { return true }
    do throws(Failure) {
      _ = try loop.dissolve()
      return true
    } catch {
      shared.change { state in
        while let ticket = state.waiting.removeFirst() {
          if case .waiting = ticket.place { close(ticket, .failure(error), &state) }
        }
      }
      return false
    }
  }

  /// Takes all requests out of a batch whose rows are not theirs any more. Those that can wait to be read again; those
  /// that are finished are, and the others fail.
  private func dissolve(except unwanted: [Ticket], _ failure: Failure) {
    let all = running.filter { ticket in !unwanted.contains { $0 === ticket } }
    running = []
    do throws(Failure) { _ = try loop.dissolve() } catch {
      for ticket in all { finish(ticket, .failure(error)) }
      return
    }
    for ticket in all where ticket.job.isOver { finish(ticket, SchedulerBatch.outcome(ticket.job)) }
    for ticket in all where !ticket.job.isOver && !ticket.job.canResume { finish(ticket, .failure(failure)) }
    let others = all.filter { !$0.job.isOver && $0.job.canResume }
    shared.withLock { $0.statistics.putAside += others.count }
    wait(others)
  }
}

extension Scheduler.Shared {
  /// Notes that a ticket joins the batch; only the first time counts.
  mutating func noteBegin(_ ticket: Ticket) {
    guard ticket.begun == nil else { return }
    let now = MonotonicTime.now
    ticket.begun = now
    statistics.begun += 1
    statistics.queueNanoseconds += now - ticket.submitted
    statistics.longestQueueNanoseconds = max(statistics.longestQueueNanoseconds, now - ticket.submitted)
  }

  /// Notes the deadline of a ticket that waits.
  mutating func note(_ deadline: Int?) {
    guard let deadline else { return }
    earliestDeadline = min(earliestDeadline ?? deadline, deadline)
  }
}
