import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The keys and values of the live sequences: for each a list of pages from a pool, and a length.
///
/// Growing takes pages and copies nothing; selecting copies lists of pages, and a page that two sequences share is
/// copied only when one of them comes to write to it. Once the lists are as long as they get, nothing here allocates.
/// One thread at a time.
package final class KeyValueCache {
  package let pool: PagePool
  private var lengths: [Int] = []  // [sequences] positions written
  /// [sequences] pages held; a step that failed may have left some ahead of the length
  private var pageCounts: [Int] = []
  /// [sequences, listLength] the lists, of which the first pageCounts entries are in use
  private var pages: [PagePool.Page] = []
  private var listLength = 8
  private var spareLengths: [Int] = []  // what `select` builds the next lengths and lists in
  private var sparePages: [PagePool.Page] = []
  private var addresses: AlignedBuffer?  // page addresses as the kernels read them, of the sequences of one pass
  private var passSequences: AlignedBuffer?  // [sequences] AttentionSequence

  package init(pool: PagePool) { self.pool = pool }

  package var count: Int { lengths.count }

  /// How many positions of a sequence are written.
  package func length(_ sequence: Int) -> Int { lengths[sequence] }

  /// Drops all sequences and begins `count` empty ones.
  package func start(_ count: Int) {
    releaseAll()
    KeyValueCache.resize(&lengths, count, filling: 0)
    KeyValueCache.resize(&pageCounts, count, filling: 0)
    KeyValueCache.resize(&pages, count * listLength, filling: 0)
  }

  /// Gives every page back to the pool; the lists are written anew after this.
  private func releaseAll() {
    for sequence in 0..<count {
      for place in 0..<pageCounts[sequence] { pool.release(pages[sequence * listLength + place]) }
    }
  }

  /// Makes an array `count` long, every element `value`, in the memory that it has.
  private static func resize<T>(_ array: inout [T], _ count: Int, filling value: T) {
    array.removeAll(keepingCapacity: true)
    array.append(contentsOf: repeatElement(value, count: count))
  }

  /// Sequence `parents[i]` of before becomes sequence i. The parents exist.
  package func select(_ parents: UnsafeBufferPointer<Int>) {
    KeyValueCache.resize(&spareLengths, parents.count, filling: 0)
    KeyValueCache.resize(&sparePages, parents.count * listLength, filling: 0)
    // Children take hold of their pages before the parents let go, so that no page is without a user in between.
    for (child, parent) in parents.enumerated() {
      spareLengths[child] = lengths[parent]
      for place in 0..<KeyValueLayout.pages(for: lengths[parent]) {
        let page = pages[parent * listLength + place]
        pool.retain(page)
        sparePages[child * listLength + place] = page
      }
    }
    releaseAll()
    swap(&lengths, &spareLengths)
    swap(&pages, &sparePages)
    KeyValueCache.resize(&pageCounts, parents.count, filling: 0)
    for child in 0..<count { pageCounts[child] = KeyValueLayout.pages(for: lengths[child]) }
  }

  /// Makes room for `new(i)` further positions of sequence i, of all sequences or of none. Lengths change only with
  /// `advance`.
  package func grow(_ new: (Int) -> Int) throws(Failure) {
    var wanted = 0
    var longest = 0
    for sequence in 0..<count where new(sequence) > 0 {
      let needed = KeyValueLayout.pages(for: lengths[sequence] + new(sequence))
      wanted += max(needed - pageCounts[sequence], 0) + (sharedPlace(sequence) == nil ? 0 : 1)
      longest = max(longest, needed)
    }
    try pool.reserve(wanted)
    lengthenLists(longest)
    for sequence in 0..<count where new(sequence) > 0 {
      if let place = sharedPlace(sequence) { separate(sequence, place) }
      while pageCounts[sequence] < KeyValueLayout.pages(for: lengths[sequence] + new(sequence)) {
        pages[sequence * listLength + pageCounts[sequence]] = pool.take()
        pageCounts[sequence] += 1
      }
    }
  }

  /// Makes the lists at least `wanted` pages long.
  private func lengthenLists(_ wanted: Int) {
    guard wanted > listLength else { return }
    let longer = max(wanted, 2 * listLength)
    KeyValueCache.resize(&sparePages, count * longer, filling: 0)
    for sequence in 0..<count {
      for place in 0..<pageCounts[sequence] {
        sparePages[sequence * longer + place] = pages[sequence * listLength + place]
      }
    }
    swap(&pages, &sparePages)
    listLength = longer
  }

  /// The place in a sequence's list of the page that it is about to write to, if another sequence reads that page.
  private func sharedPlace(_ sequence: Int) -> Int? {
    let place = lengths[sequence] / KeyValuePage.tokens
    guard place < pageCounts[sequence], pool.isShared(pages[sequence * listLength + place]) else { return nil }
    return place
  }

  /// Gives a sequence a page of its own at `place`, with what it had written there.
  private func separate(_ sequence: Int, _ place: Int) {
    let shared = pages[sequence * listLength + place]
    let own = pool.take()
    pool.copy(lengths[sequence] % KeyValuePage.tokens, from: shared, to: own)
    pages[sequence * listLength + place] = own
    pool.release(shared)
  }

  /// Counts `new(i)` positions of sequence i as written: a pass has filled them.
  package func advance(_ new: (Int) -> Int) { for sequence in 0..<count { lengths[sequence] += new(sequence) } }

  /// What the kernels see of a pass that writes `new(i)` positions of sequence i, for which `grow` has made room. Valid
  /// until the next call.
  package func writing(_ new: (Int) -> Int) throws(Failure) -> KeyValues {
    try view { (index, row, pages) in
      AttentionSequence(
        row: row, count: new(index), position: lengths[index], keys: lengths[index] + new(index), pages: pages)
    }
  }

  /// What the kernels see of a pass that looks at all that is written, with `queries(i)` queries of sequence i. Valid
  /// until the next call.
  package func reading(_ queries: (Int) -> Int) throws(Failure) -> KeyValues {
    try view { (index, row, pages) in
      AttentionSequence(row: row, count: queries(index), position: 0, keys: lengths[index], pages: pages)
    }
  }

  private func view(
    _ sequence: (_ index: Int, _ row: Int, _ pages: UnsafePointer<UnsafeMutableRawPointer>) -> AttentionSequence
  ) throws(Failure) -> KeyValues {
    let table = try KeyValueCache.room(&addresses, count * listLength, of: UnsafeMutableRawPointer.self)
    let sequences = try KeyValueCache.room(&passSequences, count, of: AttentionSequence.self)
    var row = 0
    for index in 0..<count {
      let list = index * listLength
      for place in 0..<pageCounts[index] { table[list + place] = pool.base(pages[list + place]) }
      sequences[index] = sequence(index, row, UnsafePointer(table + list))
      row += sequences[index].count
    }
    return KeyValues(sequences: UnsafeBufferPointer(start: sequences, count: count), layout: pool.layout)
  }

  /// Memory for `count` elements that is kept from call to call and at least doubles when it grows.
  private static func room<T>(
    _ buffer: inout AlignedBuffer?, _ count: Int, of type: T.Type
  ) throws(Failure) -> UnsafeMutablePointer<T> {
    let bytes = count * MemoryLayout<T>.stride
    if let buffer, buffer.bytes >= bytes { return buffer.pointer() }
    let larger = try AlignedBuffer(bytes: max(bytes, 2 * (buffer?.bytes ?? 2048)), for: "the page tables")
    buffer = larger
    return larger.pointer()
  }
}
