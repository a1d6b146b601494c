import AttendBase

/// Cuts a template into text, outputs and statements, with the white space that delimiters take away: `-` takes all,
/// and, as transformers sets Jinja up, a statement takes the spaces before it on its line and the line break behind it
/// (lstrip_blocks, trim_blocks).
struct JinjaLexer {
  private let source: [UInt8]
  private let file: String
  private var position = 0
  private var line = 1
  private var parts: [JinjaPart] = []

  static func parts(_ template: String, file: String) throws(Failure) -> [JinjaPart] {
    var lexer = JinjaLexer(template, file: file)
    try lexer.run()
    return lexer.parts
  }

  private init(_ template: String, file: String) {
    // Jinja drops one line break at the end of a template.
    var source = Array(template.utf8)
    if source.last == 0x0A { source.removeLast() }
    self.source = source
    self.file = file
  }

  private func invalid(_ reason: String) -> Failure {
    Failure(.invalidFile, "\(file): chat template, line \(line): \(reason)")
  }

  private func byte(_ offset: Int) -> UInt8 { position + offset < source.count ? source[position + offset] : 0 }

  private mutating func run() throws(Failure) {
    var text: [UInt8] = []
    while position < source.count {
      let kind = byte(1)
      guard byte(0) == UInt8(ascii: "{"),
        kind == UInt8(ascii: "{") || kind == UInt8(ascii: "%") || kind == UInt8(ascii: "#")
      else {
        if byte(0) == 0x0A { line += 1 }
        text.append(byte(0))
        position += 1
        continue
      }
      position += 2
      trimEnd(&text, mark: byte(0), isOutput: kind == UInt8(ascii: "{"))
      if byte(0) == UInt8(ascii: "-") || byte(0) == UInt8(ascii: "+") { position += 1 }
      if !text.isEmpty { parts.append(.text(String(decoding: text, as: UTF8.self))) }
      text = []
      switch kind {
      case UInt8(ascii: "#"): try skipComment()
      case UInt8(ascii: "{"): parts.append(.output(try tokens(until: "}}"), line: line))
      default:
        let start = line
        let tokens = try tokens(until: "%}")
        if tokens == [.name("raw")] { try raw() } else { parts.append(.statement(tokens, line: start)) }
      }
    }
    if !text.isEmpty { parts.append(.text(String(decoding: text, as: UTF8.self))) }
  }

