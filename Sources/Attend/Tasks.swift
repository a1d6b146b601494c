internal import CAttend

/// How the logits of classes become scores.
public enum ClassFunction: UInt32, Sendable {
  /// As transformers' pipelines: what config.json's problem_type says.
  case standard = 0
  case softmax = 1
  case sigmoid = 2
  case none = 3
  /// As sentence-transformers' CrossEncoder.
  case crossEncoder = 4
}

/// A class with its score.
public struct Label: Sendable {
  /// The place of its logit.
  public let number: Int
  public let name: String
  public let score: Double
  public let logit: Float

  static func take(_ handle: OpaquePointer?) throws(AttendError) -> [[Label]] {
    defer { attend_classification_free(handle) }
    return try rows(attend_classification_count(handle), { attend_classification_class_count(handle, $0) }) {
      (input, rank) throws(AttendError) in
      var raw = initial(attend_class.self)
      try attempt(attend_classification_get(handle, input, rank, &raw))
      return Label(
        number: raw.number, name: text(raw.label, raw.label_length), score: raw.score, logit: raw.logit)
    }
  }
}

/// How tokens become entities.
public enum Aggregation: UInt32, Sendable {
  case none = 0
  case simple = 1
  case first = 2
  case average = 3
  case max = 4
}

/// A stretch of a text with a class.
public struct Entity: Sendable {
  public let label: String
  public let score: Double
  public let word: String
  public let offsets: Offsets
}

/// A stretch of a text that answers a question; empty, where the text holds no answer.
public struct AnswerSpan: Sendable {
  public let text: String
  public let score: Double
  public let offsets: Offsets
}

/// A token for a masked place.
public struct Filling: Sendable {
  public let token: Int32
  public let word: String
  public let score: Double
  /// The whole text with the token in its place.
  public let text: String
}

/// A document of a rerank, with the place that it had.
public struct Ranked: Sendable {
  public let index: Int
  public let document: String
  public let score: Double
}

/// A result's rows, each of entries that are fetched by their place.
func rows<Entry>(
  _ count: Int, _ length: (Int) -> Int, _ entry: (Int, Int) throws(AttendError) -> Entry
) throws(AttendError) -> [[Entry]] {
  var rows: [[Entry]] = []
  for row in 0..<count {
    var entries: [Entry] = []
    for place in 0..<length(row) { entries.append(try entry(row, place)) }
    rows.append(entries)
  }
  return rows
}

// Each of these drops the live sequences of its session, before and after. Errors: unsupported, where the checkpoint
// has no head for the task; invalidArgument, for a text that the model cannot read, unless `maxLength` cuts it.
extension Session {
  /// The classes of texts, the best first; `topK` 0: all.
  public func classify(
    _ texts: [String], pairs: [String]? = nil, topK: Int = 0, function: ClassFunction = .standard, maxLength: Int = 0
  ) throws(AttendError) -> [[Label]] {
    if let pairs { try require(texts, pairs, "pairs") }
    var raw = Session.classifyOptions(topK, function, maxLength)
    var made: OpaquePointer?
    let failure = withTexts(texts) { starts, lengths, count in
      withTexts(optional: pairs) { attend_classify_texts(handle, starts, lengths, $0, $1, count, &raw, &made) }
    }
    try attempt(failure)
    return try Label.take(made)
  }

  /// The classes of pictures or sounds.
  public func classify(
    _ inputs: [MediaInput], topK: Int = 0, function: ClassFunction = .standard
  ) throws(AttendError) -> [[Label]] {
    var raw = Session.classifyOptions(topK, function, 0)
    var made: OpaquePointer?
    try attempt(try MediaInput.with(inputs) { attend_classify(handle, $0, $1, &raw, &made) })
    return try Label.take(made)
  }

  private static func classifyOptions(_ topK: Int, _ function: ClassFunction, _ length: Int) -> attend_classify_options
  {
    var raw = initial(attend_classify_options.self)
    raw.top_k = max(topK, 0)
    raw.function = attend_class_function(rawValue: function.rawValue)
    raw.max_length = max(length, 0)
    return raw
  }

  /// Texts by labels of the caller's, with a model of entailment.
  public func classify(
    _ texts: [String], into labels: [String], template: String? = nil, multiLabel: Bool = false, maxLength: Int = 0
  ) throws(AttendError) -> [[Label]] {
    var raw = initial(attend_zero_shot_options.self)
    raw.multi_label = multiLabel
    raw.max_length = max(maxLength, 0)
    var made: OpaquePointer?
    let failure = withText(template) { template in
      raw.hypothesis_template = template
      return withTexts(texts) { starts, lengths, count in
        withTexts(labels) { attend_classify_zero_shot(handle, starts, lengths, count, $0, $1, $2, &raw, &made) }
      }
    }
    try attempt(failure)
    return try Label.take(made)
  }

