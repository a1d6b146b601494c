import AttendBase
import AttendCheckpoints
import AttendModels
import AttendTokenizers

/// The languages that a tokenizer has tokens for: "fr_XX" (mBART), "fra_Latn" (NLLB), "__fr__" (M2M100), and as targets
/// ">>fr<<" (Marian).
struct Languages {
  private let tokenizer: Tokenizer

  /// Names that an error lists.
  private static let listed = 20

  init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  /// The token of a target language, and whether it stands before the source and not before the output.
  func target(_ name: String) throws(Failure) -> (token: Int32, isInSource: Bool) {
    for spelling in [">>\(name)<<", name] where Languages.isTarget(spelling) {
      if let token = id(spelling) { return (token, true) }
    }
    return (try token(name, "tgt_lang"), false)
  }

  /// A source as the tokenizer writes it, with the token of another source language.
  func mark(_ ids: UnsafeBufferPointer<Int32>, with token: Int32) throws(Failure) -> GrowingList<Int32> {
    var marked = GrowingList<Int32>(for: "a source")
    try marked.append(contentsOf: ids)
    for place in [0, ids.count - 1] where place >= 0 && isLanguage(ids[place]) {
      marked[place] = token
      return marked
    }
    // The tokenizer's template has no place for it: mBART's stands at the end, those of the others at the beginning.
    let isMBart = ["MBartTokenizer", "MBartTokenizerFast"].contains(try tokenizer.info.get().className)
    try marked.insert(token, at: isMBart ? ids.count : 0)
    return marked
  }

  /// The token of a language, by its name as the tokenizer spells it, without marks, or without the country or script
  /// where there is no other. Throws `invalidArgument`, which lists the nearest names, for one that there is not.
  func token(_ name: String, _ option: String) throws(Failure) -> Int32 {
    for spelling in [name, "__\(name)__"] { if let token = id(spelling) { return token } }
    var known = Languages.List()
    var (shortened, count) = (Int32(-1), 0)
    for id in 0..<Int32(truncatingIfNeeded: tokenizer.size) {
      guard let spelling = self.spelling(id) else { continue }
      let isSource = Languages.isLanguage(spelling)
      guard isSource || option == "tgt_lang" && Languages.isTarget(spelling) else { continue }
      if isSource, spelling.hasPrefix("\(name)_") { (shortened, count) = (id, count + 1) }
      known.add(spelling, for: name)
    }
    if count == 1 { return shortened }
    throw Failure(
      .invalidArgument, "\(option): the tokenizer has no token for the language '\(name)'; \(known.text)")
  }

  private func id(_ spelling: String) -> Int32? {
    var spelling = spelling
    return spelling.withUTF8 { tokenizer.id(of: UnsafeRawBufferPointer($0)) }
  }

  /// A token as text, of those that are short enough to name a language.
  private func spelling(_ id: Int32) -> String? {
    guard let bytes = tokenizer.token(id), (4...16).contains(bytes.count) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func isLanguage(_ id: Int32) -> Bool { spelling(id).map(Languages.isLanguage) ?? false }

  // MARK: Spellings

  private static func isLower(_ text: Substring) -> Bool { text.utf8.allSatisfy { (0x61...0x7A).contains($0) } }

  private static func isCode(_ text: Substring) -> Bool { (2...3).contains(text.utf8.count) && isLower(text) }

  /// Whether a token is spelled as one of a language.
  static func isLanguage(_ spelling: String) -> Bool {
    if spelling.hasPrefix("__"), spelling.hasSuffix("__"), spelling.utf8.count > 4 {
      return isCode(spelling.dropFirst(2).dropLast(2))
    }
    let parts = spelling.split(separator: "_", omittingEmptySubsequences: false)
    guard parts.count == 2, isCode(parts[0]), (2...4).contains(parts[1].utf8.count) else { return false }
    let letters = Array(parts[1].utf8)
    return (0x41...0x5A).contains(letters[0]) && letters.allSatisfy { (0x61...0x7A).contains($0 | 0x20) }
  }

  /// Whether a token is spelled as one of a target that stands before the source.
  static func isTarget(_ spelling: String) -> Bool {
    guard spelling.hasPrefix(">>"), spelling.hasSuffix("<<"), spelling.utf8.count > 4 else { return false }
    return spelling.utf8.dropFirst(2).dropLast(2).allSatisfy { $0 != 0x3C && $0 != 0x3E }
  }

  // MARK: Near names

  /// The names that are nearest to one that is unknown, by the letters that differ (Levenshtein 1966).
  private struct List {
    private var names: [(name: String, distance: Int)] = []
    private var count = 0

    /// Keeps a name if it is among the nearest; of equally near ones the first.
    mutating func add(_ name: String, for unknown: String) {
      count += 1
      let bare = name.utf8.filter { $0 != 0x5F && $0 != 0x3C && $0 != 0x3E }.map { $0 | 0x20 }
      let distance = List.distance(bare, unknown.utf8.prefix(32).map { $0 | 0x20 })
      let place = names.firstIndex { $0.distance > distance } ?? names.count
      guard place < Languages.listed else { return }
      names.insert((name, distance), at: place)
      if names.count > Languages.listed { names.removeLast() }
    }

    var text: String {
      guard count > 0 else { return "it has none of any language" }
      return "there are \(names.map(\.name).joined(separator: ", "))" + (count > names.count ? ", ..." : "")
    }

    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
      var row = Array(0...other.count)
      for (i, letter) in one.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, otherLetter) in other.enumerated() {
          let replaced = diagonal + (letter == otherLetter ? 0 : 1)
          diagonal = row[j + 1]
          row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
        }
      }
      return row[other.count]
    }
  }
}
