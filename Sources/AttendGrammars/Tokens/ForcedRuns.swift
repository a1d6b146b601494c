import AttendBase

/// Runs of tokens that states of a grammar leave no choice about, by the state and the token before it, which says how
/// the tokenizer goes on cutting.
struct ForcedRuns: ~Copyable, @unchecked Sendable {
  private struct Entry: BitwiseCopyable {
    let state: Int32
    let last: Int32
    let first: Int32
    let count: Int32

    var hash: UInt64 { ForcedRuns.hash(state, last) }
  }

  private var entries = GrowingList<Entry>(for: "the forced tokens of a grammar")
  private var tokens = GrowingList<Int32>(for: "the forced tokens of a grammar")
  private var index = HashTable(for: "the forced tokens of a grammar")

  var bytes: Int { entries.bytes + tokens.bytes + index.bytes }

  private static func hash(_ state: Int32, _ last: Int32) -> UInt64 {
    mixed(0xf0, UInt64(UInt32(bitPattern: state)) << 32 | UInt64(UInt32(bitPattern: last)))
  }

  /// Appends the run of a state behind a token, which may be empty; false where none is kept.
  func append(_ state: Int32, _ last: Int32, to ids: inout GrowingList<Int32>) throws(Failure) -> Bool {
    let found = index.find(ForcedRuns.hash(state, last)) { [entries = entries.elements] in
      entries[Int($0)].state == state && entries[Int($0)].last == last
    }
    guard let found else { return false }
    let entry = entries[Int(found)]
    try ids.append(
      contentsOf: UnsafeBufferPointer(
        rebasing: tokens.elements[Int(entry.first)..<Int(entry.first + entry.count)]))
    return true
  }

  /// Keeps a run. One that another thread has kept meanwhile is the same, and is found first.
  mutating func insert(_ state: Int32, _ last: Int32, _ run: UnsafeBufferPointer<Int32>) throws(Failure) {
    guard tokens.count + run.count <= Int(Int32.max), entries.count < Int(Int32.max) else { return }
    let first = Int32(tokens.count)
    try tokens.append(contentsOf: run)
    try entries.append(Entry(state: state, last: last, first: first, count: Int32(run.count)))
    try index.insert(Int32(entries.count - 1), ForcedRuns.hash(state, last)) { [entries = entries.storage] in
      entries[Int($0)].hash
    }
  }
}
