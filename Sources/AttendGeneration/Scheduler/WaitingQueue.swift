/// The requests that wait, the most urgent first: a pairing heap (Fredman et al. 1986) through the tickets themselves,
/// so that to submit one takes no memory. Of equally urgent ones any comes first.
struct WaitingQueue {
  private var root: Ticket?
  private(set) var count = 0

  /// The most urgent ticket.
  var first: Ticket? { root }

  /// Takes the tickets out that `isUnwanted`.
  mutating func removeAll(where isUnwanted: (Ticket) -> Bool) {
    var kept = WaitingQueue()
    while let ticket = removeFirst() { if !isUnwanted(ticket) { kept.insert(ticket) } }
    self = kept
  }

  mutating func insert(_ ticket: Ticket) {
    count += 1
    root = root.map { WaitingQueue.join($0, ticket) } ?? ticket
  }

  /// Takes the most urgent ticket out.
  mutating func removeFirst() -> Ticket? {
    guard let first = root else { return nil }
    count -= 1
    // Two by two from the left, then all from the right.
    var next = first.child
    first.child = nil
    var pairs: Ticket?
    while let one = next {
      let other = one.sibling
      next = other?.sibling
      one.sibling = nil
      other?.sibling = nil
      let pair = other.map { WaitingQueue.join(one, $0) } ?? one
      pair.sibling = pairs
      pairs = pair
    }
    root = nil
    while let pair = pairs {
      pairs = pair.sibling
      pair.sibling = nil
      root = root.map { WaitingQueue.join($0, pair) } ?? pair
    }
    return first
  }

  /// Two heaps made one.
  private static func join(_ one: Ticket, _ other: Ticket) -> Ticket {
    let (parent, child) = one.urgency <= other.urgency ? (one, other) : (other, one)
    child.sibling = parent.child
    parent.child = child
    return parent
  }
}
