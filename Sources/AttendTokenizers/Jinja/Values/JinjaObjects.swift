import AttendBase

/// `range(start, stop, step)`.
final class JinjaRange: JinjaObject {
  let (start, stop, step): (Int, Int, Int)
  let count: Int

  /// The most items that the sandbox allows.
  static let maximalCount = 100_000

  /// Nil where there are more items than allowed. The step is not 0.
  init?(_ start: Int, _ stop: Int, _ step: Int) {
    (self.start, self.stop, self.step) = (start, stop, step)
    let (span, overflow) =
      step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
    if span <= 0, !overflow {
      count = 0
      return
    }
    let isEmpty = step > 0 ? stop <= start : start <= stop
    let distance = UInt(bitPattern: span)
    let items = isEmpty ? 0 : (distance - 1) / step.magnitude + 1
    guard items <= JinjaRange.maximalCount else { return nil }
    count = Int(items)
  }

  override var typeName: String { "range" }
  override var isTrue: Bool { count > 0 }
  override var representation: String { step == 1 ? "range(\(start), \(stop))" : "range(\(start), \(stop), \(step))" }

  subscript(index: Int) -> JinjaValue { .int(start + index * step) }

  func equals(_ other: JinjaRange) -> Bool {
    count == other.count && (count == 0 || start == other.start) && (count < 2 || step == other.step)
  }

  /// The place of a number, nil where it is not in the range.
  func index(of value: BigInteger) -> Int? {
    guard let value = value.int else { return nil }
    let (distance, overflow) = value.subtractingReportingOverflow(start)
    guard !overflow, distance % step == 0, (0..<count).contains(distance / step) else { return nil }
    return distance / step
  }

  func contains(_ value: BigInteger) -> Bool { index(of: value) != nil }

  override func attribute(_ name: JinjaText, _ context: JinjaContext) throws(Failure) -> JinjaValue? {
    switch name.string {
    case "start": .int(start)
    case "stop": .int(stop)
    case "step": .int(step)
    default: nil
    }
  }
}

/// The keys, values or items of a dictionary.
final class JinjaView: JinjaObject {
  enum Kind: String { case keys = "dict_keys", values = "dict_values", items = "dict_items" }

  let kind: Kind
  let dictionary: JinjaDictionary

  init(_ kind: Kind, _ dictionary: JinjaDictionary) { (self.kind, self.dictionary) = (kind, dictionary) }

  override var typeName: String { kind.rawValue }
  override var isTrue: Bool { count > 0 }
  override var depth: Int { dictionary.depth + 1 }
  var count: Int { dictionary.count }
  var isSet: Bool { kind != .values }

  func item(_ index: Int, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    switch kind {
    case .keys: dictionary.keys[index]
    case .values: dictionary.values[index]
    case .items: try context.tuple([dictionary.keys[index], dictionary.values[index]])
    }
  }

  func items(_ context: JinjaContext) throws(Failure) -> [JinjaValue] {
    var items: [JinjaValue] = []
    for index in 0..<count { items.append(try item(index, context)) }
    return items
  }

  func contains(_ item: JinjaValue, _ context: JinjaContext) throws(Failure) -> Bool {
    switch kind {
    case .keys: return try dictionary.value(item, context) != nil
    case .values:
      for value in dictionary.values where try context.equal(value, item) { return true }
      return false
    case .items:
      guard case .tuple(let pair) = item, pair.items.count == 2,
        let value = try dictionary.value(pair.items[0], context)
      else { return false }
      return try context.equal(value, pair.items[1])
    }
  }
}

/// An iterator: each of its items comes once.
final class JinjaIterator: JinjaObject {
  private let kind: String
  private let source: Int
  private var step: ((JinjaContext) throws(Failure) -> JinjaValue?)?

  /// `depth`: of the values that `step` holds or gives.
  init(_ kind: String = "generator", depth: Int, _ step: @escaping (JinjaContext) throws(Failure) -> JinjaValue?) {
    self.kind = kind
    source = depth
    self.step = step
  }

