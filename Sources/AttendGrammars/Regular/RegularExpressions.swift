import AttendBase

/// The regular parts of a grammar over bytes, as states of automata that come into being while they are walked: the
/// state after a byte is the derivative of the expression by that byte (Brzozowski 1964; Owens, Reppy and Turon 2009,
/// "Regular-expression derivatives re-examined"), which gives intersection, complement and large counts for nothing.
///
/// Equal expressions have equal numbers. Alternatives are kept in one order without repetition, by which the
/// derivatives of an expression are finitely many.
struct RegularExpressions: ~Copyable {
  enum Kind: UInt8, BitwiseCopyable {
    /// No string.
    case nothing
    /// The empty string.
    case empty
    /// One byte of `sets[first]`.
    case bytes
    /// The bytes `[first, first + second)` of `text`, at least one.
    case literal
    /// `first`, then `second`.
    case sequence
    /// One of `second` expressions, from `parts[first]` on, in order of their hashes.
    case choice
    /// `first`, from `second` to `third` times; a negative `third` is without end.
    case repetition
    /// All of `second` expressions, from `parts[first]` on.
    case intersection
    /// Not `first`: any other string of bytes.
    case complement
    /// A state of an automaton that the grammar holds: the expression `definitions[first]`, which leads on to others.
    case state
  }

  enum Liveness: UInt8, BitwiseCopyable { case unknown, live, dead }

  struct Node: BitwiseCopyable {
    let kind: Kind
    let isNullable: Bool
    /// Whether there is an intersection or complement in it, so that it may be of no string without showing it.
    let isBoolean: Bool
    var liveness = Liveness.unknown
    let first: Int32
    let second: Int32
    let third: Int32
    /// The number of its row; -1 until it is wanted.
    var row: Int32 = -1
    /// The same row before it is known which of its states are of no string.
    var derived: Int32 = -1
    /// Its mask, for whoever keeps masks; -1: none.
    var mask: Int32 = -1
    /// The most bytes that the shortest end takes from any state that follows; negative: not known.
    var farthest: Int32 = RegularExpressions.unknown
    /// A hash of what it is, the same in every grammar.
    let hash: UInt64
  }

  /// Limits of what one grammar may hold.
  struct Limits {
    var nodes = 4 << 20
    var rowBytes = 512 << 20
    /// States that a search for a string of an intersection visits.
    var search = 100_000
  }

  static let nothing: Int32 = 0
  static let empty: Int32 = 1
  /// A number that was not worked out.
  static let unknown: Int32 = -1

  let limits: Limits
  var nodes = GrowingList<Node>(for: "the states of a grammar")
  var parts = GrowingList<Int32>(for: "the states of a grammar")
  var sets = GrowingList<ByteSet>(for: "the states of a grammar")
  var text = GrowingList<UInt8>(for: "the literals of a grammar")
  /// The expressions of states of automata, which refer to one another.
  var definitions = GrowingList<Int32>(for: "the automata of a grammar")
  private var index = HashTable(for: "the states of a grammar")
  /// Parts of a choice that is being made: a stack, for the making of one may make others.
  private var scratch = GrowingList<Int32>(for: "the states of a grammar")

  /// Classes of bytes, which are fixed once all expressions of a grammar are made, before the first row.
  var classes = ByteClasses()
  /// Rows of `classes.count` states each; made anew when the classes are fixed.
  var rows = RowTable(width: 0)
  /// Searches for the distance to an end that met too many states.
  var failedSearches = 0
  /// Expressions whose rows are wanted.
  var pending = GrowingList<Int32>(for: "the states of a grammar")

  init(limits: Limits = Limits()) throws(Failure) {
    self.limits = limits
    _ = try intern(Kind.nothing, nullable: false, boolean: false, 0, 0, 0, hash: 0x9d1)
    _ = try intern(Kind.empty, nullable: true, boolean: false, 0, 0, 0, hash: 0x3c7)
  }

  /// Bytes held at this moment.
  var bytes: Int { nodes.bytes + parts.bytes + sets.bytes + text.bytes + index.bytes + rows.bytes }

