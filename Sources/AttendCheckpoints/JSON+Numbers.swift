// The numbers of a JSON document.
import AttendBase

extension JSON {
  /// A number as the nearest `Double`, infinite where it is too large for one; nil for anything else. The locale has no
  /// say.
  package var double: Double? {
    guard kind == .number else { return nil }
    return withExtendedLifetime(document) { Double(String(decoding: source, as: UTF8.self)) ?? .nan }
  }

  /// A number that is an integer in the range of `Int`, also when it is spelled "2.0" or "1e3"; nil for anything else.
  /// Exact: no `Double` is involved.
  package var int: Int? {
    guard kind == .number else { return nil }
    return withExtendedLifetime(document) {
      guard let value = JSON.magnitude(source) else { return nil }
      guard source.first == UInt8(ascii: "-") else { return Int(exactly: value) }
      return value == Int.min.magnitude ? Int.min : Int(exactly: value).map { -$0 }
    }
  }

  /// The same in the range of `UInt`.
  package var unsigned: UInt? {
    guard kind == .number else { return nil }
    return withExtendedLifetime(document) {
      let value = JSON.magnitude(source)
      return source.first == UInt8(ascii: "-") && value != 0 ? nil : value
    }
  }

  /// The value of a JSON number without its sign, where it is an integer that fits.
  private static func magnitude(_ text: UnsafeRawBufferPointer) -> UInt? {
    var mantissa = text[...]
    var power = 0  // of ten, to multiply the digits of the mantissa by
    if let mark = text.firstIndex(where: { $0 | 0x20 == UInt8(ascii: "e") }) {
      mantissa = text[..<mark]
      power = exponent(text[(mark + 1)...])
    }
    guard let last = mantissa.last, isDigit(last) else { return nil }  // NaN, Infinity
    if let point = mantissa.firstIndex(of: UInt8(ascii: ".")) { power -= mantissa.endIndex - point - 1 }

    var magnitude: UInt = 0
    var zeros = 0  // zeros at the end of the digits so far, not in `magnitude` yet
    for byte in mantissa where isDigit(byte) {
      zeros += 1
      if byte == UInt8(ascii: "0") { continue }
      guard let shifted = scaled(magnitude, zeros) else { return nil }
      let (sum, overflow) = shifted.addingReportingOverflow(UInt(byte - UInt8(ascii: "0")))
      if overflow { return nil }
      magnitude = sum
      zeros = 0
    }
    guard magnitude > 0 else { return 0 }
    power += zeros
    return power >= 0 ? scaled(magnitude, power) : nil
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  /// value x 10^power, where it fits.
  private static func scaled(_ value: UInt, _ power: Int) -> UInt? {
    guard value > 0 else { return 0 }
    guard power < 20 else { return nil }
    var value = value
    for _ in 0..<power {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      value = product
    }
    return value
  }

  /// The digits after the "e" of a number, held at a size that no text has digits to balance.
  private static func exponent(_ text: Slice<UnsafeRawBufferPointer>) -> Int {
    var value = 0
    for byte in text where byte != UInt8(ascii: "+") && byte != UInt8(ascii: "-") {
      value = min(value * 10 + Int(byte - UInt8(ascii: "0")), 10_000_000_000)
    }
    return text.first == UInt8(ascii: "-") ? -value : value
  }
}
