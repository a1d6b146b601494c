import AttendBase

extension JinjaText {
  /// `'%s of %d' % values`.
  func formatted(with values: JinjaValue, _ context: JinjaContext) throws(Failure) -> JinjaValue {
    var percent = JinjaPercent(values: values, context: context, isSafe: isSafe)
    return try context.text(try percent.written(scalars), isSafe: isSafe)
  }
}

/// Formatting in the manner of C's printf.
private struct JinjaPercent {
  let values: JinjaValue
  let context: JinjaContext
  let isSafe: Bool
  private var next = 0

  init(values: JinjaValue, context: JinjaContext, isSafe: Bool) {
    (self.values, self.context, self.isSafe) = (values, context, isSafe)
  }

  mutating func written(_ format: [UInt32]) throws(Failure) -> [UInt32] {
    var result: [UInt32] = []
    var rest = format[...]
    try context.budget.spend(format.count)
    while let mark = rest.firstIndex(of: 0x25) {
      result += rest[..<mark]
      rest = rest[(mark + 1)...]
      if rest.first == 0x25 {
        result.append(rest.removeFirst())
        continue
      }
      result += try conversion(&rest)
    }
    if case .tuple(let tuple) = values, next < tuple.items.count {
      throw context.refused("not all arguments converted during string formatting")
    }
    if !isTupleOrMapping, next == 0 {
      throw context.refused("not all arguments converted during string formatting")
    }
    return result + rest
  }

  private var isTupleOrMapping: Bool {
    switch values {
    case .tuple, .dictionary, .list, .undefined: true
    case .object(let object): object is JinjaRange
    default: false
    }
  }

  private mutating func argument() throws(Failure) -> JinjaValue {
    defer { next += 1 }
    if case .tuple(let tuple) = values {
      guard next < tuple.items.count else { throw context.refused("not enough arguments for format string") }
      return tuple.items[next]
    }
    guard next == 0 else { throw context.refused("not enough arguments for format string") }
    return values
  }

  private mutating func conversion(_ rest: inout ArraySlice<UInt32>) throws(Failure) -> [UInt32] {
    let named = try key(&rest)
    var specification = JinjaFormatSpecification()
    var flags: Set<UInt32> = []
    while let flag = rest.first, [0x23, 0x30, 0x2D, 0x20, 0x2B].contains(flag) { flags.insert(rest.removeFirst()) }
    var width = try number(&rest) ?? 0
    if width < 0 {
      flags.insert(0x2D)
      width = -width
    }
    specification.width = width
    if rest.first == 0x2E {
      rest.removeFirst()
      specification.precision = max(try number(&rest) ?? 0, 0)
    }
    while let size = rest.first, [0x68, 0x6C, 0x4C].contains(size) { rest.removeFirst() }
    guard let type = rest.popFirst() else { throw context.refused("incomplete format") }
    specification.isAlternate = flags.contains(0x23)
    specification.sign = flags.contains(0x2B) ? 0x2B : flags.contains(0x20) ? 0x20 : 0x2D
    specification.align = flags.contains(0x2D) ? 0x3C : 0x3E
    if type == 0x25 { return [0x25] }
    var value = named
    if value == nil { value = try argument() }
    return try formatted(value ?? .none, type, specification, hasZeros: flags.contains(0x30) && !flags.contains(0x2D))
  }

  /// The value of a key in parentheses, nil where there is none.
  private mutating func key(_ rest: inout ArraySlice<UInt32>) throws(Failure) -> JinjaValue? {
    guard rest.first == 0x28 else { return nil }
    guard case .dictionary(let dictionary) = values else { throw context.refused("format requires a mapping") }
    var depth = 0
    guard
      let end = rest.firstIndex(where: {
        depth += $0 == 0x28 ? 1 : $0 == 0x29 ? -1 : 0
        return depth == 0
      })
    else { throw context.refused("incomplete format key") }
    let name = JinjaText(rest[(rest.startIndex + 1)..<end])
    rest = rest[(end + 1)...]
    guard let value = dictionary.value(name) else {
      throw context.refused("the format string asks for '\(name.string)', which it is not given")
    }
    return value
  }