  @inline(__always) func isNullable(_ expression: Int32) -> Bool { nodes[Int(expression)].isNullable }
}

// MARK: - Making expressions

extension RegularExpressions {
  mutating func bytes(_ set: ByteSet) throws(Failure) -> Int32 {
    if set.isEmpty { return RegularExpressions.nothing }
    if set.count == 1 { return try literal(CollectionOfOne(set.first)) }
    var hash = mixed(0xb17e, set.words[0])
    for word in 1..<4 { hash = mixed(hash, set.words[word]) }
    let found = index.find(hash) { [nodes = nodes.storage, sets = sets.elements] in
      let node = nodes[Int($0)]
      return node.hash == hash && node.kind == .bytes && sets[Int(node.first)] == set
    }
    if let found { return found }
    try sets.append(set)
    return try add(.bytes, nullable: false, boolean: false, Int32(sets.count - 1), 0, 0, hash: hash)
  }

  mutating func literal(_ bytes: some Collection<UInt8>) throws(Failure) -> Int32 {
    let start = text.count
    for byte in bytes { try text.append(byte) }
    guard text.count > start else { return RegularExpressions.empty }
    guard text.count <= Int(Int32.max) else { throw tooLarge("bytes of literals", Int(Int32.max)) }
    let made = try literal(from: Int32(start), count: Int32(text.count - start))
    if nodes[Int(made)].first != Int32(start) { text.removeAll(from: start) }  // It was there already.
    return made
  }

  /// The literal of bytes that lie in `text`: the rest of another one.
  mutating func literal(from start: Int32, count: Int32) throws(Failure) -> Int32 {
    guard count > 0 else { return RegularExpressions.empty }
    let bytes = UnsafePointer(text.storage + Int(start))
    // The beginning is enough: what is equal is compared in full.
    var hash = mixed(0x11e, UInt64(count))
    for place in 0..<min(Int(count), 24) { hash = mixed(hash, UInt64(bytes[place])) }
    let found = index.find(hash) { [nodes = nodes.storage, text = text.storage] in
      let node = nodes[Int($0)]
      guard node.hash == hash, node.kind == .literal, node.second == count else { return false }
      return node.first == start || (0..<Int(count)).allSatisfy { text[Int(node.first) + $0] == bytes[$0] }
    }
    if let found { return found }
    return try add(.literal, nullable: false, boolean: false, start, count, 0, hash: hash)
  }

  mutating func sequence(_ one: Int32, _ other: Int32) throws(Failure) -> Int32 {
    if one == RegularExpressions.nothing || other == RegularExpressions.nothing { return RegularExpressions.nothing }
    if one == RegularExpressions.empty { return other }
    if other == RegularExpressions.empty { return one }
    let (first, second) = (nodes[Int(one)], nodes[Int(other)])
    return try intern(
      .sequence, nullable: first.isNullable && second.isNullable, boolean: first.isBoolean || second.isBoolean,
      one, other, 0, hash: mixed(mixed(0x5e9, first.hash), second.hash))
  }

  /// `expression` from `least` to `most` times; a negative `most` is without end.
  mutating func repetition(_ expression: Int32, _ least: Int32, _ most: Int32) throws(Failure) -> Int32 {
    if most == 0 || expression == RegularExpressions.empty { return RegularExpressions.empty }
    if expression == RegularExpressions.nothing {
      return least == 0 ? RegularExpressions.empty : RegularExpressions.nothing
    }
    let node = nodes[Int(expression)]
    let least = node.isNullable ? 0 : least
    if least == 1 && most == 1 || node.isNullable && most == 1 { return expression }
    if node.kind == .repetition, node.second == 0, node.third < 0 { return expression }
    var hash = mixed(mixed(0x4e9, node.hash), UInt64(UInt32(bitPattern: least)))
    hash = mixed(hash, UInt64(UInt32(bitPattern: most)))
    return try intern(
      .repetition, nullable: least == 0, boolean: node.isBoolean, expression, least, most, hash: hash)
  }

