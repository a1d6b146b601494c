import AttendBase
import AttendTokenizers

/// Cuts texts into parts that a model can read, behind sentences where there are any, else behind words.
package struct TextCutter {
  private let tokenizer: Tokenizer
  /// Tokens of a part at most, special ones and those of `prefix` included.
  private let limit: Int
  private let prefix: Int

  /// `prefix`: tokens that stand before each part besides.
  package init(_ tokenizer: Tokenizer, limit: Int, prefix: Int) throws(Failure) {
    (self.tokenizer, self.limit, self.prefix) = (tokenizer, limit, prefix)
    guard room(for: UnsafeRawBufferPointer(start: nil, count: 0)) >= TextCutter.leastRoom else {
      throw Failure(
        .invalidArgument, "parts of \(limit) tokens leave less than \(TextCutter.leastRoom) for their text")
    }
  }

  /// Tokens of text that are worth a part.
  private static let leastRoom = 8

  /// A part of a text: bytes `[start, end)`.
  package struct Part: BitwiseCopyable {
    package let start: Int
    package let end: Int
  }

  /// The tokens of a part beside those of its text.
  private func room(for text: UnsafeRawBufferPointer) -> Int {
    let special = (try? tokenizer.encode(text).special.reduce(0) { $0 + Int($1) }) ?? 0
    return limit - prefix - special
  }

  /// The number of tokens that a text has before the model, its prefix included.
  package func count(_ text: UnsafeRawBufferPointer) throws(Failure) -> Int {
    try tokenizer.encode(text).count + prefix
  }

  /// Appends the parts of a text, one where all of it can be read. Parts leave nothing out.
  package func cut(_ text: UnsafeRawBufferPointer, into parts: inout GrowingList<Part>) throws(Failure) {
    if try count(text) <= limit { return try parts.append(Part(start: 0, end: text.count)) }
    let encoding = try tokenizer.encode(text, TokenizeOptions(addSpecialTokens: false))
    var (first, start) = (0, 0)
    while first < encoding.count {
      var room = room(for: text)
      var limit = first, end = start, fits = false
      // Part of a text may have other tokens than there: it is shortened until it fits.
      while !fits {
        limit = boundary(from: first, room: room, encoding, text)
        end = limit == encoding.count ? text.count : max(Int(encoding.offsets[limit].byteStart), start)
        room -= max(room / 8, 1)
        let tokens = try count(UnsafeRawBufferPointer(rebasing: text[start..<end]))
        fits = room <= 0 || tokens <= self.limit
      }
      if end > start { try parts.append(Part(start: start, end: end)) }
      (first, start) = (limit, end)
    }
  }

  /// The token before which a part ends that begins with token `first` and has `room` tokens at most: behind the last
  /// sentence that ends in its second half, else behind the last word there, else where it is full.
  private func boundary(from first: Int, room: Int, _ encoding: Encoding, _ text: UnsafeRawBufferPointer) -> Int {
    let last = first + max(room, 1)
    guard last < encoding.count else { return encoding.count }
    var word: Int?
    for token in stride(from: last, to: first + max(room / 2, 1) - 1, by: -1) {
      var place = Int(encoding.offsets[token].byteStart)
      let isSpace = place < text.count && TextCutter.isSpace(text[place])
      guard place > 0, isSpace || TextCutter.isSpace(text[place - 1]) else { continue }
      while place > 0, TextCutter.isSpace(text[place - 1]) {
        place -= 1
        if text[place] == UInt8(ascii: "\n") { return token }
      }
      if place > 0, TextCutter.endsSentence(text[place - 1]) { return token }
      if word == nil { word = token }
    }
    return word ?? last
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  private static func endsSentence(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ".") || byte == UInt8(ascii: "!") || byte == UInt8(ascii: "?")
  }
}
