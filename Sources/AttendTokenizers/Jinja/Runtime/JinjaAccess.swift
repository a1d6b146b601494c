import AttendBase

/// Attributes, items and slices, by the rules of Jinja's sandbox.
extension JinjaContext {
  /// `value.name`: an attribute, or else an item.
  func attribute(_ value: JinjaValue, _ name: JinjaText) throws(Failure) -> JinjaValue {
    if case .undefined(let undefined) = value { throw used(undefined) }
    if let found = try member(value, name) { return found }
    if case .dictionary(let dictionary) = value, let item = dictionary.value(name) { return item }
    return missing(value, name)
  }

  /// `value[key]`: an item, or else an attribute.
  func item(_ value: JinjaValue, _ key: JinjaValue) throws(Failure) -> JinjaValue {
    switch value {
    case .undefined(let undefined): throw used(undefined)
    case .dictionary(let dictionary):
      if key.isHashable, let item = try dictionary.value(key, self) { return item }
    case .list(let list), .tuple(let list):
      if let place = place(key, list.items.count) { return list.items[place] }
    case .text(let text):
      if let place = place(key, text.count) { return .text(JinjaText([text.scalars[place]], isSafe: text.isSafe)) }
    case .object(let range as JinjaRange):
      if let place = place(key, range.count) { return range[place] }
    default: break
    }
    if let name = key.text {
      if let found = try member(value, name) { return found }
      return missing(value, name)
    }
    var spelled: [UInt32] = []
    try spell(key, &spelled)
    return .undefined("\(typeDescription(value)) has no element \(JinjaText(spelled).string)")
  }

  private func missing(_ value: JinjaValue, _ name: JinjaText) -> JinjaValue {
    .undefined("'\(typeDescription(value))' has no attribute '\(name.string)'")
  }

  private func typeDescription(_ value: JinjaValue) -> String { value.isNone ? "None" : value.typeName + " object" }

  /// The place of an index that may count from the end; nil outside.
  private func place(_ key: JinjaValue, _ count: Int) -> Int? {
    guard let index = key.int else { return nil }
    let place = index < 0 ? index + count : index
    return place >= 0 && place < count ? place : nil
  }

  /// An attribute in the narrow sense; nil where there is none.
  private func member(_ value: JinjaValue, _ name: JinjaText) throws(Failure) -> JinjaValue? {
    if JinjaContext.isInternal(name) { return .undefined(forbidden(value, name)) }
    if case .object(let object) = value {
      if let found = try object.attribute(name, self) { return found }
      return try JinjaMethods.object(object, name.string, self)
    }
    guard let method = JinjaMethods.method(of: value, name.string) else {
      return JinjaMethods.attribute(of: value, name.string)
    }
    if JinjaMethods.changes(value, name.string) { return .undefined(forbidden(value, name)) }
    return .object(
      JinjaFunction(name.string, kind: "builtin_function_or_method", depth: value.depth) {
        (call, context) throws(Failure) in try method(value, call, context)
      })
  }

  /// A name with two underscores around it, which every value of Python has some of.
  private static func isInternal(_ name: JinjaText) -> Bool {
    name.count > 4 && name.scalars.prefix(2) == [0x5F, 0x5F] && name.scalars.suffix(2) == [0x5F, 0x5F]
  }

  private func forbidden(_ value: JinjaValue, _ name: JinjaText) -> JinjaUndefined {
    JinjaUndefined(
      "access to attribute '\(name.string)' of '\(value.typeName)' object is unsafe.", isForbidden: true)
  }

  // MARK: Slices

  func slice(_ value: JinjaValue, _ bounds: [JinjaValue?]) throws(Failure) -> JinjaValue {
    if case .undefined(let undefined) = value { throw used(undefined) }
    let step = try bound(bounds[2]) ?? 1
    guard step != 0 else { throw refused("slice step cannot be zero") }
    let (start, stop) = (try bound(bounds[0]), try bound(bounds[1]))
    switch value {
    case .text(let text):
      let indices = JinjaContext.indices(start, stop, step, text.count)
      let scalars =
        step == 1
        ? Array(text.scalars[indices.start..<max(indices.start, indices.stop)]) : pick(text.scalars, indices, step)
      return try self.text(scalars, isSafe: text.isSafe)
    case .list(let list):
      return try self.list(pick(list.items, JinjaContext.indices(start, stop, step, list.items.count), step))
    case .tuple(let list):
      return try tuple(pick(list.items, JinjaContext.indices(start, stop, step, list.items.count), step))
    case .object(let range as JinjaRange):
      let indices = JinjaContext.indices(start, stop, step, range.count)
      // Products with the step of an empty slice may be large, and mean nothing.
      let size = pick(Array(0..<range.count), indices, step)
      guard let first = size.first else { return .object(JinjaRange(0, 0, 1)!) }
      let stride = size.count > 1 ? (size[1] - first) * range.step : range.step
      let begin = range.start + first * range.step
      return .object(JinjaRange(begin, begin + size.count * stride, stride)!)
    case .dictionary: throw refused("unhashable type: 'slice'")
    default: throw refused("'\(value.typeName)' object is not subscriptable")
    }
  }

  private func pick<Element>(_ items: [Element], _ indices: (start: Int, stop: Int), _ step: Int) -> [Element] {
    stride(from: indices.start, to: indices.stop, by: step).map { items[$0] }
  }

  /// A bound of a slice, held at the size of 62 bits, beyond which no sequence reaches.
  private func bound(_ value: JinjaValue?) throws(Failure) -> Int? {
    guard let value, !value.isNone else { return nil }
    if case .undefined(let undefined) = value { throw used(undefined) }
    guard let integer = value.integer else {
      throw refused("slice indices must be integers or None or have an __index__ method")
    }
    return integer.int.map { min(max($0, -1 << 62), 1 << 62) } ?? (integer.isNegative ? -1 << 62 : 1 << 62)
  }

  /// The start and the end of a slice of `count` items, by Python's rules.
  static func indices(_ start: Int?, _ stop: Int?, _ step: Int, _ count: Int) -> (start: Int, stop: Int) {
    let (low, high) = step > 0 ? (0, count) : (-1, count - 1)
    func clamped(_ bound: Int?, _ otherwise: Int) -> Int {
      guard let bound else { return otherwise }
      return min(max(bound < 0 ? bound + count : bound, low), high)
    }
    return (clamped(start, step > 0 ? low : high), clamped(stop, step > 0 ? high : low))
  }
}

extension JinjaValue {
  var isHashable: Bool {
    switch self {
    case .list, .dictionary: false
    case .tuple(let list): list.items.allSatisfy(\.isHashable)
    default: true
    }
  }
}
