import AttendBase
import AttendDecoding
import AttendGeneration
import AttendGrammars
import AttendModels
import AttendTokenizers
import CAttend

/// The object behind an `attend_scheduler`: a scheduler with a session of its own, and the thread that works.
final class SchedulerObject: @unchecked Sendable {
  let model: ModelObject
  let session: Session
  let scheduler: Scheduler

  init(
    _ model: ModelObject, _ session: Session.Options, _ options: Scheduler.Options
  ) throws(Failure) {
    try model.checkProcess()
    self.model = model
    self.session = try Session(model: model.model, options: session)
    scheduler = try Scheduler(self.session, options)
    try scheduler.start()
  }

  /// Ends what is under way, within a step too. In the child of a fork there is nothing to end.
  func close() {
    guard model.isOfThisProcess else { return }
    session.cancellation.request()
    scheduler.close()
  }
}

/// The object behind an `attend_request`: a ticket, and the way to its callbacks.
final class RequestObject: @unchecked Sendable {
  let scheduler: SchedulerObject
  let gate: CallbackGate
  let ticket: Ticket
  private let toolFormat: ToolCallFormat?

  /// `toolFormat` is what the request says of how the model writes calls.
  init(_ scheduler: SchedulerObject, _ gate: CallbackGate, _ ticket: Ticket, _ toolFormat: ToolCallFormat?) {
    (self.scheduler, self.gate, self.ticket, self.toolFormat) = (scheduler, gate, ticket, toolFormat)
  }

  /// What there is of the request by `deadline`; nil: nothing yet.
  func result(until deadline: Int?) throws(Failure) -> GenerationObject? {
    try scheduler.model.checkProcess()
    guard let outcome = try ticket.wait(until: deadline) else { return nil }
    return try GenerationObject(
      Generation(try outcome.get()), try? scheduler.model.model.tokenizer.get(), scheduler.model.textResources,
      toolFormat)
  }

  func cancel() { if scheduler.model.isOfThisProcess { ticket.cancel() } }
}

@_cdecl("attend_scheduler_create") @implementation public func attend_scheduler_create(
  _ model: OpaquePointer!, _ session: UnsafePointer<attend_session_options>!,
  _ options: UnsafePointer<attend_scheduler_options>!, _ scheduler: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let model = try object(model, as: ModelObject.self, "model")
    let target = try require(scheduler, "scheduler")
    let session = try sessionOptions(session, "session")
    guard session.progress == nil else {
      throw Failure(.invalidArgument, "session.progress is set: a scheduler makes no calls that it could tell of")
    }
    var known = try schedulerOptions(options)
    known.waitsForPrefixes = session.prefixCacheBytes != 0
    target.pointee = own(try SchedulerObject(model, session, known))
  }
}

/// The options of attend_scheduler_create as the generation room knows them.
private func schedulerOptions(_ pointer: UnsafePointer<attend_scheduler_options>?) throws(Failure) -> Scheduler.Options
{
  let options = try copy(pointer, "options")
  var result = Scheduler.Options()
  func set(_ value: Int, _ name: String, _ target: inout Int) throws(Failure) {
    guard value >= 0 else {
      throw Failure(.invalidArgument, "options.\(name) is \(UInt(bitPattern: value)), more than there can be")
    }
    if value > 0 { target = value }
  }
  var bytes = 0
  try set(options.max_rows, "max_rows", &result.maximalRows)
  try set(options.max_cache_bytes, "max_cache_bytes", &bytes)
  try set(options.prompt_tokens_per_step, "prompt_tokens_per_step", &result.promptTokensPerStep)
  if bytes > 0 { result.maximalCacheBytes = bytes }
  result.allowsPuttingAside = !options.never_put_aside
  if options.priority_seconds != 0 {
    guard options.priority_seconds > 0, options.priority_seconds <= 1000 else {
      throw Failure(
        .invalidArgument,
        "options.priority_seconds is \(options.priority_seconds); it is above 0 and at most 1000, or 0 for 1")
    }
    result.agingNanoseconds = Int(options.priority_seconds * 1e9)
  }
  return result
}

@_cdecl("attend_scheduler_free") @implementation public func attend_scheduler_free(_ scheduler: OpaquePointer!) {
  guard let scheduler else { return }
  borrow(scheduler, as: SchedulerObject.self).close()
  release(scheduler, as: SchedulerObject.self)
}

// MARK: Requests

@_cdecl("attend_scheduler_submit") @implementation public func attend_scheduler_submit(
  _ scheduler: OpaquePointer!, _ ids: UnsafePointer<Int32>!, _ count: Int,
  _ options: UnsafePointer<attend_request_options>!, _ request: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  submitting(scheduler, options, request) { (submission) throws(Failure) in
    guard count > 0, count <= Session.mostSequences else {
      throw Failure(
        .invalidArgument, "count is \(UInt(bitPattern: count)); from 1 to \(Session.mostSequences) ids are taken")
    }
    var length = count
    try withUnsafePointer(to: &length) { (length) throws(Failure) in
      try submission.object.session.checkPrompts(
        try Batch(tokens: try require(ids, "ids"), lengths: length, count: 1))
    }
    return try submission.submit(UnsafeBufferPointer(start: ids, count: count))
  }
}

