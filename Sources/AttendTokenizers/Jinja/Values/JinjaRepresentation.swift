import AttendBase

extension JinjaContext {
  /// The text that `{{ value }}` writes, as Python's `str` has it.
  func string(_ value: JinjaValue) throws(Failure) -> JinjaText {
    switch value {
    case .text(let text): return text
    case .undefined: return JinjaText([])
    default:
      var scalars: [UInt32] = []
      try spell(value, &scalars)
      return JinjaText(scalars)
    }
  }

  /// The words of Python's `repr` writes, at the end of `scalars`.
  func spell(_ value: JinjaValue, _ scalars: inout [UInt32]) throws(Failure) {
    try budget.enter()
    defer { budget.leave() }
    try budget.spend(JinjaBudget.evaluation)
    let start = scalars.count
    switch value {
    case .undefined: scalars += "Undefined"
    case .none: scalars += "None"
    case .bool(let value): scalars += value ? "True" : "False"
    case .int(let value): scalars += JinjaText(String(value)).scalars
    case .big(let value): scalars += try digits(value)
    case .float(let value): scalars += JinjaText(JinjaNumber.spell(value)).scalars
    case .text(let text):
      if text.isSafe { scalars += "Markup(" }
      try quote(text, &scalars)
      if text.isSafe { scalars += ")" }
    case .list(let list): try spell(list.items, "[", "]", &scalars)
    case .tuple(let list): try spell(list.items, "(", list.items.count == 1 ? ",)" : ")", &scalars)
    case .dictionary(let dictionary): try spell(dictionary, &scalars)
    case .object(let object): try spell(object, &scalars)
    }
    try budget.take(bytes: 4 * max(scalars.count - start, 0) / 2)
  }

  /// The decimal digits of an integer beyond 64 bits, with its sign.
  func digits(_ value: BigInteger) throws(Failure) -> [UInt32] {
    try checkDigits(value.bitWidth * 3 / 10 - 1)
    try budget.spend(value.limbs.count * value.limbs.count)
    let digits = value.digits()
    try checkDigits(digits.count)
    return (value.isNegative ? [0x2D] : []) + digits.map(UInt32.init)
  }

  private func spell(
    _ items: [JinjaValue], _ start: StaticString, _ end: StaticString, _ scalars: inout [UInt32]
  ) throws(Failure) {
    scalars += start
    for (index, item) in items.enumerated() {
      if index > 0 { scalars += ", " }
      try spell(item, &scalars)
    }
    scalars += end
  }

  private func spell(_ dictionary: JinjaDictionary, _ scalars: inout [UInt32]) throws(Failure) {
    scalars += "{"
    for index in 0..<dictionary.count {
      if index > 0 { scalars += ", " }
      try spell(dictionary.keys[index], &scalars)
      scalars += ": "
      try spell(dictionary.values[index], &scalars)
    }
    scalars += "}"
  }

  private func spell(_ object: JinjaObject, _ scalars: inout [UInt32]) throws(Failure) {
    switch object {
    case let namespace as JinjaNamespace:
      scalars += "<Namespace "
      try spell(try dictionary(namespace.attributes), &scalars)
      scalars += ">"
    case let view as JinjaView:
      scalars += JinjaText(view.typeName + "(").scalars
      try spell(try view.items(self), "[", "]", &scalars)
      scalars += ")"
    case let loop as JinjaLoop:
      scalars += JinjaText("<LoopContext \(loop.index0 + 1)/\(try loop.length(self))>").scalars
    default: scalars += JinjaText(object.representation).scalars
    }
  }

  /// Text in quotes, as a literal of Python.
  func quote(_ text: JinjaText, _ scalars: inout [UInt32]) throws(Failure) {
    try reserve(text.count)
    let mark: UInt32 = text.scalars.contains(0x27) && !text.scalars.contains(0x22) ? 0x22 : 0x27
    scalars.append(mark)
    for scalar in text.scalars {
      switch scalar {
      case 0x5C: scalars += "\\\\"
      case 0x0A: scalars += "\\n"
      case 0x0D: scalars += "\\r"
      case 0x09: scalars += "\\t"
      case mark: scalars += [0x5C, mark]
      case _ where JinjaScalar.isPrintable(scalar): scalars.append(scalar)
      case 0..<0x100: JinjaContext.escape(scalar, "\\x", 2, &scalars)
      case 0x100..<0x10000: JinjaContext.escape(scalar, "\\u", 4, &scalars)
      default: JinjaContext.escape(scalar, "\\U", 8, &scalars)
      }
    }
    scalars.append(mark)
  }

  /// A code point by its hexadecimal digits.
  static func escape(_ scalar: UInt32, _ prefix: StaticString, _ width: Int, _ scalars: inout [UInt32]) {
    scalars += prefix
    for place in (0..<width).reversed() {
      let digit = scalar >> UInt32(4 * place) & 15
      scalars.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
    }
  }
}
