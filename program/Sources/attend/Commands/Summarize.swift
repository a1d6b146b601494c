import ArgumentParser
import CAttend

struct Summarize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Summarize texts, each file as a whole, with an encoder-decoder.",
    discussion: """
      EXAMPLES
        attend summarize -m bart-large-cnn -i article.txt
        attend summarize -m bart-large-cnn --by-parts -i book.txt
        attend summarize -m t5-small -i news.csv --field body --format csv
      """)

  @OptionGroup var model: ModelOptions
  @Flag(help: "Summarize longer texts by parts, and the summaries of the parts in their turn.") var byParts = false
  @Option(help: "Cut longer texts to as many tokens, or to parts of as many.") var maxLength = 0
  @OptionGroup(title: "Generation") var generation: GenerationOptions
  @OptionGroup var job: TextJobOptions

  func run() throws {
    let config = generation.fields
    try job.run(model, label: "Summarizing", plain: .whole) { model, records in
      let texts = Texts(records.map(\.text))
      var how = attend_summarize_options.initial
      (how.max_length, how.by_parts) = (maxLength, byParts)
      let found = try attend.generate(config) { options, out in
        texts.give { attend_summarize(model.session, $0, $1, $2, &how, options, out) }
      }
      return finished(records, found).map { Generated.row($0.text, "summary", $1) }
    }
  }
}