@_cdecl("attend_scheduler_submit_text") @implementation public func attend_scheduler_submit_text(
  _ scheduler: OpaquePointer!, _ text: UnsafePointer<CChar>!, _ length: Int,
  _ options: UnsafePointer<attend_request_options>!, _ request: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  submitting(scheduler, options, request) { (submission) throws(Failure) in
    var (text, length): (UnsafePointer<CChar>?, Int) = (try require(text, "text"), length)
    let encodings = try withUnsafePointer(to: &text) { (texts) throws(Failure) in
      try withUnsafePointer(to: &length) { (lengths) throws(Failure) in
        try submission.tokenizer().encode(
          TextBatch(TextBatch.Column(texts, lengths), count: 1), threads: 1, TokenizeOptions())
      }
    }
    return try submission.submit(encodings[0].ids.buffer)
  }
}

@_cdecl("attend_scheduler_submit_chat") @implementation public func attend_scheduler_submit_chat(
  _ scheduler: OpaquePointer!, _ messages: UnsafePointer<CChar>!, _ length: Int,
  _ chat: UnsafePointer<attend_chat_options>!, _ options: UnsafePointer<attend_request_options>!,
  _ request: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  submitting(scheduler, options, request) { (submission) throws(Failure) in
    let encoding = try submission.tokenizer().encodedConversation(
      messages, length, chat, asksForAnswer: true, tools: submission.arguments.tools)
    return try submission.submit(encoding.ids.buffer)
  }
}

/// Runs what finds the ids of a request, and submits them.
private func submitting(
  _ scheduler: OpaquePointer?, _ options: UnsafePointer<attend_request_options>?,
  _ target: UnsafeMutablePointer<OpaquePointer?>?, _ body: (Submission) throws(Failure) -> RequestObject
) -> OpaquePointer? {
  attempt { () throws(Failure) in
    let object = try object(scheduler, as: SchedulerObject.self, "scheduler")
    let target = try require(target, "request")
    try object.model.checkProcess()
    target.pointee = own(try body(try Submission(object, options)))
  }
}

/// A request on its way to a scheduler, as the arguments of C describe it.
private struct Submission {
  let object: SchedulerObject
  let arguments: GenerationArguments
  private let options: attend_request_options
  private let gate = CallbackGate()

  init(_ object: SchedulerObject, _ pointer: UnsafePointer<attend_request_options>?) throws(Failure) {
    self.object = object
    options = try copy(pointer, "options")
    arguments = try GenerationArguments(options.generation, "options.generation", object.model.model, gate)
  }

  func tokenizer() throws(Failure) -> Tokenizer { try object.model.model.tokenizer.get() }

  func submit(_ ids: UnsafeBufferPointer<Int32>) throws(Failure) -> RequestObject {
    guard let priority = Int16(exactly: options.priority) else {
      throw Failure(
        .invalidArgument,
        "options.priority is \(options.priority); it is from \(Int16.min) to \(Int16.max)")
    }
    let maker = try RequestMaker(
      object.session, arguments.options, object.model.textResources, assistant: arguments.assistant)
    var request = try maker.request(ids)
    request.priority = priority
    request.observer = arguments.listener(0, try? tokenizer())
    if let callback = options.on_done {
      let (gate, context) = (gate, Address(options.on_done_context))
      request.onDone = { _ = CallbackGate.passingAlone(gate) { callback(context.value) } }
    }
    return RequestObject(object, gate, try object.scheduler.submit(request), arguments.options.tools?.format)
  }
}

@_cdecl("attend_request_wait") @implementation public func attend_request_wait(
  _ request: OpaquePointer!, _ seconds: Double, _ generation: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let request = try object(request, as: RequestObject.self, "request")
    let target = try require(generation, "generation")
    guard !seconds.isNaN else { throw Failure(.invalidArgument, "seconds is not a number") }
    // A century is as long as for ever.
    let nanoseconds: Int? = seconds < 0 || seconds > 3e9 ? nil : Int(seconds * 1e9)
    let result = try request.result(until: nanoseconds.map { MonotonicTime.now.saturatingAdd($0) })
    target.pointee = result.map { own($0) }
  }
}

@_cdecl("attend_request_cancel") @implementation public func attend_request_cancel(_ request: OpaquePointer!) {
  guard let request else { return }
  borrow(request, as: RequestObject.self).cancel()
}

@_cdecl("attend_request_free") @implementation public func attend_request_free(_ request: OpaquePointer!) {
  guard let request else { return }
  let object = borrow(request, as: RequestObject.self)
  object.gate.close()
  object.cancel()
  release(request, as: RequestObject.self)
}

// MARK: Statistics

@_cdecl("attend_scheduler_get_stats") @implementation public func attend_scheduler_get_stats(
  _ scheduler: OpaquePointer!, _ stats: UnsafeMutablePointer<attend_scheduler_stats>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let object = try object(scheduler, as: SchedulerObject.self, "scheduler")
    let target = try require(stats, "stats")
    try object.model.checkProcess()
    let found = object.scheduler.statistics
    var result = attend_scheduler_stats()
    (result.submitted, result.finished, result.failed) = (found.submitted, found.finished, found.failed)
    (result.waiting, result.running, result.put_aside) = (found.waiting, found.running, found.putAside)
    (result.steps, result.rows) = (found.steps, found.rows)
    (result.prompt_tokens, result.tokens) = (found.promptTokens, found.tokens)
    result.step_seconds = Double(found.stepNanoseconds) * 1e-9
    result.mean_queue_seconds = found.begun > 0 ? Double(found.queueNanoseconds) * 1e-9 / Double(found.begun) : 0
    result.longest_queue_seconds = Double(found.longestQueueNanoseconds) * 1e-9
    try fill(target, with: result, "stats")
  }
}
