import ArgumentParser
import CAttend

struct Answer: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer questions by stretches of a text.",
    discussion: """
      EXAMPLES
        attend answer -m bert-squad --about report.txt "Who wrote it?" "When?"
        attend answer -m bert-squad -i asked.jsonl --field question --context text
      """)

  @OptionGroup var model: ModelOptions
  @Option(help: "The file with the text that answers all questions.", completion: .file()) var about: String?
  @Option(help: "The field that holds the text which answers a question.") var context = "context"
  @Option(help: "How many answers are given, the best ones.") var topK = 1
  @Option(help: "Tokens of an answer at most.") var maxAnswerLength = 15
  @Option(help: "Tokens of question and text that are read at once; longer texts are read in windows. 0: 384.")
  var maxLength = 0
  @Option(help: "Tokens of the text that windows share; 0: 128.") var stride = 0
  @Flag(help: "That the text holds no answer is an answer too.") var allowNoAnswer = false
  @OptionGroup var job: TextJobOptions

  func run() throws {
    let passage = try about.map { String(decoding: try readFile($0), as: UTF8.self) }
    var options = attend_answer_options.initial
    (options.top_k, options.max_answer_length) = (topK, maxAnswerLength)
    (options.max_length, options.stride, options.allow_no_answer) = (maxLength, stride, allowNoAnswer)
    try job.run(model, label: "Answering") { model, records in
      let questions = Texts(records.map(\.text))
      let texts = Texts(try records.map { try passage ?? $0.field(context) })
      var handle: OpaquePointer?
      try questions.give { asked, sizes, _ in
        try texts.give { try attempt(attend_answer(model.session, asked, sizes, $0, $1, $2, &options, &handle)) }
      }
      defer { attend_answers_free(handle) }
      return try records.enumerated().map { try row($1, handle!, $0) }
    }
  }

  private func row(_ record: Record, _ handle: OpaquePointer, _ index: Int) throws -> Row {
    let answers = try (0..<attend_answers_span_count(handle, index)).map { rank in
      var span = attend_answer_span.initial
      try attempt(attend_answers_get(handle, index, rank, &span))
      return [
        Field("answer", .string(utf8(span.text, span.text_length))), Field("score", .number(span.score)),
        Field("start", .integer(Int(span.offsets.scalar_start))), Field("end", .integer(Int(span.offsets.scalar_end))),
      ]
    }
    var fields = [Field("question", .string(record.text))] + (answers.first ?? [])
    if topK > 1 { fields.append(Field("answers", .list(answers.map { .object($0) }))) }
    return Row(fields: fields, text: answers.map { line($0[0].value.plain) }.joined(separator: "\t"))
  }
}
