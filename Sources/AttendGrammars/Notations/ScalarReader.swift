import AttendBase

/// Reads a notation character by character, and says where it stands.
struct ScalarReader {
  private let scalars: [Unicode.Scalar]
  private(set) var place = 0
  /// The notation, for messages.
  private let notation: String

  /// The longest text of a notation, in characters.
  static let longest = 1 << 20
  /// Groups inside one another: what a thread with a small stack can read.
  static let depth = 100

  init(_ text: String, _ notation: String) throws(Failure) {
    guard text.utf8.count <= ScalarReader.longest else {
      throw Failure(
        .invalidArgument, "the \(notation) has \(text.utf8.count) bytes; the limit is \(ScalarReader.longest)")
    }
    scalars = Array(text.unicodeScalars)
    self.notation = notation
  }

  var isAtEnd: Bool { place == scalars.count }
  var next: Unicode.Scalar? { place < scalars.count ? scalars[place] : nil }
  var line: Int { scalars[..<place].reduce(1) { $0 + ($1 == "\n" ? 1 : 0) } }

  func peek(_ distance: Int) -> Unicode.Scalar? {
    place + distance < scalars.count ? scalars[place + distance] : nil
  }

  func starts(with text: String) -> Bool { scalars[place...].starts(with: text.unicodeScalars) }

  mutating func skip(_ count: Int = 1) { place = min(place + count, scalars.count) }

  mutating func go(to place: Int) { self.place = place }

  /// Reads this character if it is next.
  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    place += 1
    return true
  }

  mutating func take(_ text: String) -> Bool {
    guard starts(with: text) else { return false }
    place += text.unicodeScalars.count
    return true
  }

  mutating func takeAny() throws(Failure) -> Unicode.Scalar {
    guard let next else { throw failure("ends too soon") }
    place += 1
    return next
  }

  mutating func require(_ scalar: Unicode.Scalar) throws(Failure) {
    guard take(scalar) else { throw failure("needs \"\(scalar)\"") }
  }

  /// Characters as long as they satisfy a condition.
  mutating func takeAll(where condition: (Unicode.Scalar) -> Bool) -> String {
    var result = ""
    while let next, condition(next) {
      result.unicodeScalars.append(next)
      place += 1
    }
    return result
  }

  /// Skips blanks and comments, which begin with one of these marks; `newlines`: ends of lines too.
  mutating func skipBlanks(newlines: Bool, comments: [String]) {
    while let next {
      if comments.contains(where: { starts(with: $0) }) {
        _ = takeAll { $0 != "\n" }
      } else if next == " " || next == "\t" || newlines && (next == "\n" || next == "\r") {
        skip()
      } else {
        return
      }
    }
  }

  /// Reads the bar of an alternative, which may stand on a line of its own.
  mutating func takeBar(comments: [String]) -> Bool {
    let start = place
    skipBlanks(newlines: true, comments: comments)
    if take("|") { return true }
    place = start
    return false
  }

  /// The character of an escape that all notations have, after the backslash and the letter; nil for another letter.
  mutating func takeEscaped(_ letter: Unicode.Scalar) throws(Failure) -> Unicode.Scalar? {
    switch letter {
    case "n": return "\n"
    case "t": return "\t"
    case "r": return "\r"
    case "x": return try takeHexadecimal(2)
    case "u": return try takeHexadecimal(4)
    case "U": return try takeHexadecimal(8)
    default: return nil
    }
  }

  /// A decimal number; nil if none is next.
  mutating func takeNumber() throws(Failure) -> Int? {
    let digits = takeAll { $0.value >= 0x30 && $0.value <= 0x39 }
    if digits.isEmpty { return nil }
    guard let number = Int(digits), number <= 1 << 30 else { throw failure("has the count \(digits), past \(1 << 30)") }
    return number
  }

  /// A character of so many hexadecimal digits.
  mutating func takeHexadecimal(_ count: Int) throws(Failure) -> Unicode.Scalar {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let digit = next.flatMap({ UInt32(String($0), radix: 16) }) else {
        throw failure("needs \(count) hexadecimal digits")
      }
      value = value << 4 | digit
      place += 1
    }
    return try scalar(value)
  }

  /// A character in hexadecimal digits between braces, the first of which has been read.
  mutating func takeBraced() throws(Failure) -> Unicode.Scalar {
    let digits = takeAll { $0 != "}" }
    guard take("}"), let value = UInt32(digits, radix: 16) else { throw failure("needs hexadecimal digits in braces") }
    return try scalar(value)
  }

  private func scalar(_ value: UInt32) throws(Failure) -> Unicode.Scalar {
    guard let scalar = Unicode.Scalar(value) else {
      throw failure("names U+\(String(value, radix: 16, uppercase: true)), which is no character")
    }
    return scalar
  }

  /// An error at this place.
  func failure(_ what: String) -> Failure {
    let column = place - (scalars[..<place].lastIndex(of: "\n").map { $0 + 1 } ?? 0) + 1
    return Failure(.invalidArgument, "the \(notation) \(what), in line \(line), column \(column)")
  }

  /// What is not understood, by name.
  func unsupported(_ what: String) -> Failure {
    Failure(.unsupported, failure("has \(what), which is not implemented").message)
  }
}
