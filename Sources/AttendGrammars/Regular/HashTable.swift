import AttendBase

/// An index of things by their contents: numbers in an open-addressed table (linear probing, at most half full). What
/// is compared lies with the owner, who gives the hash and says whether a number is the one that is sought.
struct HashTable: ~Copyable {
  private var slots: GrowingList<Int32>
  private var count = 0

  init(for purpose: String) { slots = GrowingList(for: purpose) }

  var bytes: Int { slots.bytes }

  /// The number for which `matches` holds among those with this hash.
  @inline(__always) func find(_ hash: UInt64, where matches: (Int32) -> Bool) -> Int32? {
    guard slots.count > 0 else { return nil }
    let (table, mask) = (slots.storage, slots.count - 1)
    var place = Int(truncatingIfNeeded: hash) & mask
    while table[place] >= 0 {
      if matches(table[place]) { return table[place] }
      place = (place + 1) & mask
    }
    return nil
  }

  /// Adds a number that is not there; `hashOf` gives the hash of any number in the table.
  @inline(__always) mutating func insert(
    _ number: Int32, _ hash: UInt64, hashOf: (Int32) -> UInt64
  ) throws(Failure) {
    if 2 * (count + 1) > slots.count { try grow(hashOf) }
    place(number, hash)
    count += 1
  }

  /// Forgets everything and keeps the memory.
  mutating func removeAll() {
    guard count > 0 else { return }
    slots.elements.update(repeating: -1)
    count = 0
  }

  private mutating func grow(_ hashOf: (Int32) -> UInt64) throws(Failure) {
    var old = GrowingList<Int32>(for: "an index")
    try old.append(contentsOf: UnsafeBufferPointer(slots.elements))
    let size = max(64, 2 * old.count)
    slots.removeAll()
    try slots.reserve(size)
    slots.resize(to: size, filling: -1)
    for number in old.elements where number >= 0 { place(number, hashOf(number)) }
  }

  @inline(__always) private func place(_ number: Int32, _ hash: UInt64) {
    let (table, mask) = (slots.storage, slots.count - 1)
    var place = Int(truncatingIfNeeded: hash) & mask
    while table[place] >= 0 { place = (place + 1) & mask }
    table[place] = number
  }
}

/// Stirs a number into a hash (the finalizer of MurmurHash3, Appleby 2011).
@inline(__always) func mixed(_ hash: UInt64, _ value: UInt64) -> UInt64 {
  var mixed = (hash ^ value) &* 0xff51_afd7_ed55_8ccd
  mixed ^= mixed >> 33
  mixed = mixed &* 0xc4ce_b9fe_1a85_ec53
  return mixed ^ mixed >> 29
}
