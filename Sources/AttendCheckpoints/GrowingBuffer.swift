// Memory for what a parser finds, in an amount that is known only afterwards.
import AttendBase
import Glibc

/// Plain values one after another, in memory that doubles when it is full and whose failure is an error.
struct GrowingBuffer<Element: BitwiseCopyable>: ~Copyable {
  private(set) var base: UnsafeMutablePointer<Element>
  private(set) var count = 0
  private var capacity: Int
  private let purpose: String

  init(capacity: Int, for purpose: String) throws(Failure) {
    let bytes = max(capacity, 1) * MemoryLayout<Element>.stride
    guard let memory = malloc(bytes) else { throw .outOfMemory(bytes, for: purpose) }
    self.base = memory.assumingMemoryBound(to: Element.self)
    self.capacity = max(capacity, 1)
    self.purpose = purpose
  }

  deinit { free(base) }

  subscript(index: Int) -> Element {
    get { base[index] }
    nonmutating set { base[index] = newValue }
  }

  @inline(__always) mutating func append(_ element: Element) throws(Failure) {
    if count == capacity { try grow(to: count + 1) }
    base[count] = element
    count += 1
  }

  @inline(__always) mutating func append(_ elements: UnsafeBufferPointer<Element>) throws(Failure) {
    guard let source = elements.baseAddress, elements.count > 0 else { return }
    if elements.count > capacity - count { try grow(to: count + elements.count) }
    (base + count).update(from: source, count: elements.count)
    count += elements.count
  }

  /// Forgets all elements but the first `count`, of which there are at least so many.
  mutating func truncate(to count: Int) { self.count = count }

  /// Gives back the memory that is not used.
  mutating func trim() {
    guard let memory = realloc(base, max(count, 1) * MemoryLayout<Element>.stride) else { return }
    base = memory.assumingMemoryBound(to: Element.self)
    capacity = max(count, 1)
  }

  private mutating func grow(to least: Int) throws(Failure) {
    let wanted = max(least, 2 * capacity)
    let (bytes, overflow) = wanted.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflow, let memory = realloc(base, bytes) else {
      throw .outOfMemory(overflow ? Int.max : bytes, for: purpose)
    }
    base = memory.assumingMemoryBound(to: Element.self)
    capacity = wanted
  }
}
