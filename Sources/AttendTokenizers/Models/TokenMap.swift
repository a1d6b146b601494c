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

  // Plain memory, since arrays would be counted and checked at every look-up.
  @exclusivity(unchecked) private var slots: UnsafeMutablePointer<Slot>
  @exclusivity(unchecked) private var mask: Int
  @exclusivity(unchecked) private var entries: UnsafeMutablePointer<Entry>
  @exclusivity(unchecked) private var entryCount = 0
  @exclusivity(unchecked) private var entryCapacity: Int
  @exclusivity(unchecked) private var blob: UnsafeMutablePointer<UInt8>
  @exclusivity(unchecked) private var blobCount = 0
  @exclusivity(unchecked) private var blobCapacity: Int

  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    mask = size - 1
    slots = TokenMap.emptySlots(size)
    entryCapacity = max(capacity, 16)
    entries = .allocate(capacity: entryCapacity)
    blobCapacity = max(capacity * 8, 64)
    blob = .allocate(capacity: blobCapacity)
  }

  deinit {
    slots.deallocate()
    entries.deallocate()
    blob.deallocate()
  }

  /// How many strings there are.
  var count: Int { entryCount }

  private static func emptySlots(_ count: Int) -> UnsafeMutablePointer<Slot> {
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: count)
    slots.initialize(repeating: Slot(hash: 0, entry: -1), count: count)
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
  /// strings.
  func insert(_ bytes: UnsafeBufferPointer<UInt8>, _ value: Int32) throws(Failure) {
    let hash = TokenMap.hash(bytes)
    let place = slot(of: bytes, hash)
    if slots[place].entry >= 0 {
      entries[Int(slots[place].entry)].value = value
      return
    }
    guard entryCount < 1 << 30, bytes.count < Int(Int32.max) else {
      throw Failure(.unsupported, "a vocabulary of more than 2^30 tokens is not supported")
    }
    slots[place] = Slot(hash: hash, entry: Int32(truncatingIfNeeded: entryCount))
    append(bytes, value)
    if entryCount * 2 > mask { grow() }
  }

  private func append(_ bytes: UnsafeBufferPointer<UInt8>, _ value: Int32) {
    if entryCount == entryCapacity { entries = TokenMap.larger(entries, entryCount, &entryCapacity, adding: 1) }
    if blobCapacity - blobCount < bytes.count {
      blob = TokenMap.larger(blob, blobCount, &blobCapacity, adding: bytes.count)
    }
    (entries + entryCount).initialize(
      to: Entry(start: blobCount, length: Int32(truncatingIfNeeded: bytes.count), value: value))
    if let base = bytes.baseAddress { (blob + blobCount).update(from: base, count: bytes.count) }
    entryCount += 1
    blobCount += bytes.count
  }

  /// A block of at least twice the size with the same content.
  private static func larger<Element>(
    _ old: UnsafeMutablePointer<Element>, _ count: Int, _ capacity: inout Int, adding: Int
  ) -> UnsafeMutablePointer<Element> {
    capacity = max(capacity * 2, count + adding)
    let new = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
    new.moveInitialize(from: old, count: count)
    old.deallocate()
    return new
  }

  /// The number of a string, or -1.
  func find(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32 {
    let entry = slots[slot(of: bytes, TokenMap.hash(bytes))].entry
    return entry < 0 ? -1 : entries[Int(entry)].value
  }

  /// The slot that holds the string, or the free one where it belongs.
  @inline(__always) private func slot(of bytes: UnsafeBufferPointer<UInt8>, _ hash: UInt32) -> Int {
    let slots = slots, mask = mask
    var place = Int(hash) & mask
    while slots[place].entry >= 0 {
      if slots[place].hash == hash {
        let entry = entries[Int(slots[place].entry)]
        if Int(entry.length) == bytes.count,
          bytes.isEmpty || memcmp(blob + entry.start, bytes.baseAddress!, bytes.count) == 0
        {
          return place
        }
      }
      place = (place + 1) & mask
    }
    return place
  }

  private func grow() {
    let old = slots, count = mask + 1
    slots = TokenMap.emptySlots(count * 2)
    mask = count * 2 - 1
    for index in 0..<count where old[index].entry >= 0 {
      var place = Int(old[index].hash) & mask
      while slots[place].entry >= 0 { place = (place + 1) & mask }
      slots[place] = old[index]
    }
    old.deallocate()
  }
}