  mutating func complement(_ expression: Int32) throws(Failure) -> Int32 {
    let node = nodes[Int(expression)]
    if node.kind == .complement { return node.first }
    return try intern(
      .complement, nullable: !node.isNullable, boolean: true, expression, 0, 0, hash: mixed(0x407, node.hash))
  }

  /// A state whose expression is yet to come; `hash` is of the automaton and the state's place in it.
  mutating func state(isEnd: Bool, hash: UInt64) throws(Failure) -> Int32 {
    try definitions.append(RegularExpressions.nothing)
    return try add(.state, nullable: isEnd, boolean: false, Int32(definitions.count - 1), 0, 0, hash: hash)
  }

  mutating func choice(_ one: Int32, _ other: Int32) throws(Failure) -> Int32 {
    if one == other || other == RegularExpressions.nothing { return one }
    if one == RegularExpressions.nothing { return other }
    let mark = beginParts()
    try addPart(one)
    try addPart(other)
    return try choice(ofPartsFrom: mark)
  }

  /// Where a list of parts begins that `addPart` fills and `choice` or `intersection` takes away.
  func beginParts() -> Int { scratch.count }

  mutating func addPart(_ part: Int32) throws(Failure) { try scratch.append(part) }

  mutating func choice(ofPartsFrom mark: Int) throws(Failure) -> Int32 {
    try flatten(.choice, from: mark)
    var union = ByteSet()
    var kept = mark
    for place in mark..<scratch.count {
      let part = scratch[place]
      if part == RegularExpressions.nothing { continue }
      if isEverything(part) {
        scratch.removeAll(from: mark)
        return part
      }
      if let byte = singleByte(part) {
        union.formUnion(byte)
      } else {
        scratch[kept] = part
        kept += 1
      }
    }
    scratch.removeAll(from: kept)
    if !union.isEmpty { try scratch.append(bytes(union)) }
    order(from: mark)
    try joinCounts(from: mark)
    return try finish(.choice, from: mark, whenNone: RegularExpressions.nothing)
  }

  mutating func intersection(ofPartsFrom mark: Int) throws(Failure) -> Int32 {
    try flatten(.intersection, from: mark)
    var kept = mark
    for place in mark..<scratch.count {
      let part = scratch[place]
      if part == RegularExpressions.nothing {
        scratch.removeAll(from: mark)
        return RegularExpressions.nothing
      }
      if isEverything(part) { continue }
      scratch[kept] = part
      kept += 1
    }
    scratch.removeAll(from: kept)
    order(from: mark)
    if scratch.elements[mark...].contains(RegularExpressions.empty) {
      let nullable = scratch.elements[mark...].allSatisfy { nodes[Int($0)].isNullable }
      scratch.removeAll(from: mark)
      return nullable ? RegularExpressions.empty : RegularExpressions.nothing
    }
    if kept == mark { return try complement(RegularExpressions.nothing) }
    return try finish(.intersection, from: mark, whenNone: RegularExpressions.nothing)
  }
}

// MARK: - Parts

extension RegularExpressions {
  /// Any string of bytes.
  private func isEverything(_ expression: Int32) -> Bool {
    nodes[Int(expression)].kind == .complement && nodes[Int(expression)].first == RegularExpressions.nothing
  }

  private func singleByte(_ expression: Int32) -> ByteSet? {
    let node = nodes[Int(expression)]
    if node.kind == .bytes { return sets[Int(node.first)] }
    guard node.kind == .literal, node.second == 1 else { return nil }
    let byte = text[Int(node.first)]
    return ByteSet(byte, byte)
  }

  /// Replaces parts that are of the same kind by their own parts.
  private mutating func flatten(_ kind: Kind, from mark: Int) throws(Failure) {
    for place in mark..<scratch.count {
      let node = nodes[Int(scratch[place])]
      guard node.kind == kind else { continue }
      scratch[place] = parts[Int(node.first)]
      for part in 1..<Int(node.second) { try scratch.append(parts[Int(node.first) + part]) }
    }
  }

