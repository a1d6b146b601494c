import AttendBase

/// Primary composites (UAX 15), those of Hangul by arithmetic (Unicode Standard, section 3.12).
enum Compositions {
  static let table = ScalarTable(UnicodeTables.compositions, width: 12)

  /// The primary composite of two scalars.
  static func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if let syllable = Hangul.composite(first, second) { return syllable }
    guard var index = table.run(of: first) else { return nil }
    while table.scalar(index) == first {
      if table.number(index, 4, 4) == second { return table.number(index, 8, 4) }
      guard index > 0 else { return nil }
      index -= 1
    }
    return nil
  }
}

/// Hangul syllables: 19 leading consonants, 21 vowels, 27 trailing consonants.
enum Hangul {
  static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
  private static let leading: UInt32 = 0x1100, vowel: UInt32 = 0x1161, trailing: UInt32 = 0x11A7

  /// Vowels and trailing consonants: what composes with what stands before it.
  static var secondParts: [UInt32] { Array(vowel..<vowel + 21) + Array(trailing + 1..<trailing + 28) }

  static func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if first >= leading, first < leading + 19, second >= vowel, second < vowel + 21 {
      return syllables.lowerBound + ((first - leading) * 21 + (second - vowel)) * 28
    }
    if syllables.contains(first), (first - syllables.lowerBound) % 28 == 0, second > trailing, second < trailing + 28 {
      return first + (second - trailing)
    }
    return nil
  }

  static func decompose(_ syllable: UInt32, _ body: (UInt32) throws(Failure) -> Void) throws(Failure) {
    let index = syllable - syllables.lowerBound
    try body(leading + index / 588)
    try body(vowel + index % 588 / 28)
    if index % 28 > 0 { try body(trailing + index % 28) }
  }
}

/// A scalar of a normalized text and how it relates to the scalars of the text before: 1 = inserted, 0 = stands for the
/// next one, -n = stands for the next one and n more that vanish.
struct NormalizedScalar {
  var scalar: UInt32
  var change: Int
}

/// The changes of a normalization form.
struct ScalarNormalizer {
  let form: NormalizationForm

  init(_ form: NormalizationForm) { self.form = form }

  /// Whether a text may be cut before this scalar and both parts normalized apart: it starts, and joins nothing before
  /// it.
  @inline(__always) func isSafe(_ properties: ScalarProperties) -> Bool {
    !(properties.isReordered || properties.mayCompose || properties.isChanged(by: form))
  }
}

/// A stretch between two safe places on its way into a normalization form. Its memory serves one after another.
struct NormalizedStretch: ~Copyable {
  private let normalizer: ScalarNormalizer
  private var scalars = GrowingList<NormalizedScalar>(for: "the normalization of a text")
  private static let canonical = ScalarTable(UnicodeTables.canonicalDecompositions, width: 8)
  private static let compatible = ScalarTable(UnicodeTables.compatibilityDecompositions, width: 8)
  private static let pool = ScalarTable(UnicodeTables.decompositionPool, width: 4)

  init(_ normalizer: ScalarNormalizer) { self.normalizer = normalizer }

  mutating func removeAll() { scalars.removeAll() }

  /// The scalars that were appended, normalized, until others come.
  mutating func finish() throws(Failure) -> UnsafeMutableBufferPointer<NormalizedScalar> {
    try reorder()
    if normalizer.form.composes { compose() }
    return scalars.elements
  }

  /// Appends the full decomposition of a scalar: its first part stands for it, the others are inserted.
  mutating func append(_ scalar: UInt32) throws(Failure) {
    let first = scalars.count
    if Hangul.syllables.contains(scalar) {
      try Hangul.decompose(scalar) { part throws(Failure) in
        try scalars.append(NormalizedScalar(scalar: part, change: 1))
      }
    } else if normalizer.form.isCompatible, let index = NormalizedStretch.compatible.find(scalar) {
      try expand(NormalizedStretch.compatible, index)
    } else if let index = NormalizedStretch.canonical.find(scalar) {
      try expand(NormalizedStretch.canonical, index)
    } else {
      try scalars.append(NormalizedScalar(scalar: scalar, change: 1))
    }
    scalars[first].change = 0
  }

  private mutating func expand(_ table: ScalarTable, _ index: Int) throws(Failure) {
    let place = Int(table.number(index, 4, 3))
    for offset in 0..<Int(table.number(index, 7, 1)) {
      try scalars.append(NormalizedScalar(scalar: NormalizedStretch.pool.scalar(place + offset), change: 1))
    }
  }

  /// The canonical ordering algorithm: runs of combining classes above 0 are sorted, equal ones keep their order.
  private mutating func reorder() throws(Failure) {
    let table = UnicodeData.properties
    var start = 0
    while start < scalars.count {
      guard table[scalars[start].scalar].isReordered else {
        start += 1
        continue
      }
      var end = start + 1
      while end < scalars.count, table[scalars[end].scalar].isReordered { end += 1 }
      try reorder(start..<end)
      start = end
    }
  }

  private func reorder(_ range: Range<Int>) throws(Failure) {
    func precedes(_ one: NormalizedScalar, _ other: NormalizedScalar) -> Bool {
      UnicodeData.combiningClass(of: one.scalar) < UnicodeData.combiningClass(of: other.scalar)
    }
    let scalars = scalars.elements
    guard range.dropFirst().contains(where: { precedes(scalars[$0], scalars[$0 - 1]) }) else { return }
    var run = GrowingList<NormalizedScalar>(for: "the normalization of a text")
    try run.append(contentsOf: UnsafeBufferPointer(rebasing: UnsafeBufferPointer(scalars)[range]))
    try run.sort(by: precedes)
    for (place, scalar) in zip(range, run.elements) { scalars[place] = scalar }
  }

  /// The canonical composition algorithm. A composite takes over the changes of its parts, less the one that vanishes.
  private mutating func compose() {
    var starter: Int?
    var lastClass: UInt32?  // of the scalar kept before this one since the starter
    var kept = 0
    for index in 0..<scalars.count {
      let item = scalars[index]
      let combiningClass = UnicodeData.combiningClass(of: item.scalar)
      if let start = starter, lastClass == nil || lastClass! < combiningClass,
        let composite = Compositions.composite(scalars[start].scalar, item.scalar)
      {
        scalars[start] = NormalizedScalar(scalar: composite, change: scalars[start].change + item.change - 1)
        continue
      }
      scalars[kept] = item
      if combiningClass == 0 {
        starter = kept
        lastClass = nil
      } else {
        lastClass = combiningClass
      }
      kept += 1
    }
    scalars.removeAll(from: kept)
  }
}
