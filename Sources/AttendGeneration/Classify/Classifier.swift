import AttendBase
import AttendCheckpoints
import AttendLayers
import AttendModels
import AttendTokenizers

/// How logits of classes become scores.
package enum ClassScore: UInt32, Sendable {
  /// They compete: the scores of all classes sum to 1.
  case softmax = 1
  /// Each is judged by itself.
  case sigmoid = 2
  /// They are the logits.
  case none = 3
}

/// What makes scores of the logits of a call.
package enum ClassFunction: Sendable {
  /// As transformers' pipelines do, by the configuration's problem_type.
  case pipeline
  /// As sentence-transformers' CrossEncoder does: what the configuration names, else of one class a sigmoid, and of
  /// several the logits.
  case crossEncoder
  case given(ClassScore)
}

/// The classes of one input, the best first.
package struct ClassRanking: Sendable {
  /// A class by its number, its score and its logit.
  package struct Entry: BitwiseCopyable, Sendable {
    package let number: Int
    package let score: Double
    package let logit: Float
  }

  package let entries: FixedArray<Entry>
}

/// The classifier of texts, pictures or sounds: a head that gives one row of logits for each, with the scores that
/// transformers' pipelines make of them. One thread at a time.
package final class Classifier {
  private let session: Session
  private let function: ClassScore
  /// Classes that are told of each input at most.
  private let most: Int
  private var scores = GrowingList<Double>(for: "the scores of classes")

  /// Arrays of a part that runs at once. Results do not depend on it.
  private static let partSequences = 64

  /// `most` nil: all classes. Throws `unsupported` for a model without a head that classifies.
  package init(_ session: Session, function: ClassFunction = .pipeline, most: Int? = nil) throws(Failure) {
    self.session = session
    let head = try Classifier.head(of: session.model)
    self.function =
      switch function {
      case .given(let score): score
      case .pipeline: try Classifier.pipelineScore(of: session.model, classes: head.outputs)
      case .crossEncoder: try Classifier.crossEncoderScore(of: session.model, classes: head.outputs)
      }
    self.most = min(most ?? head.outputs, head.outputs)
  }

  /// The head that classifies whole inputs.
  static func head(of model: Model) throws(Failure) -> Head {
    let isOfSequences =
      switch model.head?.pooling {
      case nil, .everyToken, .nextToken: false
      default: true
      }
    guard isOfSequences, let head = model.head else {
      throw Failure(
        .unsupported,
        "this checkpoint is of a \(model.blueprint.family) model without a head that classifies whole inputs")
    }
    return head
  }

  private static func configuration(of model: Model) throws(Failure) -> JSON {
    let text = model.configText
    return try JSON.parse(text.bytes, file: text.path, owner: text)
  }

  /// The function that transformers' pipelines take: of sounds a softmax even over one class.
  private static func pipelineScore(of model: Model, classes: Int) throws(Failure) -> ClassScore {
    switch try configuration(of: model)["problem_type"]?.string {
    case "regression": return .none
    case "multi_label_classification": return .sigmoid
    default: return classes == 1 && model.arrayReader?.input.reads != "sounds" ? .sigmoid : .softmax
    }
  }

  /// The function that sentence-transformers takes, which its newer versions save as `sentence_transformers`, with the
  /// class of PyTorch.
  private static func crossEncoderScore(of model: Model, classes: Int) throws(Failure) -> ClassScore {
    let config = try configuration(of: model)
    let stated =
      config["sentence_transformers"]?["activation_fn"]?.string
      ?? config["sbert_ce_default_activation_function"]?.string
    guard let stated else { return classes == 1 ? .sigmoid : .none }
    switch stated.split(separator: ".").last {
    case "Identity": return .none
    case "Sigmoid": return .sigmoid
    case "Softmax": return .softmax
    default:
      throw Failure(
        .unsupported, "\(model.configText.path): the activation \(stated) of a cross-encoder is not implemented")
    }
  }

  // MARK: Inputs

  /// The classes of arrays, each of which is an input. No sequence is live afterwards.
  package func classify(
    _ arrays: UnsafeBufferPointer<FeatureArray>
  ) throws(Failure) -> FixedArray<ClassRanking> {
    var rankings = Rankings()
    try enclose(work: arrays.count) { () throws(Failure) in
      for first in stride(from: 0, to: arrays.count, by: Classifier.partSequences) {
        let part = arrays[first..<min(first + Classifier.partSequences, arrays.count)]
        try session.encode(try session.batch(UnsafeBufferPointer(rebasing: part)))
        try rank(into: &rankings)
        session.cancellation.advanceEnclosing(part.count)
      }
    }
    return try rankings.fixed()
  }

  /// The classes of encoded texts. No sequence is live afterwards.
  package func classify(_ encodings: EncodingBatch) throws(Failure) -> FixedArray<ClassRanking> {
    var rankings = Rankings()
    try TextTask(session).run(encodings.count, encoding: { encodings[$0] }) {
      "text \($0)"
    } _: {
      (_, _) throws(Failure) in
      try rank(into: &rankings)
    }
    return try rankings.fixed()
  }

  private func enclose(work: Int, _ body: () throws(Failure) -> Void) throws(Failure) {
    defer { session.drop() }
    try session.cancellation.enclose(work: work) { () throws(Failure) in
      try body()
      try session.cancellation.check()
    }
  }

  // MARK: Scores

  /// Rankings as they come.
  private struct Rankings: ~Copyable {
    private var entries = GrowingList<ClassRanking.Entry>(for: "the classes of inputs")
    private var counts = GrowingList<Int>(for: "the classes of inputs")

    mutating func add(_ best: UnsafeMutableBufferPointer<ClassRanking.Entry>) throws(Failure) {
      try entries.append(contentsOf: UnsafeBufferPointer(best))
      try counts.append(best.count)
    }

    func fixed() throws(Failure) -> FixedArray<ClassRanking> {
      var first = 0
      return try FixedArray(counts.count, for: "the classes of inputs") { (index) throws(Failure) in
        defer { first += counts[index] }
        return ClassRanking(
          entries: try FixedArray(counts[index], for: "the classes of an input") { entries[first + $0] })
      }
    }
  }

  /// Ranks the classes of the sequences that were encoded.
  private func rank(into rankings: inout Rankings) throws(Failure) {
    let logits = try session.encodedLogits()
    var row = GrowingList<ClassRanking.Entry>(for: "the classes of an input")
    for input in 0..<logits.rows {
      row.removeAll()
      try score(logits[input], logits.columns, into: &row)
      // Of equal scores the lower number is first, as in the reference.
      try row.sort { $0.score > $1.score }
      try rankings.add(UnsafeMutableBufferPointer(rebasing: row.elements[..<most]))
    }
  }

  /// The scores of a row of logits.
  private func score(
    _ logits: UnsafePointer<Float>, _ count: Int, into row: inout GrowingList<ClassRanking.Entry>
  ) throws(Failure) {
    try scores.reserve(max(count - scores.count, 0))
    scores.resize(to: count, filling: 0)
    switch function {
    case .softmax: Softmax.apply(logits, count: count, into: scores.storage)
    case .sigmoid: for number in 0..<count { scores[number] = Softmax.ofTwo(Double(logits[number])) }
    case .none: for number in 0..<count { scores[number] = Double(logits[number]) }
    }
    for number in 0..<count {
      try row.append(ClassRanking.Entry(number: number, score: scores[number], logit: logits[number]))
    }
  }
}
