import AttendBase

/// What may come at one place of the text: follows continuations through the program down to lexemes. The memory is
/// used again and again.
///
/// Frames and groups are provisional while it works, named by negative numbers, for a group's callers are only known at
/// the end.
struct Closure: ~Copyable {
  private struct Provisional: BitwiseCopyable {
    let kind: Continuations.Kind
    /// Of a group: the rule.
    let node: Int32
    let place: Int32
    /// Of a group: the first of its callers in `links`.
    var parent: Int32
    /// A group whose rule matched the empty string here.
    var isPassed = false
    /// The number it gets.
    var resolved: Int32 = -1
  }

  private struct Link: BitwiseCopyable {
    let caller: Int32
    let next: Int32
  }

  private struct Task: BitwiseCopyable, Equatable {
    /// A node to enter, or -1: the continuation goes on.
    let node: Int32
    let continuation: Int32

    var hash: UInt64 {
      mixed(0x7a5c, UInt64(UInt32(bitPattern: node)) << 32 | UInt64(UInt32(bitPattern: continuation)))
    }
  }

  private var provisional = GrowingList<Provisional>(for: "a step of a grammar")
  private var links = GrowingList<Link>(for: "a step of a grammar")
  /// All tasks so far, those from `next` on yet to be done.
  private var tasks = GrowingList<Task>(for: "a step of a grammar")
  private var known = HashTable(for: "a step of a grammar")
  private var frames = HashTable(for: "a step of a grammar")
  /// The group of each rule that was called, by rule; -1: none.
  private var groups = GrowingList<Int32>(for: "a step of a grammar")
  private(set) var items = GrowingList<Item>(for: "a step of a grammar")
  private(set) var accepts = false

  /// Tasks of one step, past which a grammar is too ambiguous.
  static let limit = 1 << 17

  private init() {}

  /// The scratch of a program with so many rules.
  static func make(rules: Int) throws(Failure) -> Closure {
    var closure = Closure()
    try closure.groups.reserve(rules)
    closure.groups.resize(to: rules, filling: -1)
    return closure
  }

  /// Starts at the root of the program.
  mutating func run(
    from program: borrowing Program, _ regular: borrowing RegularExpressions, _ stacks: inout Continuations
  ) throws(Failure) {
    begin()
    try add(program.root, Continuations.end)
    try finish(program, regular, &stacks)
  }

  /// Goes on with each of some continuations.
  mutating func run(
    with continuations: UnsafeBufferPointer<Int32>, _ program: borrowing Program,
    _ regular: borrowing RegularExpressions, _ stacks: inout Continuations
  ) throws(Failure) {
    begin()
    for continuation in continuations { try add(-1, continuation) }
    try finish(program, regular, &stacks)
  }

  private mutating func begin() {
    for place in provisional.elements where place.kind == .group { groups[Int(place.node)] = -1 }
    provisional.removeAll()
    links.removeAll()
    tasks.removeAll()
    known.removeAll()
    frames.removeAll()
    items.removeAll()
    accepts = false
  }

  private mutating func finish(
    _ program: borrowing Program, _ regular: borrowing RegularExpressions, _ stacks: inout Continuations
  ) throws(Failure) {
    var next = 0
    while next < tasks.count {
      let task = tasks[next]
      next += 1
      if task.node < 0 {
        try resume(task.continuation, program, stacks)
      } else {
        try enter(task.node, task.continuation, program, regular)
      }
    }
    try settle(&stacks)
  }

  private mutating func add(_ node: Int32, _ continuation: Int32) throws(Failure) {
    let task = Task(node: node, continuation: continuation)
    let hash = task.hash
    if known.find(hash, where: { [tasks = tasks.elements] in tasks[Int($0)] == task }) != nil { return }
    guard tasks.count < Closure.limit else {
      throw Failure(.unsupported, "the grammar is too ambiguous: more than \(Closure.limit) ways at one place")
    }
    try tasks.append(task)
    try known.insert(Int32(tasks.count - 1), hash) { [tasks = tasks.storage] in tasks[Int($0)].hash }
  }
}

// MARK: - Steps

extension Closure {
  private mutating func enter(
    _ node: Int32, _ continuation: Int32, _ program: borrowing Program, _ regular: borrowing RegularExpressions
  ) throws(Failure) {
    let entry = program.nodes[Int(node)]
    guard entry.isProductive else { return }
    switch entry.kind {
    case .lexeme:
      if entry.first != RegularExpressions.empty {
        try items.append(Item(state: entry.first, next: continuation))
      }
      if regular.isNullable(entry.first) { try add(-1, continuation) }
    case .sequence: try proceed(node, 0, continuation, program)
    case .choice:
      for part in entry.first..<entry.second { try add(program.parts[Int(part)], continuation) }
    case .repetition: try iterate(node, 0, continuation, program)
    case .distinct: try take(node, 0, continuation, program)
    case .call: try call(entry.first, continuation, program)
    }
  }

  private mutating func resume(
    _ continuation: Int32, _ program: borrowing Program, _ stacks: borrowing Continuations
  ) throws(Failure) {
    guard continuation < 0 else {
      let frame = stacks.frames[Int(continuation)]
      switch frame.kind {
      case .end: accepts = true
      case .sequence: try proceed(frame.node, frame.place, frame.parent, program)
      case .repetition: try iterate(frame.node, frame.place, frame.parent, program)
      case .distinct: try take(frame.node, frame.place, frame.parent, program)
      case .group:
        for caller in frame.node..<frame.node + frame.place { try add(-1, stacks.callers[Int(caller)]) }
      }
      return
    }
    let place = Int(~continuation)
    let frame = provisional[place]
    switch frame.kind {
    case .sequence: try proceed(frame.node, frame.place, frame.parent, program)
    case .distinct: try take(frame.node, frame.place, frame.parent, program)
    case .group:
      provisional[place].isPassed = true
      var link = frame.parent
      while link >= 0 {
        try add(-1, links[Int(link)].caller)
        link = links[Int(link)].next
      }
    case .repetition, .end: break  // A repetition of nothing leads nowhere that leaving it does not.
    }
  }

