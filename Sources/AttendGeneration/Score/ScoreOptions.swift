import AttendBase
import AttendModels

/// How to score texts: the windows of long ones, and what is told of each place.
package struct ScoreOptions: Sendable {
  /// Tokens of a text that are read at once; 0: as many as the decoder has positions.
  package var window = 0
  /// Tokens from the beginning of a window to that of the next, where a text is longer than one; 0: such a text is an
  /// error.
  package var stride = 0
  /// The most probable tokens of each place that are told; 0: none.
  package var topLogProbabilities = 0

  package init() {}

  /// The longest text that is read at once. Throws `invalidArgument` for numbers that do not fit one another, or the
  /// session's model.
  func window(of session: Session) throws(Failure) -> Int {
    guard !session.readsSources || window == 0 && stride == 0 else {
      throw Failure(
        .invalidArgument,
        "window is \(UInt(bitPattern: window)) and stride \(UInt(bitPattern: stride)), and the model is an "
          + "encoder-decoder, whose targets are read whole")
    }
    guard window >= 0, window != 1 else {
      throw Failure(.invalidArgument, "window is \(UInt(bitPattern: window)); it is 2 or more")
    }
    let positions = session.positions ?? .max
    guard window <= positions else {
      throw Failure(.invalidArgument, "window is \(window), and the model has \(positions) positions")
    }
    let longest = window == 0 ? positions : window
    guard stride >= 0, stride < longest else {
      throw Failure(
        .invalidArgument,
        "stride is \(UInt(bitPattern: stride)), and a window has \(longest) tokens: each window must begin within the "
          + "one before, so that all of its tokens follow on something")
    }
    guard topLogProbabilities >= 0, topLogProbabilities <= session.vocabulary else {
      throw Failure(
        .invalidArgument,
        "top_logprobs is \(UInt(bitPattern: topLogProbabilities)); the vocabulary has \(session.vocabulary) tokens")
    }
    return longest
  }
}
