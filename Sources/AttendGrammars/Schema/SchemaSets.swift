import AttendBase
import AttendCheckpoints

/// A conjunction of schemas and of negations of schemas, by number: what a value inside an array or object must meet.
struct SchemaNode: Hashable {
  let index: Int32

  static let any = SchemaNode(index: 0)
  static let never = SchemaNode(index: 1)
}

/// The sets of values that the schemas of a document describe. They are worked out when they are asked for, one level
/// at a time: what is inside arrays and objects stays a node, so that recursive schemas end.
final class SchemaSets {
  /// A schema, or a value of `enum` and `const`.
  struct Atom {
    let json: JSON
    let isValue: Bool
  }

  private struct AtomKey: Hashable {
    let place: UInt
    let isValue: Bool
  }

  private enum Progress {
    case unknown
    /// Being worked out, in a search of this depth.
    case open(Int)
    case known(ValueSet)
  }

  /// Schemas within schemas for one value, at most.
  private static let deepest = 32
  /// Combinations of shapes, weighed by their sizes, at most.
  private static let budget = 500_000

  let document: SchemaDocument
  private var atoms: [Atom] = []
  private var atomNumbers: [AtomKey: Int32] = [:]
  private var progress: [Progress] = []
  /// The literals of each node: twice the number of an atom, one more where it is negated.
  private(set) var nodes: [[Int32]] = [[], []]
  private var nodeNumbers: [[Int32]: SchemaNode] = [[]: .any]
  private var valuesOfNodes: [SchemaNode: ValueSet] = [:]

  var languages: [StringLanguage] = []
  var languageNumbers: [StringLanguage.Source: Int] = [:]
  var patternNumbers: [[UInt8]: Int] = [:]
  var emptyRanges: [StringRange: Bool] = [:]

  private var depth = 0
  private var spent = 0
  /// How many searches for emptiness are open within one another, and whether the present one met its own question.
  private var searches = 0
  private var isCut = false

  init(_ document: SchemaDocument) { self.document = document }

  // MARK: - Errors

  /// An error that names the file, the place and the keyword.
  func failure(_ keyword: String, of schema: JSON, _ reason: String, _ code: Failure.Code = .unsupported) -> Failure {
    Failure(code, "\(schema.file): \"\(keyword)\" at \(document.root.pointer(to: schema)): \(reason)")
  }

  /// The same for what is known by its node only: the place of its first schema.
  func failure(_ keyword: String, of node: SchemaNode, _ reason: String) -> Failure {
    let atom = nodes[Int(node.index)].first.map { atoms[Int($0 >> 1)].json }
    return failure(keyword, of: atom ?? document.root, reason)
  }

  /// Counts work whose amount a schema can multiply out.
  func spend(_ amount: Int) throws(Failure) {
    spent += amount
    guard spent <= SchemaSets.budget else {
      throw Failure(
        .unsupported,
        "\(document.root.file): the alternatives of the schema multiply to over \(SchemaSets.budget) combinations")
    }
  }

  // MARK: - Nodes

  /// The node of a schema.
  func node(_ schema: JSON) throws(Failure) -> SchemaNode {
    switch schema.kind {
    case .bool: return schema.bool! ? .any : .never
    case .object:
      for (key, _) in schema.members where SchemaKeyword(key) != nil { return node(of: try atom(schema, false)) }
      return .any
    default: throw schema.invalid("a schema is an object, true or false, not \(schema.excerpt)")
    }
  }

  /// The node of exactly one value.
  func node(value: JSON) throws(Failure) -> SchemaNode { node(of: try atom(value, true)) }

  private func atom(_ json: JSON, _ isValue: Bool) throws(Failure) -> Int32 {
    let key = AtomKey(place: json.place, isValue: isValue)
    if let known = atomNumbers[key] { return known }
    try spend(1)
    atoms.append(Atom(json: json, isValue: isValue))
    progress.append(.unknown)
    atomNumbers[key] = Int32(atoms.count - 1)
    return Int32(atoms.count - 1)
  }

  private func node(of atom: Int32) -> SchemaNode { node(literals: [atom * 2]) }

  private func node(literals: [Int32]) -> SchemaNode {
    if let known = nodeNumbers[literals] { return known }
    nodes.append(literals)
    let node = SchemaNode(index: Int32(nodes.count - 1))
    nodeNumbers[literals] = node
    return node
  }

  /// What meets both.
  func meet(_ one: SchemaNode, _ other: SchemaNode) -> SchemaNode {
    if one == other || other == .any { return one }
    if one == .any { return other }
    if one == .never || other == .never { return .never }
    let literals = Array(Set(nodes[Int(one.index)] + nodes[Int(other.index)])).sorted()
    for place in 1..<literals.count where literals[place] == literals[place - 1] | 1 { return .never }
    return node(literals: literals)
  }

  /// Nodes of which a value meets one exactly when it does not meet this one.
  func complement(_ node: SchemaNode) -> [SchemaNode] {
    if node == .never { return [.any] }
    return nodes[Int(node.index)].map { self.node(literals: [$0 ^ 1]) }
  }

  // MARK: - Values

  /// The values of a node.
  func values(_ node: SchemaNode) throws(Failure) -> ValueSet {
    if node == .never { return .none }
    if let known = valuesOfNodes[node] { return known }
    var result = ValueSet.all
    for literal in nodes[Int(node.index)] {
      let set = try values(atom: Int(literal >> 1))
      result = try meet(result, literal & 1 == 0 ? set : complement(set))
      if result.isNone { break }
    }
    if !isCut { valuesOfNodes[node] = result }
    return result
  }

  private func values(atom number: Int) throws(Failure) -> ValueSet {
    let atom = atoms[number]
    switch progress[number] {
    case .known(let set): return set
    case .open(let search):
      if search < searches {
        isCut = true
        return .all
      }
      throw failure("$ref", of: atom.json, "the schema refers to itself for the same value", .invalidArgument)
    case .unknown: break
    }
    depth += 1
    defer { depth -= 1 }
    guard depth <= SchemaSets.deepest else {
      throw failure("$ref", of: atom.json, "over \(SchemaSets.deepest) schemas within one another for one value")
    }
    progress[number] = .open(searches)
    do throws(Failure) {
      let set = try atom.isValue ? values(value: atom.json) : values(schema: atom.json)
      progress[number] = isCut ? .unknown : .known(set)
      return set
    } catch {
      progress[number] = .unknown
      throw error
    }
  }

  /// Whether a node has certainly no value. Looks into what is required; a question that comes back to itself is left
  /// open, and so is one that is deep.
  func isSurelyEmpty(_ node: SchemaNode) throws(Failure) -> Bool {
    if node == .never { return true }
    if node == .any { return false }
    if let known = valuesOfNodes[node] { return known.isNone }
    // A single schema is hardly ever without values; if it is, that is found in the end.
    let literals = nodes[Int(node.index)]
    if literals.count == 1 && literals[0] & 1 == 0 || searches >= 8 { return false }
    let outer = isCut
    (searches, isCut) = (searches + 1, false)
    defer { (searches, isCut) = (searches - 1, outer) }
    let isNone = try values(node).isNone
    return isNone && !isCut
  }
}
