import AttendBase

/// Tokens that consist of whole characters which a JSON string holds as they are, anything but quotes, backslashes and
/// controls, by their number of characters: most of a vocabulary. Where a state of an automaton allows any `n` such
/// characters, the tokens up to `n` need not be walked ("slices" of LLGuidance, in every length).
struct BodyLengths: ~Copyable {
  /// Lengths up to this one are told apart.
  static let longest = 32
  /// The length that stands for any longer one, and that which stands for tokens of other characters.
  static let (endless, none) = (33 as UInt8, 255 as UInt8)

  private let masks: AlignedBuffer
  private let words: Int

  /// The tokens of 1 to `length` characters; of `endless` all.
  func mask(_ length: UInt8) -> UnsafePointer<UInt32> {
    UnsafePointer(masks.pointer(to: UInt32.self) + Int(length) * words)
  }

  /// The forms of one such character in UTF-8, as the lowest and highest bytes (Unicode 16, table 3-7). ASCII comes in
  /// three pieces.
  static let forms: [[(low: UInt8, high: UInt8)]] = [
    [(0x20, 0x21)], [(0x23, 0x5B)], [(0x5D, 0x7F)], [(0xC2, 0xDF), (0x80, 0xBF)],
    [(0xE0, 0xE0), (0xA0, 0xBF), (0x80, 0xBF)], [(0xE1, 0xEC), (0x80, 0xBF), (0x80, 0xBF)],
    [(0xED, 0xED), (0x80, 0x9F), (0x80, 0xBF)], [(0xEE, 0xEF), (0x80, 0xBF), (0x80, 0xBF)],
    [(0xF0, 0xF0), (0x90, 0xBF), (0x80, 0xBF), (0x80, 0xBF)],
    [(0xF1, 0xF3), (0x80, 0xBF), (0x80, 0xBF), (0x80, 0xBF)],
    [(0xF4, 0xF4), (0x80, 0x8F), (0x80, 0xBF), (0x80, 0xBF)],
  ]

  /// Counts the characters of all tokens and writes the longest of each subtree into its node.
  static func make(
    _ nodes: inout GrowingList<TokenTable.Node>, _ sameBytes: borrowing GrowingList<Int32>, _ count: Int
  ) throws(Failure) -> BodyLengths {
    let words = (count + 31) / 32
    let rows = Int(BodyLengths.endless) + 1
    let masks = try AlignedBuffer(rows * words, of: UInt32.self, for: "masks of a vocabulary")
    let bits = masks.pointer(to: UInt32.self)
    bits.update(repeating: 0, count: rows * words)
    var path = GrowingList<UTF8Counter>(for: "the trie of a vocabulary")
    try path.append(UTF8Counter())
    for place in 1..<max(nodes.count, 1) {
      let node = nodes[place]
      path.removeAll(from: Int(node.depth))
      var counter = path[path.count - 1]
      counter.add(node.byte)
      try path.append(counter)
      guard node.token >= 0 else { continue }
      let length = counter.length
      nodes[place].bodyLength = length
      var token = node.token
      while length != BodyLengths.none, token >= 0 {
        bits[Int(length) * words + Int(token >> 5)] |= 1 << UInt32(token & 31)
        token = sameBytes[Int(token)]
      }
    }
    for row in 1..<rows {
      for word in 0..<words { bits[row * words + word] |= bits[(row - 1) * words + word] }
    }
    // Subtrees end before later nodes begin: from the back, a node is done before its parent is.
    var parents = GrowingList<Int>(for: "the trie of a vocabulary")
    for place in 0..<nodes.count {
      parents.removeAll(from: min(parents.count, Int(nodes[place].depth)))
      try parents.append(place)
      guard nodes[place].token >= 0 else { continue }
      for parent in parents.elements {
        nodes[parent].bodyLength = max(nodes[parent].bodyLength, nodes[place].bodyLength)
      }
    }
    return BodyLengths(masks: masks, words: words)
  }
}

/// Counts the characters of a string byte by byte, as long as all are of the body of a string.
private struct UTF8Counter: BitwiseCopyable {
  private var count: UInt8 = 0
  /// Forms that are still possible, and the bytes of the character so far.
  private var forms: UInt16 = 0
  private var place = 0
  private var isBroken = false

  var length: UInt8 {
    if isBroken || place > 0 { return BodyLengths.none }
    return count > BodyLengths.longest ? BodyLengths.endless : count
  }

  mutating func add(_ byte: UInt8) {
    if place == 0 { forms = .max }
    var left: UInt16 = 0
    for (number, form) in BodyLengths.forms.enumerated()
    where forms >> UInt16(number) & 1 != 0 && place < form.count && form[place].low <= byte
      && byte <= form[place].high
    {
      left |= 1 << UInt16(number)
    }
    guard left != 0, !isBroken else { return isBroken = true }
    forms = left
    place += 1
    guard BodyLengths.forms[left.trailingZeroBitCount].count == place else { return }
    place = 0
    count = min(count + 1, UInt8(BodyLengths.longest) + 1)
  }
}