  /// The parts of a sequence from `place` on. The last is entered in the sequence's own stead.
  private mutating func proceed(
    _ node: Int32, _ place: Int32, _ continuation: Int32, _ program: borrowing Program
  ) throws(Failure) {
    let entry = program.nodes[Int(node)]
    let (part, isLast) = (entry.first + place, entry.first + place + 1 >= entry.second)
    guard part < entry.second else { return try add(-1, continuation) }
    try add(program.parts[Int(part)], isLast ? continuation : frame(.sequence, node, place + 1, continuation))
  }

  private mutating func iterate(
    _ node: Int32, _ count: Int32, _ continuation: Int32, _ program: borrowing Program
  ) throws(Failure) {
    let entry = program.nodes[Int(node)]
    if count >= entry.second { try add(-1, continuation) }
    guard entry.third < 0 || count < entry.third else { return }
    let isLast = count + 1 == entry.third
    // Without an end, only the minimum is counted.
    let next = entry.third < 0 ? min(count + 1, entry.second) : count + 1
    try add(entry.first, isLast ? continuation : frame(.repetition, node, next, continuation))
  }

  /// Different ones: each that was not taken, and what follows them all where there are enough.
  private mutating func take(
    _ node: Int32, _ taken: Int32, _ continuation: Int32, _ program: borrowing Program
  ) throws(Failure) {
    let entry = program.nodes[Int(node)]
    let (count, limits) = ((entry.second - entry.first) / 2, program.counts[Int(entry.third)])
    let number = Int32(taken.nonzeroBitCount)
    if number >= limits.least { try add(-1, continuation) }
    guard number < limits.most else { return }
    for one in 0..<count where taken >> one & 1 == 0 {
      let part = program.parts[Int(entry.first + (number == 0 ? one : count + one))]
      let isLast = number + 1 == limits.most
      try add(part, isLast ? continuation : frame(.distinct, node, taken | 1 << one, continuation))
    }
  }

  private mutating func call(_ rule: Int32, _ caller: Int32, _ program: borrowing Program) throws(Failure) {
    let group = groups[Int(rule)]
    guard group >= 0 else {
      try links.append(Link(caller: caller, next: -1))
      groups[Int(rule)] = Int32(provisional.count)
      try provisional.append(Provisional(kind: .group, node: rule, place: 0, parent: Int32(links.count - 1)))
      return try add(program.body(of: rule), ~Int32(provisional.count - 1))
    }
    var link = provisional[Int(group)].parent
    while link >= 0 {
      if links[Int(link)].caller == caller { return }
      link = links[Int(link)].next
    }
    try links.append(Link(caller: caller, next: provisional[Int(group)].parent))
    provisional[Int(group)].parent = Int32(links.count - 1)
    if provisional[Int(group)].isPassed { try add(-1, caller) }
  }

  private mutating func frame(
    _ kind: Continuations.Kind, _ node: Int32, _ place: Int32, _ parent: Int32
  ) throws(Failure) -> Int32 {
    let hash = Continuations.hash(kind, node, place, parent)
    let found = frames.find(hash) { [all = provisional.elements] in
      let one = all[Int($0)]
      return one.kind == kind && one.node == node && one.place == place && one.parent == parent
    }
    if let found { return ~found }
    try provisional.append(Provisional(kind: kind, node: node, place: place, parent: parent))
    let number = Int32(provisional.count - 1)
    try frames.insert(number, hash) { [all = provisional.storage] in
      let one = all[Int($0)]
      return Continuations.hash(one.kind, one.node, one.place, one.parent)
    }
    return ~number
  }
}

// MARK: - Numbers that stay

extension Closure {
  /// Gives what was made its numbers, in the order in which it was made: the first caller of a group, and what is below
  /// a frame, was there before. A group of one caller is its caller.
  private mutating func settle(_ stacks: inout Continuations) throws(Failure) {
    for place in 0..<provisional.count {
      let one = provisional[place]
      switch one.kind {
      case .group:
        let callers = count(from: one.parent)
        provisional[place].resolved =
          callers == 1 ? resolved(links[Int(one.parent)].caller) : try stacks.group(callers)
      default:
        provisional[place].resolved = try stacks.frame(one.kind, one.node, one.place, resolved(one.parent))
      }
    }
    for one in provisional.elements where one.kind == .group && count(from: one.parent) > 1 {
      var slot = Int(stacks.frames[Int(one.resolved)].node)
      var link = one.parent
      while link >= 0 {
        stacks.callers[slot] = resolved(links[Int(link)].caller)
        link = links[Int(link)].next
        slot += 1
      }
    }
    for place in 0..<items.count {
      items[place] = Item(state: items[place].state, next: resolved(items[place].next))
    }
  }

  private func count(from link: Int32) -> Int {
    var (link, count) = (link, 0)
    while link >= 0 {
      link = links[Int(link)].next
      count += 1
    }
    return count
  }

  private func resolved(_ continuation: Int32) -> Int32 {
    continuation >= 0 ? continuation : provisional[Int(~continuation)].resolved
  }
}