  convenience init(_ items: [JinjaValue], kind: String = "list_iterator", depth: Int) {
    var index = 0
    self.init(kind, depth: depth) { _ in
      guard index < items.count else { return nil }
      index += 1
      return items[index - 1]
    }
  }

  override var typeName: String { kind }
  override var depth: Int { source + 1 }
  override var representation: String { "<\(kind) object at 0x0>" }

  /// The next item; nil at the end and ever after.
  func next(_ context: JinjaContext) throws(Failure) -> JinjaValue? {
    guard let step else { return nil }
    try context.budget.spend(4)
    try context.budget.enter()
    defer { context.budget.leave() }
    if let item = try step(context) { return item }
    self.step = nil
    return nil
  }
}

extension JinjaContext {
  /// An iterator as a value.
  func generator(
    over source: JinjaValue, _ step: @escaping (JinjaContext) throws(Failure) -> JinjaValue?
  ) throws(Failure) -> JinjaValue {
    try budget.take(bytes: 128)
    return .object(JinjaIterator(depth: try budget.nested(source.depth + 1), step))
  }

  /// Whether the value can be iterated over.
  func isIterable(_ value: JinjaValue) -> Bool {
    switch value {
    case .undefined, .text, .list, .tuple, .dictionary: true
    case .object(let object):
      object is JinjaIterator || object is JinjaRange || object is JinjaView || object is JinjaLoop
    default: false
    }
  }

  /// An iterator over the items of a value.
  func iterate(_ value: JinjaValue) throws(Failure) -> JinjaIterator {
    let depth = value.depth
    switch value {
    case .undefined: return JinjaIterator([], depth: 0)
    case .list(let list): return JinjaIterator(list.items, depth: depth)
    case .tuple(let list): return JinjaIterator(list.items, kind: "tuple_iterator", depth: depth)
    case .dictionary(let dictionary): return JinjaIterator(dictionary.keys, kind: "dict_keyiterator", depth: depth)
    case .text(let text):
      return counted("str_iterator", text.count, 0) { _, index in .text(JinjaText([text.scalars[index]])) }
    case .object(let iterator as JinjaIterator): return iterator
    case .object(let range as JinjaRange): return counted("range_iterator", range.count, 0) { _, index in range[index] }
    case .object(let view as JinjaView):
      return counted("dict_iterator", view.count, depth) { (context, index) throws(Failure) in
        try view.item(index, context)
      }
    case .object(let loop as JinjaLoop):
      return JinjaIterator("LoopContext", depth: depth) { (context) throws(Failure) in
        guard let item = try loop.advance(context) else { return nil }
        return try context.tuple([item, .object(loop)])
      }
    default: throw refused("'\(value.typeName)' object is not iterable")
    }
  }

  /// An iterator over `count` items that are at hand by index.
  private func counted(
    _ kind: String, _ count: Int, _ depth: Int,
    _ item: @escaping (JinjaContext, Int) throws(Failure) -> JinjaValue
  ) -> JinjaIterator {
    var index = 0
    return JinjaIterator(kind, depth: depth) { (context) throws(Failure) in
      guard index < count else { return nil }
      index += 1
      return try item(context, index - 1)
    }
  }

  /// All items of a value.
  func items(of value: JinjaValue) throws(Failure) -> [JinjaValue] {
    if let items = value.items { return items }
    let iterator = try iterate(value)
    var items: [JinjaValue] = []
    while let item = try iterator.next(self) {
      try budget.take(bytes: MemoryLayout<JinjaValue>.stride)
      items.append(item)
    }
    return items
  }

  /// Python's `len`; nil where the value has none.
  func length(of value: JinjaValue) throws(Failure) -> Int? {
    switch value {
    case .undefined: 0
    case .text(let text): text.count
    case .list(let list), .tuple(let list): list.items.count
    case .dictionary(let dictionary): dictionary.count
    case .object(let range as JinjaRange): range.count
    case .object(let view as JinjaView): view.count
    case .object(let loop as JinjaLoop): try loop.length(self)
    default: nil
    }
  }
}
