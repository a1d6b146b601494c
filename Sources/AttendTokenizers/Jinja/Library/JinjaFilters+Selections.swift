import AttendBase

/// The path `a.b.0` that filters look values up by.
struct JinjaGetter {
  private let parts: [JinjaValue]
  private let fallback: JinjaValue?
  private let ignoresCase: Bool

  /// `path` may be none, for the values themselves. `fallback` stands for what is not there.
  init(
    _ path: JinjaValue?, ignoresCase: Bool = false, fallback: JinjaValue? = nil, _ context: JinjaContext
  ) throws(Failure) {
    self.ignoresCase = ignoresCase
    self.fallback = fallback.flatMap { $0.isNone ? nil : $0 }
    guard let path, !path.isNone else {
      parts = []
      return
    }
    guard let text = path.text else {
      parts = [path]
      return
    }
    parts = try context.split(text.scalars, [0x2E], limit: .max).map(JinjaGetter.key)
  }

  /// A part of a path: an index where it consists of digits.
  private static func key(_ part: ArraySlice<UInt32>) -> JinjaValue {
    let text = JinjaText(part)
    guard !part.isEmpty, part.allSatisfy(JinjaScalar.isDigit), let index = Int(text.string) else { return .text(text) }
    return .int(index)
  }

  func value(of item: JinjaValue, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    var value = item
    for part in parts {
      value = try context.item(value, part)
      if value.isUndefined, let fallback { value = fallback }
    }
    guard ignoresCase, let text = value.text else { return value }
    try context.budget.spend(text.count)
    return .text(JinjaText(JinjaTexts.lower(text.scalars[...])))
  }
}

extension JinjaContext {
  /// The order that sorts the keys, equal ones as they came.
  func sorted(_ keys: [JinjaValue], isReverse: Bool = false) throws(Failure) -> [Int] {
    var order = isReverse ? Array((0..<keys.count).reversed()) : Array(0..<keys.count)
    var width = 1
    while width < order.count {
      var merged: [Int] = []
      merged.reserveCapacity(order.count)
      for start in stride(from: 0, to: order.count, by: 2 * width) {
        let middle = min(start + width, order.count), end = min(start + 2 * width, order.count)
        var (left, right) = (start, middle)
        while left < middle || right < end {
          var takesRight = left == middle
          if !takesRight, right < end { takesRight = try compare(keys[order[right]], keys[order[left]], .less) }
          merged.append(order[takesRight ? right : left])
          if takesRight { right += 1 } else { left += 1 }
        }
      }
      order = merged
      width *= 2
    }
    return isReverse ? order.reversed() : order
  }
}

extension JinjaFilters {
  static let selections: [String: Filter] = [
    "map": map, "select": selecting("select", wanted: true, hasAttribute: false),
    "reject": selecting("reject", wanted: false, hasAttribute: false),
    "selectattr": selecting("selectattr", wanted: true, hasAttribute: true),
    "rejectattr": selecting("rejectattr", wanted: false, hasAttribute: true), "sort": sort, "dictsort": sortedPairs,
    "unique": unique, "min": extreme("min", .less), "max": extreme("max", .greater), "groupby": groups,
    "attr": { (value, call, context) throws(Failure) in
      guard let name = try call.bind("attr", ["name"], required: 1, context)[0]!.text else {
        throw context.refused("attribute name must be string")
      }
      if case .undefined(let undefined) = value { throw context.used(undefined) }
      guard case .dictionary(let dictionary) = value, dictionary.value(name) != nil else {
        return try context.attribute(value, name)
      }
      // An item is no attribute: look where there are none.
      let found = try context.attribute(try context.dictionary(JinjaMembers()), name)
      guard case .object(let method as JinjaFunction) = found else { return found }
      return try context.attribute(value, JinjaText(method.name))
    },
  ]

  private static func map(_ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext) throws(Failure) -> JinjaValue
  {
    var (source, function): (JinjaIterator?, ((JinjaValue, JinjaContext) throws(Failure) -> JinjaValue)?) = (nil, nil)
    return try context.generator(over: value) { (context) throws(Failure) in
      guard value.isTrue else { return nil }
      if function == nil {
        function = try mapping(call, context)
        source = try context.iterate(value)
      }
      guard let item = try source?.next(context) else { return nil }
      return try function?(item, context)
    }
  }

