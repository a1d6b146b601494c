/// A list that grows by allocations that may fail and say so: for what is as long as a text, a file or a count asks.
/// Elements hold no references. Growth doubles.
package struct GrowingList<Element: BitwiseCopyable>: ~Copyable {
  private var memory: AlignedBuffer?
  private let purpose: String
  package private(set) var count = 0
  private var capacity = 0

  /// `purpose` is named where the system gives no memory.
  package init(for purpose: String) { self.purpose = purpose }

  package var isEmpty: Bool { count == 0 }

  /// Bytes held at this moment.
  package var bytes: Int { memory?.bytes ?? 0 }

  /// The elements, until the list changes or is gone.
  package var elements: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: memory?.pointer(), count: count)
  }

  /// The memory from the first element on, with the room behind the last. There is some: `reserve` has been called.
  package var storage: UnsafeMutablePointer<Element> { memory!.pointer() }

  package subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count)
      return memory!.pointer(to: Element.self)[index]
    }
    set {
      precondition(index >= 0 && index < count)
      memory!.pointer(to: Element.self)[index] = newValue
    }
  }

  /// Makes room for `extra` more elements. Throws `outOfMemory`, and leaves the list as it was.
  package mutating func reserve(_ extra: Int) throws(Failure) {
    let (wanted, overflow) = count.addingReportingOverflow(extra)
    guard !overflow else { throw .outOfMemory(Int.max, for: purpose) }
    guard wanted > capacity else { return }
    let grown = max(wanted, capacity <= Int.max / 2 ? capacity * 2 : wanted, 16)
    let larger = try AlignedBuffer(grown, of: Element.self, for: purpose)
    if let memory { larger.pointer(to: Element.self).update(from: memory.pointer(), count: count) }
    (memory, capacity) = (larger, grown)
  }

  @inline(__always) package mutating func append(_ element: Element) throws(Failure) {
    if count == capacity { try reserve(1) }
    memory.unsafelyUnwrapped.pointer(to: Element.self)[count] = element
    count += 1
  }

  /// Puts an element before the one at `index`, or at the end.
  package mutating func insert(_ element: Element, at index: Int) throws(Failure) {
    precondition(index >= 0 && index <= count)
    try append(element)
    let all = elements
    for place in stride(from: count - 1, to: index, by: -1) { all[place] = all[place - 1] }
    all[index] = element
  }

  /// Makes the list `length` elements long; those that it did not have are `value`. There is room for them: `reserve`
  /// has been called.
  package mutating func resize(to length: Int, filling value: Element) {
    precondition(length >= 0 && length <= capacity)
    let before = count
    count = length
    if length > before { elements[before...].update(repeating: value) }
  }

  /// Takes the last element away.
  package mutating func removeLast() -> Element {
    defer { count -= 1 }
    return self[count - 1]
  }

  /// Forgets all elements and keeps the memory.
  package mutating func removeAll() { count = 0 }
}
