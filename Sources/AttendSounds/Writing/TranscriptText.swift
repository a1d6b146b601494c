import AttendBase

/// Texts as the formats of subtitles and JSON can hold them.
enum TranscriptText {
  /// Appends the lines of a cue, each with its end: without spaces at the ends of the text and without empty lines,
  /// which would end the cue. WebVTT has `&`, `<` and `>` by name, as they begin tags there; SubRip has none, and the
  /// arrow of its times is written shorter, as Whisper's writer does.
  static func appendLines(
    _ bytes: UnsafeBufferPointer<UInt8>, escaping: Bool, into output: inout GrowingList<UInt8>
  ) throws(Failure) {
    var place = 0
    while place < bytes.count {
      var limit = bytes[place...].firstIndex(where: isEnd) ?? bytes.count
      let next = limit + 1
      while place < limit, isSpace(bytes[place]) { place += 1 }
      while place < limit, isSpace(bytes[limit - 1]) { limit -= 1 }
      if place < limit {
        try appendLine(UnsafeBufferPointer(rebasing: bytes[place..<limit]), escaping, &output)
        try output.append(UInt8(ascii: "\n"))
      }
      place = next
    }
  }

  private static func isEnd(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }
  private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

  private static func appendLine(
    _ line: UnsafeBufferPointer<UInt8>, _ escaping: Bool, _ output: inout GrowingList<UInt8>
  ) throws(Failure) {
    let arrow: [UInt8] = Array("-->".utf8)
    for (index, byte) in line.enumerated() {
      switch byte {
      case UInt8(ascii: "&") where escaping: try append("&amp;", &output)
      case UInt8(ascii: "<") where escaping: try append("&lt;", &output)
      case UInt8(ascii: ">") where escaping: try append("&gt;", &output)
      // Of the arrow the first dash goes.
      case UInt8(ascii: "-") where !escaping && line[index...].starts(with: arrow): break
      default: try output.append(byte)
      }
    }
  }

  private static func append(_ text: StaticString, _ output: inout GrowingList<UInt8>) throws(Failure) {
    try output.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
