import Glibc

/// A key that was pressed.
enum Key {
  case text(Character)
  case control(Character)
  case enter, tab, backspace, delete, left, right, up, down, home, end, wordLeft, wordRight
  case unknown
}

/// The bytes of a terminal as keys.
enum Keyboard {
  /// The next key; nil where there are none any more.
  static func key() -> Key? {
    guard let byte = next() else { return nil }
    switch byte {
    case 10, 13: return .enter
    case 9: return .tab
    case 127: return .backspace
    case 27: return escape()
    case 0..<32: return .control(Character(Unicode.Scalar(byte + 96)))
    default: return character(byte)
    }
  }

  private static func next() -> UInt8? {
    var byte: UInt8 = 0
    while true {
      let count = read(0, &byte, 1)
      if count < 0 && errno == EINTR { continue }
      return count == 1 ? byte : nil
    }
  }

  /// Whether more bytes come at once: those of an escape sequence do, those of a user not.
  private static var isMoreThere: Bool {
    var wait = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    return poll(&wait, 1, 50) == 1
  }

  /// Control sequences of ECMA-48 and of the VT100's keypad.
  private static func escape() -> Key {
    guard isMoreThere, let first = next() else { return .unknown }
    if first == UInt8(ascii: "b") { return .wordLeft }
    if first == UInt8(ascii: "f") { return .wordRight }
    guard first == UInt8(ascii: "[") || first == UInt8(ascii: "O") else { return .unknown }
    var parameters = ""
    while let byte = next() {
      guard !(0x40...0x7E).contains(byte) else { return named(byte, parameters) }
      parameters.append(Character(Unicode.Scalar(byte)))
    }
    return .unknown
  }

  private static func named(_ end: UInt8, _ parameters: String) -> Key {
    let isWord = parameters.hasSuffix(";5") || parameters.hasSuffix(";3")
    switch (Character(Unicode.Scalar(end)), parameters) {
    case ("A", _): return .up
    case ("B", _): return .down
    case ("C", _): return isWord ? .wordRight : .right
    case ("D", _): return isWord ? .wordLeft : .left
    case ("H", _), ("~", "1"), ("~", "7"): return .home
    case ("F", _), ("~", "4"), ("~", "8"): return .end
    case ("~", "3"): return .delete
    default: return .unknown
    }
  }

  private static func character(_ first: UInt8) -> Key {
    var bytes = [first]
    let more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0
    for _ in 0..<more {
      guard let byte = next() else { break }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self).first.map { .text($0) } ?? .unknown
  }

  /// Blocks whose characters are two columns wide (Unicode's East_Asian_Width: W and F).
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
    0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD,
  ]

  /// The columns that a character takes: 2 of those of East Asian scripts and of emoji.
  static func columns(of character: Character) -> Int {
    let scalars = character.unicodeScalars
    guard let first = scalars.first else { return 0 }
    if scalars.contains(where: { $0.properties.isEmojiPresentation || $0.value == 0xFE0F }) { return 2 }
    return wide.contains { $0.contains(first.value) } ? 2 : 1
  }
}
