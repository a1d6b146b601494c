import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The pages of one kind that sequences hold: for each a list of pages from a pool, by position.
///
/// Where all layers of the kind have a window, the first pages of a list are given back once no later query reads them.
/// What throws changes nothing. One thread at a time.
final class PageLists {
  let pool: PagePool
  /// What `grow` leaves to be copied.
  let copies: PageCopies
  /// [sequences] pages held, those given back among them; a step that failed may have left some ahead of the length
  private var counts = PageLists.list(of: Int.self)
  private var givenBack = PageLists.list(of: Int.self)  // [sequences] pages given back, the first of the list
  /// [sequences, listLength] the lists, of which the entries `[givenBack, counts)` are in use
  private var pages = PageLists.list(of: PagePool.Page.self)
  private var listLength = 8
  private var spareCounts = PageLists.list(of: Int.self)  // what `select` builds the next lists in
  private var spareGivenBack = PageLists.list(of: Int.self)
  private var sparePages = PageLists.list(of: PagePool.Page.self)
  /// Page addresses as the kernels read them, of the sequences of one pass
  private var addresses = PageLists.list(of: UnsafeMutableRawPointer.self)
  private var passSequences = PageLists.list(of: AttentionSequence.self)

  private static func list<T: BitwiseCopyable>(of type: T.Type) -> GrowingList<T> {
    GrowingList(for: "the lists of the live sequences")
  }

  init(pool: PagePool) {
    self.pool = pool
    copies = PageCopies(of: pool)
  }

  private var kind: KeyValueLayout.Pages { pool.layout.pages[pool.kind] }

  /// Positions that a query sees, itself included; 0: all.
  var window: Int { kind.window }

  /// Bytes held at this moment, pages and lists.
  var bytes: Int {
    pool.bytes + counts.bytes + givenBack.bytes + pages.bytes + spareCounts.bytes + spareGivenBack.bytes
      + sparePages.bytes + addresses.bytes + passSequences.bytes + copies.bytes
  }

  /// The pages of a sequence that were given back: the first ones.
  func givenBack(_ sequence: Int) -> Int { givenBack[sequence] }

  /// The page at a place of a sequence's list, which was not given back.
  func page(_ sequence: Int, _ place: Int) -> PagePool.Page { pages[sequence * listLength + place] }

  // MARK: Sequences

  /// Makes room for `new` further sequences.
  func reserve(_ new: Int) throws(Failure) {
    try counts.reserve(new)
    try givenBack.reserve(new)
    try pages.reserve(new * listLength)
  }

  /// Begins sequences without pages, so that there are `total`, or drops those from `total` on. There is room for them.
  func resize(to total: Int) {
    for sequence in total..<max(counts.count, total) { release(sequence, from: 0) }
    counts.resize(to: total, filling: 0)
    givenBack.resize(to: total, filling: 0)
    pages.resize(to: total * listLength, filling: 0)
  }

  /// Gives the pages of a sequence from place `first` of its list on back to the pool.
  func release(_ sequence: Int, from first: Int) {
    for place in max(first, givenBack[sequence])..<max(counts[sequence], first, givenBack[sequence]) {
      pool.release(page(sequence, place))
    }
    counts[sequence] = min(counts[sequence], first)
    givenBack[sequence] = min(givenBack[sequence], first)
  }

  /// Gives the pages back that no query of a sequence from `position` on reads.
  func giveBack(_ sequence: Int, before position: Int) {
    let first = min(kind.firstRead(from: position), counts[sequence])
    while givenBack[sequence] < first {
      pool.release(page(sequence, givenBack[sequence]))
      givenBack[sequence] += 1
    }
  }

  /// Makes room for what a `select` of `count` parents writes.
  func reserveSelection(of count: Int) throws(Failure) {
    spareCounts.removeAll()
    spareGivenBack.removeAll()
    sparePages.removeAll()
    try spareCounts.reserve(count)
    try spareGivenBack.reserve(count)
    try sparePages.reserve(count * listLength)
  }

  /// Sequence `parents[i]` of before, of `lengths[parents[i]]` positions, becomes sequence i.
  func select(_ parents: UnsafeBufferPointer<Int>, _ lengths: UnsafeMutableBufferPointer<Int>) {
    spareCounts.resize(to: parents.count, filling: 0)
    spareGivenBack.resize(to: parents.count, filling: 0)
    sparePages.resize(to: parents.count * listLength, filling: 0)
    // Children take hold of their pages before the parents let go, so that no page is without a user in between.
    for (child, parent) in parents.enumerated() {
      spareCounts[child] = KeyValueLayout.pages(for: lengths[parent])
      spareGivenBack[child] = givenBack[parent]
      for place in givenBack[parent]..<max(spareCounts[child], givenBack[parent]) {
        let page = page(parent, place)
        pool.retain(page)
        sparePages[child * listLength + place] = page
      }
    }
    for sequence in 0..<counts.count { release(sequence, from: 0) }
    swap(&counts, &spareCounts)
    swap(&givenBack, &spareGivenBack)
    swap(&pages, &sparePages)
  }

