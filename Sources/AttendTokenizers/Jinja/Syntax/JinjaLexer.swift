import AttendBase

/// Takes a template apart, with the white space rules of `trim_blocks` and `lstrip_blocks`.
struct JinjaLexer {
  private let source: [UInt32]
  private let file: String
  private var position = 0
  private var line = 1
  /// Whether the last match ended a line.
  private var startsLine = true
  private var tokens: [JinjaToken] = []
  private var brackets: [UInt32] = []

  /// The tokens of a template, without comments and white space inside of tags.
  static func tokens(_ template: JinjaText, file: String) throws(Failure) -> [JinjaToken] {
    var lexer = JinjaLexer(template, file: file)
    try lexer.read()
    return lexer.tokens
  }

  private init(_ template: JinjaText, file: String) {
    self.file = file
    // Every end of a line becomes a line feed, and the last one goes.
    var source: [UInt32] = []
    source.reserveCapacity(template.count)
    for (index, scalar) in template.scalars.enumerated() {
      if scalar == 0x0A, index > 0, template.scalars[index - 1] == 0x0D { continue }
      source.append(scalar == 0x0D ? 0x0A : scalar)
    }
    if source.last == 0x0A { source.removeLast() }
    self.source = source
  }

  private func invalid(_ reason: String) -> Failure {
    Failure(.invalidFile, "\(file): chat template, line \(line): \(reason)")
  }

  private func peek(_ offset: Int = 0) -> UInt32? {
    position + offset < source.count ? source[position + offset] : nil
  }

  private func isNext(_ text: StaticString, at place: Int) -> Bool {
    let bytes = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    return place + bytes.count <= source.count && zip(source[place...], bytes).allSatisfy { $0 == UInt32($1) }
  }

  private mutating func add(_ kind: JinjaToken.Kind, _ spelling: String = "", _ value: JinjaValue = .none) {
    tokens.append(JinjaToken(kind: kind, spelling: spelling, value: value, line: line))
  }

  /// Moves to `end`, counting lines.
  private mutating func move(to end: Int) {
    line += source[position..<end].count { $0 == 0x0A }
    if end > position { startsLine = source[end - 1] == 0x0A }
    position = end
  }

  private func afterSpace(_ place: Int) -> Int {
    var place = place
    while place < source.count, JinjaScalar.isSpace(source[place]) { place += 1 }
    return place
  }

  // MARK: Text between tags

  private mutating func read() throws(Failure) {
    while position < source.count {
      guard let start = nextTag() else {
        addData(source[position...])
        move(to: source.count)
        break
      }
      let mark = source[start + 1]
      let sign =
        start + 2 < source.count && (source[start + 2] == 0x2D || source[start + 2] == 0x2B) ? source[start + 2] : nil
      let text = source[position..<start]
      let stripped = kept(text, sign: sign, isVariable: mark == 0x7B)
      addData(stripped)
      move(to: start)
      move(to: start + 2 + (sign == nil ? 0 : 1))
      if mark == 0x23 {
        try comment(from: position)
      } else if mark == 0x25, let end = endOfRaw(position) {
        move(to: end)
        try raw()
      } else {
        add(mark == 0x7B ? .variableBegin : .blockBegin)
        try tag(isVariable: mark == 0x7B)
      }
    }
    add(.end)
  }

  private func nextTag() -> Int? {
    source[position...].indices.first {
      source[$0] == 0x7B && $0 + 1 < source.count && [0x7B, 0x25, 0x23].contains(source[$0 + 1])
    }
  }

  private mutating func addData(_ text: ArraySlice<UInt32>) {
    if !text.isEmpty { add(.data, "", .text(JinjaText(text))) }
  }

  /// The part of a text that the sign of the tag behind it, or else `lstrip_blocks`, leaves.
  private func kept(_ text: ArraySlice<UInt32>, sign: UInt32?, isVariable: Bool) -> ArraySlice<UInt32> {
    if sign == 0x2D { return JinjaTexts.stripped(text, nil, left: false) }
    guard sign == nil, !isVariable else { return text }
    let last = text.lastIndex(of: 0x0A)
    guard last != nil || startsLine else { return text }
    let start = last.map { $0 + 1 } ?? text.startIndex
    return text[start...].allSatisfy(JinjaScalar.isSpace) ? text[..<start] : text
  }

  private mutating func comment(from start: Int) throws(Failure) {
    guard let end = source[start...].indices.first(where: { isNext("#}", at: $0) }) else {
      throw invalid("missing end of comment tag")
    }
    move(to: endOfTag(end, sign: end > start ? source[end - 1] : nil))
  }

  /// The position behind the closing delimiter at `end` and what it trims.
  private func endOfTag(_ end: Int, sign: UInt32?) -> Int {
    if sign == 0x2D { return afterSpace(end + 2) }
    return sign != 0x2B && end + 2 < source.count && source[end + 2] == 0x0A ? end + 3 : end + 2
  }

  // MARK: Raw text

