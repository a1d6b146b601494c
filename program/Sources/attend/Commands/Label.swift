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
        attend label -m bert-base-NER --aggregation first -i letters.txt
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