  /// Begins the list of a sequence without pages: `first` that count as given back, then `held`, which it shares with
  /// others.
  func share(_ held: UnsafeBufferPointer<PagePool.Page>, from first: Int, in sequence: Int) throws(Failure) {
    let (count, overflow) = first.addingReportingOverflow(held.count)
    guard !overflow else { throw .outOfMemory(Int.max, for: "the lists of the live sequences") }
    try lengthen(to: count)
    for (place, page) in held.enumerated() {
      pool.retain(page)
      pages[sequence * listLength + first + place] = page
    }
    counts[sequence] = count
    givenBack[sequence] = first
  }

  // MARK: Growth

  /// Pages to be taken so that a sequence of `length` positions can be written up to `limit`.
  func wanted(_ sequence: Int, _ length: Int, upTo limit: Int) -> Int {
    max(KeyValueLayout.pages(for: limit) - counts[sequence], 0) + (sharedPlace(sequence, length) == nil ? 0 : 1)
  }

  /// The number of pages that a sequence lacks to grow to `positions`, as far as it needs them at a time.
  func lacking(_ sequence: Int, ahead positions: Int) -> Int {
    var pages = KeyValueLayout.pages(for: positions)
    // One page more than a window covers, and one that the window has not left.
    if kind.window > 0 { pages = min(pages, KeyValueLayout.pages(for: kind.window) + 2) }
    return max(pages - (counts[sequence] - givenBack[sequence]), 0)
  }

  /// Makes the lists at least `wanted` pages long.
  func lengthen(to wanted: Int) throws(Failure) {
    guard wanted > listLength else { return }
    let longer = max(wanted, 2 * listLength)
    sparePages.removeAll()
    try sparePages.reserve(counts.count * longer)
    sparePages.resize(to: counts.count * longer, filling: 0)
    for sequence in 0..<counts.count {
      for place in givenBack[sequence]..<counts[sequence] {
        sparePages[sequence * longer + place] = page(sequence, place)
      }
    }
    swap(&pages, &sparePages)
    listLength = longer
  }

  /// Takes the pages with which a sequence of `length` positions can be written up to `limit`. The pool has them, the
  /// list is long enough, and there is room for a copy, which is to be made before anything is written.
  func grow(_ sequence: Int, _ length: Int, upTo limit: Int) {
    if let place = sharedPlace(sequence, length) { separate(sequence, place, length) }
    while counts[sequence] < KeyValueLayout.pages(for: limit) {
      pages[sequence * listLength + counts[sequence]] = pool.take()
      counts[sequence] += 1
    }
  }

  /// The place in a sequence's list of the page that it is about to write to, if another sequence reads that page.
  private func sharedPlace(_ sequence: Int, _ length: Int) -> Int? {
    let place = length / KeyValuePage.tokens
    guard place < counts[sequence], pool.isShared(page(sequence, place)) else { return nil }
    return place
  }

  /// Gives a sequence a page of its own at `place`, with what it had written there.
  private func separate(_ sequence: Int, _ place: Int, _ length: Int) {
    let shared = page(sequence, place)
    let own = pool.take()
    copies.add(length % KeyValuePage.tokens, from: shared, to: own)
    pages[sequence * listLength + place] = own
    pool.release(shared)
  }

  // MARK: Passes

  /// The kernels' view of the sequences from `first` on, of which the pass has `tokens[i]` queries each. Valid until
  /// the next call.
  func view(
    _ tokens: SequenceLengths, from first: Int,
    _ make: (_ sequence: Int, _ count: Int, _ row: Int, _ pages: UnsafePointer<UnsafeMutableRawPointer>) ->
      AttentionSequence
  ) throws(Failure) -> UnsafeBufferPointer<AttentionSequence> {
    addresses.removeAll()
    passSequences.removeAll()
    try addresses.reserve(tokens.count * listLength)
    try passSequences.reserve(tokens.count)
    let table = addresses.storage, sequences = passSequences.storage
    var row = 0
    for index in 0..<tokens.count {
      let (sequence, list) = (first + index, table + index * listLength)
      for place in 0..<counts[sequence] {
        // Where a map of all keys is recorded, a page that is held stands for those that are hidden.
        let held = max(place, min(givenBack[sequence], counts[sequence] - 1))
        (list + place).initialize(to: pool.base(page(sequence, held)))
      }
      (sequences + index).initialize(to: make(sequence, tokens[index], row, UnsafePointer(list)))
      row += tokens[index]
    }
    return UnsafeBufferPointer(start: sequences, count: tokens.count)
  }
}
