import AttendBase
import Synchronization

/// Computes which tokens a state of a grammar allows, by walks over the trie of the vocabulary.
///
/// A token may stay within the lexeme that is being read, which depends on the state of that automaton alone and is
/// remembered for it; or it may go on behind the lexeme, which takes a look at the few places of the trie where the
/// lexeme can have ended. Where few bytes can come next, the walk takes all lexemes at once.
struct MaskMaker: ~Copyable {
  /// Bytes that may come next, from which on a lexeme is walked by itself.
  private static let broad = 24
  /// Nodes whose walk makes a mask worth keeping for other grammars.
  private static let costly = 1_000
  /// Bytes of masks that are kept.
  private static let maximumBytes = 64 << 20

  private let tokens: TokenTable
  private var marks: TokenMarks
  private var path = GrowingList<Int32>(for: "a walk over a vocabulary")
  private var exits = GrowingList<Int32>(for: "a walk over a vocabulary")
  private var key = GrowingList<UInt8>(for: "a key of a mask")
  private var visited = 0

  private var masks = GrowingList<Unmanaged<TokenMask>>(for: "masks of a grammar")
  private var lexemes = GrowingList<Unmanaged<LexemeMask>>(for: "masks of a grammar")
  private var bytes = 0

  private init(_ tokens: TokenTable, _ marks: consuming TokenMarks) {
    self.tokens = tokens
    self.marks = marks
  }

  static func make(_ tokens: TokenTable) throws(Failure) -> MaskMaker {
    var maker = MaskMaker(tokens, try TokenMarks.make(tokens.words))
    try maker.path.reserve(tokens.longest + 1)
    maker.path.resize(to: tokens.longest + 1, filling: 0)
    return maker
  }

  deinit {
    for mask in masks.elements { mask.release() }
    for mask in lexemes.elements { mask.release() }
  }

  /// The tokens that a state allows, but for those that end the output.
  mutating func mask(of state: Int32, _ engine: inout Engine) throws(Failure) -> TokenMask {
    let known = engine.states[Int(state)].mask
    if known >= 0 { return masks[Int(known)].takeUnretainedValue() }
    marks.removeAll()
    try collect(state, &engine)
    let mask = try TokenMask(marks)
    makeRoom(for: mask.bytes, &engine)
    try masks.append(.passRetained(mask))
    bytes += mask.bytes
    engine.states[Int(state)].mask = Int32(masks.count - 1)
    return mask
  }

  /// Forgets all masks when there are too many.
  private mutating func makeRoom(for more: Int, _ engine: inout Engine) {
    if bytes + more > MaskMaker.maximumBytes { forget(&engine) }
  }

  /// Forgets all masks.
  mutating func forget(_ engine: inout Engine) {
    for place in 0..<engine.states.count { engine.states[place].mask = -1 }
    for place in 0..<engine.regular.nodes.count { engine.regular.nodes[place].mask = -1 }
    for mask in masks.elements { mask.release() }
    for mask in lexemes.elements { mask.release() }
    masks.removeAll()
    lexemes.removeAll()
    bytes = 0
  }

  private mutating func collect(_ state: Int32, _ engine: inout Engine) throws(Failure) {
    let entry = engine.states[Int(state)]
    var broadItems = 0
    for place in Int(entry.first)..<Int(entry.first + entry.count) {
      let item = engine.items[place]
      guard try engine.breadth(of: item.state) >= MaskMaker.broad else { continue }
      broadItems += 1
      try collect(item, &engine)
    }
    guard broadItems < Int(entry.count) else { return }
    let narrow = broadItems == 0 ? state : try engine.narrowed(state, below: MaskMaker.broad)
    try walk(below: 0, from: narrow, &engine)
  }

  /// Marks the tokens of one lexeme and of what follows it.
  private mutating func collect(_ item: Item, _ engine: inout Engine) throws(Failure) {
    let next = try engine.state(after: item.next)
    let isLast = engine.states[Int(next)].count == 0
    let lexeme = try lexemeMask(item.state, needsExits: !isLast, &engine)
    try lexeme.mask.add(to: &marks)
    guard !isLast else { return }
    for node in lexeme.exits.elements { try walk(below: node, from: next, &engine) }
  }
}

// MARK: - Walks

extension MaskMaker {
  /// Marks the tokens below a node that a state of the grammar allows.
  private mutating func walk(below node: Int32, from state: Int32, _ engine: inout Engine) throws(Failure) {
    let nodes = tokens.nodes.elements
    let classes = engine.classes.pointer(to: UInt8.self)
    path[Int(nodes[Int(node)].depth)] = state
    var place = Int(node) + 1
    let limit = Int(nodes[Int(node)].limit)
    while place < limit {
      let node = nodes[place]
      let above = path[Int(node.depth) - 1]
      var next = try engine.row(of: above)[Int(classes[Int(node.byte)])]
      if next < 0 { next = try engine.step(above, node.byte) }
      guard next != Engine.dead else {
        place = Int(node.limit)
        continue
      }
      if node.token >= 0 { try markAll(node.token) }
      path[Int(node.depth)] = next
      place += 1
    }
  }

  @inline(__always) private mutating func markAll(_ token: Int32) throws(Failure) {
    try marks.mark(token)
    guard tokens.hasSameBytes else { return }
    var token = tokens.sameBytes[Int(token)]
    while token >= 0 {
      try marks.mark(token)
      token = tokens.sameBytes[Int(token)]
    }
  }