  private mutating func number(_ rest: inout ArraySlice<UInt32>) throws(Failure) -> Int? {
    if rest.first == 0x2A {
      rest.removeFirst()
      guard let value = try argument().int, value.magnitude < 1 << 31 else { throw context.refused("* wants int") }
      return value
    }
    var value: Int?
    while let digit = rest.first, (0x30...0x39).contains(digit) {
      rest.removeFirst()
      value = (value ?? 0) * 10 + Int(digit - 0x30)
      guard value! < 1 << 40 else { throw context.refused("width too big") }
    }
    return value
  }

  private func formatted(
    _ value: JinjaValue, _ type: UInt32, _ given: JinjaFormatSpecification, hasZeros: Bool
  ) throws(Failure) -> [UInt32] {
    var specification = given
    if hasZeros, type != 0x73, type != 0x72, type != 0x61, type != 0x63 {
      (specification.fill, specification.align) = (0x30, 0x3D)
    }
    switch type {
    case 0x73, 0x72, 0x61:
      var text = try context.string(value)
      if type != 0x73 {
        var spelled: [UInt32] = []
        try context.spell(value, &spelled)
        text = JinjaText(type == 0x61 ? JinjaFormat.ascii(spelled) : spelled)
      }
      (specification.sign, specification.isAlternate) = (0x2D, false)
      let shown = isSafe ? JinjaText(try context.escaped(text).scalars) : JinjaText(text.scalars)
      return try specification.format(.text(shown), context)
    case 0x63:
      if let text = value.text, text.count == 1 {
        (specification.precision, specification.sign, specification.isAlternate) = (nil, 0x2D, false)
        return try specification.format(value, context)
      }
      guard value.integer != nil else { throw context.refused("%c requires int or char") }
      specification.type = 0x63
      return try specification.format(value, context)
    case 0x64, 0x69, 0x75, 0x6F, 0x78, 0x58: return try integer(value, type, specification)
    case 0x65, 0x45, 0x66, 0x46, 0x67, 0x47:
      guard let number = try context.number(value) else {
        throw context.refused("must be real number, not \(value.typeName)")
      }
      specification.type = type
      return try specification.format(.float(number), context)
    default: throw context.refused("unsupported format character '\(JinjaText([type]).string)'")
    }
  }

  private func integer(
    _ value: JinjaValue, _ type: UInt32, _ given: JinjaFormatSpecification
  ) throws(Failure) -> [UInt32] {
    var specification = given
    let isDecimal = [0x64, 0x69, 0x75].contains(type)
    var integer = value.integer
    if isDecimal, case .float(let float) = value {
      guard float.isFinite else { throw context.refused("cannot convert float \(JinjaNumber.spell(float)) to integer") }
      integer = BigInteger(truncating: float)
    }
    guard let integer else {
      throw context.refused("%\(JinjaText([type]).string) format: a number is required, not \(value.typeName)")
    }
    specification.type = isDecimal ? 0x64 : type
    // A precision is the least number of digits.
    guard let precision = specification.precision else { return try specification.format(JinjaValue(integer), context) }
    var digits = JinjaFormatSpecification()
    (digits.type, digits.width, digits.fill, digits.align) = (specification.type, precision, 0x30, 0x3D)
    let magnitude = try digits.format(JinjaValue(integer.magnitude), context)
    let prefix = specification.isAlternate && !isDecimal ? [0x30, type] : []
    let sign = integer.isNegative ? [0x2D] : specification.sign == 0x2D ? [] : [specification.sign]
    var field = JinjaFormatSpecification()
    let isFilled = specification.align == 0x3D
    (field.width, field.align) = (specification.width, isFilled ? 0x3E : specification.align)
    if isFilled, magnitude.count + sign.count + prefix.count < field.width {
      let zeros = field.width - magnitude.count - sign.count - prefix.count
      try context.reserve(zeros)
      return sign + prefix + [UInt32](repeating: 0x30, count: zeros) + magnitude
    }
    return try field.format(.text(JinjaText(sign + prefix + magnitude)), context)
  }
}
