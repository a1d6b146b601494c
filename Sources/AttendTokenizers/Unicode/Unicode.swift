import AttendBase
import Synchronization

/// The general category of a scalar, in the order of the generated table (Unicode Standard, table 4-4).
enum GeneralCategory: UInt8, CaseIterable, Sendable {
  case uppercaseLetter, lowercaseLetter, titlecaseLetter, modifierLetter, otherLetter
  case nonspacingMark, spacingMark, enclosingMark
  case decimalNumber, letterNumber, otherNumber
  case connectorPunctuation, dashPunctuation, openPunctuation, closePunctuation, initialPunctuation, finalPunctuation,
    otherPunctuation
  case mathSymbol, currencySymbol, modifierSymbol, otherSymbol
  case spaceSeparator, lineSeparator, paragraphSeparator
  case control, format, surrogate, privateUse, unassigned

  /// Two letters, as in \p{Lu}.
  var code: String {
    let codes = "LuLlLtLmLoMnMcMeNdNlNoPcPdPsPePiPfPoSmScSkSoZsZlZpCcCfCsCoCn".utf8
    let start = codes.index(codes.startIndex, offsetBy: Int(rawValue) * 2)
    return String(Substring(codes[start..<codes.index(start, offsetBy: 2)]))
  }
}

/// The properties of a scalar that the tokenizer must know, in one word.
struct ScalarProperties {
  let bits: UInt16

  var category: GeneralCategory { GeneralCategory(rawValue: UInt8(truncatingIfNeeded: bits & 31))! }
  /// A mark (M), punctuation (P), number (N), other (C): by the place of the categories in their list.
  var isMark: Bool { (5...7).contains(bits & 31) }
  var isNumber: Bool { (8...10).contains(bits & 31) }
  var isPunctuation: Bool { (11...17).contains(bits & 31) }
  var isOther: Bool { bits & 31 >= 25 }
  var isLetter: Bool { bits & 31 <= 4 }
  var isNonspacingMark: Bool { bits & 31 == 5 }
  /// The White_Space property.
  var isWhitespace: Bool { bits & ScalarProperties.whitespace != 0 }
  /// The scalar alone is changed by the normalization form.
  func isChanged(by form: NormalizationForm) -> Bool {
    bits & (ScalarProperties.firstForm << UInt16(form.rawValue)) != 0
  }
  /// Canonical combining class other than 0.
  var isReordered: Bool { bits & ScalarProperties.reordered != 0 }
  /// The scalar may be the second one of a primary composite.
  var mayCompose: Bool { bits & ScalarProperties.composes != 0 }
  var hasLowercase: Bool { bits & ScalarProperties.lowercases != 0 }

  fileprivate static let whitespace: UInt16 = 1 << 5
  fileprivate static let firstForm: UInt16 = 1 << 6  // four of them
  fileprivate static let reordered: UInt16 = 1 << 10
  fileprivate static let composes: UInt16 = 1 << 11
  fileprivate static let lowercases: UInt16 = 1 << 12
  fileprivate static let isNew: UInt16 = 1 << 13

  // BERT's tokenizers were made with Unicode 8, and so are the vocabularies that they need: what is newer has no
  // category for them.

  /// Punctuation in Unicode 8.
  func isOldPunctuation(_ scalar: UInt32) -> Bool {
    isPunctuation && bits & ScalarProperties.isNew == 0 || scalar == 0x166D || scalar == 0x111C9
  }
  /// A nonspacing mark in Unicode 8.
  func isOldNonspacingMark(_ scalar: UInt32) -> Bool {
    isNonspacingMark && bits & ScalarProperties.isNew == 0 || scalar == 0x1734 || scalar == 0x1171E
  }
  /// A control, format or private use character in Unicode 8.
  var isOldControl: Bool {
    (category == .control || category == .format || category == .privateUse) && bits & ScalarProperties.isNew == 0
  }
}

/// NFC, NFD, NFKC, NFKD (Unicode Standard Annex 15), in the order of the quick check bits.
enum NormalizationForm: Int, Sendable {
  case nfc, nfd, nfkc, nfkd

  var composes: Bool { self == .nfc || self == .nfkc }
  var isCompatible: Bool { self == .nfkc || self == .nfkd }
}

/// Look-ups in the Unicode Character Database.
enum UnicodeData {
  static let categories = ScalarTable(UnicodeTables.categories, width: 5)
  static let scripts = ScalarTable(UnicodeTables.scripts, width: 6)
  static let graphemeBreaks = ScalarTable(UnicodeTables.graphemeBreaks, width: 6)
  static let combiningClasses = ScalarTable(UnicodeTables.combiningClasses, width: 6)
  static let quickChecks = ScalarTable(UnicodeTables.quickChecks, width: 5)
  static let lowercase = ScalarTable(UnicodeTables.lowercase, width: 8)
  static let caseFolding = ScalarTable(UnicodeTables.caseFolding, width: 8)

  /// The scalars of the White_Space property, as ranges.
  static let whitespace: [ClosedRange<UInt32>] = [
    0x9...0xD, 0x20...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
    0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000,
  ]

  /// Symbols that are alphabetic, and so parts of words: circled and squared letters (PropList.txt, Other_Alphabetic of
  /// category So).
  static let alphabeticSymbols: [ClosedRange<UInt32>] = [
    0x24B6...0x24E9, 0x1F130...0x1F149, 0x1F150...0x1F169, 0x1F170...0x1F189,
  ]

