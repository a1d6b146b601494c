internal import CAttend

extension Session {
  /// A vector for each of the texts, `[texts, width]`; at most one of the prompts may be given, by itself or by its
  /// name in the folder. Errors: invalidArgument, unsupported (an encoder-decoder), and those of the tokenizer.
  public func embed(
    _ texts: [String], prompt: String? = nil, promptName: String? = nil, dimensions: Int = 0
  ) throws(AttendError) -> Rows {
    var raw = initial(attend_embed_options.self)
    raw.truncate_dim = max(dimensions, 0)
    let found = try tensor { made in
      withText(prompt) { prompt in
        withText(promptName) { name in
          raw.prompt = prompt
          raw.prompt_name = name
          return withTexts(texts) { attend_embed(handle, $0, $1, $2, &raw, made) }
        }
      }
    }
    return Rows(found)
  }
}

/// A vector that was found.
public struct Match: Sendable, Equatable {
  /// The number that it got when it was added.
  public let number: Int
  public let score: Float
}

/// Vectors that can be looked for, exactly. Looking is for any number of threads and tasks at once; adding waits for
/// nobody, so the index is noncopyable and adding is mutating: the compiler sees to it that nobody looks meanwhile.
public struct SearchIndex: ~Copyable, @unchecked Sendable {
  private let handle: OpaquePointer

  /// An index without vectors, of `width` numbers each. `normalized`: scores are cosines. In int8 a number takes 1
  /// byte, in float32 5. Errors: invalidArgument, unsupported, outOfMemory.
  public init(
    width: Int, type: ComputeType = .float32, normalized: Bool = false, threads: Int = 0
  ) throws(AttendError) {
    var raw = initial(attend_search_index_options.self)
    raw.type = type.raw
    raw.normalize = normalized
    raw.threads = UInt32(clamping: threads)
    var made: OpaquePointer?
    try attempt(attend_search_index_create(max(width, 0), &raw, &made))
    handle = made!
  }

  /// One that `save` wrote. Errors: notFound, io, invalidFile.
  public init(path: String, threads: Int = 0) throws(AttendError) {
    var raw = initial(attend_search_index_options.self)
    raw.threads = UInt32(clamping: threads)
    var made: OpaquePointer?
    try attempt(attend_search_index_open(path, &raw, &made))
    handle = made!
  }

  deinit { attend_search_index_free(handle) }

  public var count: Int { attend_search_index_count(handle) }
  public var width: Int { attend_search_index_width(handle) }
  /// The bytes that the vectors take, in memory or in the file.
  public var bytes: Int { attend_search_index_bytes(handle) }

  /// Adds vectors, which get the next numbers. Errors: invalidArgument, outOfMemory.
  public mutating func add(_ vectors: Rows) throws(AttendError) {
    try check(vectors)
    try attempt(attend_search_index_add(handle, vectors.values, vectors.count))
  }

  /// For each query the vectors with the largest products, the best first, at most `topK`.
  public func search(_ queries: Rows, topK: Int) throws(AttendError) -> [[Match]] {
    try check(queries)
    let (places, overflow) = queries.count.multipliedReportingOverflow(by: min(max(topK, 0), max(count, 1)))
    guard topK > 0, !overflow else { throw AttendError(.invalidArgument, "top_k is \(topK)") }
    let each = min(topK, max(count, 1))
    var numbers = [Int64](repeating: 0, count: places), scores = [Float](repeating: 0, count: places)
    try attempt(attend_search_index_search(handle, queries.values, queries.count, each, &numbers, &scores))
    return (0..<queries.count).map { query in
      (query * each..<(query + 1) * each).filter { numbers[$0] >= 0 }
        .map { Match(number: Int(numbers[$0]), score: scores[$0]) }
    }
  }

  /// Errors: notFound (the folder), io.
  public func save(_ path: String) throws(AttendError) { try attempt(attend_search_index_save(handle, path)) }

  private func check(_ rows: Rows) throws(AttendError) {
    guard rows.width == width else {
      throw AttendError(.invalidArgument, "vectors of this index have \(width) numbers, not \(rows.width)")
    }
  }
}
