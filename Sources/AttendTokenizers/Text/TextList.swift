import AttendBase

/// Texts one behind another in one piece of memory: as many and as long as a file or a caller's ids ask.
struct TextList: ~Copyable {
  private var bytes: GrowingList<UInt8>
  private var ends: GrowingList<Int>  // of each text
  private let purpose: String

  /// `purpose` is named where the system gives no memory.
  init(for purpose: String) {
    bytes = GrowingList(for: purpose)
    ends = GrowingList(for: purpose)
    self.purpose = purpose
  }

  var count: Int { ends.count }
  var isEmpty: Bool { ends.isEmpty }

  /// The bytes of a text, until the list changes or is gone.
  subscript(index: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: bytes.elements[(index > 0 ? ends[index - 1] : 0)..<ends[index]])
  }

  /// The bytes of all texts, which `fuse` makes one.
  var joined: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(bytes.elements) }

  /// The same in memory that others may share.
  consuming func storage() -> TextStorage<UInt8> { TextStorage(bytes) }

  // MARK: Writing

  mutating func append(_ text: UnsafeBufferPointer<UInt8>) throws(Failure) {
    try write(text)
    try endText()
  }

  mutating func append(_ text: [UInt8]) throws(Failure) {
    try write(text)
    try endText()
  }

  /// Appends a text with U+FFFD for what is not UTF-8.
  mutating func append(repairing text: UnsafeRawBufferPointer) throws(Failure) {
    try UTF8Text.forEachStretch(repairing: text) { stretch throws(Failure) in try write(stretch) }
    try endText()
  }

  /// Adds to the text that is being written.
  mutating func write(_ more: UnsafeBufferPointer<UInt8>) throws(Failure) { try bytes.append(contentsOf: more) }

  mutating func write(_ more: [UInt8]) throws(Failure) { for byte in more { try bytes.append(byte) } }

  mutating func write(_ byte: UInt8) throws(Failure) { try bytes.append(byte) }

  mutating func endText() throws(Failure) { try ends.append(bytes.count) }

  mutating func removeAll() {
    bytes.removeAll()
    ends.removeAll()
  }

  // MARK: Changing

  /// Makes all texts one.
  mutating func fuse() throws(Failure) {
    ends.removeAll()
    try endText()
  }

  /// Makes all texts one, with U+FFFD for what is not UTF-8.
  mutating func repair() throws(Failure) {
    try fuse()
    guard UTF8Text.validPrefix(UnsafeRawBufferPointer(joined)) < joined.count else { return }
    try rewrite { _, text, result throws(Failure) in try result.append(repairing: UnsafeRawBufferPointer(text)) }
  }

  /// Puts what `body` writes of each text, and ends as so many texts as it likes, in the place of all.
  mutating func rewrite(
    _ body: (_ index: Int, _ text: UnsafeBufferPointer<UInt8>, _ result: inout TextList) throws(Failure) -> Void
  ) throws(Failure) {
    var result = TextList(for: purpose)
    try result.bytes.reserve(bytes.count)
    try result.ends.reserve(count)
    for index in 0..<count { try body(index, self[index], &result) }
    self = result
  }
}

/// Changes one text by one replacement after another.
struct TextReplacer: ~Copyable {
  private var text = GrowingList<UInt8>(for: "the text of tokens")
  private var other = GrowingList<UInt8>(for: "the text of tokens")

  /// The text as it is now, until it changes.
  var result: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(text.elements) }

  /// Takes another text.
  mutating func set(_ new: UnsafeBufferPointer<UInt8>) throws(Failure) {
    text.removeAll()
    try text.append(contentsOf: new)
  }

  /// Puts `content` in the place of each match, by the component of that name.
  mutating func replace<Pattern: SplitPattern>(
    _ pattern: Pattern, by content: [UInt8], _ component: StaticString, _ budget: inout DecodingBudget
  ) throws(Failure) {
    other.removeAll()
    let before = result
    var place = 0, isChanged = false
    try pattern.forEachMatch(in: before, 0..<before.count) { match throws(Failure) in
      try budget.spend(content.count, by: component)
      try other.append(contentsOf: UnsafeBufferPointer(rebasing: before[place..<match.lowerBound]))
      for byte in content { try other.append(byte) }
      (place, isChanged) = (match.upperBound, true)
    }
    guard isChanged else { return }
    try other.append(contentsOf: UnsafeBufferPointer(rebasing: before[place...]))
    swap(&text, &other)
  }
}
