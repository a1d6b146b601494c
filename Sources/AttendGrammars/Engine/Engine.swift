import AttendBase

/// A grammar at work: its program and automata, and the states that matching has met so far, which are numbered and
/// stay. One thread at a time.
///
/// A state is a set of lexemes that are being read, each with its continuation. States after a byte are remembered, so
/// that whatever was walked once is a look-up: an automaton of the whole grammar that comes into being as it is needed.
struct Engine: ~Copyable {
  struct State: BitwiseCopyable {
    /// `items[first ..< first + count]`, in order.
    let first: Int32
    let count: Int32
    /// Whether the output may end here.
    let accepts: Bool
    /// The number of its row of following states; -1 until it is wanted.
    var row: Int32 = -1
    /// Whether it is known that nothing is forced: the output may end, or several bytes may come next.
    var isFree = false
    /// Its mask, for whoever keeps masks; -1: none.
    var mask: Int32 = -1
    let hash: UInt64
  }

  /// No way on, and no end.
  static let dead: Int32 = 0
  /// A state that is not computed yet.
  private static let unknown: Int32 = -1

  /// Limits of what one engine may hold.
  struct Limits {
    var regular = RegularExpressions.Limits()
    var states = 4 << 20
    /// Lexemes that may be read at one place.
    var items = 1 << 16
    var bytes = 1 << 30
  }

  let limits: Limits
  var program: Program
  var regular: RegularExpressions
  var stacks: Continuations
  private var closure: Closure
  /// Classes of bytes, by byte.
  let classes: AlignedBuffer
  let classCount: Int

  var states = GrowingList<State>(for: "the states of a matcher")
  var items = GrowingList<Item>(for: "the states of a matcher")
  private var rows: RowTable
  private var index = HashTable(for: "the states of a matcher")
  private(set) var start: Int32 = 0

  /// Closures that were computed: their items, and whether the end is among them.
  private struct Reached: BitwiseCopyable {
    let first: Int32
    let count: Int32
    let accepts: Bool
  }
  private var reached = GrowingList<Reached>(for: "the states of a matcher")
  private var reachedItems = GrowingList<Item>(for: "the states of a matcher")

  private var newItems = GrowingList<Item>(for: "a step of a matcher")
  private var ended = GrowingList<Int32>(for: "a step of a matcher")

  /// The engine of a grammar. Throws `invalidArgument` for a grammar that cannot be met, and where a limit is passed.
  static func make(_ grammar: borrowing Grammar, _ limits: Limits = Limits()) throws(Failure) -> Engine {
    let lowered = try Lowering.lower(grammar, limits.regular)
    let rules = lowered.program.bodies.count
    var engine = Engine(
      limits, lowered, try Continuations.make(), try Closure.make(rules: rules),
      try AlignedBuffer(256, of: UInt8.self, for: "the classes of bytes of a grammar"))
    try engine.begin()
    return engine
  }

  private mutating func begin() throws(Failure) {
    for byte in 0..<256 { classes.pointer(to: UInt8.self)[byte] = regular.classes.classes[byte] }
    _ = try intern(accepts: false)
    try closure.run(from: program, regular, &stacks)
    try newItems.append(contentsOf: UnsafeBufferPointer(closure.items.elements))
    start = try intern(accepts: closure.accepts)
  }

  private init(
    _ limits: Limits, _ lowered: consuming Lowered, _ stacks: consuming Continuations, _ closure: consuming Closure,
    _ classes: AlignedBuffer
  ) {
    (self.limits, self.classes) = (limits, classes)
    classCount = lowered.regular.classes.count
    rows = RowTable(width: classCount)
    program = lowered.program
    regular = lowered.regular
    self.stacks = stacks
    self.closure = closure
  }

  /// Bytes held at this moment.
  var bytes: Int {
    regular.bytes + stacks.bytes + states.bytes + items.bytes + rows.bytes + index.bytes + reachedItems.bytes
  }

  /// Bytes of rows past which they are forgotten.
  private static let manyRows = 128 << 20

  /// Forgets all rows where they have become many: states stay, and what is asked of them is computed anew.
  mutating func boundRows() {
    guard rows.bytes + regular.rows.bytes > Engine.manyRows else { return }
    for place in 0..<states.count { states[place].row = -1 }
    rows.removeAll()
    regular.forgetRows()
  }

  @inline(__always) func accepts(_ state: Int32) -> Bool { states[Int(state)].accepts }
}

// MARK: - Steps

extension Engine {
  /// The state after a byte; `dead` where the grammar does not allow it.
  @inline(__always) mutating func step(_ state: Int32, _ byte: UInt8) throws(Failure) -> Int32 {
    let column = Int(classes.pointer(to: UInt8.self)[Int(byte)])
    let row = states[Int(state)].row
    if row >= 0 {
      let next = rows[row][column]
      if next >= 0 { return next }
    }
    return try compute(state, column)
  }

  /// The states after each class of bytes; negative where not computed yet.
  @inline(__always) mutating func row(of state: Int32) throws(Failure) -> UnsafePointer<Int32> {
    if states[Int(state)].row < 0 { try makeRow(state) }
    return UnsafePointer(rows[states[Int(state)].row])
  }

