extension PostProcessor {
  func process(
    _ encoding: inout Encoding, _ tokenizer: Tokenizer, _ text: UnsafeRawBufferPointer, added: Set<Int>,
    _ addSpecialTokens: Bool
  ) {
    switch self {
    case .template(let items): encoding = PostProcessor.apply(items, encoding, addSpecialTokens)
    case .trimOffsets(let prefixSpace):
      for index in encoding.ids.indices {
        // An added token may have taken white space of the text along; any other is spelled by the vocabulary.
        let offsets = encoding.offsets[index]
        let stretch = UnsafeRawBufferPointer(rebasing: text[Int(offsets.byteStart)..<Int(offsets.byteEnd)])
        guard let spelling = added.contains(index) ? stretch : tokenizer.token(encoding.ids[index]) else { continue }
        PostProcessor.trim(&encoding.offsets[index], spelling, isFirst: index == 0, prefixSpace, text)
      }
    }
  }

  private static func apply(_ items: [Item], _ sequence: Encoding, _ addSpecialTokens: Bool) -> Encoding {
    var result = Encoding()
    for item in items {
      switch item {
      case .sequence(let type):
        result.ids += sequence.ids
        result.offsets += sequence.offsets
        result.isSpecial += sequence.isSpecial
        result.typeIDs += repeatElement(type, count: sequence.ids.count)
      case .token(let id, let type):
        guard addSpecialTokens else { continue }
        result.ids.append(id)
        result.offsets.append(TokenOffsets())
        result.isSpecial.append(true)
        result.typeIDs.append(type)
      }
    }
    return result
  }

  private static func trim(
    _ offsets: inout TokenOffsets, _ spelling: UnsafeRawBufferPointer, isFirst: Bool, _ prefixSpace: Bool,
    _ text: UnsafeRawBufferPointer
  ) {
    var (leading, trailing) = spaces(spelling)
    if leading == 1, isFirst || offsets.scalarStart == 0, prefixSpace { leading = 0 }
    for _ in 0..<leading where offsets.scalarStart < offsets.scalarEnd {
      offsets.byteStart += Int32(abs(UTF8Text.sequence(text, at: Int(offsets.byteStart))))
      offsets.scalarStart += 1
    }
    guard Int(offsets.scalarEnd) >= trailing else { return }
    for _ in 0..<trailing where offsets.scalarEnd > offsets.scalarStart {
      repeat {
        offsets.byteEnd -= 1
      } while offsets.byteEnd > offsets.byteStart && UTF8Text.isContinuation(text[Int(offsets.byteEnd)])
      offsets.scalarEnd -= 1
    }
  }

  /// How many spaces a token begins and ends with: white space, or the letter that stands for a space among byte-level
  /// letters.
  private static func spaces(_ spelling: UnsafeRawBufferPointer) -> (Int, Int) {
    func isSpace(_ scalar: UInt32) -> Bool { scalar == 0x120 || UnicodeData.properties[scalar].isWhitespace }
    // Most tokens neither begin nor end with what may be a space.
    guard let first = spelling.first, let last = spelling.last,
      first <= 0x20 || first >= 0x80 || last <= 0x20 || last >= 0x80
    else { return (0, 0) }
    let scalars = UTF8Text.scalars(UTF8Text.repaired(Array(spelling)))
    return (scalars.prefix(while: isSpace).count, scalars.reversed().prefix(while: isSpace).count)
  }
}
