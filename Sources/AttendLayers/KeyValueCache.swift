import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The keys and values of sequences: of each a length, and lists of pages.
///
/// Growing takes pages and copies nothing; selecting copies lists of pages, and a page that two sequences share is
/// copied only when one of them comes to write to it. Once the lists are as long as they get, nothing here allocates;
/// what throws changes nothing. One thread at a time.
package final class KeyValueCache {
  package let layout: KeyValueLayout
  private var lengths = GrowingList<Int>(for: KeyValueCache.purpose)  // [sequences] positions written
  private var spareLengths = GrowingList<Int>(for: KeyValueCache.purpose)  // what `select` builds the next ones in
  let lists: [PageLists]  // of each kind of pages

  private static let purpose = "the lists of the live sequences"

  package init(layout: KeyValueLayout) {
    self.layout = layout
    lists = layout.pages.indices.map { PageLists(pool: PagePool(layout: layout, kind: $0)) }
  }

  package var count: Int { lengths.count }

  /// The number of positions of a sequence that are written.
  package func length(_ sequence: Int) -> Int { lengths[sequence] }

  /// Bytes held at this moment, pages and lists.
  package var bytes: Int { lists.reduce(lengths.bytes + spareLengths.bytes) { $0 + $1.bytes } }

  /// Bytes of the pages that have been in use.
  package var pageBytes: Int { lists.reduce(0) { $0 + $1.pool.pageBytes } }

  /// Begins `new` empty sequences behind those that are there.
  package func add(_ new: Int) throws(Failure) {
    let total = count + new
    try lengths.reserve(new)
    for list in lists { try list.reserve(new) }
    lengths.resize(to: total, filling: 0)
    for list in lists { list.resize(to: total) }
  }

  /// Drops the sequences from `first` on.
  package func remove(from first: Int) {
    let left = min(first, count)
    for list in lists { list.resize(to: left) }
    lengths.resize(to: left, filling: 0)
  }

  /// Makes room for what a `select` of `count` parents writes.
  package func reserveSelection(of count: Int) throws(Failure) {
    spareLengths.removeAll()
    try spareLengths.reserve(count)
    for list in lists { try list.reserveSelection(of: count) }
  }

  /// Sequence `parents[i]` of before becomes sequence i. The parents exist, and `reserveSelection` has been called.
  package func select(_ parents: UnsafeBufferPointer<Int>) {
    for list in lists { list.select(parents, lengths.elements) }
    spareLengths.resize(to: parents.count, filling: 0)
    for (child, parent) in parents.enumerated() { spareLengths[child] = lengths[parent] }
    swap(&lengths, &spareLengths)
  }

  /// Counts a sequence as one of `length` positions: its pages were or will be set elsewhere.
  func setLength(_ sequence: Int, _ length: Int) { lengths[sequence] = length }

  // MARK: Cuts

  /// The shortest length above 0 to which a sequence can be cut: layers with a window have given back what the queries
  /// after a shorter one would read.
  package func shortestCut(_ sequence: Int) -> Int {
    lists.reduce(0) { (shortest, list) in
      let pages = list.givenBack(sequence)
      return pages == 0 ? shortest : max(shortest, pages * KeyValuePage.tokens + list.window - 1)
    }
  }

  /// Forgets what was written of a sequence beyond `length` positions, of which there are at least as many; 0, or not
  /// below `shortestCut`.
  package func truncate(_ sequence: Int, to length: Int) {
    for list in lists { list.release(sequence, from: KeyValueLayout.pages(for: length)) }
    lengths[sequence] = length
  }

  // MARK: Growth

  /// Sets pages aside, so that each sequence can grow to `positions` without asking the system for memory.
  package func reserve(ahead positions: Int) throws(Failure) {
    for list in lists {
      var wanted = 0
      for sequence in 0..<count { wanted += list.lacking(sequence, ahead: positions) }
      try list.pool.reserve(wanted)
    }
  }

  /// Makes room for `new[i]` further positions of sequence `first + i`, and copies what is shared on the threads of
  /// `engine`; nil: on the caller's. Lengths change only with `advance`.
  ///
  /// What windows have left is given back now, and not when it was left: so what the last pass wrote can be cut again.
  package func grow(_ new: SequenceLengths, from first: Int = 0, on engine: Engine? = nil) throws(Failure) {
    for list in lists {
      var wanted = 0
      var longest = 0
      for index in 0..<new.count where new[index] > 0 {
        let sequence = first + index, limit = lengths[sequence] + new[index]
        list.giveBack(sequence, before: lengths[sequence])
        wanted += list.wanted(sequence, lengths[sequence], upTo: limit)
        longest = max(longest, KeyValueLayout.pages(for: limit))
      }
      try list.pool.reserve(wanted)
      try list.lengthen(to: longest)
      try list.copies.reserve(new.count)
    }
    for list in lists {
      for index in 0..<new.count where new[index] > 0 {
        let sequence = first + index
        list.grow(sequence, lengths[sequence], upTo: lengths[sequence] + new[index])
      }
      list.copies.make(on: engine)
    }
  }

  /// Counts `new[i]` positions of sequence `first + i` as written: a pass has filled them.
  package func advance(_ new: SequenceLengths, from first: Int = 0) {
    for index in 0..<new.count { lengths[first + index] += new[index] }
  }

  // MARK: Passes

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
    KeyValues(
      sequences: try lists[0].view(tokens, from: first, make),
      windowed: lists.count > 1 ? try lists[1].view(tokens, from: first, make) : nil, layout: layout)
  }
}