  /// A row that says which bytes lead on, without computing whither.
  private mutating func makeRow(_ state: Int32) throws(Failure) {
    guard bytes < limits.bytes else {
      throw Failure(.outOfMemory, "the states of a grammar take more than \(limits.bytes) bytes")
    }
    let number = try rows.add(filling: Engine.dead)
    let row = rows[number]
    let entry = states[Int(state)]
    for place in Int(entry.first)..<Int(entry.first + entry.count) {
      let lexeme = try regular.row(of: items[place].state)
      for column in 0..<classCount where lexeme[column] != RegularExpressions.nothing {
        row[column] = Engine.unknown
      }
    }
    states[Int(state)].row = number
  }

  private mutating func compute(_ state: Int32, _ column: Int) throws(Failure) -> Int32 {
    if try row(of: state)[column] == Engine.dead { return Engine.dead }
    newItems.removeAll()
    ended.removeAll()
    let entry = states[Int(state)]
    for place in Int(entry.first)..<Int(entry.first + entry.count) {
      let item = items[place]
      let next = try regular.row(of: item.state)[column]
      guard next != RegularExpressions.nothing else { continue }
      if next != RegularExpressions.empty { try newItems.append(Item(state: next, next: item.next)) }
      if regular.isNullable(next) { try ended.append(item.next) }
    }
    let accepts = try followEnded()
    let next = try intern(accepts: accepts)
    rows[states[Int(state)].row][column] = next
    return next
  }

  /// The state of what follows a continuation.
  mutating func state(after continuation: Int32) throws(Failure) -> Int32 {
    newItems.removeAll()
    ended.removeAll()
    try ended.append(continuation)
    let accepts = try followEnded()
    return try intern(accepts: accepts)
  }

  /// The number of bytes that may come next in a lexeme.
  mutating func breadth(of lexeme: Int32) throws(Failure) -> Int {
    let row = try regular.row(of: lexeme)
    let classes = classes.pointer(to: UInt8.self)
    return (0..<256).reduce(0) { $0 + (row[Int(classes[$1])] != RegularExpressions.nothing ? 1 : 0) }
  }

  /// The state of those lexemes of a state whose breadth is below a limit.
  mutating func narrowed(_ state: Int32, below limit: Int) throws(Failure) -> Int32 {
    newItems.removeAll()
    let entry = states[Int(state)]
    for place in Int(entry.first)..<Int(entry.first + entry.count) {
      if try breadth(of: items[place].state) < limit { try newItems.append(items[place]) }
    }
    return try intern(accepts: false)
  }

  /// Adds to `newItems` what follows the continuations in `ended`; whether the end of the output does.
  private mutating func followEnded() throws(Failure) -> Bool {
    if ended.isEmpty { return false }
    ended.elements.sortInPlace { $0 < $1 }
    var kept = 1
    for place in 1..<max(ended.count, 1) where ended[place] != ended[kept - 1] {
      ended[kept] = ended[place]
      kept += 1
    }
    ended.removeAll(from: kept)
    guard kept == 1 else {
      // Several at once share groups: one closure for all of them.
      try closure.run(with: UnsafeBufferPointer(ended.elements), program, regular, &stacks)
      try newItems.append(contentsOf: UnsafeBufferPointer(closure.items.elements))
      return closure.accepts
    }
    let continuation = Int(ended[0])
    if stacks.frames[continuation].closure < 0 {
      try closure.run(with: UnsafeBufferPointer(ended.elements), program, regular, &stacks)
      stacks.frames[continuation].closure = Int32(reached.count)
      try reached.append(
        Reached(
          first: Int32(reachedItems.count), count: Int32(closure.items.count), accepts: closure.accepts))
      try reachedItems.append(contentsOf: UnsafeBufferPointer(closure.items.elements))
    }
    let all = reached[Int(stacks.frames[continuation].closure)]
    try newItems.append(
      contentsOf: UnsafeBufferPointer(
        rebasing: reachedItems.elements[Int(all.first)..<Int(all.first + all.count)]))
    return all.accepts
  }

  /// The number of the state of `newItems`, which are put in order, each once.
  private mutating func intern(accepts: Bool) throws(Failure) -> Int32 {
    guard newItems.count <= limits.items else {
      throw Failure(.unsupported, "the grammar is too ambiguous: more than \(limits.items) ways at one place")
    }
    newItems.elements.sortInPlace(by: <)
    var kept = 0
    var hash: UInt64 = accepts ? 1 : 0
    for place in 0..<newItems.count where kept == 0 || newItems[place] != newItems[kept - 1] {
      let item = newItems[place]
      newItems[kept] = item
      kept += 1
      hash = mixed(hash, UInt64(UInt32(bitPattern: item.state)) << 32 | UInt64(UInt32(bitPattern: item.next)))
    }
    newItems.removeAll(from: kept)
    let found = index.find(hash) { [states = states.elements, items = items.elements, new = newItems.elements] in
      let state = states[Int($0)]
      guard state.hash == hash, state.accepts == accepts, Int(state.count) == kept else { return false }
      for place in 0..<kept where items[Int(state.first) + place] != new[place] { return false }
      return true
    }
    if let found { return found }
    guard states.count < limits.states, items.count + kept <= Int(Int32.max) else {
      throw Failure(.outOfMemory, "a grammar needs more than \(limits.states) states")
    }
    let number = Int32(states.count)
    try states.append(State(first: Int32(items.count), count: Int32(kept), accepts: accepts, hash: hash))
    try items.append(contentsOf: UnsafeBufferPointer(newItems.elements))
    try index.insert(number, hash) { [states = states.storage] in states[Int($0)].hash }
    return number
  }
}
