import AttendBase

extension Matcher {
  /// Appends the tokens that must come next behind `last` (nil: behind nothing, or a prompt), as far as the grammar
  /// leaves no choice: these need no step of a model each.
  ///
  /// The forced bytes are cut by the tokenizer, behind the text of `last`, or by themselves where a token would reach
  /// over that boundary; if its tokens are not those bytes, nothing is forced. A cut counts only if nothing that may
  /// follow can move it: no token of the vocabulary begins inside the forced bytes at or before the cut and reaches
  /// past their end in a way that the grammar allows. So a token at the end is left to the model wherever a longer one
  /// could stand in its place (llguidance calls this fast-forward tokens).
  package func forcedTokens(after last: Int32?, into ids: inout GrowingList<Int32>) throws(Failure) {
    guard !isStopped, let cut = tokens.cut else { return }
    if try states.appendForced(at: state, after: last ?? -1, to: &ids) { return }
    let first = ids.count
    var bytes = GrowingList<UInt8>(for: "forced bytes")
    let isEnd = try appendForcedBytes(to: &bytes)
    let context = isAtStart ? nil : last.map { (tokens.beginning ?? tokens).bytes(of: $0) }
    if try cutBytes(bytes, behind: context, into: &ids, cut) {
      let certain = isEnd ? bytes.count : try firstReach(over: bytes)
      var (kept, end) = (first, 0)
      while kept < ids.count {
        end += (kept == first ? nextTokens : tokens).bytes(of: ids[kept]).count
        if end > certain { break }
        kept += 1
      }
      ids.removeAll(from: kept)
    }
    try states.keepForced(at: state, after: last ?? -1, ids, from: first)
  }

  /// The most bytes that are looked ahead.
  private static let longestRun = 4096

  /// Appends the bytes that must come next. True if the output must end behind them.
  private func appendForcedBytes(to bytes: inout GrowingList<UInt8>) throws(Failure) -> Bool {
    let start = state
    return try states.withEngine { engine throws(Failure) in
      var state = start
      for _ in 0..<Matcher.longestRun {
        if engine.states[Int(state)].count == 0 { return true }
        guard !engine.accepts(state), let byte = try engine.onlyByte(after: state) else { return false }
        try bytes.append(byte)
        state = try engine.step(state, byte)
      }
      return false
    }
  }

  /// Appends the tokens of the bytes; false, and nothing is appended, where the tokenizer does not cut them out.
  private func cutBytes(
    _ bytes: borrowing GrowingList<UInt8>, behind context: UnsafeBufferPointer<UInt8>?,
    into ids: inout GrowingList<Int32>, _ cut: TokenTable.Cut
  ) throws(Failure) -> Bool {
    let first = ids.count
    if let context {
      var text = GrowingList<UInt8>(for: "forced bytes")
      try text.append(contentsOf: context)
      try text.append(contentsOf: UnsafeBufferPointer(bytes.elements))
      try cut(UnsafeBufferPointer(text.elements), &ids)
      if let boundary = place(in: ids, from: first, behind: context.count) {
        for place in boundary..<ids.count { ids[first + place - boundary] = ids[place] }
        ids.removeAll(from: first + ids.count - boundary)
        if spell(ids, from: first, bytes) { return true }
      }
      ids.removeAll(from: first)
    }
    try cut(UnsafeBufferPointer(bytes.elements), &ids)
    if spell(ids, from: first, bytes) { return true }
    ids.removeAll(from: first)
    return false
  }

  /// Where tokens of a text go on behind its first bytes; nil where one of them reaches over.
  private func place(in ids: borrowing GrowingList<Int32>, from first: Int, behind count: Int) -> Int? {
    var (place, end) = (first, 0)
    while end < count, place < ids.count {
      guard ids[place] >= 0, ids[place] < tokens.count else { return nil }
      end += (place == first ? tokens.beginning ?? tokens : tokens).bytes(of: ids[place]).count
      place += 1
    }
    return end == count ? place : nil
  }

  /// Whether tokens are ids of the vocabulary and spell the bytes.
  private func spell(
    _ ids: borrowing GrowingList<Int32>, from first: Int, _ bytes: borrowing GrowingList<UInt8>
  ) -> Bool {
    var place = 0
    for (index, token) in ids.elements[first...].enumerated() {
      guard token >= 0, token < tokens.count, !tokens.isStop(token) else { return false }
      let spelled = (index == 0 ? nextTokens : tokens).bytes(of: token)
      guard !spelled.isEmpty, spelled.count <= bytes.count - place else { return false }
      guard bytes.elements[place..<place + spelled.count].elementsEqual(spelled) else { return false }
      place += spelled.count
    }
    return place == bytes.count
  }

  /// The first place of the forced bytes where a token can begin that reaches past their end.
  private func firstReach(over bytes: borrowing GrowingList<UInt8>) throws(Failure) -> Int {
    let (start, tokens, firstTokens) = (state, tokens, nextTokens)
    return try states.withEngine { engine throws(Failure) in
      var after = start
      for byte in bytes.elements { after = try engine.step(after, byte) }
      for place in max(0, bytes.count - max(tokens.longest, firstTokens.longest))..<bytes.count {
        let tokens = place == 0 ? firstTokens : tokens
        guard let node = tokens.node(of: bytes.elements[place...]) else { continue }
        for child in tokens.children(of: node) {
          if try engine.step(after, tokens.nodes[child].byte) != Engine.dead { return place }
        }
      }
      return bytes.count
    }
  }
}

extension Engine {
  /// The only byte that may come next; nil where there are several, or none.
  mutating func onlyByte(after state: Int32) throws(Failure) -> UInt8? {
    let row = try row(of: state)
    var only: UInt8?
    for byte in UInt8.min...UInt8.max where row[Int(classes.pointer(to: UInt8.self)[Int(byte)])] != Engine.dead {
      guard only == nil else { return nil }
      only = byte
    }
    return only
  }
}

extension TokenTable {
  /// The node of the trie that these bytes lead to.
  fileprivate func node(of bytes: Slice<UnsafeMutableBufferPointer<UInt8>>) -> Int? {
    var node = 0
    for byte in bytes {
      guard let next = children(of: node).first(where: { nodes[$0].byte == byte }) else { return nil }
      node = next
    }
    return node
  }

  /// The nodes right below a node.
  fileprivate func children(of node: Int) -> some Sequence<Int> {
    sequence(state: node + 1) { [limit = Int(nodes[node].limit)] place in
      guard place < limit else { return nil }
      defer { place = Int(self.nodes[place].limit) }
      return place
    }
  }
}
