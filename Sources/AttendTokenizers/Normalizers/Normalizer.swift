import AttendBase

/// A change of a text before it is split. Immutable.
protocol Normalizer: Sendable { func normalize(_ text: inout AlignedText) throws(Failure) }

/// One after another.
struct NormalizerSequence: Normalizer {
  let parts: [any Normalizer]

  func normalize(_ text: inout AlignedText) throws(Failure) { for part in parts { try part.normalize(&text) } }
}

/// NFC, NFD, NFKC, NFKD.
struct UnicodeNormalizer: Normalizer {
  let form: NormalizationForm

  func normalize(_ text: inout AlignedText) throws(Failure) {
    let normalizer = ScalarNormalizer(form)
    let table = UnicodeData.properties
    guard let first = text.bytes.withUnsafeBufferPointer({ firstUnsafe($0, from: 0, normalizer, table) }) else {
      return
    }
    var stretch = NormalizedStretch(normalizer)
    try text.rewrite(by: "Unicode normalization") { writer throws(Failure) in
      var unsafe: Int? = first
      while let place = unsafe {
        // The stretch begins with the scalar before, which the unsafe one may join, and goes on to the next safe one.
        var start = place
        if start > writer.position { start -= UTF8Text.decodeBackward(writer.source.baseAddress! + start).length }
        writer.keep(start - writer.position)
        stretch.removeAll()
        var end = start
        while end < writer.source.count {
          let (scalar, length) = UTF8Text.decode(writer.source.baseAddress! + end)
          if end > place, normalizer.isSafe(table[scalar]) { break }
          try stretch.append(scalar)
          end += length
        }
        for item in try stretch.finish() { writer.put(item.scalar, change: item.change) }
        writer.drop(end - writer.position)
        unsafe = firstUnsafe(writer.source, from: end, normalizer, table)
      }
      writer.keep(writer.source.count - writer.position)
    }
  }

  /// The first scalar from `start` on that normalization may change.
  private func firstUnsafe(
    _ text: UnsafeBufferPointer<UInt8>, from start: Int, _ normalizer: ScalarNormalizer, _ table: ScalarPropertyTable
  ) -> Int? {
    var place = start
    while place < text.count {
      if text[place] < 0x80 {
        place += 1
        continue
      }
      let (scalar, length) = UTF8Text.decode(text.baseAddress! + place)
      if !normalizer.isSafe(table[scalar]) { return place }
      place += length
    }
    return nil
  }
}

/// Lower case, scalar by scalar.
struct Lowercase: Normalizer {
  func normalize(_ text: inout AlignedText) throws(Failure) {
    let table = UnicodeData.properties
    try text.rewrite(by: "the normalizer Lowercase") { writer in
      while !writer.isAtEnd {
        let (scalar, length) = writer.next
        if scalar < 0x80 {
          writer.replaceNext(by: scalar &- 0x41 < 26 ? scalar | 0x20 : scalar)
        } else if !table[scalar].hasLowercase {
          writer.keep(length)
        } else if scalar == 0x130 {
          writer.replaceNext(by: UnicodeData.lowercaseOfDottedI.0)
          writer.insert(UnicodeData.lowercaseOfDottedI.1)
        } else {
          writer.replaceNext(by: UnicodeData.lowercase(scalar))
        }
      }
    }
  }
}
