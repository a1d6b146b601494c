import Glibc

/// An array whose length is known when it is made and whose memory may fail: for as many elements as a file, a text or
/// a count asks for, where elements hold references and `GrowingList` cannot keep them. It never grows. Public as
/// `GrowingList` is.
public final class FixedArray<Element>: RandomAccessCollection {
  @usableFromInline let base: UnsafeMutablePointer<Element>
  public let count: Int

  /// Makes element 0, then element 1, and so on; `purpose` is named where the system gives no memory. A failure of
  /// `element` leaves nothing behind.
  package init(
    _ count: Int, for purpose: @autoclosure () -> String, _ element: (Int) throws(Failure) -> Element
  ) throws(Failure) {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflow, let memory = malloc(Swift.max(bytes, 1)) else {
      throw .outOfMemory(overflow ? Int.max : bytes, for: purpose())
    }
    let base = memory.assumingMemoryBound(to: Element.self)
    for index in 0..<count {
      do throws(Failure) { (base + index).initialize(to: try element(index)) } catch {
        base.deinitialize(count: index)
        free(memory)
        throw error
      }
    }
    (self.base, self.count) = (base, count)
  }

  /// Without elements.
  package convenience init(noneFor purpose: @autoclosure () -> String) throws(Failure) {
    try self.init(0, for: purpose()) { (_) throws(Failure) in throw Failure(.internalError, "an element of none") }
  }

  deinit {
    base.deinitialize(count: count)
    free(base)
  }

  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { count }

  /// An element where it lies: a look at one part of a large element copies nothing else.
  @inlinable public subscript(index: Int) -> Element {
    unsafeAddress {
      precondition(index >= 0 && index < count)
      return UnsafePointer(base + index)
    }
  }

  /// Calls `body` with the elements in memory.
  package func withUnsafeBufferPointer<Result>(_ body: (UnsafeBufferPointer<Element>) -> Result) -> Result {
    defer { withExtendedLifetime(self) {} }
    return body(UnsafeBufferPointer(start: base, count: count))
  }

  /// Gives one element after another, without the memory that a collection's own iterator takes for large ones.
  public struct Iterator: IteratorProtocol {
    @usableFromInline let array: FixedArray
    @usableFromInline var place = 0

    @usableFromInline init(_ array: FixedArray) { self.array = array }

    @inlinable public mutating func next() -> Element? {
      guard place < array.count else { return nil }
      defer { place += 1 }
      return array[place]
    }
  }

  @inlinable public func makeIterator() -> Iterator { Iterator(self) }

  /// Puts the elements in order, in place: the library's own sort asks for memory, and cannot say that there was none.
  /// Heapsort (Williams 1964); equal elements come in any order. Nobody else may read meanwhile.
  package func sort(by precedes: (Element, Element) -> Bool) {
    guard count > 1 else { return }
    for root in stride(from: count / 2 - 1, through: 0, by: -1) { sink(root, below: count, precedes) }
    for end in stride(from: count - 1, to: 0, by: -1) {
      swap(0, end)
      sink(0, below: end, precedes)
    }
  }

  /// Moves an element down the heap `[0, limit)` until none of its children comes after it.
  private func sink(_ start: Int, below limit: Int, _ precedes: (Element, Element) -> Bool) {
    var parent = start
    while 2 * parent + 1 < limit {
      var child = 2 * parent + 1
      if child + 1 < limit, precedes(base[child], base[child + 1]) { child += 1 }
      guard precedes(base[parent], base[child]) else { return }
      swap(parent, child)
      parent = child
    }
  }

  private func swap(_ one: Int, _ other: Int) {
    let held = (base + one).move()
    (base + one).moveInitialize(from: base + other, count: 1)
    (base + other).initialize(to: held)
  }

  /// The first index, in an array that is in order, whose element does not come before what is sought.
  package func partition(where precedes: (Element) -> Bool) -> Int {
    UnsafeMutableBufferPointer(start: base, count: count).partition(where: precedes)
  }
}

extension UnsafeMutableBufferPointer {
  /// The first index, in memory that is in order, whose element does not come before what is sought.
  @inlinable public func partition(where precedes: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = low + (high - low) / 2
      if precedes(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension FixedArray: @unchecked Sendable where Element: Sendable {}
