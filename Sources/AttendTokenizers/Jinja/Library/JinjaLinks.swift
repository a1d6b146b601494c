import AttendBase

/// Links in place of what looks like an address (`urlize`), in text that is escaped already.
struct JinjaLinks {
  /// The number of characters of an address that are shown; nil for all.
  let shown: Int?
  /// More attributes of a link, each with a space before it.
  let attributes: [UInt32]
  /// Beginnings of addresses besides those of the web and of mail.
  let schemes: [JinjaText]

  private typealias Word = ArraySlice<UInt32>

  /// The filter's arguments, checked.
  init(_ call: JinjaCall, _ context: JinjaContext) throws(Failure) {
    let names = ["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"]
    let bound = try call.bind("urlize", names, context).map { $0.flatMap { $0.isNone ? nil : $0 } }
    shown = try context.integer(bound[0], "urlize")
    guard let rel = bound[3].map({ $0.isTrue ? $0.text : "" }) ?? "" else {
      throw context.refused("the rel of urlize should be text")
    }
    var relations = Set(JinjaTexts.words(rel.scalars[...], limit: .max).map { JinjaText($0) })
    relations.insert("noopener")
    if bound[1]?.isTrue ?? false { relations.insert("nofollow") }
    let joined = try context.joined(relations.sorted().map { $0.scalars[...] }, [0x20])
    var attributes = JinjaText(" rel=\"").scalars + (try context.escaped(JinjaText(joined)).scalars) + [0x22]
    if let target = bound[2], target.isTrue {
      attributes += JinjaText(" target=\"").scalars + (try context.escaped(target).scalars) + [0x22]
    }
    self.attributes = attributes
    var schemes: [JinjaText] = []
    for scheme in try bound[4].map({ (list) throws(Failure) in try context.items(of: list) }) ?? [] {
      guard let text = scheme.text, JinjaLinks.isScheme(text.scalars[...]) else {
        throw context.refused("\(try context.string(scheme).string) is not a valid URI scheme prefix.")
      }
      schemes.append(text)
    }
    self.schemes = schemes
  }

  /// The text with its links; white space stays as it is.
  func applied(to text: [UInt32], _ context: JinjaContext) throws(Failure) -> [UInt32] {
    try context.budget.spend(8 * text.count)
    var result: [UInt32] = []
    var rest = text[...]
    while let first = rest.first {
      let isSpace = JinjaScalar.isSpace(first)
      let end = rest.firstIndex { JinjaScalar.isSpace($0) != isSpace } ?? rest.endIndex
      let written = isSpace ? Array(rest[..<end]) : linked(rest[..<end])
      try context.budget.take(bytes: 4 * written.count)
      result += written
      rest = rest[end...]
    }
    return result
  }

  /// A word, with a link in it where it is an address between brackets and marks of punctuation.
  private func linked(_ word: Word) -> [UInt32] {
    let (start, end) = JinjaLinks.bounds(word)
    let address = word[start..<end]
    return Array(word[..<start] + link(address) + word[end...])
  }

  private func link(_ address: Word) -> Word {
    func starts(_ text: JinjaText) -> Bool { address.starts(with: text.scalars) }
    func anchor(_ target: Word, _ more: [UInt32], _ shown: Word) -> Word {
      JinjaText("<a href=\"").scalars + target + [0x22] + more + [0x3E] + shown + JinjaText("</a>").scalars
    }
    if JinjaLinks.isWebAddress(address) {
      let hasScheme = starts("https://") || starts("http://")
      return anchor(hasScheme ? address : JinjaText("https://").scalars + address, attributes, shortened(address))
    }
    if starts("mailto:"), JinjaLinks.isMailAddress(address.dropFirst(7)) {
      return anchor(address, [], address.dropFirst(7))
    }
    if !starts("www."), !starts("@"), !address.contains(0x3A), JinjaLinks.isMailAddress(address) {
      return anchor(JinjaText("mailto:").scalars + address, [], address)
    }
    let isKnown = schemes.contains { address.count != $0.count && starts($0) }
    return isKnown ? anchor(address, attributes, address) : address
  }

  private func shortened(_ address: Word) -> Word {
    guard let shown, address.count > shown else { return address }
    let kept = shown < 0 ? address.dropLast(shown == .min ? .max : -shown) : address.prefix(shown)
    return kept + [0x2E, 0x2E, 0x2E]
  }

  // MARK: Where an address begins and ends

  private static let less = JinjaText("&lt;").scalars
  private static let greater = JinjaText("&gt;").scalars

  /// The part of a word without opening brackets before it, and closing ones and punctuation after it; as many of those
  /// as close what was opened within the part belong to it.
  private static func bounds(_ word: Word) -> (start: Int, end: Int) {
    var start = word.startIndex
    while start < word.endIndex {
      if [0x28, 0x3C].contains(word[start]) {
        start += 1
      } else if word[start...].starts(with: less) {
        start += less.count
      } else {
        break
      }
    }
    var end = word.endIndex
    while end > start {
      if [0x29, 0x3E, 0x2E, 0x2C].contains(word[end - 1]) {
        end -= 1
      } else if word[start..<end].suffix(greater.count).elementsEqual(greater) {
        end -= greater.count
      } else {
        break
      }
    }
    for (opening, closing) in [([0x28], [0x29]), ([0x3C], [0x3E]), (less, greater)] {
      let opened = JinjaSearch(opening).all(in: word[start..<end]).count
      guard opened > JinjaSearch(closing).all(in: word[start..<end]).count else { continue }
      if let last = JinjaSearch(closing).all(in: word[end...], limit: opened).last { end = last + closing.count }
    }
    return (start, end)
  }

