import ArgumentParser
import CAttend

/// How tokens become entities.
enum Aggregation: String, CaseIterable, ExpressibleByArgument {
  case none, simple, first, average, max

  var code: attend_aggregation {
    switch self {
    case .none: ATTEND_AGGREGATION_NONE
    case .simple: ATTEND_AGGREGATION_SIMPLE
    case .first: ATTEND_AGGREGATION_FIRST
    case .average: ATTEND_AGGREGATION_AVERAGE
    case .max: ATTEND_AGGREGATION_MAX
    }
  }
}

struct Label: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find entities: give labels to the words of texts.",
    discussion: """
      EXAMPLES
        attend label -m bert-base-NER "Ada Lovelace lived in London."
        attend label -m bert-base-NER --aggregation first -i letters.txt --format jsonl
      """)

  @OptionGroup var model: ModelOptions
  @Option(help: "How tokens become entities.") var aggregation: Aggregation = .simple
  @Flag(help: "Read longer texts in windows.") var windows = false
  @Option(help: "Cut longer texts to as many tokens, or to windows of as many.") var maxLength = 0
  @Option(help: "Tokens that windows share.") var stride = 0
  @OptionGroup var job: TextJobOptions

  func run() throws {
    var options = attend_entity_options.initial
    options.aggregation = aggregation.code
    (options.windows, options.max_length, options.stride) = (windows, maxLength, stride)
    try job.run(model, label: "Labelling") { model, records in
      let texts = Texts(records.map(\.text))
      var handle: OpaquePointer?
      try texts.give { try attempt(attend_find_entities(model.session, $0, $1, $2, &options, &handle)) }
      defer { attend_entities_free(handle) }
      return try records.enumerated().map { try row($1, handle!, $0) }
    }
  }

  private func row(_ record: Record, _ handle: OpaquePointer, _ index: Int) throws -> Row {
    let entities = try (0..<attend_entities_entity_count(handle, index)).map { place in
      var entity = attend_entity.initial
      try attempt(attend_entities_get(handle, index, place, &entity))
      let values: [Field] = [
        Field("label", .string(utf8(entity.label, entity.label_length))), Field("score", .number(entity.score)),
        Field("word", .string(utf8(entity.word, entity.word_length))),
        Field("start", .integer(Int(entity.offsets.scalar_start))),
        Field("end", .integer(Int(entity.offsets.scalar_end))),
      ]
      return Value.object(values)
    }
    let told = entities.map { "\($0["word"]!.plain) (\($0["label"]!.plain))" }.joined(separator: ", ")
    return Row(fields: [Field("text", .string(record.text)), Field("entities", .list(entities))], text: told)
  }
}

struct Answer: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer questions by stretches of a text.",
    discussion: """
      EXAMPLES
        attend answer -m bert-squad --about report.txt "Who wrote it?" "When?"
        attend answer -m bert-squad -i questions.jsonl --field question --context passage --format jsonl
      """)

  @OptionGroup var model: ModelOptions
  @Option(help: "The file with the text that answers all questions.", completion: .file()) var about: String?
  @Option(help: "The field that holds the text which answers a question.") var context = "context"
  @Option(help: "How many answers are given, the best ones.") var topK = 1
  @Option(help: "Tokens of an answer at most.") var maxAnswerLength = 15
  @Flag(help: "That the text holds no answer is an answer too.") var allowNoAnswer = false
  @OptionGroup var job: TextJobOptions

  func run() throws {
    let passage = try about.map { String(decoding: try readFile($0), as: UTF8.self) }
    var options = attend_answer_options.initial
    (options.top_k, options.max_answer_length) = (topK, maxAnswerLength)
    options.allow_no_answer = allowNoAnswer
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

struct Fill: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fill the masked places of texts.",
    discussion: """
      EXAMPLES
        attend fill -m bert-base-uncased "Paris is the capital of [MASK]."
        attend fill -m roberta-base --targets "good, bad" "The film was <mask>."
      """)

  @OptionGroup var model: ModelOptions
  @Option(help: "How many words are told of each place, the best ones.") var topK = 5
  @Option(help: "Words that alone may fill places, with commas between them.") var targets: String?
  @Option(help: "Cut longer texts to as many tokens; without it they are an error.") var maxLength = 0
  @OptionGroup var job: TextJobOptions

  func run() throws {
    let words = Texts((targets ?? "").split(separator: ",").map { String($0).trimmed })
    var options = attend_fill_options.initial
    (options.top_k, options.max_length) = (topK, maxLength)
    try job.run(model, label: "Filling") { model, records in
      let texts = Texts(records.map(\.text))
      var handle: OpaquePointer?
      try words.give { targets, _, count in
        if self.targets != nil { (options.targets, options.target_count) = (targets, count) }
        try texts.give { try attempt(attend_fill(model.session, $0, $1, $2, &options, &handle)) }
      }
      defer { attend_fillings_free(handle) }
      return try records.enumerated().map { try row($1, handle!, $0) }
    }
  }

  private func row(_ record: Record, _ handle: OpaquePointer, _ index: Int) throws -> Row {
    let places = try (0..<attend_fillings_mask_count(handle, index)).map { mask in
      try (0..<attend_fillings_filling_count(handle, index, mask)).map { rank in
        var filling = attend_filling.initial
        try attempt(attend_fillings_get(handle, index, mask, rank, &filling))
        return (
          word: utf8(filling.word, filling.word_length), score: filling.score,
          text: utf8(filling.text, filling.text_length)
        )
      }
    }
    let masks = places.map { words in
      Value.list(
        words.map {
          .object([Field("word", .string($0.word)), Field("score", .number($0.score)), Field("text", .string($0.text))])
        })
    }
    let lines = places.map { $0.map { "\($0.word) (\(fixed($0.score, 4)))" }.joined(separator: ", ") }
    let fields = [
      Field("text", .string(record.text)), Field("filled", .string(places.first?.first?.text ?? "")),
      Field("masks", .list(masks)),
    ]
    return Row(fields: fields, text: lines.joined(separator: "\t"))
  }
}
