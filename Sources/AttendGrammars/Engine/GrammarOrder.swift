import AttendBase

/// The expressions of a grammar that its root reaches, innermost first, and which of them are regular: those that reach
/// no expression that contains itself. Found by one search for strong components (Tarjan 1972), without the stack.
struct GrammarOrder: ~Copyable {
  /// Expressions, each after those in it, but for the bodies of rules that are being entered.
  var order = GrowingList<Int32>(for: "a grammar")
  /// Whether an expression lies on a cycle, by number.
  private var isCyclic = GrowingList<Bool>(for: "a grammar")
  private var isNotRegular = GrowingList<Bool>(for: "a grammar")

  private var index = GrowingList<Int32>(for: "a grammar")  // by number; -1: not seen
  private var entered: Int32 = 0
  private var low = GrowingList<Int32>(for: "a grammar")
  private var open = GrowingList<Int32>(for: "a grammar")
  private var path = GrowingList<Step>(for: "a grammar")

  private struct Step: BitwiseCopyable {
    let node: Int32
    var child: Int32
  }

  func isCyclic(_ node: Int32) -> Bool { isCyclic[Int(node)] }
  func isRegular(_ node: Int32) -> Bool { !isNotRegular[Int(node)] }

  init(_ grammar: borrowing Grammar) throws(Failure) {
    let count = grammar.nodes.count
    try index.reserve(count)
    try low.reserve(count)
    try isCyclic.reserve(count)
    try isNotRegular.reserve(count)
    index.resize(to: count, filling: -1)
    low.resize(to: count, filling: 0)
    isCyclic.resize(to: count, filling: false)
    isNotRegular.resize(to: count, filling: false)
    try enter(grammar.root.index)
    while !path.isEmpty { try proceed(grammar) }
  }

  private mutating func enter(_ node: Int32) throws(Failure) {
    index[Int(node)] = entered
    entered += 1
    low[Int(node)] = index[Int(node)]
    try open.append(node)
    try path.append(Step(node: node, child: 0))
  }

  private mutating func proceed(_ grammar: borrowing Grammar) throws(Failure) {
    let step = path[path.count - 1]
    if let child = try grammar.child(step.child, of: step.node) {
      path[path.count - 1].child += 1
      if index[Int(child)] < 0 { return try enter(child) }
      if isOpen(child) {
        low[Int(step.node)] = min(low[Int(step.node)], index[Int(child)])
        isCyclic[Int(child)] = isCyclic[Int(child)] || child == step.node
      }
      if isNotRegular[Int(child)] { isNotRegular[Int(step.node)] = true }
      return
    }
    _ = path.removeLast()
    try order.append(step.node)
    if low[Int(step.node)] == index[Int(step.node)] { close(step.node) }
    guard !path.isEmpty else { return }
    let parent = Int(path[path.count - 1].node)
    low[parent] = min(low[parent], low[Int(step.node)])
    if isNotRegular[Int(step.node)] { isNotRegular[parent] = true }
  }

  private func isOpen(_ node: Int32) -> Bool { low[Int(node)] != .max }

  /// Takes a component off the list of open ones.
  private mutating func close(_ root: Int32) {
    let isAlone = open[open.count - 1] == root
    var node: Int32
    repeat {
      node = open.removeLast()
      if !isAlone { isCyclic[Int(node)] = true }
      if isCyclic[Int(node)] { isNotRegular[Int(node)] = true }
      if node != root { low[Int(node)] = .max }
    } while node != root
    // The parent still wants to know that nothing above was reached.
    low[Int(root)] = .max
  }
}

extension Grammar {
  /// The expression `place` inside another one; nil past the last. A reference's is the body of its rule.
  func child(_ place: Int32, of node: Int32) throws(Failure) -> Int32? {
    let entry = nodes[Int(node)]
    switch entry.kind {
    case .nothing, .literal, .characters, .automaton: return nil
    case .sequence, .choice, .distinct:
      return place < entry.second - entry.first ? parts[Int(entry.first + place)] : nil
    case .repetition, .complement, .lexeme: return place == 0 ? entry.first : nil
    case .intersection: return place == 0 ? entry.first : place == 1 ? entry.second : nil
    case .reference:
      guard place == 0 else { return nil }
      let body = rules[Int(entry.first)].body
      guard body >= 0 else {
        throw Failure(.invalidArgument, "the rule \"\(name(of: Rule(index: entry.first)))\" is not defined")
      }
      return body
    }
  }
}
