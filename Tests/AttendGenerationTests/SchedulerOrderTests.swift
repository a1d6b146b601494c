import AttendBase
import AttendDecoding
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation
import Synchronization
import Testing

/// Who has a turn when, what a step reads, and the end of a scheduler.
@Suite struct SchedulerOrderTests {
  private typealias Kind = SchedulerTests.Kind

  /// However many more urgent requests come, one that waits long enough runs.
  @Test func nothingStarves() throws {
    let model = FakeModel()
    var options = Scheduler.Options()
    options.maximalRows = 3
    options.agingNanoseconds = 1000
    let scheduler = try Scheduler(model, options)
    var last = Scheduler.Request(try Kind(4).context(model))
    last.priority = -100
    var urgent: [Ticket] = []
    for _ in 0..<3 { urgent.append(try scheduler.submit(Scheduler.Request(try Kind(0).context(model)))) }
    let ticket = try scheduler.submit(last)
    model.onStep = {
      usleep(50)
      for _ in 0..<2 where urgent.count < 1000 {
        var next = Scheduler.Request(try! Kind(0).context(model))
        next.priority = 100
        urgent.append(try! scheduler.submit(next))
      }
    }
    #expect(try answers(ticket.wait()) == (try Kind(4).alone(FakeModel())))
    #expect(urgent.contains { $0.poll() == nil })
    model.onStep = {}
    for each in urgent { each.cancel() }
    scheduler.run()
    #expect(scheduler.statistics.finished == urgent.count + 1 && model.count == 0)
    scheduler.close()
  }

