import AttendBase

/// Reads the ARPA format: `\data\` with the number of n-grams of each length, then a section for each length, whose
/// lines are a logarithm to base 10, the words, and except in the last section a backoff weight, with spaces or tabs
/// between; then `\end\`. Numbers of n-grams are believed as far as the file is long enough for them.
struct ARPAReader: ~Copyable {
  private let text: UnsafeRawBufferPointer
  private let name: String
  private var position = 0
  private var line = 0
  /// The number of n-grams of each length.
  private(set) var counts: [Int] = []  // a handful
  private var words = WordList()

  /// The shortest line of an n-gram: "0 a", and its end.
  private static let shortestLine = 4
  private static let longestWord = 1 << 16

  /// Reads the head.
  init(_ text: UnsafeRawBufferPointer, _ name: String) throws(Failure) {
    (self.text, self.name) = (text, name)
    repeat {
      guard let next = nextLine() else { throw failure("\\data\\ is missing") }
      if Self.equals(next, "\\data\\") { break }
    } while true
    while let next = nextLine(), !Self.isBlank(next) {
      let parts = Self.string(next).split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "=" })
      guard parts.count == 3, parts[0] == "ngram", parts[1] == "\(counts.count + 1)", let count = Int(parts[2]) else {
        throw failure("expected \"ngram \(counts.count + 1)=\" and a number")
      }
      guard count >= 0, count <= text.count / Self.shortestLine, count < Int(Int32.max) else {
        throw failure("\(count) n-grams do not fit a file of \(text.count) bytes")
      }
      guard counts.count < NGramModel.maximalOrder else {
        throw failure("n-grams of more than \(NGramModel.maximalOrder) words are not implemented")
      }
      counts.append(count)
    }
    guard let first = counts.first, first > 0 else { throw failure("there are no words") }
  }

  consuming func takeWords() -> WordList { words }

  private func failure(_ reason: String) -> Failure { Failure(.invalidFile, "\(name), line \(line): \(reason)") }

  /// The next line without its end, nil behind the last.
  private mutating func nextLine() -> UnsafeRawBufferPointer? {
    guard position < text.count else { return nil }
    let rest = UnsafeRawBufferPointer(rebasing: text[position...])
    let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.count
    position += min(end + 1, rest.count)
    line += 1
    let hasReturn = end > 0 && rest[end - 1] == UInt8(ascii: "\r")
    return UnsafeRawBufferPointer(rebasing: rest[..<(hasReturn ? end - 1 : end)])
  }

  private static func string(_ line: UnsafeRawBufferPointer) -> String { String(decoding: line, as: UTF8.self) }
  private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
  private static func isBlank(_ line: UnsafeRawBufferPointer) -> Bool { line.allSatisfy(isSpace) }
  private static func equals(_ line: UnsafeRawBufferPointer, _ text: String) -> Bool {
    line.reversed().drop(while: isSpace).reversed().elementsEqual(text.utf8)
  }

  /// Reads the section of one length.
  mutating func read(order: Int) throws(Failure) -> NGrams {
    try expect("\\\(order)-grams:")
    let grams = try NGrams(length: order, count: counts[order - 1])
    let memory = try AlignedBuffer(order, of: Int32.self, for: name)
    defer { withExtendedLifetime(memory) {} }
    for _ in 0..<counts[order - 1] {
      guard let next = nextLine(), !Self.isBlank(next) else {
        throw failure("\(counts[order - 1]) n-grams of \(order) words are announced, \(grams.count) are there")
      }
      try read(next, memory.pointer(), into: grams)
    }
    if order == 1 {
      guard try words.sort() else { throw failure("a word is there twice") }
    }
    return grams
  }

  /// What follows the last section.
  mutating func finish() throws(Failure) { try expect("\\end\\") }

  private mutating func expect(_ title: String) throws(Failure) {
    while let next = nextLine() {
      if Self.isBlank(next) { continue }
      guard Self.equals(next, title) else { break }
      return
    }
    throw failure("expected \(title)")
  }

  /// Reads the line of an n-gram.
  private mutating func read(
    _ line: UnsafeRawBufferPointer, _ ids: UnsafeMutablePointer<Int32>, into grams: NGrams
  ) throws(Failure) {
    var place = 0
    guard let first = Self.field(line, &place), let logarithm = number(first), logarithm <= 0 else {
      throw failure("expected a logarithm of at most 0")
    }
    for index in 0..<grams.length {
      guard let word = Self.field(line, &place), word.count < Self.longestWord else {
        throw failure("expected \(grams.length) words")
      }
      if grams.length == 1 {
        ids[0] = Int32(grams.count)
        try words.append(word.assumingMemoryBound(to: UInt8.self), id: ids[0])
      } else {
        ids[index] = words.word(word.assumingMemoryBound(to: UInt8.self))
        guard ids[index] >= 0 else { throw failure("\(Self.string(word)) is not among the words of 1-grams") }
      }
    }
    var backoff: Float = 0
    if let last = Self.field(line, &place) {
      guard let value = number(last), grams.length < counts.count, Self.field(line, &place) == nil else {
        throw failure("\(Self.string(last)) follows \(grams.length) words")
      }
      backoff = value
    }
    guard try grams.append(ids, logarithm: logarithm, backoff: backoff) else {
      throw failure("an n-gram a second time")
    }
  }

  private static func field(_ line: UnsafeRawBufferPointer, _ place: inout Int) -> UnsafeRawBufferPointer? {
    while place < line.count, isSpace(line[place]) { place += 1 }
    let first = place
    while place < line.count, !isSpace(line[place]) { place += 1 }
    return place > first ? UnsafeRawBufferPointer(rebasing: line[first..<place]) : nil
  }

  private func number(_ field: UnsafeRawBufferPointer) -> Float? {
    guard field.count <= 40, let value = Float(Self.string(field)), value.isFinite else { return nil }
    return value
  }
}
