import AttendBase

/// Masks of states that are equal in many grammars, such as those inside a string of JSON, kept with the vocabulary.
/// The key is the expression of the state, written out. Bounded: when it is full, it begins anew.
struct LexemeCache: ~Copyable, @unchecked Sendable {
  private struct Entry: BitwiseCopyable {
    let hash: UInt64
    let start: Int
    let count: Int
    let mask: Unmanaged<LexemeMask>
  }

  static let maximumBytes = 64 << 20

  private var entries = GrowingList<Entry>(for: "masks of a vocabulary")
  private var keys = GrowingList<UInt8>(for: "masks of a vocabulary")
  private var index = HashTable(for: "masks of a vocabulary")
  private var bytes = 0

  deinit { for entry in entries.elements { entry.mask.release() } }

  func find(_ key: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> LexemeMask? {
    let found = index.find(hash) { [entries = entries.elements, keys = keys.elements] in
      let entry = entries[Int($0)]
      return entry.hash == hash && entry.count == key.count
        && keys[entry.start..<entry.start + entry.count].elementsEqual(key)
    }
    return found.map { entries[Int($0)].mask.takeUnretainedValue() }
  }

  /// Keeps a mask under a key that is not there or has a lesser one.
  mutating func insert(_ mask: LexemeMask, _ key: UnsafeBufferPointer<UInt8>, _ hash: UInt64) throws(Failure) {
    if bytes + mask.bytes + key.count > LexemeCache.maximumBytes { removeAll() }
    let start = keys.count
    try keys.append(contentsOf: key)
    try entries.append(Entry(hash: hash, start: start, count: key.count, mask: .passRetained(mask)))
    bytes += mask.bytes + key.count
    try index.insert(Int32(entries.count - 1), hash) { [entries = entries.storage] in entries[Int($0)].hash }
  }

  private mutating func removeAll() {
    for entry in entries.elements { entry.mask.release() }
    entries.removeAll()
    keys.removeAll()
    index.removeAll()
    bytes = 0
  }
}
