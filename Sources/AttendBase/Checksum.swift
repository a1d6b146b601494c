/// A sum of 64 bits over words, in which every change of one word shows: to find damage, and to tell things apart. Not
/// made against those who want two equal ones.
package struct Checksum {
  /// The sum so far.
  package private(set) var value: UInt64 = 0x9e37_79b9_7f4a_7c15

  package init() {}

  /// Takes one word. For a given sum before, no two words lead to the same after: xor, a product with an odd number and
  /// xor with the own upper bits can each be undone (as in SplitMix64: Steele et al. 2014, "Fast splittable
  /// pseudorandom number generators").
  package mutating func add(_ word: UInt64) {
    var mixed = (value ^ word) &* 0xbf58_476d_1ce4_e5b9
    mixed ^= mixed >> 27
    mixed &*= 0x94d0_49bb_1331_11eb
    value = mixed ^ mixed >> 31
  }

  /// Takes the bytes of a buffer, eight at a time, and their number.
  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var place = 0
    while place + 8 <= bytes.count {
      add(bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
      place += 8
    }
    var rest: UInt64 = 0
    for byte in bytes[place...].reversed() { rest = rest << 8 | UInt64(byte) }
    if place < bytes.count { add(rest) }
    add(UInt64(bytes.count))
  }
}