  /// Puts parts in the order of their hashes, each once.
  private mutating func order(from mark: Int) {
    let nodes = nodes.storage
    let part = UnsafeMutableBufferPointer(rebasing: scratch.elements[mark...])
    part.sortInPlace { one, other in
      let (first, second) = (nodes[Int(one)].hash, nodes[Int(other)].hash)
      return first < second || first == second && one < other
    }
    var kept = mark
    for place in mark..<scratch.count where kept == mark || scratch[place] != scratch[kept - 1] {
      scratch[kept] = scratch[place]
      kept += 1
    }
    scratch.removeAll(from: kept)
  }

  /// Joins repetitions of one expression whose counts overlap or touch: without this, counted repetitions of
  /// something ambiguous would multiply.
  private mutating func joinCounts(from mark: Int) throws(Failure) {
    var changed = false
    for place in mark..<scratch.count {
      let one = nodes[Int(scratch[place])]
      guard one.kind == .repetition else { continue }
      for later in place + 1..<max(scratch.count, place + 1) {
        let other = nodes[Int(scratch[later])]
        guard other.kind == .repetition, other.first == one.first,
          one.third < 0 || other.second <= one.third + 1, other.third < 0 || one.second <= other.third + 1
        else { continue }
        let most = one.third < 0 || other.third < 0 ? -1 : max(one.third, other.third)
        scratch[later] = try repetition(one.first, min(one.second, other.second), most)
        scratch[place] = scratch[later]
        changed = true
        break
      }
    }
    if changed { order(from: mark) }
  }

  private mutating func finish(_ kind: Kind, from mark: Int, whenNone: Int32) throws(Failure) -> Int32 {
    let count = scratch.count - mark
    if count == 0 { return whenNone }
    if count == 1 { return scratch.removeLast() }
    var (hash, isNullable, isBoolean) = (UInt64(kind.rawValue), kind == .intersection, kind == .intersection)
    for part in scratch.elements[mark...] {
      let node = nodes[Int(part)]
      hash = mixed(hash, node.hash)
      isNullable = kind == .choice ? isNullable || node.isNullable : isNullable && node.isNullable
      isBoolean = isBoolean || node.isBoolean
    }
    let found = index.find(hash) { [nodes = nodes.storage, parts = parts.elements, scratch = scratch.elements] in
      let node = nodes[Int($0)]
      return node.hash == hash && node.kind == kind && Int(node.second) == count
        && (0..<count).allSatisfy { parts[Int(node.first) + $0] == scratch[mark + $0] }
    }
    defer { scratch.removeAll(from: mark) }
    if let found { return found }
    let start = parts.count
    guard start + count <= Int(Int32.max) else { throw tooLarge("alternatives", Int(Int32.max)) }
    try parts.append(contentsOf: UnsafeBufferPointer(rebasing: scratch.elements[mark...]))
    return try add(kind, nullable: isNullable, boolean: isBoolean, Int32(start), Int32(count), 0, hash: hash)
  }

  private mutating func intern(
    _ kind: Kind, nullable: Bool, boolean: Bool, _ first: Int32, _ second: Int32, _ third: Int32, hash: UInt64
  ) throws(Failure) -> Int32 {
    let found =
      nodes.isEmpty
      ? nil
      : index.find(hash) { [nodes = nodes.storage] in
        let node = nodes[Int($0)]
        return node.hash == hash && node.kind == kind && node.first == first && node.second == second
          && node.third == third
      }
    if let found { return found }
    return try add(kind, nullable: nullable, boolean: boolean, first, second, third, hash: hash)
  }

  private mutating func add(
    _ kind: Kind, nullable: Bool, boolean: Bool, _ first: Int32, _ second: Int32, _ third: Int32, hash: UInt64
  ) throws(Failure) -> Int32 {
    guard nodes.count < limits.nodes else { throw tooLarge("states", limits.nodes) }
    let number = Int32(nodes.count)
    try nodes.append(
      Node(
        kind: kind, isNullable: nullable, isBoolean: boolean, first: first, second: second, third: third, hash: hash))
    try index.insert(number, hash) { [nodes = nodes.storage] in nodes[Int($0)].hash }
    return number
  }

  func tooLarge(_ what: String, _ limit: Int) -> Failure {
    Failure(.invalidArgument, "the grammar needs more than \(limit) \(what)")
  }
}
