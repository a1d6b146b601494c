// GGUF files as bytes, sound ones and others.

/// Writes a GGUF file piece by piece; what it is told to write need not make sense.
package struct GGUFWriter {
  /// Where structures begin and end: a file that is cut there, or between, is not whole.
  package private(set) var borders: [Int] = [0]
  package private(set) var bytes: [UInt8] = []

  package init(version: UInt32 = 3, tensors: UInt64, keys: UInt64) {
    bytes += Array("GGUF".utf8)
    mark()
    number(version)
    number(tensors)
    number(keys)
  }

  private mutating func mark() { borders.append(bytes.count) }

  package mutating func number<Number: FixedWidthInteger>(_ value: Number) {
    withUnsafeBytes(of: value.littleEndian) { bytes += Array($0) }
    mark()
  }

  package mutating func text(_ text: String, count: UInt64? = nil) {
    number(count ?? UInt64(text.utf8.count))
    bytes += Array(text.utf8)
    mark()
  }

  package mutating func key(_ name: String, _ value: UInt32) {
    text(name)
    number(UInt32(4))
    number(value)
  }

  package mutating func key(_ name: String, float value: Float) {
    text(name)
    number(UInt32(6))
    number(value.bitPattern)
  }

  package mutating func key(_ name: String, _ value: Bool) {
    text(name)
    number(UInt32(7))
    number(UInt8(value ? 1 : 0))
  }

  package mutating func key(_ name: String, _ value: String) {
    text(name)
    number(UInt32(8))
    text(value)
  }

  package mutating func key(_ name: String, _ values: [String]) {
    text(name)
    number(UInt32(9))
    number(UInt32(8))
    number(UInt64(values.count))
    for value in values { text(value) }
  }

  package mutating func key(_ name: String, _ values: [Int32]) {
    text(name)
    number(UInt32(9))
    number(UInt32(5))
    number(UInt64(values.count))
    for value in values { number(value) }
  }

  package mutating func key(_ name: String, floats values: [Float]) {
    text(name)
    number(UInt32(9))
    number(UInt32(6))
    number(UInt64(values.count))
    for value in values { number(value.bitPattern) }
  }

  /// The description of a tensor, its sizes the fastest first.
  package mutating func tensor(_ name: String, _ sizes: [UInt64], type: UInt32 = 0, offset: UInt64) {
    text(name)
    number(UInt32(sizes.count))
    for size in sizes { number(size) }
    number(type)
    number(offset)
  }

  /// Fills up to a multiple of `alignment`, and appends numbers.
  package mutating func data(_ numbers: [UInt8], alignment: Int = 32) {
    while !bytes.count.isMultiple(of: alignment) { bytes.append(0) }
    mark()
    bytes += numbers
    mark()
  }
}
