import AttendBase
import AttendDecoding
import AttendDispatch
import AttendLayers
import AttendModels
import AttendPictures
import AttendTokenizers

/// Draws pictures of texts: a decoder writes their tokens, led away from what it would write of no text, and a VQGAN
/// paints them (Ramesh et al. 2021, arXiv:2102.12092; Crowson's super-conditioning, which dalle-mini uses).
package final class Drawer {
  private let session: Session
  private let options: DrawingOptions
  private let blueprint: DrawingBlueprint
  private let painter: Painter
  private let judge: PictureJudge?
  /// Units of the progress that the painting of a picture counts for, in tokens.
  private static let paintingUnits = 64

  /// `judge`: a model that compares pictures with texts, by which the candidates are ranked; nil: they are not.
  ///
  /// Throws `unsupported` for a model that draws no pictures, `notFound` where there is no VQGAN.
  package init(_ session: Session, _ options: DrawingOptions, judge: Model? = nil) throws(Failure) {
    guard let blueprint = session.model.blueprint.drawing else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(session.model.blueprint.family) model, which draws no pictures")
    }
    try options.check()
    (self.session, self.options, self.blueprint) = (session, options, blueprint)
    painter = try session.model.painter(options.painter, engine: session.model.engine)
    self.judge = try judge.map { (model) throws(Failure) in
      try PictureJudge(model, threads: session.engine.threads, session.cancellation)
    }
  }

  /// Draws what a text says. All live sequences of the session are dropped, before and after.
  package func draw(_ text: UnsafeRawBufferPointer) throws(Failure) -> Drawing {
    let request = try session.model.drawingPrompt(text)
    session.drop()
    let records = session.recordsAttentions
    session.recordAttentions(false)
    defer {
      session.recordAttentions(records)
      session.drop()
    }
    var drawing: Drawing?
    let work = options.candidates.saturatingMultiply(blueprint.count + Drawer.paintingUnits)
    try session.cancellation.enclose(work: work) { () throws(Failure) in
      drawing = try draw(request, text)
      try session.cancellation.check()
    }
    guard let drawing else { throw Failure(.internalError, "a drawing that is none") }
    return drawing
  }

  private func draw(_ request: DrawingPrompt, _ text: UnsafeRawBufferPointer) throws(Failure) -> Drawing {
    let hypotheses = try write(request)
    let pass = Pass(engine: session.engine, workspace: Workspace())
    let candidates = try FixedArray(hypotheses.count, for: "the pictures of a drawing") {
      (index) throws(Failure) -> Drawing.Candidate in
      let generated = hypotheses[index].generated
      try pass.workspace.reset()
      let picture = try painter.picture(generated, pass)
      session.cancellation.advanceEnclosing(Drawer.paintingUnits)
      return Drawing.Candidate(
        picture: picture, tokens: try FixedArray(generated.count, for: "the tokens of a picture") { generated[$0] },
        score: .nan)
    }
    guard let judge else { return Drawing(candidates) }
    return Drawing(try judge.ranked(candidates, text))
  }

  // MARK: Tokens

  /// Writes the tokens of all candidates, which share what was read of the text.
  private func write(_ request: DrawingPrompt) throws(Failure) -> [Hypothesis] {
    let model: any StepModel =
      session.model.pictureWriter.map { PictureSteps(session, $0, promptCount: request.prompt.count) } ?? session
    let isGuided = (options.conditionScale ?? blueprint.conditionScale) != 1
    var scheduling = Scheduler.Options()
    scheduling.maximalRows = max(scheduling.maximalRows, options.candidates * (isGuided ? 2 : 1))
    let scheduler = try Scheduler(model, scheduling)
    defer { scheduler.close() }
    let context = try SearchContext(
      try search(model.vocabulary, isGuided: isGuided), prompt: request.prompt, source: request.source,
      otherPrompt: isGuided ? request.other : nil, model: model)
    var outcome: Ticket.Outcome?
    let listener = ProgressListener(session.cancellation)
    try scheduler.generate(
      1, length: { _ in 0 },
      request: { (_) throws(Failure) in
        var submitted = Scheduler.Request(context)
        submitted.observer = listener
        return submitted
      }, finished: { _, result, _ in outcome = result })
    guard let hypotheses = try outcome?.get(), hypotheses.allSatisfy({ $0.generatedCount == blueprint.count }) else {
      throw Failure(.internalError, "a picture of fewer tokens than it has places")
    }
    return hypotheses
  }

  private func search(_ vocabulary: Int, isGuided: Bool) throws(Failure) -> SearchOptions {
    var search = SearchOptions()
    search.samples = options.temperature > 0
    if search.samples {
      search.sampling.temperature = options.temperature
      search.sampling.topK = options.topK
      search.sampling.topP = options.topP
      search.sampling.seed = options.seed
    }
    search.sequences = options.candidates
    search.maximalNewTokens = blueprint.count
    if isGuided { search.logits.guidanceScale = Float(options.conditionScale ?? blueprint.conditionScale) }
    // Ids that the painter has no vector for, as that of the decoder's start.
    let painted = painter.decoder.count
    guard painted <= vocabulary else {
      throw Failure(
        .unsupported, "the VQGAN paints \(painted) tokens, and the model writes \(vocabulary): they do not fit")
    }
    if painted < vocabulary {
      search.logits.suppressed = try FixedArray(vocabulary - painted, for: "the tokens that cannot be painted") {
        Int32(painted + $0)
      }
    }
    return search
  }
}

/// Counts tokens of pictures as work that is done.
private final class ProgressListener: TokenObserver {
  private let cancellation: Cancellation

  init(_ cancellation: Cancellation) { self.cancellation = cancellation }

  func generated(
    sequence: Int, token: Int32, logProbability: Float, alternatives: UnsafeBufferPointer<TokenAlternative>,
    reason: FinishReason?
  ) throws(Failure) -> Verdict {
    cancellation.advanceEnclosing(1)
    return .goOn
  }
}
