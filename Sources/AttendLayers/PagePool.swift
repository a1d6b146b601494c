import AttendBase
import AttendDispatch
import AttendKernelInterface
import Glibc

/// The memory of a key/value cache: pages of one kind, counted by their users, used again when nobody needs them.
///
/// Pages do not move and are not cleared. One thread at a time.
package final class PagePool {
  package typealias Page = Int32

  package let layout: KeyValueLayout
  /// The kind of its pages, see `KeyValueLayout.pages`.
  package let kind: Int
  private var slabs: [AlignedBuffer] = []  // each at least as large as all before it: there are few
  private var bases = GrowingList<UnsafeMutableRawPointer>(for: PagePool.purpose)  // of each page
  private var users = GrowingList<Int>(for: PagePool.purpose)  // of each page
  /// Pages without users; the last is taken first, since its memory is the likeliest to be in use already. There is
  /// always room for all pages
  private var free = GrowingList<Page>(for: PagePool.purpose)
  /// Pages that have had a user at some time: only those take memory, for the system gives it at the first write
  private var touched = 0

  private static let purpose = "the key/value cache"
  /// Pages of the first slab, at least.
  private static let fewestPages = 8

  package init(layout: KeyValueLayout, kind: Int = 0) {
    self.layout = layout
    self.kind = kind
  }

  /// Bytes of a page.
  package var bytesOfPage: Int { layout.pages[kind].bytes }

  /// The number of pages, in use or not.
  package var count: Int { bases.count }

  /// Bytes of the pages that have been in use, and of the lists that count them.
  package var bytes: Int { pageBytes + bases.bytes + users.bytes + free.bytes }

  /// Bytes of the pages that have been in use.
  package var pageBytes: Int { touched * bytesOfPage }

  /// Makes sure that `count` pages can be taken without asking the system for memory. A failure changes nothing.
  package func reserve(_ count: Int) throws(Failure) {
    guard free.count < count else { return }
    // Slabs at least double, so that a growing cache asks seldom; memory that is not written to costs nothing.
    let first = bases.count
    let pages = max(count - free.count, first, PagePool.fewestPages)
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: bytesOfPage)
    guard !overflow, pages < Int(Page.max) - first else { throw .outOfMemory(Int.max, for: PagePool.purpose) }
    try bases.reserve(pages)
    try users.reserve(pages)
    try free.reserve(first + pages - free.count)
    let slab = try AlignedBuffer(bytes: bytes, for: PagePool.purpose)
    slabs.append(slab)
    users.resize(to: first + pages, filling: 0)
    bases.resize(to: first + pages, filling: slab.base)
    for index in 0..<pages { bases[first + index] = slab.base + index * bytesOfPage }
    putUnderneath(first..<first + pages)
  }

  /// Adds new pages to the free ones, to be taken after those that are there.
  private func putUnderneath(_ pages: Range<Int>) {
    let before = free.count
    free.resize(to: before + pages.count, filling: 0)
    for index in stride(from: before - 1, through: 0, by: -1) { free[index + pages.count] = free[index] }
    for (index, page) in pages.reversed().enumerated() { free[index] = Page(page) }
  }

  /// A page with one user. `reserve` has been called.
  package func take() -> Page {
    let page = free.removeLast()
    users[Int(page)] = 1
    touched = max(touched, Int(page) + 1)
    return page
  }

  package func retain(_ page: Page) { users[Int(page)] += 1 }

  package func release(_ page: Page) {
    users[Int(page)] -= 1
    guard users[Int(page)] == 0 else { return }
    free.resize(to: free.count + 1, filling: page)
  }

  /// Whether more than one sequence reads this page, so that none may write to it.
  package func isShared(_ page: Page) -> Bool { users[Int(page)] > 1 }

  package func base(_ page: Page) -> UnsafeMutableRawPointer { bases[Int(page)] }

  /// Copies the first `tokens` positions of a page to another. Any thread may, while nobody writes to either.
  package func copy(_ tokens: Int, from: Page, to: Page) {
    copy(tokens, from: base(from), to: base(to), wholeLines: true)
  }

  /// Copies the first `tokens` positions from the memory of one page to that of another, wherever these are; with
  /// `wholeLines` also what stands in the same lines of memory, where that takes less time.
  package func copy(
    _ tokens: Int, from: UnsafeRawPointer, to: UnsafeMutableRawPointer, wholeLines: Bool = false
  ) {
    for layer in layout.layers where layer.kind == kind {
      let first = layer.offset * MemoryLayout<UInt32>.size
      if layer.states > 0 {
        memcpy(to + first, from + first, min(tokens, layer.states) * layer.headDim * MemoryLayout<Float>.size)
        continue
      }
      let stride = KeyValuePage.headUnits(layer.headDim, layout.type)
      for head in 0..<layer.heads {
        let keys = (layer.offset + head * stride) * MemoryLayout<UInt32>.size,
          values = (layer.offset + (layer.heads + head) * stride) * MemoryLayout<UInt32>.size
        if wholeLines, !layout.type.isQuantized {
          copyLines(tokens, KeyValueLayout.keyRows(layer.headDim, layout.type), from + keys, to + keys)
        } else {
          copyHead(tokens, layer.headDim, from + keys, to + keys, isKeys: true)
        }
        copyHead(tokens, layer.headDim, from + values, to + values, isKeys: false)
      }
    }
  }

  /// Copies the first 16 or all 32 positions of a panel of `rows` rows of keys, as `tokens` of them are in use.
  private func copyLines(_ tokens: Int, _ rows: Int, _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer) {
    typealias Line = SIMD16<UInt32>
    let stride = KeyValuePage.tokens * MemoryLayout<UInt32>.size
    guard tokens <= Line.scalarCount else { return _ = memcpy(to, from, rows * stride) }
    for row in 0..<rows {
      to.storeBytes(
        of: from.loadUnaligned(fromByteOffset: row * stride, as: Line.self), toByteOffset: row * stride, as: Line.self)
    }
  }

  /// Copies the first `tokens` positions of the keys or the values of one head.
  private func copyHead(
    _ tokens: Int, _ headDim: Int, _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, isKeys: Bool
  ) {
    let unit = MemoryLayout<UInt32>.size
    switch layout.type {
    case .float32, .bfloat16:
      let isBFloat16 = layout.type == .bfloat16
      guard isKeys else { return _ = memcpy(to, from, (isBFloat16 ? (tokens + 1) / 2 : tokens) * headDim * unit) }
      for row in 0..<KeyValueLayout.keyRows(headDim, layout.type) {
        let place = row * KeyValuePage.tokens * unit
        memcpy(to + place, from + place, tokens * unit)
      }
    case .int8, .int4:
      let isInt4 = layout.type == .int4, scales = KeyValuePage.scaleUnits * unit
      memcpy(to, from, tokens * unit)
      guard isKeys else {
        return _ = memcpy(to + scales, from + scales, tokens * KeyValuePage.valueRow(headDim, isInt4: isInt4) * unit)
      }
      for row in 0..<headDim {
        let place = scales + row * KeyValuePage.keyRow(isInt4: isInt4) * unit
        if isInt4 { copyHalves(tokens, from + place, to + place) } else { memcpy(to + place, from + place, tokens) }
      }
    }
  }

  /// Copies the first `tokens` of 32 halves of bytes: sixteen low ones, then sixteen high ones. Halves beyond become 0.
  private func copyHalves(_ tokens: Int, _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer) {
    for byte in 0..<min(tokens, 16) {
      let both = from.load(fromByteOffset: byte, as: UInt8.self)
      to.storeBytes(of: byte + 16 < tokens ? both : both & 0x0f, toByteOffset: byte, as: UInt8.self)
    }
  }
}
