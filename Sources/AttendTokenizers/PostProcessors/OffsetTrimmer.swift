import AttendBase

/// Takes white space off the offsets of the tokens of one text.
struct OffsetTrimmer {
  let trims: [Bool]
  let tokenizer: Tokenizer
  let text: UnsafeRawBufferPointer

  /// The offsets of a token without white space; `isFirst`: it is the first of its window.
  func trimmed(_ offsets: TokenOffsets, _ token: FoundToken, isFirst: Bool) -> TokenOffsets {
    guard !trims.isEmpty else { return offsets }
    // An added token may have taken white space of the text along; any other is spelled by the vocabulary.
    let stretch = UnsafeRawBufferPointer(rebasing: text[Int(offsets.byteStart)..<Int(offsets.byteEnd)])
    guard let spelling = token.isAdded ? stretch : tokenizer.token(token.id) else { return offsets }
    let (leading, trailing) = OffsetTrimmer.spaces(spelling)
    var offsets = offsets
    for prefixSpace in trims {
      let keepsOne = leading == 1 && prefixSpace && (isFirst || offsets.scalarStart == 0)
      trim(&offsets, leading: keepsOne ? 0 : leading, trailing: trailing)
    }
    return offsets
  }

  private func trim(_ offsets: inout TokenOffsets, leading: Int, trailing: Int) {
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

  /// The number of spaces that a token begins and ends with: white space, or the letter of a space among byte-level
  /// letters.
  private static func spaces(_ spelling: UnsafeRawBufferPointer) -> (Int, Int) {
    func isSpace(_ scalar: UInt32) -> Bool { scalar == 0x120 || UnicodeData.properties[scalar].isWhitespace }
    // Most tokens neither begin nor end with what may be a space.
    guard let first = spelling.first, let last = spelling.last,
      first <= 0x20 || first >= 0x80 || last <= 0x20 || last >= 0x80
    else { return (0, 0) }
    var (leading, trailing, isAtStart) = (0, 0, true)
    UTF8Text.forEachScalar(repairing: spelling) { scalar in
      trailing = isSpace(scalar) ? trailing + 1 : 0
      isAtStart = isAtStart && trailing > 0
      if isAtStart { leading += 1 }
    }
    return (leading, trailing)
  }
}
