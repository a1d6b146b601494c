import AttendBase

/// A token that is found in the text itself, before the model sees it.
struct AddedToken {
  let id: Int32
  /// Only where neither neighbour is part of a word.
  var singleWord = false
  /// Takes the white space before it, or behind it, along.
  var stripsLeft = false
  var stripsRight = false
  /// Found in the normalized text rather than in the source.
  var isNormalized = false
  /// Left out by decoding, unless the caller keeps it.
  var isSpecial = false
}

/// Added tokens and the texts that spell them, as many as files list. Made by one thread, then read by any.
final class AddedTokenList: @unchecked Sendable {
  private var tokens = GrowingList<AddedToken>(for: "the added tokens")
  private var texts = TextList(for: "the added tokens")

  var count: Int { tokens.count }
  subscript(index: Int) -> AddedToken { tokens[index] }

  /// The text of a token, until the list changes.
  func text(_ index: Int) -> UnsafeBufferPointer<UInt8> { texts[index] }

  func append(_ text: UnsafeBufferPointer<UInt8>, _ token: AddedToken) throws(Failure) {
    try texts.append(text)
    try tokens.append(token)
  }

  func append(_ text: [UInt8], _ token: AddedToken) throws(Failure) {
    try text.withUnsafeBufferPointer { text throws(Failure) in try append(text, token) }
  }

  /// A search for these texts; empty ones are never found.
  func trie() throws(Failure) -> DoubleArray { try DoubleArray(texts: texts) }
}

/// Finds added tokens: at each place the longest, from left to right.
final class AddedTokenMatcher: Sendable {
  private let trie: DoubleArray
  private let tokens: AddedTokenList
  private let startsToken: [Bool]

  /// The texts to look for; of tokens that are spelled alike, the one with the largest index counts.
  init(_ tokens: AddedTokenList) throws(Failure) {
    var starts = [Bool](repeating: false, count: 256)
    for index in 0..<tokens.count { if let first = tokens.text(index).first { starts[Int(first)] = true } }
    self.startsToken = starts
    self.trie = try tokens.trie()
    self.tokens = tokens
  }

  var isEmpty: Bool { tokens.count == 0 }

  /// Cuts the text of one piece at the tokens in it.
  func split(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ list: inout PieceList) {
    var cut = range.lowerBound
    var position = range.lowerBound
    while position < range.upperBound {
      guard startsToken[Int(text[position])],
        let (index, length) = trie.longestPrefix(text, position..<range.upperBound)
      else {
        position += 1
        continue
      }
      let token = tokens[Int(index)]
      var start = position, end = position + length
      position = end
      if token.singleWord,
        AddedTokenMatcher.isWord(before: start, text, range) || AddedTokenMatcher.isWord(at: end, text, range)
      {
        continue
      }
      if token.stripsLeft { start = max(AddedTokenMatcher.skipSpaces(before: start, text, range), cut) }
      if token.stripsRight { end = AddedTokenMatcher.skipSpaces(after: end, text, range) }
      start = max(start, cut)
      list.add(cut, start)
      list.add(start, end, token: token.id)
      cut = end
      position = max(position, end)
    }
    list.add(cut, range.upperBound)
  }

  private static func isWord(_ scalar: UInt32) -> Bool {
    let properties = UnicodeData.properties[scalar]
    return ScalarSet.isWord(scalar, properties) || scalar == 0x200C || scalar == 0x200D
  }

  private static func isWord(before place: Int, _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    place > range.lowerBound && isWord(UTF8Text.decodeBackward(text.baseAddress! + place).scalar)
  }

  private static func isWord(at place: Int, _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    place < range.upperBound && isWord(UTF8Text.decode(text.baseAddress! + place).scalar)
  }

  private static func skipSpaces(before place: Int, _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Int {
    var place = place
    while place > range.lowerBound {
      let (scalar, length) = UTF8Text.decodeBackward(text.baseAddress! + place)
      guard UnicodeData.properties[scalar].isWhitespace else { break }
      place -= length
    }
    return place
  }

  private static func skipSpaces(after place: Int, _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Int {
    var place = place
    while place < range.upperBound {
      let (scalar, length) = UTF8Text.decode(text.baseAddress! + place)
      guard UnicodeData.properties[scalar].isWhitespace else { break }
      place += length
    }
    return place
  }
}
