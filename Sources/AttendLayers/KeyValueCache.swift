import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The keys and values of sequences: for each a list of pages from a pool, and a length.
///
/// Growing takes pages and copies nothing; selecting copies lists of pages, and a page that two sequences share is
/// copied only when one of them comes to write to it. Once the lists are as long as they get, nothing here allocates;
/// what throws changes nothing. One thread at a time.
package final class KeyValueCache {
  package let pool: PagePool
  private var lengths = KeyValueCache.list(of: Int.self)  // [sequences] positions written
  /// [sequences] pages held; a step that failed may have left some ahead of the length
  private var pageCounts = KeyValueCache.list(of: Int.self)
  /// [sequences, listLength] the lists, of which the first pageCounts entries are in use
  private var pages = KeyValueCache.list(of: PagePool.Page.self)
  private var listLength = 8
  private var spareLengths = KeyValueCache.list(of: Int.self)  // what `select` builds the next lengths and lists in
  private var sparePageCounts = KeyValueCache.list(of: Int.self)
  private var sparePages = KeyValueCache.list(of: PagePool.Page.self)
  /// Page addresses as the kernels read them, of the sequences of one pass
  private var addresses = KeyValueCache.list(of: UnsafeMutableRawPointer.self)
  private var passSequences = KeyValueCache.list(of: AttentionSequence.self)

  private static func list<T: BitwiseCopyable>(of type: T.Type) -> GrowingList<T> {
    GrowingList(for: "the lists of the live sequences")
  }

  package init(pool: PagePool) { self.pool = pool }

  package var count: Int { lengths.count }

  /// How many positions of a sequence are written.
  package func length(_ sequence: Int) -> Int { lengths[sequence] }

  /// Bytes held at this moment, pages and lists.
  package var bytes: Int {
    pool.bytes + lengths.bytes + pageCounts.bytes + pages.bytes + spareLengths.bytes + sparePageCounts.bytes
      + sparePages.bytes + addresses.bytes + passSequences.bytes
  }

  /// Begins `new` empty sequences behind those that are there.
  package func add(_ new: Int) throws(Failure) {
    let total = count + new
    try lengths.reserve(new)
    try pageCounts.reserve(new)
    try pages.reserve(new * listLength)
    lengths.resize(to: total, filling: 0)
    pageCounts.resize(to: total, filling: 0)
    pages.resize(to: total * listLength, filling: 0)
  }

  /// Drops the sequences from `first` on.
  package func remove(from first: Int) {
    for sequence in first..<max(count, first) { release(sequence, from: 0) }
    let left = min(first, count)
    lengths.resize(to: left, filling: 0)
    pageCounts.resize(to: left, filling: 0)
    pages.resize(to: left * listLength, filling: 0)
  }

  /// Gives the pages of a sequence from place `first` of its list on back to the pool.
  private func release(_ sequence: Int, from first: Int) {
    for place in first..<max(pageCounts[sequence], first) { pool.release(pages[sequence * listLength + place]) }
    pageCounts[sequence] = min(pageCounts[sequence], first)
  }

  /// Makes room for what a `select` of `count` parents writes.
  package func reserveSelection(of count: Int) throws(Failure) {
    spareLengths.removeAll()
    sparePageCounts.removeAll()
    sparePages.removeAll()
    try spareLengths.reserve(count)
    try sparePageCounts.reserve(count)
    try sparePages.reserve(count * listLength)
  }

  /// Sequence `parents[i]` of before becomes sequence i. The parents exist, and `reserveSelection` has been called.
  package func select(_ parents: UnsafeBufferPointer<Int>) {
    spareLengths.resize(to: parents.count, filling: 0)
    sparePageCounts.resize(to: parents.count, filling: 0)
    sparePages.resize(to: parents.count * listLength, filling: 0)
    // Children take hold of their pages before the parents let go, so that no page is without a user in between.
    for (child, parent) in parents.enumerated() {
      spareLengths[child] = lengths[parent]
      sparePageCounts[child] = KeyValueLayout.pages(for: lengths[parent])
      for place in 0..<sparePageCounts[child] {
        let page = pages[parent * listLength + place]
        pool.retain(page)
        sparePages[child * listLength + place] = page
      }
    }
    for sequence in 0..<count { release(sequence, from: 0) }
    swap(&lengths, &spareLengths)
    swap(&pageCounts, &sparePageCounts)
    swap(&pages, &sparePages)
  }

  /// Forgets what was written of a sequence beyond `length` positions, of which there are at least as many.
  package func truncate(_ sequence: Int, to length: Int) {
    release(sequence, from: KeyValueLayout.pages(for: length))
    lengths[sequence] = length
  }

  /// Sets pages aside, so that each sequence can grow to `positions` without asking the system for memory.
  package func reserve(ahead positions: Int) throws(Failure) {
    let pages = KeyValueLayout.pages(for: positions)
    var wanted = 0
    for sequence in 0..<count { wanted += max(pages - pageCounts[sequence], 0) }
    try pool.reserve(wanted)
  }

  // MARK: Passes

  /// Makes room for `new[i]` further positions of sequence `first + i`. Lengths change only with `advance`.
  package func grow(_ new: SequenceLengths, from first: Int = 0) throws(Failure) {
    var wanted = 0
    var longest = 0
    for index in 0..<new.count where new[index] > 0 {
      let sequence = first + index
      let needed = KeyValueLayout.pages(for: lengths[sequence] + new[index])
      wanted += max(needed - pageCounts[sequence], 0) + (sharedPlace(sequence) == nil ? 0 : 1)
      longest = max(longest, needed)
    }
    try pool.reserve(wanted)
    try lengthenLists(longest)
    for index in 0..<new.count where new[index] > 0 {
      let sequence = first + index
      if let place = sharedPlace(sequence) { separate(sequence, place) }
      while pageCounts[sequence] < KeyValueLayout.pages(for: lengths[sequence] + new[index]) {
        pages[sequence * listLength + pageCounts[sequence]] = pool.take()
        pageCounts[sequence] += 1
      }
    }
  }

  /// Makes the lists at least `wanted` pages long.
  private func lengthenLists(_ wanted: Int) throws(Failure) {
    guard wanted > listLength else { return }
    let longer = max(wanted, 2 * listLength)
    sparePages.removeAll()
    try sparePages.reserve(count * longer)
    sparePages.resize(to: count * longer, filling: 0)
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

  /// Counts `new[i]` positions of sequence `first + i` as written: a pass has filled them.
  package func advance(_ new: SequenceLengths, from first: Int = 0) {
    for index in 0..<new.count { lengths[first + index] += new[index] }
  }

  /// The kernels' view of a pass that writes `new[i]` positions of sequence `first + i`, for which `grow` made room.
  /// Valid until the next call.
  package func writing(_ new: SequenceLengths, from first: Int = 0) throws(Failure) -> KeyValues {
    try view(new, from: first) { (sequence, count, row, pages) in
      AttentionSequence(
        row: row, count: count, position: lengths[sequence], keys: lengths[sequence] + count, pages: pages)
    }
  }

  /// The kernels' view of a pass that looks at all that is written, with `queries[i]` queries of sequence `first + i`.
  /// Valid until the next call.
  package func reading(_ queries: SequenceLengths, from first: Int = 0) throws(Failure) -> KeyValues {
    try view(queries, from: first) { (sequence, count, row, pages) in
      AttentionSequence(row: row, count: count, position: 0, keys: lengths[sequence], pages: pages)
    }
  }

  private func view(
    _ tokens: SequenceLengths, from first: Int,
    _ make: (_ sequence: Int, _ count: Int, _ row: Int, _ pages: UnsafePointer<UnsafeMutableRawPointer>) ->
      AttentionSequence
  ) throws(Failure) -> KeyValues {
    addresses.removeAll()
    passSequences.removeAll()
    try addresses.reserve(tokens.count * listLength)
    try passSequences.reserve(tokens.count)
    let table = addresses.storage, sequences = passSequences.storage
    var row = 0
    for index in 0..<tokens.count {
      let (sequence, list) = (first + index, index * listLength)
      for place in 0..<pageCounts[sequence] {
        (table + list + place).initialize(to: pool.base(pages[sequence * listLength + place]))
      }
      (sequences + index).initialize(to: make(sequence, tokens[index], row, UnsafePointer(table + list)))
      row += tokens[index]
    }
    return KeyValues(sequences: UnsafeBufferPointer(start: sequences, count: tokens.count), layout: pool.layout)
  }
}
