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
        attend transcribe -m whisper-small -f srt --output-folder subtitles *.wav
        attend transcribe -m whisper-small --language de --task translate rede.wav
        attend transcribe -m wav2vec2-base-960h --words -f json - < clip.wav
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
    try model.interruptible {
      for sound in sounds where !interrupt.isAsked {
        failures.collect(sound) {
          let text = try transcribe(model, sound)
          bar.clear()
          try writeFile(outputFolder.map { "\($0)/\(stem(sound)).\(format.rawValue)" } ?? output, Array(text.utf8))
        }
        bar.advance()
      }
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