  // MARK: What is an address

  private static func isScheme(_ text: Word) -> Bool {
    guard let colon = text.firstIndex(of: 0x3A), colon >= 2 else { return false }
    let slashes = text[(colon + 1)...]
    return text[..<colon].allSatisfy { JinjaScalar.isWord($0) || [0x2E, 0x2B, 0x2D].contains($0) }
      && slashes.count <= 2 && slashes.allSatisfy { $0 == 0x2F }
  }

  /// The small letter that a letter is without regard to case, where that is one of ASCII.
  private static func small(_ scalar: UInt32) -> UInt32 {
    switch scalar {
    case 0x41...0x5A: scalar + 32
    case 0x130, 0x131: 0x69
    case 0x17F: 0x73
    case 0x212A: 0x6B
    default: scalar
    }
  }

  /// The text after a beginning, whatever the case of either.
  private static func after(_ beginning: JinjaText, in text: Word) -> Word? {
    let isThere = text.prefix(beginning.count).map(small).elementsEqual(beginning.scalars)
    return isThere ? text.dropFirst(beginning.count) : nil
  }

  private static func isWebAddress(_ text: Word) -> Bool {
    if isHost(text, where: isNameOfKnownDomain) { return true }
    if let rest = after("www.", in: text), isHost(rest, where: isName) { return true }
    guard let rest = after("http://", in: text) ?? after("https://", in: text) else { return false }
    return isHost(rest, where: isName) || isHost(rest, where: isAddressOfFour) || isHostOfSix(rest)
  }

  /// Whether a text is a host, then perhaps a port and a path.
  private static func isHost(_ text: Word, where isRight: ([Word]) -> Bool) -> Bool {
    let end = text.firstIndex { !JinjaScalar.isWord($0) && ![0x25, 0x2D, 0x2E].contains($0) } ?? text.endIndex
    guard isPortAndPath(text[end...]) else { return false }
    return isRight(text[..<end].split(separator: 0x2E, omittingEmptySubsequences: false))
  }

  private static func isPortAndPath(_ text: Word) -> Bool {
    var rest = text
    if rest.first == 0x3A {
      let digits = rest.dropFirst().prefix(while: JinjaScalar.isDecimal)
      guard (1...5).contains(digits.count) else { return false }
      rest = rest[digits.endIndex...]
    }
    return rest.first.map { [0x2F, 0x3F, 0x23].contains($0) } ?? true
  }

  private static func isName(_ labels: [Word]) -> Bool {
    guard let last = labels.last, labels.dropLast().allSatisfy({ !$0.isEmpty }) else { return false }
    if let rest = after("xn--", in: last), (2...59).contains(rest.count) { return !rest.contains(0x2D) }
    return (2...63).contains(last.count) && last.allSatisfy { (0x61...0x7A).contains(small($0)) }
  }

  private static let domains: Set<JinjaText> = ["com", "net", "int", "edu", "gov", "org", "info", "mil"]

  private static func isNameOfKnownDomain(_ labels: [Word]) -> Bool {
    guard labels.count > 1, let last = labels.last else { return false }
    return labels.dropLast().allSatisfy { (2...63).contains($0.count) } && domains.contains(JinjaText(last.map(small)))
  }

  private static func isAddressOfFour(_ labels: [Word]) -> Bool {
    labels.count == 4 && labels.allSatisfy { (1...3).contains($0.count) && $0.allSatisfy(JinjaScalar.isDecimal) }
  }

  /// An address of IPv6 in brackets: two groups with their colons, then at most six with or without.
  private static func isHostOfSix(_ text: Word) -> Bool {
    guard text.first == 0x5B, let end = text.firstIndex(of: 0x5D), isPortAndPath(text[(end + 1)...]) else {
      return false
    }
    var rest = text[(text.startIndex + 1)..<end]
    for group in 0..<8 {
      let digits = rest.prefix(4).prefix { JinjaNumber.hexadecimalDigit($0) != nil || JinjaScalar.isDecimal($0) }
      rest = rest[digits.endIndex...]
      if rest.first == 0x3A {
        rest = rest.dropFirst()
      } else if group < 2 {
        return false
      }
    }
    return rest.isEmpty
  }

  private static func isMailAddress(_ text: Word) -> Bool {
    guard let at = text.lastIndex(of: 0x40), at > text.startIndex else { return false }
    let host = text[(at + 1)...]
    guard let first = host.first, JinjaScalar.isWord(first), let dot = host.lastIndex(of: 0x2E) else { return false }
    return host.allSatisfy { JinjaScalar.isWord($0) || $0 == 0x2E || $0 == 0x2D }
      && dot + 1 < host.endIndex && !host[dot...].contains(0x2D)
  }
}
