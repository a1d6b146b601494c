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
  package let count: Int
  /// 32-bit words of a mask.
  package var words: Int { (count + 31) / 32 }
  let nodes: GrowingList<Node>
  /// The next token with the same bytes, by token; -1: none.
  let sameBytes: GrowingList<Int32>
  let hasSameBytes: Bool
  /// Ids that end an output: allowed where the grammar may end.
  let stops: GrowingList<Int32>
  let text: GrowingList<UInt8>
  /// Where a token's bytes begin in `text`, by token, and the end of the last.
  let starts: GrowingList<Int>
  /// Bytes of the longest token.
  let longest: Int
  let bodies: BodyLengths
  let lexemes: Mutex<LexemeCache>

  /// Makes the table of `count` ids. `append` appends the bytes that an id stands for in the middle of a text; an id
  /// for which it appends none is never allowed (special tokens), but for those of `stops`.
  ///
  /// Throws `invalidArgument` for a stop that is no id, and `unsupported` for a token that is too long.
  package init(
    count: Int, stops ids: some Sequence<Int32>,
    appendingBytes append: (Int32, inout GrowingList<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    guard count >= 0, count <= Int(Int32.max) - 32 else {
      throw Failure(.invalidArgument, "a vocabulary has \(count) ids; \(Int32.max - 32) are the most")
    }
    self.count = count
    var text = GrowingList<UInt8>(for: "the bytes of tokens")
    var starts = GrowingList<Int>(for: "the bytes of tokens")
    for id in 0..<Int32(count) {
      try starts.append(text.count)
      try append(id, &text)
      guard text.count - starts[Int(id)] <= Int(UInt16.max), text.count < Int(Int32.max) else {
        throw Failure(
          .unsupported,
          "token \(id) has \(text.count - starts[Int(id)]) bytes; \(UInt16.max) are the most for a grammar")
      }
    }
    try starts.append(text.count)
    longest = (0..<count).reduce(0) { max($0, starts[$1 + 1] - starts[$1]) }
    var stops = GrowingList<Int32>(for: "the ids that end an output")
    for id in ids {
      guard id >= 0, id < count else {
        throw Failure(.invalidArgument, "the end token \(id) is not an id of the vocabulary, which has \(count)")
      }
      try stops.append(id)
    }
    let isStop = { [stops = stops.elements] (id: Int32) in stops.contains(id) }
    var builder = try TrieBuilder(count)
    try builder.sort(text, starts, leavingOut: isStop)
    try builder.build(text, starts)
    bodies = try BodyLengths.make(&builder.nodes, builder.sameBytes, count)
    hasSameBytes = builder.hasSameBytes
    nodes = builder.nodes
    sameBytes = builder.sameBytes
    self.text = text
    self.starts = starts
    self.stops = stops
    lexemes = Mutex(LexemeCache())
  }

  /// The bytes of a token, as long as the table lives; of a special one none.
  package func bytes(of token: Int32) -> UnsafeBufferPointer<UInt8> {
    precondition(token >= 0 && token < count)
    return UnsafeBufferPointer(rebasing: text.elements[starts[Int(token)]..<starts[Int(token) + 1]])
  }

  package func isStop(_ token: Int32) -> Bool { stops.elements.contains(token) }
}
