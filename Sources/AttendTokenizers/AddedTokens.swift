import AttendBase

/// Tokens that are found in the text itself, before the model sees it.
struct AddedToken: Sendable {
  let content: [UInt8]
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

/// Finds added tokens: at each place the longest, from left to right.
final class AddedTokenMatcher: Sendable {
  private let trie: DoubleArray
  private let tokens: [AddedToken]
  private let startsToken: [Bool]

  /// `spelled` is the text to look for, one for each token.
  init(_ tokens: [AddedToken], spelled: [[UInt8]]) throws(Failure) {
    var starts = [Bool](repeating: false, count: 256)
    for text in spelled where !text.isEmpty { starts[Int(text[0])] = true }
    self.startsToken = starts
    self.trie = try DoubleArray(texts: spelled)
    self.tokens = tokens
  }

  var isEmpty: Bool { tokens.isEmpty }

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
