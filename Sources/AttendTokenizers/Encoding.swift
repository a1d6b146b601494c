import AttendBase
import Synchronization

/// The place of a token in the source text: in bytes, and in Unicode scalars (where bytes that are not UTF-8 count as
/// the U+FFFD they become). Two equal numbers for a token that the template added.
package struct TokenOffsets: Equatable, Sendable, BitwiseCopyable {
  package var byteStart: Int32 = 0
  package var byteEnd: Int32 = 0
  package var scalarStart: Int32 = 0
  package var scalarEnd: Int32 = 0
}

extension TokenOffsets {
  /// The place of a token that stands for nothing.
  package static var none: TokenOffsets { TokenOffsets() }
}

/// A tokenized text, or pair of texts, as a model reads it. Every column has one entry a token. Immutable: any number
/// of threads may read it at once.
package final class Encoding: Sendable {
  /// The columns, which lie one behind another in one allocation.
  package let ids: EncodingColumn<Int32>
  package let offsets: EncodingColumn<TokenOffsets>
  /// The segment, as BERT numbers them.
  package let typeIDs: EncodingColumn<Int32>
  /// The text that a token comes from, 0 or 1; -1: the template added it.
  package let sequenceIDs: EncodingColumn<Int32>
  /// 1 for the tokens that the template added, otherwise 0.
  package let special: EncodingColumn<UInt8>
  /// The source of the windows that truncation cut off; nil where there are none.
  private let source: EncodingSource?
  private let windows: Mutex<EncodingWindows>

  package var count: Int { ids.count }

  /// Makes an encoding with room for `count` tokens, which `write` fills.
  init(count: Int, source: EncodingSource?, _ write: (EncodingWriter) -> Void) throws(Failure) {
    let rowBytes = 3 * MemoryLayout<Int32>.stride + MemoryLayout<TokenOffsets>.stride + 1
    let (bytes, overflow) = count.multipliedReportingOverflow(by: rowBytes)
    guard !overflow else { throw .outOfMemory(Int.max, for: "an encoding") }
    let memory = try AlignedBuffer(bytes: bytes, for: "an encoding")
    offsets = EncodingColumn(memory, at: memory.base, count)
    ids = EncodingColumn(memory, at: offsets.end, count)
    typeIDs = EncodingColumn(memory, at: ids.end, count)
    sequenceIDs = EncodingColumn(memory, at: typeIDs.end, count)
    special = EncodingColumn(memory, at: sequenceIDs.end, count)
    self.source = source
    windows = Mutex(EncodingWindows())
    write(EncodingWriter(self))
  }

  /// The number of further windows of the truncation, in the order of Hugging Face's tokenizers.
  package var overflowCount: Int { source?.overflowCount ?? 0 }

  /// Window `index` of those that truncation cut off: made when first asked for, as most callers never do, and then
  /// kept as long as this encoding.
  package func overflow(_ index: Int) throws(Failure) -> Encoding {
    guard let source, index >= 0, index < source.overflowCount else {
      throw Failure(.invalidArgument, "there is no window \(index): truncation cut off \(overflowCount)")
    }
    return try windows.withLock { (windows) throws(Failure) in
      try windows.window(index) { () throws(Failure) in try source.overflow(index) }
    }
  }
}

/// A column of an encoding, which keeps the memory it lies in.
package struct EncodingColumn<Element: BitwiseCopyable>: RandomAccessCollection, @unchecked Sendable {
  private let memory: AlignedBuffer
  fileprivate let start: UnsafeMutablePointer<Element>
  package let count: Int

  fileprivate init(_ memory: AlignedBuffer, at start: UnsafeMutableRawPointer, _ count: Int) {
    self.memory = memory
    self.start = start.assumingMemoryBound(to: Element.self)
    self.count = count
  }

  fileprivate var end: UnsafeMutableRawPointer { UnsafeMutableRawPointer(start + count) }

  /// The first entry, at an address that stays as long as the encoding.
  package var address: UnsafePointer<Element> { UnsafePointer(start) }

  /// All entries, as long as the encoding lives.
  package var buffer: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: start, count: count) }

  package var startIndex: Int { 0 }
  package var endIndex: Int { count }
  package subscript(index: Int) -> Element {
    precondition(index >= 0 && index < count)
    return start[index]
  }
}

/// Fills the columns of a new encoding from the first token to the last.
struct EncodingWriter {
  private let encoding: Encoding
  private(set) var position = 0

  fileprivate init(_ encoding: Encoding) { self.encoding = encoding }

  mutating func append(id: Int32, _ offsets: TokenOffsets, type: Int32, sequence: Int32) {
    precondition(position < encoding.count)
    encoding.ids.start[position] = id
    encoding.offsets.start[position] = offsets
    encoding.typeIDs.start[position] = type
    encoding.sequenceIDs.start[position] = sequence
    encoding.special.start[position] = sequence < 0 ? 1 : 0
    position += 1
  }
}

/// The windows of an encoding that were asked for, by their index.
private struct EncodingWindows: ~Copyable {
  private struct Entry {
    let index: Int
    let window: Unmanaged<Encoding>
  }

  private var entries = GrowingList<Entry>(for: "the windows of an encoding")

  deinit { for entry in entries.elements { entry.window.release() } }

  mutating func window(_ index: Int, _ make: () throws(Failure) -> Encoding) throws(Failure) -> Encoding {
    let place = entries.elements.partition { $0.index < index }
    if place < entries.count, entries[place].index == index { return entries[place].window.takeUnretainedValue() }
    try entries.reserve(1)
    let window = try make()
    try entries.insert(Entry(index: index, window: .passRetained(window)), at: place)
    return window
  }
}
