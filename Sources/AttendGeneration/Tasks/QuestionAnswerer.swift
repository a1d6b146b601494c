import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels
import AttendTokenizers

/// A stretch of a text that answers a question.
package struct AnswerSpan: BitwiseCopyable, Sendable {
  /// The stretch itself; empty: the text holds no answer.
  package let text: TextPlace
  /// The probability of its start times that of its end; of a stretch that several pairs of tokens mean, the sum.
  package let score: Double
  package let place: TokenOffsets
}

/// Answers questions by stretches of texts, by the rules of the QuestionAnsweringPipeline of transformers 4. One thread
/// at a time.
package final class QuestionAnswerer {
  /// How to answer.
  package struct Options: Sendable {
    /// Answers that are given at most.
    package var most = 1
    /// Tokens of an answer at most.
    package var longest = 15
    /// Tokens of question and text that are read at once, special ones included; nil: 384, or as many as the model
    /// reads.
    package var maximalLength: Int?
    /// Tokens of a text that a window shares with the one before it; nil: 128, or half of what is read at once.
    package var stride: Int?
    /// Whether a text may hold no answer.
    package var allowsNone = false
    /// Whether answers are whole words.
    package var alignsToWords = true

    package init() {}
  }

  private let task: TextTask
  private let tokenizer: Tokenizer
  private let options: Options
  private let firstToken: Int32?
  /// The text that the tokens of the context come from, 0 or 1: behind the question, or where batches are filled up on
  /// the left before it.
  private let contextNumber: Int32
  private let reading: TokenizeOptions

  /// Of a window of as many tokens as the defaults have.
  private static let usualLength = 384
  private static let usualStride = 128

  /// Throws `unsupported` for a model without a head for answers.
  package init(_ session: Session, _ options: Options) throws(Failure) {
    let head = try TextTask.require(.questionAnswering, of: session.model)
    guard head.outputs == 2 else {
      throw Failure(.unsupported, "the head has \(head.outputs) outputs; starts and ends of answers are 2")
    }
    task = try TextTask(session)
    tokenizer = try session.model.tokenizer.get()
    let info = try tokenizer.info.get()
    firstToken = info.classification
    contextNumber = info.paddingSide == .left ? 0 : 1
    self.options = options
    let longest = try TextTask.longest(session) ?? .max
    let limit = options.maximalLength ?? min(longest, QuestionAnswerer.usualLength)
    var reading = TokenizeOptions(maximalLength: limit)
    reading.stride = options.stride ?? min(limit / 2, QuestionAnswerer.usualStride)
    guard reading.stride <= limit else {
      throw Failure(.invalidArgument, "options.stride is \(reading.stride), more than the \(limit) tokens of a window")
    }
    reading.truncation = contextNumber == 0 ? .onlyFirst : .onlySecond
    self.reading = reading
  }

  /// The answers to as many questions, each about a text of its own. No sequence is live afterwards.
  package func answers(
    to questions: TextBatch.Column, about contexts: TextBatch.Column, count: Int
  ) throws(Failure) -> TextResults<AnswerSpan> {
    let isBehind = contextNumber == 1
    let texts = TextBatch(isBehind ? questions : contexts, pairs: isBehind ? contexts : questions, count: count)
    let encodings = try tokenizer.encode(texts, threads: task.session.engine.threads, reading)
    let windows = try WindowList(encodings, all: true)
    let results = TextResults<AnswerSpan>()
    let collector = AnswerCollector(results, options)
    try task.run(windows.count, encoding: { (index) throws(Failure) in try windows.encoding(index) }) {
      "question \(windows[$0].input)"
    } _: { (first, lengths) throws(Failure) in
      let logits = try task.session.encodedLogits()
      var row = 0
      for (place, length) in lengths.enumerated() {
        let input = Int(windows[first + place].input)
        let context = isBehind ? try texts.pair(input) : try texts.text(input)
        guard let context else { throw Failure(.internalError, "a question without a text") }
        if windows[first + place].number == 0 {
          collector.begin(try words(of: context))
        }
        try collector.add(
          try windows.encoding(first + place), logits.rows(row, length), context, contextNumber, firstToken)
        if windows.isLast(first + place) { try collector.end(context) }
        row += length
      }
    }
    return results
  }

  private func words(of context: UnsafeRawBufferPointer) throws(Failure) -> GrowingList<WordPlace> {
    guard options.alignsToWords else { return GrowingList(for: "the words of a text") }
    return try tokenizer.words(of: context)
  }
}
