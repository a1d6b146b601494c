import AttendBase
import AttendCheckpoints

/// An n-gram language model with backoff (Katz 1987), read from the ARPA format: the probability of a word after the
/// words before it, as the longest n-gram that is there tells, times the backoff weights of the longer contexts that
/// were passed. Immutable: any number of threads may use it at once.
package final class NGramModel: @unchecked Sendable {
  /// Words of the longest n-grams.
  package let order: Int
  /// The words, with their numbers in the file.
  let words: WordList
  /// The numbers of `<s>`, `</s>` and `<unk>`, -1 where the file has none.
  let begin: Int32
  let end: Int32
  let unknown: Int32
  private let orders: FixedArray<NGrams>

  /// The logarithm to base 10 of words that the file does not know, where it has no `<unk>`.
  private static let unknownLogarithm = -100.0
  static let maximalOrder = 10

  /// The file at `path`. Throws `notFound`, `invalidFile` with the line, `inputOutput`, `outOfMemory`.
  package convenience init(_ path: String) throws(Failure) {
    let file = try MappedFile(path)
    try self.init(file.bytes, name: path)
    withExtendedLifetime(file) {}
  }

  /// The text of such a file, which messages call `name`.
  package init(_ text: UnsafeRawBufferPointer, name: String) throws(Failure) {
    var reader = try ARPAReader(text, name)
    orders = try FixedArray(reader.counts.count, for: name) { (index) throws(Failure) in
      try reader.read(order: index + 1)
    }
    try reader.finish()
    order = orders.count
    let words = reader.takeWords()
    begin = NGramModel.number("<s>", words)
    end = NGramModel.number("</s>", words)
    unknown = NGramModel.number("<unk>", words)
    self.words = words
  }

  private static func number(_ word: StaticString, _ words: borrowing WordList) -> Int32 {
    words.word(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
  }

  /// The logarithm to base 10 of the probability of the last of `window`'s words after those before it: at most `order`
  /// words, -1 for unknown ones.
  func logarithm(_ window: UnsafeBufferPointer<Int32>) -> Double {
    let start = window.baseAddress!, count = window.count
    var backoff = 0.0
    for length in stride(from: count, through: 1, by: -1) {
      let place = start + (count - length)
      if let found = orders[length - 1].find(place) { return backoff + Double(orders[length - 1].logarithm(found)) }
      if length > 1, let context = orders[length - 2].find(place) {
        backoff += Double(orders[length - 2].backoff(context))
      }
    }
    return backoff + NGramModel.unknownLogarithm
  }
}

/// The n-grams of one length, found by a hash table with open addresses.
final class NGrams {
  let length: Int
  private var ids = GrowingList<Int32>(for: "a language model")  // [count, length]
  private var values = GrowingList<Value>(for: "a language model")

  private struct Value: BitwiseCopyable {
    let logarithm: Float
    let backoff: Float
  }

  private let slots: AlignedBuffer  // numbers of n-grams, -1 for none
  private let mask: Int

  var count: Int { values.count }

  /// Room for `count` n-grams, whose number has been checked against the size of the file.
  init(length: Int, count: Int) throws(Failure) {
    self.length = length
    var size = 16
    while size < count.saturatingMultiply(2) { size *= 2 }
    mask = size - 1
    slots = try AlignedBuffer(size, of: Int32.self, for: "a language model")
    slots.pointer(to: Int32.self).update(repeating: -1, count: size)
  }

  /// The place of an n-gram in the table, or the free one where it belongs.
  private func slot(_ words: UnsafePointer<Int32>) -> Int {
    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
    for index in 0..<length {
      hash = (hash ^ UInt64(UInt32(bitPattern: words[index]))) &* 0xBF58_476D_1CE4_E5B9
      hash ^= hash >> 29
    }
    var slot = Int(truncatingIfNeeded: hash >> 16) & mask
    let table = slots.pointer(to: Int32.self)
    while table[slot] >= 0, !isEqual(Int(table[slot]), words) { slot = (slot + 1) & mask }
    return slot
  }

  private func isEqual(_ number: Int, _ words: UnsafePointer<Int32>) -> Bool {
    let own = ids.storage + number * length
    for index in 0..<length where own[index] != words[index] { return false }
    return true
  }

  /// The number of an n-gram, nil where it is not there.
  func find(_ words: UnsafePointer<Int32>) -> Int? {
    let number = slots.pointer(to: Int32.self)[slot(words)]
    return number < 0 ? nil : Int(number)
  }

  func logarithm(_ number: Int) -> Float { values[number].logarithm }
  func backoff(_ number: Int) -> Float { values[number].backoff }

  /// Appends an n-gram; false where it is there already. There is room for it in the table.
  func append(_ words: UnsafePointer<Int32>, logarithm: Float, backoff: Float) throws(Failure) -> Bool {
    let slot = slot(words), table = slots.pointer(to: Int32.self)
    guard table[slot] < 0 else { return false }
    table[slot] = Int32(values.count)
    try ids.append(contentsOf: UnsafeBufferPointer(start: words, count: length))
    try values.append(Value(logarithm: logarithm, backoff: backoff))
    return true
  }
}
