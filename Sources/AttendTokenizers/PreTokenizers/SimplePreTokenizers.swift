import AttendBase

/// The rules of single scalars that pre-tokenizers split at.
enum SplitRules {
  static let whitespace = ScalarPattern { _, properties in properties.isWhitespace }
  static let numbers = ScalarPattern { _, properties in properties.isNumber }

  /// Punctuation of Unicode, and all of ASCII that is neither letter, digit nor space.
  static let punctuation = ScalarPattern { scalar, properties in
    scalar < 0x80
      ? (0x21...0x2F).contains(scalar) || (0x3A...0x40).contains(scalar) || (0x5B...0x60).contains(scalar)
        || (0x7B...0x7E).contains(scalar) : properties.isOldPunctuation(scalar)
  }
}

/// BERT's splitting: white space goes, each punctuation mark stands alone.
struct BertPreTokenizer: PreTokenizer {
  func apply(_ text: inout PreTokenizedText) throws(Failure) {
    let table = UnicodeData.properties
    try text.split { bytes, range, list in
      var start = range.lowerBound  // of the word that is being read
      var place = start
      while place < range.upperBound {
        var scalar = UInt32(bytes[place]), length = 1
        if scalar >= 0x80 { (scalar, length) = UTF8Text.decode(bytes.baseAddress! + place) }
        let properties = table[scalar]
        let isSymbol = scalar < 0x80 ? BertPreTokenizer.isAsciiPunctuation(scalar) : properties.isOldPunctuation(scalar)
        if isSymbol || properties.isWhitespace {
          list.add(start, place)
          if isSymbol { list.add(place, place + length) }
          start = place + length
        }
        place += length
      }
      list.add(start, range.upperBound)
    }
  }

  @inline(__always) private static func isAsciiPunctuation(_ scalar: UInt32) -> Bool {
    scalar > 0x20 && scalar < 0x7F && !(scalar &- 0x30 < 10) && !((scalar | 0x20) &- 0x61 < 26)
  }
}

/// Splits where the script changes. Hiragana and Katakana count as Han; spaces and unassigned scalars belong to the
/// script before them, and what stands before the first scalar of a script is left out, as Hugging Face's tokenizers
/// do.
struct UnicodeScripts: PreTokenizer {
  private static let han = UInt32(UnicodeData.scriptNames.firstIndex(of: "Han")!)
  private static let unknown = UInt32(UnicodeData.scriptNames.firstIndex(of: "Unknown")!)
  private static let kana: [UInt32] = ["Hiragana", "Katakana"].map {
    UInt32(UnicodeData.scriptNames.firstIndex(of: $0)!)
  }

  func apply(_ text: inout PreTokenizedText) throws(Failure) {
    try text.split { bytes, range, list in
      var last = UnicodeScripts.unknown
      var start = range.upperBound
      var place = range.lowerBound
      while place < range.upperBound {
        let (scalar, length) = UTF8Text.decode(bytes.baseAddress! + place)
        let script = UnicodeScripts.script(scalar)
        if script != UnicodeScripts.unknown, script != last {
          list.add(start, place)
          start = place
          last = script
        }
        place += length
      }
      list.add(start, range.upperBound)
    }
  }

  private static func script(_ scalar: UInt32) -> UInt32 {
    if scalar == 0x20 { return unknown }
    if scalar == 0x30FC { return han }
    let script = UnicodeData.script(of: scalar)
    return kana.contains(script) ? han : script
  }
}

/// Pieces of a fixed number of scalars.
struct FixedLength: PreTokenizer {
  let length: Int

  func apply(_ text: inout PreTokenizedText) throws(Failure) {
    try text.split { bytes, range, list in
      var start = range.lowerBound, count = 0
      var place = start
      while place < range.upperBound {
        place += UTF8Text.length(first: bytes[place])
        count += 1
        if count == length {
          list.add(start, place)
          start = place
          count = 0
        }
      }
      list.add(start, range.upperBound)
    }
  }
}
