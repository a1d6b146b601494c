import AttendBase
import AttendCheckpoints

/// A set of strings that a keyword describes.
final class StringLanguage {
  enum Source: Hashable {
    /// Found somewhere in the string.
    case pattern(Pattern)
    /// One of these.
    case texts([[UInt8]])
  }

  let source: Source
  /// A schema that has it, for messages.
  let schema: JSON
  fileprivate var automaton: PatternAutomaton?

  init(_ source: Source, _ schema: JSON) { (self.source, self.schema) = (source, schema) }
}

/// Strings of so many characters that are in some languages and outside others. A set of strings is a union of these.
struct StringRange: Hashable {
  var least = 0
  var most: Int?
  /// The only strings, where they can be listed; nothing else restricts them then.
  var finite: [[UInt8]]?
  /// Languages by number.
  var wanted: [Int] = []
  var unwanted: [Int] = []

  static let all = StringRange()

  var isAll: Bool { self == .all }
}

extension [UInt8] {
  /// Characters of a text in UTF-8.
  var scalarCount: Int { reduce(0) { $0 + ($1 & 0xC0 != 0x80 ? 1 : 0) } }
}

extension SchemaSets {
  /// The number of a language; equal ones have one number. `schema` is where it is first met.
  func language(_ source: StringLanguage.Source, _ schema: JSON? = nil) -> Int {
    if let known = languageNumbers[source] { return known }
    languages.append(StringLanguage(source, schema ?? document.root))
    languageNumbers[source] = languages.count - 1
    return languages.count - 1
  }

  /// The automaton of a language over characters, made when it is first needed.
  func automaton(_ number: Int) throws(Failure) -> PatternAutomaton {
    let language = languages[number]
    if let made = language.automaton { return made }
    let result: PatternAutomaton
    switch language.source {
    case .pattern(let pattern):
      let whole = pattern.anchored
      do throws(Failure) {
        result = try PatternAutomaton(PatternProgram(whole ?? pattern, whole: whole != nil))
      } catch {
        throw failure("pattern", of: language.schema, error.message)
      }
    case .texts(let all): result = .texts(all.map { Array(String(decoding: $0, as: UTF8.self).unicodeScalars) })
    }
    language.automaton = result
    return result
  }

  /// Whether a language has a text.
  func contains(_ language: Int, _ text: [UInt8]) throws(Failure) -> Bool {
    if case .texts(let all) = languages[language].source { return all.contains(text) }
    return try automaton(language).accepts(String(decoding: text, as: UTF8.self).unicodeScalars)
  }

  /// Whether a string lies in a range.
  func contains(_ range: StringRange, _ text: [UInt8]) throws(Failure) -> Bool {
    if let finite = range.finite { return finite.contains(text) }
    if range.least > 0 || range.most != nil {
      let count = text.scalarCount
      if count < range.least || range.most.map({ count > $0 }) ?? false { return false }
    }
    for language in range.wanted where try !contains(language, text) { return false }
    for language in range.unwanted where try contains(language, text) { return false }
    return true
  }

  /// The strings of both; nil where there are certainly none.
  func meet(_ one: StringRange, _ other: StringRange) throws(Failure) -> StringRange? {
    if one.isAll { return other }
    if other.isAll { return one }
    if one.finite != nil || other.finite != nil {
      let (list, range) = one.finite != nil ? (one.finite!, other) : (other.finite!, one)
      var kept: [[UInt8]] = []
      for text in list where try contains(range, text) { kept.append(text) }
      return kept.isEmpty ? nil : StringRange(finite: kept)
    }
    var result = one
    result.least = max(one.least, other.least)
    result.most = [one.most, other.most].compactMap { $0 }.min()
    if let most = result.most, most < result.least { return nil }
    for language in other.wanted where !result.wanted.contains(language) { result.wanted.append(language) }
    for language in other.unwanted where !result.unwanted.contains(language) { result.unwanted.append(language) }
    return result.wanted.contains(where: result.unwanted.contains) ? nil : result
  }

  /// The strings outside a range.
  func complement(_ range: StringRange) -> [StringRange] {
    if let finite = range.finite { return [StringRange(unwanted: [language(.texts(finite))])] }
    var result: [StringRange] = []
    if range.least > 0 { result.append(StringRange(most: range.least - 1)) }
    if let most = range.most { result.append(StringRange(least: most + 1)) }
    for language in range.wanted { result.append(StringRange(unwanted: [language])) }
    for language in range.unwanted {
      if case .texts(let all) = languages[language].source {
        result.append(StringRange(finite: all))
      } else {
        result.append(StringRange(wanted: [language]))
      }
    }
    return result
  }

  /// Whether no string lies in a range.
  func isEmpty(_ range: StringRange) throws(Failure) -> Bool {
    if let finite = range.finite { return finite.isEmpty }
    if let most = range.most, most < range.least { return true }
    guard !range.wanted.isEmpty else {
      // Only what is left out: endless strings remain, unless the length is bounded or a pattern takes all of them.
      let endless =
        range.most == nil
        && range.unwanted.allSatisfy { number in
          if case .texts = languages[number].source { true } else { false }
        }
      if endless || range.unwanted.isEmpty { return false }
      return try isEmptyProduct(range)
    }
    if range.wanted.count == 1, range.unwanted.isEmpty, range.least == 0, range.most == nil,
      case .pattern(let pattern) = languages[range.wanted[0]].source, pattern.anchored != nil
    {
      return false
    }
    return try isEmptyProduct(range)
  }

  private func isEmptyProduct(_ range: StringRange) throws(Failure) -> Bool {
    if let known = emptyRanges[range] { return known }
    var automata: [PatternAutomaton] = []
    for number in range.wanted + range.unwanted { automata.append(try automaton(number)) }
    let count = range.wanted.count
    let product = PatternProduct(Array(automata[..<count]), without: Array(automata[count...]), range.least, range.most)
    let result = try product.isEmpty()
    emptyRanges[range] = result
    return result
  }
}
