import AttendBase

/// Collects merges in the order of their ranks.
struct MergeBuilder: ~Copyable {
  private let vocabulary: Vocabulary
  private let prefixCount: Int
  private let source: String
  private var rank: UInt32 = 0
  private var joined = GrowingList<UInt8>(for: "the merges of a tokenizer")
  let table: MergeTable

  /// `prefix` is what begins tokens that go on a word: it is left out where they are joined. There must be no more than
  /// `capacity` merges.
  init(_ vocabulary: Vocabulary, prefix: [UInt8], capacity: Int, source: String) throws(Failure) {
    self.vocabulary = vocabulary
    self.prefixCount = prefix.count
    self.source = source
    table = try MergeTable(capacity: capacity)
  }

  /// Adds the merge of two tokens. Throws `invalidFile` where one of them, or the two together, is no token.
  mutating func add(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) throws(Failure) {
    joined.removeAll()
    try joined.append(contentsOf: left)
    try joined.append(contentsOf: UnsafeBufferPointer(rebasing: right.dropFirst(prefixCount)))
    let both = UnsafeBufferPointer(joined.elements)
    let (first, second, result) = (vocabulary.id(left), vocabulary.id(right), vocabulary.id(both))
    guard first >= 0, second >= 0, result >= 0 else {
      let missing = first < 0 ? left : second < 0 ? right : both
      throw Failure(
        .invalidFile,
        "\(source): merge \(rank) needs the token \"\(String(decoding: missing, as: UTF8.self))\", which the "
          + "vocabulary lacks"
      )
    }
    table.insert(first, second, rank: rank, result: result)
    rank += 1
  }

  /// Adds a merge spelled as two tokens with a space between them; false for anything else.
  mutating func add(line: UnsafeBufferPointer<UInt8>) throws(Failure) -> Bool {
    guard let space = line.firstIndex(of: 0x20), !line[(space + 1)...].contains(0x20) else { return false }
    try add(UnsafeBufferPointer(rebasing: line[..<space]), UnsafeBufferPointer(rebasing: line[(space + 1)...]))
    return true
  }
}
