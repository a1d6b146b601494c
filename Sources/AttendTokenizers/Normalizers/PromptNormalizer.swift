import AttendBase

/// The normaliser of the texts that DALL·E mini was trained on, rule by rule as its `TextNormalizer` has them: ASCII in
/// lower case, tags and addresses of the web left out, all punctuation but that within words and numbers as commas.
///
/// Two of its rules need lists that this library does not have: words behind `#` are not split, and what is no letter
/// with an accent is left out where it would spell letters of other scripts, and emoji by their names, in ASCII.
package enum PromptNormalizer {
  /// The text as the tokenizer is to read it, with a space before it.
  package static func normalised(_ text: UnsafeRawBufferPointer) throws(Failure) -> GrowingList<UInt8> {
    var prompt = PromptText(text)
    try prompt.unescape()
    try prompt.unescape()
    try prompt.fold()
    for rule in PromptRules.all { try prompt.apply(rule) }
    return try prompt.trimmed()
  }

  /// The text as min-dalle reads it: lower case, ASCII, words with one space before each.
  package static func plain(_ text: UnsafeRawBufferPointer) throws(Failure) -> GrowingList<UInt8> {
    var result = GrowingList<UInt8>(for: PromptText.purpose)
    try result.append(UInt8(ascii: " "))
    for byte in text where byte < 0x80 {
      let isSpace = byte == UInt8(ascii: " ")
      if isSpace, result.elements.last == byte { continue }
      try result.append(byte &- 0x41 < 26 ? byte | 0x20 : byte)
    }
    if result.count > 1, result.elements.last == UInt8(ascii: " ") { _ = result.removeLast() }
    return result
  }
}

/// The replacement of what begins at a place of a text: appends to `result`, and returns how many bytes are replaced;
/// 0: the byte stays.
private typealias PromptRule =
  @Sendable (_ text: UnsafeBufferPointer<UInt8>, _ place: Int, _ result: inout GrowingList<UInt8>) throws(Failure) ->
  Int

/// A text between two rules.
private struct PromptText: ~Copyable {
  static let purpose = "the text of a picture"
  private var bytes = GrowingList<UInt8>(for: PromptText.purpose)
  private let source: UnsafeRawBufferPointer
  private var isBegun = false

  init(_ source: UnsafeRawBufferPointer) { self.source = source }

  /// Applies a rule at one place after another.
  mutating func apply(_ rule: PromptRule) throws(Failure) {
    var result = GrowingList<UInt8>(for: PromptText.purpose)
    let text = isBegun ? UnsafeBufferPointer(bytes.elements) : source.bindMemory(to: UInt8.self)
    try result.reserve(text.count)
    var place = 0
    while place < text.count {
      let replaced = try rule(text, place, &result)
      if replaced == 0 { try result.append(text[place]) }
      place += max(replaced, 1)
    }
    bytes = result
    isBegun = true
  }

  /// Characters that HTML spells by name or number.
  mutating func unescape() throws(Failure) { try apply(PromptRules.entity) }

  /// ASCII in lower case.
  mutating func fold() throws(Failure) {
    try UnicodeData.prepare()
    var text = try AlignedText(repairing: UnsafeRawBufferPointer(bytes.elements))
    try UnicodeNormalizer(form: .nfkd).normalize(&text)
    try StripAccents().normalize(&text)
    var result = GrowingList<UInt8>(for: PromptText.purpose)
    try text.bytes.withUnsafeBufferPointer { (text) throws(Failure) in
      var place = 0
      while place < text.count {
        let (scalar, length) = UTF8Text.decode(text.baseAddress! + place)
        place += length
        if scalar < 0x80 {
          let byte = UInt8(scalar)
          try result.append(byte &- 0x41 < 26 ? byte | 0x20 : byte)
        } else if let letters = PromptRules.letters[scalar] {
          for byte in letters.utf8 { try result.append(byte) }
        }
      }
    }
    bytes = result
  }

  /// The text without spaces and one comma at its ends, behind one space.
  mutating func trimmed() throws(Failure) -> GrowingList<UInt8> {
    let all = UnsafeBufferPointer(bytes.elements)
    var (first, end) = (0, all.count)
    func strip() {
      while first < end, all[first] == 0x20 { first += 1 }
      while end > first, all[end - 1] == 0x20 { end -= 1 }
    }
    strip()
    if end > first, all[end - 1] == UInt8(ascii: ",") { end -= 1 }
    if first < end, all[first] == UInt8(ascii: ",") { first += 1 }
    strip()
    var result = GrowingList<UInt8>(for: PromptText.purpose)
    try result.append(0x20)
    try result.append(contentsOf: UnsafeBufferPointer(rebasing: all[first..<end]))
    return result
  }
}

