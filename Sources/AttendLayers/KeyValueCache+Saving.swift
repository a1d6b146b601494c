import AttendBase
import AttendDispatch
import AttendKernelInterface

extension KeyValueLayout {
  /// Takes all that makes pages readable.
  package func add(to checksum: inout Checksum) {
    checksum.add(UInt64(type.rawValue))
    checksum.add(UInt64(layers.count))
    for layer in layers {
      for number in [layer.heads, layer.headDim, layer.window, layer.kind, layer.offset] {
        checksum.add(UInt64(number))
      }
      if layer.states > 0 { checksum.add(UInt64(layer.states)) }
    }
  }
}

extension KeyValueCache {
  /// Writes sequences, which live, and each page once, whoever shares it.
  package func save(_ sequences: UnsafeBufferPointer<Int>, to writer: inout SavedWriter) throws(Failure) {
    for sequence in sequences { try writer.word(length(sequence)) }
    for list in lists { try list.save(sequences, of: self, to: &writer) }
  }

  /// Reads `new` sequences that `save` wrote, of at most `positions` positions each; they come behind those that are
  /// there. A failure changes nothing.
  package func restore(_ new: Int, positions: Int, from reader: inout SavedReader) throws(Failure) {
    let first = count
    try add(new)
    do throws(Failure) {
      for index in 0..<new {
        setLength(first + index, try reader.number(upTo: positions, "the length of sequence \(index)"))
      }
      for list in lists { try list.restore(first..<first + new, of: self, from: &reader) }
    } catch {
      remove(from: first)
      throw error
    }
  }
}

extension PageLists {
  /// The pages in the order in which sequences name them.
  private struct Numbering: ~Copyable {
    static let purpose = "the list of pages to be saved"
    var pages = GrowingList<PagePool.Page>(for: purpose)
    var filled = GrowingList<Int>(for: purpose)  // positions of each that some sequence has written
    private var numbers = GrowingList<Int32>(for: purpose)  // of each page of the pool; -1: not named

    init(of pages: Int) throws(Failure) {
      try numbers.reserve(pages)
      numbers.resize(to: pages, filling: -1)
    }

    /// The number of a page of which `positions` are written.
    mutating func number(_ page: PagePool.Page, _ positions: Int) throws(Failure) -> Int {
      if numbers[Int(page)] < 0 {
        numbers[Int(page)] = Int32(pages.count)
        try pages.append(page)
        try filled.append(positions)
      }
      let number = Int(numbers[Int(page)])
      filled[number] = max(filled[number], positions)
      return number
    }
  }

  fileprivate func save(
    _ sequences: UnsafeBufferPointer<Int>, of cache: KeyValueCache, to writer: inout SavedWriter
  ) throws(Failure) {
    var numbering = try Numbering(of: pool.count)
    for sequence in sequences {
      let length = cache.length(sequence), pages = KeyValueLayout.pages(for: length)
      let first = min(givenBack(sequence), pages)
      try writer.word(first)
      for place in first..<pages {
        let positions = min(length - place * KeyValuePage.tokens, KeyValuePage.tokens)
        try writer.word(try numbering.number(page(sequence, place), positions))
      }
    }
    try writer.word(numbering.pages.count)
    let copy = try AlignedBuffer(bytes: pool.bytesOfPage, for: "a page to be saved")
    for number in 0..<numbering.pages.count {
      let base = pool.base(numbering.pages[number]), filled = numbering.filled[number]
      if writer.counts || filled == KeyValuePage.tokens && !pool.layout.holdsStates {
        try writer.bytes(UnsafeRawBufferPointer(start: base, count: pool.bytesOfPage))
      } else {
        // What nobody wrote is whatever the memory held, also behind the few states that a page may have.
        copy.base.initializeMemory(as: UInt8.self, repeating: 0, count: pool.bytesOfPage)
        pool.copy(filled, from: UnsafeRawPointer(base), to: copy.base)
        try writer.bytes(UnsafeRawBufferPointer(start: copy.base, count: pool.bytesOfPage))
      }
    }
    withExtendedLifetime(copy) {}
  }

  /// Reads the lists of sequences whose lengths are known, then their pages.
  fileprivate func restore(
    _ sequences: Range<Int>, of cache: KeyValueCache, from reader: inout SavedReader
  ) throws(Failure) {
    var lists = GrowingList<PagePool.Page>(for: Numbering.purpose)  // numbers of pages, sequence after sequence
    var firsts = GrowingList<Int>(for: Numbering.purpose)
    try firsts.reserve(sequences.count)
    var highest = -1
    for sequence in sequences {
      let length = cache.length(sequence), pages = KeyValueLayout.pages(for: length)
      let passed = pool.layout.pages[pool.kind].firstRead(from: length)
      let first = try reader.number(upTo: passed, "the first page of sequence \(sequence - sequences.lowerBound)")
      try firsts.append(first)
      for _ in first..<max(pages, first) {
        let number = try reader.number(upTo: Int(PagePool.Page.max) - 1, "the number of a page")
        highest = max(highest, number)
        try lists.append(PagePool.Page(number))
      }
    }
    let count = try reader.number(upTo: reader.left / max(pool.bytesOfPage, 1), "the number of pages")
    guard highest < count else { throw reader.failure("names page \(highest) and has \(count)") }
    var pages = GrowingList<PagePool.Page>(for: Numbering.purpose)
    defer { for page in pages.elements { pool.release(page) } }
    try restorePages(count, into: &pages, from: &reader)
    for place in 0..<lists.count { lists[place] = pages[Int(lists[place])] }
    var place = 0
    for (sequence, first) in zip(sequences, firsts.elements) {
      let held = max(KeyValueLayout.pages(for: cache.length(sequence)) - first, 0)
      try share(UnsafeBufferPointer(rebasing: lists.elements[place..<place + held]), from: first, in: sequence)
      place += held
    }
  }

  /// Reads `count` pages, which are the caller's.
  private func restorePages(
    _ count: Int, into pages: inout GrowingList<PagePool.Page>, from reader: inout SavedReader
  ) throws(Failure) {
    try pages.reserve(count)
    try pool.reserve(count)
    for _ in 0..<count {
      let bytes = try reader.bytes(pool.bytesOfPage)
      let page = pool.take()
      try pages.append(page)
      if let from = bytes.baseAddress { pool.base(page).copyMemory(from: from, byteCount: bytes.count) }
    }
  }
}
