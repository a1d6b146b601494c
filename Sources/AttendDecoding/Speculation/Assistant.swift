import AttendBase

/// A smaller model that can draft for requests to another, with rows of its own for each.
package struct Assistant {
  /// The width of its logits.
  let vocabulary: Int
  /// Whether a row is begun with a source (encoder-decoders), rather than empty (decoders).
  let readsSources: Bool
  /// Makes what one request steps.
  let begin: () throws(Failure) -> any StepModel

  package init(vocabulary: Int, readsSources: Bool, begin: @escaping () throws(Failure) -> any StepModel) {
    (self.vocabulary, self.readsSources, self.begin) = (vocabulary, readsSources, begin)
  }

  /// Throws `invalidArgument` for a model of another kind or vocabulary.
  func check(for model: any StepModel) throws(Failure) {
    guard vocabulary == model.vocabulary else {
      throw Failure(
        .invalidArgument,
        "the assistant model has a vocabulary of \(vocabulary) tokens; the model has one of \(model.vocabulary)")
    }
    guard readsSources == model.readsSources else {
      let kinds = ["a decoder", "an encoder-decoder"]
      throw Failure(
        .invalidArgument,
        "the assistant model is \(kinds[readsSources ? 1 : 0]); the model is \(kinds[model.readsSources ? 1 : 0])")
    }
  }
}
