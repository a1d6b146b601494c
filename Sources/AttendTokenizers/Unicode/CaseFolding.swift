/// Case folding (Unicode Standard, section 3.13; CaseFolding.txt), by which regular expressions ignore case.
enum CaseFolding {
  /// Foldings of several scalars, by scalar: ß becomes ss.
  private static let full: [UInt32: [UInt32]] = {
    let table = ScalarTable(UnicodeTables.fullCaseFolding, width: 16)
    var foldings: [UInt32: [UInt32]] = [:]
    for index in 0..<table.count {
      let third = table.number(index, 12, 4)
      foldings[table.scalar(index)] =
        [table.number(index, 4, 4), table.number(index, 8, 4)] + (third == 0 ? [] : [third])
    }
    return foldings
  }()

  /// The scalars that fold to each sequence of several.
  private static let sources: [[UInt32]: [UInt32]] = Dictionary(grouping: full.keys.sorted()) { full[$0]! }

  /// The scalars that fold to each single one, itself left out.
  private static let singleSources: [UInt32: [UInt32]] = {
    var sources: [UInt32: [UInt32]] = [:]
    let table = UnicodeData.caseFolding
    for index in 0..<table.count { sources[table.number(index, 4, 4), default: []].append(table.scalar(index)) }
    return sources
  }()

  /// The longest folding of a scalar.
  static let longest = 3

  /// The folding of a text.
  static func fold(_ text: [UInt32]) -> [UInt32] {
    text.flatMap { full[$0] ?? [UnicodeData.caseFolding($0)] }
  }

  /// The scalars that fold to exactly this one, which is folded.
  static func variants(of scalar: UInt32) -> ScalarSet {
    ScalarSet(([scalar] + (singleSources[scalar] ?? [])).map { $0...$0 })
  }

  /// The scalars that fold to exactly this sequence of several.
  static func variants(of text: ArraySlice<UInt32>) -> ScalarSet {
    ScalarSet((sources[Array(text)] ?? []).map { $0...$0 })
  }

  /// The foldings of several scalars that scalars of the set have.
  static func sequences(of set: ScalarSet) -> [[UInt32]] {
    sources.filter { $0.value.contains { set.contains($0) } }.keys.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// The set with every scalar that differs from one of its own only by case.
  static func closure(of set: ScalarSet) -> ScalarSet {
    let table = UnicodeData.caseFolding
    var folded: Set<UInt32> = []
    for index in 0..<table.count {
      let scalar = table.scalar(index), fold = table.number(index, 4, 4)
      if set.contains(scalar) || set.contains(fold) { folded.insert(fold) }
    }
    var added = folded.map { $0...$0 }
    for fold in folded { added += (singleSources[fold] ?? []).map { $0...$0 } }
    for group in sources.values where group.contains(where: { set.contains($0) }) { added += group.map { $0...$0 } }
    return ScalarSet(set.ranges + added)
  }
}
