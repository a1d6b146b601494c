import AttendBase
import AttendDispatch
import AttendKernelInterface
import Glibc

/// The memory of the key/value caches of one session: pages of one size, counted by their users, used again when nobody
/// needs them.
///
/// Pages do not move and are not cleared. One thread at a time.
package final class PagePool {
  package typealias Page = Int32

  package let layout: KeyValueLayout
  private var slabs: [AlignedBuffer] = []
  private var bases: [UnsafeMutableRawPointer] = []  // of each page
  private var users: [Int32] = []  // of each page
  /// Pages without users; the last is taken first, since its memory is the likeliest to be in use already
  private var free: [Page] = []
  /// Pages that have had a user at some time: only those take memory, for the system gives it at the first write
  private var touched = 0

  package init(layout: KeyValueLayout) { self.layout = layout }

  /// Bytes of the pages that have been in use.
  package var bytes: Int { touched * layout.pageBytes }

  /// Makes sure that `count` pages can be taken without asking the system for memory.
  package func reserve(_ count: Int) throws(Failure) {
    guard free.count < count else { return }
    // Slabs at least double, so that a growing cache asks seldom; memory that is not written to costs nothing.
    let pages = max(count - free.count, bases.count, 8)
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: layout.pageBytes)
    guard !overflow, bases.count + pages < Int(Page.max) else {
      throw .outOfMemory(Int.max, for: "the key/value cache")
    }
    let slab = try AlignedBuffer(bytes: bytes, for: "the key/value cache")
    slabs.append(slab)
    let first = bases.count
    for index in 0..<pages {
      bases.append(slab.base + index * layout.pageBytes)
      users.append(0)
    }
    free.reserveCapacity(bases.count)
    free.insert(contentsOf: (first..<first + pages).reversed().map { Page($0) }, at: 0)
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
    if users[Int(page)] == 0 { free.append(page) }
  }

  /// Whether more than one sequence reads this page, so that none may write to it.
  package func isShared(_ page: Page) -> Bool { users[Int(page)] > 1 }

  package func base(_ page: Page) -> UnsafeMutableRawPointer { bases[Int(page)] }

  /// Copies the first `tokens` positions of a page to another.
  package func copy(_ tokens: Int, from: Page, to: Page) {
    let source = base(from).assumingMemoryBound(to: UInt32.self)
    let target = base(to).assumingMemoryBound(to: UInt32.self)
    /// Rows of KeyValuePage.tokens units, of which the first `tokens` are in use
    let keys = layout.heads * layout.keyRows
    let headStride = layout.headStride
    let valueRows = layout.isBFloat16 ? (tokens + 1) / 2 : tokens
    for layer in 0..<layout.layers {
      let first = layer * 2 * layout.heads * headStride
      for row in 0..<keys {
        let place = first + row * KeyValuePage.tokens
        memcpy(target + place, source + place, tokens * MemoryLayout<UInt32>.size)
      }
      for head in 0..<layout.heads {
        let place = first + (layout.heads + head) * headStride
        memcpy(target + place, source + place, valueRows * layout.headDim * MemoryLayout<UInt32>.size)
      }
    }
  }
}
