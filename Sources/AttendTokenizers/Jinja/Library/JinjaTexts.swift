import AttendBase

/// Work on text, in time linear in it.
enum JinjaTexts {
  /// Without what `set` holds at both ends, or white space where it is nil.
  static func stripped(
    _ text: ArraySlice<UInt32>, _ set: [UInt32]?, left: Bool = true, right: Bool = true
  ) -> ArraySlice<UInt32> {
    let members = set.map { Set($0) }
    func isStripped(_ scalar: UInt32) -> Bool { members?.contains(scalar) ?? JinjaScalar.isSpace(scalar) }
    var (start, end) = (text.startIndex, text.endIndex)
    if left { while start < end, isStripped(text[start]) { start += 1 } }
    if right { while start < end, isStripped(text[end - 1]) { end -= 1 } }
    return text[start..<end]
  }

  /// The parts between runs of white space, at most `limit` splits from the left.
  static func words(_ text: ArraySlice<UInt32>, limit: Int) -> [ArraySlice<UInt32>] {
    var words: [ArraySlice<UInt32>] = []
    var rest = stripped(text, nil, right: false)
    while !rest.isEmpty {
      guard words.count < limit, let end = rest.firstIndex(where: JinjaScalar.isSpace) else {
        words.append(words.count < limit ? rest : stripped(rest, nil, left: false))
        break
      }
      words.append(rest[..<end])
      rest = stripped(rest[end...], nil, right: false)
    }
    return words
  }

  /// As `words`, from the right.
  static func wordsFromRight(_ text: ArraySlice<UInt32>, limit: Int) -> [ArraySlice<UInt32>] {
    var words: [ArraySlice<UInt32>] = []
    var rest = stripped(text, nil, left: false)
    while !rest.isEmpty {
      guard words.count < limit, let last = rest.lastIndex(where: JinjaScalar.isSpace) else {
        words.append(words.count < limit ? rest : stripped(rest, nil, right: false))
        break
      }
      words.append(rest[(last + 1)...])
      rest = stripped(rest[..<last], nil, left: false)
    }
    return words.reversed()
  }

  /// The lines of a text, with their ends where `keepsEnds`.
  static func lines(_ text: ArraySlice<UInt32>, keepsEnds: Bool = false) -> [ArraySlice<UInt32>] {
    var lines: [ArraySlice<UInt32>] = []
    var start = text.startIndex
    var index = start
    while index < text.endIndex {
      guard JinjaScalar.isLineEnd(text[index]) else {
        index += 1
        continue
      }
      let end = index
      index += text[index] == 0xD && index + 1 < text.endIndex && text[index + 1] == 0xA ? 2 : 1
      lines.append(text[start..<(keepsEnds ? index : end)])
      start = index
    }
    if start < text.endIndex { lines.append(text[start...]) }
    return lines
  }

  static func upper(_ text: some Sequence<UInt32>) -> [UInt32] { text.flatMap(JinjaScalar.upper) }

  /// Lower case, where a capital sigma at the end of a word becomes the final one.
  static func lower(_ text: ArraySlice<UInt32>) -> [UInt32] {
    var result: [UInt32] = []
    result.reserveCapacity(text.count)
    for (index, scalar) in zip(text.indices, text) {
      if scalar == 0x3A3 {
        result.append(isFinal(text, index) ? 0x3C2 : 0x3C3)
      } else if scalar < 0x80 {
        result.append((0x41...0x5A).contains(scalar) ? scalar + 32 : scalar)
      } else {
        result += JinjaScalar.lower(scalar)
      }
    }
    return result
  }

  private static func isFinal(_ text: ArraySlice<UInt32>, _ index: Int) -> Bool {
    func isIgnored(_ scalar: UInt32) -> Bool { JinjaScalar.properties(scalar)?.isCaseIgnorable ?? false }
    let before = text[..<index].last { !isIgnored($0) }
    let after = text[(index + 1)...].first { !isIgnored($0) }
    return before.map(JinjaScalar.isCased) ?? false && !(after.map(JinjaScalar.isCased) ?? false)
  }

  /// `str.capitalize`.
  static func capitalized(_ text: ArraySlice<UInt32>) -> [UInt32] {
    guard let first = text.first else { return [] }
    return JinjaScalar.title(first) + lower(text).dropFirst(JinjaScalar.lower(first).count)
  }

  /// `str.title`: a capital wherever a letter follows none.
  static func titled(_ text: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var isInWord = false
    for (index, scalar) in text.enumerated() {
      result += isInWord ? lower(text, at: index) : JinjaScalar.title(scalar)
      isInWord = JinjaScalar.isCased(scalar)
    }
    return result
  }

  /// `str.swapcase`.
  static func swapped(_ text: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    for (index, scalar) in text.enumerated() {
      if JinjaScalar.isUpper(scalar) {
        result += lower(text, at: index)
      } else {
        result += JinjaScalar.isLower(scalar) ? JinjaScalar.upper(scalar) : [scalar]
      }
    }
    return result
  }

  /// The small letters of the one at `index`: a sigma at the end of a word has one of its own.
  private static func lower(_ text: [UInt32], at index: Int) -> [UInt32] {
    text[index] == 0x3A3 ? [isFinal(text[...], index) ? 0x3C2 : 0x3C3] : JinjaScalar.lower(text[index])
  }

  /// Spaces or what else to the left and right of a text.
  static func padded(_ text: [UInt32], left: Int, right: Int, with fill: UInt32 = 0x20) -> [UInt32] {
    [UInt32](repeating: fill, count: max(left, 0)) + text + [UInt32](repeating: fill, count: max(right, 0))
  }

