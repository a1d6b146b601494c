import AttendBase

/// The cleaning of BERT (Devlin et al. 2018, its BasicTokenizer).
struct BertNormalizer: Normalizer {
  /// Control characters vanish, white space becomes a space.
  let cleansText: Bool
  /// Spaces are put around Chinese characters.
  let separatesChinese: Bool
  let stripsAccents: Bool
  let lowercases: Bool

  func normalize(_ text: inout AlignedText) throws(Failure) {
    if cleansText || separatesChinese { try clean(&text) }
    if stripsAccents {
      try UnicodeNormalizer(form: .nfd).normalize(&text)
      try Filter { scalar, properties in !properties.isOldNonspacingMark(scalar) }.normalize(&text)
    }
    if lowercases { try Lowercase().normalize(&text) }
  }

  private func clean(_ text: inout AlignedText) throws(Failure) {
    let table = UnicodeData.properties
    try text.rewrite(by: "the normalizer BertNormalizer") { writer in
      var kept = 0  // ASCII that stays as it is and is not copied yet
      while writer.position + kept < writer.source.count {
        let byte = writer.source[writer.position + kept]
        if byte &- 0x20 < 0x5F {
          kept += 1
          continue
        }
        writer.keep(kept)
        kept = 0
        let (scalar, length) = writer.next
        let properties = table[scalar]
        let isBreak = scalar == 9 || scalar == 10 || scalar == 13
        if cleansText, scalar == 0 || scalar == 0xFFFD || !isBreak && properties.isOldControl {
          writer.drop(length)
        } else if cleansText, isBreak || properties.isWhitespace {
          writer.replaceNext(by: 0x20)
        } else if separatesChinese, BertNormalizer.isChinese(scalar) {
          writer.insert(0x20, sharing: writer.position)
          writer.keep(length)
          writer.insert(0x20)
        } else {
          writer.keep(length)
        }
      }
      writer.keep(kept)
    }
  }

  /// The blocks that BERT takes for Chinese, with the gap that it leaves.
  static func isChinese(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}

/// Leaves out the scalars that a rule does not keep.
struct Filter: Normalizer {
  private let keeps: @Sendable (UInt32, ScalarProperties) -> Bool

  init(_ keeps: @escaping @Sendable (UInt32, ScalarProperties) -> Bool) { self.keeps = keeps }

  func normalize(_ text: inout AlignedText) throws(Failure) {
    let table = UnicodeData.properties
    func firstDropped(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
      var place = start
      while place < text.count {
        let (scalar, length) = UTF8Text.decode(text.baseAddress! + place)
        if !keeps(scalar, table[scalar]) { break }
        place += length
      }
      return place
    }
    let first = text.bytes.withUnsafeBufferPointer { firstDropped($0, 0) }
    guard first < text.bytes.count else { return }
    try text.rewrite(by: "the normalizer StripAccents") { writer in
      writer.keep(first)
      while !writer.isAtEnd {
        writer.drop(writer.next.length)
        writer.keep(firstDropped(writer.source, writer.position) - writer.position)
      }
    }
  }
}
