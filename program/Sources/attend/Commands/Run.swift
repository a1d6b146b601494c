import ArgumentParser
import CAttend

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Go on from a prompt, or have a conversation in the terminal.",
    discussion: """
      With a prompt, the answer is written as it is made. Without one, in a terminal, a conversation begins (/help \
      tells its commands); otherwise the standard input is the prompt. A model with a chat template is asked as it was \
      trained to be; --raw goes on from the prompt as it stands. With --input each text is a prompt.

      EXAMPLES
        attend run -m Qwen3-0.6B "Why is the sky blue?"
        attend run -m Qwen3-0.6B
        attend run -m gpt2 --raw --sample --seed 7 "Once upon a time"
        attend run -m Qwen3-0.6B --system "Answer politely." < letter.txt
        attend run -m Qwen3-0.6B -i prompts.csv --format csv -o answers.csv
      """)

  @OptionGroup var model: ModelOptions
  @Argument(help: "The prompt; several words are one prompt.") var prompt: [String] = []
  @Option(help: "What the model is told before the conversation.") var system: String?
  @Option(help: "A picture that the prompt is about. May be repeated.", completion: .file()) var image: [String] = []
  @Flag(help: "Go on from the prompt as it stands, without the chat template.") var raw = false
  @Option(
    name: .shortAndLong, help: "A file of prompts; - is the standard input. May be repeated.", completion: .file())
  var input: [String] = []
  @Option(help: "The form of files: lines, whole, json, jsonl, csv or tsv.") var from: InputForm?
  @Option(help: "The member of objects, or the column, that holds the prompt.") var field = "text"
  @Option(help: "How many prompts are given to the model at once.") var batchSize = 32
  @Option(help: "The file in which the conversation is kept, and goes on from.", completion: .file())
  var conversation: String?
  @OptionGroup(title: "Generation") var generation: GenerationOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    if !prompt.isEmpty && !input.isEmpty { throw ValidationError("Give a prompt or --input, not both.") }
    if !image.isEmpty && !input.isEmpty { throw ValidationError("--image does not go together with --input.") }
    if raw && (system != nil || !image.isEmpty) {
      throw ValidationError("--system and --image need the chat template, which --raw leaves out.")
    }
  }

  func run() throws {
    let model = try model.load(quiet: output.quiet)
    let isChat = !raw && model.hasChatTemplate
    if !isChat && (system != nil || !image.isEmpty) {
      throw Trouble("\(model.folder): --system and --image need a chat template, and there is none")
    }
    if !input.isEmpty { return try batch(model, isChat: isChat) }
    var talk = Conversation(model, isChat: isChat, options: generation.fields, system: system)
    if let conversation { try talk.load(conversation) }
    if prompt.isEmpty && Terminal.isTerminal(0) {
      return try Chat(talk, file: conversation).run(images: image)
    }
    let text = prompt.isEmpty ? String(decoding: try readFile("-"), as: UTF8.self) : prompt.joined(separator: " ")
    try answer(&talk, text)
    if let conversation { try talk.save(conversation) }
  }

  /// One prompt: as text it is written while it is made.
  private func answer(_ talk: inout Conversation, _ text: String) throws {
    let writer = try Writer(output)
    let streams = output.format == .text && output.output == nil
    var last: Character = "\n"
    let found = try talk.ask(text, images: image) { piece in
      guard streams else { return }
      Terminal.write(piece)
      last = piece.last ?? last
    }
    if streams {
      if talk.streamed { if last != "\n" { Terminal.write("\n") } } else { Terminal.write(found.text + "\n") }
    } else {
      try writer.write([row(text, found)])
      try writer.finish()
    }
    if interrupt.isAsked { throw Interrupted() }
  }

  private func row(_ prompt: String, _ found: Generated) -> Row {
    Row(
      fields: [
        Field("prompt", .string(prompt)), Field("answer", .string(found.text)), Field("tokens", .integer(found.tokens)),
        Field("finish_reason", .string(found.finish)),
      ], text: line(found.text))
  }

  /// Many prompts side by side.
  private func batch(_ model: Model, isChat: Bool) throws {
    var source = try InputOptions.parse([])
    (source.input, source.from, source.field) = (input, from, field)
    let job = try Job(output)
    let records = source.records(into: &job.failures)
    let config = generation.fields
    try job.run(
      records, size: batchSize, label: "Answering", unit: "prompts", model: model, place: \.place,
      failed: { Row(fields: [Field("prompt", .string($0.text)), Field("error", .string($1))], text: "") },
      work: { records in
        let texts = records.map(\.text)
        let found =
          try isChat
          ? chat(model, texts, config)
          : attend.generate(config) { options, out in
            Texts(texts).give { attend_generate_texts(model.session, $0, $1, $2, options, out) }
          }
        return finished(records, found).map { row($0.text, $1[0]) }
      })
  }

  /// Answers to prompts, each a conversation of its own, all of them in one batch.
  private func chat(_ model: Model, _ texts: [String], _ config: [Field]) throws -> [[Generated]] {
    let tokenizer = try model.tokenizer()
    var (ids, lengths) = ([Int32](), [Int]())
    for text in texts {
      let spoken = Conversation.messages(system: system, text).json
      var options = attend_chat_options.initial
      options.generation_prompt = true
      var encoding: OpaquePointer?
      try attempt(attend_tokenizer_encode_chat(tokenizer, spoken, spoken.utf8.count, &options, &encoding))
      defer { attend_encoding_free(encoding) }
      var count = 0
      let tokens = attend_encoding_ids(encoding, &count)
      ids += UnsafeBufferPointer(start: tokens, count: count)
      lengths.append(count)
    }
    return try ids.withUnsafeBufferPointer { ids in
      try lengths.withUnsafeBufferPointer { lengths in
        var batch = attend_batch.initial
        (batch.tokens, batch.lengths, batch.count) = (ids.baseAddress, lengths.baseAddress, lengths.count)
        return try generate(config) { attend_generate(model.session, &batch, $0, $1) }
      }
    }
  }
}
