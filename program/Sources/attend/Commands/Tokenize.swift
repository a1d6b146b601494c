import ArgumentParser
import CAttend

struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn texts into tokens, or ids into texts.",
    discussion: """
      Only the tokenizer is read, not the weights: --model may also be the path of a tokenizer's file.

      EXAMPLES
        attend tokenize -m models/g2p-en hello
        attend tokenize -m models/g2p-en --ids hello > hello.ids
        attend tokenize -m models/g2p-en --decode < hello.ids
        attend tokenize -m qwen2 --count -i corpus.txt
      """)

  @Option(
    name: [.customShort("m"), .customLong("model")],
    help: "The folder of a checkpoint, or a tokenizer's file; without it ATTEND_MODEL.", completion: .directory)
  var path: String?
  @Flag(help: "Write ids, rather than tokens.") var ids = false
  @Flag(help: "Write how many tokens there are, rather than which.") var count = false
  @Flag(help: "The texts are ids with spaces between them, which become text.") var decode = false
  @Flag(help: "Leave out the tokens that the template adds; with --decode keep special tokens in the text.")
  var special = false
  @Option(help: "Cut texts to as many tokens.") var maxLength = 0
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func validate() throws {
    if decode && (ids || count || maxLength != 0) {
      throw ValidationError("--decode does not go together with --ids, --count and --max-length.")
    }
    if maxLength < 0 { throw ValidationError("--max-length must be 0 or more.") }
  }

  func run() throws {
    var tokenizer: OpaquePointer?
    try attempt(attend_tokenizer_create(try ModelOptions.folder(path), &tokenizer))
    defer { attend_tokenizer_free(tokenizer) }
    let job = try Job(output)
    for record in input.records(into: &job.failures) {
      var row: Row?
      job.failures.collect(record.place) {
        row = try decode ? decoded(record, tokenizer!) : encoded(record, tokenizer!)
      }
      try job.writer.write([row ?? Row(fields: [Field("text", .string(record.text))], text: "")])
    }
    try job.finish()
  }

  private func encoded(_ record: Record, _ tokenizer: OpaquePointer) throws -> Row {
    var options = attend_tokenize_options.initial
    (options.no_special_tokens, options.max_length) = (special, maxLength)
    var encoding: OpaquePointer?
    try attempt(
      attend_tokenizer_encode(tokenizer, record.text, record.text.utf8.count, &options, &encoding))
    defer { attend_encoding_free(encoding) }
    var length = 0
    let ids = Array(UnsafeBufferPointer(start: attend_encoding_ids(encoding, &length), count: length))
    let offsets = attend_encoding_offsets(encoding)
    let tokens = ids.map { spelling($0, tokenizer) }
    let spans = (0..<length).map { index -> Value in
      let place = offsets![index]
      return .list([.integer(Int(place.scalar_start)), .integer(Int(place.scalar_end))])
    }
    let numbers = ids.map { "\($0)" }
    let fields = [
      Field("text", .string(record.text)), Field("count", .integer(length)),
      Field("ids", .list(ids.map { .integer(Int($0)) })), Field("tokens", .list(tokens.map { .string($0) })),
      Field("offsets", .list(spans)),
    ]
    return Row(fields: fields, text: count ? "\(length)" : (self.ids ? numbers : tokens).joined(separator: " "))
  }

  private func decoded(_ record: Record, _ tokenizer: OpaquePointer) throws -> Row {
    let ids = try record.text.split(whereSeparator: { $0 == " " || $0 == "," }).map { word in
      guard let id = Int32(word) else { throw Trouble("\"\(word)\" is no id") }
      return id
    }
    var options = attend_detokenize_options.initial
    options.keep_special_tokens = special
    var written: OpaquePointer?
    try attempt(attend_tokenizer_decode(tokenizer, ids, ids.count, &options, &written))
    let text = take(written)
    return Row(fields: [Field("ids", .list(ids.map { .integer(Int($0)) })), Field("text", .string(text))], text: text)
  }
}

/// A token as the tokenizer's file spells it.
func spelling(_ id: Int32, _ tokenizer: OpaquePointer) -> String {
  var length = 0
  let bytes = attend_tokenizer_token(tokenizer, id, &length)
  return bytes == nil ? "#\(id)" : utf8(bytes, length)
}
