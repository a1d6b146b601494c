import AttendBase
import Glibc

/// Byte strings with a number each: an open-addressing hash table over one block of memory. Built by one thread, then read by any.
final class TokenMap: @unchecked Sendable {
  private struct Slot {
    var hash: UInt32
    var entry: Int32  // -1: free
  }
  private struct Entry {
    var start: UInt32
    var length: UInt32
    var value: Int32
  }

  private var blob: [UInt8] = []
  private var entries: [Entry] = []
  private var slots: [Slot]
  private var mask: Int

  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    slots = Array(repeating: Slot(hash: 0, entry: -1), count: size)
    mask = size - 1
    entries.reserveCapacity(capacity)
    blob.reserveCapacity(capacity * 8)
  }

  /// A hash of bytes, eight at a time (the multiply and fold of wyhash).
  @inline(__always)
  private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
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

  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    return product.high ^ product.low
  }

  /// Gives a string its number; a string that is there already gets the new one. Throws `unsupported` beyond 2 GB of text.
  func insert(_ bytes: UnsafeBufferPointer<UInt8>, _ value: Int32) throws(Failure) {
    let hash = TokenMap.hash(bytes)
    let place = slot(of: bytes, hash)
    if slots[place].entry >= 0 {
      entries[Int(slots[place].entry)].value = value
      return
    }
    guard blob.count + bytes.count < Int(Int32.max) else { throw Failure(.unsupported, "a vocabulary of more than 2 GB of text is not supported") }
    slots[place] = Slot(hash: hash, entry: Int32(entries.count))
    entries.append(Entry(start: UInt32(blob.count), length: UInt32(bytes.count), value: value))
    blob.append(contentsOf: bytes)
    if entries.count * 2 > slots.count { grow() }
  }

  /// The number of a string, or -1.
  func find(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32 {
    let slot = slots[slot(of: bytes, TokenMap.hash(bytes))]
    return slot.entry < 0 ? -1 : entries[Int(slot.entry)].value
  }

  /// The slot that holds the string, or the free one where it belongs.
  private func slot(of bytes: UnsafeBufferPointer<UInt8>, _ hash: UInt32) -> Int {
    slots.withUnsafeBufferPointer { slots in
      entries.withUnsafeBufferPointer { entries in
        blob.withUnsafeBufferPointer { blob in
          var place = Int(hash) & mask
          while slots[place].entry >= 0 {
            if slots[place].hash == hash {
              let entry = entries[Int(slots[place].entry)]
              if Int(entry.length) == bytes.count, bytes.isEmpty || memcmp(blob.baseAddress! + Int(entry.start), bytes.baseAddress!, bytes.count) == 0 { return place }
            }
            place = (place + 1) & mask
          }
          return place
        }
      }
    }
  }

  private func grow() {
    let old = slots
    slots = Array(repeating: Slot(hash: 0, entry: -1), count: old.count * 2)
    mask = slots.count - 1
    for slot in old where slot.entry >= 0 {
      var place = Int(slot.hash) & mask
      while slots[place].entry >= 0 { place = (place + 1) & mask }
      slots[place] = slot
    }
  }
}
