import AttendBase

/// The filter `tojson` of chat templates: Python's `json.dumps`.
struct JinjaJSONWriter {
  private let context: JinjaContext
  private var isASCII = false
  private var sortsKeys = false
  private var indent: [UInt32]?
  private var itemSeparator: [UInt32] = [0x2C, 0x20]
  private var keySeparator: [UInt32] = [0x3A, 0x20]
  private var scalars: [UInt32] = []
  private var level = 0

  static func write(_ value: JinjaValue, _ call: JinjaCall, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    let bound = try call.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"], context)
    var writer = JinjaJSONWriter(context: context)
    writer.isASCII = bound[0]?.isTrue ?? false
    writer.sortsKeys = bound[3]?.isTrue ?? false
    try writer.setIndent(bound[1])
    try writer.setSeparators(bound[2])
    try writer.write(value)
    return try context.text(writer.scalars)
  }

  private init(context: JinjaContext) { self.context = context }

  private mutating func setIndent(_ value: JinjaValue?) throws(Failure) {
    guard let value, !value.isNone else { return }
    itemSeparator = [0x2C]
    if let text = value.text {
      indent = text.scalars
      return
    }
    let width = max(try context.integer(value, "the indent of tojson") ?? 0, 0)
    try context.reserve(width)
    try context.budget.take(bytes: 4 * width)
    indent = [UInt32](repeating: 0x20, count: width)
  }

  private mutating func setSeparators(_ value: JinjaValue?) throws(Failure) {
    guard let value, !value.isNone else { return }
    let parts = try context.items(of: value)
    guard parts.count == 2, let item = parts[0].text, let key = parts[1].text else {
      throw context.invalid("the separators of tojson should be two texts")
    }
    (itemSeparator, keySeparator) = (item.scalars, key.scalars)
  }

  // MARK: Values

  private mutating func write(_ value: JinjaValue) throws(Failure) {
    let start = scalars.count
    try context.budget.spend(JinjaBudget.evaluation)
    switch value {
    case .none: scalars += "null"
    case .bool(let value): scalars += value ? "true" : "false"
    case .int(let value): scalars += JinjaText(String(value)).scalars
    case .big(let value): scalars += try context.digits(value)
    case .float(let value): scalars += JinjaText(JinjaJSONWriter.spell(value)).scalars
    case .text(let text): try quote(text)
    case .list(let list), .tuple(let list): return try write(list.items)
    case .dictionary(let dictionary): return try write(dictionary)
    default: throw context.refused("Object of type \(value.typeName) is not JSON serializable")
    }
    try context.budget.take(bytes: 4 * (scalars.count - start) + 4)
  }

  private static func spell(_ value: Double) -> String {
    value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : JinjaNumber.spell(value)
  }

  private mutating func write(_ items: [JinjaValue]) throws(Failure) {
    scalars += "["
    try enter()
    for (index, item) in items.enumerated() {
      try separate(index)
      try write(item)
    }
    try leave(isEmpty: items.isEmpty)
    scalars += "]"
  }

  private mutating func write(_ dictionary: JinjaDictionary) throws(Failure) {
    var order = Array(0..<dictionary.count)
    if sortsKeys { order = try context.sorted(dictionary.keys) }
    scalars += "{"
    try enter()
    for (index, place) in order.enumerated() {
      try separate(index)
      try quote(try key(dictionary.keys[place]))
      scalars += keySeparator
      try write(dictionary.values[place])
    }
    try leave(isEmpty: order.isEmpty)
    scalars += "}"
  }

  private func key(_ value: JinjaValue) throws(Failure) -> JinjaText {
    switch value {
    case .text(let text): return text
    case .none: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .float(let value): return JinjaText(JinjaJSONWriter.spell(value))
    case .int, .big: return try context.string(value)
    default: throw context.refused("keys must be str, int, float, bool or None, not \(value.typeName)")
    }
  }

  // MARK: Layout

  private mutating func enter() throws(Failure) {
    try context.budget.enter()
    level += 1
  }

  private mutating func leave(isEmpty: Bool) throws(Failure) {
    context.budget.leave()
    level -= 1
    if !isEmpty { try breakLine() }
  }

  private mutating func separate(_ index: Int) throws(Failure) {
    if index > 0 { scalars += itemSeparator }
    try context.budget.take(bytes: 4 * (itemSeparator.count + keySeparator.count))
    try breakLine()
  }

  private mutating func breakLine() throws(Failure) {
    guard let indent else { return }
    try context.reserve(context.size(1, plus: indent.count, times: level))
    try context.budget.take(bytes: 4 * (1 + indent.count * level))
    scalars.append(0x0A)
    for _ in 0..<level { scalars += indent }
  }

  private mutating func quote(_ text: JinjaText) throws(Failure) {
    try context.reserve(text.count)
    scalars.append(0x22)
    for scalar in text.scalars {
      switch scalar {
      case 0x22: scalars += "\\\""
      case 0x5C: scalars += "\\\\"
      case 0x0A: scalars += "\\n"
      case 0x0D: scalars += "\\r"
      case 0x09: scalars += "\\t"
      case 0x0C: scalars += "\\f"
      case 0x08: scalars += "\\b"
      case 0..<0x20: JinjaContext.escape(scalar, "\\u", 4, &scalars)
      case 0x7F... where isASCII: escape(scalar)
      default: scalars.append(scalar)
      }
    }
    scalars.append(0x22)
  }

  /// A code point by one escape, or by the two of a surrogate pair.
  private mutating func escape(_ scalar: UInt32) {
    if scalar < 0x10000 { return JinjaContext.escape(scalar, "\\u", 4, &scalars) }
    JinjaContext.escape(0xD800 + (scalar - 0x10000) >> 10, "\\u", 4, &scalars)
    JinjaContext.escape(0xDC00 + (scalar & 0x3FF), "\\u", 4, &scalars)
  }
}