  /// A step reads no more of prompts than is allowed, and something of everything that writes.
  @Test(arguments: [1, 8, 30]) func longPromptsStallNobody(_ tokens: Int) throws {
    let model = FakeModel()
    var options = Scheduler.Options()
    options.promptTokensPerStep = tokens
    let scheduler = try Scheduler(model, options)
    var search = SearchOptions()
    search.maximalNewTokens = 120
    func context(_ length: Int) throws -> SearchContext {
      try SearchContext(
        search, prompt: try tokenList((0..<length).map { Int32($0 % 30 + 8) }), source: nil, model: model)
    }
    let writing = try (0..<4).map { _ in try scheduler.submit(Scheduler.Request(try context(1))) }
    let long = try (0..<3).map { _ in try scheduler.submit(Scheduler.Request(try context(300))) }
    let alone = try decode([try context(300)], FakeModel())[0]
    for ticket in writing { #expect(try answers(ticket.wait())[0].tokens.count == 121) }
    #expect(model.steps.allSatisfy { $0 <= tokens + 7 })
    // Nobody who writes ever waited.
    #expect(model.steps.count <= 120 + (4 + tokens - 1) / tokens)
    for ticket in long { #expect(try answers(ticket.wait()) == alone) }
    #expect(scheduler.statistics.promptTokens == 4 + 3 * 300)
    scheduler.close()
  }

  /// One of the requests that begin alike reads the beginning; the others wait for it, and read what is theirs.
  @Test func whatBeginsAlikeIsReadOnce() throws {
    let session = try Session(try model(try ConformanceCase("llama").path), prefixCacheBytes: 1 << 20)
    let plain = try Session(session.model)
    let same = text(50)
    func contexts(_ model: any StepModel) throws -> [SearchContext] {
      try (0..<8).map { index in
        var options = SearchOptions()
        options.maximalNewTokens = 10
        return try SearchContext(
          options, prompt: try tokenList(same + [Int32(index + 3)]), source: nil, model: model)
      }
    }
    let expected = try contexts(plain).map { try decode([$0], plain)[0] }
    var options = Scheduler.Options()
    options.promptTokensPerStep = 20
    options.waitsForPrefixes = true
    let scheduler = try Scheduler(session, options)
    let tickets = try contexts(session).map { try scheduler.submit(Scheduler.Request($0)) }
    for (ticket, expected) in zip(tickets, expected) { #expect(try answers(ticket.wait()) == expected) }
    #expect(scheduler.statistics.promptTokens == 51 + 7)
    scheduler.close()
  }

  // MARK: Ends

  @Test func aClosedSchedulerIsFreed() throws {
    nonisolated(unsafe) let model = FakeModel()
    for step in 0..<12 {
      weak var weakly: Scheduler?
      let told = Mutex(0)
      try inScope {
        var options = Scheduler.Options()
        options.maximalRows = 4
        let scheduler = try Scheduler(model, options)
        weakly = scheduler
        let tickets = try (0..<20).map { index in
          var request = Scheduler.Request(try Kind(index, longest: 60, ends: false).context(model))
          request.onDone = { told.withLock { $0 += 1 } }
          return try scheduler.submit(request)
        }
        for index in 5..<15 { tickets[index].cancel() }
        if step % 2 == 0 { try scheduler.start() }
        usleep(UInt32(step * 200))
        scheduler.close()
        #expect(throws: Failure.self) { try scheduler.submit(Scheduler.Request(try Kind(0).context(model))) }
        for (index, ticket) in tickets.enumerated() {
          let found = try answers(ticket.wait())
          #expect(found.allSatisfy { $0.reason == .cancelled } || found == (try! expected(index)))
        }
      }
      // The scheduler's thread may hold on to it for a moment yet.
      for _ in 0..<1000 where weakly != nil { usleep(1000) }
      #expect(weakly == nil)
      #expect(told.withLock { $0 } == 20 && model.count == 0)
    }
  }

  private func expected(_ index: Int) throws -> [Answer] {
    try Kind(index, longest: 60, ends: false).alone(FakeModel())
  }

  private func inScope(_ body: () throws -> Void) rethrows { try body() }

  /// An observer may submit, cancel and close; one that waits for what would wait for it is refused.
  @Test func anObserverMayUseTheScheduler() throws {
    final class User: TokenObserver {
      var heard = 0
      var ticket: Ticket?
      var action: (User) throws(Failure) -> Void = { _ throws(Failure) in }

      func generated(
        sequence: Int, token: Int32, logProbability: Float, alternatives: UnsafeBufferPointer<TokenAlternative>,
        reason: FinishReason?
      ) throws(Failure) -> Verdict {
        heard += 1
        if heard == 3 { try action(self) }
        return .goOn
      }
    }
    let model = FakeModel()
    func run(_ action: @escaping (User, Scheduler) throws(Failure) -> Void) throws -> (Ticket.Outcome, Scheduler) {
      let scheduler = try Scheduler(model)
      let user = User()
      user.action = { (user) throws(Failure) in try action(user, scheduler) }
      var request = Scheduler.Request(try Kind(3, longest: 60, ends: false).context(model))
      request.observer = user
      user.ticket = try scheduler.submit(request)
      defer { user.ticket = nil }
      return (user.ticket!.wait(), scheduler)
    }
    let (refused, first) = try run { (user, _) throws(Failure) in _ = try user.ticket!.wait(until: nil) }
    #expect(throws: Failure.self) { try refused.get() }
    var other: Ticket?
    let (whole, second) = try run { (_, scheduler) throws(Failure) in
      do { other = try scheduler.submit(Scheduler.Request(try Kind(9).context(model))) } catch {
        throw error as! Failure
      }
    }
    #expect(try whole.get()[0].reason == .length)
    #expect(try answers(other!.wait()) == (try Kind(9).alone(FakeModel())))
    let (cancelled, third) = try run { (user, _) throws(Failure) in user.ticket!.cancel() }
    #expect(try cancelled.get()[0].reason == .cancelled)
    let (closed, _) = try run { (_, scheduler) throws(Failure) in scheduler.close() }
    #expect(try closed.get()[0].reason == .cancelled)
    for scheduler in [first, second, third] { scheduler.close() }
    #expect(model.count == 0)
  }
}
