import AttendBase

/// States reached far behind the last match: to reach one again at the same place leads to no match again. Without it
/// an expression such as `a*b|a` reads a text of one letter to its end from each of its letters. An open-addressing
/// hash table.
struct Overshoot {
  /// The number of bytes that a search may go behind its last match without being noted.
  static let patience = 256
  private var slots: AlignedBuffer?
  private var mask = 0
  private var count = 0
  private static let free = UInt64.max

  /// Notes one place in about 64. True: it was noted before, and so this search finds nothing more.
  @inline(__always) mutating func isKnown(_ state: Int, _ place: Int, _ length: Int) throws(Failure) -> Bool {
    guard place >> 6 != (place - length) >> 6 else { return false }
    return try !insert(UInt64(state) << 40 | UInt64(place))
  }

  @inline(never) private mutating func insert(_ key: UInt64) throws(Failure) -> Bool {
    if count * 2 >= mask { try grow() }
    let place = Overshoot.place(of: key, slots!.pointer(), mask)
    guard slots!.pointer(to: UInt64.self)[place] == Overshoot.free else { return false }
    slots!.pointer(to: UInt64.self)[place] = key
    count += 1
    return true
  }

  /// The place of a key, or where it belongs.
  private static func place(of key: UInt64, _ slots: UnsafeMutablePointer<UInt64>, _ mask: Int) -> Int {
    let mixed = (key ^ key >> 29) &* 0x9E37_79B9_7F4A_7C15
    var place = Int(truncatingIfNeeded: mixed >> 20) & mask
    while slots[place] != free, slots[place] != key { place = (place + 1) & mask }
    return place
  }

  private mutating func grow() throws(Failure) {
    let size = max((mask + 1) * 2, 64)
    let larger = try AlignedBuffer(size, of: UInt64.self, for: "matching a regular expression")
    let new = larger.pointer(to: UInt64.self)
    new.update(repeating: Overshoot.free, count: size)
    if let slots {
      let old = slots.pointer(to: UInt64.self)
      for index in 0...mask where old[index] != Overshoot.free {
        new[Overshoot.place(of: old[index], new, size - 1)] = old[index]
      }
    }
    (slots, mask) = (larger, size - 1)
  }
}