/// The rules, in their order.
private enum PromptRules {
  // What is kept from later rules stands as a control until they are done.
  private static let dot: UInt8 = 1, quote: UInt8 = 2, slash: UInt8 = 3

  static let all: [PromptRule] = [
    tag, address, thousands, keptDot, keptQuote, keptSlash, hyphen, symbol, ignored, quotes, punctuation, restored,
    repeated, mergedQuotes, mergedCommas, spaces,
  ]

  /// Letters and signs that are no ASCII with an accent.
  static let letters: [UInt32: String] = [
    0x2018: "'", 0x2019: "'", 0x201A: "'", 0x201C: "\"", 0x201D: "\"", 0x201E: "\"", 0x00AB: "\"", 0x00BB: "\"",
    0x2010: "-", 0x2011: "-", 0x2012: "-", 0x2013: "-", 0x2014: "-", 0x2015: "-", 0x2212: "-", 0x00D7: "x",
    0x00DF: "ss", 0x00E6: "ae", 0x00C6: "ae", 0x0153: "oe", 0x0152: "oe", 0x00F8: "o", 0x00D8: "o", 0x0111: "d",
    0x0110: "d", 0x00F0: "d", 0x00D0: "d", 0x00FE: "th", 0x00DE: "th", 0x0142: "l", 0x0141: "l", 0x0131: "i",
    0x2044: "/", 0x2022: "*",
  ]

  // MARK: Kinds of characters

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
  private static func isWord(_ byte: UInt8) -> Bool {
    isDigit(byte) || (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_")
  }
  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 9 < 5 }

  /// Whether the characters on both sides of a place are of a kind.
  private static func isBetween(
    _ text: UnsafeBufferPointer<UInt8>, _ place: Int, _ kind: (UInt8) -> Bool
  ) -> Bool { place > 0 && place + 1 < text.count && kind(text[place - 1]) && kind(text[place + 1]) }

  private static func starts(_ text: UnsafeBufferPointer<UInt8>, _ place: Int, _ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard text.count - place >= count else { return false }
    for index in 0..<count where text[place + index] != word.utf8Start[index] { return false }
    return true
  }

  // MARK: Markup

  private static let entities: [(StaticString, UInt32)] = [
    ("&amp;", 0x26), ("&lt;", 0x3C), ("&gt;", 0x3E), ("&quot;", 0x22), ("&apos;", 0x27), ("&nbsp;", 0x20),
  ]

  static let entity: PromptRule = { (text, place, result) throws(Failure) in
    guard text[place] == UInt8(ascii: "&") else { return 0 }
    for (name, scalar) in entities where starts(text, place, name) {
      try result.append(UInt8(scalar))
      return name.utf8CodeUnitCount
    }
    guard starts(text, place, "&#") else { return 0 }
    let isHex = place + 2 < text.count && text[place + 2] | 0x20 == UInt8(ascii: "x")
    var (end, number) = (place + (isHex ? 3 : 2), UInt32(0))
    let first = end
    while end < text.count, end - first < 8, let digit = digit(text[end], isHex: isHex) {
      number = number * (isHex ? 16 : 10) + digit
      end += 1
    }
    guard end > first, end < text.count, text[end] == UInt8(ascii: ";"), let scalar = Unicode.Scalar(number) else {
      return 0
    }
    for byte in String(Character(scalar)).utf8 { try result.append(byte) }
    return end + 1 - place
  }

  private static func digit(_ byte: UInt8, isHex: Bool) -> UInt32? {
    if isDigit(byte) { return UInt32(byte - 0x30) }
    let letter = (byte | 0x20) &- 0x61
    return isHex && letter < 6 ? UInt32(letter) + 10 : nil
  }

  /// `<...>` becomes a space.
  private static let tag: PromptRule = { (text, place, result) throws(Failure) in
    guard text[place] == UInt8(ascii: "<") else { return 0 }
    var end = place + 1
    while end < text.count, text[end] != UInt8(ascii: "<"), text[end] != UInt8(ascii: ">") { end += 1 }
    guard end < text.count, end > place + 1, text[end] == UInt8(ascii: ">") else { return 0 }
    try result.append(0x20)
    return end + 1 - place
  }

  /// What begins with `http` goes, up to the next space.
  private static let address: PromptRule = { (text, place, result) throws(Failure) in
    guard starts(text, place, "http"), place + 4 < text.count, !isSpace(text[place + 4]) else { return 0 }
    var end = place
    while end < text.count, !isSpace(text[end]) { end += 1 }
    return end - place
  }

