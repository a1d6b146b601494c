import AttendBase

/// Times as subtitles write them: milliseconds, the nearest to the seconds, halves to the even one.
enum TranscriptTime {
  /// Hours always, and a comma before the milliseconds: 00:01:02,500.
  case srt
  /// Hours from the first one on, and a point: 01:02.500, 01:00:00.000.
  case webVTT

  /// Times beyond this, 317 years, are no times of a recording.
  private static let maximalSeconds = 1e10

  static func check(_ start: Double, _ end: Double) throws(Failure) {
    guard start >= 0, start <= end, end <= maximalSeconds else {
      throw Failure(
        .invalidArgument, "a text from \(start) s to \(end) s; expected times from 0 on, the end not before the start")
    }
  }

  func append(_ seconds: Double, to text: inout GrowingList<UInt8>) throws(Failure) {
    var rest = Int((seconds * 1000).rounded(.toNearestOrEven))
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60)
    rest %= 60_000
    if self == .srt || hours > 0 {
      try number(hours, 2, &text)
      try text.append(UInt8(ascii: ":"))
    }
    try number(minutes, 2, &text)
    try text.append(UInt8(ascii: ":"))
    try number(rest / 1000, 2, &text)
    try text.append(self == .srt ? UInt8(ascii: ",") : UInt8(ascii: "."))
    try number(rest % 1000, 3, &text)
  }

  private func number(_ value: Int, _ digits: Int, _ text: inout GrowingList<UInt8>) throws(Failure) {
    let spelled = String(value)
    for _ in 0..<max(digits - spelled.utf8.count, 0) { try text.append(UInt8(ascii: "0")) }
    for byte in spelled.utf8 { try text.append(byte) }
  }
}
