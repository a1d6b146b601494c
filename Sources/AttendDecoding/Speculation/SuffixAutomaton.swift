import AttendBase

/// Every string that occurs in some texts, with how often each token follows it: a suffix automaton that grows token by
/// token (Blumer et al. 1985, The smallest automaton recognizing the subwords of a text), for several texts at once,
/// which may begin alike.
///
/// A state stands for the strings that end at the same places of the texts; its link for the longest suffix of them
/// that ends at more places. n tokens make at most 2n states and 3n edges. After a failure it is of no use any more.
package final class SuffixAutomaton {
  private struct Node: BitwiseCopyable {
    /// Tokens of its longest string.
    var length: Int32
    var link: Int32
    var firstEdge = none
    /// The edge that was taken most often, of several the last taken.
    var bestEdge = none
    /// How often any edge was taken.
    var taken: Int32 = 0
  }

  private struct Edge: BitwiseCopyable {
    let origin: Int32
    let token: Int32
    var target: Int32
    /// Of the same origin.
    let next: Int32
    var taken: Int32
  }

  private static let none: Int32 = -1
  /// The state of the empty string, where every text begins.
  package static let root: Int32 = 0
  /// Suffixes of a text, the longest first, for which a token is counted. More would make a text of one token over and
  /// over cost the square of its length; in other texts few strings have so many suffixes that are states.
  private static let countedSuffixes = 32

  private var nodes = GrowingList<Node>(for: "the suffixes of a text")
  private var edges = GrowingList<Edge>(for: "the suffixes of a text")
  /// Edges by origin and token, open addressing; a power of two, at most half of them in use.
  private var slots = GrowingList<Int32>(for: "the suffixes of a text")

  /// Room for texts of `tokens` tokens. Throws `outOfMemory`.
  package init(tokens: Int) throws(Failure) {
    let room = min(max(tokens, 8), Int(Int32.max) / 8)
    try nodes.reserve(2 * room)
    try edges.reserve(3 * room)
    nodes.resize(to: 1, filling: Node(length: 0, link: SuffixAutomaton.none))
    try makeSlots(for: 3 * room)
  }

  /// Bytes held.
  package var bytes: Int { nodes.bytes + edges.bytes + slots.bytes }

  // MARK: Looking

  /// Tokens of the longest string of a state.
  package func length(_ state: Int32) -> Int { Int(nodes[Int(state)].length) }

  /// The state of the longest suffix that ends at more places than the strings of `state`; the root has none.
  package func link(_ state: Int32) -> Int32 { nodes[Int(state)].link }

  /// Whether anything follows the strings of a state.
  package func isFollowed(_ state: Int32) -> Bool { nodes[Int(state)].firstEdge >= 0 }

  /// The state of the strings of `state` with a token behind; nil where they occur nowhere.
  package func target(_ state: Int32, _ token: Int32) -> Int32? {
    edge(state, token).map { edges[Int($0)].target }
  }

  /// What followed the strings of a state most often, of several the last: the token, the state it leads to, and an
  /// estimate of how likely it is to follow again, in (0, 1).
  package func mostFrequent(_ state: Int32) -> (token: Int32, target: Int32, share: Double)? {
    let node = nodes[Int(state)]
    guard node.bestEdge >= 0 else { return nil }
    let edge = edges[Int(node.bestEdge)]
    return (edge.token, edge.target, (Double(edge.taken) + 0.5) / (Double(node.taken) + 1))
  }

  // MARK: Growing

  /// Writes `token` behind the text that ends in state `last`: its longest string. Returns the state of the longer
  /// text.
  package func append(_ token: Int32, to last: Int32) throws(Failure) -> Int32 {
    let end = try extend(last, token)
    var state = last
    for _ in 0..<SuffixAutomaton.countedSuffixes {
      guard state > SuffixAutomaton.root, let taken = edge(state, token) else { break }
      count(taken, of: Int(state))
      state = link(state)
    }
    return end
  }

  private func count(_ index: Int32, of state: Int) {
    edges[Int(index)].taken &+= 1
    nodes[state].taken &+= 1
    let best = Int(nodes[state].bestEdge)
    if edges[Int(index)].taken >= edges[best].taken { nodes[state].bestEdge = index }
  }

  private func extend(_ last: Int32, _ token: Int32) throws(Failure) -> Int32 {
    if let known = target(last, token) {
      return length(known) == length(last) + 1 ? known : try split(known, behind: last, token)
    }
    let new = try addNode(length: length(last) + 1, link: SuffixAutomaton.root)
    var state = last
    while state >= 0 {
      if let known = target(state, token) {
        let isWhole = length(known) == length(state) + 1
        nodes[Int(new)].link = isWhole ? known : try split(known, behind: state, token)
        break
      }
      try addEdge(from: state, token, to: new)
      state = link(state)
    }
    return new
  }

  /// Takes the strings of `state` that are the longest of `origin` and its suffixes with `token` behind out into a
  /// state of their own, which is returned: they have come to end at more places than the others.
  private func split(_ state: Int32, behind origin: Int32, _ token: Int32) throws(Failure) -> Int32 {
    let shorter = try addNode(length: length(origin) + 1, link: link(state))
    var index = nodes[Int(state)].firstEdge
    while index >= 0 {
      let edge = edges[Int(index)]
      try addEdge(from: shorter, edge.token, to: edge.target, taken: edge.taken)
      if index == nodes[Int(state)].bestEdge { nodes[Int(shorter)].bestEdge = Int32(edges.count - 1) }
      index = edge.next
    }
    nodes[Int(shorter)].taken = nodes[Int(state)].taken
    nodes[Int(state)].link = shorter
    var ancestor = origin
    while ancestor >= 0, let index = edge(ancestor, token), edges[Int(index)].target == state {
      edges[Int(index)].target = shorter
      ancestor = link(ancestor)
    }
    return shorter
  }

  private func addNode(length: Int, link: Int32) throws(Failure) -> Int32 {
    guard nodes.count < Int(Int32.max) else { throw .outOfMemory(Int.max, for: "the suffixes of a text") }
    try nodes.append(Node(length: Int32(length), link: link))
    return Int32(nodes.count - 1)
  }

  private func addEdge(from origin: Int32, _ token: Int32, to target: Int32, taken: Int32 = 0) throws(Failure) {
    guard edges.count < Int(Int32.max) / 4 else { throw .outOfMemory(Int.max, for: "the suffixes of a text") }
    if edges.count >= slots.count / 2 { try makeSlots(for: 2 * edges.count) }
    let (index, state) = (Int32(edges.count), Int(origin))
    try edges.append(
      Edge(origin: origin, token: token, target: target, next: nodes[state].firstEdge, taken: taken))
    nodes[state].firstEdge = index
    if nodes[state].bestEdge < 0 { nodes[state].bestEdge = index }
    place(index)
  }

  // MARK: Finding edges

  /// The edge of a state for a token. Most states have one edge, which is looked at first.
  private func edge(_ state: Int32, _ token: Int32) -> Int32? {
    let first = nodes[Int(state)].firstEdge
    guard first >= 0 else { return nil }
    let edge = edges[Int(first)]
    if edge.token == token { return first }
    return edge.next < 0 ? nil : search(state, token)
  }

  private func search(_ state: Int32, _ token: Int32) -> Int32? {
    var slot = hash(state, token) & (slots.count - 1)
    while slots[slot] >= 0 {
      let edge = edges[Int(slots[slot])]
      if edge.origin == state, edge.token == token { return slots[slot] }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  private func place(_ index: Int32) {
    let edge = edges[Int(index)]
    var slot = hash(edge.origin, edge.token) & (slots.count - 1)
    while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = index
  }

  /// Makes room for `count` edges, and finds the edges a place there.
  private func makeSlots(for count: Int) throws(Failure) {
    var size = max(slots.count, 64)
    while size < 2 * count { size *= 2 }
    slots.removeAll()
    try slots.reserve(size)
    slots.resize(to: size, filling: SuffixAutomaton.none)
    for index in 0..<edges.count { place(Int32(index)) }
  }

  /// The high half of a product with 2^64 divided by the golden ratio (Knuth, volume 3, section 6.4).
  private func hash(_ state: Int32, _ token: Int32) -> Int {
    let key = UInt64(UInt32(bitPattern: state)) << 32 | UInt64(UInt32(bitPattern: token))
    return Int((key &* 0x9E37_79B9_7F4A_7C15) >> 32)
  }
}
