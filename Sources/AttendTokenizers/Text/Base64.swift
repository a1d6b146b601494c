import AttendBase

/// Base 64 (RFC 4648).
enum Base64 {
  private static let values: [UInt8] = {
    var table = [UInt8](repeating: 0xFF, count: 256)
    for (value, letter) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8.enumerated() {
      table[Int(letter)] = UInt8(value)
    }
    return table
  }()

  /// Appends the bytes that the text spells; false where it is no base 64.
  static func decode(
    _ text: some Collection<UInt8>, into result: inout GrowingList<UInt8>
  ) throws(Failure) -> Bool {
    try result.reserve(text.count / 4 * 3 + 2)
    var bits: UInt32 = 0, count = 0, padding = 0
    for letter in text {
      if letter == UInt8(ascii: "=") {
        padding += 1
        continue
      }
      let value = values[Int(letter)]
      guard value != 0xFF, padding == 0 else { return false }
      bits = bits << 6 | UInt32(value)
      count += 1
      if count % 4 == 0 {
        for shift: UInt32 in [16, 8, 0] { try result.append(UInt8(truncatingIfNeeded: bits >> shift)) }
      }
    }
    switch count % 4 {
    case 0: break
    case 2: try result.append(UInt8(truncatingIfNeeded: bits >> 4))
    case 3: for shift: UInt32 in [10, 2] { try result.append(UInt8(truncatingIfNeeded: bits >> shift)) }
    default: return false
    }
    return padding <= 2
  }
}
