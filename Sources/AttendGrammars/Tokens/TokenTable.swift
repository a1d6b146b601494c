import AttendBase
import Synchronization

/// The bytes of every token of a vocabulary, as a trie, and what is remembered about it for all grammars. Made once for
/// a tokenizer and shared by threads.
package final class TokenTable: @unchecked Sendable {
  /// A node of the trie. Nodes lie in preorder, so that a walk reads forward, and a subtree is a run of nodes.
  struct Node: BitwiseCopyable {
    /// The first token that ends here; -1: none.
    var token: Int32 = -1
    /// The end of the subtree.
    var limit: Int32 = 0
    /// Bytes on the way here.
    let depth: UInt16
    /// The last of them.
    let byte: UInt8
    /// As in `BodyLengths`: the longest of the tokens in the subtree.
    var bodyLength: UInt8 = 0
  }

  /// Ids of `[0, count)`.
  package var count: Int { texts.count }
  /// 32-bit words of a mask.
  package var words: Int { (count + 31) / 32 }
  let nodes: GrowingList<Node>
  /// The next token with the same bytes, by token; -1: none.
  let sameBytes: GrowingList<Int32>
  let hasSameBytes: Bool
  /// Ids that end an output: allowed where the grammar may end.
  let stops: GrowingList<Int32>
  private let texts: TokenTexts
  /// The tokens with what they stand for at the beginning of a text; nil where that is the same.
  package let beginning: TokenTable?
  let cut: Cut?
  let bodies: BodyLengths
  let byLength: TokensByLength
  let lexemes: Mutex<LexemeCache>

  /// Appends the tokens into which the tokenizer cuts a text.
  package typealias Cut =
    @Sendable (UnsafeBufferPointer<UInt8>, inout GrowingList<Int32>) throws(Failure) -> Void

  /// Makes the table of `count` ids. `append` appends the bytes that an id stands for in the middle of a text; an id
  /// for which it appends none is never allowed (special tokens), but for those of `stops`. `appendFirst` appends those
  /// at the beginning of a text, where they are others; an id for which it appends none cannot be the first. `cut` cuts
  /// texts that a grammar forces; without it no tokens are forced.
  ///
  /// Throws `invalidArgument` for a stop that is no id, and `unsupported` for a token that is too long.
  package convenience init(
    count: Int, stops: some Sequence<Int32>, cut: Cut? = nil,
    appendingBytes append: (Int32, inout GrowingList<UInt8>) throws(Failure) -> Void,
    appendingFirstBytes appendFirst: ((Int32, inout GrowingList<UInt8>) throws(Failure) -> Void)? = nil
  ) throws(Failure) {
    guard count >= 0, count <= Int(Int32.max) - 32 else {
      throw Failure(.invalidArgument, "a vocabulary has \(count) ids; \(Int32.max - 32) are the most")
    }
    var all = GrowingList<Int32>(for: "the ids that end an output")
    for id in stops {
      guard id >= 0, id < count else {
        throw Failure(.invalidArgument, "the end token \(id) is not an id of the vocabulary, which has \(count)")
      }
      try all.append(id)
    }
    let texts = try TokenTexts(count: count, append)
    var beginning: TokenTable?
    if let appendFirst {
      let first = try TokenTexts(count: count, appendFirst)
      if !first.equals(texts) { beginning = try TokenTable(first, stops: all.elements, beginning: nil, cut: nil) }
    }
    try self.init(texts, stops: all.elements, beginning: beginning, cut: cut)
    withExtendedLifetime(all) {}
  }

  private init(
    _ texts: TokenTexts, stops ids: UnsafeMutableBufferPointer<Int32>, beginning: TokenTable?, cut: Cut?
  ) throws(Failure) {
    var stops = GrowingList<Int32>(for: "the ids that end an output")
    try stops.append(contentsOf: UnsafeBufferPointer(ids))
    let isStop = { [stops = stops.elements] (id: Int32) in stops.contains(id) }
    var builder = try TrieBuilder(texts.count)
    try builder.sort(texts, leavingOut: isStop)
    try builder.build(texts)
    bodies = try BodyLengths.make(&builder.nodes, builder.sameBytes, texts.count)
    byLength = try TokensByLength.make(builder.nodes, texts)
    hasSameBytes = builder.hasSameBytes
    nodes = builder.nodes
    sameBytes = builder.sameBytes
    self.texts = texts
    self.stops = stops
    self.beginning = beginning
    self.cut = cut
    lexemes = Mutex(LexemeCache())
  }

  /// The bytes of a token, as long as the table lives; of a special one none.
  package func bytes(of token: Int32) -> UnsafeBufferPointer<UInt8> {
    precondition(token >= 0 && token < count)
    return texts[token]
  }

  /// Bytes of the longest token.
  var longest: Int { texts.longest }

  /// Whether the tokenizer is known, so that tokens can be forced.
  package var cutsTexts: Bool { cut != nil }

  package func isStop(_ token: Int32) -> Bool { stops.elements.contains(token) }
}

/// The bytes of every token, one after another.
final class TokenTexts: @unchecked Sendable {
  let count: Int
  private var bytes = GrowingList<UInt8>(for: "the bytes of tokens")
  /// Where a token's bytes begin, by token, and the end of the last.
  private var starts = GrowingList<Int>(for: "the bytes of tokens")
  /// Bytes of the longest token.
  private(set) var longest = 0

  init(count: Int, _ append: (Int32, inout GrowingList<UInt8>) throws(Failure) -> Void) throws(Failure) {
    self.count = count
    try starts.reserve(count + 1)
    for id in 0..<Int32(count) {
      try starts.append(bytes.count)
      try append(id, &bytes)
      let length = bytes.count - starts[Int(id)]
      guard length <= Int(UInt16.max), bytes.count < Int(Int32.max) else {
        throw Failure(
          .unsupported, "token \(id) has \(length) bytes; \(UInt16.max) are the most for a grammar")
      }
      longest = max(longest, length)
    }
    try starts.append(bytes.count)
  }

  /// The bytes of a token, as long as the object lives.
  subscript(token: Int32) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: bytes.elements[starts[Int(token)]..<starts[Int(token) + 1]])
  }

  /// Whether all tokens have the bytes that they have in `other`.
  func equals(_ other: TokenTexts) -> Bool {
    starts.elements.elementsEqual(other.starts.elements) && bytes.elements.elementsEqual(other.bytes.elements)
  }
}
