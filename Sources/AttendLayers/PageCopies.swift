import AttendBase
import AttendDispatch

/// The copies of pages that sequences come to write to while others read them. They are gathered first, and then made
/// by all threads: the beams of a search part in every step.
final class PageCopies: SharedWork {
  private struct Copy: BitwiseCopyable {
    let tokens: Int  // positions written
    let from: PagePool.Page
    let to: PagePool.Page
  }

  private let pool: PagePool
  private var copies = GrowingList<Copy>(for: "the lists of the live sequences")
  private var parts = 1

  init(of pool: PagePool) { self.pool = pool }

  /// Makes room for `count` further copies.
  func reserve(_ count: Int) throws(Failure) { try copies.reserve(count) }

  /// Gathers the copy of the first `tokens` positions of a page, for which there is room.
  func add(_ tokens: Int, from: PagePool.Page, to: PagePool.Page) {
    copies.resize(to: copies.count + 1, filling: Copy(tokens: tokens, from: from, to: to))
  }

  /// Makes the copies on the threads of an engine; nil: on the caller's.
  func make(on engine: Engine?) {
    guard !copies.isEmpty else { return }
    parts = min(engine?.threads ?? 1, copies.count)
    if let engine { engine.share(self, parts: parts) } else { run(0) }
    copies.removeAll()
  }

  func run(_ part: Int) {
    for index in stride(from: part, to: copies.count, by: parts) {
      let copy = copies[index]
      pool.copy(copy.tokens, from: copy.from, to: copy.to)
    }
  }

  /// Bytes held.
  var bytes: Int { copies.bytes }
}
