/// A function of a template (the template itself, a macro, a block, ...) while places for its variables are found.
final class JinjaFunctionScope {
  /// Functions around it.
  let depth: Int
  private var slots: [String: Int] = [:]
  private(set) var layout = JinjaFunctionLayout()

  init(within outer: JinjaFunctionScope?) { depth = outer.map { $0.depth + 1 } ?? 0 }

  /// Makes macros and such in it keep its activations alive.
  func capture() { layout.isCaptured = true }

  /// The place of a name at a level of scopes. Scopes beside each other share it.
  func slot(_ name: String, level: Int) -> Int {
    let key = "\(level) \(name)"
    if let slot = slots[key] { return slot }
    slots[key] = layout.count
    layout.count += 1
    return slots[key]!
  }
}

/// The names of one scope. Which variable a name means follows from all that the scope reads and sets, as in Jinja: a
/// name that is set somewhere in a scope is the scope's own, and begins as what it is outside.
final class JinjaSymbols {
  struct Variable {
    let function: JinjaFunctionScope
    let slot: Int
  }

  private enum Load {
    case parameter, nothing
    case context(String)
    case alias(Variable)
  }

  let function: JinjaFunctionScope
  private let parent: JinjaSymbols?
  private let level: Int
  private var variables: [String: Variable] = [:]
  private var loads: [Int: Load] = [:]
  private var stores: Set<String> = []

  init(within parent: JinjaSymbols?, function: JinjaFunctionScope) {
    self.parent = parent
    self.function = function
    level = parent.map { $0.level + 1 } ?? 0
  }

  private init(copying other: JinjaSymbols) {
    (parent, function, level) = (other.parent, other.function, other.level)
    (variables, loads, stores) = (other.variables, other.loads, other.stores)
  }

  private func find(_ name: String) -> Variable? { variables[name] ?? parent?.find(name) }

  @discardableResult private func define(_ name: String, _ load: Load) -> Int {
    let slot = function.slot(name, level: level)
    variables[name] = Variable(function: function, slot: slot)
    loads[slot] = load
    return slot
  }

  /// A name that is given its value by whoever enters the scope.
  @discardableResult func declare(_ name: String) -> Int {
    stores.insert(name)
    return define(name, .parameter)
  }

  /// A name that is read.
  func load(_ name: String) { if find(name) == nil { define(name, .context(name)) } }

  /// A name that is set.
  func store(_ name: String) {
    stores.insert(name)
    guard variables[name] == nil else { return }
    define(name, parent?.find(name).map { .alias($0) } ?? .nothing)
  }

  /// Looks at branches, of which one or none is taken: what any of them sets begins as what it is outside.
  func branch(_ visits: [(JinjaSymbols) -> Void]) {
    var branches: [JinjaSymbols] = []
    for visit in visits {
      let copy = JinjaSymbols(copying: self)
      visit(copy)
      branches.append(copy)
    }
    let added = branches.reduce(into: Set<String>()) { $0.formUnion($1.stores) }.subtracting(stores)
    for branch in branches {
      variables.merge(branch.variables) { $1 }
      loads.merge(branch.loads) { $1 }
      stores.formUnion(branch.stores)
    }
    for name in added {
      guard let slot = variables[name]?.slot else { continue }
      loads[slot] = parent?.find(name).map { .alias($0) } ?? .context(name)
    }
  }

  // MARK: Results

  /// The place of a name as seen from `function`.
  func reference(_ name: String, from function: JinjaFunctionScope) -> JinjaReference {
    load(name)
    return reference(find(name)!, from: function)
  }

  private func reference(_ variable: Variable, from function: JinjaFunctionScope) -> JinjaReference {
    JinjaReference(hops: function.depth - variable.function.depth, slot: variable.slot)
  }

  /// The variables to be set at the beginning of the scope.
  var entry: [JinjaLoad] {
    loads.sorted { $0.key < $1.key }.compactMap { slot, load in
      switch load {
      case .parameter: nil
      case .nothing: JinjaLoad(slot: slot, source: .nothing)
      case .context(let name): JinjaLoad(slot: slot, source: .context(name))
      case .alias(let variable): JinjaLoad(slot: slot, source: .variable(reference(variable, from: function)))
      }
    }
  }

  /// All names that this scope and those around it set.
  func allStores(from function: JinjaFunctionScope) -> [(name: String, reference: JinjaReference)] {
    var names: Set<String> = []
    var symbols: JinjaSymbols? = self
    while let scope = symbols {
      names.formUnion(scope.stores)
      symbols = scope.parent
    }
    return names.sorted().map { ($0, reference($0, from: function)) }
  }
}
