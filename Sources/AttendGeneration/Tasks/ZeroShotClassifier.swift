import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers
import AttendModels
import AttendTokenizers

/// Classes that a text is asked about, each a hypothesis that the text may entail (Yin et al. 2019, arXiv:1909.00161),
/// by the rules of transformers' ZeroShotClassificationPipeline. One thread at a time.
package final class ZeroShotClassifier {
  private let task: TextTask
  private let tokenizer: Tokenizer
  private let entailment: Int
  private let classes: Int
  /// Whether each class is judged by itself.
  private let isMultiLabel: Bool

  /// The hypothesis around a label where nobody says it.
  package static let usualTemplate: StaticString = "This example is {}."

  /// Throws `unsupported` for a model without a head that classifies whole texts, or without a class for entailment.
  package init(_ session: Session, isMultiLabel: Bool) throws(Failure) {
    classes = try Classifier.head(of: session.model).outputs
    task = try TextTask(session)
    tokenizer = try session.model.tokenizer.get()
    self.isMultiLabel = isMultiLabel
    entailment = try ZeroShotClassifier.entailment(of: session.model, classes)
  }

  /// The class whose name begins as "entailment" does, in label2id or else in id2label.
  private static func entailment(of model: Model, _ classes: Int) throws(Failure) -> Int {
    let text = model.configText
    let config = try JSON.parse(text.bytes, file: text.path, owner: text)
    if let ids = config["label2id"], ids.kind == .object {
      for (name, number) in ids.members where isEntailment(name.string ?? "") {
        if let number = number.int, (0..<classes).contains(number), classes > 1 { return number }
      }
    }
    let labels = try ClassLabels(of: model)
    for number in 0..<labels.count where classes > 1 {
      if isEntailment(String(decoding: labels[number], as: UTF8.self)) { return number }
    }
    let names = (0..<min(labels.count, 10)).map { String(decoding: labels[$0], as: UTF8.self) }
    throw Failure(
      .unsupported,
      "\(text.path): no label is \"entailment\", by which hypotheses are judged; the labels are "
        + names.joined(separator: ", "))
  }

  private static func isEntailment(_ name: String) -> Bool { name.lowercased().hasPrefix("entail") }

  /// The scores of as many labels for texts: each text with all hypotheses, `[texts * labels]` in `pairs`. Where a text
  /// and a hypothesis are too long for `maximalLength`, the text loses its end. No sequence is live afterwards.
  package func classify(
    _ pairs: TextBatch, labels: Int, maximalLength: Int?
  ) throws(Failure) -> FixedArray<ClassRanking> {
    var reading = TokenizeOptions(maximalLength: maximalLength)
    reading.truncation = .onlyFirst
    let encodings = try tokenizer.encode(pairs, threads: task.session.engine.threads, reading)
    var logits = GrowingList<Float>(for: "the logits of hypotheses")  // [texts, labels, classes]
    try task.run(encodings.count, encoding: { encodings[$0] }) {
      "text \($0 / labels) with label \($0 % labels)"
    } _: { (_, _) throws(Failure) in
      let rows = try task.session.encodedLogits()
      for row in 0..<rows.rows { try logits.append(contentsOf: UnsafeBufferPointer(start: rows[row], count: classes)) }
    }
    return try FixedArray(pairs.count / labels, for: "the classes of texts") { (text) throws(Failure) in
      try rank(UnsafeBufferPointer(rebasing: logits.elements[(text * labels * classes)...]), labels)
    }
  }

  /// Ranks the labels of a text, whose hypotheses have `logits`, `[labels, classes]`.
  private func rank(_ logits: UnsafeBufferPointer<Float>, _ labels: Int) throws(Failure) -> ClassRanking {
    var scores = GrowingList<Double>(for: "the scores of hypotheses")
    try scores.reserve(labels)
    scores.resize(to: labels, filling: 0)
    let start = logits.baseAddress.unsafelyUnwrapped
    if isMultiLabel || labels == 1 {
      // Against the contradiction: the first class, or the last where the first is entailment.
      let other = entailment == 0 ? classes - 1 : 0
      for label in 0..<labels {
        let row = start + label * classes
        scores[label] = Softmax.ofTwo(Double(row[entailment]) - Double(row[other]))
      }
    } else {
      Softmax.apply(start + entailment, step: classes, count: labels, into: scores.storage)
    }
    var entries = GrowingList<ClassRanking.Entry>(for: "the classes of a text")
    for label in 0..<labels {
      try entries.append(
        ClassRanking.Entry(number: label, score: scores[label], logit: start[label * classes + entailment]))
    }
    try entries.sort { $0.score > $1.score }
    return ClassRanking(entries: try FixedArray(labels, for: "the classes of a text") { entries[$0] })
  }
}

/// A template of hypotheses: a text with one place or more, written `{}` or `{0}`, for a label; `{{` and `}}` are
/// braces.
package struct HypothesisTemplate: ~Copyable {
  private var parts = TextPool()
  private var places = GrowingList<TextPlace>(for: "a template of hypotheses")  // labels stand between them

  /// Throws `invalidArgument` for a template without a place, or with a brace that is none.
  package init(_ text: UnsafeBufferPointer<UInt8>) throws(Failure) {
    let (open, close) = (UInt8(ascii: "{"), UInt8(ascii: "}"))
    var part = GrowingList<UInt8>(for: "a template of hypotheses")
    var index = 0
    func next(_ offset: Int) -> UInt8 { index + offset < text.count ? text[index + offset] : 0 }
    while index < text.count {
      let byte = text[index]
      if byte == open || byte == close, next(1) == byte {
        try part.append(byte)
        index += 2
      } else if byte == open, next(1) == close || next(1) == UInt8(ascii: "0") && next(2) == close {
        index += next(1) == close ? 2 : 3
        try places.append(try parts.append(UnsafeBufferPointer(part.elements)))
        part.removeAll()
      } else {
        guard byte != open, byte != close else {
          throw Failure(.invalidArgument, "the template of hypotheses has a brace at byte \(index) that is no {}")
        }
        try part.append(byte)
        index += 1
      }
    }
    guard !places.isEmpty else {
      throw Failure(
        .invalidArgument,
        "the template of hypotheses, \"\(String(decoding: text, as: UTF8.self))\", has no {} for the label")
    }
    try places.append(try parts.append(UnsafeBufferPointer(part.elements)))
  }

  /// Appends the hypothesis about a label.
  package func write(_ label: UnsafeRawBufferPointer, into text: inout GrowingList<UInt8>) throws(Failure) {
    for (index, place) in places.elements.enumerated() {
      if index > 0 { for byte in label { try text.append(byte) } }
      try text.append(contentsOf: parts.text(place))
    }
  }
}
