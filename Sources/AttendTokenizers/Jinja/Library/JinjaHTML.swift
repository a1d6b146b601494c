import AttendBase

extension JinjaContext {
  /// Text without tags and comments, white space as one space, entities as what they stand for (`striptags`).
  func withoutTags(_ text: JinjaText) throws(Failure) -> [UInt32] {
    try budget.spend(2 * text.count)
    let scalars = text.scalars[...]
    // Ends that are not there are looked for once.
    let lastTagEnd = scalars.lastIndex(of: 0x3E) ?? -1
    var kept: [UInt32] = []
    var rest = scalars
    while let start = rest.firstIndex(of: 0x3C) {
      let isComment = rest[start...].starts(with: [0x3C, 0x21, 0x2D, 0x2D])
      guard start < lastTagEnd else { break }
      var end: Int?
      if isComment {
        end = JinjaSearch([0x2D, 0x2D, 0x3E]).first(in: rest[(start + 4)...]).map { $0 + 3 }
      } else {
        end = rest[start...].firstIndex(of: 0x3E).map { $0 + 1 }
      }
      guard let end else { break }
      kept += rest[..<start]
      rest = rest[end...]
    }
    kept += rest
    let words = JinjaTexts.words(kept[...], limit: .max)
    return unescaped(Array(words.joined(separator: [0x20])))
  }

  /// Text with its character references resolved: those by number, and the names of HTML 4 for Latin letters and signs.
  private func unescaped(_ text: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    var rest = text[...]
    while let scalar = rest.popFirst() {
      guard scalar == 0x26, let (reference, length) = JinjaContext.reference(rest.prefix(40)) else {
        result.append(scalar)
        continue
      }
      result += reference
      rest = rest.dropFirst(length)
    }
    return result
  }

  /// The characters that a reference behind an ampersand stands for, and its length.
  private static func reference(_ text: ArraySlice<UInt32>) -> (scalars: [UInt32], length: Int)? {
    guard text.first == 0x23 else {
      let name = text.prefix { JinjaScalar.isAlphanumeric($0) && $0 < 0x80 }
      guard let scalar = names[JinjaText(name).string] else { return nil }
      let isClosed = name.endIndex < text.endIndex && text[name.endIndex] == 0x3B
      return isClosed ? ([scalar], name.count + 1) : nil
    }
    let isHexadecimal = text.dropFirst().first.map { $0 | 0x20 == 0x78 } ?? false
    let digits = text.dropFirst(isHexadecimal ? 2 : 1).prefix {
      isHexadecimal ? JinjaNumber.hexadecimalDigit($0) != nil : (0x30...0x39).contains($0)
    }
    guard !digits.isEmpty else { return nil }
    let isClosed = digits.endIndex < text.endIndex && text[digits.endIndex] == 0x3B
    let length = digits.endIndex - text.startIndex + (isClosed ? 1 : 0)
    let code = digits.reduce(UInt32(0)) {
      min($0 * (isHexadecimal ? 16 : 10) + UInt32(JinjaNumber.hexadecimalDigit($1) ?? 0), 0x110000)
    }
    let isCharacter = code < 0x110000 && !(0xD800..<0xE000).contains(code) && code != 0
    return ([isCharacter ? code : 0xFFFD], length)
  }

  private static let names: [String: UInt32] = {
    let latin = """
      nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro
      para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil
      Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave
      Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml
      igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute
      thorn yuml
      """
    var names: [String: UInt32] = [
      "amp": 0x26, "lt": 0x3C, "gt": 0x3E, "quot": 0x22, "apos": 0x27, "ndash": 0x2013, "mdash": 0x2014,
      "lsquo": 0x2018, "rsquo": 0x2019, "ldquo": 0x201C, "rdquo": 0x201D, "bull": 0x2022, "hellip": 0x2026,
      "euro": 0x20AC, "trade": 0x2122, "larr": 0x2190, "uarr": 0x2191, "rarr": 0x2192, "darr": 0x2193,
    ]
    for (index, name) in latin.split(whereSeparator: \.isWhitespace).enumerated() {
      names[String(name)] = 0xA0 + UInt32(index)
    }
    return names
  }()
}

extension JinjaNumber {
  static func hexadecimalDigit(_ scalar: UInt32) -> UInt8? {
    if (0x30...0x39).contains(scalar) { return UInt8(scalar - 0x30) }
    return (0x61...0x66).contains(scalar | 0x20) ? UInt8((scalar | 0x20) - 0x61 + 10) : nil
  }
}
