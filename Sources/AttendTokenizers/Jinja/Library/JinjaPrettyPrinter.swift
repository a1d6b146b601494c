import AttendBase

/// Values on lines of 80 columns, as Python's `pprint.pformat`.
struct JinjaPrettyPrinter {
  private static let width = 80
  private let context: JinjaContext
  private var output: [UInt32] = []

  static func format(_ value: JinjaValue, _ context: JinjaContext) throws(Failure) -> [UInt32] {
    var printer = JinjaPrettyPrinter(context: context)
    try printer.write(value, indent: 0, allowance: 0, level: 0)
    return printer.output
  }

  private init(context: JinjaContext) { self.context = context }

  private mutating func write(_ value: JinjaValue, indent: Int, allowance: Int, level: Int) throws(Failure) {
    try context.budget.enter()
    defer { context.budget.leave() }
    let spelled = try spelling(value)
    guard spelled.count > JinjaPrettyPrinter.width - indent - allowance else {
      output += spelled
      return
    }
    switch value {
    case .dictionary(let dictionary): try write(dictionary, indent: indent, allowance: allowance, level: level)
    case .list(let list): try write(list.items, "[", "]", indent: indent, allowance: allowance, level: level)
    case .tuple(let list):
      let end: StaticString = list.items.count == 1 ? ",)" : ")"
      try write(list.items, "(", end, indent: indent, allowance: allowance, level: level)
    case .text(let text) where !text.isEmpty && !text.isSafe:
      try write(text, indent: indent, allowance: allowance, level: level)
    default: output += spelled
    }
  }

  /// On one line, the keys of dictionaries in order.
  private func spelling(_ value: JinjaValue) throws(Failure) -> [UInt32] {
    var scalars: [UInt32] = []
    try context.spell(try ordered(value), &scalars)
    return scalars
  }

  /// The value with its dictionaries in the order of their keys.
  private func ordered(_ value: JinjaValue) throws(Failure) -> JinjaValue {
    try context.budget.spend(JinjaBudget.evaluation)
    switch value {
    case .dictionary(let dictionary):
      var members = JinjaMembers()
      for place in try order(dictionary) {
        try members.set(dictionary.keys[place], try ordered(dictionary.values[place]), context)
      }
      return try context.dictionary(members)
    case .list(let list), .tuple(let list):
      var items: [JinjaValue] = []
      for item in list.items { items.append(try ordered(item)) }
      if case .list = value { return try context.list(items) }
      return try context.tuple(items)
    default: return value
    }
  }

  /// Keys that have no order stand by their types.
  private func order(_ dictionary: JinjaDictionary) throws(Failure) -> [Int] {
    do throws(Failure) { return try context.sorted(dictionary.keys) } catch {
      guard error.code == .invalidArgument else { throw error }
      return try context.sorted(dictionary.keys.map { JinjaValue($0.typeName) })
    }
  }

  private mutating func breakLine(_ indent: Int) throws(Failure) {
    try context.budget.take(bytes: 4 * (indent + 2))
    output += [0x0A] + [UInt32](repeating: 0x20, count: indent)
  }

  private mutating func write(
    _ dictionary: JinjaDictionary, indent: Int, allowance: Int, level: Int
  ) throws(Failure) {
    output += "{"
    let order = try order(dictionary)
    for (index, place) in order.enumerated() {
      let isLast = index == order.count - 1
      let key = try spelling(dictionary.keys[place])
      output += key
      output += ": "
      try write(
        dictionary.values[place], indent: indent + 1 + key.count + 2, allowance: isLast ? allowance + 1 : 1,
        level: level + 1)
      guard !isLast else { continue }
      output += ","
      try breakLine(indent + 1)
    }
    output += "}"
  }

  private mutating func write(
    _ items: [JinjaValue], _ start: StaticString, _ end: StaticString, indent: Int, allowance: Int, level: Int
  ) throws(Failure) {
    output += start
    for (index, item) in items.enumerated() {
      let isLast = index == items.count - 1
      try write(
        item, indent: indent + 1, allowance: isLast ? allowance + end.utf8CodeUnitCount : 1, level: level + 1)
      guard !isLast else { continue }
      output += ","
      try breakLine(indent + 1)
    }
    output += end
  }

  /// Text in several literals, one after another.
  private mutating func write(_ text: JinjaText, indent: Int, allowance: Int, level: Int) throws(Failure) {
    let (indent, allowance) = level == 0 ? (indent + 1, allowance + 1) : (indent, allowance)
    let width = JinjaPrettyPrinter.width - indent
    var chunks: [[UInt32]] = []
    let lines = JinjaTexts.lines(text.scalars[...], keepsEnds: true)
    for (index, line) in lines.enumerated() {
      let isLast = index == lines.count - 1
      let spelled = try quoted(line)
      if spelled.count <= width - (isLast ? allowance : 0) {
        chunks.append(spelled)
        continue
      }
      var current: ArraySlice<UInt32> = line[line.startIndex..<line.startIndex]
      let parts = self.parts(line)
      for (place, part) in parts.enumerated() {
        let candidate = line[current.startIndex..<part.endIndex]
        let room = width - (isLast && place == parts.count - 1 ? allowance : 0)
        if try quoted(candidate).count > room {
          if !current.isEmpty { chunks.append(try quoted(current)) }
          current = part
        } else {
          current = candidate
        }
      }
      if !current.isEmpty { chunks.append(try quoted(current)) }
    }
    if level == 0, chunks.count > 1 { output += "(" }
    for (index, chunk) in chunks.enumerated() {
      if index > 0 { try breakLine(indent) }
      output += chunk
    }
    if level == 0, chunks.count > 1 { output += ")" }
  }

  private func quoted(_ text: ArraySlice<UInt32>) throws(Failure) -> [UInt32] {
    var scalars: [UInt32] = []
    try context.budget.spend(text.count)
    try context.quote(JinjaText(text), &scalars)
    return scalars
  }

  /// Words with the white space behind them.
  private func parts(_ line: ArraySlice<UInt32>) -> [ArraySlice<UInt32>] {
    var parts: [ArraySlice<UInt32>] = []
    var rest = line
    while !rest.isEmpty {
      let space = rest.firstIndex(where: JinjaScalar.isSpace) ?? rest.endIndex
      let end = rest[space...].firstIndex { !JinjaScalar.isSpace($0) } ?? rest.endIndex
      parts.append(rest[..<end])
      rest = rest[end...]
    }
    return parts
  }
}
