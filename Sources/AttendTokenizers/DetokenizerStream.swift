import AttendBase

/// Turns ids into text one at a time, and gives out whole characters alone: never a part of one. One thread at a time.
///
/// What comes out, joined, is what `decode` makes of all the ids.
package struct DetokenizerStream: ~Copyable {
  private let tokenizer: Tokenizer
  private let skipsSpecial: Bool
  /// The ids whose text decides how the next one is spelled: those of `given`, and those that wait.
  private var window = GrowingList<Int32>(for: "the tokens of a stream")
  /// The text of the window that has been given out.
  private var given = GrowingList<UInt8>(for: "the text of a stream")
  /// The text given out last.
  private var new = GrowingList<UInt8>(for: "the text of a stream")
  private var text = TextList(for: "the text of a stream")
  /// Ids whose text has been given out whole are dropped from the window when there are this many.
  private static let windowLength = 48

  /// `skipSpecialTokens` as for `decode`.
  package init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool) {
    self.tokenizer = tokenizer
    skipsSpecial = skipSpecialTokens
  }

  /// Takes one more id and returns the text that is now certain, often none, until the next call. Throws
  /// `invalidArgument` for an unknown id, which is then not taken.
  package mutating func add(_ id: Int32) throws(Failure) -> UnsafeBufferPointer<UInt8> {
    try window.append(id)
    do throws(Failure) { return try advance(isLast: false) } catch {
      _ = window.removeLast()
      throw error
    }
  }

  /// The text that was held back, until the next call. The stream then begins anew.
  package mutating func finish() throws(Failure) -> UnsafeBufferPointer<UInt8> {
    let rest = try advance(isLast: true)
    window.removeAll()
    given.removeAll()
    return rest
  }

  private mutating func advance(isLast: Bool) throws(Failure) -> UnsafeBufferPointer<UInt8> {
    new.removeAll()
    let whole = try decode(from: 0)
    let end = isLast ? whole.count : whole.count - DetokenizerStream.uncertain(whole)
    if end > given.count, whole.starts(with: given.elements) {
      try new.append(contentsOf: UnsafeBufferPointer(rebasing: whole[given.count..<end]))
      try given.append(contentsOf: UnsafeBufferPointer(new.elements))
      if !isLast, given.count == whole.count, window.count >= DetokenizerStream.windowLength { try shorten() }
    }
    return UnsafeBufferPointer(new.elements)
  }

  /// Keeps the last ids alone, where their text alone is the end of the whole text: so the time for a token does not
  /// grow.
  private mutating func shorten() throws(Failure) {
    for count in DetokenizerStream.windowLength / 2..<DetokenizerStream.windowLength / 2 + 4 {
      let first = window.count - count
      let text = try decode(from: first)
      // The first token of a text may be spelled without its space, so the text is compared from the second word on
      // where it must.
      let start = isEnd(text[...]) ? 0 : text.dropFirst().firstIndex(of: 0x20)
      guard let start, isEnd(text[start...]) else { continue }
      for index in 0..<count { window[index] = window[first + index] }
      window.removeAll(from: count)
      given.removeAll()
      try given.append(contentsOf: text)
      return
    }
  }

  private func isEnd(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    given.count >= text.count && given.elements.suffix(text.count).elementsEqual(text)
  }

  /// The text of the window's ids from `first` on, until the next call.
  private mutating func decode(from first: Int) throws(Failure) -> UnsafeBufferPointer<UInt8> {
    let ids = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(window.elements)[first...])
    try tokenizer.decode(ids, skipSpecialTokens: skipsSpecial, into: &text)
    return text.joined
  }

  /// The number of bytes at the end that may still change: U+FFFD, which the next bytes may turn into a character, and
  /// spaces, which some decoders take back.
  private static func uncertain(_ text: UnsafeBufferPointer<UInt8>) -> Int {
    var end = text.count
    while end >= 3, text[(end - 3)..<end].elementsEqual(UTF8Text.replacement) { end -= 3 }
    while end > 0, text[end - 1] == 0x20 { end -= 1 }
    return text.count - end
  }
}
