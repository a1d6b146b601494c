import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels
import AttendPictures

/// Tells how well pictures match a text, with a model that has a tower for each (Radford et al. 2021,
/// arXiv:2103.00020, section 3.1).
struct PictureJudge {
  private let session: Session
  private let similarity: Similarity
  private let cancellation: Cancellation

  /// Throws `unsupported` for a model that compares no pictures with texts.
  init(_ model: Model, threads: Int, _ cancellation: Cancellation) throws(Failure) {
    guard let similarity = model.similarity else {
      throw Failure(
        .unsupported,
        "the ranking model is of family \(model.blueprint.family), which compares no pictures with texts")
    }
    _ = try model.pictureProcessor.get()
    self.similarity = similarity
    self.cancellation = cancellation
    var options = Session.Options()
    options.threads = min(threads, model.engine.threads)
    session = try Session(model: model, options: options)
  }

  /// Candidates with their scores, the best first, of equally good ones in their order.
  func ranked(
    _ candidates: FixedArray<Drawing.Candidate>, _ text: UnsafeRawBufferPointer
  ) throws(Failure) -> FixedArray<Drawing.Candidate> {
    let words = try session.embed(1, prompt: "") { _ in text }
    let width = words.columns
    let memory = try AlignedBuffer(
      candidates.count.saturatingAdd(1).saturatingMultiply(width), of: Float.self, for: "the embeddings of pictures")
    let read = Matrix(memory.pointer(), rows: 1, columns: width)
    read[0].update(from: words[0], count: width)
    let seen = Matrix(memory.pointer() + width, rows: candidates.count, columns: width)
    for index in candidates.indices {
      try see(candidates[index].picture, into: seen.rows(index, 1))
      try cancellation.check()
    }
    let scores = try AlignedBuffer(
      candidates.count.saturatingMultiply(2), of: Float.self, for: "the scores of pictures")
    let logits = Matrix(scores.pointer(), rows: candidates.count, columns: 1)
    similarity.compare(
      seen, read, logits: logits,
      probabilities: Matrix(scores.pointer() + candidates.count, rows: candidates.count, columns: 1))
    let order = try FixedArray(candidates.count, for: "the order of pictures") { $0 }
    order.sort { logits[$0][0] == logits[$1][0] ? $0 < $1 : logits[$0][0] > logits[$1][0] }
    defer { withExtendedLifetime((memory, scores)) {} }
    return try FixedArray(candidates.count, for: "the pictures of a drawing") { (place) in
      var candidate = candidates[order[place]]
      candidate.score = logits[order[place]][0]
      return candidate
    }
  }

  /// The embedding of a picture, `[1, width]`.
  private func see(_ picture: Picture, into y: Matrix) throws(Failure) {
    let pixels = try session.model.pictureProcessor.get().process([picture], threads: session.engine.threads)
    defer { withExtendedLifetime(pixels) {} }
    var array = FeatureArray(
      UnsafePointer(pixels.values), channels: pixels.channels, height: pixels.height, width: pixels.width)
    try withUnsafePointer(to: &array) { (array) throws(Failure) in
      try session.encode(try session.batch(UnsafeBufferPointer(start: array, count: 1)))
    }
    y[0].update(from: try session.pooledStates()[0], count: y.columns)
  }
}
