import ArgumentParser
import CAttend

/// The forms in which transcriptions are written.
enum TranscriptForm: String, CaseIterable, ExpressibleByArgument {
  case txt, srt, vtt, json

  var code: attend_transcription_format_kind? {
    switch self {
    case .txt: nil
    case .srt: ATTEND_FORMAT_SRT
    case .vtt: ATTEND_FORMAT_VTT
    case .json: ATTEND_FORMAT_JSON
    }
  }
}

struct Transcribe: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write down what is said in recordings.",
    discussion: """
      EXAMPLES
        attend transcribe -m whisper-small interview.mp3
        attend transcribe -m whisper-small --language de --task translate --format srt *.wav --output-folder subtitles
        attend transcribe -m wav2vec2-base-960h --words --format json - < clip.wav
      """)

  @OptionGroup var model: ModelOptions
  @Argument(help: "Sound files; - is the standard input.", completion: .file()) var sounds: [String]
  @Option(name: .shortAndLong, help: "The form of results.") var format: TranscriptForm = .txt
  @Option(name: .shortAndLong, help: "The file to write to, of one recording.", completion: .file())
  var output: String?
  @Option(help: "The folder for a file of each recording, named like it.", completion: .directory)
  var outputFolder: String?
  @Option(help: "The language that is spoken, as the model names it; without it, it is detected.")
  var language: String?
  @Option(help: "transcribe, or translate (into English).") var task: String?
  @Flag(help: "Tell the times of words.") var words = false
  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("Any other option of docs/generation.md. May be repeated.", valueName: "name=value"))
  var settings: [String] = []
  @Flag(name: .shortAndLong, help: "No progress bar.") var quiet = false

  func validate() throws {
    if sounds.isEmpty { throw ValidationError("Name at least one sound file; - is the standard input.") }
    if output != nil && sounds.count > 1 {
      throw ValidationError("--output is for one recording; --output-folder for several.")
    }
    if output != nil && outputFolder != nil { throw ValidationError("Give --output or --output-folder, not both.") }
  }

  func run() throws {
    let model = try model.load(quiet: quiet)
    var failures = Failures()
    let bar = Progress("Transcribing", total: sounds.count, unit: "files", hidden: quiet)
    for sound in sounds where !interrupt.isAsked {
      failures.collect(sound) {
        let text = try model.interruptible { try transcribe(model, sound) }
        bar.clear()
        try writeFile(outputFolder.map { "\($0)/\(stem(sound)).\(format.rawValue)" } ?? output, Array(text.utf8))
      }
      bar.advance()
    }
    bar.clear()
    try failures.report()
  }

  private var config: [Field] {
    var fields: [Field] = []
    if let language { fields.append(Field("language", .string(language))) }
    if let task { fields.append(Field("task", .string(task))) }
    if words { fields.append(Field("return_timestamps", .string("word"))) }
    return fields + namedValues(settings)
  }

  private func transcribe(_ model: Model, _ sound: String) throws -> String {
    var options = attend_transcribe_options.initial
    var handle: OpaquePointer?
    defer { attend_transcription_free(handle) }
    let fields = config
    try withText(fields.isEmpty ? nil : Value.object(fields).json) { config in
      options.config = config
      try withInputs([sound]) { inputs in
        do {
          try attempt(attend_transcribe(model.session, inputs, 1, &options, &handle))
        } catch {
          guard (error as? Trouble)?.isCancelled == true, handle != nil else { throw error }
        }
      }
    }
    guard let code = format.code else {
      var length = 0
      let bytes = attend_transcription_text(handle, 0, &length)
      return utf8(bytes, length).trimmed + "\n"
    }
    var written: OpaquePointer?
    try attempt(attend_transcription_format(handle, 0, code, words, &written))
    let text = take(written)
    return text.hasSuffix("\n") ? text : text + "\n"
  }
}

struct Describe: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what is in pictures.",
    discussion: """
      EXAMPLES
        attend describe -m models/shapes-en models/shapes-en/scene.png
        attend describe -m llava-1.5-7b-hf --prompt "What is on the table?" table.jpg
        attend describe -m blip-image-captioning-base *.jpg --format csv -o captions.csv
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
    var job = try Job(output)
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

struct Draw: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw pictures of a text.",
    discussion: """
      EXAMPLES
        attend draw -m dalle-mini "an armchair like an avocado" -o chair.png --seed 1
        attend draw -m dalle-mini "a red bird" -o bird.png --candidates 8 --clip clip-vit-base-patch32
      """)

  @OptionGroup var model: ModelOptions
  @Argument(help: "What is to be drawn.") var text: String
  @Option(
    name: .shortAndLong, help: "The file of the picture, PNG; of several NAME-2.png and so on.", completion: .file())
  var output = "drawing.png"
  @Option(help: "The seed of the random numbers.") var seed: UInt64 = 0
  @Option(help: "How many pictures are drawn.") var candidates = 1
  @Option(help: "The divisor of the logits.") var temperature = 1.0
  @Option(help: "Draw from so many of the most probable tokens; 0: all.") var topK = 0
  @Option(help: "How far the picture is led by the text; 0: as the model's own program has it.")
  var conditionScale = 0.0
  @Option(help: "The folder of a CLIP that puts the best candidate first.", completion: .directory) var clip: String?
  @Option(help: "The folder of the VQGAN that paints.", completion: .directory) var painter: String?
  @Flag(name: .shortAndLong, help: "No progress bar.") var quiet = false

  func validate() throws {
    if candidates < 1 { throw ValidationError("--candidates must be 1 or more.") }
    if topK < 0 { throw ValidationError("--top-k must be 0 or more.") }
  }

  func run() throws {
    let model = try model.load(quiet: quiet)
    var judge: OpaquePointer?
    if let clip { try attempt(attend_model_create(clip, nil, &judge)) }
    defer { attend_model_free(judge) }
    var options = attend_draw_options.initial
    (options.seed, options.candidates, options.temperature) = (seed, candidates, temperature)
    (options.top_k, options.condition_scale, options.clip) = (topK, conditionScale, judge)
    let handle = try draw(model, &options)
    defer { attend_drawing_free(handle) }
    for index in 0..<attend_drawing_count(handle) {
      let path = index == 0 ? output : "\(output.dropLast(pathExtension(output).count + 1))-\(index + 1).png"
      try attempt(attend_drawing_save(handle, index, path))
      let score = attend_drawing_score(handle, index)
      Terminal.write(score.isNaN ? "\(path)\n" : "\(path)\t\(fixed(score, 4))\n")
    }
  }

  private func draw(_ model: Model, _ options: inout attend_draw_options) throws -> OpaquePointer? {
    var handle: OpaquePointer?
    do {
      try withText(painter) { painter in
        options.painter = painter
        try model.interruptible {
          try attempt(attend_draw(model.session, text, text.utf8.count, &options, &handle))
        }
      }
    } catch let trouble as Trouble where trouble.isCancelled {
      throw Interrupted()
    }
    return handle
  }
}
