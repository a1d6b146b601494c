/// A set of JSON values, type by type: what a schema allows. Each list is a union.
struct ValueSet {
  struct Constants: OptionSet {
    let rawValue: UInt8
    static let null = Constants(rawValue: 1)
    static let `true` = Constants(rawValue: 2)
    static let `false` = Constants(rawValue: 4)
    static let all: Constants = [.null, .true, .false]
  }

  var constants: Constants = []
  var numbers: [NumberRange] = []
  var strings: [StringRange] = []
  var arrays: [ArrayShape] = []
  var objects: [ObjectShape] = []

  static let none = ValueSet()
  static let all = ValueSet(
    constants: .all, numbers: [.all], strings: [.all], arrays: [ArrayShape()], objects: [ObjectShape()])

  /// Whether it certainly holds no value: children are not looked at.
  var isNone: Bool {
    constants.isEmpty && numbers.isEmpty && strings.isEmpty && arrays.isEmpty && objects.isEmpty
  }

  /// Whether nothing restricts it.
  var isAll: Bool {
    constants == .all && numbers.contains { $0.isAll } && strings.contains { $0.isAll }
      && arrays.contains { $0.isAll } && objects.contains { $0.isAll }
  }
}

/// Arrays: schemas of the first elements and of the others, their count, and what must be among them.
struct ArrayShape: Hashable {
  /// Elements from an index on, so many of which are of a node.
  struct Presence: Hashable {
    var node: SchemaNode
    var from = 0
    var least = 1
    var most: Int?
  }

  var prefix: [SchemaNode] = []
  /// Of all further elements; nil where the schema does not say.
  var rest: SchemaNode?
  var least = 0
  var most: Int?
  var presences: [Presence] = []
  var isUnique = false

  var isAll: Bool { self == ArrayShape() }

  /// The schema of an element.
  func node(at index: Int) -> SchemaNode { index < prefix.count ? prefix[index] : rest ?? .any }
}

/// Objects: schemas of named members in their order, of the others by their names, and their count.
struct ObjectShape: Hashable {
  struct Property: Hashable {
    let name: [UInt8]
    var node: SchemaNode
    var isRequired: Bool
    /// Whether the schema describes it, rather than only asks for it.
    var isDescribed = true
  }

  /// What one schema says of members that no shape names: the nodes of all patterns that the name matches, or the one
  /// for names that match none.
  struct Others: Hashable {
    var patterns: [Pattern] = []
    var additional: SchemaNode?

    struct Pattern: Hashable {
      let language: Int
      let node: SchemaNode
    }
  }

  /// At least one member with such a name and such a value.
  struct Presence: Hashable {
    var names: StringRange
    var node: SchemaNode
  }

  var properties: [Property] = []
  var others: [Others] = []
  /// What every name must be, as a string.
  var names = SchemaNode.any
  var least = 0
  var most: Int?
  var presences: [Presence] = []

  var isAll: Bool { self == ObjectShape() }

  func property(_ name: [UInt8]) -> Int? { properties.firstIndex { $0.name == name } }
}
