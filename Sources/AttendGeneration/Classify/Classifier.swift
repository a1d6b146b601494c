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

  /// Sequences and tokens of a part of the inputs that runs at once. Results do not depend on it.
  private static let partSequences = 64
  private static let partTokens = 4096

  /// `function` nil: as the configuration's problem_type says; `most` nil: all classes. Throws `unsupported` for a
  /// model without a head that classifies.
  package init(_ session: Session, function: ClassScore? = nil, most: Int? = nil) throws(Failure) {
    self.session = session
    let model = session.model
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
    if let function {
      self.function = function
    } else {
      self.function = try Classifier.function(of: model, classes: head.outputs)
    }
    self.most = min(most ?? head.outputs, head.outputs)
  }

  /// The function that transformers' pipelines take: of sounds a softmax even over one class.
  private static func function(of model: Model, classes: Int) throws(Failure) -> ClassScore {
    let text = model.configText
    let config = try JSON.parse(text.bytes, file: text.path, owner: text)
    switch config["problem_type"]?.string {
    case "regression": return .none
    case "multi_label_classification": return .sigmoid
    default: return classes == 1 && model.arrayReader?.input.reads != "sounds" ? .sigmoid : .softmax
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
      }
    }
    return try rankings.fixed()
  }

  /// The classes of encoded texts. No sequence is live afterwards.
  package func classify(_ encodings: EncodingBatch) throws(Failure) -> FixedArray<ClassRanking> {
    var rankings = Rankings()
    let types = try session.readingStack().embedding?.types != nil
    var ids = GrowingList<Int32>(for: "texts")
    var typeIDs = GrowingList<Int32>(for: "texts")
    var lengths = GrowingList<Int>(for: "texts")
    func run() throws(Failure) {
      guard !lengths.isEmpty else { return }
      let batch = try Batch(
        tokens: ids.storage, lengths: lengths.storage, types: types ? typeIDs.storage : nil, count: lengths.count)
      try session.encode(batch)
      try rank(into: &rankings)
      ids.removeAll()
      typeIDs.removeAll()
      lengths.removeAll()
    }
    try enclose(work: encodings.count) { () throws(Failure) in
      for index in 0..<encodings.count {
        let encoding = encodings[index]
        guard encoding.count > 0 else { throw Failure(.invalidArgument, "text \(index) becomes no token") }
        if lengths.count == Classifier.partSequences || ids.count + encoding.count > Classifier.partTokens {
          try run()
        }
        try ids.append(contentsOf: encoding.ids.buffer)
        try typeIDs.append(contentsOf: encoding.typeIDs.buffer)
        try lengths.append(encoding.count)
      }
      try run()
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
    session.cancellation.advanceEnclosing(logits.rows)
  }

  /// The scores of a row of logits, in double precision and with the library's own exponential, so that they are the
  /// same on every CPU.
  private func score(
    _ logits: UnsafePointer<Float>, _ count: Int, into row: inout GrowingList<ClassRanking.Entry>
  ) throws(Failure) {
    var (largest, sum) = (-Double.infinity, 0.0)
    for number in 0..<count { largest = max(largest, Double(logits[number])) }
    if function == .softmax { for number in 0..<count { sum += Exponential.exp(Double(logits[number]) - largest) } }
    for number in 0..<count {
      let logit = Double(logits[number])
      let score: Double
      switch function {
      case .softmax: score = Exponential.exp(logit - largest) / sum
      case .sigmoid:
        // 1 / (1 + e^-x), in which e^-x does not overflow.
        let weight = Exponential.exp(-abs(logit))
        score = (logit < 0 ? weight : 1) / (1 + weight)
      case .none: score = logit
      }
      try row.append(ClassRanking.Entry(number: number, score: score, logit: logits[number]))
    }
  }
}
