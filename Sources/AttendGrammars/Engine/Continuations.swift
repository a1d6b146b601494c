import AttendBase

/// Stacks of what is yet to come: what follows a lexeme that has ended, what follows the part it ended, and so on.
/// Equal stacks have equal numbers, and share what is below: the graph-structured stack of Tomita (1985), kept for all
/// time, so that a state of the matcher is a number.
///
/// Where a rule is called from several places at once, its callers stand in one group, as in an Earley set: however
/// ambiguous a grammar is, a rule is entered once at a place of the text. A caller in the last place of its rule is not
/// stacked at all; so right recursion does not deepen the stack, and left recursion is a group that calls itself.
struct Continuations: ~Copyable {
  enum Kind: UInt8, BitwiseCopyable {
    /// The end of the output.
    case end
    /// The parts of the sequence `node` from `place` on.
    case sequence
    /// More repetitions of `node`, after `place`.
    case repetition
    /// More of different ones, `node`: `place` has a bit for each that was taken.
    case distinct
    /// Whoever called the rule: `place` continuations, from `callers[node]` on.
    case group
  }

  struct Frame: BitwiseCopyable {
    let kind: Kind
    let node: Int32
    var place: Int32
    let parent: Int32
    /// Where the closure of this frame alone is kept; -1: nowhere yet.
    var closure: Int32 = -1
  }

  static let end: Int32 = 0

  var frames = GrowingList<Frame>(for: "the stacks of a grammar")
  var callers = GrowingList<Int32>(for: "the stacks of a grammar")
  private var index = HashTable(for: "the stacks of a grammar")

  private init() {}

  static func make() throws(Failure) -> Continuations {
    var all = Continuations()
    try all.frames.append(Frame(kind: .end, node: 0, place: 0, parent: 0))
    return all
  }

  var bytes: Int { frames.bytes + callers.bytes + index.bytes }

  @inline(__always) static func hash(_ kind: Kind, _ node: Int32, _ place: Int32, _ parent: Int32) -> UInt64 {
    mixed(
      mixed(UInt64(kind.rawValue), UInt64(UInt32(bitPattern: node)) << 32 | UInt64(UInt32(bitPattern: place))),
      UInt64(UInt32(bitPattern: parent)))
  }

  /// The number of a frame.
  mutating func frame(_ kind: Kind, _ node: Int32, _ place: Int32, _ parent: Int32) throws(Failure) -> Int32 {
    let hash = Continuations.hash(kind, node, place, parent)
    let found = index.find(hash) { [frames = frames.storage] in
      let frame = frames[Int($0)]
      return frame.kind == kind && frame.node == node && frame.place == place && frame.parent == parent
    }
    if let found { return found }
    let number = Int32(frames.count)
    try frames.append(Frame(kind: kind, node: node, place: place, parent: parent))
    try index.insert(number, hash) { [frames = frames.storage] in
      let frame = frames[Int($0)]
      return Continuations.hash(frame.kind, frame.node, frame.place, frame.parent)
    }
    return number
  }

  /// A new group with room for some callers.
  mutating func group(_ count: Int) throws(Failure) -> Int32 {
    try frames.append(Frame(kind: .group, node: Int32(callers.count), place: Int32(count), parent: 0))
    try callers.reserve(count)
    callers.resize(to: callers.count + count, filling: Continuations.end)
    return Int32(frames.count - 1)
  }
}

/// A lexeme that is being read, and what comes after it.
struct Item: BitwiseCopyable, Equatable {
  let state: Int32
  let next: Int32

  static func < (one: Item, other: Item) -> Bool {
    one.state < other.state || one.state == other.state && one.next < other.next
  }
}