  /// Documents by how well they answer a query, the best first, with a cross-encoder; `topK` 0: all.
  public func rerank(
    _ query: String, documents: [String], topK: Int = 0, maxLength: Int = 0
  ) throws(AttendError) -> [Ranked] {
    let queries = [String](repeating: query, count: documents.count)
    let judged = try classify(queries, pairs: documents, topK: 1, function: .crossEncoder, maxLength: maxLength)
    let ranked = judged.enumerated().map { Ranked(index: $0, document: documents[$0], score: $1.first?.score ?? .nan) }
      .sorted { $0.score == $1.score ? $0.index < $1.index : $0.score > $1.score }
    return topK > 0 ? Array(ranked.prefix(topK)) : ranked
  }

  /// The entities of texts, in their order.
  public func entities(
    _ texts: [String], aggregation: Aggregation = .simple, maxLength: Int = 0
  ) throws(AttendError) -> [[Entity]] {
    var raw = initial(attend_entity_options.self)
    raw.aggregation = attend_aggregation(rawValue: aggregation.rawValue)
    raw.max_length = max(maxLength, 0)
    var made: OpaquePointer?
    try attempt(withTexts(texts) { attend_find_entities(handle, $0, $1, $2, &raw, &made) })
    defer { attend_entities_free(made) }
    return try rows(attend_entities_count(made), { attend_entities_entity_count(made, $0) }) {
      (input, index) throws(AttendError) in
      var raw = initial(attend_entity.self)
      try attempt(attend_entities_get(made, input, index, &raw))
      return Entity(
        label: text(raw.label, raw.label_length), score: raw.score, word: text(raw.word, raw.word_length),
        offsets: Offsets(raw.offsets))
    }
  }

  /// The stretches of texts that answer questions, one question to a text, the best first.
  public func answer(
    _ questions: [String], in texts: [String], topK: Int = 1, allowNoAnswer: Bool = false
  ) throws(AttendError) -> [[AnswerSpan]] {
    try require(texts, questions, "questions")
    var raw = initial(attend_answer_options.self)
    raw.top_k = max(topK, 0)
    raw.allow_no_answer = allowNoAnswer
    var made: OpaquePointer?
    let failure = withTexts(questions) { questions, lengths, count in
      withTexts(texts) { texts, sizes, _ in
        attend_answer(handle, questions, lengths, texts, sizes, count, &raw, &made)
      }
    }
    try attempt(failure)
    defer { attend_answers_free(made) }
    return try rows(attend_answers_count(made), { attend_answers_span_count(made, $0) }) {
      (question, rank) throws(AttendError) in
      var raw = initial(attend_answer_span.self)
      try attempt(attend_answers_get(made, question, rank, &raw))
      return AnswerSpan(text: text(raw.text, raw.text_length), score: raw.score, offsets: Offsets(raw.offsets))
    }
  }

  /// The tokens for the masked places of a text, place by place, the best first.
  public func fill(_ masked: String, topK: Int = 5, targets: [String]? = nil) throws(AttendError) -> [[Filling]] {
    var raw = initial(attend_fill_options.self)
    raw.top_k = max(topK, 0)
    var made: OpaquePointer?
    let failure = withTexts(optional: targets) { starts, _ in
      raw.targets = starts
      raw.target_count = targets?.count ?? 0
      return withTexts([masked]) { attend_fill(handle, $0, $1, $2, &raw, &made) }
    }
    try attempt(failure)
    defer { attend_fillings_free(made) }
    return try rows(attend_fillings_mask_count(made, 0), { attend_fillings_filling_count(made, 0, $0) }) {
      (mask, rank) throws(AttendError) in
      var raw = initial(attend_filling.self)
      try attempt(attend_fillings_get(made, 0, mask, rank, &raw))
      return Filling(
        token: raw.token, word: text(raw.word, raw.word_length), score: raw.score,
        text: text(raw.text, raw.text_length))
    }
  }

  /// Log-probabilities of texts behind contexts, of an encoder-decoder behind sources: of each the sum.
  public func score(_ texts: [String], contexts: [String]? = nil) throws(AttendError) -> [TextScore] {
    if let contexts { try require(texts, contexts, "contexts") }
    var made: OpaquePointer?
    let failure = withTexts(texts) { starts, lengths, count in
      withTexts(optional: contexts) { attend_score_texts(handle, $0, $1, starts, lengths, count, nil, &made) }
    }
    defer { attend_scores_free(made) }
    try attempt(failure)
    var scores: [TextScore] = []
    for index in 0..<attend_scores_count(made) {
      var raw = initial(attend_text_score.self)
      try attempt(attend_scores_get(made, index, &raw))
      scores.append(TextScore(raw))
    }
    return scores
  }

  private func require(_ texts: [String], _ others: [String], _ name: String) throws(AttendError) {
    if texts.count != others.count {
      throw AttendError(.invalidArgument, "\(texts.count) texts cannot have \(others.count) \(name)")
    }
  }
}

/// What is known of a text.
public struct TextScore: Sendable {
  public let ids: [Int32]
  /// Of each token, in nats.
  public let logProbabilities: [Float]
  public let sum: Double
  public let perplexity: Double
  /// Whether each token was the most probable one.
  public let isGreedy: Bool

  init(_ raw: attend_text_score) {
    ids = array(raw.ids, raw.count)
    logProbabilities = array(raw.log_probabilities, raw.count)
    sum = raw.sum
    perplexity = raw.perplexity
    isGreedy = raw.is_greedy
  }
}
