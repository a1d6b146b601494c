import ArgumentParser
import CAttend

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
