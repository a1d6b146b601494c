import AttendBase

/// Tokens that are allowed: a list where they are few, else a bit for each of the vocabulary.
final class TokenMask: @unchecked Sendable {
  private let list: GrowingList<Int32>
  private let bits: AlignedBuffer?
  private let words: Int

  /// The most tokens of a list.
  static let listed = 512

  init(_ marks: borrowing TokenMarks) throws(Failure) {
    words = marks.words
    var list = GrowingList<Int32>(for: "a mask")
    if marks.isDense {
      let bits = try AlignedBuffer(words, of: UInt32.self, for: "a mask")
      bits.pointer(to: UInt32.self).update(from: marks.bits.pointer(to: UInt32.self), count: words)
      self.bits = bits
    } else {
      try list.append(contentsOf: UnsafeBufferPointer(marks.list.elements))
      bits = nil
    }
    self.list = list
  }

  var bytes: Int { 96 + list.bytes + (bits?.bytes ?? 0) }

  /// Writes the mask.
  func write(to mask: UnsafeMutablePointer<UInt32>) {
    if let bits { return mask.update(from: bits.pointer(to: UInt32.self), count: words) }
    mask.update(repeating: 0, count: words)
    for token in list.elements { mask[Int(token >> 5)] |= 1 << UInt32(token & 31) }
  }

  /// Adds the tokens to those marked.
  func add(to marks: inout TokenMarks) throws(Failure) {
    if let bits { return marks.add(bits.pointer(to: UInt32.self)) }
    for token in list.elements { try marks.mark(token) }
  }
}

/// Tokens that a walk has marked so far.
struct TokenMarks: ~Copyable {
  let words: Int
  let bits: AlignedBuffer
  /// The marked tokens, while they are few.
  private(set) var list = GrowingList<Int32>(for: "a mask")
  private(set) var isDense = false

  private init(_ words: Int, _ bits: AlignedBuffer) {
    (self.words, self.bits) = (words, bits)
    bits.pointer(to: UInt32.self).update(repeating: 0, count: words)
  }

  static func make(_ words: Int) throws(Failure) -> TokenMarks {
    TokenMarks(words, try AlignedBuffer(words, of: UInt32.self, for: "a mask"))
  }

  mutating func removeAll() {
    let bits = bits.pointer(to: UInt32.self)
    if isDense { bits.update(repeating: 0, count: words) }
    for token in list.elements { bits[Int(token >> 5)] = 0 }
    list.removeAll()
    isDense = false
  }

  @inline(__always) mutating func mark(_ token: Int32) throws(Failure) {
    let word = bits.pointer(to: UInt32.self) + Int(token >> 5)
    let bit: UInt32 = 1 << UInt32(token & 31)
    guard word.pointee & bit == 0 else { return }
    word.pointee |= bit
    guard !isDense else { return }
    if list.count < TokenMask.listed { try list.append(token) } else { isDense = true }
  }

  /// Takes a mark away.
  mutating func remove(_ token: Int32) {
    bits.pointer(to: UInt32.self)[Int(token >> 5)] &= ~(1 << UInt32(token & 31))
    isDense = true
  }

  /// Marks whole words of tokens.
  mutating func add(_ mask: UnsafePointer<UInt32>) {
    let bits = bits.pointer(to: UInt32.self)
    for word in 0..<words { bits[word] |= mask[word] }
    isDense = true
  }
}

/// What one state of an automaton does with a vocabulary, whatever comes after the lexeme.
final class LexemeMask: @unchecked Sendable {
  /// Tokens that stay inside the lexeme or end with it.
  let mask: TokenMask
  /// Nodes of the trie, with longer tokens below them, on the way to which the lexeme may end.
  let exits: GrowingList<Int32>
  /// Whether all of them are there. Where nothing can follow, they are not looked for.
  let hasExits: Bool

  init(_ marks: borrowing TokenMarks, exits: borrowing GrowingList<Int32>, hasExits: Bool) throws(Failure) {
    mask = try TokenMask(marks)
    var copy = GrowingList<Int32>(for: "a mask")
    try copy.append(contentsOf: UnsafeBufferPointer(exits.elements))
    self.exits = copy
    self.hasExits = hasExits
  }

  var bytes: Int { 96 + mask.bytes + exits.bytes }
}
