import AttendBase

/// The members of a dictionary, in the order in which their keys came.
final class JinjaDictionary {
  let keys: [JinjaValue]
  let values: [JinjaValue]
  private let index: [JinjaKey: Int]
  let depth: Int

  fileprivate init(_ members: JinjaMembers, depth: Int) {
    keys = members.keys
    values = members.values
    index = members.index
    self.depth = depth
  }

  var count: Int { keys.count }

  /// The value of a key, nil where it is not there; throws where the key is of a kind that no dictionary takes.
  func value(_ key: JinjaValue, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    index[try JinjaKey(key, context)].map { values[$0] }
  }

  /// The value of a key that is text.
  func value(_ name: JinjaText) -> JinjaValue? { index[JinjaKey(name)].map { values[$0] } }
}

/// The members of a dictionary to be.
struct JinjaMembers {
  fileprivate(set) var keys: [JinjaValue] = []
  fileprivate(set) var values: [JinjaValue] = []
  fileprivate var index: [JinjaKey: Int] = [:]

  init() {}

  init(_ dictionary: JinjaDictionary, _ context: JinjaContext) throws(Failure) {
    for (key, value) in zip(dictionary.keys, dictionary.values) { try set(key, value, context) }
  }

  /// The value of a key that is text.
  func value(_ name: JinjaText) -> JinjaValue? { index[JinjaKey(name)].map { values[$0] } }

  mutating func set(_ key: JinjaValue, _ value: JinjaValue, _ context: JinjaContext) throws(Failure) {
    try context.budget.spend(4)
    let hashed = try JinjaKey(key, context)
    if let place = index[hashed] {
      values[place] = value
    } else {
      index[hashed] = keys.count
      keys.append(key)
      values.append(value)
    }
  }
}

extension JinjaContext {
  func dictionary(_ members: JinjaMembers) throws(Failure) -> JinjaValue {
    try budget.take(bytes: members.keys.count * 3 * MemoryLayout<JinjaValue>.stride + 128)
    var depth = 0
    for value in members.values { depth = max(depth, value.depth) }
    for key in members.keys { depth = max(depth, key.depth) }
    return .dictionary(JinjaDictionary(members, depth: try budget.nested(depth)))
  }
}

/// A value as a key: equal numbers are one key, whatever their type.
struct JinjaKey: Hashable {
  private enum Form: Hashable {
    case none, undefined
    case int(Int)
    case big(BigInteger)
    case float(Double)
    case text(JinjaText)
    case tuple([JinjaKey])
    case object(ObjectIdentifier)
  }

  private let form: Form

  init(_ text: JinjaText) { form = .text(text) }

  /// Throws where the value cannot be a key.
  init(_ value: JinjaValue, _ context: JinjaContext) throws(Failure) {
    switch value {
    case .none: form = .none
    case .undefined: form = .undefined
    case .bool(let value): form = .int(value ? 1 : 0)
    case .int(let value): form = .int(value)
    case .big(let value): form = .big(value)
    case .float(let value):
      if let int = Int(exactly: value) {
        form = .int(int)
      } else if value.isFinite, value == value.rounded() {
        form = .big(BigInteger(truncating: value))
      } else {
        form = .float(value)
      }
    case .text(let text):
      try context.budget.spend(text.count)
      form = .text(text)
    case .tuple(let list):
      var keys: [JinjaKey] = []
      for item in list.items { keys.append(try JinjaKey(item, context)) }
      form = .tuple(keys)
    case .list, .dictionary: throw context.refused("unhashable type: '\(value.typeName)'")
    case .object(let object): form = .object(ObjectIdentifier(object))
    }
  }
}
