import ArgumentParser
import CAttend

struct Classify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell the classes of texts, pairs of texts, pictures or sounds.",
    discussion: """
      EXAMPLES
        attend classify -m distilbert-sst2 "A wonderful film." "Two hours too long."
        attend classify -m bart-large-mnli --labels sport,politics -i news.txt
        attend classify -m reranker --field query --pair passage -i pairs.jsonl
        attend classify -m vit-base-patch16-224 --files --top-k 5 *.jpg
      """)

  @OptionGroup var model: ModelOptions
  @Option(help: "How many classes are told of each input; 0: all.") var topK = 1
  @Option(help: "Labels of your own, with commas between them, for a model of entailment.") var labels: String?
  @Option(help: "The hypothesis about a label, with {} in its place.") var hypothesis: String?
  @Flag(help: "Judge each class by itself: the scores need not sum to 1.") var multiLabel = false
  @Option(help: "The field that holds the second text of each pair.") var pair: String?
  @Flag(help: "The inputs are files: pictures or sounds.") var files = false
  @Option(help: "Cut longer texts to as many tokens; without it they are an error.") var maxLength = 0
  @OptionGroup var job: TextJobOptions

  func validate() throws {
    if hypothesis != nil && labels == nil { throw ValidationError("--hypothesis is for --labels.") }
    if pair != nil && (labels != nil || files) {
      throw ValidationError("--pair does not go together with --labels or --files.")
    }
    if files && labels != nil { throw ValidationError("--labels are for texts, not for --files.") }
    if topK < 0 { throw ValidationError("--top-k must be 0 or more.") }
  }

  func run() throws {
    try job.run(model, label: "Classifying") { model, records in
      let handle = try classify(model, records)
      defer { attend_classification_free(handle) }
      return try records.enumerated().map { try row($1, handle, $0) }
    }
  }

  private func classify(_ model: Model, _ records: [Record]) throws -> OpaquePointer {
    var handle: OpaquePointer?
    var options = attend_classify_options.initial
    options.top_k = topK
    options.max_length = maxLength
    if multiLabel { options.function = ATTEND_CLASS_SIGMOID }
    if files {
      try withInputs(records.map(\.text)) { inputs in
        try attempt(attend_classify(model.session, inputs, records.count, &options, &handle))
      }
      return handle!
    }
    let texts = Texts(records.map(\.text))
    if let labels {
      try zeroShot(model, texts, labels, &handle)
    } else if let pair {
      let seconds = Texts(try records.map { try $0.field(pair) })
      try seconds.give { pairs, sizes, _ in
        try texts.give {
          try attempt(attend_classify_texts(model.session, $0, $1, pairs, sizes, $2, &options, &handle))
        }
      }
    } else {
      try texts.give { try attempt(attend_classify_texts(model.session, $0, $1, nil, nil, $2, &options, &handle)) }
    }
    return handle!
  }

  private func zeroShot(
    _ model: Model, _ texts: borrowing Texts, _ labels: String, _ handle: inout OpaquePointer?
  ) throws {
    let names = Texts(labels.split(separator: ",").map { String($0).trimmed })
    var options = attend_zero_shot_options.initial
    (options.multi_label, options.max_length) = (multiLabel, maxLength)
    try withText(hypothesis) { hypothesis in
      options.hypothesis_template = hypothesis
      try texts.give { texts, lengths, count in
        try names.give {
          try attempt(
            attend_classify_zero_shot(model.session, texts, lengths, count, $0, $1, $2, &options, &handle))
        }
      }
    }
  }

  private func row(_ record: Record, _ handle: OpaquePointer, _ index: Int) throws -> Row {
    let told = attend_classification_class_count(handle, index)
    let classes = try (0..<(topK == 0 ? told : min(topK, told))).map { rank in
      var entry = attend_class.initial
      try attempt(attend_classification_get(handle, index, rank, &entry))
      return (label: utf8(entry.label, entry.label_length), score: entry.score)
    }
    var fields = [
      Field("text", .string(record.text)), Field("label", .string(classes.first?.label ?? "")),
      Field("score", .number(classes.first?.score ?? .nan)),
    ]
    if topK != 1 {
      let all = classes.map { Value.object([Field("label", .string($0.label)), Field("score", .number($0.score))]) }
      fields.append(Field("classes", .list(all)))
    }
    let text = classes.map { "\($0.label)\t\(fixed($0.score, 4))" }.joined(separator: "\t")
    return Row(fields: fields, text: "\(text)\t\(line(record.text))")
  }
}

extension String {
  /// The text without white space around it.
  var trimmed: String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}
