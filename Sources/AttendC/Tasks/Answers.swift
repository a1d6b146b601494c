import AttendBase
import AttendGeneration
import AttendTokenizers
import CAttend

// An `attend_answers` is a `TextResults<AnswerSpan>`.

@_cdecl("attend_answer") @implementation public func attend_answer(
  _ session: OpaquePointer!, _ questions: UnsafePointer<UnsafePointer<CChar>?>!,
  _ questionLengths: UnsafePointer<Int>!, _ texts: UnsafePointer<UnsafePointer<CChar>?>!,
  _ lengths: UnsafePointer<Int>!, _ count: Int, _ options: UnsafePointer<attend_answer_options>!,
  _ answers: UnsafeMutablePointer<OpaquePointer?>!
) -> OpaquePointer! {
  using(session) { (session) throws(Failure) in
    let target = try require(answers, "answers")
    let answerer = try QuestionAnswerer(session, try answerOptions(options))
    let asked = try column(questions, questionLengths, count, ("questions", "question_lengths"))
    target.pointee = own(
      try answerer.answers(to: asked, about: try column(texts, lengths, count), count: count))
  }
}

private func answerOptions(
  _ pointer: UnsafePointer<attend_answer_options>?
) throws(Failure) -> QuestionAnswerer.Options {
  let known = try copy(pointer, "options")
  var options = QuestionAnswerer.Options()
  options.most = try size(known.top_k, "top_k") ?? options.most
  options.longest = try size(known.max_answer_length, "max_answer_length") ?? options.longest
  options.maximalLength = try size(known.max_length, "max_length")
  options.stride = try size(known.stride, "stride")
  options.allowsNone = known.allow_no_answer
  options.alignsToWords = !known.within_words
  return options
}

@_cdecl("attend_answers_count") @implementation public func attend_answers_count(_ answers: OpaquePointer!) -> Int {
  borrow(answers, as: TextResults<AnswerSpan>.self).count
}

@_cdecl("attend_answers_span_count") @implementation public func attend_answers_span_count(
  _ answers: OpaquePointer!, _ question: Int
) -> Int { borrow(answers, as: TextResults<AnswerSpan>.self).entryCount(question) }

@_cdecl("attend_answers_get") @implementation public func attend_answers_get(
  _ answers: OpaquePointer!, _ question: Int, _ rank: Int, _ span: UnsafeMutablePointer<attend_answer_span>!
) -> OpaquePointer! {
  attempt { () throws(Failure) in
    let results = try object(answers, as: TextResults<AnswerSpan>.self, "answers")
    let target = try require(span, "span")
    let found = try results.entry(question, 0, rank, "answers")
    var result = attend_answer_span()
    let text = results.text(found.text)
    (result.text, result.text_length, result.score) = (characters(text), text.count, found.score)
    result.offsets = attend_token_offsets(found.place)
    try fill(target, with: result, "span")
  }
}

@_cdecl("attend_answers_free") @implementation public func attend_answers_free(_ answers: OpaquePointer!) {
  release(answers, as: TextResults<AnswerSpan>.self)
}
