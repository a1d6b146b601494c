import AttendBase
import AttendDecoding
import AttendGeneration
import AttendModels
import AttendTokenizers
import CAttend

// An `attend_scores` is a `Scores`, whose columns lie in memory as C reads them.

@_cdecl("attend_score") @implementation public func attend_score(
  _ session: OpaquePointer!, _ contexts: UnsafePointer<attend_batch>!, _ texts: UnsafePointer<attend_batch>!,
  _ options: UnsafePointer<attend_score_options>!, _ scores: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  scoring(session, options, scores) { (scorer, _) throws(Failure) in
    let texts = try read(texts, "texts").batch
    let contexts = try contexts.map { (contexts) throws(Failure) in
      try read(contexts, "contexts", allowsEmpty: true).batch
    }
    return try scorer.score(texts, contexts: contexts)
  }
}

@_cdecl("attend_score_texts") @implementation public func attend_score_texts(
  _ session: OpaquePointer!, _ contexts: UnsafePointer<UnsafePointer<CChar>?>!,
  _ contextLengths: UnsafePointer<Int>!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!,
  _ lengths: UnsafePointer<Int>!, _ count: Int, _ options: UnsafePointer<attend_score_options>!,
  _ scores: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  scoring(session, options, scores) { (scorer, model) throws(Failure) in
    guard count > 0, count <= Session.mostSequences else {
      throw Failure(
        .invalidArgument, "count is \(UInt(bitPattern: count)); from 1 to \(Session.mostSequences) texts are taken")
    }
    let column = TextBatch.Column(try require(texts, "texts"), try require(lengths, "lengths"))
    let before = try contexts.map { (contexts) throws(Failure) in
      TextBatch.Column(contexts, try require(contextLengths, "context_lengths"))
    }
    return try scorer.score(
      TextBatch(column, pairs: before, count: count), try model.tokenizer.get())
  }
}

/// Runs a call that scores. What is scored is handed over, also where it fails.
private func scoring(
  _ session: OpaquePointer?, _ options: UnsafePointer<attend_score_options>?,
  _ target: UnsafeMutablePointer<OpaquePointer?>?,
  _ body: (Scorer, Model) throws(Failure) -> (scores: Scores, failure: Failure?)
) -> OpaquePointer? {
  attempt { () throws(Failure) in
    let target = try require(target, "scores")
    target.pointee = nil
    let object = try object(session, as: SessionObject.self, "session")
    try object.model.checkProcess()
    try object.use { (session) throws(Failure) in
      let known = try copy(options, "options")
      var options = ScoreOptions()
      (options.window, options.stride, options.topLogProbabilities) = (known.window, known.stride, known.top_logprobs)
      let (scores, failure) = try body(try Scorer(session, options), session.model)
      target.pointee = own(scores)
      if let failure { throw failure }
    }
  }
}

@_cdecl("attend_scores_count") @implementation public func attend_scores_count(_ scores: OpaquePointer!) -> Int {
  borrow(scores, as: Scores.self).count
}

@_cdecl("attend_scores_get") @implementation public func attend_scores_get(
  _ scores: OpaquePointer!, _ index: Int, _ score: UnsafeMutablePointer<attend_text_score>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let scores = try object(scores, as: Scores.self, "scores")
    let target = try require(score, "score")
    try check(index, 1, of: scores)
    guard let found = scores[index] else { throw Scores.unfinished(index) }
    var result = attend_text_score()
    result.ids = found.ids.baseAddress
    result.count = found.ids.count
    result.log_probabilities = found.logProbabilities.baseAddress
    (result.sum, result.perplexity, result.is_greedy) = (found.sum, found.perplexity, found.isGreedy)
    result.alternatives = UnsafeRawPointer(found.alternatives.baseAddress)?.assumingMemoryBound(
      to: attend_token_alternative.self)
    result.alternative_count = found.alternativesPerToken
    try fill(target, with: result, "score")
  }
}

@_cdecl("attend_scores_probabilities") @implementation public func attend_scores_probabilities(
  _ scores: OpaquePointer!, _ first: Int, _ count: Int, _ normalization: attend_score_normalization,
  _ probabilities: UnsafeMutablePointer<Double>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let scores = try object(scores, as: Scores.self, "scores")
    let target = try require(probabilities, "probabilities")
    guard [ATTEND_SCORE_SUM, ATTEND_SCORE_MEAN].contains(normalization) else {
      throw Failure(
        .invalidArgument, "normalization is \(normalization.rawValue), which is no attend_score_normalization")
    }
    try check(first, count, of: scores)
    try scores.probabilities(from: first, count: count, ofMeans: normalization == ATTEND_SCORE_MEAN, into: target)
  }
}

/// Throws for texts that there are not.
private func check(_ first: Int, _ count: Int, of scores: Scores) throws(Failure) {
  guard first >= 0, count > 0, first < scores.count, count <= scores.count - first else {
    throw Failure(
      .invalidArgument,
      "\(UInt(bitPattern: count)) texts from \(UInt(bitPattern: first)) on are asked for, and there are \(scores.count)"
    )
  }
}

@_cdecl("attend_scores_free") @implementation public func attend_scores_free(_ scores: OpaquePointer!) {
  release(scores, as: Scores.self)
}
