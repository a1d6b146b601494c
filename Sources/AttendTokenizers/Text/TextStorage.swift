import AttendBase

/// Bytes of a text, or what goes with them, that change no more: any number of copies of a text share them. Their
/// memory is asked for where a refusal can be reported.
package final class TextStorage<Element: BitwiseCopyable>: RandomAccessCollection, @unchecked Sendable {
  private let list: GrowingList<Element>

  init(_ list: consuming GrowingList<Element>) { self.list = list }

  /// Nothing.
  init() { list = GrowingList(for: "a text") }

  init(copying elements: UnsafeBufferPointer<Element>) throws(Failure) {
    var list = GrowingList<Element>(for: "a text")
    try list.append(contentsOf: elements)
    self.list = list
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { list.count }
  package subscript(index: Int) -> Element { list[index] }

  /// For loops: the elements in memory.
  @inline(__always) package func withUnsafeBufferPointer<Result, Refusal: Error>(
    _ body: (UnsafeBufferPointer<Element>) throws(Refusal) -> Result
  ) throws(Refusal) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeBufferPointer(list.elements))
  }
}
