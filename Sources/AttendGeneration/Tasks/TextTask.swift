import AttendBase
import AttendCheckpoints
import AttendLayers
import AttendModels
import AttendTokenizers

/// A call that reads encoded texts through a head, in parts. One thread at a time.
struct TextTask {
  let session: Session
  /// Whether the model tells types of tokens apart.
  private let hasTypes: Bool
  private let positions: Int?

  /// Sequences and tokens of a part of the texts that runs at once: enough to keep the products busy, and few enough
  /// for the memory of many texts to be that of a part. Results do not depend on it.
  private static let partSequences = 64
  private static let partTokens = 4096

  init(_ session: Session) throws(Failure) {
    let stack = try session.readingStack()
    self.session = session
    hasTypes = stack.embedding?.types != nil
    positions = stack.positions(allowingBeyond: session.allowsBeyondPositions)
  }

  /// Throws `unsupported` for a model that was not saved with a head for `task`, by the class that its config.json
  /// names. `isAny` tells whether another head that it may have does as well.
  static func require(
    _ task: HeadTask, of model: Model, orAny isAny: (Head) -> Bool = { _ in false }
  ) throws(Failure)
    -> Head
  {
    let text = model.configText
    let config = try JSON.parse(text.bytes, file: text.path, owner: text)
    let architecture = config["architectures"]?[0]?.string
    if let head = model.head, case .everyToken = head.pooling {
      guard let architecture else { return head }
      if architecture.hasSuffix(task.rawValue) || isAny(head) { return head }
    }
    throw Failure(
      .unsupported,
      "this checkpoint is a \(architecture ?? model.blueprint.family) without a head for \(task.title) "
        + "(\(task.rawValue))")
  }

  /// Runs `count` sequences, of which `encoding` gives each, and `name` names one in messages. `body` is called with
  /// the first sequence of each part that was encoded, and with the lengths of the part; the session holds its states.
  /// No sequence is live afterwards.
  func run(
    _ count: Int, encoding: (Int) throws(Failure) -> Encoding, name: (Int) -> String,
    _ body: (_ first: Int, _ lengths: UnsafeBufferPointer<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    var ids = GrowingList<Int32>(for: "texts")
    var types = GrowingList<Int32>(for: "texts")
    var lengths = GrowingList<Int>(for: "texts")
    defer { session.drop() }
    try session.cancellation.enclose(work: count) { () throws(Failure) in
      var first = 0
      while first < count {
        ids.removeAll()
        types.removeAll()
        lengths.removeAll()
        while first + lengths.count < count, lengths.count < TextTask.partSequences {
          let index = first + lengths.count
          let found = try encoding(index)
          try check(found, name(index))
          if lengths.count > 0, ids.count + found.count > TextTask.partTokens { break }
          try ids.append(contentsOf: found.ids.buffer)
          if hasTypes { try types.append(contentsOf: found.typeIDs.buffer) }
          try lengths.append(found.count)
        }
        let batch = try Batch(
          tokens: ids.storage, lengths: lengths.storage, types: hasTypes ? types.storage : nil, count: lengths.count)
        try session.encode(batch)
        try body(first, UnsafeBufferPointer(lengths.elements))
        first += lengths.count
        session.cancellation.advanceEnclosing(lengths.count)
        try session.cancellation.check()
      }
    }
  }

  private func check(_ encoding: Encoding, _ name: String) throws(Failure) {
    guard encoding.count > 0 else { throw Failure(.invalidArgument, "\(name) becomes no token") }
    if let positions, encoding.count > positions {
      throw Failure(
        .invalidArgument,
        "\(name) has \(encoding.count) tokens; the model has \(positions) positions: longer texts are cut to "
          + "options.max_length, where it is given")
    }
  }

  /// The most tokens that the model reads and its tokenizer was made for; nil: there is no limit.
  static func longest(_ session: Session) throws(Failure) -> Int? {
    let stated = try session.readingStack().positions(allowingBeyond: session.allowsBeyondPositions)
    return [stated, try session.model.tokenizer.get().info.get().maximalLength].compactMap { $0 }.min()
  }
}

/// Scores from logits, in double precision and with the library's own exponential, so that they are the same on every
/// CPU.
enum Softmax {
  /// The softmax of a row, or with a step between its numbers of a column.
  static func apply(
    _ logits: UnsafePointer<Float>, step: Int = 1, count: Int, into scores: UnsafeMutablePointer<Double>
  ) {
    var (largest, sum) = (-Double.infinity, 0.0)
    for place in 0..<count { largest = max(largest, Double(logits[place * step])) }
    for place in 0..<count {
      scores[place] = Exponential.exp(Double(logits[place * step]) - largest)
      sum += scores[place]
    }
    for place in 0..<count { scores[place] /= sum }
  }

  /// The share of the first of two whose logits differ by `logit`: a sigmoid, 1 / (1 + e^-x), in which e^-x does not
  /// overflow.
  static func ofTwo(_ logit: Double) -> Double {
    let weight = Exponential.exp(-abs(logit))
    return (logit < 0 ? weight : 1) / (1 + weight)
  }
}