  /// Spaces to the left of a text in a field, by Python's rule for the odd one.
  static func leftMargin(_ count: Int, width: Int) -> Int {
    let margin = max(width - count, 0)
    return margin / 2 + (margin & width & 1)
  }
}

/// A search for one text in others: time linear in both (Knuth, Morris and Pratt 1977).
struct JinjaSearch {
  let pattern: [UInt32]
  /// For each place of the pattern, the length of its longest beginning that ends there.
  private let borders: [Int]

  init(_ pattern: [UInt32]) {
    self.pattern = pattern
    var borders = [Int](repeating: 0, count: pattern.count)
    var length = 0
    for index in pattern.indices.dropFirst() {
      while length > 0, pattern[index] != pattern[length] { length = borders[length - 1] }
      if pattern[index] == pattern[length] { length += 1 }
      borders[index] = length
    }
    self.borders = borders
  }

  /// The first place of the pattern, which is not empty.
  func first(in text: ArraySlice<UInt32>) -> Int? {
    var length = 0
    for index in text.indices {
      while length > 0, text[index] != pattern[length] { length = borders[length - 1] }
      if text[index] == pattern[length] { length += 1 }
      if length == pattern.count { return index + 1 - length }
    }
    return nil
  }

  /// The beginnings of all occurrences that do not overlap, from the left, at most `limit`.
  func all(in text: ArraySlice<UInt32>, limit: Int = .max) -> [Int] {
    var places: [Int] = []
    var rest = text
    while places.count < limit, let place = first(in: rest) {
      places.append(place)
      rest = text[(place + pattern.count)...]
    }
    return places
  }
}

extension JinjaContext {
  /// The first place of `pattern` in the text; of an empty one its start.
  func find(_ pattern: [UInt32], in text: ArraySlice<UInt32>) throws(Failure) -> Int? {
    try budget.spend(pattern.count + text.count)
    if pattern.isEmpty { return text.startIndex }
    return pattern.count > text.count ? nil : JinjaSearch(pattern).first(in: text)
  }

  /// The last place of `pattern` in the text.
  func findLast(_ pattern: [UInt32], in text: ArraySlice<UInt32>) throws(Failure) -> Int? {
    if pattern.isEmpty { return text.endIndex }
    let found = try find(pattern.reversed(), in: Array(text.reversed())[...])
    return found.map { text.endIndex - $0 - pattern.count }
  }

  /// The text between the occurrences of a separator, at most `limit` splits, from the left or from the right.
  func split(
    _ text: [UInt32], _ separator: [UInt32], limit: Int, fromRight: Bool = false
  ) throws(Failure) -> [ArraySlice<UInt32>] {
    try budget.spend(text.count + separator.count)
    var places: [Int]
    if fromRight {
      places = JinjaSearch(separator.reversed()).all(in: Array(text.reversed())[...], limit: limit)
      places = places.reversed().map { text.count - $0 - separator.count }
    } else {
      places = JinjaSearch(separator).all(in: text[...], limit: limit)
    }
    try budget.take(bytes: places.count * 64)
    var parts: [ArraySlice<UInt32>] = []
    var start = 0
    for place in places {
      parts.append(text[start..<place])
      start = place + separator.count
    }
    return parts + [text[start...]]
  }

  /// The text with occurrences of `old` replaced, at most `limit` ones; an empty `old` is found around each letter.
  func replace(_ text: [UInt32], _ old: [UInt32], _ new: [UInt32], limit: Int) throws(Failure) -> [UInt32] {
    guard !old.isEmpty else {
      let count = min(text.count + 1, limit)
      try reserve(size(text.count, plus: count, times: new.count))
      var result: [UInt32] = []
      for (index, scalar) in text.enumerated() { result += index < count ? new + [scalar] : [scalar] }
      return count > text.count ? result + new : result
    }
    let parts = try split(text, old, limit: limit)
    return try joined(parts, new)
  }

  /// Parts with a separator between them.
  func joined(_ parts: [ArraySlice<UInt32>], _ separator: [UInt32]) throws(Failure) -> [UInt32] {
    var count = 0
    for part in parts { count += part.count }
    try reserve(size(count, plus: parts.count, times: separator.count))
    return Array(parts.joined(separator: separator))
  }

  /// a + b c, or `Int.max` where that is too large.
  func size(_ a: Int, plus b: Int, times c: Int) -> Int {
    let product = b.multipliedReportingOverflow(by: c)
    let sum = a.addingReportingOverflow(product.partialValue)
    return product.overflow || sum.overflow ? .max : sum.partialValue
  }

  /// Text in which what means something in HTML is spelled by entities (`escape`).
  func escaped(_ text: JinjaText) throws(Failure) -> JinjaText {
    if text.isSafe { return text }
    var result: [UInt32] = []
    for scalar in text.scalars {
      switch scalar {
      case 0x26: result += "&amp;"
      case 0x3C: result += "&lt;"
      case 0x3E: result += "&gt;"
      case 0x27: result += "&#39;"
      case 0x22: result += "&#34;"
      default: result.append(scalar)
      }
    }
    try budget.take(bytes: result.count * 4)
    return JinjaText(result, isSafe: true)
  }

  /// A value as text that is safe.
  func escaped(_ value: JinjaValue) throws(Failure) -> JinjaText { try escaped(try string(value)) }
}
