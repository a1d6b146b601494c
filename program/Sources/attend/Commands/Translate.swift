import ArgumentParser
import CAttend

struct Translate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Translate texts, or turn them into others, with an encoder-decoder.",
    discussion: """
      EXAMPLES
        attend translate -m models/g2p-en hello attention
        attend translate -m nllb-200 -s en -t fr -i letters.txt -o lettres.txt
        attend translate -m marian-en-de --from jsonl --format jsonl < rows.jsonl
      """)

  @OptionGroup var model: ModelOptions
  @Option(name: [.customShort("s"), .customLong("source")], help: "The language of the texts, as the model names it.")
  var source: String?
  @Option(name: [.customShort("t"), .customLong("target")], help: "The language to translate into.")
  var target: String?
  @Option(help: "Cut longer texts to as many tokens; without it they are an error.") var maxLength = 0
  @OptionGroup(title: "Generation") var generation: GenerationOptions
  @OptionGroup var job: TextJobOptions

  func run() throws {
    let config = generation.fields
    try job.run(model, label: "Translating") { model, records in
      let texts = Texts(records.map(\.text))
      var how = attend_translate_options.initial
      how.max_length = maxLength
      let found = try withText(source) { source in
        try withText(target) { target in
          (how.src_lang, how.tgt_lang) = (source, target)
          return try attend.generate(config) { options, out in
            texts.give { attend_translate(model.session, $0, $1, $2, &how, options, out) }
          }
        }
      }
      return finished(records, found).map { Generated.row($0.text, "translation", $1) }
    }
  }
}
