import CAttend

/// `POST /v1/embeddings`
func embeddings(_ request: Request, _ reply: Reply, _ server: Server) throws {
  var fields = try jsonFields(request)
  let host = try server.models.named(try fields.string("model"))
  let width = try embeddingWidth(host)
  let dimensions = try fields.integer("dimensions", 1...width) ?? 0
  let form = try fields.string("encoding_format") ?? "float"
  guard form == "float" || form == "base64" else {
    throw APIError.invalid(
      "encoding_format is \"\(form)\"; it is float or base64.", "encoding_format", code: "invalid_value")
  }
  let truncates = try fields.bool("truncate") ?? false
  let prompt = try EmbeddingPrompt(&fields)
  fields.ignore("user")
  let texts = try readTexts(fields.take("input"), host)
  try fields.finish()
  let limit = TextLimit(host)
  let counts = try texts.enumerated().map {
    try limit.tokens((prompt.text ?? "") + $1, truncates: truncates, "input[\($0)]")
  }
  let seat = try host.admit(server)
  host.worker.run(reply) {
    defer { withExtendedLifetime(seat) {} }
    let vectors = try prompt.vectors(host.model, texts, dimensions: dimensions)
    let rows = vectors.enumerated().map { index, vector in
      Value.object([
        Field("object", .string("embedding")), Field("index", .integer(index)),
        Field("embedding", form == "float" ? .list(vector.map { .float($0) }) : .string(base64(vector))),
      ])
    }
    let total = counts.reduce(0, +)
    server.metrics.used(host.id, prompt: total, generated: 0)
    reply.send(
      .object([
        Field("object", .string("list")), Field("data", .list(rows)), Field("model", .string(host.id)),
        Field("usage", embeddingUsage(total)),
      ]))
  }
}

/// The numbers as float32, the first byte the least.
private func base64(_ vector: ArraySlice<Float>) -> String {
  vector.map(\.bitPattern.littleEndian).withUnsafeBytes { Base64.encode($0) }
}

private func embeddingUsage(_ tokens: Int) -> Value {
  .object([Field("prompt_tokens", .integer(tokens)), Field("total_tokens", .integer(tokens))])
}

private func embeddingWidth(_ host: Host) throws(APIError) -> Int {
  guard host.model.info.embedding_size > 0 else {
    throw .invalid("\(host.id) makes no embeddings.", "model", code: "unsupported")
  }
  return host.model.info.embedding_size
}

extension EmbeddingPrompt {
  /// The prompt before the texts of a request: `prompt`, or by its name `prompt_name`.
  init(_ fields: inout RequestFields) throws(APIError) {
    self.init(text: try fields.string("prompt"), name: try fields.string("prompt_name"))
    if text != nil && name != nil {
      throw .invalid("Give prompt or prompt_name, not both.", "prompt", code: "invalid_value")
    }
  }
}

/// The texts of a request. Ids of tokens are taken where they are how the tokenizer writes their text.
private func readTexts(_ value: Value?, _ host: Host) throws -> [String] {
  guard let value else { throw APIError.invalid("input is missing.", "input", code: "missing_parameter") }
  let texts: [String]
  if let strings = value.strings {
    texts = strings
  } else if let ids = value.ids {
    texts = [try text(of: ids, host)]
  } else if let lists = value.items?.map(\.ids), !lists.contains(where: { $0 == nil }) {
    texts = try lists.compactMap(\.self).map { try text(of: $0, host) }
  } else {
    throw RequestFields.wrong("input", "a string, a list of strings, or of ids of tokens", value)
  }
  guard !texts.isEmpty, texts.count <= 2048, !texts.contains("") else {
    throw APIError.invalid(
      "input has \(texts.count) texts; it takes 1 to 2048, none of them empty.", "input", code: "invalid_value")
  }
  return texts
}

private func text(of ids: [Int32], _ host: Host) throws -> String {
  let tokenizer = try host.tokenizer()
  let text = try decodedText(tokenizer, ids, special: false)
  guard try encodedIds(tokenizer, text) == ids || encodedIds(tokenizer, text, special: false) == ids else {
    throw APIError.invalid(
      "These ids are not how the tokenizer of \(host.id) writes a text: send the text itself.", "input",
      code: "invalid_value")
  }
  return text
}

/// How many tokens a model embeds of a text, as sentence-transformers has it.
struct TextLimit {
  private let most: Int
  private let host: Host

  init(_ host: Host) {
    self.host = host
    var most = host.positions
    if let tokenizer = try? host.model.tokenizer() {
      var info = attend_tokenizer_info.initial
      if (try? attempt(attend_tokenizer_get_info(tokenizer, &info))) != nil, info.model_max_length > 0 {
        most = min(most, Int(clamping: UInt(bitPattern: info.model_max_length)))
      }
    }
    let file = try? readFile("\(host.model.folder)/sentence_bert_config.json")
    if let said = file.flatMap({ try? Value(json: $0) })?["max_seq_length"]?.wholeNumber { most = min(most, said) }
    self.most = most
  }