  /// The properties of every scalar of planes 0 to 3, made once: beyond them the tables are searched.
  nonisolated(unsafe) private static let made = Atomic<UnsafeMutableRawPointer?>(nil)  // retained

  /// Makes that table, unless it is there, so that nothing that reads texts asks for its memory. Throws `outOfMemory`.
  static func prepare() throws(Failure) {
    guard made.load(ordering: .acquiring) == nil else { return }
    let table = Unmanaged.passRetained(try ScalarPropertyTable())
    let isFirst = made.compareExchange(expected: nil, desired: table.toOpaque(), ordering: .acquiringAndReleasing)
      .exchanged
    if !isFirst { table.release() }
  }

  /// For loops: take it once.
  static var properties: ScalarPropertyTable {
    if let table = made.load(ordering: .acquiring) {
      return Unmanaged<ScalarPropertyTable>.fromOpaque(table).takeUnretainedValue()
    }
    do throws(Failure) { try prepare() } catch { fatalError(error.message) }
    return properties
  }

  static func category(of scalar: UInt32) -> GeneralCategory {
    GeneralCategory(rawValue: UInt8(categories.run(of: scalar).map { categories.number($0, 4, 1) } ?? 29))!
  }

  /// The index of the script in `scriptNames`.
  static func script(of scalar: UInt32) -> UInt32 { scripts.run(of: scalar).map { scripts.number($0, 4, 2) } ?? 0 }

  static let scriptNames: [String] = UnicodeTables.scriptNames.description.split(separator: " ").map(String.init)

  static func combiningClass(of scalar: UInt32) -> UInt32 {
    combiningClasses.run(of: scalar).map { combiningClasses.number($0, 4, 2) } ?? 0
  }

  /// The simple lowercase mapping, or the scalar itself. (U+0130 has a mapping of two scalars: see
  /// `lowercaseOfDottedI`.)
  static func lowercase(_ scalar: UInt32) -> UInt32 {
    lowercase.find(scalar).map { lowercase.number($0, 4, 4) } ?? scalar
  }

  /// U+0130 becomes i and U+0307 (SpecialCasing.txt).
  static let lowercaseOfDottedI: (UInt32, UInt32) = (0x69, 0x307)

  /// The simple case folding, or the scalar itself.
  static func caseFolding(_ scalar: UInt32) -> UInt32 {
    caseFolding.find(scalar).map { caseFolding.number($0, 4, 4) } ?? scalar
  }
}

/// `ScalarProperties` of every scalar, by index.
final class ScalarPropertyTable: @unchecked Sendable {
  private static let count = 0x40000
  private let memory: AlignedBuffer
  private let words: UnsafeMutablePointer<UInt16>

  fileprivate init() throws(Failure) {
    memory = try AlignedBuffer(ScalarPropertyTable.count, of: UInt16.self, for: "the properties of characters")
    words = memory.pointer()
    words.initialize(repeating: 0, count: ScalarPropertyTable.count)
    mark(UnicodeData.categories) { UInt16(UnicodeData.categories.number($0, 4, 1)) }
    mark(UnicodeData.quickChecks) { UInt16(UnicodeData.quickChecks.number($0, 4, 1)) * ScalarProperties.firstForm }
    mark(UnicodeData.combiningClasses) {
      UnicodeData.combiningClasses.number($0, 4, 2) > 0 ? ScalarProperties.reordered : 0
    }
    for range in UnicodeData.whitespace { for scalar in range { words[Int(scalar)] |= ScalarProperties.whitespace } }
    for index in 0..<UnicodeData.lowercase.count {
      mark(UnicodeData.lowercase.scalar(index), ScalarProperties.lowercases)
    }
    mark(0x130, ScalarProperties.lowercases)
    for index in 0..<Compositions.table.count {
      mark(Compositions.table.number(index, 4, 4), ScalarProperties.composes)
    }
    let newer = ScalarTable(UnicodeTables.sinceUnicode8, width: 8)
    for index in 0..<newer.count {
      for scalar in newer.scalar(index)...newer.number(index, 4, 4) { mark(scalar, ScalarProperties.isNew) }
    }
    for jamo in Hangul.secondParts { mark(jamo, ScalarProperties.composes) }
  }

  private func mark(_ scalar: UInt32, _ bits: UInt16) {
    if scalar < ScalarPropertyTable.count { words[Int(scalar)] |= bits }
  }

  private func mark(_ runs: ScalarTable, _ bits: (Int) -> UInt16) {
    for index in 0..<runs.count {
      let start = Int(runs.scalar(index)), value = bits(index)
      let end = index + 1 < runs.count ? Int(runs.scalar(index + 1)) : ScalarPropertyTable.count
      guard value != 0, start < ScalarPropertyTable.count else { continue }
      for scalar in start..<min(end, ScalarPropertyTable.count) { words[scalar] |= value }
    }
  }

  @inline(__always) subscript(scalar: UInt32) -> ScalarProperties {
    if scalar < ScalarPropertyTable.count { return ScalarProperties(bits: words[Int(scalar)]) }
    return beyond(scalar)
  }

  /// Planes 4 to 16: private use, tags and variation selectors, of which no bit but the category is set.
  @inline(never) private func beyond(_ scalar: UInt32) -> ScalarProperties {
    ScalarProperties(bits: UInt16(UnicodeData.category(of: scalar).rawValue))
  }
}
