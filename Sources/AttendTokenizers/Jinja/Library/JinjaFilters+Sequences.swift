import AttendBase

extension JinjaFilters {
  static let sequences: [String: Filter] = [
    "length": length, "count": length, "default": defaulted, "d": defaulted, "join": join, "first": first,
    "last": last, "reverse": reverse,
    "list": { (value, call, context) throws(Failure) in
      _ = try call.bind("list", 0...0, context)
      return try context.list(try context.items(of: value))
    },
    "random": { (value, call, context) throws(Failure) in
      _ = try call.bind("random", 0...0, context)
      guard value.items != nil || value.text != nil else {
        throw context.refused("random wants a sequence, and gets \(value.typeName)")
      }
      return try context.items(of: value).randomElement() ?? .undefined("No random item, sequence was empty.")
    },
    "items": { (value, call, context) throws(Failure) in
      _ = try call.bind("items", 0...0, context)
      var items: JinjaIterator?
      return try context.generator(over: value) { (context) throws(Failure) in
        if items == nil { items = try pairs(value, context) }
        return try items?.next(context)
      }
    },
    "batch": { (value, call, context) throws(Failure) in
      let bound = try call.bind("batch", ["linecount", "fill_with"], required: 1, context)
      return try batches(value, bound[0]!, bound[1].flatMap { $0.isNone ? nil : $0 }, context)
    },
    "slice": { (value, call, context) throws(Failure) in
      let bound = try call.bind("slice", ["slices", "fill_with"], required: 1, context)
      return try slices(value, bound[0]!, bound[1].flatMap { $0.isNone ? nil : $0 }, context)
    },
    "sum": { (value, call, context) throws(Failure) in
      let bound = try call.bind("sum", ["attribute", "start"], context)
      let path = bound[0].flatMap { $0.isNone ? nil : $0 }
      let getter = try path.map { (path) throws(Failure) in try JinjaGetter(path, context) }
      var sum = bound[1] ?? .int(0)
      guard sum.text == nil else { throw context.refused("sum() can't sum strings [use ''.join(seq) instead]") }
      let items = try context.iterate(value)
      while let item = try items.next(context) {
        sum = try context.apply(.add, sum, try getter?.value(of: item, context) ?? item)
      }
      return sum
    },
  ]

  private static func length(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    _ = try call.bind("length", 0...0, context)
    guard let length = try context.length(of: value) else {
      throw context.refused("object of type '\(value.typeName)' has no len()")
    }
    return .int(length)
  }

  private static func defaulted(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    let bound = try call.bind("default", ["default_value", "boolean"], context)
    let isMissing = value.isUndefined || (bound[1]?.isTrue ?? false) && !value.isTrue
    return isMissing ? bound[0] ?? JinjaValue("") : value
  }

  private static func join(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    let bound = try call.bind("join", ["d", "attribute"], context)
    let path = bound[1].flatMap { $0.isNone ? nil : $0 }
    let getter = try path.map { (path) throws(Failure) in try JinjaGetter(path, context) }
    var separator = try context.string(bound[0] ?? JinjaValue(""))
    var parts: [JinjaText] = []
    let items = try context.iterate(value)
    while let item = try items.next(context) {
      parts.append(try context.string(try getter?.value(of: item, context) ?? item))
      try context.budget.take(bytes: 32)
    }
    let isSafe = context.autoescape && (separator.isSafe || parts.contains(where: \.isSafe))
    if isSafe {
      separator = try context.escaped(separator)
      for index in parts.indices { parts[index] = try context.escaped(parts[index]) }
    }
    return try context.text(try context.joined(parts.map { $0.scalars[...] }, separator.scalars), isSafe: isSafe)
  }

  private static func first(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    _ = try call.bind("first", 0...0, context)
    return try context.iterate(value).next(context) ?? .undefined("No first item, sequence was empty.")
  }

  private static func last(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    _ = try call.bind("last", 0...0, context)
    return try reversed(value, context).next(context) ?? .undefined("No last item, sequence was empty.")
  }

  private static func reverse(
    _ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    _ = try call.bind("reverse", 0...0, context)
    if let text = value.text { return try context.text(text.scalars.reversed(), isSafe: text.isSafe) }
    guard context.isIterable(value) else { throw context.refused("argument must be iterable") }
    if case .object(let iterator as JinjaIterator) = value {
      return try context.list(try context.items(of: .object(iterator)).reversed())
    }
    return .object(try reversed(value, context))
  }

  /// An iterator from the end; iterators have none.
  private static func reversed(_ value: JinjaValue, _ context: JinjaContext) throws(Failure) -> JinjaIterator {
    switch value {
    case .undefined: return JinjaIterator([], depth: 0)
    case .text, .list, .tuple, .dictionary, .object(is JinjaRange), .object(is JinjaView):
      let items = try context.items(of: value)
      try context.budget.take(bytes: items.count * 16)
      return JinjaIterator(items.reversed(), kind: "reversed", depth: value.depth)
    default: throw context.refused("'\(value.typeName)' object is not reversible")
    }
  }

  private static func pairs(_ value: JinjaValue, _ context: JinjaContext) throws(Failure) -> JinjaIterator {
    if value.isUndefined { return JinjaIterator([], depth: 0) }
    guard case .dictionary(let dictionary) = value else {
      throw context.refused("Can only get item pairs from a mapping.")
    }
    return try context.iterate(.object(JinjaView(.items, dictionary)))
  }

  private static func batches(
    _ value: JinjaValue, _ count: JinjaValue, _ fill: JinjaValue?, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    var (source, batch): (JinjaIterator?, [JinjaValue]) = (nil, [])
    return try context.generator(over: value) { (context) throws(Failure) in
      if source == nil { source = try context.iterate(value) }
      while let item = try source?.next(context) {
        let isFull = try context.equal(.int(batch.count), count)
        let full = batch
        if isFull { batch = [] }
        batch.append(item)
        if isFull { return try context.list(full) }
      }
      guard !batch.isEmpty else { return nil }
      if let fill, try context.compare(.int(batch.count), count, .less) {
        let missing = (try context.integer(count, "batch") ?? 0) - batch.count
        try context.reserve(missing > .max / 4 ? .max : missing * 4)
        batch += [JinjaValue](repeating: fill, count: missing)
      }
      defer { batch = [] }
      return try context.list(batch)
    }
  }

  private static func slices(
    _ value: JinjaValue, _ slices: JinjaValue, _ fill: JinjaValue?, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    var (items, number, offset): ([JinjaValue]?, Int, Int) = (nil, 0, 0)
    return try context.generator(over: value) { (context) throws(Failure) in
      let count = try context.integer(slices, "slice") ?? 0
      if items == nil { items = try context.items(of: value) }
      guard count != 0 else { throw context.refused("integer division or modulo by zero") }
      guard number < count, let items else { return nil }
      let (size, extra) = (items.count / count, items.count % count)
      let start = offset + number * size
      if number < extra { offset += 1 }
      var part = Array(items[start..<(offset + (number + 1) * size)])
      if let fill, number >= extra { part.append(fill) }
      number += 1
      return try context.list(part)
    }
  }
}
