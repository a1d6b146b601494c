import AttendBase

/// Wraps a line of text at a width, as Python's `textwrap.wrap`.
struct JinjaWrapping {
  let width: Int
  let breaksLongWords: Bool
  let breaksOnHyphens: Bool

  private static func isSpace(_ scalar: UInt32) -> Bool { (0x09...0x0D).contains(scalar) || scalar == 0x20 }
  private static func isBlank(_ chunk: ArraySlice<UInt32>) -> Bool { chunk.allSatisfy(JinjaScalar.isSpace) }

  func lines(_ text: ArraySlice<UInt32>) -> [[UInt32]] {
    var rest = Array(chunks(text).reversed())
    var lines: [[UInt32]] = []
    while !rest.isEmpty {
      if !lines.isEmpty, JinjaWrapping.isBlank(rest[rest.count - 1]) { rest.removeLast() }
      var (line, count): ([ArraySlice<UInt32>], Int) = ([], 0)
      while let chunk = rest.last, count + chunk.count <= width {
        line.append(rest.removeLast())
        count += chunk.count
      }
      if let chunk = rest.last, chunk.count > width { breakWord(&rest, &line, room: width - count) }
      if let last = line.last, JinjaWrapping.isBlank(last) { line.removeLast() }
      if !line.isEmpty { lines.append(Array(line.joined())) }
    }
    return lines
  }

  /// Takes what fits from a word that is longer than a line, or all of it where words are not broken.
  private func breakWord(_ rest: inout [ArraySlice<UInt32>], _ line: inout [ArraySlice<UInt32>], room: Int) {
    let chunk = rest[rest.count - 1]
    guard breaksLongWords else {
      if line.isEmpty { line.append(rest.removeLast()) }
      return
    }
    var end = room
    if breaksOnHyphens, let hyphen = chunk.prefix(room).lastIndex(of: 0x2D), hyphen > chunk.startIndex,
      chunk[..<hyphen].contains(where: { $0 != 0x2D })
    {
      end = hyphen - chunk.startIndex + 1
    }
    line.append(chunk.prefix(end))
    rest[rest.count - 1] = chunk.dropFirst(end)
  }

  /// Words, the white space between them, and the parts of words that may stand on lines of their own.
  private func chunks(_ text: ArraySlice<UInt32>) -> [ArraySlice<UInt32>] {
    var chunks: [ArraySlice<UInt32>] = []
    var rest = text
    while let first = rest.first {
      let end: Int
      if JinjaWrapping.isSpace(first) {
        end = rest.firstIndex { !JinjaWrapping.isSpace($0) } ?? rest.endIndex
      } else if breaksOnHyphens {
        end = dashEnd(text, rest.startIndex) ?? wordEnd(text, rest.startIndex)
      } else {
        end = rest.firstIndex(where: JinjaWrapping.isSpace) ?? rest.endIndex
      }
      chunks.append(rest[..<end])
      rest = rest[end...]
    }
    return chunks
  }

  /// The end of a dash of two hyphens or more between words, where one begins at `start`.
  private func dashEnd(_ text: ArraySlice<UInt32>, _ start: Int) -> Int? {
    guard start > text.startIndex, text[start] == 0x2D else { return nil }
    let before = text[start - 1]
    guard JinjaScalar.isWord(before) || [0x21, 0x22, 0x27, 0x26, 0x2E, 0x2C, 0x3F].contains(before) else { return nil }
    let end = text[start...].firstIndex { $0 != 0x2D } ?? text.endIndex
    return end - start >= 2 && end < text.endIndex && JinjaScalar.isWord(text[end]) ? end : nil
  }

  /// The end of the word or of its first part that begins at `start`.
  private func wordEnd(_ text: ArraySlice<UInt32>, _ start: Int) -> Int {
    func isLetter(_ place: Int) -> Bool {
      guard place >= text.startIndex, place < text.endIndex else { return false }
      return JinjaScalar.isWord(text[place]) && !JinjaScalar.isDecimal(text[place])
    }
    func isHyphen(_ place: Int) -> Bool { place >= text.startIndex && place < text.endIndex && text[place] == 0x2D }
    var end = start + 1
    while end < text.endIndex, !JinjaWrapping.isSpace(text[end]) {
      let follows = isLetter(end + 1) && (isLetter(end + 2) || isHyphen(end + 2) && isLetter(end + 3))
      let precedes = isLetter(end - 1) && (isLetter(end - 2) || isHyphen(end - 2) && isLetter(end - 3))
      if isHyphen(end), precedes, follows { return end + 1 }
      if isHyphen(end), dashEnd(text, end) != nil { return end }
      end += 1
    }
    return end
  }
}
