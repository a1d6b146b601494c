import ArgumentParser
import CAttend

struct Describe: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what is in pictures.",
    discussion: """
      EXAMPLES
        attend describe -m models/shapes-en models/shapes-en/scene.png
        attend describe -m llava-1.5-7b-hf -p "What is on the table?" table.jpg
        attend describe -m blip-image-captioning-base -f csv -o seen.csv *.jpg
      """)

  @OptionGroup var model: ModelOptions
  @Argument(help: "Pictures; - is the standard input.", completion: .file()) var pictures: [String]
  @Option(name: .shortAndLong, help: "What is asked, or what the description begins with.") var prompt: String?
  @Option(help: "How many pictures are given to the model at once.") var batchSize = 8
  @OptionGroup(title: "Generation") var generation: GenerationOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func run() throws {
    let model = try model.load(quiet: output.quiet)
    let config = generation.fields
    let job = try Job(output)
    try job.run(
      pictures, size: batchSize, label: "Describing", unit: "pictures", model: model, place: { $0 },
      failed: { Row(fields: [Field("picture", .string($0)), Field("error", .string($1))], text: "") },
      work: { paths in
        let found = try withInputs(paths) { inputs in
          try withText(prompt) { prompt in
            try attend.generate(config) { options, out in
              attend_describe(model.session, inputs, paths.count, prompt, options, out)
            }
          }
        }
        return finished(paths, found).map { path, found in
          let text = found.first?.text.trimmed ?? ""
          return Row(
            fields: [Field("picture", .string(path)), Field("description", .string(text))],
            text: pictures.count > 1 ? "\(path)\t\(line(text))" : text)
        }
      })
  }
}
