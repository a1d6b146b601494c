import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels
import AttendTokenizers

/// A token for a place that a text leaves open.
package struct Filling: BitwiseCopyable, Sendable {
  package let token: Int32
  package let score: Double
  /// The token as text.
  package let word: TextPlace
  /// The whole text with the token in its place.
  package let text: TextPlace
}

/// Fills masked places of texts by a head for masked words, by the rules of transformers' FillMaskPipeline. One thread
/// at a time.
package final class MaskFiller {
  private let task: TextTask
  private let tokenizer: Tokenizer
  private let mask: Int32
  private let pad: Int32?
  private let most: Int
  /// The tokens that may fill places; empty: all of them.
  private var targets = GrowingList<Int32>(for: "the targets of masked places")
  private var scores = GrowingList<Double>(for: "the scores of tokens")
  private var best = GrowingList<Filled>(for: "the tokens for a masked place")
  private var filled = GrowingList<Int32>(for: "the tokens of a text")

  private struct Filled: BitwiseCopyable {
    let token: Int32
    let score: Double
  }

  /// Places whose logits are made at once.
  private static let placesAtOnce = 64
  /// Fillings of a place where nobody says how many.
  package static let usualNumber = 5

  /// `most`: fillings that are told of each place. Throws `unsupported` for a model without such a head, or without a
  /// token for masked places.
  package init(_ session: Session, most: Int = MaskFiller.usualNumber) throws(Failure) {
    let vocabulary = session.model.vocabulary
    let head = try TextTask.require(.maskedLanguageModel, of: session.model) { $0.outputs == vocabulary }
    guard head.outputs >= 2 else {
      throw Failure(.unsupported, "the head has \(head.outputs) outputs, which fill nothing")
    }
    task = try TextTask(session)
    tokenizer = try session.model.tokenizer.get()
    let info = try tokenizer.info.get()
    guard let mask = info.mask else {
      throw Failure(.unsupported, "the tokenizer names no mask_token, which marks the places to fill")
    }
    (self.mask, pad) = (mask, info.pad)
    self.most = min(most, head.outputs)
  }

  /// Allows a token besides those that were allowed before: the one that is spelled so, else the first one that the
  /// text becomes. Throws `invalidArgument`, naming it, for a text that becomes none.
  package func allow(_ target: UnsafeRawBufferPointer) throws(Failure) {
    var token = tokenizer.id(of: target)
    if token == nil { token = try tokenizer.encode(target, TokenizeOptions(addSpecialTokens: false)).ids.first }
    guard let token, Int(token) < task.session.model.vocabulary else {
      throw Failure(
        .invalidArgument, "the target \"\(String(decoding: target, as: UTF8.self))\" is no token of the model")
    }
    if !targets.elements.contains(token) { try targets.append(token) }
  }

  /// The fillings of texts. Longer texts are cut to `maximalLength` tokens, where it is given. No sequence is live
  /// afterwards.
  package func fill(_ texts: TextBatch, maximalLength: Int?) throws(Failure) -> TextResults<Filling> {
    let encodings = try tokenizer.encode(
      texts, threads: task.session.engine.threads, TokenizeOptions(maximalLength: maximalLength))
    let results = TextResults<Filling>()
    var places = GrowingList<Place>(for: "the masked places of texts")
    try task.run(encodings.count, encoding: { encodings[$0] }) {
      "text \($0)"
    } _: {
      (first, lengths) throws(Failure) in
      places.removeAll()
      var row = 0
      for (offset, length) in lengths.enumerated() {
        let before = places.count
        let ids = encodings[first + offset].ids
        for index in 0..<length where ids[index] == mask {
          try places.append(Place(input: first + offset, index: index, row: row + index))
        }
        guard places.count > before else { throw noMask(first + offset) }
        row += length
      }
      try fill(places.elements, encodings, results)
    }
    return results
  }

  /// A masked place: a token of an input, and the row of its state.
  private struct Place: BitwiseCopyable {
    let input: Int
    let index: Int
    let row: Int
  }

  private func noMask(_ input: Int) -> Failure {
    let spelling = tokenizer.token(mask).map { String(decoding: $0, as: UTF8.self) } ?? ""
    return Failure(.invalidArgument, "text \(input) has no mask token, \(spelling), that could be filled")
  }

  private func fill(
    _ places: UnsafeMutableBufferPointer<Place>, _ encodings: EncodingBatch, _ results: TextResults<Filling>
  ) throws(Failure) {
    var rows = GrowingList<Int>(for: "the masked places of texts")
    for start in stride(from: 0, to: places.count, by: MaskFiller.placesAtOnce) {
      let some = places[start..<min(start + MaskFiller.placesAtOnce, places.count)]
      rows.removeAll()
      for place in some { try rows.append(place.row) }
      let logits = try task.session.encodedLogits(of: UnsafeBufferPointer(rows.elements))
      for (offset, place) in some.enumerated() {
        try rank(logits[offset], logits.columns)
        try add(encodings[place.input].ids.buffer, at: place.index, results)
        let next = start + offset + 1
        try results.endGroup()
        if next == places.count || places[next].input != place.input { try results.endInput() }
      }
    }
  }

  /// Finds the tokens with the highest scores; a score is a share of the whole vocabulary, whatever is allowed.
  private func rank(_ logits: UnsafePointer<Float>, _ count: Int) throws(Failure) {
    try scores.reserve(max(count - scores.count, 0))
    scores.resize(to: count, filling: 0)
    Softmax.apply(logits, count: count, into: scores.storage)
    best.removeAll()
    let choices = targets.isEmpty ? count : targets.count
    let most = min(most, choices)
    for choice in 0..<choices {
      let token = targets.isEmpty ? Int32(truncatingIfNeeded: choice) : targets[choice]
      let score = scores[Int(token)]
      guard best.count < most || score > best[best.count - 1].score else { continue }
      if best.count == most { _ = best.removeLast() }
      let place = best.elements.partition { $0.score >= score }
      try best.insert(Filled(token: token, score: score), at: place)
    }
  }

  private func add(
    _ ids: UnsafeBufferPointer<Int32>, at index: Int, _ results: TextResults<Filling>
  ) throws(Failure) {
    let isOnlyMask = ids.reduce(0) { $0 + ($1 == mask ? 1 : 0) } == 1
    for choice in best.elements {
      filled.removeAll()
      for (place, id) in ids.enumerated() {
        let id = place == index ? choice.token : id
        if id != pad { try filled.append(id) }
      }
      // Special tokens would disturb a reader; but among several masks the others are to be seen.
      let text = try tokenizer.decode(UnsafeBufferPointer(filled.elements), skipSpecialTokens: isOnlyMask)
      let word = try withUnsafePointer(to: choice.token) { (token) throws(Failure) in
        try tokenizer.decode(UnsafeBufferPointer(start: token, count: 1), skipSpecialTokens: false)
      }
      let wordPlace = try word.withUnsafeBufferPointer { (bytes) throws(Failure) in try results.add(bytes) }
      let textPlace = try text.withUnsafeBufferPointer { (bytes) throws(Failure) in try results.add(bytes) }
      try results.add(Filling(token: choice.token, score: choice.score, word: wordPlace, text: textPlace))
    }
  }
}
