import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers
import AttendModels
import AttendTokenizers

/// Finds entities in texts by a head for classes of tokens, by the rules of transformers' TokenClassificationPipeline.
/// One thread at a time.
package final class TokenClassifier {
  /// How to find entities.
  package struct Options {
    package var aggregation = EntityAggregation.none
    /// Entities of these classes are left out.
    package var ignored: ClassLabels
    /// Longer texts are cut to as many tokens; nil: as many as the model reads.
    package var maximalLength: Int?
    /// Tokens that windows share, where longer texts are read in windows; nil: they are not.
    package var stride: Int?

    /// Leaves "O" out, which is nothing.
    package init() throws(Failure) {
      ignored = ClassLabels()
      let outside: StaticString = "O"
      try ignored.append(UnsafeBufferPointer(start: outside.utf8Start, count: outside.utf8CodeUnitCount))
    }
  }

  private let task: TextTask
  private let tokenizer: Tokenizer
  private let options: Options
  private let labels: ClassLabels
  private let unknown: Int32?
  private let classes: Int

  /// Throws `unsupported` for a model without such a head.
  package init(_ session: Session, _ options: Options) throws(Failure) {
    classes = try TextTask.require(.tokenClassification, of: session.model).outputs
    task = try TextTask(session)
    tokenizer = try session.model.tokenizer.get()
    labels = try ClassLabels(of: session.model)
    unknown = try tokenizer.info.get().unknown
    self.options = options
    if let missing = TokenClassifier.missingLabel(of: session.model, classes) {
      throw Failure(
        .invalidFile,
        "\(session.model.configText.path): id2label names no class \(missing); there are \(classes) classes")
    }
  }

  /// The first class that id2label leaves out, where it names some.
  private static func missingLabel(of model: Model, _ classes: Int) -> Int? {
    let names = model.blueprint.labels
    return names.count == 0 ? nil : (0..<classes).first { names[$0] == nil }
  }

  /// The entities of texts. No sequence is live afterwards.
  package func entities(of texts: TextBatch) throws(Failure) -> TextResults<Entity> {
    var reading = TokenizeOptions(maximalLength: options.maximalLength)
    if let stride = options.stride {
      reading.stride = stride
      if options.maximalLength == nil { reading.maximalLength = try TextTask.longest(task.session) }
    }
    let encodings = try tokenizer.encode(texts, threads: task.session.engine.threads, reading)
    let windows = try WindowList(encodings, all: options.stride != nil)
    let results = TextResults<Entity>()
    let writer = EntityWriter(results, tokenizer, labels, options, unknown: unknown)
    try task.run(windows.count, encoding: { (index) throws(Failure) in try windows.encoding(index) }) {
      "text \(windows[$0].input)"
    } _: { (first, lengths) throws(Failure) in
      let logits = try task.session.encodedLogits()
      var row = 0
      for (place, length) in lengths.enumerated() {
        let window = windows[first + place]
        try writer.add(
          try windows.encoding(first + place), logits.rows(row, length), try texts.text(Int(window.input)))
        if windows.isLast(first + place) { try writer.endInput(windows: Int(window.number) + 1) }
        row += length
      }
    }
    return results
  }
}

/// The windows of encoded texts, one text after another.
struct WindowList: ~Copyable {
  struct Window: BitwiseCopyable {
    let input: Int32
    let number: Int32
  }

  private let encodings: EncodingBatch
  private var windows = GrowingList<Window>(for: "the windows of texts")

  /// `all`: with those that truncation cut off.
  init(_ encodings: EncodingBatch, all: Bool) throws(Failure) {
    self.encodings = encodings
    for input in 0..<encodings.count {
      for number in 0...(all ? encodings[input].overflowCount : 0) {
        try windows.append(
          Window(input: Int32(truncatingIfNeeded: input), number: Int32(truncatingIfNeeded: number)))
      }
    }
  }

  var count: Int { windows.count }
  subscript(index: Int) -> Window { windows[index] }

  func encoding(_ index: Int) throws(Failure) -> Encoding {
    let (whole, number) = (encodings[Int(windows[index].input)], Int(windows[index].number))
    return number == 0 ? whole : try whole.overflow(number - 1)
  }

  /// Whether no other window of its text follows.
  func isLast(_ index: Int) -> Bool { index + 1 == count || windows[index + 1].number == 0 }
}
