import ArgumentParser

/// Many inputs, worked on in parts. An input that fails becomes a row with its error, and the others are done.
final class Job {
  let writer: Writer
  var failures = Failures()
  private let quiet: Bool
  /// What was wrong with inputs that failed.
  private var reasons: Set<String> = []

  init(_ output: OutputOptions) throws {
    writer = try Writer(output)
    quiet = output.quiet
  }

  /// Runs `work` on parts of the inputs, writes its rows, ends the output and tells what failed.
  /// `work` gives the rows of each input of a part, in order; where it throws, inputs are tried one by one.
  func run<Input>(
    _ inputs: [Input], size: Int, label: String, unit: String, model: Model,
    place: (Input) -> String, failed: (Input, String) -> Row, work: ([Input]) throws -> [Row]
  ) throws {
    let bar = Progress(label, total: inputs.count, unit: unit, hidden: quiet)
    defer { bar.clear() }
    try model.interruptible {
      do {
        try parts(of: inputs, size, bar) { try rowsOf($0, place: place, failed: failed, work: work) }
      } catch {
        // A list of JSON gets its end whatever happens.
        try? writer.finish()
        throw error
      }
      bar.clear()
      try finish()
    }
  }

  private func parts<Input>(
    of inputs: [Input], _ size: Int, _ bar: Progress, rows: ([Input]) throws -> [Row]
  ) throws {
    var first = 0
    while first < inputs.count && !interrupt.isAsked {
      let part = Array(inputs[first..<min(first + max(size, 1), inputs.count)])
      let rows = try rows(part)
      bar.clear()
      if first == 0, part.count > 1, failures.messages.count == part.count, reasons.count == 1 {
        throw Trouble(reasons.first!)  // Not the inputs are to blame, nor will those that follow do better.
      }
      try writer.write(rows)
      first += part.count
      bar.reach(first)
    }
  }

  private func rowsOf<Input>(
    _ part: [Input], place: (Input) -> String, failed: (Input, String) -> Row, work: ([Input]) throws -> [Row]
  ) throws -> [Row] {
    do {
      return try work(part)
    } catch let trouble as Trouble where trouble.isCancelled {
      return []
    } catch let trouble as Trouble where trouble.concernsInput {
      if part.count == 1 {
        reasons.insert("\(trouble)")
        failures.add("\(place(part[0])): \(trouble)")
        return [failed(part[0], "\(trouble)")]
      }
    }
    var rows: [Row] = []
    for input in part where !interrupt.isAsked {
      rows += try rowsOf([input], place: place, failed: failed, work: work)
    }
    return rows
  }

  /// Ends the output; throws where Ctrl-C ended the work, or something failed.
  func finish() throws {
    try writer.finish()
    try failures.report()
  }
}

/// The options of commands that work on texts.
struct TextJobOptions: ParsableArguments {
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: OutputOptions
  @Option(help: "How many texts are given to the model at once.") var batchSize = 32

  /// Loads the model, reads the texts, and runs `work` on parts of them.
  func run(
    _ options: ModelOptions, label: String, plain: InputForm = .lines,
    work: (Model, [Record]) throws -> [Row]
  ) throws {
    let model = try options.load(quiet: output.quiet)
    let job = try Job(output)
    let records = input.records(plain: plain, into: &job.failures)
    try job.run(
      records, size: batchSize, label: label, unit: "texts", model: model, place: \.place,
      failed: { Row(fields: [Field("text", .string($0.text)), Field("error", .string($1))], text: "") },
      work: { try work(model, $0) })
  }
}
