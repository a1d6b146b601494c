import ArgumentParser
import CAttend

/// How texts become vectors.
struct EmbedOptions: ParsableArguments {
  @Option(help: "A text before each text, for models that were trained so.") var prompt: String?
  @Option(help: "A prompt by its name in config_sentence_transformers.json.") var promptName: String?

  func validate() throws {
    if prompt != nil && promptName != nil { throw ValidationError("Give --prompt or --prompt-name, not both.") }
  }

  /// The vectors of texts, end to end.
  func vectors(_ model: Model, _ texts: [String], dimensions: Int = 0) throws -> [ArraySlice<Float>] {
    try EmbeddingPrompt(text: prompt, name: promptName).vectors(model, texts, dimensions: dimensions)
  }
}

/// What stands before texts that become vectors: a text, or one that config_sentence_transformers.json names.
struct EmbeddingPrompt: Sendable {
  var text: String?
  var name: String?

  /// The vectors of texts, end to end.
  func vectors(_ model: Model, _ texts: [String], dimensions: Int = 0) throws -> [ArraySlice<Float>] {
    let all = Texts(texts)
    var options = attend_embed_options.initial
    options.truncate_dim = dimensions
    var found = attend_tensor()
    try withText(text) { prompt in
      try withText(name) { name in
        (options.prompt, options.prompt_name) = (prompt, name)
        try all.give { try attempt(attend_embed(model.session, $0, $1, $2, &options, &found)) }
      }
    }
    let width = found.shape.1
    let numbers = Array(
      UnsafeBufferPointer(start: found.data.assumingMemoryBound(to: Float.self), count: texts.count * width))
    return (0..<texts.count).map { numbers[$0 * width..<($0 + 1) * width] }
  }
}

struct Embed: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn texts into vectors.",
    discussion: """
      EXAMPLES
        attend embed -m all-MiniLM-L6-v2 "This is a sentence." --format jsonl
        attend embed -m all-MiniLM-L6-v2 -i corpus.txt --npy corpus.npy
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var embedding: EmbedOptions
  @Option(help: "How many numbers of each vector are kept, the first ones; 0: all.") var dimensions = 0
  @Option(
    help: "Write all vectors to a file of numpy, float32, [texts, width].", completion: .file(extensions: ["npy"]))
  var npy: String?
  @OptionGroup var job: TextJobOptions

  func run() throws {
    if let npy { return try save(npy) }
    try job.run(model, label: "Embedding") { model, records in
      let vectors = try embedding.vectors(model, records.map(\.text), dimensions: dimensions)
      return zip(records, vectors).map { record, vector in
        let numbers = vector.map { Value.float($0) }
        return Row(
          fields: [Field("text", .string(record.text)), Field("embedding", .list(numbers))],
          text: numbers.map(\.plain).joined(separator: " "))
      }
    }
  }

  /// A file of numpy has no place for a text that fails: any failure is one of the whole command.
  private func save(_ path: String) throws {
    let model = try model.load(quiet: job.output.quiet)
    var failures = Failures()
    let texts = job.input.records(into: &failures).map(\.text)
    guard failures.messages.isEmpty else { throw Trouble(failures.messages.joined(separator: "\n")) }
    let vectors = try embedding.all(
      model, texts, dimensions: dimensions, size: job.batchSize, quiet: job.output.quiet)
    let width = vectors.first?.count ?? 0
    var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(texts.count), \(width)), }"
    header += String(repeating: " ", count: 63 - (header.utf8.count + 10) % 64) + "\n"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes += [UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)] + Array(header.utf8)
    for vector in vectors { vector.withUnsafeBytes { bytes += $0 } }
    try writeFile(path, bytes)
  }
}

extension EmbedOptions {
  /// The vectors of any number of texts, with a bar.
  func all(
    _ model: Model, _ texts: [String], dimensions: Int = 0, size: Int, quiet: Bool
  ) throws -> [ArraySlice<Float>] {
    let bar = Progress("Embedding", total: texts.count, unit: "texts", hidden: quiet)
    defer { bar.clear() }
    var found: [ArraySlice<Float>] = []
    while found.count < texts.count {
      let part = Array(texts[found.count..<min(found.count + max(size, 1), texts.count)])
      do {
        found += try model.interruptible { try vectors(model, part, dimensions: dimensions) }
      } catch let trouble as Trouble where trouble.isCancelled {
        throw Interrupted()
      }
      bar.reach(found.count)
    }
    return found
  }
}
