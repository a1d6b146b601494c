import AttendBase

extension Matcher {
  /// Appends the bytes that must come next, as far as the grammar leaves no choice, at most `limit`. True if the output
  /// must end behind them.
  package func forcedBytes(
    into bytes: inout GrowingList<UInt8>, limit: Int = 4096
  ) throws(Failure) -> Bool {
    guard !isStopped else { return true }
    let start = state
    return try states.withEngine { engine throws(Failure) in
      var state = start
      for _ in 0..<limit {
        if engine.states[Int(state)].count == 0 { return true }
        guard !engine.accepts(state), let byte = try engine.onlyByte(after: state) else { return false }
        try bytes.append(byte)
        state = try engine.step(state, byte)
      }
      return false
    }
  }

  /// Appends the tokens that must come next and goes on by them: what the grammar leaves no choice about needs no step.
  /// Returns how many there are.
  ///
  /// `tokenize` is given the forced bytes and appends the tokens into which the tokenizer cuts them where they stand,
  /// behind the text so far; if these are not those bytes, nothing is forced. A cut counts only if nothing that may
  /// follow can move it: no token of the vocabulary begins inside the forced bytes at or before the cut and reaches
  /// past their end in a way that the grammar allows. So a token at the end is left to the model wherever a longer one
  /// could stand in its place.
  package mutating func takeForcedTokens(
    into ids: inout GrowingList<Int32>,
    tokenize: (UnsafeBufferPointer<UInt8>, inout GrowingList<Int32>) throws(Failure) -> Void
  ) throws(Failure) -> Int {
    var bytes = GrowingList<UInt8>(for: "forced bytes")
    let isEnd = try forcedBytes(into: &bytes)
    guard !bytes.isEmpty else { return 0 }
    let first = ids.count
    try tokenize(UnsafeBufferPointer(bytes.elements), &ids)
    guard spell(ids, from: first, bytes) else {
      ids.removeAll(from: first)
      return 0
    }
    let certain = isEnd ? bytes.count : try firstReach(over: bytes)
    var (kept, end) = (first, 0)
    while kept < ids.count {
      end += tokens.bytes(of: ids[kept]).count
      if end > certain { break }
      kept += 1
    }
    ids.removeAll(from: kept)
    for place in first..<kept {
      guard try accept(ids[place]) else {
        throw Failure(.internalError, "the forced token \(ids[place]) is not allowed")
      }
    }
    return kept - first
  }

  /// Whether tokens are ids of the vocabulary and spell the bytes.
  private func spell(
    _ ids: borrowing GrowingList<Int32>, from first: Int, _ bytes: borrowing GrowingList<UInt8>
  ) -> Bool {
    var place = 0
    for token in ids.elements[first...] {
      guard token >= 0, token < tokens.count else { return false }
      let spelled = tokens.bytes(of: token)
      guard !spelled.isEmpty, spelled.count <= bytes.count - place else { return false }
      guard bytes.elements[place..<place + spelled.count].elementsEqual(spelled) else { return false }
      place += spelled.count
    }
    return place == bytes.count
  }

  /// The first place of the forced bytes where a token can begin that reaches past their end.
  private func firstReach(over bytes: borrowing GrowingList<UInt8>) throws(Failure) -> Int {
    let (start, tokens) = (state, tokens)
    return try states.withEngine { engine throws(Failure) in
      var after = start
      for byte in bytes.elements { after = try engine.step(after, byte) }
      for place in max(0, bytes.count - tokens.longest)..<bytes.count {
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
  fileprivate mutating func onlyByte(after state: Int32) throws(Failure) -> UInt8? {
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