  // MARK: What stands within numbers and words

  /// The comma in 1,234 goes.
  private static let thousands: PromptRule = { (text, place, result) throws(Failure) in
    guard text[place] == UInt8(ascii: ","), place > 0, isDigit(text[place - 1]), text.count - place > 3 else {
      return 0
    }
    return (1...3).allSatisfy { isDigit(text[place + $0]) } ? 1 : 0
  }

  private static let keptDot: PromptRule = { (text, place, result) throws(Failure) in
    guard text[place] == UInt8(ascii: "."), isBetween(text, place, isWord) else { return 0 }
    try result.append(dot)
    return 1
  }

  /// Of apostrophes those of 's, 't, 'd, 'm, 'll, 're and 've stay.
  private static let keptQuote: PromptRule = { (text, place, result) throws(Failure) in
    guard text[place] == UInt8(ascii: "'") else { return 0 }
    let endings: [StaticString] = ["'s", "'t", "'d", "'m", "'ll", "'re", "'ve"]
    let isKept = endings.contains { ending in
      let next = place + ending.utf8CodeUnitCount
      return starts(text, place, ending) && (next == text.count || !isWord(text[next]))
    }
    guard isKept else { return 0 }
    try result.append(quote)
    return 1
  }

  private static let keptSlash: PromptRule = { (text, place, result) throws(Failure) in
    guard text[place] == UInt8(ascii: "/"), isBetween(text, place, isDigit) else { return 0 }
    try result.append(slash)
    return 1
  }

  private static let hyphen: PromptRule = { (text, place, result) throws(Failure) in
    guard text[place] == UInt8(ascii: "-"), isBetween(text, place, isWord) else { return 0 }
    try result.append(0x20)
    return 1
  }

  private static let restored: PromptRule = { (text, place, result) throws(Failure) in
    switch text[place] {
    case dot: try result.append(UInt8(ascii: "."))
    case quote: try result.append(UInt8(ascii: "'"))
    case slash: try result.append(UInt8(ascii: "/"))
    default: return 0
    }
    return 1
  }

  // MARK: Signs

  /// A space around some.
  private static let symbol: PromptRule = { (text, place, result) throws(Failure) in
    guard "%&/$*".utf8.contains(text[place]) else { return 0 }
    for byte in [0x20, text[place], 0x20] { try result.append(byte) }
    return 1
  }

  private static let ignored: PromptRule = { (text, place, result) throws(Failure) in
    "#_".utf8.contains(text[place]) ? 1 : 0
  }

  private static let quotes: PromptRule = { (text, place, result) throws(Failure) in
    guard "'\"`".utf8.contains(text[place]) else { return 0 }
    for byte in " \" ".utf8 { try result.append(byte) }
    return 1
  }

  private static let punctuation: PromptRule = { (text, place, result) throws(Failure) in
    guard "()[].,|:;?!=+~-/{}".utf8.contains(text[place]) else { return 0 }
    try result.append(UInt8(ascii: ","))
    return 1
  }

  // MARK: Runs

  /// Of four and more of a character, digits apart, there stays one.
  private static let repeated: PromptRule = { (text, place, result) throws(Failure) in
    let byte = text[place]
    var end = place
    while end < text.count, text[end] == byte { end += 1 }
    guard end - place >= 4, !isDigit(byte) else { return 0 }
    try result.append(byte)
    return end - place
  }

  private static let mergedQuotes: PromptRule = { (text, place, result) throws(Failure) in
    try merge(text, place, UInt8(ascii: "\""), " \" ", &result)
  }

  private static let mergedCommas: PromptRule = { (text, place, result) throws(Failure) in
    try merge(text, place, UInt8(ascii: ","), ", ", &result)
  }

  /// Puts `word` in the place of a run of a sign and spaces.
  private static func merge(
    _ text: UnsafeBufferPointer<UInt8>, _ place: Int, _ sign: UInt8, _ word: String,
    _ result: inout GrowingList<UInt8>
  ) throws(Failure) -> Int {
    var (end, hasSign) = (place, false)
    while end < text.count, text[end] == sign || isSpace(text[end]) {
      hasSign = hasSign || text[end] == sign
      end += 1
    }
    guard hasSign else { return 0 }
    for byte in word.utf8 { try result.append(byte) }
    return end - place
  }

  private static let spaces: PromptRule = { (text, place, result) throws(Failure) in
    var end = place
    while end < text.count, isSpace(text[end]) { end += 1 }
    guard end > place else { return 0 }
    try result.append(0x20)
    return end - place
  }
}
