import AttendBase

/// The tokens of a vocabulary that have many bytes, of which there are few.
struct TokensByLength: ~Copyable {
  /// Tokens of up to so many bytes are not listed.
  static let shortest = 16

  /// Tokens of more bytes than `shortest`, the longest first.
  private let tokens: GrowingList<Int32>
  /// How many of them are longer than a number of bytes, for each from `shortest` on.
  private let counts: GrowingList<Int32>
  /// Bytes of the longest token in the subtree of each node of the trie.
  private let longest: GrowingList<UInt16>

  /// The tokens of more bytes than `length`, which is `shortest` at least.
  func tokens(longerThan length: Int) -> Slice<UnsafeMutableBufferPointer<Int32>> {
    let place = length - TokensByLength.shortest
    return tokens.elements[..<(place < counts.count ? Int(counts[place]) : 0)]
  }

  /// Bytes of the longest token in the subtree of a node.
  @inline(__always) func longest(below node: Int) -> Int { Int(longest[node]) }

  static func make(
    _ nodes: borrowing GrowingList<TokenTable.Node>, _ texts: TokenTexts
  ) throws(Failure) -> TokensByLength {
    var tokens = GrowingList<Int32>(for: "the trie of a vocabulary")
    for id in 0..<Int32(texts.count) where texts[id].count > shortest { try tokens.append(id) }
    tokens.elements.sortInPlace { (texts[$0].count, $1) > (texts[$1].count, $0) }
    var counts = GrowingList<Int32>(for: "the trie of a vocabulary")
    let lengths = max(texts.longest - shortest, 0)
    try counts.reserve(lengths)
    counts.resize(to: lengths, filling: 0)
    for id in tokens.elements { counts[texts[id].count - shortest - 1] += 1 }
    for place in stride(from: lengths - 2, through: 0, by: -1) { counts[place] += counts[place + 1] }
    var longest = GrowingList<UInt16>(for: "the trie of a vocabulary")
    try longest.reserve(nodes.count)
    longest.resize(to: nodes.count, filling: 0)
    var path = GrowingList<Int32>(for: "the trie of a vocabulary")
    for place in 0..<nodes.count {
      path.removeAll(from: min(path.count, Int(nodes[place].depth)))
      try path.append(Int32(place))
      guard nodes[place].token >= 0 else { continue }
      for above in path.elements { longest[Int(above)] = max(longest[Int(above)], nodes[place].depth) }
    }
    return TokensByLength(tokens: tokens, counts: counts, longest: longest)
  }
}
