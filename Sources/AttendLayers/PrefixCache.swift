import AttendBase
import AttendDispatch
import AttendKernelInterface

/// Beginnings of texts whose keys and values are kept for texts that begin alike: a trie over blocks of
/// `KeyValuePage.tokens` tokens, of which each holds the pages that these tokens filled; the last block of a text may
/// have fewer.
///
/// Whoever begins with a kept prefix shares its pages, the last of them also where only its first tokens are his: who
/// writes to a shared page copies it. So does who wrote them. Memory is bounded: the block that
/// was used longest ago goes first, and a block always before the one that it follows. One thread at a time.
package final class PrefixCache {
  /// The use that was made of it.
  package struct Statistics: Equatable {
    /// Texts that asked for their beginning.
    package var lookUps = 0
    /// Texts that found some of it.
    package var hits = 0
    /// Tokens that need not be read again.
    package var tokens = 0
    /// Bytes of what is kept, which live sequences may share.
    package var bytes = 0

    package init() {}
  }

  /// A block of tokens behind another, or behind nothing.
  private struct Node: BitwiseCopyable {
    /// Of `parent` and the tokens
    var hash: UInt64 = 0
    var parent = PrefixCache.none
    /// Tokens; only full blocks have others behind them
    var count = PrefixCache.block
    var child = PrefixCache.none  // the newest of those behind it
    var sibling = PrefixCache.none  // the next older one behind the same block
    /// The page of each kind, see `KeyValueLayout.pages`; none where a window had passed before the text was kept
    var pages: InlineArray<2, PagePool.Page> = [PrefixCache.none, PrefixCache.none]
    /// The next node with the same bucket, or the next unused one
    var next = PrefixCache.none
    var newer = PrefixCache.none  // in the order of use
    var older = PrefixCache.none
  }

  private static let none: Int32 = -1
  private static let purpose = "the cache of prefixes"
  private static let block = KeyValuePage.tokens
  /// Tokens that a block with fewer than it has room for must add to what is kept, to be worth its pages.
  private static let fewestNew = 8

  /// The most bytes that it keeps.
  package let limit: Int
  private let cache: KeyValueCache
  private let pools: [PagePool]  // of each kind
  private var nodes = GrowingList<Node>(for: PrefixCache.purpose)
  private var tokens = GrowingList<Int32>(for: PrefixCache.purpose)  // [nodes, block]
  private var buckets = GrowingList<Int32>(for: PrefixCache.purpose)  // first node of each; as many as a power of two
  private var first = PrefixCache.none  // the newest block that begins a text
  private var unused = PrefixCache.none
  private var count = 0  // nodes in use
  private var newest = PrefixCache.none
  private var oldest = PrefixCache.none
  private var path = GrowingList<Int32>(for: PrefixCache.purpose)  // nodes that a text begins with
  private var shared = GrowingList<PagePool.Page>(for: PrefixCache.purpose)
  package private(set) var statistics = Statistics()

  /// For the sequences of `cache`.
  package init(of cache: KeyValueCache, limit: Int) {
    self.cache = cache
    self.limit = limit
    pools = cache.lists.map(\.pool)
  }

  /// Bytes of its lists, beside the pages.
  package var listBytes: Int { nodes.bytes + tokens.bytes + buckets.bytes + path.bytes + shared.bytes }

  /// Bytes that a node takes beside its pages.
  private static let nodeBytes = MemoryLayout<Node>.stride + block * MemoryLayout<Int32>.stride

  /// Bytes of a node with all its pages.
  private var mostBytes: Int { pools.reduce(PrefixCache.nodeBytes) { $0 + $1.bytesOfPage } }

  // MARK: Use

  /// Begins a sequence, which has read nothing, with the longest kept prefix of `text` that leaves a token to be read.
  /// Returns how many tokens that are.
  package func begin(_ sequence: Int, with text: UnsafeBufferPointer<Int32>) throws(Failure) -> Int {
    let length = try find(text)
    let blocks = path.count
    for (kind, list) in cache.lists.enumerated() {
      // Those before the window of the next token are left out.
      let first = cache.layout.pages[kind].firstRead(from: length)
      shared.removeAll()
      for place in first..<max(blocks, first) { try shared.append(nodes[Int(path[place])].pages[kind]) }
      try list.share(UnsafeBufferPointer(shared.elements), from: first, in: sequence)
    }
    cache.setLength(sequence, length)
    statistics.lookUps += 1
    guard blocks > 0 else { return 0 }
    usePath()
    statistics.hits += 1
    statistics.tokens += length
    return length
  }

  /// Tokens of `text` that `begin` would find now; nothing counts as used.
  package func known(of text: UnsafeBufferPointer<Int32>) -> Int { (try? find(text)) ?? 0 }

  /// Fills `path` with the nodes of the longest kept prefix of `text` that leaves a token to be read. Returns how many
  /// tokens that are.
  private func find(_ text: UnsafeBufferPointer<Int32>) throws(Failure) -> Int {
    let most = max(text.count - 1, 0)
    try follow(text, blocks: most / PrefixCache.block)
    let blocks = usable(), length = blocks * PrefixCache.block
    guard blocks == path.count, let part = longestPart(behind: path.elements.last, text[length..<most]) else {
      path.removeAll(from: blocks)
      return length
    }
    try path.append(part.node)
    return length + part.count
  }

  /// Keeps the pages of a sequence that has read `text`, as far as they fit.
  package func keep(_ sequence: Int, _ text: UnsafeBufferPointer<Int32>) throws(Failure) {
    let blocks = min(text.count / PrefixCache.block, limit / mostBytes)
    try follow(text, blocks: blocks)
    try path.reserve(blocks + 1 - path.count)
    // Also where memory runs out: no node may be older than the one that follows it.
    defer { usePath() }
    usePath()
    for (place, node) in path.elements.enumerated() { fill(node, sequence, place) }
    while statistics.bytes > limit { dropOldest() }
    for place in path.count..<blocks {
      let parent = path.isEmpty ? PrefixCache.none : path[place - 1]
      let node = try add(PrefixCache.tokens(of: place, text), behind: parent)
      path.resize(to: place + 1, filling: node)
      fill(node, sequence, place)
    }
    if blocks == text.count / PrefixCache.block, blocks < limit / mostBytes { try keepRest(sequence, text, blocks) }
  }

  /// Keeps the last tokens of a text, which fill no block, where there are enough that are not kept.
  private func keepRest(_ sequence: Int, _ text: UnsafeBufferPointer<Int32>, _ place: Int) throws(Failure) {
    let rest = text[(place * PrefixCache.block)...], parent = path.elements.last
    let known = longestPart(behind: parent, rest)
    if let known, rest.count - known.count < PrefixCache.fewestNew {
      return path.resize(to: place + 1, filling: known.node)
    }
    guard rest.count >= PrefixCache.fewestNew else { return }
    let node = try add(UnsafeBufferPointer(rebasing: rest), behind: parent ?? PrefixCache.none)
    path.resize(to: place + 1, filling: node)
    fill(node, sequence, place)
  }

  /// The block behind `parent`, or that begins a text, which has the most tokens in common with `text`, and how many;
  /// nil: none has any.
  private func longestPart(
    behind parent: Int32?, _ text: Slice<UnsafeBufferPointer<Int32>>
  ) -> (node: Int32, count: Int)? {
    var best: (node: Int32, count: Int)?
    var node = parent.map { nodes[Int($0)].child } ?? first
    while node != PrefixCache.none {
      let candidate = nodes[Int(node)]
      let own = tokens.elements[Int(node) * PrefixCache.block..<Int(node) * PrefixCache.block + candidate.count]
      let count = zip(own, text).prefix { $0 == $1 }.count
      let hasPages = pools.indices.allSatisfy { candidate.pages[$0] != PrefixCache.none }
      if hasPages, count > best?.count ?? 0 { best = (node, count) }
      node = candidate.sibling
    }
    return best
  }

  /// Forgets all prefixes; the statistics go on.
  package func clear() { while oldest != PrefixCache.none { dropOldest() } }

  // MARK: The trie

  /// Fills `path` with the nodes that `text` begins with, at most `blocks`.
  private func follow(_ text: UnsafeBufferPointer<Int32>, blocks: Int) throws(Failure) {
    path.removeAll()
    try path.reserve(min(blocks, count))
    var parent = PrefixCache.none
    for place in 0..<blocks {
      let block = PrefixCache.tokens(of: place, text)
      guard let node = child(of: parent, block, PrefixCache.hash(parent, block)) else { return }
      try path.append(node)
      parent = node
    }
  }

  /// The number of blocks of `path` that a text can begin with: layers with a window need the last ones only, but need
  /// them.
  private func usable() -> Int {
    var blocks = 0
    var starts: InlineArray<2, Int> = [0, 0]  // of the pages that lie in a row, of each kind
    for (place, node) in path.elements.enumerated() {
      var isUsable = true
      for (kind, pages) in cache.layout.pages.enumerated() {
        if nodes[Int(node)].pages[kind] == PrefixCache.none { starts[kind] = place + 1 }
        isUsable = isUsable && starts[kind] <= pages.firstRead(from: (place + 1) * PrefixCache.block)
      }
      if isUsable { blocks = place + 1 }
    }
    return blocks
  }

  private func child(of parent: Int32, _ block: UnsafeBufferPointer<Int32>, _ hash: UInt64) -> Int32? {
    guard !buckets.isEmpty else { return nil }
    var node = buckets[bucket(hash)]
    while node != PrefixCache.none {
      let candidate = nodes[Int(node)]
      if candidate.hash == hash, candidate.parent == parent, candidate.count == block.count {
        let own = tokens.elements[Int(node) * PrefixCache.block..<(Int(node) + 1) * PrefixCache.block]
        if own.elementsEqual(block) { return node }
      }
      node = candidate.next
    }
    return nil
  }

  /// The tokens of a text's block.
  private static func tokens(of place: Int, _ text: UnsafeBufferPointer<Int32>) -> UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(rebasing: text[place * block..<(place + 1) * block])
  }

  private func bucket(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (buckets.count - 1) }

  private static func hash(_ parent: Int32, _ block: UnsafeBufferPointer<Int32>) -> UInt64 {
    var hash = Checksum()
    hash.add(UInt64(UInt32(bitPattern: parent)))
    for token in block { hash.add(UInt64(UInt32(bitPattern: token))) }
    return hash.value
  }

  /// Puts a node with the tokens of `block` behind `parent`, without pages yet; others are dropped for it.
  private func add(_ block: UnsafeBufferPointer<Int32>, behind parent: Int32) throws(Failure) -> Int32 {
    while statistics.bytes > limit - mostBytes { dropOldest() }
    if count == buckets.count { try widen() }
    let node: Int32
    if unused != PrefixCache.none {
      node = unused
      unused = nodes[Int(node)].next
    } else {
      node = Int32(nodes.count)
      try tokens.reserve(PrefixCache.block)
      try nodes.append(Node())
      tokens.resize(to: nodes.count * PrefixCache.block, filling: 0)
    }
    for (place, token) in block.enumerated() { tokens[Int(node) * PrefixCache.block + place] = token }
    let hash = PrefixCache.hash(parent, block)
    let sibling = parent == PrefixCache.none ? first : nodes[Int(parent)].child
    nodes[Int(node)] = Node(
      hash: hash, parent: parent, count: block.count, sibling: sibling, next: buckets[bucket(hash)])
    buckets[bucket(hash)] = node
    if parent == PrefixCache.none { first = node } else { nodes[Int(parent)].child = node }
    link(node)
    count += 1
    statistics.bytes += PrefixCache.nodeBytes
    return node
  }

  /// Gives a node the pages of a sequence at `place`, where it has none and the sequence has.
  private func fill(_ node: Int32, _ sequence: Int, _ place: Int) {
    for (kind, list) in cache.lists.enumerated()
    where nodes[Int(node)].pages[kind] == PrefixCache.none && place >= list.givenBack(sequence) {
      let page = list.page(sequence, place)
      list.pool.retain(page)
      nodes[Int(node)].pages[kind] = page
      statistics.bytes += list.pool.bytesOfPage
    }
  }

  /// Doubles the buckets.
  private func widen() throws(Failure) {
    let wider = max(2 * buckets.count, 64)
    try buckets.reserve(wider - buckets.count)
    buckets.removeAll()
    buckets.resize(to: wider, filling: PrefixCache.none)
    var node = newest
    while node != PrefixCache.none {
      let place = bucket(nodes[Int(node)].hash)
      nodes[Int(node)].next = buckets[place]
      buckets[place] = node
      node = nodes[Int(node)].older
    }
  }

  // MARK: The order of use

  /// Counts the nodes of `path` as used, the last first, so that each is older than the one that it follows.
  private func usePath() {
    for node in path.elements.reversed() where node != newest {
      unlink(node)
      link(node)
    }
  }

  private func link(_ node: Int32) {
    nodes[Int(node)].newer = PrefixCache.none
    nodes[Int(node)].older = newest
    if newest != PrefixCache.none { nodes[Int(newest)].newer = node } else { oldest = node }
    newest = node
  }

  private func unlink(_ node: Int32) {
    let (newer, older) = (nodes[Int(node)].newer, nodes[Int(node)].older)
    if newer != PrefixCache.none { nodes[Int(newer)].older = older } else { newest = older }
    if older != PrefixCache.none { nodes[Int(older)].newer = newer } else { oldest = newer }
  }

  /// Drops the node that was used longest ago. None follows it: that would be older.
  private func dropOldest() {
    let node = oldest
    unlink(node)
    let place = bucket(nodes[Int(node)].hash)
    if buckets[place] == node {
      buckets[place] = nodes[Int(node)].next
    } else {
      var before = buckets[place]
      while nodes[Int(before)].next != node { before = nodes[Int(before)].next }
      nodes[Int(before)].next = nodes[Int(node)].next
    }
    unlinkSibling(node)
    for (kind, pool) in pools.enumerated() where nodes[Int(node)].pages[kind] != PrefixCache.none {
      pool.release(nodes[Int(node)].pages[kind])
      statistics.bytes -= pool.bytesOfPage
    }
    statistics.bytes -= PrefixCache.nodeBytes
    nodes[Int(node)] = Node(next: unused)
    unused = node
    count -= 1
  }

  /// Takes a node out of those behind its parent, which is there: it is newer.
  private func unlinkSibling(_ node: Int32) {
    let (parent, next) = (nodes[Int(node)].parent, nodes[Int(node)].sibling)
    var before = parent == PrefixCache.none ? first : nodes[Int(parent)].child
    if before == node {
      if parent == PrefixCache.none { first = next } else { nodes[Int(parent)].child = next }
      return
    }
    while nodes[Int(before)].sibling != node { before = nodes[Int(before)].sibling }
    nodes[Int(before)].sibling = next
  }
}
