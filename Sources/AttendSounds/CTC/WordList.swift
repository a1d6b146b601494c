import AttendBase

/// Words in the order of their bytes: what begins with given bytes is a range of it, which each further byte narrows by
/// binary search. Immutable once `sort` was called.
struct WordList: ~Copyable {
  /// The words that begin with the bytes so far.
  struct Prefix: BitwiseCopyable {
    var low: Int32 = 0
    var high: Int32 = 0
    var depth: Int32 = 0

    var isEmpty: Bool { low >= high }
  }

  private struct Word: BitwiseCopyable {
    let first: Int
    let count: Int32
    let letters: Int32
    let id: Int32
  }

  private var bytes = GrowingList<UInt8>(for: "words")
  private var words = GrowingList<Word>(for: "words")

  /// All words: what begins with nothing.
  var all: Prefix { Prefix(low: 0, high: Int32(words.count), depth: 0) }

  /// Appends a word of fewer than 2^16 bytes. There are fewer than 2^31.
  mutating func append(_ text: UnsafeBufferPointer<UInt8>, id: Int32) throws(Failure) {
    let letters = text.reduce(Int32(0)) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
    try words.append(Word(first: bytes.count, count: Int32(text.count), letters: letters, id: id))
    try bytes.append(contentsOf: text)
  }

  /// Puts the words in order, and tells whether each is there once.
  mutating func sort() throws(Failure) -> Bool {
    let all = bytes.elements
    func text(_ word: Word) -> Slice<UnsafeMutableBufferPointer<UInt8>> {
      all[word.first..<word.first + Int(word.count)]
    }
    try words.sort { text($0).lexicographicallyPrecedes(text($1)) }
    return !(1..<max(words.count, 1)).contains { text(words[$0 - 1]).elementsEqual(text(words[$0])) }
  }

  func narrowed(_ prefix: Prefix, by byte: UInt8) -> Prefix {
    let low = firstWord(prefix, from: Int(byte)), high = firstWord(prefix, from: Int(byte) + 1)
    return Prefix(low: low, high: high, depth: prefix.depth + 1)
  }

  /// The first of the prefix's words whose next byte is at least `byte`; the end of a word comes before all bytes.
  private func firstWord(_ prefix: Prefix, from byte: Int) -> Int32 {
    var (low, high) = (prefix.low, prefix.high)
    while low < high {
      let middle = low + (high - low) / 2, word = words[Int(middle)]
      let next = word.count > prefix.depth ? Int(bytes[word.first + Int(prefix.depth)]) : -1
      if next < byte { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The id of the word that is exactly these bytes, -1 for none.
  func word(_ prefix: Prefix) -> Int32 {
    guard !prefix.isEmpty, words[Int(prefix.low)].count == prefix.depth else { return -1 }
    return words[Int(prefix.low)].id
  }

  func word(_ text: UnsafeBufferPointer<UInt8>) -> Int32 {
    var prefix = all
    for byte in text { prefix = narrowed(prefix, by: byte) }
    return word(prefix)
  }

  /// Characters of the shortest of the prefix's words; there is one.
  func shortest(_ prefix: Prefix) -> Int32 {
    words.elements[Int(prefix.low)..<Int(prefix.high)].reduce(.max) { min($0, $1.letters) }
  }
}
