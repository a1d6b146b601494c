import AttendBase
import AttendTokenizers

/// The tasks of Florence-2, which a prompt names and a question takes the place of (Xiao et al. 2023, arXiv:2311.06242,
/// section 4.1).
enum FlorenceTask {
  /// Tasks that are all of a prompt.
  private static let alone = [
    ("<OCR>", "What is the text in the image?"),
    ("<OCR_WITH_REGION>", "What is the text in the image, with regions?"),
    ("<CAPTION>", "What does the image describe?"),
    ("<DETAILED_CAPTION>", "Describe in detail what is shown in the image."),
    ("<MORE_DETAILED_CAPTION>", "Describe with a paragraph what is shown in the image."),
    ("<OD>", "Locate the objects with category name in the image."),
    ("<DENSE_REGION_CAPTION>", "Locate the objects in the image, with their descriptions."),
    ("<REGION_PROPOSAL>", "Locate the region proposals in the image."),
  ]
  /// Tasks beside a text, whose place is between the two parts of the question.
  private static let beside = [
    ("<CAPTION_TO_PHRASE_GROUNDING>", "Locate the phrases in the caption: ", ""),
    ("<REFERRING_EXPRESSION_SEGMENTATION>", "Locate ", " in the image with mask"),
    ("<REGION_TO_SEGMENTATION>", "What is the polygon mask of region ", ""),
    ("<OPEN_VOCABULARY_DETECTION>", "Locate ", " in the image."),
    ("<REGION_TO_CATEGORY>", "What is the region ", "?"),
    ("<REGION_TO_DESCRIPTION>", "What does the region ", " describe?"),
    ("<REGION_TO_OCR>", "What text is in the region ", "?"),
  ]

  /// The question that a prompt stands for, without the token that begins it and the one that ends it; nil: it names no
  /// task. Throws `invalidArgument` where a task that is alone is not.
  static func question(
    of prompt: UnsafeBufferPointer<Int32>, places: Int32, _ tokenizer: Tokenizer
  ) throws(Failure) -> String? {
    let info = try tokenizer.info.get()
    var bytes = GrowingList<UInt8>(for: "the text of a prompt")
    for (position, id) in prompt.enumerated() where id != places {
      if id == info.begin && bytes.count == 0 || id == info.end && position == prompt.count - 1 { continue }
      if tokenizer.isSpecial(id), let token = tokenizer.token(id) {
        try bytes.append(contentsOf: token.bindMemory(to: UInt8.self))
      } else {
        try tokenizer.appendBytes(of: id, to: &bytes)
      }
    }
    let text = String(decoding: bytes.elements, as: UTF8.self)
    for (task, question) in alone where text.contains(task) {
      guard text == task else {
        throw Failure(.invalidArgument, "the task \(task) should be all of the prompt")
      }
      return question
    }
    for (task, before, behind) in beside {
      guard let rest = text.without(task) else { continue }
      return before + rest + behind
    }
    return nil
  }
}

extension String {
  /// The text without any of these parts, and without spaces at its ends; nil: it has none of them.
  fileprivate func without(_ part: String) -> String? {
    guard contains(part) else { return nil }
    var rest = Substring(self), result = ""
    while let place = rest.firstRange(of: part) {
      result += rest[..<place.lowerBound]
      rest = rest[place.upperBound...]
    }
    let joined = Substring(result + rest)
    let start = joined.drop { $0.isWhitespace }
    return String(start.reversed().drop { $0.isWhitespace }.reversed())
  }
}
