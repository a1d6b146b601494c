import CAttend
import Synchronization

/// The answers to a request for texts: generated for each of its prompts, and given to the client as they come, or all
/// at their end.
final class Answers: @unchecked Sendable {
  let host: Host
  let sampling: Sampling
  let form: AnswerForm
  let reply: Reply
  private let server: Server
  private let seat: Host.Seat
  private let begin = now()
  private var parts: [AnswerPart] = []
  /// Prompts whose answers are not whole.
  private let open: Mutex<Int>

  init(
    _ server: Server, _ host: Host, _ sampling: Sampling, _ form: AnswerForm, _ reply: Reply, prompts: Int
  ) throws(APIError) {
    (self.server, self.host, self.sampling, self.form, self.reply) = (server, host, sampling, form, reply)
    seat = try host.admit(server)
    open = Mutex(prompts)
    parts = (0..<prompts).map { AnswerPart(self, first: $0 * sampling.count) }
  }

  /// Generates for the ids of each prompt, by the scheduler.
  func run(_ prompts: [[Int32]]) throws(APIError) {
    let scheduler = try host.generating()
    let all = parts
    reply.cancellation.onAsked { for part in all { part.cancel() } }
    var failure: Trouble?
    for (part, ids) in zip(all, prompts) {
      do throws(Trouble) {
        if let failure { throw failure }
        try part.submit(scheduler, ids, server)
      } catch {
        failure = error
        ended(part, error)
      }
    }
  }

  /// Generates for a conversation with pictures, by the model's session.
  func run(_ chat: ChatMessages, variables: Value) {
    host.worker.run(reply) { [self] in
      guard let part = parts.first else { return }
      try part.generate(chat, variables: variables)
    }
  }

  func heardFirstToken() { server.metrics.firstToken(host.id, seconds: now() - begin) }

  /// Hears that no more comes for a prompt; with `error` what there is of it is not the answer.
  func ended(_ part: AnswerPart, _ error: (any Error)? = nil) {
    server.metrics.used(host.id, prompt: part.promptTokens, generated: part.generatedTokens)
    if let error { reply.giveUp(.from(error)) }
    let isLast = open.withLock { open in
      open -= 1
      return open == 0
    }
    guard isLast else { return }
    if !reply.isEnded { give() }
    reply.cancellation.settle()
    parts = []
  }

  private func give() {
    let usage = form.usage(
      prompt: parts.reduce(0) { $0 + $1.promptTokens }, generated: parts.reduce(0) { $0 + $1.generatedTokens })
    if sampling.streams {
      if sampling.tellsUsage { reply.event(form.usageChunk(usage)) }
      reply.endEvents()
    } else {
      reply.send(form.whole(parts.flatMap(\.drafts), host.texts, usage))
    }
  }
}

/// One answer while it is written.
struct Draft {
  /// A token with its log-probabilities.
  struct Entry {
    var token: Int32
    var logProbability: Float
    var alternatives: [attend_token_alternative]
  }

  var cutter: StopCutter
  var gate: CallGate?
  /// The text in front of stop strings, and what of it was sent.
  var text = ""
  var sent = ""
  var entries: [Entry] = []
  var sentEntries = 0
  /// As OpenAI names it; nil: the answer is being written.
  var finish: String?
  var calls: [Value] = []
}