  /// What the start of a delimiter takes from the text before it.
  private func trimEnd(_ text: inout [UInt8], mark: UInt8, isOutput: Bool) {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }
    if mark == UInt8(ascii: "-") {
      while let last = text.last, isSpace(last) { text.removeLast() }
    } else if !isOutput, mark != UInt8(ascii: "+") {
      let spaces = text.reversed().prefix { $0 == 0x20 || $0 == 0x09 }.count
      let isLineStart = spaces == text.count ? isAtLineStart : text[text.count - spaces - 1] == 0x0A
      if isLineStart { text.removeLast(spaces) }
    }
  }

  /// Whether the last delimiter, behind which the text began, ended its line, or there was none.
  private var isAtLineStart: Bool {
    guard !parts.isEmpty else { return true }
    return afterLineBreak
  }
  private var afterLineBreak = false

  /// Reads over the end of a delimiter and the white space that it takes.
  private mutating func close(trims: Bool, isOutput: Bool, keepsBreak: Bool) {
    position += 2
    afterLineBreak = false
    if trims {
      while position < source.count, byte(0) == 0x20 || (9...13).contains(byte(0)) {
        if byte(0) == 0x0A { line += 1 }
        afterLineBreak = byte(0) == 0x0A
        position += 1
      }
    } else if !isOutput, !keepsBreak, byte(0) == 0x0A {
      line += 1
      position += 1
      afterLineBreak = true
    }
  }

  private mutating func skipComment() throws(Failure) {
    while position < source.count {
      let trims = byte(0) == UInt8(ascii: "-")
      let offset = trims ? 1 : 0
      if byte(offset) == UInt8(ascii: "#"), byte(offset + 1) == UInt8(ascii: "}") {
        position += offset
        close(trims: trims, isOutput: false, keepsBreak: false)
        return
      }
      if byte(0) == 0x0A { line += 1 }
      position += 1
    }
    throw invalid("a comment does not end")
  }

  /// The text of `{% raw %}` ... `{% endraw %}`.
  private mutating func raw() throws(Failure) {
    let start = position
    while position < source.count {
      if byte(0) == UInt8(ascii: "{"), byte(1) == UInt8(ascii: "%") {
        let end = position
        position += 2
        if byte(0) == UInt8(ascii: "-") { position += 1 }
        if let tokens = try? tokens(until: "%}"), tokens == [.name("endraw")] {
          parts.append(.text(String(decoding: source[start..<end], as: UTF8.self)))
          return
        }
        position = end
      }
      if byte(0) == 0x0A { line += 1 }
      position += 1
    }
    throw invalid("raw without endraw")
  }

  // MARK: Tokens

  private mutating func tokens(until end: String) throws(Failure) -> [JinjaToken] {
    let closing = Array(end.utf8)
    var tokens: [JinjaToken] = []
    var depth = 0
    while position < source.count {
      let first = byte(0)
      if first == 0x0A { line += 1 }
      if first == 0x20 || (9...13).contains(first) {
        position += 1
        continue
      }
      let mark = first == UInt8(ascii: "-") || first == UInt8(ascii: "+") ? 1 : 0
      if depth == 0, byte(mark) == closing[0], byte(mark + 1) == closing[1] {
        position += mark
        close(trims: mark == 1 && first == UInt8(ascii: "-"), isOutput: end == "}}", keepsBreak: mark == 1)
        return tokens
      }
      let token = try token()
      if token == .symbol("{") { depth += 1 }
      if token == .symbol("}") { depth -= 1 }
      tokens.append(token)
    }
    throw invalid("\(end) is missing")
  }

  private static let symbols = [
    "==", "!=", "<=", ">=", "//", "**", "<", ">", "=", "+", "-", "*", "/", "%", "~", "|", ".", ",", ":", "(", ")", "[",
    "]", "{", "}",
  ]

  private mutating func token() throws(Failure) -> JinjaToken {
    let first = byte(0)
    if first == UInt8(ascii: "'") || first == UInt8(ascii: "\"") { return .string(try string(first)) }
    if (0x30...0x39).contains(first) { return try number() }
    func isLetter(_ byte: UInt8) -> Bool {
      byte >= 0x80 || byte == 0x5F || (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A
    }
    if isLetter(first) {
      let start = position
      while isLetter(byte(0)) || (0x30...0x39).contains(byte(0)) { position += 1 }
      return .name(String(decoding: source[start..<position], as: UTF8.self))
    }
    for symbol in JinjaLexer.symbols where source[position...].starts(with: symbol.utf8) {
      position += symbol.utf8.count
      return .symbol(symbol)
    }
    throw invalid("the character \"\(String(decoding: [first], as: UTF8.self))\" has no meaning")
  }

  private mutating func number() throws(Failure) -> JinjaToken {
    let start = position
    while (0x30...0x39).contains(byte(0)) || byte(0) == 0x5F { position += 1 }
    var isWhole = true
    if byte(0) == 0x2E, (0x30...0x39).contains(byte(1)) {
      isWhole = false
      position += 1
      while (0x30...0x39).contains(byte(0)) { position += 1 }
    }
    let signed = byte(1) == UInt8(ascii: "-") || byte(1) == UInt8(ascii: "+") ? 2 : 1
    if byte(0) | 0x20 == UInt8(ascii: "e"), (0x30...0x39).contains(byte(signed)) {
      isWhole = false
      position += signed
      while (0x30...0x39).contains(byte(0)) { position += 1 }
    }
    let digits = String(decoding: source[start..<position].filter { $0 != 0x5F }, as: UTF8.self)
    if isWhole, let value = Int(digits) { return .int(value) }
    guard let value = Double(digits) else { throw invalid("\(digits) is no number") }
    return .double(value)
  }

  private mutating func string(_ quote: UInt8) throws(Failure) -> String {
    position += 1
    var text: [UInt8] = []
    while position < source.count, byte(0) != quote {
      if byte(0) == 0x0A { line += 1 }
      guard byte(0) == UInt8(ascii: "\\") else {
        text.append(byte(0))
        position += 1
        continue
      }
      let escaped = byte(1)
      position += 2
      switch escaped {
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "x"): try escape(2, &text)
      case UInt8(ascii: "u"): try escape(4, &text)
      case UInt8(ascii: "U"): try escape(8, &text)
      case 0x0A: break
      case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): text.append(escaped)
      default: text += [UInt8(ascii: "\\"), escaped]
      }
    }
    guard position < source.count else { throw invalid("a string does not end") }
    position += 1
    return String(decoding: text, as: UTF8.self)
  }

  private mutating func escape(_ count: Int, _ text: inout [UInt8]) throws(Failure) {
    guard position + count <= source.count,
      let value = UInt32(String(decoding: source[position..<position + count], as: UTF8.self), radix: 16),
      let scalar = Unicode.Scalar(value)
    else { throw invalid("a malformed escape in a string") }
    position += count
    UTF8Text.append(scalar.value, to: &text)
  }
}
