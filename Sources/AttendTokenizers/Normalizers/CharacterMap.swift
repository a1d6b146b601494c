import AttendBase

/// SentencePiece's compiled character map: a double array in the format of darts-clone, and the texts that it points
/// to, each with a NUL behind it.
struct CharacterMap: Sendable {
  private let units: TextStorage<UInt32>
  private let texts: TextStorage<UInt8>

  /// Throws `invalidFile` for a blob that is cut or points outside itself, `outOfMemory`.
  init(_ blob: UnsafeBufferPointer<UInt8>, source: String) throws(Failure) {
    guard blob.count >= 4 else {
      throw Failure(.invalidFile, "\(source): a precompiled character map of \(blob.count) bytes is too short")
    }
    let size = Int(blob[0]) | Int(blob[1]) << 8 | Int(blob[2]) << 16 | Int(blob[3]) << 24
    guard size % 4 == 0, size >= 4, size <= blob.count - 4 else {
      throw Failure(
        .invalidFile,
        "\(source): the precompiled character map says that its trie has \(size) bytes, and has \(blob.count) in all")
    }
    var units = GrowingList<UInt32>(for: "a character map")
    try units.reserve(size / 4)
    for index in 0..<size / 4 {
      try units.append((0..<4).reduce(0) { $0 | UInt32(blob[4 + index * 4 + $1]) << UInt32($1 * 8) })
    }
    self.units = TextStorage(units)
    texts = try TextStorage(copying: UnsafeBufferPointer(rebasing: blob[(4 + size)...]))
  }

  /// Calls `body` with the length of each prefix of the text that the map holds and the place of its replacement,
  /// shortest first, until it returns false.
  private func forEachPrefix(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Int, Int) -> Bool) {
    var place = CharacterMap.offset(units[0])
    for index in range {
      let byte = UInt32(text[index])
      if byte == 0 { return }
      place ^= byte
      guard place < units.count, units[Int(place)] & 0x8000_00FF == byte else { return }
      let unit = units[Int(place)]
      place ^= CharacterMap.offset(unit)
      if unit >> 8 & 1 != 0, place < units.count,
        !body(index + 1 - range.lowerBound, Int(units[Int(place)] & 0x7FFF_FFFF))
      {
        return
      }
    }
  }

  private static func offset(_ unit: UInt32) -> UInt32 { (unit >> 10) << ((unit & 1 << 9) >> 6) }

  /// The replacement at a place, without its NUL, as long as the map lives; empty outside.
  private func text(_ place: Int) -> UnsafeRawBufferPointer {
    texts.withUnsafeBufferPointer { texts in
      let rest = texts[min(place, texts.count)...]
      return UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: rest.prefix { $0 != 0 }))
    }
  }

  /// The replacement of the shortest prefix, as Hugging Face's tokenizers look it up for a whole cluster.
  func shortest(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> UnsafeRawBufferPointer? {
    var found: UnsafeRawBufferPointer?
    forEachPrefix(text, range) { _, place in
      found = self.text(place)
      return false
    }
    return found
  }

  /// The longest prefix that the map holds and its replacement, as SentencePiece looks it up.
  func longest(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> (length: Int, text: UnsafeRawBufferPointer)?
  {
    var found: (Int, UnsafeRawBufferPointer)?
    forEachPrefix(text, range) { length, place in
      found = (length, self.text(place))
      return true
    }
    return found
  }
}

/// A compiled character map as Hugging Face's tokenizers apply it: to each grapheme cluster of less than six bytes as a
/// whole, or else scalar by scalar.
struct Precompiled: Normalizer {
  let map: CharacterMap
  /// ASCII characters that the map leaves alone.
  private let keeps: [Bool]

  init(_ map: CharacterMap) {
    self.map = map
    keeps = (0..<256).map { byte in
      byte < 128 && [UInt8(byte)].withUnsafeBufferPointer { map.shortest($0, 0..<1) } == nil
    }
  }

  func normalize(_ text: inout AlignedText) throws(Failure) {
    try text.rewrite(by: "the normalizer Precompiled") { writer in
      let source = writer.source
      var place = 0  // what lies between the writer's place and here stays as it is
      while place < source.count {
        if keeps[Int(source[place])], place + 1 == source.count || source[place + 1] < 0x80 {
          place += 1
          continue
        }
        writer.keep(place - writer.position)
        let end = GraphemeBreaker.end(source, from: place)
        if end - place < 6, let replacement = map.shortest(source, place..<end) {
          Precompiled.put(replacement, for: place..<end, &writer)
        } else {
          while writer.position < end {
            let range = writer.position..<writer.position + writer.next.length
            if let replacement = map.shortest(source, range) {
              Precompiled.put(replacement, for: range, &writer)
            } else {
              writer.keep(range.count)
            }
          }
        }
        place = end
      }
      writer.keep(place - writer.position)
    }
  }

  /// Writes a replacement: its scalars stand for those replaced one by one, those beyond are inserted, or those left
  /// vanish.
  private static func put(_ replacement: UnsafeRawBufferPointer, for range: Range<Int>, _ writer: inout TextRewriter) {
    UTF8Text.forEachScalar(repairing: replacement) { scalar in
      if writer.position < range.upperBound { writer.replaceNext(by: scalar) } else { writer.insert(scalar) }
    }
    writer.drop(range.upperBound - writer.position)
  }
}
