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

  static func decompose(_ syllable: UInt32, _ body: (UInt32) -> Void) {
    let index = syllable - syllables.lowerBound
    body(leading + index / 588)
    body(vowel + index % 588 / 28)
    if index % 28 > 0 { body(trailing + index % 28) }
  }
}

/// A scalar of a normalized text and how it relates to the scalars of the text before: 1 = inserted, 0 = stands for the
/// next one, -n = stands for the next one and n more that vanish.
struct NormalizedScalar {
  var scalar: UInt32
  var change: Int
}

/// Brings scalars into a normalization form, one stretch between safe places at a time.
struct ScalarNormalizer {
  let form: NormalizationForm
  private static let canonical = ScalarTable(UnicodeTables.canonicalDecompositions, width: 8)
  private static let compatible = ScalarTable(UnicodeTables.compatibilityDecompositions, width: 8)
  private static let pool = ScalarTable(UnicodeTables.decompositionPool, width: 4)

  init(_ form: NormalizationForm) { self.form = form }

  /// Whether a text may be cut before this scalar and both parts normalized apart: it starts, and joins nothing before
  /// it.
  @inline(__always) func isSafe(_ properties: ScalarProperties) -> Bool {
    !(properties.isReordered || properties.mayCompose || properties.isChanged(by: form))
  }

  /// Normalizes one stretch, in place.
  func normalize(_ scalars: inout [NormalizedScalar]) {
    var decomposed: [NormalizedScalar] = []
    decomposed.reserveCapacity(scalars.count)
    for scalar in scalars { decompose(scalar.scalar, into: &decomposed) }
    ScalarNormalizer.reorder(&decomposed)
    if form.composes { ScalarNormalizer.compose(&decomposed) }
    scalars = decomposed
  }

  /// Appends the full decomposition of a scalar: its first part stands for it, the others are inserted.
  private func decompose(_ scalar: UInt32, into result: inout [NormalizedScalar]) {
    let first = result.count
    if Hangul.syllables.contains(scalar) {
      Hangul.decompose(scalar) { result.append(NormalizedScalar(scalar: $0, change: 1)) }
    } else if form.isCompatible, let index = ScalarNormalizer.compatible.find(scalar) {
      ScalarNormalizer.expand(ScalarNormalizer.compatible, index, into: &result)
    } else if let index = ScalarNormalizer.canonical.find(scalar) {
      ScalarNormalizer.expand(ScalarNormalizer.canonical, index, into: &result)
    } else {
      result.append(NormalizedScalar(scalar: scalar, change: 1))
    }
    result[first].change = 0
  }

  private static func expand(_ table: ScalarTable, _ index: Int, into result: inout [NormalizedScalar]) {
    let place = Int(table.number(index, 4, 3))
    for offset in 0..<Int(table.number(index, 7, 1)) {
      result.append(NormalizedScalar(scalar: pool.scalar(place + offset), change: 1))
    }
  }

  /// The canonical ordering algorithm: runs of combining classes above 0 are sorted, equal ones keep their order.
  private static func reorder(_ scalars: inout [NormalizedScalar]) {
    let table = UnicodeData.properties
    var start = 0
    while start < scalars.count {
      guard table[scalars[start].scalar].isReordered else {
        start += 1
        continue
      }
      var end = start + 1
      while end < scalars.count, table[scalars[end].scalar].isReordered { end += 1 }
      if end - start > 1 {
        let run = scalars[start..<end].enumerated().map { (UnicodeData.combiningClass(of: $1.scalar), $0, $1) }
        for (offset, item) in run.sorted(by: { ($0.0, $0.1) < ($1.0, $1.1) }).enumerated() {
          scalars[start + offset] = item.2
        }
      }
      start = end
    }
  }

  /// The canonical composition algorithm. A composite takes over the changes of its parts, less the one that vanishes.
  private static func compose(_ scalars: inout [NormalizedScalar]) {
    var starter: Int?
    var lastClass: UInt32?  // of the scalar kept before this one since the starter
    var kept = 0
    for index in scalars.indices {
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
    scalars.removeSubrange(kept...)
  }
}
