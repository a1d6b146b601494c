import ArgumentParser
import CAttend
import Glibc

struct Search: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find the texts of a corpus that are nearest to a query.",
    discussion: """
      With --index the vectors of the corpus are kept in a file, and used again as long as the corpus has as many texts.

      EXAMPLES
        attend search -m all-MiniLM-L6-v2 --corpus notes.txt "how to prune roses"
        attend search -m MiniLM --corpus notes.txt --index notes.index roses
      """)

  @OptionGroup var model: ModelOptions
  @Option(help: "The file of texts to look in, in any form of inputs.", completion: .file()) var corpus: String
  @Option(help: "The member or column of the corpus that holds the text.") var corpusField = "text"
  @Option(help: "A file that keeps the vectors of the corpus.", completion: .file()) var index: String?
  @Option(help: "How many texts are found for each query.") var topK = 5
  @OptionGroup var embedding: EmbedOptions
  @OptionGroup var job: TextJobOptions

  func validate() throws {
    if topK < 1 { throw ValidationError("--top-k must be 1 or more.") }
  }

  func run() throws {
    let model = try model.load(quiet: job.output.quiet)
    let job = try Job(self.job.output)
    let texts = try corpusTexts()
    let index = try searchIndex(model, texts)
    defer { attend_search_index_free(index) }
    let queries = self.job.input.records(into: &job.failures)
    try job.run(
      queries, size: self.job.batchSize, label: "Searching", unit: "queries", model: model, place: \.place,
      failed: { Row(fields: [Field("query", .string($0.text)), Field("error", .string($1))], text: "") },
      work: { records in
        let vectors = try embedding.vectors(model, records.map(\.text))
        return try zip(records, vectors).flatMap { try find($0.text, $1, in: index, texts) }
      })
  }

  private func corpusTexts() throws -> [String] {
    var options = try InputOptions.parse([])
    (options.input, options.field) = ([corpus], corpusField)
    var failures = Failures()
    let texts = options.records(into: &failures).map(\.text)
    guard failures.messages.isEmpty else { throw Trouble(failures.messages.joined(separator: "\n")) }
    guard !texts.isEmpty else { throw Trouble("\(corpus): there is no text in it") }
    return texts
  }

  /// The index in the file, where it fits the corpus, or a new one, which is then kept there.
  private func searchIndex(_ model: Model, _ texts: [String]) throws -> OpaquePointer {
    var handle: OpaquePointer?
    if let index, access(index, R_OK) == 0 {
      try attempt(attend_search_index_open(index, nil, &handle))
      let (count, width) = (attend_search_index_count(handle), attend_search_index_width(handle))
      if count == texts.count && width == model.info.embedding_size { return handle! }
      attend_search_index_free(handle)
      Terminal.note("\(index): \(count) vectors of \(width) numbers for \(texts.count) texts: made anew")
    }
    let vectors = try embedding.all(model, texts, size: job.batchSize, quiet: job.output.quiet)
    var options = attend_search_index_options.initial
    options.normalize = true
    try attempt(attend_search_index_create(vectors[0].count, &options, &handle))
    do {
      for vector in vectors {
        try vector.withUnsafeBufferPointer { try attempt(attend_search_index_add(handle, $0.baseAddress!, 1)) }
      }
      if let index { try attempt(attend_search_index_save(handle, index)) }
    } catch {
      attend_search_index_free(handle)
      throw error
    }
    return handle!
  }

  private func find(
    _ query: String, _ vector: ArraySlice<Float>, in index: OpaquePointer, _ texts: [String]
  ) throws -> [Row] {
    let count = min(topK, texts.count)
    var (numbers, scores) = ([Int64](repeating: -1, count: count), [Float](repeating: 0, count: count))
    try vector.withUnsafeBufferPointer {
      try attempt(attend_search_index_search(index, $0.baseAddress!, 1, count, &numbers, &scores))
    }
    return zip(numbers, scores).enumerated().map { rank, found in
      let text = texts[Int(found.0)]
      return Row(
        fields: [
          Field("query", .string(query)), Field("rank", .integer(rank + 1)), Field("number", .integer(Int(found.0))),
          Field("score", .float(found.1)), Field("text", .string(text)),
        ], text: "\(fixed(Double(found.1), 4))\t\(line(text))")
    }
  }
}
