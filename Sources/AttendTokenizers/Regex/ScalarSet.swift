/// A set of scalars: sorted ranges that neither touch nor overlap. Surrogates may be in it and are never met.
struct ScalarSet: Hashable, Sendable {
  private(set) var ranges: [ClosedRange<UInt32>] = []

  static let last: UInt32 = 0x10FFFF
  static let all = ScalarSet(0...last)

  init() {}
  init(_ range: ClosedRange<UInt32>) { ranges = [range] }
  init(_ scalar: UInt32) { ranges = [scalar...scalar] }

  /// Ranges in any order.
  init(_ ranges: [ClosedRange<UInt32>]) {
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = self.ranges.last, range.lowerBound <= last.upperBound &+ 1 {
        self.ranges[self.ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        self.ranges.append(range)
      }
    }
  }

  /// The scalars of the general categories that `body` accepts.
  init(categories body: (GeneralCategory) -> Bool) {
    let table = UnicodeData.categories
    var found: [ClosedRange<UInt32>] = []
    for index in 0..<table.count where body(GeneralCategory(rawValue: UInt8(table.number(index, 4, 1)))!) {
      found.append(table.scalar(index)...(index + 1 < table.count ? table.scalar(index + 1) - 1 : ScalarSet.last))
    }
    self.init(found)
  }

  /// The scalars of a script, by its index.
  init(script: UInt32) {
    let table = UnicodeData.scripts
    var found: [ClosedRange<UInt32>] = []
    for index in 0..<table.count where table.number(index, 4, 2) == script {
      found.append(table.scalar(index)...(index + 1 < table.count ? table.scalar(index + 1) - 1 : ScalarSet.last))
    }
    self.init(found)
  }

  static let whitespace = ScalarSet(UnicodeData.whitespace)
  static let hexadecimalDigits = ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
  static let decimalNumbers = ScalarSet(categories: { $0 == .decimalNumber })

  /// \w of Unicode Technical Standard 18: alphabetic, mark, decimal number, connector punctuation.
  static let word = ScalarSet(categories: {
    switch $0 {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
      .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .connectorPunctuation:
      true
    default: false
    }
  }).union(ScalarSet(UnicodeData.alphabeticSymbols))

  var isEmpty: Bool { ranges.isEmpty }

  func contains(_ scalar: UInt32) -> Bool {
    var low = 0, high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(scalar)
  }

  func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

  var complement: ScalarSet {
    var result = ScalarSet()
    var start: UInt32 = 0
    for range in ranges {
      if range.lowerBound > start { result.ranges.append(start...range.lowerBound - 1) }
      start = range.upperBound + 1
    }
    if start <= ScalarSet.last { result.ranges.append(start...ScalarSet.last) }
    return result
  }

  func intersection(_ other: ScalarSet) -> ScalarSet { complement.union(other.complement).complement }
}

extension ScalarSet {
  /// Whether a scalar with these properties is in `word`, without a search.
  static func isWord(_ scalar: UInt32, _ properties: ScalarProperties) -> Bool {
    switch properties.category {
    case .decimalNumber, .letterNumber, .connectorPunctuation: true
    case .otherSymbol: UnicodeData.alphabeticSymbols.contains { $0.contains(scalar) }
    default: properties.isLetter || properties.isMark
    }
  }
}
