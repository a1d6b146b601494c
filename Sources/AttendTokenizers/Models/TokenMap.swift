import AttendBase
import Glibc

/// Byte strings with a number each: an open-addressing hash table over one block of memory. Built by one thread, then
/// read by any.
final class TokenMap: @unchecked Sendable {
  private struct Slot {
    var hash: UInt32
    var entry: Int32  // -1: free
  }
  private struct Entry {
    var start: Int
    var length: Int32
    var value: Int32
  }

  private static let purpose = "the vocabulary of a tokenizer"

  @exclusivity(unchecked) private var slots = GrowingList<Slot>(for: TokenMap.purpose)  // a power of two
  @exclusivity(unchecked) private var entries = GrowingList<Entry>(for: TokenMap.purpose)
  @exclusivity(unchecked) private var blob = GrowingList<UInt8>(for: TokenMap.purpose)

  /// Room for `capacity` strings, and then as many more as come. Throws `outOfMemory`.
  init(capacity: Int) throws(Failure) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = try TokenMap.emptySlots(size)
    try entries.reserve(capacity)
    try blob.reserve(capacity * 8)
  }

  /// The number of strings.
  var count: Int { entries.count }

  private static func emptySlots(_ count: Int) throws(Failure) -> GrowingList<Slot> {
    var slots = GrowingList<Slot>(for: TokenMap.purpose)
    try slots.reserve(count)
    slots.resize(to: count, filling: Slot(hash: 0, entry: -1))
    return slots
  }

  /// A hash of bytes, eight at a time (the multiply and fold of wyhash).
  @inline(__always) private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: bytes.count)
    let raw = UnsafeRawBufferPointer(bytes)
    var index = 0
    while index + 8 <= raw.count {
      state = mix(state ^ raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      index += 8
    }
    if index < raw.count {
      var rest: UInt64 = 0
      while index < raw.count {
        rest = rest << 8 | UInt64(raw[index])
        index += 1
      }
      state = mix(state ^ rest)
    }
    return UInt32(truncatingIfNeeded: state ^ state >> 32)
  }

  @inline(__always) private static func mix(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    return product.high ^ product.low
  }

  /// Gives a string its number; a string that is there already gets the new one. Throws `unsupported` beyond 2^30
  /// strings, `outOfMemory`.
  func insert(_ bytes: UnsafeBufferPointer<UInt8>, _ value: Int32) throws(Failure) {
    let hash = TokenMap.hash(bytes)
    let place = slot(of: bytes, hash)
    if slots[place].entry >= 0 {
      entries[Int(slots[place].entry)].value = value
      return
    }
    guard count < 1 << 30, bytes.count < Int(Int32.max) else {
      throw Failure(.unsupported, "a vocabulary of more than 2^30 tokens is not supported")
    }
    let start = blob.count
    try blob.append(contentsOf: bytes)
    try entries.append(Entry(start: start, length: Int32(truncatingIfNeeded: bytes.count), value: value))
    slots[place] = Slot(hash: hash, entry: Int32(truncatingIfNeeded: count - 1))
    if count * 2 >= slots.count { try grow() }
  }

  /// The number of a string, or -1.
  func find(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32 {
    let entry = slots.storage[slot(of: bytes, TokenMap.hash(bytes))].entry
    return entry < 0 ? -1 : entries.storage[Int(entry)].value
  }

  /// The slot that holds the string, or the free one where it belongs.
  @inline(__always) private func slot(of bytes: UnsafeBufferPointer<UInt8>, _ hash: UInt32) -> Int {
    // Plain memory: lists check their bounds at every look-up.
    let mask = slots.count - 1, slots = slots.storage
    var place = Int(hash) & mask
    while slots[place].entry >= 0 {
      if slots[place].hash == hash {
        let entry = entries.storage[Int(slots[place].entry)]
        if Int(entry.length) == bytes.count,
          bytes.isEmpty || memcmp(blob.storage + entry.start, bytes.baseAddress!, bytes.count) == 0
        {
          return place
        }
      }
      place = (place + 1) & mask
    }
    return place
  }

  private func grow() throws(Failure) {
    var larger = try TokenMap.emptySlots(slots.count * 2)
    let mask = larger.count - 1
    for slot in slots.elements where slot.entry >= 0 {
      var place = Int(slot.hash) & mask
      while larger[place].entry >= 0 { place = (place + 1) & mask }
      larger[place] = slot
    }
    slots = larger
  }
}
