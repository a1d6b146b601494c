import AttendBase

/// The choices of a tokenizing call.
package struct TokenizeOptions: Sendable {
  /// The text that loses tokens where there are too many.
  package enum Truncation: UInt32, Sendable {
    /// The longer one, until both are as long as each other; then both.
    case longestFirst = 0
    case onlyFirst = 1
    case onlySecond = 2
    /// None: too many tokens are an error.
    case none = 3
  }

  /// The end at which a text loses tokens.
  package enum Side: UInt32, Sendable {
    case right = 1
    case left = 2
  }

  package var addSpecialTokens = true
  /// Whether the texts are what an encoder-decoder writes, see `Tokenizer.ofTargets`.
  package var areTargets = false
  /// The most tokens of an encoding, those of the template included; nil: no limit.
  package var maximalLength: Int?
  package var truncation = Truncation.longestFirst
  /// nil: as the tokenizer's files say.
  package var side: Side?
  /// The number of tokens that a window shares with the one before it.
  package var stride = 0
  /// The way to end the call before its time, and to hear how far it is: an object of one call.
  package var cancellation: Cancellation?

  package init(addSpecialTokens: Bool = true, maximalLength: Int? = nil) {
    self.addSpecialTokens = addSpecialTokens
    self.maximalLength = maximalLength
  }

  /// Begins a call that reads so many bytes of text, on the thread that makes it.
  func begin(bytes: Int) { cancellation?.begin(work: bytes &* TokenizeOptions.readings) }

  /// The readings of a text: to normalize it, to split it, by the model, and for the offsets.
  private static let readings = 4
}

/// The windows that a text of `total` tokens is cut into, by the rules of Hugging Face's tokenizers. The first one is
/// what stays of the text.
struct TruncationWindows: Equatable {
  let total: Int
  /// Tokens of a window; `total` where the text stays whole.
  let length: Int
  private let step: Int
  private let side: TokenizeOptions.Side
  let count: Int

  /// The whole text in one window.
  init(whole total: Int) {
    self.init(total: total, length: total, step: 1, side: .right, count: 1)
  }

  /// Windows of `length` tokens. Throws `invalidArgument` where `stride` leaves no step from one to the next.
  init(total: Int, length: Int, stride: Int, side: TokenizeOptions.Side) throws(Failure) {
    guard length < total else {
      self.init(whole: total)
      return
    }
    guard length > 0 else {
      // Nothing stays, and all of it is the one window that was cut off.
      self.init(total: total, length: 0, step: total, side: side, count: 2)
      return
    }
    guard stride < length else {
      throw Failure(
        .invalidArgument, "stride is \(stride), and max_length leaves windows of \(length) tokens: it must be less")
    }
    let step = length - stride
    self.init(total: total, length: length, step: step, side: side, count: 1 + (total - length + step - 1) / step)
  }

  private init(total: Int, length: Int, step: Int, side: TokenizeOptions.Side, count: Int) {
    (self.total, self.length, self.step, self.side, self.count) = (total, length, step, side, count)
  }

  /// The tokens of window `index`.
  func range(_ index: Int) -> Range<Int> {
    if length == 0 { return index == 0 ? 0..<0 : 0..<total }
    let first = index * step
    switch side {
    case .right: return first..<min(first + length, total)
    case .left: return max(total - first - length, 0)..<(total - first)
    }
  }
}

/// The truncation of one or two texts.
struct Truncation {
  /// The most tokens of an encoding, and how many of them the template adds.
  let limit: Int
  let added: Int
  let strategy: TokenizeOptions.Truncation
  let side: TokenizeOptions.Side
  let stride: Int
  /// Of two texts that both lose tokens, the first keeps the odd one, as the tokenizers written in Python do it;
  /// otherwise the longer one, and the second of two as long as each other.
  let firstKeepsOddToken: Bool

  /// The windows of texts with `lengths` tokens. Throws `invalidArgument`, with the numbers, where the options leave no
  /// way to cut them.
  func windows(_ lengths: [Int]) throws(Failure) -> [TruncationWindows] {
    let room = limit - added
    guard room >= 0 else {
      throw Failure(.invalidArgument, "max_length is \(limit), and the special tokens alone are \(added)")
    }
    let total = lengths.reduce(0, +)
    guard total > room else { return lengths.map { TruncationWindows(whole: $0) } }
    let kept = try kept(lengths, room)
    var windows: [TruncationWindows] = []
    for (total, length) in zip(lengths, kept) {
      windows.append(try TruncationWindows(total: total, length: length, stride: stride, side: side))
    }
    return windows
  }

  /// The number of tokens that stay of each text, `room` in all.
  private func kept(_ lengths: [Int], _ room: Int) throws(Failure) -> [Int] {
    let excess = lengths.reduce(0, +) - room
    switch strategy {
    case .none: throw tooLong(lengths, "they may not be truncated")
    case _ where room == 0: return lengths.map { _ in 0 }
    case .longestFirst: return lengths.count == 1 ? [room] : balanced(lengths, room)
    case .onlyFirst, .onlySecond:
      let target = strategy == .onlyFirst ? 0 : 1
      guard target < lengths.count else {
        throw Failure(.invalidArgument, "truncation is only_second, and there is no second text")
      }
      guard lengths[target] > excess else {
        throw tooLong(lengths, "the \(target == 0 ? "first" : "second") alone is too short to lose \(excess)")
      }
      return lengths.enumerated().map { $0 == target ? $1 - excess : $1 }
    }
  }

  private func balanced(_ lengths: [Int], _ room: Int) -> [Int] {
    let isFirstShorter = lengths[0] <= lengths[1]
    let shorter = min(lengths[0], lengths[1])
    if shorter <= room - shorter {
      return isFirstShorter ? [shorter, room - shorter] : [room - shorter, shorter]
    }
    let half = room / 2
    return isFirstShorter && !firstKeepsOddToken ? [half, room - half] : [room - half, half]
  }

  private func tooLong(_ lengths: [Int], _ reason: String) -> Failure {
    let texts = lengths.count == 1 ? "the text has \(lengths[0])" : "the texts have \(lengths[0]) and \(lengths[1])"
    let special = added > 0 ? " and the template adds \(added)" : ""
    return Failure(
      .invalidArgument, "\(texts) tokens\(special), more than max_length \(limit): \(reason)")
  }
}
