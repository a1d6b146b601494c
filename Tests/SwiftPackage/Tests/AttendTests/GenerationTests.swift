import Attend
import Testing

/// What is generated, on the thread of the call and in tasks.
@Suite struct GenerationTests {
  let model: Model
  init() throws { model = try Model(path: spelling) }

  @Test func verbsGenerate() throws {
    let session = try Session(model)
    #expect(try session.generate("hello") == "HH EH1 L OW0")
    let answers = try session.generate(
      ["hello", "attention"], options: ["num_beams": 4, "num_return_sequences": 2, "output_scores": true])
    #expect(answers.map(\.text) == ["HH EH1 L OW0", "AH0 T EH1 N SH AH0 N"] && answers[0].hypotheses.count == 2)
    let best = answers[0].hypotheses[0]
    #expect(best.finish == .end && best.score! < 0 && best.logProbabilities.count == best.ids.count)
    #expect(try session.translate(["hello"])[0].text == "HH EH1 L OW0")
    #expect(try session.summarize(["hello"])[0].text == "HH EH1 L OW0")
    #expect(try session.rewrite(["hello"])[0].text == "HH EH1 L OW0")
    let ids = try model.tokenizer().encode("hello").ids
    #expect(try session.generate(tokens: [ids], options: GenerationOptions(assistant: model))[0].text == "HH EH1 L OW0")
    #expect(try session.score(["a", "b"], contexts: ["hello", "hello"]).count == 2)
    let unknown = failure { () throws(AttendError) in try session.translate(["hello"], to: "tlh") }
    #expect(unknown?.code == .invalidArgument)
    let option = failure { () throws(AttendError) in try session.generate("hello", options: ["num_beans": 4]) }
    #expect(option?.message.contains("num_beans") == true)
    #expect(failure { () throws(AttendError) in try session.chat([.user("hello")]) }?.code == .notFound)
    let contexts = failure { () throws(AttendError) in try session.score(["a", "b"], contexts: ["c"]) }
    #expect(contexts?.code == .invalidArgument)
  }

  @Test func aCallThatIsEndedTellsWhatThereIs() throws {
    let session = try Session(model)
    var pieces = ""
    let ended = failure { () throws(AttendError) in
      try session.generate(["hello"]) {
        pieces += $0.text
        return pieces.count < 6
      }
    }
    #expect(ended?.code == .cancelled && pieces.hasPrefix("HH EH1"))
    guard case .answers(let answers)? = ended?.partial else {
      Issue.record("there are no answers")
      return
    }
    #expect(answers.count == 1 && answers[0].hypotheses[0].finish == .cancelled)
  }

  @Test func piecesStream() async throws {
    let scheduler = try Scheduler(model)
    var text = ""
    var last: FinishReason?
    for try await piece in scheduler.stream("hello") {
      text += piece.text
      last = piece.finish
    }
    #expect(text == "HH EH1 L OW0" && last == .end)
    // Who stops listening ends the request, and the others go on.
    for try await _ in scheduler.stream("attention") { break }
    async let first = scheduler.generate("hello"), second = scheduler.generate("attention", options: ["num_beams": 4])
    let words = try await [first.text, second.text]
    #expect(words == ["HH EH1 L OW0", "AH0 T EH1 N SH AH0 N"])
  }

  @Test func errorsOfStreamsAreTyped() async throws {
    let scheduler = try Scheduler(model)
    do throws(AttendError) {
      for try await _ in scheduler.stream("hello", options: ["num_beans": 4]) {}
      Issue.record("it did not throw")
    } catch { #expect(error.code == .invalidArgument && error.message.contains("num_beans")) }
    do throws(AttendError) {
      _ = try await scheduler.chat([.user("hello")])
      Issue.record("it did not throw")
    } catch { #expect(error.code == .notFound) }
  }

  @Test func cancelledTasksEnd() async throws {
    let scheduler = try Scheduler(model, options: SchedulerOptions(maxRows: 2))
    let long: GenerationOptions = ["min_new_tokens": 60, "max_new_tokens": 60]
    let streaming = Task { () -> AttendError.Code? in
      do throws(AttendError) {
        for try await _ in scheduler.stream("hello", options: long) { withUnsafeCurrentTask { $0?.cancel() } }
        return nil
      } catch { return error.code }
    }
    let waiting = Task { () -> AttendError.Code? in
      withUnsafeCurrentTask { $0?.cancel() }
      do throws(AttendError) {
        _ = try await scheduler.generate("hello", options: long)
        return nil
      } catch { return error.code }
    }
    #expect(await streaming.value == .cancelled)
    #expect(await waiting.value == .cancelled)
    #expect(try await scheduler.generate("hello").text == "HH EH1 L OW0")
  }
}