  /// The mask of a state of an automaton, computed, or remembered by this grammar or by the vocabulary.
  private mutating func lexemeMask(
    _ lexeme: Int32, needsExits: Bool, _ engine: inout Engine
  ) throws(Failure) -> LexemeMask {
    let known = engine.regular.nodes[Int(lexeme)].mask
    if known >= 0 {
      let mask = lexemes[Int(known)].takeUnretainedValue()
      if mask.hasExits || !needsExits { return mask }
    }
    if let bounded = try boundedMask(lexeme, needsExits: needsExits, &engine) {
      return try keep(bounded.mask, for: lexeme, isShared: bounded.isShared, &engine)
    }
    let hasKey = try engine.regular.writeKey(of: lexeme, to: &key)
    let hash = key.elements.reduce(UInt64(0x6b65)) { mixed($0, UInt64($1)) }
    if hasKey {
      let kept = tokens.lexemes.withLock { [key = UnsafeBufferPointer(key.elements)] in $0.find(key, hash) }
      if let kept, kept.hasExits || !needsExits { return try keep(kept, for: lexeme, &engine) }
    }
    let mask = try computeMask(lexeme, needsExits: needsExits, &engine)
    if hasKey, visited >= MaskMaker.costly {
      try tokens.lexemes.withLock { [key = UnsafeBufferPointer(key.elements)] cache throws(Failure) in
        try cache.insert(mask, key, hash)
      }
    }
    return try keep(mask, for: lexeme, &engine)
  }

  /// The mask of a state with a bound that is too far away for most tokens: that of the same state without it, but for
  /// the tokens that are long enough to feel it. Nil where there is none.
  private mutating func boundedMask(
    _ lexeme: Int32, needsExits: Bool, _ engine: inout Engine
  ) throws(Failure) -> (mask: LexemeMask, isShared: Bool)? {
    guard let (open, room) = try engine.regular.withoutFarBound(lexeme), room >= TokensByLength.shortest else {
      return nil
    }
    let mask = try lexemeMask(open, needsExits: needsExits, &engine)
    if room >= tokens.longest { return (mask, true) }
    var inner = try TokenMarks.make(tokens.words)
    try mask.mask.add(to: &inner)
    for token in tokens.byLength.tokens(longerThan: room) { inner.remove(token) }
    exits.removeAll()
    for exit in mask.exits.elements where Int(tokens.nodes[Int(exit)].depth) <= room { try exits.append(exit) }
    try walk(lexeme, skipping: 0, longerThan: room, &inner, &engine)
    return (try LexemeMask(inner, exits: exits, hasExits: mask.hasExits), false)
  }

  private mutating func keep(
    _ mask: LexemeMask, for lexeme: Int32, isShared: Bool = false, _ engine: inout Engine
  ) throws(Failure) -> LexemeMask {
    // One that two states share is counted with the first.
    let more = isShared ? MemoryLayout<Int32>.stride : mask.bytes
    makeRoom(for: more, &engine)
    try lexemes.append(.passRetained(mask))
    bytes += more
    engine.regular.nodes[Int(lexeme)].mask = Int32(lexemes.count - 1)
    return mask
  }

  private mutating func computeMask(
    _ lexeme: Int32, needsExits: Bool, _ engine: inout Engine
  ) throws(Failure) -> LexemeMask {
    var inner = try TokenMarks.make(tokens.words)
    exits.removeAll()
    let reach = try engine.regular.bodyReach(from: lexeme)
    let skipped = reach.mayEnd && needsExits ? 0 : reach.length
    if skipped > 0 { inner.add(tokens.bodies.mask(skipped)) }
    try walk(lexeme, skipping: skipped, &inner, &engine)
    return try LexemeMask(inner, exits: exits, hasExits: needsExits || !reach.mayEnd)
  }

  /// Marks the tokens that a state of an automaton allows and notes where it may end; subtrees of tokens up to the
  /// length `skipped` are marked already, and so is all that has no more than `known` bytes.
  private mutating func walk(
    _ lexeme: Int32, skipping skipped: UInt8, longerThan known: Int = 0, _ inner: inout TokenMarks,
    _ engine: inout Engine
  ) throws(Failure) {
    let nodes = tokens.nodes.elements
    let classes = engine.classes.pointer(to: UInt8.self)
    path[0] = lexeme
    var place = 1
    visited = 0
    while place < nodes.count {
      let node = nodes[place]
      guard node.bodyLength > skipped, known == 0 || tokens.byLength.longest(below: place) > known else {
        place = Int(node.limit)
        continue
      }
      visited += 1
      let next = try engine.regular.row(of: path[Int(node.depth) - 1])[Int(classes[Int(node.byte)])]
      guard next != RegularExpressions.nothing else {
        place = Int(node.limit)
        continue
      }
      path[Int(node.depth)] = next
      place += 1
      if node.depth <= known { continue }
      var token = node.token
      while token >= 0 {
        try inner.mark(token)
        token = tokens.sameBytes[Int(token)]
      }
      if Int(node.limit) > place, engine.regular.isNullable(next) { try exits.append(Int32(place - 1)) }
    }
  }
}