  /// The position behind `raw %}`, where that follows.
  private func endOfRaw(_ start: Int) -> Int? {
    let name = afterSpace(start)
    guard isNext("raw", at: name) else { return nil }
    let end = afterSpace(name + 3)
    if isNext("-%}", at: end) { return afterSpace(end + 3) }
    return isNext("%}", at: end) ? end + 2 : nil
  }

  private mutating func raw() throws(Failure) {
    for start in source[position...].indices where isNext("{%", at: start) {
      var place = start + 2
      let sign = place < source.count && (source[place] == 0x2D || source[place] == 0x2B) ? source[place] : nil
      place = afterSpace(place + (sign == nil ? 0 : 1))
      guard isNext("endraw", at: place) else { continue }
      place = afterSpace(place + 6)
      let mark = isNext("+%}", at: place) || isNext("-%}", at: place) ? source[place] : nil
      if mark != nil { place += 1 }
      guard isNext("%}", at: place) else { continue }
      addData(kept(source[position..<start], sign: sign, isVariable: false))
      return move(to: endOfTag(place, sign: mark))
    }
    throw invalid("missing end of raw directive")
  }

  // MARK: Inside of tags

  private mutating func tag(isVariable: Bool) throws(Failure) {
    brackets = []
    while let scalar = peek() {
      if brackets.isEmpty, let end = closing(isVariable: isVariable) {
        add(isVariable ? .variableEnd : .blockEnd)
        return move(to: end)
      }
      if JinjaScalar.isSpace(scalar) {
        move(to: position + 1)
      } else if (0x30...0x39).contains(scalar) {
        try number()
      } else if JinjaLexer.isNameScalar(scalar) {
        try name()
      } else if scalar == 0x27 || scalar == 0x22 {
        try string(mark: scalar)
      } else {
        try operation()
      }
    }
  }

  /// The position behind the end of the tag, where that is next.
  private func closing(isVariable: Bool) -> Int? {
    let mark = peek()
    if isVariable {
      if isNext("-}}", at: position) { return afterSpace(position + 3) }
      return isNext("}}", at: position) ? position + 2 : nil
    }
    if mark == 0x2B || mark == 0x2D, isNext("%}", at: position + 1) { return endOfTag(position + 1, sign: mark) }
    return isNext("%}", at: position) ? endOfTag(position, sign: nil) : nil
  }

  private mutating func operation() throws(Failure) {
    let scalar = source[position]
    let two = position + 1 < source.count ? JinjaText([scalar, source[position + 1]]).string : ""
    let isDouble = ["//", "**", "==", "!=", ">=", "<="].contains(two)
    guard isDouble || JinjaText("+-/*%~[](){}><=.:|,;").scalars.contains(scalar) else {
      throw invalid("unexpected char \(JinjaText([scalar]).string)")
    }
    switch scalar {
    case 0x28: brackets.append(0x29)
    case 0x5B: brackets.append(0x5D)
    case 0x7B: brackets.append(0x7D)
    case 0x29, 0x5D, 0x7D:
      let expected = brackets.popLast()
      guard expected == scalar else { throw invalid("unexpected '\(JinjaText([scalar]).string)'") }
    default: break
    }
    add(.operation, isDouble ? two : JinjaText([scalar]).string)
    position += isDouble ? 2 : 1
    startsLine = false
  }

  static func isNameScalar(_ scalar: UInt32) -> Bool {
    if scalar < 0x80 { return JinjaScalar.isWord(scalar) }
    return JinjaScalar.isWord(scalar) || UnicodeData.properties[scalar].isMark || scalar == 0xB7
      || JinjaScalar.category(scalar) == .connectorPunctuation
  }

  /// `str.isidentifier`.
  static func isIdentifier(_ name: [UInt32]) -> Bool {
    guard let first = name.first, first == 0x5F || JinjaScalar.properties(first)?.isXIDStart ?? false else {
      return false
    }
    return name.allSatisfy { JinjaScalar.properties($0)?.isXIDContinue ?? false }
  }

  private mutating func name() throws(Failure) {
    let end = source[position...].firstIndex { !JinjaLexer.isNameScalar($0) } ?? source.count
    let name = Array(source[position..<end])
    guard JinjaLexer.isIdentifier(name) else { throw invalid("invalid character in identifier") }
    add(.name, JinjaText(name).string)
    move(to: end)
  }
}

// MARK: - Literals

extension JinjaLexer {
  /// Digits from `start` on, each of which an underscore may precede; the position behind them.
  private func digits(from start: Int, _ isDigit: (UInt32) -> Bool, startsWithMark: Bool = false) -> Int {
    var place = start
    while place < source.count {
      if isDigit(source[place]) {
        place += 1
      } else if source[place] == 0x5F, place > start || startsWithMark, place + 1 < source.count,
        isDigit(source[place + 1])
      {
        place += 2
      } else {
        break
      }
    }
    return place
  }

  private static func isDigit(_ scalar: UInt32) -> Bool { (0x30...0x39).contains(scalar) }

