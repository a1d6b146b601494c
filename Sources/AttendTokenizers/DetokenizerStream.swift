import AttendBase

/// Turns ids into text one at a time, and gives out whole characters alone: never a part of one. One thread at a time.
///
/// What comes out, joined, is what `decode` makes of all the ids.
package struct DetokenizerStream {
  private let tokenizer: Tokenizer
  private let skipsSpecial: Bool
  /// The ids whose text decides how the next one is spelled: those of `given`, and those that wait.
  private var window: [Int32] = []
  /// The text of the window that has been given out.
  private var given: [UInt8] = []
  /// Ids whose text has been given out whole are dropped from the window when there are this many.
  private static let windowLength = 48

  /// `skipSpecialTokens` as for `decode`.
  package init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool) {
    self.tokenizer = tokenizer
    skipsSpecial = skipSpecialTokens
  }

  /// Takes one more id and returns the text that is now certain, often none. Throws `invalidArgument` for an unknown
  /// id, which is then not taken.
  package mutating func add(_ id: Int32) throws(Failure) -> [UInt8] {
    window.append(id)
    do throws(Failure) { return try advance(isLast: false) } catch {
      window.removeLast()
      throw error
    }
  }

  /// The text that was held back. The stream then begins anew.
  package mutating func finish() throws(Failure) -> [UInt8] {
    let rest = try advance(isLast: true)
    window = []
    given = []
    return rest
  }

  private mutating func advance(isLast: Bool) throws(Failure) -> [UInt8] {
    let text = try decode(window)
    let end = isLast ? text.count : text.count - DetokenizerStream.uncertain(text)
    guard end > given.count, text.starts(with: given) else { return [] }
    let new = Array(text[given.count..<end])
    given += new
    if !isLast, given.count == text.count, window.count >= DetokenizerStream.windowLength { try shorten() }
    return new
  }

  /// Keeps the last ids alone, where their text alone is the end of the whole text: so the time for a token does not
  /// grow.
  private mutating func shorten() throws(Failure) {
    for count in DetokenizerStream.windowLength / 2..<DetokenizerStream.windowLength / 2 + 4 {
      let tail = Array(window.suffix(count))
      let text = try decode(tail)
      // The first token of a text may be spelled without its space, so the text is compared from the second word on
      // where it must.
      let start = isEnd(text[...]) ? 0 : text.dropFirst().firstIndex(of: 0x20)
      guard let start, isEnd(text[start...]) else { continue }
      window = tail
      given = text
      return
    }
  }

  private func isEnd(_ text: ArraySlice<UInt8>) -> Bool {
    given.count >= text.count && given.suffix(text.count).elementsEqual(text)
  }

  private func decode(_ ids: [Int32]) throws(Failure) -> [UInt8] {
    try ids.withUnsafeBufferPointer { ids throws(Failure) in try tokenizer.decode(ids, skipSpecialTokens: skipsSpecial)
    }
  }

  /// How many bytes at the end may still change: U+FFFD, which the next bytes may turn into a character, and spaces,
  /// which some decoders take back.
  private static func uncertain(_ text: [UInt8]) -> Int {
    var end = text.count
    while end >= 3, text[(end - 3)..<end].elementsEqual(UTF8Text.replacement) { end -= 3 }
    while end > 0, text[end - 1] == 0x20 { end -= 1 }
    return text.count - end
  }
}
