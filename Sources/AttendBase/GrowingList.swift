/// A list that grows by allocations that may fail and say so: for what is as long as a text, a file or a count asks.
/// Elements hold no references. Growth doubles.
///
/// Its loops are compiled into their callers in every room: an append costs what one to an array does. That is why it
/// is public, for the compiler carries no other bodies from room to room; outside the package nobody sees the rooms.
public struct GrowingList<Element: BitwiseCopyable>: ~Copyable {
  @usableFromInline package var memory: AlignedBuffer?
  /// The first element, where there is room for any.
  @usableFromInline package var start: UnsafeMutablePointer<Element>?
  @usableFromInline package var capacity = 0
  @usableFromInline package var length = 0
  @usableFromInline let purpose: String

  /// `purpose` is named where the system gives no memory.
  @inlinable public init(for purpose: String) { self.purpose = purpose }

  @inlinable public var count: Int { length }
  @inlinable public var isEmpty: Bool { length == 0 }

  /// Bytes held at this moment.
  package var bytes: Int { memory?.bytes ?? 0 }

  /// The elements, until the list changes or is gone.
  @inlinable public var elements: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: start, count: length)
  }

  /// The memory from the first element on, with the room behind the last. There is some: `reserve` has been called.
  @inlinable public var storage: UnsafeMutablePointer<Element> { start! }

  @inlinable public subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < length)
      return start.unsafelyUnwrapped[index]
    }
    set {
      precondition(index >= 0 && index < length)
      start.unsafelyUnwrapped[index] = newValue
    }
  }

  /// Makes room for `extra` more elements. Throws `outOfMemory`, and leaves the list as it was.
  @inlinable public mutating func reserve(_ extra: Int) throws(Failure) {
    let (wanted, overflow) = length.addingReportingOverflow(extra)
    guard !overflow else { throw .outOfMemory(Int.max, for: purpose) }
    if wanted > capacity { try grow(to: wanted) }
  }

  @usableFromInline package mutating func grow(to wanted: Int) throws(Failure) {
    let grown = max(wanted, capacity <= Int.max / 2 ? capacity * 2 : wanted, 16)
    let larger = try AlignedBuffer(grown, of: Element.self, for: purpose)
    let first = larger.pointer(to: Element.self)
    if let start { first.update(from: start, count: length) }
    (memory, start, capacity) = (larger, first, grown)
  }

  @inlinable @inline(__always) public mutating func append(_ element: Element) throws(Failure) {
    if length == capacity { try reserve(1) }
    start.unsafelyUnwrapped[length] = element
    length += 1
  }

  /// Appends a copy of elements that are not the list's own.
  @inlinable public mutating func append(contentsOf others: UnsafeBufferPointer<Element>) throws(Failure) {
    guard let first = others.baseAddress, !others.isEmpty else { return }
    try reserve(others.count)
    storage.advanced(by: length).update(from: first, count: others.count)
    length += others.count
  }

  /// Puts an element before the one at `index`, or at the end.
  @inlinable public mutating func insert(_ element: Element, at index: Int) throws(Failure) {
    precondition(index >= 0 && index <= count)
    try append(element)
    let all = elements
    for place in stride(from: count - 1, to: index, by: -1) { all[place] = all[place - 1] }
    all[index] = element
  }

  /// Makes the list `count` elements long; those that it did not have are `value`. There is room for them: `reserve`
  /// has been called.
  @inlinable public mutating func resize(to count: Int, filling value: Element) {
    precondition(count >= 0 && count <= capacity)
    let before = length
    length = count
    if count > before { elements[before...].update(repeating: value) }
  }

  /// Takes the last element away.
  @inlinable public mutating func removeLast() -> Element {
    precondition(length > 0)
    length -= 1
    return start.unsafelyUnwrapped[length]
  }

  /// Puts the elements in order by merging (von Neumann 1945): equal elements keep theirs. Asks for as much memory
  /// again, and leaves the list as it was where there is none.
  @inlinable public mutating func sort(by precedes: (Element, Element) -> Bool) throws(Failure) {
    guard count > 1 else { return }
    var scratch = GrowingList(for: purpose)
    try scratch.reserve(count)
    var (from, to) = (storage, scratch.storage)
    var width = 1
    while width < count {
      var start = 0
      while start < count {
        let middle = min(start + width, count), end = min(middle + width, count)
        var (left, right) = (start, middle)
        for place in start..<end {
          let takesRight = left == middle || right < end && precedes(from[right], from[left])
          to[place] = from[takesRight ? right : left]
          if takesRight { right += 1 } else { left += 1 }
        }
        start = end
      }
      swap(&from, &to)
      width *= 2
    }
    if from != storage { storage.update(from: from, count: count) }
  }

  /// Gives back the memory that is not used, where there is enough to make a shorter copy.
  package mutating func trim() {
    guard length < capacity, let start,
      let smaller = try? AlignedBuffer(length, of: Element.self, for: purpose)
    else { return }
    let first = smaller.pointer(to: Element.self)
    first.update(from: start, count: length)
    (memory, self.start, capacity) = (smaller, first, length)
  }

  /// Forgets the elements from `count` on, all if it is not given, and keeps the memory.
  @inlinable public mutating func removeAll(from count: Int = 0) {
    precondition(count >= 0 && count <= length)
    length = count
  }
}