  private mutating func number() throws(Failure) {
    if let end = endOfFloat() {
      let spelling = String(JinjaText(source[position..<end]).string.filter { $0 != "_" })
      add(.float, spelling, .float(Double(spelling) ?? .infinity))
      return move(to: end)
    }
    var (end, radix, start) = (position + 1, 10, position)
    if source[position] == 0x30 {
      let prefix = peek(1).map { $0 | 0x20 }
      radix = prefix == 0x62 ? 2 : prefix == 0x6F ? 8 : prefix == 0x78 ? 16 : 10
      let isDigit = { (scalar: UInt32) in JinjaLexer.value(scalar).map { Int($0) < radix } ?? false }
      let last = radix == 10 ? position : digits(from: position + 2, isDigit, startsWithMark: true)
      if radix != 10, last > position + 2 {
        (end, start) = (last, position + 2)
      } else {
        radix = 10
        end = digits(from: position) { $0 == 0x30 }
      }
    } else {
      end = digits(from: position, JinjaLexer.isDigit)
    }
    let values = source[start..<end].compactMap { $0 == 0x5F ? nil : JinjaLexer.value($0) }
    guard radix != 10 || values.count <= JinjaContext.maximalDigits, values.count < 1 << 16 else {
      throw invalid("an integer of \(values.count) digits")
    }
    add(.integer, JinjaText(source[position..<end]).string, JinjaValue(BigInteger(digits: values, radix: radix)))
    move(to: end)
  }

  /// The position behind a number with a fraction or an exponent, where one is next.
  private func endOfFloat() -> Int? {
    if position > 0, source[position - 1] == 0x2E { return nil }
    let whole = digits(from: position, JinjaLexer.isDigit)
    var end = whole
    if end < source.count, source[end] == 0x2E {
      let fraction = digits(from: end + 1, JinjaLexer.isDigit)
      if fraction > end + 1 { end = fraction }
    }
    if end < source.count, source[end] | 0x20 == 0x65 {
      var start = end + 1
      if start < source.count, source[start] == 0x2B || source[start] == 0x2D { start += 1 }
      let exponent = digits(from: start, JinjaLexer.isDigit)
      if exponent > start { end = exponent }
    }
    return end > whole ? end : nil
  }

  private static func value(_ scalar: UInt32) -> UInt8? {
    if isDigit(scalar) { return UInt8(scalar - 0x30) }
    return (0x61...0x66).contains(scalar | 0x20) ? UInt8((scalar | 0x20) - 0x61 + 10) : nil
  }

  private mutating func string(mark: UInt32) throws(Failure) {
    var end = position + 1
    while end < source.count, source[end] != mark { end += source[end] == 0x5C ? 2 : 1 }
    guard end < source.count else {
      throw invalid("unexpected char \(JinjaText([mark]).string): a string without an end")
    }
    add(.string, "", .text(JinjaText(try unescaped(source[(position + 1)..<end]))))
    move(to: end + 1)
  }

  /// The text that a literal stands for, by the escapes of Python.
  private func unescaped(_ text: ArraySlice<UInt32>) throws(Failure) -> [UInt32] {
    var result: [UInt32] = []
    var rest = text
    while let scalar = rest.popFirst() {
      guard scalar == 0x5C, let letter = rest.popFirst() else {
        result.append(scalar)
        continue
      }
      switch letter {
      case 0x0A: break
      case 0x5C, 0x27, 0x22: result.append(letter)
      case 0x6E: result.append(0x0A)
      case 0x74: result.append(0x09)
      case 0x72: result.append(0x0D)
      case 0x61: result.append(0x07)
      case 0x62: result.append(0x08)
      case 0x66: result.append(0x0C)
      case 0x76: result.append(0x0B)
      case 0x30...0x37:
        var code = letter - 0x30
        for _ in 0..<2 {
          if let digit = rest.first, (0x30...0x37).contains(digit) { code = code * 8 + rest.removeFirst() - 0x30 }
        }
        result.append(code)
      case 0x78: result.append(try code(&rest, digits: 2))
      case 0x75: result.append(try code(&rest, digits: 4))
      case 0x55: result.append(try code(&rest, digits: 8))
      case 0x4E:
        throw Failure(
          .unsupported, "\(file): chat template, line \(line): \\N, a character by its name, is not supported")
      case 0x80...0xFF: JinjaContext.escape(letter, "\\x", 2, &result)
      case 0x100...0xFFFF: JinjaContext.escape(letter, "\\u", 4, &result)
      case 0x10000...: JinjaContext.escape(letter, "\\U", 8, &result)
      default: result += [0x5C, letter]
      }
    }
    return result
  }

  private func code(_ rest: inout ArraySlice<UInt32>, digits: Int) throws(Failure) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<digits {
      guard let digit = rest.popFirst().flatMap(JinjaLexer.value) else {
        throw invalid("a truncated escape in a string")
      }
      code = code << 4 | UInt32(digit)
    }
    guard code < 0x110000 else { throw invalid("an escape for no character") }
    return code
  }
}
