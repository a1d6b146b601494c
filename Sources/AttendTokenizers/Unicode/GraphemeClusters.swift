/// Extended grapheme clusters (Unicode Standard Annex 29).
struct GraphemeBreaker {
  private enum Break: UInt32 {
    case other, cr, lf, control, extend, zwj, regionalIndicator, prepend, spacingMark, l, v, t, lv, lvt
  }

  private struct Properties {
    let kind: Break
    let isPictograph: Bool
    /// 0 none, 1 consonant, 2 extend, 3 linker.
    let conjunct: UInt32

    init(_ scalar: UInt32) {
      let table = UnicodeData.graphemeBreaks
      let bits = table.run(of: scalar).map { table.number($0, 4, 2) } ?? 0
      kind = Break(rawValue: bits & 15) ?? .other
      isPictograph = bits & 16 != 0
      conjunct = bits >> 5
    }
  }

  /// The end of the cluster that starts at `start`. `joinsConjuncts`: by rule GB9c, new in Unicode 15.1, conjuncts of
  /// Indic scripts are one.
  static func end(_ text: UnsafeBufferPointer<UInt8>, from start: Int, joinsConjuncts: Bool = true) -> Int {
    let (scalar, length) = UTF8Text.decode(text.baseAddress! + start)
    var place = start + length
    // A letter of ASCII before another: the rule for nearly all text.
    if scalar < 0x80, scalar != 13, place == text.count || text[place] < 0x80 { return place }
    var before = Properties(scalar)
    var indicators = before.kind == .regionalIndicator ? 1 : 0
    var afterPictograph = before.isPictograph
    var linked = joinsConjuncts && before.conjunct == 1  // a consonant, then extenders only
    var hasLinker = false
    while place < text.count {
      let (scalar, length) = UTF8Text.decode(text.baseAddress! + place)
      let next = Properties(scalar)
      let joins =
        isJoined(before.kind, next.kind) || linked && hasLinker && next.conjunct == 1
        || afterPictograph && before.kind == .zwj && next.isPictograph
        || before.kind == .regionalIndicator && next.kind == .regionalIndicator && indicators % 2 == 1
      if !joins { return place }
      indicators = next.kind == .regionalIndicator ? indicators + 1 : 0
      if next.isPictograph {
        afterPictograph = true
      } else if next.kind != .extend && next.kind != .zwj {
        afterPictograph = false
      }
      if next.conjunct == 1 {
        linked = joinsConjuncts
        hasLinker = false
      } else if next.conjunct == 0 {
        linked = false
      } else if next.conjunct == 3 {
        hasLinker = true
      }
      before = next
      place += length
    }
    return place
  }

  /// Rules GB3 to GB9b, which look at two scalars alone.
  private static func isJoined(_ before: Break, _ next: Break) -> Bool {
    switch (before, next) {
    case (.cr, .lf): true
    case (.cr, _), (.lf, _), (.control, _), (_, .cr), (_, .lf), (_, .control): false
    case (.l, .l), (.l, .v), (.l, .lv), (.l, .lvt), (.lv, .v), (.lv, .t), (.v, .v), (.v, .t), (.lvt, .t), (.t, .t): true
    case (_, .extend), (_, .zwj), (_, .spacingMark), (.prepend, _): true
    default: false
    }
  }
}