  /// How many tokens of a text are read; more than the model reads are an error, unless the text may be cut.
  func tokens(_ text: String, _ pair: String? = nil, truncates: Bool, _ param: String) throws -> Int {
    var count = try encodedIds(try host.tokenizer(), text).count
    if let pair { count += try encodedIds(try host.tokenizer(), pair).count - 1 }
    guard count > most else { return count }
    guard truncates else {
      throw APIError.tooLong(
        "\(host.id) reads \(most) tokens of a text; \(param) has \(count). With \"truncate\": true it is cut.", param)
    }
    return most
  }
}

/// `POST /v1/rerank`, as Jina and Cohere have it.
func rerank(_ request: Request, _ reply: Reply, _ server: Server) throws {
  var fields = try jsonFields(request)
  let host = try server.models.named(try fields.string("model"))
  guard let query = try fields.string("query"), !query.isEmpty else {
    throw APIError.invalid("query is missing.", "query", code: "missing_parameter")
  }
  let documents = try readDocuments(fields.take("documents"))
  let top = try fields.integer("top_n", 1...Int.max) ?? documents.count
  let returns = try fields.bool("return_documents") ?? false
  let truncates = try fields.bool("truncate") ?? false
  try fields.finish()
  let isCross = host.model.info.label_count == 1
  guard isCross || host.model.info.label_count == 0 && host.model.info.embedding_size > 0 else {
    throw APIError.invalid(
      "\(host.id) ranks nothing: it takes a cross-encoder with one label, or a model of embeddings.", "model",
      code: "unsupported")
  }
  let limit = TextLimit(host)
  let counts = try documents.enumerated().map { index, document in
    let text = isCross ? (query, document) : (document, nil)
    return try limit.tokens(text.0, text.1, truncates: truncates, "documents[\(index)]")
  }
  let total = try counts.reduce(isCross ? 0 : limit.tokens(query, truncates: truncates, "query"), +)
  let seat = try host.admit(server)
  host.worker.run(reply) {
    defer { withExtendedLifetime(seat) {} }
    let scores =
      isCross
      ? try pairScores(host, query, documents, truncates: truncates) : try cosines(host, query, documents)
    server.metrics.used(host.id, prompt: total, generated: 0)
    reply.send(ranking(host, documents, scores, top, returns: returns, total))
  }
}

private func ranking(
  _ host: Host, _ documents: [String], _ scores: [Double], _ top: Int, returns: Bool, _ tokens: Int
) -> Value {
  let order = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
  let results = order.prefix(top).map { index in
    var result = [Field("index", .integer(index)), Field("relevance_score", .number(scores[index]))]
    if returns { result.append(Field("document", .object([Field("text", .string(documents[index]))]))) }
    return Value.object(result)
  }
  return .object([
    Field("id", .string("rerank-\(randomName())")), Field("model", .string(host.id)),
    Field("results", .list(results)), Field("usage", embeddingUsage(tokens)),
  ])
}

private func readDocuments(_ value: Value?) throws(APIError) -> [String] {
  guard let items = value?.items else {
    throw .invalid("documents is missing, or no list.", "documents", code: "missing_parameter")
  }
  let texts = items.compactMap { $0.text ?? $0["text"]?.text }
  guard texts.count == items.count, !texts.isEmpty, texts.count <= 2048 else {
    throw .invalid(
      "documents takes 1 to 2048 strings, or objects with text.", "documents", code: "invalid_value")
  }
  return texts
}

/// How well documents answer a query, by a cross-encoder.
private func pairScores(
  _ host: Host, _ query: String, _ documents: [String], truncates: Bool
) throws -> [Double] {
  var handle: OpaquePointer?
  var options = attend_classify_options.initial
  if truncates { options.max_length = host.positions == Int.max ? 0 : host.positions }
  let queries = Texts([String](repeating: query, count: documents.count))
  let texts = Texts(documents)
  try texts.give { pairs, sizes, _ in
    try queries.give {
      try attempt(attend_classify_texts(host.model.session, $0, $1, pairs, sizes, $2, &options, &handle))
    }
  }
  defer { attend_classification_free(handle) }
  return try documents.indices.map { index in
    var entry = attend_class.initial
    try attempt(attend_classification_get(handle, index, 0, &entry))
    return entry.score
  }
}

/// The cosines between the embeddings of a query and documents.
private func cosines(_ host: Host, _ query: String, _ documents: [String]) throws -> [Double] {
  let file = try? readFile("\(host.model.folder)/config_sentence_transformers.json")
  let prompts = file.flatMap { try? Value(json: $0) }?["prompts"]
  func name(_ names: [String]) -> String? { names.first { prompts?[$0] != nil } }
  let asked = try EmbeddingPrompt(name: name(["query"])).vectors(host.model, [query])[0]
  let found = try EmbeddingPrompt(name: name(["document", "passage"])).vectors(host.model, documents)
  func product(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Double {
    zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }
  let length = product(asked, asked).squareRoot()
  return found.map { vector in
    let lengths = length * product(vector, vector).squareRoot()
    return lengths > 0 ? product(asked, vector) / lengths : 0
  }
}