  /// The filter or the path that `map` applies.
  private static func mapping(
    _ given: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> (JinjaValue, JinjaContext) throws(Failure) -> JinjaValue {
    var call = given
    if call.positional.isEmpty, let path = call.remove("attribute") {
      let fallback = call.remove("default")
      if let other = call.named.first { throw context.invalid("Unexpected keyword argument '\(other.name)'") }
      let getter = try JinjaGetter(path, fallback: fallback, context)
      return { (item, context) throws(Failure) in try getter.value(of: item, context) }
    }
    guard !call.positional.isEmpty else { throw context.invalid("map requires a filter argument") }
    let name = try filterName(call.positional.removeFirst(), context)
    return { (item, context) throws(Failure) in try apply(name, item, call, context) }
  }

  private static func filterName(_ value: JinjaValue, _ context: JinjaContext) throws(Failure) -> String {
    guard let name = value.text else { throw context.invalid("no filter or test of a name that is \(value.typeName)") }
    return name.string
  }

  private static func selecting(_ filter: String, wanted: Bool, hasAttribute: Bool) -> Filter {
    { (value, given, context) throws(Failure) in
      var source: JinjaIterator?
      var test: ((JinjaValue, JinjaContext) throws(Failure) -> Bool)?
      return try context.generator(over: value) { (context) throws(Failure) in
        guard value.isTrue else { return nil }
        if test == nil {
          test = try condition(given, hasAttribute: hasAttribute, context)
          source = try context.iterate(value)
        }
        while let item = try source?.next(context) { if try test?(item, context) == wanted { return item } }
        return nil
      }
    }
  }

  /// The test that `select` and its kin ask.
  private static func condition(
    _ given: JinjaCall, hasAttribute: Bool, _ context: JinjaContext
  ) throws(Failure) -> (JinjaValue, JinjaContext) throws(Failure) -> Bool {
    var call = given
    var getter: JinjaGetter?
    if hasAttribute {
      guard !call.positional.isEmpty else { throw context.invalid("Missing parameter for attribute name") }
      getter = try JinjaGetter(call.positional.removeFirst(), context)
    }
    let name = call.positional.isEmpty ? nil : try filterName(call.positional.removeFirst(), context)
    return { (item, context) throws(Failure) in
      let value = try getter?.value(of: item, context) ?? item
      return try name.map { (name) throws(Failure) in try JinjaTests.apply(name, value, call, context) } ?? value.isTrue
    }
  }

  private static func sort(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    let bound = try call.bind("sort", ["reverse", "case_sensitive", "attribute"], context)
    let ignoresCase = !(bound[1]?.isTrue ?? false)
    var getters: [JinjaGetter] = []
    if let paths = bound[2]?.text {
      for path in try context.split(paths.scalars, [0x2C], limit: .max) {
        getters.append(try JinjaGetter(.text(JinjaText(path)), ignoresCase: ignoresCase, context))
      }
    } else {
      getters = [try JinjaGetter(bound[2], ignoresCase: ignoresCase, context)]
    }
    let items = try context.items(of: value)
    var keys: [JinjaValue] = []
    for item in items {
      var parts: [JinjaValue] = []
      for getter in getters { parts.append(try getter.value(of: item, context)) }
      keys.append(try context.list(parts))
    }
    return try context.list(try context.sorted(keys, isReverse: bound[0]?.isTrue ?? false).map { items[$0] })
  }

  private static func sortedPairs(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    let bound = try call.bind("dictsort", ["case_sensitive", "by", "reverse"], context)
    let by = (bound[1] ?? JinjaValue("key")).text?.string
    guard by == "key" || by == "value" else {
      throw context.invalid("You can only sort by either \"key\" or \"value\"")
    }
    if case .undefined(let undefined) = value { throw context.used(undefined) }
    guard case .dictionary(let dictionary) = value else {
      throw context.refused("dictsort wants a dict, and gets \(value.typeName)")
    }
    let getter = try JinjaGetter(nil, ignoresCase: !(bound[0]?.isTrue ?? false), context)
    var keys: [JinjaValue] = []
    for key in by == "key" ? dictionary.keys : dictionary.values { keys.append(try getter.value(of: key, context)) }
    var pairs: [JinjaValue] = []
    for place in try context.sorted(keys, isReverse: bound[2]?.isTrue ?? false) {
      pairs.append(try context.tuple([dictionary.keys[place], dictionary.values[place]]))
    }
    return try context.list(pairs)
  }

  private static func unique(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    let bound = try call.bind("unique", ["case_sensitive", "attribute"], context)
    let getter = try JinjaGetter(bound[1], ignoresCase: !(bound[0]?.isTrue ?? false), context)
    var (source, seen): (JinjaIterator?, Set<JinjaKey>) = (nil, [])
    return try context.generator(over: value) { (context) throws(Failure) in
      if source == nil { source = try context.iterate(value) }
      while let item = try source?.next(context) {
        let key = try JinjaKey(try getter.value(of: item, context), context)
        try context.budget.take(bytes: 48)
        if seen.insert(key).inserted { return item }
      }
      return nil
    }
  }

  private static func extreme(_ name: String, _ comparison: JinjaComparison) -> Filter {
    { (value, call, context) throws(Failure) in
      let bound = try call.bind(name, ["case_sensitive", "attribute"], context)
      let getter = try JinjaGetter(bound[1], ignoresCase: !(bound[0]?.isTrue ?? false), context)
      let items = try context.iterate(value)
      guard var best = try items.next(context) else { return .undefined("No aggregated item, sequence was empty.") }
      var bestKey = try getter.value(of: best, context)
      while let item = try items.next(context) {
        let key = try getter.value(of: item, context)
        if try context.compare(key, bestKey, comparison) { (best, bestKey) = (item, key) }
      }
      return best
    }
  }

  private static func groups(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    let bound = try call.bind("groupby", ["attribute", "default", "case_sensitive"], required: 1, context)
    let ignoresCase = !(bound[2]?.isTrue ?? false)
    let getter = try JinjaGetter(bound[0], ignoresCase: ignoresCase, fallback: bound[1], context)
    let names = try JinjaGetter(bound[0], fallback: bound[1], context)
    let items = try context.items(of: value)
    var keys: [JinjaValue] = []
    for item in items { keys.append(try getter.value(of: item, context)) }
    var groups: [(key: JinjaValue, items: [JinjaValue])] = []
    for place in try context.sorted(keys) {
      if let last = groups.last, try context.equal(last.key, keys[place]) {
        groups[groups.count - 1].items.append(items[place])
      } else {
        groups.append((keys[place], [items[place]]))
      }
    }
    var result: [JinjaValue] = []
    for (key, items) in groups {
      let name = ignoresCase ? try names.value(of: items[0], context) : key
      result.append(try context.tuple([name, try context.list(items)], isGroup: true))
    }
    return try context.list(result)
  }
}
