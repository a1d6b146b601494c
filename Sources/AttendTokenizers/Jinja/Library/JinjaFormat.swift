import AttendBase

/// `'{} {name.attribute[0]!r:>8}'.format(...)`.
struct JinjaFormat {
  private let call: JinjaCall
  /// The mapping of `format_map`, in place of the arguments by name.
  private let mapping: JinjaValue?
  private let context: JinjaContext
  private let isSafe: Bool
  /// The next argument that a field without a name takes; nil where fields have numbers.
  private var next: Int? = 0
  private var hasCounted = false

  static func format(
    _ text: JinjaText, _ call: JinjaCall, mapping: JinjaValue? = nil, _ context: JinjaContext
  ) throws(Failure) -> JinjaValue {
    var format = JinjaFormat(call: call, mapping: mapping, context: context, isSafe: text.isSafe)
    return try context.text(try format.written(text.scalars[...], nested: 2), isSafe: text.isSafe)
  }

  private init(call: JinjaCall, mapping: JinjaValue?, context: JinjaContext, isSafe: Bool) {
    (self.call, self.mapping, self.context, self.isSafe) = (call, mapping, context, isSafe)
  }

  private mutating func written(_ text: ArraySlice<UInt32>, nested: Int) throws(Failure) -> [UInt32] {
    guard nested >= 0 else { throw context.refused("Max string recursion exceeded") }
    var result: [UInt32] = []
    var index = text.startIndex
    while index < text.endIndex {
      let scalar = text[index]
      index += 1
      guard scalar == 0x7B || scalar == 0x7D else {
        result.append(scalar)
        continue
      }
      if index < text.endIndex, text[index] == scalar {
        result.append(scalar)
        index += 1
        continue
      }
      guard scalar == 0x7B else { throw context.refused("Single '}' encountered in format string") }
      let end = try self.end(of: text, from: index)
      result += try field(text[index..<end], nested: nested)
      try context.budget.take(bytes: result.count / 16)
      index = end + 1
    }
    try context.budget.spend(text.count)
    return result
  }

  /// The brace that closes a field.
  private func end(of text: ArraySlice<UInt32>, from start: Int) throws(Failure) -> Int {
    var (depth, index, isInBrackets) = (1, start, false)
    while index < text.endIndex {
      switch text[index] {
      case 0x5B where depth == 1 && !text[start..<index].contains(0x3A): isInBrackets = true
      case 0x5D where isInBrackets: isInBrackets = false
      case 0x7B where !isInBrackets: depth += 1
      case 0x7D where !isInBrackets:
        depth -= 1
        if depth == 0 { return index }
      default: break
      }
      index += 1
    }
    throw context.refused(
      start == text.endIndex ? "Single '{' encountered in format string" : "expected '}' before end of string")
  }

  private mutating func field(_ text: ArraySlice<UInt32>, nested: Int) throws(Failure) -> [UInt32] {
    let (name, conversion, specification) = try parts(text)
    var value = try self.value(name)
    switch conversion {
    case nil: break
    case 0x72, 0x61:
      var spelled: [UInt32] = []
      try context.spell(value, &spelled)
      value = JinjaValue(conversion == 0x61 ? JinjaFormat.ascii(spelled) : spelled)
    case 0x73: value = .text(JinjaText(try context.string(value).scalars))
    default: throw context.refused("Unknown conversion specifier '\(JinjaText([conversion!]).string)'")
    }
    let written = try self.written(specification, nested: nested - 1)
    guard !written.isEmpty else {
      let text = try context.string(value)
      return isSafe ? try context.escaped(text).scalars : text.scalars
    }
    let formatted = try JinjaFormatSpecification(written, for: value, context).format(value, context)
    return isSafe ? try context.escaped(JinjaText(formatted)).scalars : formatted
  }

  /// Name, conversion and specification of a field.
  private func parts(
    _ text: ArraySlice<UInt32>
  ) throws(Failure) -> (name: ArraySlice<UInt32>, conversion: UInt32?, specification: ArraySlice<UInt32>) {
    var isInBrackets = false
    for index in text.indices {
      switch text[index] {
      case 0x5B: isInBrackets = true
      case 0x5D: isInBrackets = false
      case 0x3A where !isInBrackets: return (text[..<index], nil, text[(index + 1)...])
      case 0x21 where !isInBrackets:
        let rest = text[(index + 1)...]
        guard let conversion = rest.first else {
          throw context.refused("end of string while looking for conversion specifier")
        }
        guard rest.count == 1 || rest[index + 2] == 0x3A else {
          throw context.refused("expected ':' after conversion specifier")
        }
        return (text[..<index], conversion, rest.dropFirst(2))
      default: break
      }
    }
    return (text, nil, [])
  }

  /// The value that `name.attribute[key]` stands for.
  private mutating func value(_ name: ArraySlice<UInt32>) throws(Failure) -> JinjaValue {
    let end = name.firstIndex { $0 == 0x2E || $0 == 0x5B } ?? name.endIndex
    var value = try argument(JinjaText(name[..<end]))
    var rest = name[end...]
    while let mark = rest.popFirst() {
      guard mark == 0x5B else {
        guard mark == 0x2E else { throw context.refused("Only '.' or '[' may follow ']' in format field specifier") }
        let end = rest.firstIndex { $0 == 0x2E || $0 == 0x5B } ?? rest.endIndex
        guard end > rest.startIndex else { throw context.refused("Empty attribute in format string") }
        value = try context.attribute(value, JinjaText(rest[..<end]))
        rest = rest[end...]
        continue
      }
      guard let end = rest.firstIndex(of: 0x5D) else { throw context.refused("Missing ']' in format string") }
      let key = JinjaText(rest[..<end])
      guard !key.isEmpty else { throw context.refused("Empty attribute in format string") }
      value = try context.item(value, JinjaFormat.index(key).map { .int($0) } ?? .text(key))
      rest = rest[(end + 1)...]
    }
    return value
  }

  private static func index(_ text: JinjaText) -> Int? {
    guard !text.isEmpty, text.scalars.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(text.string)
  }

  private mutating func argument(_ name: JinjaText) throws(Failure) -> JinjaValue {
    var place = JinjaFormat.index(name)
    if name.isEmpty {
      guard let next else {
        throw context.refused("cannot switch from manual field specification to automatic field numbering")
      }
      place = next
      self.next = next + 1
      hasCounted = true
    } else if place != nil {
      guard !hasCounted else {
        throw context.refused("cannot switch from automatic field numbering to manual field specification")
      }
      next = nil
    }
    if let place {
      guard place < call.positional.count else {
        throw context.refused("Replacement index \(place) out of range for positional args tuple")
      }
      return call.positional[place]
    }
    if let mapping, case .dictionary(let dictionary) = mapping {
      if let value = dictionary.value(name) { return value }
    } else if let value = call[name.string] {
      return value
    }
    throw context.refused("the format string asks for '\(name.string)', which it is not given")
  }

  /// With escapes for whatever is not ASCII.
  static func ascii(_ text: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    for scalar in text {
      switch scalar {
      case 0..<0x80: result.append(scalar)
      case 0x80..<0x100: JinjaContext.escape(scalar, "\\x", 2, &result)
      case 0x100..<0x10000: JinjaContext.escape(scalar, "\\u", 4, &result)
      default: JinjaContext.escape(scalar, "\\U", 8, &result)
      }
    }
    return result
  }
}
